"""Random configurations, of both estimators, for a search."""

from __future__ import annotations

from typing import Any

from sklearn.model_selection import ParameterSampler

from sk_mixup import search_space


def random_configs(number: int = 200, seed: int = 1234) -> list[dict[str, Any]]:
    """Draw configurations from what `sk_mixup.search_space` says of both estimators.

    Encodings that are objects are left out: YAML can write plain values only.

    Parameters
    ----------
    number : int, default=200
        Number of configurations; a longer list begins with a shorter one.
    seed : int, default=1234
        Seed of the draws.

    Returns
    -------
    list of dict
        Parameters of `sk_mixup.MixupClassifier` and `sk_mixup.MixupRegressor`.
    """
    space = search_space()
    space["encoding"] = [each for each in space["encoding"] if _is_plain(each)]
    drawn = ParameterSampler(space, number, random_state=seed)
    return [{name: _plain(value) for name, value in each.items()} for each in drawn]


def _is_plain(encoding: Any) -> bool:
    parts = encoding if isinstance(encoding, tuple) else (encoding,)
    return all(isinstance(part, str) for part in parts)


def _plain(value: Any) -> Any:
    """Make of tuples lists, and of numpy's numbers Python's."""
    if isinstance(value, tuple):
        return list(value)
    return value.item() if hasattr(value, "item") else value

"""Random configurations, of both estimators, for a search."""

from __future__ import annotations

from typing import Any

import numpy as np


def random_configs(number: int = 200, seed: int = 1234) -> list[dict[str, Any]]:
    """Draw configurations, each of parameters that both estimators have.

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
    rng = np.random.default_rng(seed)
    return [_draw(rng) for _ in range(number)]


def _draw(rng: np.random.Generator) -> dict[str, Any]:
    """Draw one configuration, in plain values that YAML can write."""
    alpha = (0.0, 0.1, 0.2, 0.4, 1.0)
    width = (64, 128, 256, 512)
    encodings = ("standardized", "bins", ["bins", "standardized"])
    return {
        "alpha": _choice(rng, alpha),
        "weights_per": _choice(rng, ("batch", "example")),
        "mix_features": _choice(rng, ("interpolate", "interpolate", "swap_categories")),
        "clean_epochs": _choice(rng, ("auto", 0.25, 0.75)),
        "hidden_layer_sizes": [_choice(rng, width)] * int(rng.integers(1, 4)),
        "dropout": _choice(rng, (0.0, 0.1, 0.2, 0.3, 0.4)),
        "encoding": _choice(rng, encodings),
        "lr": float(np.exp(rng.uniform(np.log(5e-4), np.log(1e-2)))),
        "lr_schedule": _choice(rng, ("constant", "cosine")),
        "weight_decay": _choice(rng, (0.0, 1e-5, 1e-4, 1e-3)),
        "batch_size": _choice(rng, (32, 64, 128, 256)),
        "max_epochs": _choice(rng, (100, 200)),
        "n_iter_no_change": _choice(rng, (20, 40)),
    }


def _choice(rng: np.random.Generator, values: tuple[Any, ...]) -> Any:
    return values[rng.integers(len(values))]

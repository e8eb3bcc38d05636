"""Checks of the parameters that say what becomes of the targets."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

from sk_mixup._training.settings import Settings


def check_class_weight(settings: Settings) -> None:
    """Check that the weights of classes are finite and not negative."""
    given = getattr(settings, "class_weight", None)
    weights: Collection[Any] = given.values() if isinstance(given, dict) else ()
    if not all(map(_is_weight, weights)):
        raise ValueError(
            "class_weight must hold finite numbers and no negative weights, got "
            f"{given}."
        )


def _is_weight(number: Any) -> bool:
    real = isinstance(number, Real)
    return real and bool(0 <= number <= sys.float_info.max)


def check_pairs(settings: Settings) -> None:
    """Check that two rows are mixed where labels or weights go by a rule for two."""
    if settings.n_mixed == 2:
        return
    if vars(settings).get("mix_target") == "remix":
        raise ValueError(
            "mix_target='remix' is a rule for two rows (arXiv 2007.03943), but "
            f"n_mixed={settings.n_mixed}: use n_mixed=2 or mix_target='interpolate'."
        )
    if settings.warping is not None:
        raise ValueError(
            f"warping={settings.warping} goes by the distance of two rows (arXiv "
            f"2311.01434), but n_mixed={settings.n_mixed}: use n_mixed=2 or "
            "warping=None."
        )


def check_quantiles(settings: Settings) -> None:
    """Check that a quantile loss has quantiles, in ascending order."""
    quantiles = settings.quantiles
    if quantiles is None:
        return
    numbers = quantiles and all(isinstance(each, Real) for each in quantiles)
    if not (numbers and _ascend(quantiles)):
        raise ValueError(
            "loss='quantile' needs quantile, a number between 0 and 1 or several in "
            "ascending order, as in quantile=(0.1, 0.5, 0.9), got "
            f"{settings.quantile!r}."
        )


def _ascend(quantiles: Sequence[float]) -> bool:
    return all(one < other for one, other in pairwise((0.0, *quantiles, 1.0)))

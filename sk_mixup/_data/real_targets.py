"""Real targets: checked, and brought to a scale that networks learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sk_mixup._data.columns import check_quantities, missing
from sk_mixup._data.moments import Moments
from sk_mixup._data.statistics import target_moments
from sk_mixup._data.targets import RealTargets, ScaledTargets, Weights
from sk_mixup._sklearn import _check_y

TOO_LARGE = "Input y contains infinity or a value too large for dtype('float64')."


def checked_targets(y: Any, estimator: Any) -> NDArray[Any]:
    """Return real targets as an array of the form that they were given in."""
    who = type(estimator).__name__
    if y is None:
        raise ValueError(f"{who} requires y to be passed, but the target y is None.")
    if sparse.issparse(y):
        raise ValueError(f"{who} needs a dense y; use y.toarray().")
    check_quantities(y, "y", who)
    if np.asarray(pd.isna(y), dtype=bool).any():
        raise ValueError(missing("y", [], who))
    try:
        checked: NDArray[Any] = _check_y(
            y, multi_output=True, y_numeric=True, estimator=estimator
        )
    except OverflowError as error:  # of Python's whole numbers
        raise ValueError(TOO_LARGE) from error
    if np.can_cast(checked.dtype, np.float64):
        return checked
    with np.errstate(over="ignore"):
        checked = checked.astype(np.float64)
    if not np.isfinite(checked).all():
        raise ValueError(TOO_LARGE)
    return checked


def check_positive(columns: NDArray[np.float64], loss: str) -> None:
    """Check that a deviance is defined for the targets."""
    if loss == "gamma" and not (columns > 0).all():
        raise ValueError(
            "loss='gamma' requires strictly positive y, but "
            f"{(columns <= 0).sum()} of {columns.size} targets are 0 or negative."
        )
    if (columns < 0).any():
        raise ValueError(
            "loss='poisson' requires non-negative y and sum(y) > 0, but "
            f"{(columns < 0).sum()} of {columns.size} targets are negative."
        )


def standardized_targets(
    encoded: NDArray[Any],
    weights: Weights | None,
    unit: float,
    robust: bool,
    before: Moments | None,
) -> RealTargets:
    """Standardise targets, by earlier rows too."""
    moments = target_moments(encoded, weights, unit, robust, before)
    if before is not None:
        moments = before.joined(moments)
    return RealTargets.standardized(encoded, moments)


def scaled_targets(
    encoded: NDArray[Any],
    weights: Weights | None,
    unit: float,
    before: Moments | None,
    goes_on: bool,
) -> ScaledTargets:
    """Divide positive targets by their mean, of earlier rows too.

    If training ``goes_on`` with further rows, all of these may be 0: they are divided
    by 1 until others come.
    """
    # Rows without weight are not among them.
    empty = np.flatnonzero(~encoded.any(axis=0))
    if not goes_on and len(empty):
        where = f" of column {empty[0]} of y" if encoded.shape[1] > 1 else ""
        raise ValueError(
            "loss='poisson' requires non-negative y and sum(y) > 0, but all targets"
            f"{where} are 0."
        )
    moments = target_moments(encoded, weights, unit, robust=False)
    scale = Moments(moments.weight, np.zeros_like(moments.mean), moments.mean)
    if before is not None:
        scale = before.joined(scale)
    scaled = Moments(
        moments.weight,
        moments.mean / scale.divisor,
        moments.deviation / scale.divisor,
    )
    values = RealTargets.standardized(encoded, scale).values
    return ScaledTargets(values, scale, scaled)

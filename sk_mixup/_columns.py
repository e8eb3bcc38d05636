"""Columns: whether they hold quantities that a network can take."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing

ROWS_LOOKED_AT, NUMBERS_LOOKED_AT = 10_000, 1_000_000
STEPS_NEEDED = 100  # numbers of the precision that a feature's deviation spans


def warn_of_lost_digits(X: Any, dtype: type[np.floating]) -> None:
    """Warn of features that vary too little for their size to be told apart.

    Looks at the first rows, before they are rounded to the networks' precision.
    """
    if sparse.issparse(X):
        return
    if not isinstance(X, np.ndarray | list) and not hasattr(X, "columns"):
        X = np.asarray(X)
    width = np.asarray(_safe_indexing(X, slice(1))).size
    first = slice(max(2, min(ROWS_LOOKED_AT, NUMBERS_LOOKED_AT // width)))
    rows = np.asarray(_safe_indexing(X, first), dtype=np.float64)
    rows = rows.reshape(len(rows), -1)
    deviation, size = rows.std(axis=0), np.abs(rows).max(axis=0)
    steps = deviation / (size * np.finfo(dtype).eps + np.finfo(dtype).tiny)
    varies = deviation > 1e-12 * size  # more than by the rounding of the mean
    rounded = (rows.astype(dtype) != rows).any(axis=0)
    lost = np.flatnonzero(varies & rounded & (steps < STEPS_NEEDED))
    if len(lost):
        worst = lost[steps[lost].argmin()]
        warnings.warn(
            f"Feature {worst} of X has values around {size[worst]:.3g} that differ by "
            f"{deviation[worst]:.3g} only; {dtype.__name__} leaves little of that. Put "
            "a StandardScaler in front, or subtract a number.",
            UserWarning,
            stacklevel=2,
        )

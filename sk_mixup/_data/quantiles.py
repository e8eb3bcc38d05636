"""Quantiles by weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def column_quantiles(
    values: NDArray[Any],
    weights: NDArray[np.float64],
    probabilities: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return quantiles of each column, ``(probabilities, columns)``: values that occur.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Rows, without gaps.
    weights : ndarray of shape (n_rows,)
        Weights of the rows.
    probabilities : sequence of float or ndarray of shape (n_probabilities,)
        From 0 to 1.
    """
    columns = np.ascontiguousarray(values.T)
    alike = bool((weights == weights[0]).all())  # then nothing needs to be sorted
    return np.quantile(
        columns,
        probabilities,
        axis=1,
        weights=None if alike else np.broadcast_to(weights, columns.shape),
        # The only method for which NumPy takes weights.
        method="inverted_cdf",
    ).astype(np.float64)

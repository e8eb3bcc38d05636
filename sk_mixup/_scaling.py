"""Mean and deviation of features and targets, which a few wild cells do not move."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from sk_mixup._modules import Standardize
from sk_mixup._moments import Figures, Moments
from sk_mixup._rows import Portion, SparseTable

#: Quantile and width of the fences, tried in turn until the two quantiles differ: the
#: first are Tukey's "far out" (three interquartile ranges beyond the quartiles), the
#: others, for columns that are mostly constant, are about as wide for normal numbers.
FENCES = ((0.25, 3.0), (0.05, 1.0), (0.01, 0.5))
FEWEST_ROWS = 20  # of which quartiles say anything
QUANTILE_ROWS = 4_000  # more give the same quartiles to seven in a thousand rows
CHUNK_NUMBERS, SORTED_NUMBERS = 4_000_000, 1_000_000  # at a time


def standardization(
    moments: Moments, features: tuple[int, ...], clip: float | None
) -> Standardize:
    """Return the module that centres and scales rows of the given shape."""
    dtype = torch.get_default_dtype()
    shift, scale = (
        torch.as_tensor(figure, dtype=dtype).view(1, 1, *features)
        for figure in (moments.mean, moments.divisor)
    )
    return Standardize(shift, scale, clip)


def feature_moments(portion: Portion) -> Moments:
    """Return the weighted moments of each feature of the portion's rows.

    Values beyond the fences count as if they lay on them.
    """
    low, high = _fences(*_some_rows(portion))
    is_sparse = isinstance(portion.table, SparseTable)
    scaler = StandardScaler(with_mean=not is_sparse)
    size = max(1, CHUNK_NUMBERS // int(np.prod(portion.table.shape[1:])))
    total = 0.0
    # An implicit 0 may lie beyond a fence: sparse rows are taken as differences from
    # what a 0 counts as.
    zero = np.clip(0.0, low, high) if is_sparse else np.zeros(len(low))
    for chunk in gen_batches(len(portion), size):
        numbers = torch.arange(chunk.start, chunk.stop)
        rows = _flat_rows(portion, numbers)
        rows = (
            _within(rows, low, high, zero) if is_sparse else _clipped(rows, low, high)
        )
        weights = _weights(portion, numbers)
        scaler.partial_fit(rows, sample_weight=weights)
        total += float(weights.sum())
    deviation = np.sqrt(scaler.var_)
    # scikit-learn's scale is 1 where nothing varies beyond the rounding of the mean.
    deviation[scaler.scale_ != deviation] = 0.0
    return Moments(total * portion.weight_unit, scaler.mean_ + zero, deviation)


def target_moments(
    values: Figures, weights: Figures | None, unit: float, robust: bool
) -> Moments:
    """Return the weighted moments of each target, however large or small it is.

    ``robust`` lets values beyond the fences count as if they lay on them.
    """
    weights = np.ones(len(values)) if weights is None else weights
    first = values[0]
    _, exponent = np.frexp(np.abs(values - first).max(axis=0))
    differences = np.ldexp(values - first, -exponent)
    if robust:
        differences = differences.clip(*_fences(differences, weights))
    scaler = StandardScaler().fit(differences, sample_weight=weights)
    mean = first + np.ldexp(scaler.mean_, exponent)
    deviation = np.ldexp(np.sqrt(scaler.var_), exponent)
    constant = (values == first).all(axis=0)
    return Moments(
        float(weights.sum()) * unit,
        np.where(constant, first, mean),
        np.where(constant, 0.0, deviation),
    )


def _fences(rows: Any, weights: Figures) -> tuple[Figures, Figures]:
    """Return the least and the largest value of each column that count as they are."""
    low, high = np.full((2, rows.shape[1]), [[-np.inf], [np.inf]])
    if rows.shape[0] < FEWEST_ROWS:
        return low, high
    varying = np.flatnonzero(_varies(rows, weights))
    probabilities = [p for q, _ in FENCES for p in (q, 1 - q)]
    size = max(1, SORTED_NUMBERS // rows.shape[0])
    for columns in np.split(varying, range(size, len(varying), size)):
        values = rows[:, columns]
        values = values.toarray() if sparse.issparse(values) else values
        quantiles = _quantiles(values, weights, probabilities)
        open_ = np.ones(len(columns), dtype=bool)
        for number, (_, width) in enumerate(FENCES):
            below, above = quantiles[2 * number : 2 * number + 2].astype(np.float64)
            taken = open_ & (above > below)
            reach = width * (above - below)
            low[columns[taken]] = (below - reach)[taken]
            high[columns[taken]] = (above + reach)[taken]
            open_ &= ~taken
    return low, high


def _quantiles(values: Any, weights: Figures, probabilities: list[float]) -> Any:
    """Return the quantiles of each column, ``(probabilities, columns)``."""
    alike = bool((weights == weights[0]).all())  # then nothing needs to be sorted
    return np.quantile(
        np.ascontiguousarray(values.T),
        probabilities,
        axis=1,
        weights=None if alike else np.broadcast_to(weights, values.T.shape),
        method="inverted_cdf",
    )


def _varies(rows: Any, weights: Figures) -> NDArray[np.bool_]:
    """Tell of which columns even the outermost quantiles may differ."""
    if not sparse.issparse(rows):
        return np.ones(rows.shape[1], dtype=bool)
    stored = weights @ (rows != 0)
    varies: NDArray[np.bool_] = stored >= FENCES[-1][0] * weights.sum()
    return varies


def _some_rows(portion: Portion) -> tuple[Any, Figures]:
    """Return evenly spread rows of the portion, and their weights."""
    size = min(len(portion), QUANTILE_ROWS)
    numbers = torch.linspace(0, len(portion) - 1, size, dtype=torch.float64).long()
    return _flat_rows(portion, numbers), _weights(portion, numbers)


def _flat_rows(portion: Portion, numbers: torch.Tensor) -> Any:
    if isinstance(portion.table, SparseTable):
        rows = numbers if portion.rows is None else portion.rows[numbers].cpu()
        return portion.table.X[rows.numpy()]
    return portion.inputs(numbers.to(portion.device)).flatten(1).cpu().numpy()


def _weights(portion: Portion, numbers: torch.Tensor) -> Figures:
    mass = portion.mass(numbers.to(portion.device)).cpu().numpy()
    return mass.astype(np.float64)


def _clipped(rows: Any, low: Figures, high: Figures) -> Any:
    return rows.clip(low.astype(rows.dtype), high.astype(rows.dtype))


def _within(rows: Any, low: Figures, high: Figures, zero: Figures) -> Any:
    """Return sparse rows within the fences, less what a 0 counts as."""
    columns = rows.indices
    kept = rows.data.astype(np.float64).clip(low[columns], high[columns])
    return sparse.csr_matrix(
        (kept - zero[columns], columns, rows.indptr), shape=rows.shape
    )

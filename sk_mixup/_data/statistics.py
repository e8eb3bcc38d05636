"""Mean and deviation of features and targets, which a few wild cells do not move."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from sk_mixup._data.moments import Figures, Moments
from sk_mixup._data.quantiles import column_quantiles
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import CHUNK_NUMBERS, SparseTable

#: Quantile and width of the fences, tried in turn until the two quantiles differ and
#: little lies beyond: the first are Tukey's "far out" (three interquartile ranges
#: beyond the quartiles), the others, for columns that are mostly constant or nearly so,
#: are about as wide for normal numbers.
FENCES = ((0.25, 3.0), (0.05, 1.0), (0.01, 0.5))
#: With less, wild cells would hide a column; with more, rare values be squeezed.
MOST_WILD, MOST_OF_A_CODE = 0.04, 0.2  # of the rows
FEWEST_ROWS = 20  # of which quartiles say anything
DEVIATIONS = 5.0  # of the fences of fewer rows: about as wide
QUANTILE_ROWS = 4_000  # the standard error of a quartile is then 0.7 % of the rows
QUANTILE_NUMBERS = 20_000_000  # of very wide rows fewer are looked at
LARGEST_WEIGHT = 1e300  # which may be added to itself


def feature_moments(subset: RowSubset, before: Moments | None = None) -> Moments:
    """Return the weighted moments of each feature, over the rows of the subset.

    Values beyond the fences count as if they lay on them. The moments of rows that came
    ``before`` give the fences of a few rows.
    """
    sample = sample_of(subset)
    low, high = _fences(subset.flat_rows(sample), subset.flat_weights(sample), before)
    is_sparse = isinstance(subset.table, SparseTable)
    scaler = StandardScaler(with_mean=not is_sparse)
    size = max(1, CHUNK_NUMBERS // int(np.prod(subset.table.shape[1:])))
    total = 0.0
    # An implicit 0 may lie beyond a fence: sparse rows are taken as differences from
    # what a 0 counts as.
    zero = np.clip(0.0, low, high) if is_sparse else np.zeros(len(low))
    for chunk in gen_batches(len(subset), size):
        numbers = torch.arange(chunk.start, chunk.stop)
        rows = subset.flat_rows(numbers)
        rows = (
            _within(rows, low, high, zero) if is_sparse else _clipped(rows, low, high)
        )
        weights = subset.flat_weights(numbers)
        with np.errstate(over="ignore", invalid="ignore"):  # of a first look only
            scaler.partial_fit(rows, sample_weight=weights)
        total += float(weights.sum())
    deviation = np.sqrt(scaler.var_)
    # scikit-learn's scale is 1 where nothing varies beyond the rounding of the mean.
    deviation[scaler.scale_ != deviation] = 0.0
    weight = min(total * subset.weight_unit, LARGEST_WEIGHT)
    return Moments(weight, scaler.mean_ + zero, deviation)


def target_moments(
    values: Figures,
    weights: Figures | None,
    unit: float,
    robust: bool,
    before: Moments | None = None,
) -> Moments:
    """Return the weighted moments of each target, however large or small it is.

    ``robust`` lets values beyond the fences count as if they lay on them; see
    :func:`feature_moments`.
    """
    weights = np.ones(len(values)) if weights is None else weights
    if robust:
        values = values.clip(*_fences(values, weights, before))
    first = values[0]
    # Halves, since a difference may be too large for a float64, in units whose squares
    # are neither too large nor too small.
    halves = values / 2 - first / 2
    _, exponent = np.frexp(np.abs(halves).max(axis=0))
    scaler = StandardScaler().fit(np.ldexp(halves, -exponent), sample_weight=weights)
    mean = 2 * (first / 2 + np.ldexp(scaler.mean_, exponent))
    deviation = 2 * np.ldexp(np.sqrt(scaler.var_), exponent)
    constant = (values == first).all(axis=0)
    return Moments(
        min(float(weights.sum()) * unit, LARGEST_WEIGHT),
        np.where(constant, first, mean),
        np.where(constant, 0.0, deviation),
    )


def _fences(
    rows: Any, weights: Figures, before: Moments | None
) -> tuple[Figures, Figures]:
    """Return the least and the largest value of each column that count as they are."""
    if rows.shape[0] < FEWEST_ROWS:
        return _fences_by(before, rows.shape[1])
    low, high = _fences_by(None, rows.shape[1])
    varying = np.flatnonzero(_varies(rows, weights))
    size = max(1, CHUNK_NUMBERS // rows.shape[0])
    for columns in np.split(varying, range(size, len(varying), size)):
        values = rows[:, columns]
        values = values.toarray() if sparse.issparse(values) else values
        low[columns], high[columns] = _fences_of(values, weights)
    return low, high


def _fences_of(values: Any, weights: Figures) -> tuple[Figures, Figures]:
    """Return the first fences beyond which little lies."""
    low, high = _fences_by(None, values.shape[1])
    open_ = np.ones(len(low), dtype=bool)
    probabilities = [p for q, _ in FENCES for p in (q, 1 - q)]
    quantiles = column_quantiles(values, weights, probabilities)
    pairs = quantiles.reshape(len(FENCES), 2, -1)
    for (below, above), (_, width) in zip(pairs, FENCES, strict=True):
        reach = width * (above - below)
        least, most = below - reach, above + reach
        taken = open_ & (above > below) & _are_wild(values, weights, least, most)
        low[taken], high[taken] = least[taken], most[taken]
        open_ &= ~taken
    return low, high


def _fences_by(moments: Moments | None, n_columns: int) -> tuple[Figures, Figures]:
    """Return fences around what is known of the columns, or none."""
    low, high = np.full((2, n_columns), [[-np.inf], [np.inf]])
    if moments is not None:
        known = moments.deviation > 0
        reach = DEVIATIONS * moments.deviation
        low[known] = (moments.mean - reach)[known]
        high[known] = (moments.mean + reach)[known]
    return low, high


def _are_wild(
    values: Any, weights: Figures, least: Figures, most: Figures
) -> NDArray[np.bool_]:
    """Tell of which columns so few values lie beyond that they are wild cells."""
    # A single value, as of a code for missing ones, may come more often: a spread of so
    # many values is what the column is about, and must not be squeezed.
    below, above = values < least, values > most
    share = weights @ (below | above) / weights.sum()
    is_code = np.ones(values.shape[1], dtype=bool)
    for side in (below, above):
        highest = np.max(values, axis=0, where=side, initial=-np.inf)
        lowest = np.min(values, axis=0, where=side, initial=np.inf)
        is_code &= highest <= lowest
    return share <= np.where(is_code, MOST_OF_A_CODE, MOST_WILD)


def _varies(rows: Any, weights: Figures) -> NDArray[np.bool_]:
    """Tell of which columns even the outermost quantiles may differ."""
    if not sparse.issparse(rows):
        return np.ones(rows.shape[1], dtype=bool)
    stored = weights @ (rows != 0)
    varies: NDArray[np.bool_] = stored >= FENCES[-1][0] * weights.sum()
    return varies


def sample_of(subset: RowSubset, most: int = QUANTILE_ROWS) -> torch.Tensor:
    """Return the numbers of some rows, a random one of every stretch."""
    most = min(most, QUANTILE_NUMBERS // int(np.prod(subset.table.shape[1:])))
    size = min(len(subset), max(most, FEWEST_ROWS))
    ends = np.linspace(0, len(subset), size + 1)
    # Evenly spaced rows may all be of one kind where kinds alternate.
    drawn = np.random.default_rng(0).uniform(ends[:-1], ends[1:]).astype(np.int64)
    return torch.from_numpy(drawn.clip(max=len(subset) - 1))


def _clipped(rows: Any, low: Figures, high: Figures) -> Any:
    with np.errstate(over="ignore"):  # to infinity, which is no fence
        return rows.clip(low.astype(rows.dtype), high.astype(rows.dtype))


def _within(rows: Any, low: Figures, high: Figures, zero: Figures) -> Any:
    """Return sparse rows within the fences, less what a 0 counts as."""
    columns = rows.indices
    kept = rows.data.astype(np.float64).clip(low[columns], high[columns])
    return sparse.csr_matrix(
        (kept - zero[columns], columns, rows.indptr), shape=rows.shape
    )

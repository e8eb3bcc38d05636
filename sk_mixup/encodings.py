"""Encodings: what the networks see of a numeric feature besides its value.

An encoding is a small frozen value that places the edges of bins. Each network sees the
standardised features and, side by side with them, the bins of its encoding as
piecewise-linear units (arXiv 2203.05556, section 3.2): a unit rises from 0 to 1 within
its bin and is constant outside. Rows are mixed after they have been encoded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._data.quantiles import column_quantiles

__all__ = ["Encoding", "QuantileBins", "Standardized"]

Matrix = NDArray[np.float64]

#: Edges are learnt from 4,000 rows at most, which leaves four to a bin.
MOST_BINS = 1000
MOST_TAIL_BINS = 100
#: An outermost bin is halved while it spans more interquartile ranges than this, the
#: outermost 3 in 1,000 rows apart. Of normal values it spans 1.2.
WIDE = 1.5
OUTLIERS = 0.003
#: Values inside a bin that is halved.
FEWEST_INSIDE = 16
#: Of a sum of some thousand weights in single precision.
ROUNDING = 1e-6


class Encoding(ABC):
    """How the edges of bins are placed.

    To write an encoding, subclass it as a frozen dataclass; the one required method is
    :meth:`edges`.

    Examples
    --------
    Two bins that meet at zero:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.encodings import Encoding
    >>> @dataclass(frozen=True)
    ... class Signs(Encoding):
    ...     def edges(self, X, y, sample_weight):
    ...         return np.stack([X.min(axis=0), 0 * X[0], X.max(axis=0)], axis=1)
    >>> model = MixupClassifier(encoding=Signs())
    """

    @abstractmethod
    def edges(self, X: Matrix, y: NDArray[Any], sample_weight: Matrix) -> Matrix:
        """Return the edges of each feature's bins.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Some of the training rows of a network, not standardised.
        y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Class numbers of a classifier (for multilabel targets each distinct set of
            labels counts as one class), standardised targets of a regressor.
        sample_weight : ndarray of shape (n_rows,)
            Weights of the rows.

        Returns
        -------
        edges : ndarray of shape (n_features, n_bins + 1)
            In ascending order; a bin with equal edges is never used. All features have
            the same number of edges.
        """


@dataclass(frozen=True)
class Standardized(Encoding):
    """No bins: the standardised features alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mixup.encodings import Standardized
    >>> Standardized().edges(np.zeros((5, 2)), np.zeros(5), np.ones(5)).shape
    (2, 1)
    """

    def edges(self, X: Matrix, y: NDArray[Any], sample_weight: Matrix) -> Matrix:
        return np.zeros((X.shape[1], 1))


@dataclass(frozen=True)
class QuantileBins(Encoding):
    """Bins with equal numbers of rows, and extra bins in long tails.

    A value so frequent that it would fill several bins, such as 0 in a column that is
    mostly 0, counts as one bin, and the other bins divide the other values. In a column
    of few values, each value is an edge.

    Parameters
    ----------
    n_bins : int, default=8
        Number of bins of each feature. More bins follow finer steps and take more time.
    tail_bins : int, default=4
        Maximum number of times that the outermost bin at each end is split at its
        median. It is split while it spans more than 1.5 interquartile ranges (the
        outermost 0.3 % of the rows excluded) and has at least 16 values inside.
        Otherwise all unusual values of a feature with a long tail, such as a laboratory
        value, would lie in that one bin.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mixup.encodings import QuantileBins
    >>> X = np.arange(101.0)[:, None]
    >>> encoding = QuantileBins(n_bins=4, tail_bins=2)
    >>> encoding.edges(X, np.zeros(101), np.ones(101))
    array([[  0.,  25.,  50.,  75., 100.]])

    A long tail gets up to two more bins at its end:

    >>> encoding.edges(X**9, np.zeros(101), np.ones(101)) ** (1 / 9)
    array([[  0.,  25.,  50.,  75.,  87., 100., 100.]])
    """

    n_bins: int = 8
    tail_bins: int = 4

    def __post_init__(self) -> None:
        _check_whole("n_bins", self.n_bins, 2, MOST_BINS)
        _check_whole("tail_bins", self.tail_bins, 0, MOST_TAIL_BINS)

    def edges(self, X: Matrix, y: NDArray[Any], sample_weight: Matrix) -> Matrix:
        if not sample_weight.all():
            X, sample_weight = X[sample_weight > 0], sample_weight[sample_weight > 0]
        levels = np.linspace(0, 1, self.n_bins + 1)
        edges = column_quantiles(X, sample_weight, levels).T
        # A value of two edges takes a bin from the others.
        for column in np.flatnonzero((np.diff(edges) == 0).any(axis=1)):
            edges[column] = _shared_edges(X[:, column], sample_weight, self.n_bins)
        return self._with_tails(X, sample_weight, edges) if self.tail_bins else edges

    def _with_tails(self, X: Matrix, sample_weight: Matrix, edges: Matrix) -> Matrix:
        """Return edges with those of halved outermost bins, unused ones last."""
        levels = np.array([OUTLIERS, 0.25, 0.75, 1 - OUTLIERS])
        low, first, third, high = column_quantiles(X, sample_weight, levels)
        longer = np.pad(edges, ((0, 0), (0, 2 * self.tail_bins)), mode="edge")
        most_used = edges.shape[1]
        for column, own in enumerate(edges):
            used = np.unique(own)
            if len(used) < 3:
                continue
            # Where most rows have one value: half of what the inner bins span.
            spread = third[column] - first[column] or (used[-2] - used[1]) / 2
            ends = used[1] - low[column], high[column] - used[-2]
            if not max(ends) > WIDE * spread > 0:
                continue
            tail = _Tail.of(X[:, column], sample_weight)
            most = WIDE * spread, self.tail_bins
            below = -tail.mirrored().halvings(-used[1], -low[column], *most)
            above = tail.halvings(used[-2], high[column], *most)
            used = np.sort(np.concatenate([used, below, above]))
            longer[column, : len(used)] = used
            most_used = max(most_used, len(used))
        # In whole tails: folds of a table, which differ by some values, seldom differ
        # in the number of bins, and are trained as one stack.
        n_tails = ceil_div(most_used - edges.shape[1], self.tail_bins)
        return longer[:, : edges.shape[1] + n_tails * self.tail_bins]


class _Tail(NamedTuple):
    """The values of a column in ascending order, and their weights."""

    values: Matrix
    weights: Matrix

    @classmethod
    def of(cls, x: Matrix, sample_weight: Matrix) -> _Tail:
        values, numbers = np.unique(x, return_inverse=True)
        return cls(values, np.bincount(numbers, sample_weight).astype(np.float64))

    def mirrored(self) -> _Tail:
        """Return the column with the other sign."""
        return _Tail(-self.values[::-1], self.weights[::-1])

    def halvings(
        self, begin: float, farthest: float, limit: float, most: int
    ) -> Matrix:
        """Return the medians at which the last bin is halved, again and again."""
        found: list[float] = []
        reached, last = np.cumsum(self.weights), len(self.values) - 1
        while len(found) < most and farthest - begin > limit:
            at = int(np.searchsorted(self.values, begin))
            # Values and no rows: rows of weight 2 are two rows.
            if last - at - 1 < FEWEST_INSIDE:
                break
            half = (reached[at] + reached[last - 1]) / 2
            # Sums of weights such as 1/3 are rounded.
            begin = float(self.values[np.searchsorted(reached, (1 - ROUNDING) * half)])
            found.append(begin)
        return np.array(found)


def _shared_edges(x: Matrix, sample_weight: Matrix, n_bins: int) -> Matrix:
    """Return edges of a column with values that are more frequent than a bin."""
    values, numbers = np.unique(x, return_inverse=True)
    if len(values) <= n_bins + 1:
        unused = np.full(n_bins + 1 - len(values), values[-1])
        return np.concatenate([values, unused])
    totals = np.bincount(numbers, sample_weight).astype(np.float64)
    shares = _at_most_a_bin(totals, n_bins)
    centres = np.cumsum(shares) - shares / 2
    wanted = np.linspace(centres[0], centres[-1], n_bins + 1)
    nearest = np.interp(wanted, centres, np.arange(len(values))).round()
    return values[nearest.astype(np.int64)]


def _at_most_a_bin(weights: Matrix, n_bins: int) -> Matrix:
    """Cap weights so that the largest are the ``n_bins``-th part of their sum."""
    descending = np.sort(weights)[::-1]
    for n_capped in range(n_bins):
        largest = descending[n_capped:].sum() / (n_bins - n_capped)
        if descending[n_capped] <= largest:
            break
    return np.minimum(weights, largest)


def _check_whole(name: str, number: Any, least: int, most: int) -> None:
    whole = isinstance(number, Integral) and not isinstance(number, bool)
    if not whole or not least <= number <= most:
        raise ValueError(
            f"{name} must be a whole number from {least} to {most}, got {number!r}."
        )

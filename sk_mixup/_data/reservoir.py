"""A sample of the rows of all calls of ``partial_fit``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sk_mixup._data.statistics import QUANTILE_ROWS, sample_of
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.targets import Indicators, Targets

KEPT_NUMBERS = 2_000_000  # 8 MB, which are pickled with the estimator


class Sample(NamedTuple):
    """Some rows, what an encoding may know of their targets, and their weights."""

    rows: NDArray[np.floating]
    y: NDArray[Any]
    weights: NDArray[np.float64]

    @staticmethod
    def of(subset: RowSubset) -> Sample:
        """Return a sample of a dense table's rows."""
        numbers = sample_of(subset)
        return Sample(
            subset.flat_rows(numbers),
            subset.targets.groups()[numbers.numpy()],
            subset.flat_weights(numbers),
        )


@dataclass(frozen=True)
class Reservoir:
    """A uniform sample of all rows so far.

    Parameters
    ----------
    rows : ndarray of shape (n_kept, n_features)
        Rows in the precision of the networks.
    y : ndarray of shape (n_kept,) or (n_kept, n_outputs)
        Class numbers, indicators, or real targets in their unit: what is comparable
        between calls.
    weights : ndarray of shape (n_kept,)
        In the unit of the first call.
    n_seen : int
        Rows so far.
    n_learnt : int
        Rows that had been seen when the bins were learnt.
    """

    rows: NDArray[np.floating]
    y: NDArray[Any]
    weights: NDArray[np.float64]
    n_seen: int
    n_learnt: int

    @staticmethod
    def of(subset: RowSubset) -> Reservoir:
        """Return a sample of the rows of one call, from which the bins are learnt."""
        numbers = sample_of(subset, _most(subset.table.shape[1]))
        return Reservoir(
            subset.flat_rows(numbers),
            _comparable(subset.targets, numbers),
            subset.flat_weights(numbers),
            len(subset),
            len(subset),
        )

    @property
    def is_due(self) -> bool:
        """Whether as many rows have come since the bins were learnt as before."""
        return self.n_seen >= 2 * self.n_learnt

    def learnt(self) -> Reservoir:
        """Note that the bins are learnt."""
        return replace(self, n_learnt=self.n_seen)

    def joined(self, new: Reservoir, entropy: int) -> Reservoir:
        """Return a sample of these rows and those of the next call."""
        n_seen = self.n_seen + new.n_seen
        n_kept = min(n_seen, _most(self.rows.shape[1]))
        generator = np.random.default_rng([entropy, self.n_seen])
        least = max(0, n_kept - len(self.rows))
        share = generator.binomial(n_kept, new.n_seen / n_seen)
        n_new = min(max(share, least), len(new.rows), n_kept)
        n_old = min(n_kept - n_new, len(self.rows))
        old, more = (
            np.sort(generator.permutation(len(part.rows))[:size])
            for part, size in ((self, n_old), (new, n_new))
        )
        rows, y, weights = (
            np.concatenate([getattr(self, name)[old], getattr(new, name)[more]])
            for name in ("rows", "y", "weights")
        )
        return Reservoir(rows, y, weights, n_seen, self.n_learnt)

    def sample(self, targets: Targets) -> Sample:
        """Return the rows with their targets as the newest ones are."""
        y = self.y
        if isinstance(targets, Indicators):
            y = np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
        elif targets.moments is not None:
            y = (y - targets.moments.mean) / targets.moments.divisor
        return Sample(self.rows, y, self.weights)


def _most(n_features: int) -> int:
    """Return how many rows are kept."""
    return max(1, min(QUANTILE_ROWS, KEPT_NUMBERS // n_features))


def _comparable(targets: Targets, numbers: torch.Tensor) -> NDArray[Any]:
    """Return targets that mean the same in all calls."""
    own = targets.subset(numbers.to(targets.device))
    if isinstance(own, Indicators):
        return own.values.cpu().numpy()
    values, moments = own.groups(), own.moments
    return values if moments is None else moments.mean + moments.divisor * values

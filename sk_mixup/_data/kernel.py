"""Partners drawn from a Gaussian kernel of the targets (C-Mixup, arXiv 2210.05775)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sk_mixup._data.neighbors import RowNumbers


class SimilarTargets:
    """Rejection sampling from the Gaussian kernel of the targets.

    Bins are made along the first output: the distance along one axis never exceeds the
    distance, so a kernel between bins bounds the kernel between their rows.
    """

    def __init__(self, y: NDArray[np.float64], bandwidth: float) -> None:
        self.y = y / (bandwidth * np.sqrt(2))
        self.sorted_rows = np.argsort(self.y[:, 0], kind="stable")
        # More bins bound the kernel more closely, but their tables grow with the
        # square: of 256 bins they take 0.5 MB each.
        n_bins = min(len(y), 256)
        self.starts = np.linspace(0, len(y), n_bins + 1).astype(np.int64)
        self.sizes = np.diff(self.starts)
        self.bin_of = np.empty(len(y), dtype=np.int64)
        self.bin_of[self.sorted_rows] = np.repeat(np.arange(n_bins), self.sizes)
        along = self.y[self.sorted_rows, 0]
        lowest, highest = along[self.starts[:-1]], along[self.starts[1:] - 1]
        gap = np.maximum(lowest[None, :] - highest[:, None], 0)
        self.bound = np.exp(-np.square(np.maximum(gap, gap.T)))
        self.cumulative = np.cumsum(self.bound * self.sizes, axis=1)

    def draw(
        self, order: RowNumbers, batch_size: int, n_partners: int, generator: Generator
    ) -> RowNumbers:
        rows = np.repeat(order, n_partners)
        partners = rows.copy()
        open_ = np.arange(len(rows))
        while len(open_):
            proposal, accepted = self._propose(rows[open_], generator)
            partners[open_[accepted]] = proposal[accepted]
            open_ = open_[~accepted]
        return partners.reshape(len(order), n_partners)

    def _propose(
        self, rows: RowNumbers, generator: Generator
    ) -> tuple[RowNumbers, NDArray[np.bool_]]:
        own_bin = self.bin_of[rows]
        goal = generator.random(len(rows)) * self.cumulative[own_bin, -1]
        chosen_bin = _first_above(self.cumulative, own_bin, goal)
        offset = (generator.random(len(rows)) * self.sizes[chosen_bin]).astype(np.int64)
        proposal = self.sorted_rows[self.starts[chosen_bin] + offset]
        distance = np.square(self.y[rows] - self.y[proposal]).sum(axis=1)
        bound = self.bound[own_bin, chosen_bin]
        return proposal, generator.random(len(rows)) * bound < np.exp(-distance)


def _first_above(
    cumulative: NDArray[np.float64], row: RowNumbers, goal: NDArray[np.float64]
) -> RowNumbers:
    """Return per goal the first column whose cumulative value in ``row`` exceeds it."""
    # np.searchsorted takes one sorted array, and here each goal has a row of its own.
    low = np.zeros(len(row), dtype=np.int64)
    high = np.full(len(row), cumulative.shape[1] - 1, dtype=np.int64)
    while np.any(low < high):
        middle = (low + high) // 2
        above = cumulative[row, middle] > goal
        high = np.where(above, middle, high)
        low = np.where(above, low, middle + 1)
    return low

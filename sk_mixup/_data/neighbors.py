"""Nearest neighbours of all rows, in memory that hardly exceeds their numbers."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

RowNumbers = NDArray[np.int64]
Draw = Callable[[RowNumbers, int, int, Generator], RowNumbers]

#: 16 MB as scikit-learn returns them, before they are copied as int32.
FOUND_NUMBERS = 2_000_000  # neighbours at a time
#: scikit-learn's pairwise_dist_chunk_size.
SEARCH_BLOCK = 256  # rows


def nearest(
    X: NDArray[np.floating], groups: list[RowNumbers], n_neighbors: int
) -> tuple[NDArray[np.int32], RowNumbers]:
    """Return neighbours, (n_rows, n_neighbors), and how many of them count."""
    largest = max(len(members) for members in groups)
    width, n_rows = max(1, min(n_neighbors, largest - 1)), X.shape[0]
    # One copy of the numbers, in 32 bits: of 200 neighbours of rows of 50 features they
    # take four times the memory of the rows.
    neighbors = np.tile(np.arange(n_rows, dtype=np.int32)[:, None], (1, width))
    # A row without others of its group has one neighbour, itself.
    counts = np.ones(n_rows, dtype=np.int64)
    for members in groups:
        k = min(n_neighbors, len(members) - 1)
        if k > 0:
            own = X if len(members) == n_rows else X[members]
            numbers = members.astype(np.int32)
            search = NearestNeighbors(n_neighbors=k).fit(own)
            size = _searched_at_a_time(k)
            for chunk in gen_batches(len(members), size, min_batch_size=size):
                found = _nearest_others(search, own, chunk, k)
                neighbors[members[chunk], :k] = numbers[found]
            counts[members] = k
    return neighbors, counts


def _searched_at_a_time(k: int) -> int:
    """Return a number of rows, in whole blocks of scikit-learn's search."""
    # Whole blocks find the same as all rows at once. Of fewer than four blocks a thread
    # the order of the search is another, which decides between equally near neighbours.
    blocks = FOUND_NUMBERS // (k + 1) // SEARCH_BLOCK
    return max(blocks, 4 * (os.cpu_count() or 1) + 1) * SEARCH_BLOCK


def _nearest_others(
    search: NearestNeighbors, X: NDArray[np.floating], chunk: slice, k: int
) -> RowNumbers:
    """Return what ``search.kneighbors()`` finds for some of its rows, ``X[chunk]``."""
    found = search.kneighbors(X[chunk], k + 1, return_distance=False)
    itself = found == np.arange(chunk.start, chunk.stop)[:, None]
    itself[~itself.any(axis=1), 0] = True  # where more than k rows are equal to it
    others: RowNumbers = found[~itself].reshape(-1, k)
    return others


def draw_from(found: tuple[NDArray[np.int32], RowNumbers]) -> Draw:
    """Return the function that draws partners from what was found."""
    neighbors, counts = found

    def draw(
        order: RowNumbers, batch_size: int, n_partners: int, generator: Generator
    ) -> RowNumbers:
        uniform = generator.random((len(order), n_partners))
        chosen = (uniform * counts[order, None]).astype(np.int64)
        return neighbors[order[:, None], chosen].astype(np.int64)

    return draw

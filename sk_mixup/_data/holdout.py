"""Which rows each network holds out for validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import gen_batches

from sk_mixup._data.neighbors import RowNumbers
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import CHUNK_NUMBERS

Mask = NDArray[np.bool_]


class Sides(NamedTuple):
    """Numbers of the rows that a member is trained on, and of its validation rows."""

    training: RowNumbers
    validation: RowNumbers

    @staticmethod
    def of(mask: Mask) -> Sides:
        """Return the sides of rows of which the validation rows are marked."""
        return Sides(np.flatnonzero(~mask), np.flatnonzero(mask))

    def subsets(
        self, whole: RowSubset, n_training: int, entropy: int, member: int
    ) -> tuple[RowSubset, RowSubset]:
        """Return the training rows of a member and its validation rows.

        Every member gets as many training rows, since networks trained side by side
        take as many steps an epoch: where it has fewer, some are taken several times.
        """
        training = self.training
        whole_times, missing = divmod(n_training - len(training), len(training))
        if n_training > len(training):
            # A generator of its own: copies must not move the streams of the training.
            generator = np.random.default_rng(
                [entropy, member, n_training - len(training)]
            )
            again = generator.choice(training, missing, replace=False)
            times = np.tile(training, 1 + whole_times)
            training = np.sort(np.concatenate([times, again]))
        return _subset(whole, training), _subset(whole, self.validation)


def _subset(whole: RowSubset, rows: RowNumbers) -> RowSubset:
    return whole.subset(torch.from_numpy(rows).to(whole.device))


def held_out(
    n_rows: int,
    fraction: float,
    entropy: int,
    member: int,
    strata: RowNumbers | None,
    copies: RowNumbers | None = None,
) -> Mask:
    """Mark the rows that a member holds out, about as many for every member.

    Members take turns: as long as enough rows are left for a whole turn, and all rows
    differ, no row is held out twice. Every stratum gives its fraction, within a row,
    and keeps a row for training. Rows of one number in ``copies`` (None: all differ)
    stay together.
    """
    size = n_held_out(n_rows, fraction, strata)
    if strata is not None and len(np.unique(strata)) == n_rows:
        strata = None  # one row each: some will be missed
    units = np.arange(n_rows) if copies is None else copies
    counts = np.bincount(units)
    firsts = np.unique(units, return_index=True)[1]
    # Rows of which there are more copies than that are trained on by all members.
    few = counts <= min(size, n_rows - size)
    free = np.flatnonzero(_with_a_like(strata, n_rows)[firsts] & few)
    if counts[free].sum() >= size:
        n_units = size if copies is None else max(1, int(len(free) * fraction + 1e-9))
        of_units = None if strata is None else strata[firsts]
        order = _in_turn(free, n_units, of_units, entropy, member)
        mask = _taken(order, units, strata, size)
        if mask.sum() >= size:
            return mask
    # Of so few distinct rows copies cannot stay together.
    return held_out(n_rows, fraction, entropy, member, strata)


def groups_held_out(
    groups: RowNumbers,
    fraction: float,
    entropy: int,
    member: int,
    strata: RowNumbers | None,
) -> Mask:
    """Mark the rows of whole groups that a member holds out.

    Members take turns, and a class keeps a row for training, as in :func:`held_out`;
    no group is ever split. As few rows as the groups allow are held out, but at least
    the fraction.
    """
    n_rows, counts = len(groups), np.bincount(groups)
    size = n_held_out(n_rows, fraction, strata)
    few = counts <= min(size, n_rows - size)
    if counts[few].sum() < size:
        few = 2 * counts <= n_rows
    if not few.any():
        few = counts < counts.max()
    free = np.flatnonzero(few)
    n_units = max(1, int(len(free) * fraction + 1e-9))
    firsts = np.unique(groups, return_index=True)[1]
    of_units = None if strata is None else strata[firsts]
    order = _in_turn(free, n_units, of_units, entropy, member)
    mask = _taken(order, groups, strata, size)
    # Where every class would lose its only group the classes cannot be kept.
    return mask if mask.any() else _taken(order, groups, None, size)


def n_held_out(n_rows: int, fraction: float, strata: RowNumbers | None) -> int:
    """Return how many rows a member holds out, if all rows differ."""
    spare = n_rows - 1
    if strata is not None:
        spare = n_rows - len(np.unique(strata)) or spare
    # In binary, 0.29 of 100 rows are a little less than 29.
    return min(max(1, int(n_rows * fraction + 1e-9)), spare)


def _with_a_like(strata: RowNumbers | None, n_rows: int) -> Mask:
    """Mark rows that are not the only one of their stratum."""
    if strata is None:
        return np.ones(n_rows, dtype=bool)
    marked: Mask = np.bincount(strata)[strata] > 1
    return marked


def _in_turn(
    free: RowNumbers, size: int, strata: RowNumbers | None, entropy: int, member: int
) -> RowNumbers:
    """Return the free units in the order in which the member may hold them out.

    The first ``size`` are its turn, the others stand in where one cannot be held out.
    """
    size = min(size, len(free))
    spacing = len(free) / size
    turns = int(spacing)
    # One shuffle for the members of a whole turn, so that they hold out different rows.
    shuffle = np.random.default_rng([entropy, member // turns])
    order = shuffle.permutation(free)
    if strata is not None:
        # Sorted by class, places at equal distances give every class its fraction.
        order = order[np.argsort(strata[order], kind="stable")]
    # Begun anywhere, or member 0 would always take the first place of the first class.
    turn = (member + int(shuffle.integers(turns))) % turns
    places = np.floor(turn * (spacing / turns) + np.arange(size) * spacing)
    first = places.astype(np.int64)
    parts = order[first], np.delete(order, first)
    return np.concatenate([shuffle.permutation(part) for part in parts])


def _leaves_all(strata: RowNumbers, mask: Mask) -> bool:
    """Tell whether every stratum has a row that is not marked."""
    n_strata = strata.max() + 1
    before, left = (np.bincount(s, minlength=n_strata) for s in (strata, strata[~mask]))
    return bool((left > 0)[before > 0].all())


def _taken(
    order: RowNumbers, units: RowNumbers, strata: RowNumbers | None, size: int
) -> Mask:
    """Mark units in their order until there are ``size`` rows.

    A unit without which a stratum would have no training row is passed over.
    """
    strata = np.zeros(len(units), dtype=np.int64) if strata is None else strata
    counts = np.bincount(units)
    n_units = int(np.searchsorted(np.cumsum(counts[order]), size)) + 1
    chosen = np.zeros(len(counts), dtype=bool)
    chosen[order[:n_units]] = True
    mask: Mask = chosen[units]
    if mask.sum() >= size and _leaves_all(strata, mask):
        return mask
    return _taken_one_by_one(order, units, strata, size)


def _taken_one_by_one(
    order: RowNumbers, units: RowNumbers, strata: RowNumbers, size: int
) -> Mask:
    by_unit = np.split(np.argsort(units, kind="stable"), np.bincount(units).cumsum())
    mask = np.zeros(len(units), dtype=bool)
    left, missing = np.bincount(strata), size
    for unit in order:
        rows = by_unit[unit]
        given, lost = np.unique(strata[rows], return_counts=True)
        if (left[given] == lost).any():
            continue
        left[given] -= lost
        mask[rows] = True
        missing -= len(rows)
        if missing <= 0:
            break
    return mask


def equal_rows(subset: RowSubset) -> RowNumbers | None:
    """Return numbers of the rows, equal ones alike, or None if all differ.

    Rows are compared as the network sees them: in its precision.
    """
    # Hashes, since np.unique(axis=0) copies and sorts the table. Rows that share one by
    # chance are held out together, which does no harm.
    prints = np.fromiter(_prints(subset), dtype=np.int64, count=len(subset))
    numbers, distinct = pd.factorize(prints)
    return None if len(distinct) == len(prints) else numbers


def _prints(subset: RowSubset) -> Iterator[int]:
    """Yield a hash of each row, which decides nothing but whether rows are equal."""
    width = int(np.prod(subset.table.shape[1:]))
    for chunk in gen_batches(len(subset), max(1, CHUNK_NUMBERS // width)):
        numbers = torch.arange(chunk.start, chunk.stop)
        yield from _prints_of(subset, numbers)


def _prints_of(subset: RowSubset, numbers: torch.Tensor) -> Iterable[int]:
    X = subset.flat_rows(numbers)
    if not sparse.issparse(X):
        return (hash(row.tobytes()) for row in X + 0.0)  # which makes -0.0 to 0.0
    X.eliminate_zeros()
    X.sort_indices()
    return (
        hash((X.indices[start:end].tobytes(), X.data[start:end].tobytes()))
        for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True)
    )

"""Which rows each network holds out for validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sk_mixup._rows import Portion, SparseTable

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

CHUNK_ROWS = 10_000


def split_portion(
    whole: Portion,
    fraction: float,
    entropy: int,
    member: int,
    strata: Rows | None,
    copies: Rows | None,
) -> tuple[Portion, Portion]:
    """Return the training rows of a member and its validation rows.

    Every member gets as many training rows, since networks trained side by side take
    as many steps an epoch: where copies that must stay together make too many
    validation rows, some training rows are taken twice.
    """
    n_rows = len(whole)
    mask = held_out(n_rows, fraction, entropy, member, strata, copies)
    training, validation = np.flatnonzero(~mask), np.flatnonzero(mask)
    missing = n_rows - n_held_out(n_rows, fraction, strata) - len(training)
    if missing > 0:
        generator = np.random.default_rng([entropy, member, missing])
        again = generator.choice(training, missing, replace=missing > len(training))
        training = np.sort(np.concatenate([training, again]))
    return _portion(whole, training), _portion(whole, validation)


def _portion(whole: Portion, rows: Rows) -> Portion:
    return whole.subset(torch.from_numpy(rows).to(whole.device))


def held_out(
    n_rows: int,
    fraction: float,
    entropy: int,
    member: int,
    strata: Rows | None,
    copies: Rows | None = None,
) -> Mask:
    """Mark the rows that a member holds out, about as many for every member.

    Members take turns: as long as enough rows are left for a whole turn, no row is
    held out twice. Every stratum gives its fraction, within a row, and keeps a row for
    training. Rows of one number in ``copies`` (None: all differ) stay together.
    """
    size = n_held_out(n_rows, fraction, strata)
    units = np.arange(n_rows) if copies is None else _units(copies, size)
    firsts = np.unique(units, return_index=True)[1]
    free = np.flatnonzero(_with_a_like(strata, n_rows)[firsts])
    n_units = size if copies is None else max(1, int(len(free) * fraction + 1e-9))
    of_units = None if strata is None else strata[firsts]
    order = _in_turn(free, n_units, of_units, entropy, member)
    if copies is None and _leaves_all_strata(order[:size], strata):
        mask = np.zeros(n_rows, dtype=bool)
        mask[order[:size]] = True
        return mask
    return _taken(order, units, strata, size)


def n_held_out(n_rows: int, fraction: float, strata: Rows | None) -> int:
    """Return how many rows a member holds out, if all rows differ."""
    spare = n_rows - 1
    if strata is not None:
        counts = np.unique(strata, return_counts=True)[1]
        spare = int((counts - 1).sum()) or spare
    return min(max(1, int(n_rows * fraction + 1e-9)), spare)


def _with_a_like(strata: Rows | None, n_rows: int) -> Mask:
    """Mark rows that are not the only one of their stratum, or all if none is."""
    if strata is None:
        return np.ones(n_rows, dtype=bool)
    _, of_row, counts = np.unique(strata, return_inverse=True, return_counts=True)
    marked: Mask = counts[of_row] > 1
    return marked if marked.any() else ~marked


def _in_turn(
    free: Rows, size: int, strata: Rows | None, entropy: int, member: int
) -> Rows:
    """Return the free units in the order in which the member may hold them out.

    The first ``size`` are its turn, the others stand in where one cannot be held out.
    """
    size = min(size, len(free))
    spacing = len(free) / size
    turns = int(spacing)
    shuffle = np.random.default_rng([entropy, member // turns])
    order = shuffle.permutation(free)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    turn = (member + int(shuffle.integers(turns))) % turns
    places = np.floor(turn * (spacing / turns) + np.arange(size) * spacing)
    first = places.astype(np.int64)
    parts = order[first], np.delete(order, first)
    return np.concatenate([shuffle.permutation(part) for part in parts])


def _leaves_all_strata(rows: Rows, strata: Rows | None) -> bool:
    """Tell whether every stratum of several rows keeps one of them."""
    if strata is None:
        return True
    counts = np.bincount(strata)
    lost = np.bincount(strata[rows], minlength=len(counts))
    return bool((lost < np.maximum(counts, 2)).all())


def _units(copies: Rows, size: int) -> Rows:
    """Return the numbers of units that are held out as one: copies, if not too many.

    Of a table with few distinct rows, each of which comes often, nothing else can be
    done than to have some of them on both sides.
    """
    counts = np.bincount(copies)
    most = min(size, len(copies) - size)
    common = counts[copies] > most
    apart = np.where(common, len(counts) + np.arange(len(copies)), copies)
    units: Rows = pd.factorize(apart)[0]
    return units


def _taken(order: Rows, units: Rows, strata: Rows | None, size: int) -> Mask:
    """Mark units in their order until there are ``size`` rows.

    A unit without which a stratum would have no training row is passed over.
    """
    by_unit = np.argsort(units, kind="stable")
    ends = np.cumsum(np.bincount(units))
    mask = np.zeros(len(units), dtype=bool)
    strata = np.zeros(len(units), dtype=np.int64) if strata is None else strata
    left, n_taken = np.bincount(strata), 0
    for unit in order:
        rows = by_unit[ends[unit - 1] if unit else 0 : ends[unit]]
        given, counts = np.unique(strata[rows], return_counts=True)
        if (left[given] == counts).any():
            continue
        left[given] -= counts
        mask[rows] = True
        n_taken += len(rows)
        if n_taken >= size:
            break
    if not n_taken:  # each would be missed, and one there must be
        mask[units == order[0]] = True
    return mask


def equal_rows(portion: Portion) -> Rows | None:
    """Return numbers of the rows, equal ones alike, or None if all differ.

    Rows are compared as the network sees them: in its precision.
    """
    prints = np.fromiter(_prints(portion), dtype=np.int64, count=len(portion))
    numbers, distinct = pd.factorize(prints)
    return None if len(distinct) == len(prints) else numbers


def _prints(portion: Portion) -> Iterator[int]:
    """Yield a hash of each row, which decides nothing but whether rows are equal."""
    for chunk in gen_batches(len(portion), CHUNK_ROWS):
        numbers = torch.arange(chunk.start, chunk.stop)
        yield from _prints_of(portion, numbers)


def _prints_of(portion: Portion, numbers: torch.Tensor) -> Iterable[int]:
    if isinstance(portion.table, SparseTable):
        rows = numbers if portion.rows is None else portion.rows[numbers].cpu()
        X = portion.table.X[rows.numpy()]
        X.eliminate_zeros()
        X.sort_indices()
        return (
            hash((X.indices[start:end].tobytes(), X.data[start:end].tobytes()))
            for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True)
        )
    values = portion.inputs(numbers.to(portion.device)).flatten(1).cpu().numpy()
    return (hash(row.tobytes()) for row in values + 0.0)  # which makes -0.0 to 0.0

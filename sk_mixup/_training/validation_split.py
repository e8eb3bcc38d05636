"""Which rows each member is trained on, and which it is validated on."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import indexable

from sk_mixup._data.holdout import (
    Sides,
    equal_rows,
    groups_held_out,
    held_out,
    n_held_out,
)
from sk_mixup._data.memo import Memo
from sk_mixup._data.neighbors import RowNumbers
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._sklearn import _CVIterableWrapper, _safe_indexing
from sk_mixup._training.fit_data import FitData, FitRows
from sk_mixup._training.settings import Settings

Pair = tuple[RowSubset, RowSubset | None]


def split_members(
    given: FitRows, settings: Settings, streams: Sequence[Streams], memo: Memo
) -> list[Pair]:
    """Return each member's training rows and its validation rows."""
    rows = given.rows
    if len(rows) < 2:
        raise ValueError(
            f"{settings.estimator} holds rows out for validation and needs at least 2 "
            f"rows with a weight above 0, but got n_samples={len(rows)}."
        )
    if settings.validation is None:
        sides, least = _by_fraction(given, settings, streams, memo)
    else:
        sides, least = _by_splits(given, settings, streams, memo)
    n_training = max(least, *(len(own.training) for own in sides))
    return [
        memo.get(
            ("split", n_training, own.entropy, own.member),
            (rows, each),
            partial(each.subsets, rows, n_training, own.entropy, own.member),
        )
        for each, own in zip(sides, streams, strict=True)
    ]


def _by_fraction(
    given: FitRows, settings: Settings, streams: Sequence[Streams], memo: Memo
) -> tuple[list[Sides], int]:
    """Return the sides of members that hold a fraction out in turn.

    And how many rows each is trained on, if rows can be held out one by one.
    """
    rows, groups = given.rows, given.data.groups
    strata, fraction = rows.targets.strata(), settings.validation_fraction

    def compute(entropy: int, member: int) -> Sides:
        turn = fraction, entropy, member, strata
        if groups is not None:
            numbers = memo.get(
                "groups", (rows, groups), lambda: _group_numbers(given.data, rows)
            )
            return Sides.of(groups_held_out(numbers, *turn))
        copies = memo.get("equal rows", (rows,), lambda: equal_rows(rows))
        return Sides.of(held_out(len(rows), *turn, copies))

    sides = [
        memo.get(
            ("held out", fraction, own.entropy, own.member),
            (rows, groups),
            partial(compute, own.entropy, own.member),
        )
        for own in streams
    ]
    return sides, len(rows) - n_held_out(len(rows), fraction, strata)


def _group_numbers(data: FitData, rows: RowSubset) -> RowNumbers:
    """Return the number of each row's group."""
    numbers, distinct = pd.factorize(_kept(_checked_groups(data), rows))
    if (numbers < 0).any():
        raise ValueError(
            f"groups has no value for {(numbers < 0).sum()} rows: give each of them a "
            "group of its own, or the group that it belongs to."
        )
    if len(distinct) < 2:
        raise ValueError(
            "groups has one group only, so that none can be held out for validation: "
            "give X_val and y_val, or early_stopping=False and temperature=1."
        )
    return numbers.astype(np.int64)


def _checked_groups(data: FitData) -> NDArray[Any]:
    groups, n_rows = np.asarray(data.groups), data.n_rows
    if groups.shape != (n_rows,):
        raise ValueError(
            f"groups must have one value for each of the {n_rows} rows of X, got an "
            f"array of shape {groups.shape}."
        )
    return groups


def _kept(values: Any, rows: RowSubset) -> Any:
    """Return what belongs to the rows of positive weight."""
    if values is None or rows.row_numbers is None:
        return values
    return _safe_indexing(*indexable(values), rows.numbers_in_table)


def _by_splits(
    given: FitRows, settings: Settings, streams: Sequence[Streams], memo: Memo
) -> tuple[list[Sides], int]:
    """Return the sides of members that take turns with the splits, the last first.

    And the most rows that any split trains on.
    """
    rows, entropy = given.rows, streams[0].entropy
    splits = [
        # By content: candidates of a search have splitters of their own.
        memo.first(("sides", joblib.hash(sides)), (rows,), sides)
        for sides in _splits(settings.validation, given.data, rows, entropy)
    ]
    longest = max(len(sides.training) for sides in splits)
    # Splits by time train on the more rows the later they come.
    return [splits[-1 - own.member % len(splits)] for own in streams], longest


def _splits(
    validation: Any, data: FitData, rows: RowSubset, entropy: int
) -> list[Sides]:
    if isinstance(validation, type):
        raise TypeError(
            f"validation must be a splitter, got the class {validation.__name__}: give "
            f"{validation.__name__}(...)."
        )
    if isinstance(validation, _CVIterableWrapper):  # of `check_cv`
        validation = validation.cv
    if isinstance(validation, PredefinedSplit):  # whose rows are those of X
        pairs, place = list(validation.split()), _places(data, rows)
    elif not hasattr(validation, "split"):
        pairs, place = validation, _places(data, rows)
    else:
        pairs = _pairs_of(validation, data, rows, entropy)
        place = np.arange(len(rows))
    splits = [_checked(pair, number, place) for number, pair in enumerate(pairs)]
    if not splits:
        raise ValueError(f"validation={validation!r} gave no split.")
    return splits


def _pairs_of(splitter: Any, data: FitData, rows: RowSubset, entropy: int) -> list[Any]:
    """Return the splits of a splitter, of the rows of positive weight."""
    groups = None if data.groups is None else _checked_groups(data)
    kept = (_kept(each, rows) for each in (data.X, data.y, groups))
    try:
        return list(_seeded(splitter, entropy).split(*kept))
    except ValueError as error:
        lacks_groups = groups is None and "groups" in str(error)
        needs = " Give fit the group of each row, as groups=..." if lacks_groups else ""
        shown = " ".join(repr(splitter).split())
        raise ValueError(
            f"validation={shown} cannot split the rows: {error}{needs}"
        ) from error


def _seeded(splitter: Any, entropy: int) -> Any:
    """Return a splitter that draws from the estimator's seed if it has none."""
    if getattr(splitter, "random_state", entropy) is None:
        splitter = copy.copy(splitter)
        splitter.random_state = entropy
    return splitter


def _places(data: FitData, rows: RowSubset) -> RowNumbers:
    """Return where each row of X is among those of positive weight, -1 for nowhere."""
    places = np.full(data.n_rows, -1)
    kept = rows.numbers_in_table
    places[kept] = np.arange(len(kept))
    return places


def _checked(pair: Any, number: int, place: RowNumbers) -> Sides:
    """Return a split's two sides, as numbers of rows of positive weight."""
    if not isinstance(pair, Iterable) or len(pair := tuple(pair)) != 2:
        raise ValueError(
            "validation must be a splitter of scikit-learn or a list of pairs "
            f"(training rows, validation rows), but split {number} is {pair!r}."
        )
    training, validation = (_row_numbers(side, place, number) for side in pair)
    if not len(training) or not len(validation):
        raise ValueError(
            f"Split {number} of validation has {len(training)} training rows and "
            f"{len(validation)} validation rows of positive weight; both sides need "
            "some."
        )
    both = np.intersect1d(training, validation)
    if len(both):
        raise ValueError(
            f"Split {number} of validation has {len(both)} rows on both sides: "
            "networks cannot be validated on rows that they are trained on."
        )
    return Sides(training, validation)


def _row_numbers(side: Any, place: RowNumbers, number: int) -> RowNumbers:
    rows = np.asarray(side)
    if rows.dtype == bool and rows.shape == place.shape:
        rows = np.flatnonzero(rows)
    fits = rows.ndim == 1 and (rows.dtype.kind in "iu" or not rows.size)
    if not fits or (rows.size and not 0 <= rows.min() <= rows.max() < len(place)):
        raise ValueError(
            f"Split {number} of validation must hold row numbers from 0 to "
            f"{len(place) - 1}, got {side!r}."
        )
    places = place[rows.astype(np.int64)]
    return places[places >= 0].astype(np.int64)

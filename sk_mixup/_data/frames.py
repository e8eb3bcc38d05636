"""Frames: columns with gaps and categories as one matrix of numbers."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import get_config

from sk_mixup._data.columns import (
    NOT_NAMED,
    Column,
    Fault,
    fault_of_levels,
    fault_of_numbers,
    is_text,
    known_values,
    refuse,
)
from sk_mixup._data.features import columns_where, in_chunks, refuse_infinite, too_wide

WAS_NUMBERS = ", but was a column of numbers in fit"
Mask = NDArray[np.bool_]
Codes = NDArray[np.float64]


@dataclass(frozen=True)
class CategoryRules:
    """Which columns are categories, and which of their levels count as themselves.

    Parameters
    ----------
    features : "from_dtype", None or tuple
        Category dtypes and text, none, or names, positions or a mask of columns.
    is_mask : bool
        Whether the features are a mask, whose truth values equal positions 0 and 1.
    most : int
        Levels that a column may have.
    min_frequency : int or float
        Rows that a level must have, or their fraction, not to be rare.
    """

    features: str | tuple[str | int | bool, ...] | None
    is_mask: bool
    most: int
    min_frequency: float

    @classmethod
    def of(cls, features: Any, most: int, min_frequency: float) -> CategoryRules:
        """Return the rules of columns as the user gives them."""
        if features is None or isinstance(features, str):
            return cls(features, False, most, min_frequency)
        given = np.asarray(features, dtype=object).tolist()
        # NumPy's strings are written otherwise than those of a frame, and its truth
        # values are none of Python's.
        plain = tuple(
            own.item() if isinstance(own, np.generic) else own for own in given
        )
        is_mask = bool(plain) and all(isinstance(own, bool) for own in plain)
        return cls(plain, is_mask, most, min_frequency)

    @property
    def comparable(self) -> Any:
        """The features, of which a mask equals no positions."""
        return {"mask": self.features} if self.is_mask else self.features

    @property
    def names_columns(self) -> bool:
        return isinstance(self.features, tuple) and len(self.features) > 0

    def marks(self, columns: Sequence[Column]) -> list[bool]:
        """Tell of each column whether it is a category."""
        if self.features == "from_dtype":
            return [_says_levels(column.values) for column in columns]
        places = set(self._places(columns))
        return [place in places for place in range(len(columns))]

    def _places(self, columns: Sequence[Column]) -> list[int]:
        features = self.features or ()
        if self.is_mask:
            if len(features) != len(columns):
                raise ValueError(
                    f"categorical_features is a mask of {len(features)} columns, but X "
                    f"has {len(columns)}."
                )
            return list(np.flatnonzero(features))
        known = [column.name for column in columns]
        return [self._place(feature, known) for feature in features]

    def _place(self, feature: str | int, known: Sequence[str]) -> int:
        if isinstance(feature, str):
            if repr(feature) in known:
                return known.index(repr(feature))
            raise ValueError(
                f"categorical_features names {feature!r}, which is no column of X."
            )
        if not 0 <= feature < len(known):
            raise ValueError(
                f"categorical_features names column {feature}, but X has "
                f"{len(known)} columns."
            )
        return feature

    def is_rare(self, count: float, n_rows: int) -> bool:
        """Tell whether a level of so many rows is rare, as OneHotEncoder does."""
        if isinstance(self.min_frequency, Integral):
            return count < self.min_frequency
        return count < self.min_frequency * n_rows


class Levels(NamedTuple):
    """The levels of a category: a one-hot column each, but one for all rare ones.

    ``columns`` has the column of each level, by its name; a gap and an unseen level
    have the columns ``gap`` and ``unseen``, -1 where that is none.
    """

    columns: dict[str, int]
    width: int
    gap: int
    unseen: int
    of_text: bool
    precision: str = "float64"

    @staticmethod
    def learn(column: Column, kept: Mask, rules: CategoryRules) -> Levels:
        """Learn the levels of the rows that are kept."""
        codes, levels = _factorized(column.values)
        counts = np.bincount(codes[kept] + 1, minlength=len(levels) + 1)
        present = [place for place in range(len(levels)) if counts[place + 1]]
        if len(present) > rules.most:
            raise ValueError(
                f"Column {column.name} of X has {len(present)} levels, more than "
                f"max_categories={rules.most}: encode it first, the whole table by "
                "skrub.tabular_pipeline or the column by scikit-learn's TargetEncoder "
                "or OrdinalEncoder, or leave it out."
            )
        present.sort(key=lambda place: _order(levels[place]))
        n_rows = int(kept.sum())
        rare = {
            place
            for place in (*present, -1)
            if counts[place + 1] and rules.is_rare(counts[place + 1], n_rows)
        }
        frequent = [place for place in present if place not in rare]
        if counts[0] and -1 not in rare:
            frequent.append(-1)
        last = len(frequent) if rare else -1
        columns = {place: number for number, place in enumerate(frequent)}
        return Levels(
            {_key(levels[place]): columns.get(place, last) for place in present},
            len(frequent) + bool(rare),
            columns.get(-1, last),
            last,
            is_text(pd.Series(levels, dtype=object)),
            _precision(levels),
        )

    def codes(self, column: Column) -> Codes:
        """Return the number of each row's one-hot column, -1 for none.

        A level is known by its name: the text "1" is the number 1. Numbers of several
        precisions are compared in the coarsest.
        """
        codes, levels = _factorized(column.values)
        of_text = is_text(pd.Series(levels, dtype=object))
        keys = [_key(level) for level in levels]
        if not (of_text or self.of_text):
            keys = self._rounded(keys, _precision(levels))
        strange = [key for key in keys if key not in self.columns]
        if self.columns and strange and of_text != self.of_text:
            held = ("text", "numbers") if of_text else ("numbers", "text")
            warnings.warn(
                f"Column {column.name} of X holds {held[0]}, such as {strange[0]!r}, "
                f"but held {held[1]} when the estimator was fitted: levels of another "
                "name count as unseen.",
                UserWarning,
                stacklevel=2,
            )
        numbers = [self.columns.get(key, self.unseen) for key in keys]
        return np.array([*numbers, self.gap], dtype=np.float64)[codes]

    def _rounded(self, keys: Sequence[str], precision: str) -> list[str]:
        """Replace each name by that of the one level that it equals if rounded."""
        coarsest = min(self.precision, precision, key=lambda own: np.finfo(own).bits)
        if coarsest == "float64":
            return list(keys)
        by_number: dict[Any, list[str]] = defaultdict(list)
        with np.errstate(over="ignore"):
            for known in self.columns:
                by_number[np.dtype(coarsest).type(known)].append(known)
            alike = [by_number.get(np.dtype(coarsest).type(key), []) for key in keys]
        return [
            own[0] if key not in self.columns and len(own) == 1 else key
            for key, own in zip(keys, alike, strict=True)
        ]


@dataclass(frozen=True)
class Schema:
    """What the columns of a table are, learnt from the training rows.

    A table becomes one matrix: of each column its numbers, gaps being NaN where
    training rows had gaps and ``fill`` elsewhere, or the numbers of its levels'
    one-hot columns.

    Parameters
    ----------
    fill : ndarray of shape (n_features,)
        What stands for gaps: the mean of the training rows.
    gaps : tuple of int
        Columns of numbers with gaps in training rows.
    levels : dict of Levels
        Those of the columns that are categories, by number.
    """

    fill: Codes
    gaps: tuple[int, ...] = ()
    levels: dict[int, Levels] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether training rows were numbers without gaps."""
        return not self.gaps and not self.levels

    @staticmethod
    def of_numbers(rows: NDArray[np.floating], weights: Codes | None) -> Schema:
        """Return the schema of rows of numbers, gaps being NaN, read once in order."""
        weights = _relative(weights, len(rows))
        total, known = np.zeros((2, rows.shape[1]))
        has_gaps = np.zeros(rows.shape[1], dtype=bool)
        for some in in_chunks(rows):
            values, own = rows[some].astype(np.float64), weights[some]
            gaps = np.isnan(values)
            values[gaps] = 0
            total += own @ values
            known += own @ ~gaps
            has_gaps |= (own > 0) @ gaps
        fill = np.divide(total, known, out=np.zeros_like(total), where=known > 0)
        return Schema(fill, tuple(np.flatnonzero(has_gaps).tolist()))

    @staticmethod
    def learn(
        columns: Sequence[Column],
        rules: CategoryRules,
        weights: Codes | None,
        taker: str,
    ) -> Schema:
        """Learn the columns of a table; refuse those that are of no use."""
        marks = rules.marks(columns)
        reason = "" if rules.features == "from_dtype" else NOT_NAMED
        _check(columns, marks, taker, reason)
        weights = _relative(weights, len(columns[0].values))
        kept = weights > 0
        fill, gaps, levels = np.zeros(len(columns)), [], {}
        for place, (column, is_category) in enumerate(zip(columns, marks, strict=True)):
            if is_category:
                levels[place] = Levels.learn(column, kept, rules)
                continue
            numbers = as_numbers(column.values)
            present = kept & ~np.isnan(numbers)
            if present.any():
                with np.errstate(over="ignore", invalid="ignore"):  # refused later
                    fill[place] = np.average(numbers[present], weights=weights[present])
            if present.sum() < kept.sum():
                gaps.append(place)
        return Schema(fill, tuple(gaps), levels)

    def matrix(
        self,
        columns: Sequence[Column],
        dtype: type[np.floating],
        taker: str,
        fits: bool = False,
    ) -> NDArray[np.floating]:
        """Return a table's columns as one matrix of numbers with gaps and codes.

        With ``fits`` the range of each column must be a number of ``dtype`` too.
        """
        if len(columns) != len(self.fill):  # in scikit-learn's words
            raise ValueError(
                f"X has {len(columns)} features, but {taker} is expecting "
                f"{len(self.fill)} features as input."
            )
        levels = self.levels or {}
        marks = [place in levels for place in range(len(columns))]
        _check(columns, marks, taker, WAS_NUMBERS)
        rows = np.empty((len(columns[0].values), len(columns)), dtype=dtype)
        for place, column in enumerate(columns):
            with np.errstate(over="ignore"):  # to infinity
                if place in levels:
                    rows[:, place] = levels[place].codes(column)
                else:
                    rows[:, place] = as_numbers(column.values)
        wide = too_wide(rows) if fits else columns_where(rows, np.isinf)
        if len(wide) and not get_config()["assume_finite"]:
            refuse_infinite([columns[n].name for n in wide], rows.dtype, taker)
        return self._fill(rows, self._to_fill(rows))

    def filled(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the rows, or a copy if gaps must be filled: training rows had none."""
        places = self._to_fill(rows)
        return self._fill(rows.copy(), places) if places else rows

    def _to_fill(self, rows: NDArray[np.floating]) -> list[int]:
        seen = {*self.gaps, *(self.levels or {})}
        return [n for n in columns_where(rows, np.isnan).tolist() if n not in seen]

    def _fill(
        self, rows: NDArray[np.floating], places: Sequence[int]
    ) -> NDArray[np.floating]:
        for place in places:
            column = rows[:, place]
            column[np.isnan(column)] = self.fill[place]
        return rows


def _relative(weights: Codes | None, n_rows: int) -> Codes:
    """Return weights whose sum is a number; without any, all rows are alike."""
    if weights is None or not weights.any():
        return np.ones(n_rows)
    return weights / weights.max()


def as_numbers(values: Any) -> Codes:
    """Return numbers and truth values of any type as floats, gaps as NaN."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "O" and not _is_extension(
        values
    ):
        numbers = np.full(len(values), np.nan)
        known = ~np.asarray(pd.isna(values), dtype=bool)
        numbers[known] = np.asarray(values, dtype=object)[known].astype(np.float64)
        return numbers
    if _is_extension(values):
        return pd.Series(values).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(values, dtype=np.float64)


def _is_extension(values: Any) -> bool:
    dtype = getattr(values, "dtype", None)
    return isinstance(dtype, pd.api.extensions.ExtensionDtype)


def _says_levels(values: Any) -> bool:
    """Tell whether a column holds levels; one without values may come to hold any."""
    if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
        return True
    if _is_of_numbers(values):
        return False
    return is_text(values) or not len(known_values(values))


def _is_of_numbers(values: Any) -> bool:
    """Tell whether the type says that a column holds numbers."""
    return hasattr(values, "dtype") and pd.api.types.is_numeric_dtype(values.dtype)


def _check(
    columns: Sequence[Column], marks: Sequence[bool], taker: str, reason: str
) -> None:
    faults: list[tuple[str, Fault]] = []
    for column, is_category in zip(columns, marks, strict=True):
        if is_category:
            fault = fault_of_levels(column.values)
        else:
            real = _is_of_numbers(column.values) and column.values.dtype.kind != "c"
            fault = None if real else fault_of_numbers(column.values)
        if fault is not None:
            faults.append((column.name, fault))
    refuse(faults, "X", taker, reason)


def _factorized(values: Any) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the number of each row's level, -1 for a gap, and the levels."""
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, pd.SparseDtype):
        values = np.asarray(values)
    codes, levels = pd.factorize(values)
    # Not to a list, which would show the digits that single precision lacks.
    return codes, list(np.asarray(levels))


def _key(level: Any) -> str:
    """Return the name of a level, alike for numbers and truth values of any type."""
    if isinstance(level, str):
        return str(level)
    number = float(level)
    if number.is_integer():  # large ones are not taken through a float
        return str(int(level) if isinstance(level, Integral) else int(number))
    single = np.float32(number)
    # A number in single precision has one name, also where it was made a float64.
    return str(single) if float(single) == number else repr(number)


def _precision(levels: Sequence[Any]) -> str:
    """Return the type of levels that are floating-point numbers of NumPy."""
    types = {level.dtype.name for level in levels if isinstance(level, np.floating)}
    return min(types, key=lambda own: np.finfo(own).bits, default="float64")


def _order(level: Any) -> Any:
    return level if isinstance(level, str) else float(level)

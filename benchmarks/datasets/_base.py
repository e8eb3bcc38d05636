"""What a data set is, what a source of one does, and how either fails."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Task = Literal["classification", "regression"]
Folder = str | os.PathLike[str]

#: Seconds of silence after which a server is given up.
TIMEOUT = 30.0


class DatasetUnavailable(RuntimeError):  # noqa: N818 - says more than "...Error"
    """A data set cannot be had; the message is one sentence with the remedy."""


class Problem(Exception):  # noqa: N818 - never leaves this package
    """What is wrong, and what to do about it: the two halves of a sentence."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def about(self, title: str) -> DatasetUnavailable:
        """Make the whole sentence, on one line."""
        sentence = f"{title} cannot be loaded: {self.what}; {self.hint}."
        return DatasetUnavailable(" ".join(sentence.split()))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table with its target, as it came from its source.

    Parameters
    ----------
    name : str
        The name that `load` knows it by, safe in file names.
    X : pandas.DataFrame of shape (n_samples, n_features)
        Raw features: numbers of any dtype, categories, booleans, strings, gaps.
    y : ndarray of shape (n_samples,)
        Labels (strings, booleans or whole numbers), or float64 for a regression.
    task : {"classification", "regression"}
        What is to be learnt.
    source : str
        Where it comes from, e.g. "OpenML 183".
    groups : ndarray of shape (n_samples,) or None, default=None
        Rows of one group stay in one fold.
    times : ndarray of shape (n_samples,) or None, default=None
        Rows are tested by what was learnt from earlier ones.
    left_out : dict of str to str, default={}
        Columns of the source that are no features, with the reason.
    """

    name: str
    X: pd.DataFrame
    y: NDArray[Any]
    task: Task
    source: str
    groups: NDArray[Any] | None = None
    times: NDArray[Any] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name without its origin, for tables: "iris" for "sklearn_iris"."""
        return short_name(self.name)

    @cached_property
    def is_plain(self) -> bool:
        """Whether all features are numbers without gaps: a matrix says it all."""
        numbers = self.X.select_dtypes("number")
        return numbers.shape == self.X.shape and not numbers.isna().any(axis=None)

    @cached_property
    def n_duplicates(self) -> int:
        """Rows whose features and target repeat an earlier row's."""
        target = pd.Series(self.y, index=self.X.index)
        return int(pd.concat([self.X, target], axis=1).duplicated().sum())

    @property
    def most_folds(self) -> int:
        """Folds that its rows can be dealt to, stratified if it has classes."""
        if self.task == "regression":
            return len(self.y)
        return int(np.unique(self.y, return_counts=True)[1].max())


class Source(Protocol):
    """Something that can give a data set: a row of the registry."""

    @property
    def name(self) -> str:
        """The name that `load` knows it by."""

    @property
    def rows(self) -> int | None:
        """Number of rows, if that is known without loading it."""

    def load(self, cache: Folder | None, timeout: float) -> Dataset:
        """Give the data set or raise `DatasetUnavailable`."""


def short_name(name: str) -> str:
    """Drop the origin from a name, and what tells apart a user's own tables.

    Examples
    --------
    >>> short_name("sklearn_iris"), short_name("iris.csv+0a1b2c3d")
    ('iris', 'iris.csv')
    """
    return re.sub(r"\+[0-9a-f]{8}$", "", name.removeprefix("sklearn_"))

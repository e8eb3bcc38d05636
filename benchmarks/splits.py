"""Folds of a data set, as matrices or frames."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from benchmarks import datasets
from benchmarks.datasets import Dataset, OwnTable, Task
from benchmarks.jobs import Job


@dataclass(frozen=True, eq=False)
class Split:
    """The training and the test rows of one fold.

    Tables have the shape (n, n_features). They are float32 matrices, and what these
    were made with was learnt from the training rows; or they are rows of the set's
    frame, with its categories and gaps.
    """

    X_train: Any
    y_train: NDArray[Any]
    X_test: Any
    y_test: NDArray[Any]
    #: What a result says of its data: ``n_train``, ``n_test``, ``n_classes``,
    #: ``rare_classes`` (with fewer rows than there are folds) where there are
    #: classes, and ``n_duplicates`` (rows of the set that repeat another).
    facts: dict[str, Any] = field(default_factory=dict)
    #: What `prepare` of an experiment keeps for `measure`, such as the real labels.
    aside: dict[str, NDArray[Any]] = field(default_factory=dict)
    #: Further arguments of ``fit``.
    fit_params: dict[str, Any] = field(default_factory=dict)

    def with_labels(self, y_train: NDArray[Any], **aside: NDArray[Any]) -> Split:
        """Return the split with other training labels; the tables are shared."""
        return replace(self, y_train=y_train, aside=aside)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return _nbytes(self.X_train) + _nbytes(self.X_test)


def split(
    job: Job,
    root: str | None = None,
    *,
    frames: bool = False,
    table: OwnTable | None = None,
    task: Task = "classification",
) -> Split:
    """Make the split that a job is about, from the openml client's cache in `root`.

    The set must be for the task. A table of the user's own takes the place of the named
    sets, and may be for either.

    Jobs on one fold get the same object, so that what is trained together shares its
    tables. With `frames`, tables with categories or gaps are handed over as they are;
    numbers without gaps are a matrix in any case.

    Raises
    ------
    benchmarks.datasets.DatasetUnavailable
        If the data set cannot be had.
    ValueError
        If it has no class with a row for each fold.
    """
    where = job.dataset, job.folds, job.repeat, job.fold
    return _split(*where, root, frames, table, task)


def forget() -> None:
    """Let the splits go: they take memory."""
    _split.cache_clear()


@lru_cache(maxsize=2)
def _dataset(
    name: str, root: str | None, table: OwnTable | None, task: Task
) -> Dataset:
    if table is not None:
        data = table.load(root)
        if data.name != name:
            raise datasets.DatasetUnavailable(
                f"{table.label} was changed meanwhile; run the same command again."
            )
        return data
    data = datasets.load(name, root)
    if data.task != task:
        what = {"classification": "classes", "regression": "numbers"}
        raise datasets.DatasetUnavailable(
            f"{name} cannot be used: its target is no {what[task]} but "
            f"{what[data.task]}; choose another set."
        )
    return data


@cache
def _split(
    dataset: str,
    folds: int,
    repeat: int,
    fold: int,
    root: str | None,
    frames: bool,
    table: OwnTable | None,
    task: Task,
) -> Split:
    data = _dataset(dataset, root, table, task)
    train, test = deal(data, folds, repeat)[fold]
    X_train, X_test = data.X.iloc[train], data.X.iloc[test]
    if data.is_plain or not frames:
        preprocessing = datasets.preprocessing()
        X_train = preprocessing.fit_transform(X_train)
        X_test = preprocessing.transform(X_test)
    return Split(
        X_train,
        data.y[train],
        X_test,
        data.y[test],
        {"n_train": len(train), "n_test": len(test)} | _facts(data, folds),
    )


@lru_cache(maxsize=16)
def deal(
    data: Dataset, folds: int, repeat: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Deal the rows out; the same folds for every method of a repeat.

    Classes are stratified, groups stay together, and where rows have times each fold
    is tested by what is learnt from earlier times. One fold is the whole set, to look
    at what was learnt and not to judge it.
    """
    rows = np.arange(len(data.y))
    if folds == 1:
        return [(rows, rows)]
    if data.times is not None:
        times, when = np.unique(data.times, return_inverse=True)
        parts = TimeSeriesSplit(folds).split(times)
        return [(rows[np.isin(when, a)], rows[np.isin(when, b)]) for a, b in parts]
    shuffled = _SPLITTERS[data.task, data.groups is not None](
        folds, shuffle=True, random_state=repeat
    )
    with warnings.catch_warnings():
        # A class may have fewer rows than there are folds (abalone has a class of one
        # row): it is then absent from some folds. `rare_classes` says so instead.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(shuffled.split(rows, data.y, data.groups))


#: By the task, and by whether there are groups.
_SPLITTERS: Final[Mapping[tuple[Task, bool], Callable[..., Any]]] = {
    ("classification", False): StratifiedKFold,
    ("classification", True): StratifiedGroupKFold,
    ("regression", False): KFold,
    ("regression", True): GroupKFold,
}


def _facts(data: Dataset, folds: int) -> dict[str, int]:
    facts = {"n_duplicates": data.n_duplicates}
    if data.task == "classification":
        counts = np.unique(data.y, return_counts=True)[1]
        facts |= {"n_classes": len(counts), "rare_classes": int((counts < folds).sum())}
    return facts


def _nbytes(table: NDArray[np.float32] | pd.DataFrame) -> int:
    if isinstance(table, pd.DataFrame):
        return int(table.memory_usage(deep=True).sum())
    return table.nbytes

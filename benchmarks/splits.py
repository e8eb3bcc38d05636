"""Stratified folds of a data set, as matrices."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from benchmarks import datasets
from benchmarks.datasets import Dataset
from benchmarks.jobs import Job


@dataclass(frozen=True, eq=False)
class Split:
    """The training and the test rows of one fold, preprocessed.

    Matrices have the shape (n, n_features); what they were made with was learnt from
    the training rows.
    """

    X_train: NDArray[np.float32]
    y_train: NDArray[Any]
    X_test: NDArray[np.float32]
    y_test: NDArray[Any]
    #: What a result says of its data: ``n_train``, ``n_test``, ``n_classes``,
    #: ``rare_classes`` (with fewer rows than there are folds) and ``n_duplicates``
    #: (rows of the set that repeat another).
    facts: dict[str, Any] = field(default_factory=dict)
    #: What `prepare` of an experiment keeps for `measure`, such as the real labels.
    aside: dict[str, NDArray[Any]] = field(default_factory=dict)

    def with_labels(self, y_train: NDArray[Any], **aside: NDArray[Any]) -> Split:
        """Return the split with other training labels; the matrices are shared."""
        return replace(self, y_train=y_train, aside=aside)


def split(job: Job, root: str | None = None) -> Split:
    """Make the split that a job is about, from the openml client's cache in `root`.

    Jobs on one fold get the same object, so that what is trained together shares its
    matrices.

    Raises
    ------
    benchmarks.datasets.DatasetUnavailable
        If the data set cannot be had.
    ValueError
        If it has no class with a row for each fold.
    """
    return _split(job.dataset, job.folds, job.repeat, job.fold, root)


def forget() -> None:
    """Let the splits go: they take memory."""
    _split.cache_clear()


@lru_cache(maxsize=2)
def _dataset(name: str, root: str | None) -> Dataset:
    data = datasets.load(name, root)
    if data.task != "classification":
        raise datasets.DatasetUnavailable(
            f"{name} cannot be used: its target is no classes but numbers; choose "
            "another set."
        )
    return data


@cache
def _split(dataset: str, folds: int, repeat: int, fold: int, root: str | None) -> Split:
    data = _dataset(dataset, root)
    train, test = _folds(data, folds, repeat)[fold]
    preprocessing = datasets.preprocessing()
    return Split(
        preprocessing.fit_transform(data.X.iloc[train]),
        data.y[train],
        preprocessing.transform(data.X.iloc[test]),
        data.y[test],
        {"n_train": len(train), "n_test": len(test)} | _facts(data, folds),
    )


@lru_cache(maxsize=16)
def _folds(
    data: Dataset, folds: int, repeat: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Deal the rows out; the same folds for every method of a repeat.

    One fold is the whole set, to look at what was learnt and not to judge it.
    """
    if folds == 1:
        rows = np.arange(len(data.y))
        return [(rows, rows)]
    shuffled = StratifiedKFold(folds, shuffle=True, random_state=repeat)
    with warnings.catch_warnings():
        # A class may have fewer rows than there are folds (abalone has a class of one
        # row): it is then absent from some folds. `rare_classes` says so instead.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(shuffled.split(np.zeros(len(data.y)), data.y))


def _facts(data: Dataset, folds: int) -> dict[str, int]:
    counts = np.unique(data.y, return_counts=True)[1]
    return {
        "n_classes": len(counts),
        "rare_classes": int((counts < folds).sum()),
        "n_duplicates": data.n_duplicates,
    }

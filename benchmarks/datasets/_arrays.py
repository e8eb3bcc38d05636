"""Rows that are arrays, such as images: of named sets, or of a user's NPZ file."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets._base import Dataset, Problem
from benchmarks.files import reason

#: The last axes of named sets: channels, height and width.
SHAPES: Final[Mapping[str, tuple[int, int, int]]] = {
    "sklearn_digits": (1, 8, 8),
    "cifar_10": (3, 32, 32),
    "fashion_mnist": (1, 28, 28),
    "chirps": (1, 32, 32),
}


@dataclass(frozen=True, eq=False)
class Arrays:
    """Rows that are arrays, with their classes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, channels, height, width)
        Rows, of dtype float32.
    y : ndarray of shape (n_samples,)
        Labels.
    n_test : int, default=0
        How many of the last rows are those to test by; 0 where none are named.
    name : str, default=""
        Name of a user's file, which changes with its content.
    """

    X: NDArray[np.float32]
    y: NDArray[Any]
    n_test: int = 0
    name: str = ""


def as_arrays(data: Dataset) -> Arrays:
    """Give the rows of a named set their shape."""
    X = data.X.to_numpy(dtype=np.float32)
    return Arrays(X.reshape(-1, *SHAPES[data.name]), data.y)


@dataclass(frozen=True)
class OwnArrays:
    """Arrays in a NPZ file of the user's own.

    Parameters
    ----------
    path : Path
        The file. It holds ``X`` of shape (n, height, width) or (n, channels, height,
        width), ``y`` of shape (n,) and, if rows to test by are given, ``X_test`` and
        ``y_test``. Nothing in it is unpickled.
    """

    path: Path

    @property
    def name(self) -> str:
        """A name that changes with what the file holds."""
        try:
            with self.path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            what = f"it cannot be read ({reason(error)})"
            problem = Problem(what, f"check the path {self.path}")
            raise problem.about(self.path.name) from error
        slug = re.sub(r"[^\w.-]+", "-", self.path.name)[:60]
        return f"{slug}+{content[:8]}"

    def load(self) -> Arrays:
        """Read the file and see whether it can be learnt from.

        Raises
        ------
        DatasetUnavailable
            If it cannot; it says why and what to do, in one sentence.
        """
        try:
            return _arrays(self.path, self.name)
        except Problem as problem:
            raise problem.about(self.path.name) from problem


@lru_cache(maxsize=1)
def _arrays(path: Path, name: str) -> Arrays:
    """Read and check a file whose content has a name: another one is read anew."""
    return replace(_checked(_read(path)), name=name)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    hint = "write it by numpy.savez(file, X=X, y=y), with plain numbers and labels"
    if not zipfile.is_zipfile(path):
        raise Problem("it is no NPZ file", hint)
    try:
        with np.load(path, allow_pickle=False) as content:
            return dict(content)
    except Exception as error:  # whatever the reader makes of a damaged file
        words = " ".join(str(error).split())[:120].rstrip(".")
        raise Problem(f"it cannot be read ({words})", hint) from error


def _checked(content: Mapping[str, NDArray[Any]]) -> Arrays:
    wanted = ["X", "y"]
    if {"X_test", "y_test"} & content.keys():
        wanted += ["X_test", "y_test"]
    for name in wanted:
        if name not in content:
            known = ", ".join(content) or "none"
            hint = "rename one" if content else "write X and y"
            raise Problem(f"it has no array {name!r} (its arrays: {known})", hint)
    parts = [_rows(content, *wanted[at : at + 2]) for at in range(0, len(wanted), 2)]
    if len({X.shape[1:] for X, _ in parts}) > 1:
        shapes = " and ".join(str(X.shape) for X, _ in parts)
        hint = "give all rows one shape"
        raise Problem(f"the rows of X and X_test differ in shape ({shapes})", hint)
    X, y = (np.concatenate(both) for both in zip(*parts, strict=True))
    n_test = len(parts[1][1]) if len(parts) > 1 else 0
    classes, counts = np.unique(parts[0][1], return_counts=True)
    if len(classes) < 2:
        raise Problem(f"y has one class only ({classes[0]})", "give several classes")
    if not n_test and counts.min() < 2:
        rare = classes[counts.argmin()]
        hint = "give it more rows, or leave it out"
        raise Problem(f"class {rare} has one row, to learn from or to test by", hint)
    return Arrays(X, y, n_test)


def _rows(
    content: Mapping[str, NDArray[Any]], name: str, target: str
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Check rows and their labels, and give the rows an axis of channels."""
    X, y = content[name], content[target]
    if X.ndim not in (3, 4) or not X.size:
        what = f"{name} has the shape {X.shape}"
        hint = "make it (n, height, width) or (n, channels, height, width)"
        raise Problem(what, hint)
    if y.shape != X.shape[:1]:
        what = f"{target} has the shape {y.shape}, but {name} has {len(X)} rows"
        raise Problem(what, "give one label for each row")
    if X.dtype.kind not in "biuf" or not np.isfinite(X).all():
        raise Problem(f"{name} holds more than finite numbers", "see to its values")
    if y.dtype.kind not in "biuU":
        hint = "give whole numbers or text"
        raise Problem(f"{target} holds no labels but {y.dtype}", hint)
    X = X.astype(np.float32)
    return (X[:, None] if X.ndim == 3 else X), y

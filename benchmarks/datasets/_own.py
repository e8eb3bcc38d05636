"""A table of the user's own: a CSV, Parquet or ARFF file, or one of OpenML's."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.datasets._base import (
    TIMEOUT,
    Dataset,
    DatasetUnavailable,
    Folder,
    Problem,
    Task,
)
from benchmarks.datasets._openml_sets import OpenMLSet
from benchmarks.files import reason

#: Different whole numbers that are taken for classes, at most.
MOST_CLASSES: Final = 20
#: Rows that each of them needs, on average.
ROWS_PER_CLASS: Final = 5
#: Names of columns that a sentence lists.
MOST_NAMES: Final = 12

SECONDS_PER_DAY: Final = 86_400
_LEAVE_OUT = "leave it out with --without"


@dataclass(frozen=True)
class OwnTable:
    """Where a table is, and what its columns are for.

    Parameters
    ----------
    source : Path or int
        A file, by its ending CSV (``.csv``, ``.tsv``, ``.txt``), Parquet
        (``.parquet``, ``.pq``) or ARFF (``.arff``), or OpenML's number.
    target : str or None, default=None
        The column to predict; None is the target that OpenML names.
    task : {"classification", "regression"} or None, default=None
        None decides by the target: text, categories, truth values and few different
        whole numbers are classes.
    groups, time : str or None, default=None
        The column whose values keep their rows in one fold, or order the rows. It is
        no feature.
    without : tuple of str, default=()
        Columns that are left out.
    """

    source: Path | int
    target: str | None = None
    task: Task | None = None
    groups: str | None = None
    time: str | None = None
    without: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What sentences call it."""
        if isinstance(self.source, Path):
            return self.source.name
        return f"OpenML {self.source}"

    def load(self, cache: Folder | None = None, timeout: float = TIMEOUT) -> Dataset:
        """Read the table and see whether it can be learnt from.

        Raises
        ------
        DatasetUnavailable
            If it cannot; it says why and what to do, in one sentence.
        """
        try:
            X, target, left_out = self._read(cache, timeout)
            y, task = _target(target, self.task)
            groups = _role(X, self.groups)
            times = _times(_role(X, self.time), f"its column {self.time!r}")
            X, empty = _features(X.drop(columns=self._roles()))
        except Problem as problem:
            raise problem.about(self.label) from problem
        return Dataset(
            self._name(task),
            X.reset_index(drop=True),
            y,
            task,
            self.label,
            groups=groups,
            times=times,
            left_out=left_out | empty,
        )

    def _roles(self) -> list[str]:
        return [name for name in (self.groups, self.time) if name is not None]

    def _name(self, task: Task) -> str:
        """Name the table so that no other, and no other use of it, has its name."""
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            title = self.source.name
        else:
            content, title = "", f"openml_{self.source}"
        uses = [content, title, self.target, task, self.groups, self.time, self.without]
        slug = re.sub(r"[^\w.-]+", "-", title)[:60]
        return f"{slug}+{hashlib.sha256(json.dumps(uses).encode()).hexdigest()[:8]}"

    def _read(
        self, cache: Folder | None, timeout: float
    ) -> tuple[pd.DataFrame, pd.Series[Any], dict[str, str]]:
        """Read features, target, and why further columns of the file are left out."""
        if isinstance(self.source, Path):
            frame = read_file(self.source)
            require_columns(frame.columns, [self.target, *self._roles(), *self.without])
            X, y = frame.drop(columns=[self.target]), frame[self.target]
        else:
            X, y = self._read_openml(self.source, cache, timeout)
            require_columns(X.columns, [*self._roles(), *self.without])
        left_out = dict.fromkeys(self.without, "as asked for")
        X = X.drop(columns=list(self.without))
        if len(X.columns) and _counts_rows(X.iloc[:, 0]):
            left_out["the first column"] = "it has no name and counts the rows"
            X = X.iloc[:, 1:]
        return X, y, left_out

    def _read_openml(
        self, data_id: int, cache: Folder | None, timeout: float
    ) -> tuple[pd.DataFrame, pd.Series[Any]]:
        name = f"openml_{data_id}"
        try:
            data = OpenMLSet(name, data_id, self.target).load(cache, timeout)
        except DatasetUnavailable:
            if self.target is not None:  # is it the name alone that is wrong?
                data = OpenMLSet(name, data_id).load(cache, timeout)
                require_columns(data.X.columns, [self.target])
            raise
        return data.X, pd.Series(data.y, name=self.target or "the target")


def require_columns(columns: Iterable[object], wanted: Iterable[str | None]) -> None:
    """Raise a `Problem` that names the columns that are like a missing one."""
    known = list(map(str, columns))
    for name in wanted:
        if name in known:
            continue
        more = len(known) - MOST_NAMES
        shown = ", ".join(known[:MOST_NAMES]) + f" and {more} more" * (more > 0)
        if name is None:
            raise Problem("no target is named", f"name one by --target: {shown}")
        close = difflib.get_close_matches(name, known, n=2)
        guess = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
        raise Problem(f"it has no column {name!r}{guess}", f"its columns are {shown}")


def read_file(path: Path) -> pd.DataFrame:
    """Read a file by its ending, or raise a `Problem`."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(_READERS)
        raise Problem(f"its ending is none of {kinds}", "convert or rename it")
    if not path.exists():
        beside = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, beside, n=1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        raise Problem(f"there is no such file{guess}", f"check the path {path}")
    if not path.is_file():
        raise Problem("it is no file", f"check the path {path}")
    try:
        frame = reader(path)
    except Problem:
        raise
    except OSError as error:
        raise Problem(f"it cannot be read ({reason(error)})", "see to that") from error
    except ImportError as error:
        raise Problem(f"a package is missing ({error})", "install it") from error
    except Exception as error:  # whatever the readers make of a damaged file
        words = " ".join(str(error).split())[:120].rstrip(".")
        what = f"it cannot be read ({type(error).__name__}: {words})"
        raise Problem(what, "see whether it is what its ending says") from error
    if frame.empty:
        size = f"{len(frame)} rows and {frame.shape[1]} columns"
        raise Problem(f"it has {size}", "give a table with rows")
    return frame.rename(columns=str)


def _read_csv(path: Path) -> pd.DataFrame:
    """Read text that is separated by what cuts its first line into most names."""
    with warnings.catch_warnings():
        # Cells beyond the header's would be lost; empty ones, as of a separator at the
        # end of each row, are none.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                path,
                sep=_separator(path),
                encoding="utf-8-sig",
                na_values=["?"],
                skipinitialspace=True,
                low_memory=False,
                index_col=False,
            )
        except pd.errors.ParserWarning as warning:
            what = "its rows have more cells than its first line has names"
            raise Problem(what, "name each column in the first line") from warning


def _separator(path: Path) -> str:
    def n_names(separator: str) -> int:
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                # Strictly: a quoted name ends before a separator, or it is another one.
                rows = csv.reader(
                    file, delimiter=separator, skipinitialspace=True, strict=True
                )
                return len(next(rows, []))
            except csv.Error:
                return 0

    separators = ",;\t|"
    found = max(separators, key=n_names)
    if n_names(found) > 1:
        return found
    with path.open(encoding="utf-8-sig") as file:
        return max(separators, key=file.readline().count)


def _read_arff(path: Path) -> pd.DataFrame:
    import arff

    with path.open(encoding="utf-8") as file:
        content = arff.load(file)
    kinds = dict(content["attributes"])
    frame = pd.DataFrame(content["data"], columns=list(kinds))
    for name, kind in kinds.items():
        if isinstance(kind, list):
            frame[name] = frame[name].astype(pd.CategoricalDtype(kind))
        elif kind.upper() != "STRING":
            frame[name] = frame[name].astype("float64")
    return frame


_READERS: Final[Mapping[str, Callable[[Path], pd.DataFrame]]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), _read_csv),
    **dict.fromkeys((".parquet", ".pq"), pd.read_parquet),
    ".arff": _read_arff,
}


def _counts_rows(column: pd.Series[Any]) -> bool:
    """Tell a frame's index that was written to a file beside the columns."""
    unnamed = str(column.name).startswith("Unnamed: ")
    if not unnamed or not pd.api.types.is_integer_dtype(column):
        return False
    return bool((np.diff(column) == 1).all() and column.iloc[0] in (0, 1))


def _target(y: pd.Series[Any], task: Task | None) -> tuple[NDArray[Any], Task]:
    """Read the target as labels or as numbers, and say which."""
    what, another = f"its target {y.name!r}", "choose another column by --target"
    if gaps := int(y.isna().sum()):
        hint = "fill these cells or take the rows out"
        raise Problem(f"{what} is missing in {gaps} of {len(y)} rows", hint)
    plain = _plain(y, what)
    kind = task or infer_task(plain)
    if kind == "regression":
        numbers = pd.to_numeric(plain, errors="coerce").to_numpy(dtype="float64")
        if not np.isfinite(numbers).all():
            example = plain[~np.isfinite(numbers)].iloc[0]
            hint = f"choose --task classification, or {another}"
            raise Problem(f"{what} is no number in some rows ({example!r})", hint)
        values, kinds = numbers, "value"
    else:
        values, kinds = _labels(plain), "class"
    found = np.unique(values)
    if len(found) < 2:
        raise Problem(f"{what} holds one {kinds} only ({found[0]})", another)
    if kind == "classification" and len(found) > len(values) / 2:
        hint = f"choose --task regression if these are numbers, or {another}"
        raise Problem(f"{what} has {len(found)} classes in {len(values)} rows", hint)
    return values, kind


def infer_task(y: pd.Series[Any]) -> Task:
    """Take text, categories, truth values and few whole numbers for classes."""
    types = pd.api.types
    if types.is_bool_dtype(y) or not types.is_numeric_dtype(y):
        return "classification"
    whole = bool((y == y.round()).all())
    few = y.nunique() <= min(MOST_CLASSES, len(y) / ROWS_PER_CLASS)
    return "classification" if whole and few else "regression"


def _labels(y: pd.Series[Any]) -> NDArray[Any]:
    """Give whole numbers and truth values as they are, all else as text."""
    types = pd.api.types
    if types.is_bool_dtype(y):
        return y.to_numpy(dtype=bool)
    if types.is_integer_dtype(y):
        return y.to_numpy()
    # Larger floats are no int64.
    if types.is_numeric_dtype(y) and (y == y.round()).all() and y.abs().max() < 2**53:
        return y.to_numpy(dtype="int64")
    return np.array(list(map(str, y)))


def _role(X: pd.DataFrame, name: str | None) -> NDArray[Any] | None:
    """Give the values of a column that groups or orders the rows, if there is one."""
    if name is None:
        return None
    column = X[name]
    if gaps := int(column.isna().sum()):
        what = f"its column {name!r} is empty in {gaps} of {len(X)} rows"
        raise Problem(what, "folds need a value in each: fill these cells")
    return column.to_numpy()


def _times(values: NDArray[Any] | None, what: str) -> NDArray[Any] | None:
    """Read numbers as they are, text and dates as dates."""
    if values is None:
        return None
    column = pd.Series(values)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype="float64")
    try:
        dates = pd.to_datetime(column, utc=True, format="ISO8601")
        return dates.astype("int64").to_numpy()
    except (ValueError, TypeError) as error:
        what = f"{what} is neither numbers nor dates ({column.iloc[0]!r})"
        hint = "write dates as 2024-12-31, or name another one by --time"
        raise Problem(what, hint) from error


def _features(X: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Make each column numbers, truth values, categories or text."""
    empty = [name for name in X.columns if X[name].isna().all()]
    X = X.drop(columns=empty)
    if X.shape[1] == 0:
        hint = "give a table with columns beside the target"
        raise Problem("no feature is left", hint)
    plain = {name: _plain(X[name], f"its column {name!r}") for name in X.columns}
    for name, column in plain.items():
        if pd.api.types.is_float_dtype(column) and np.isinf(column).any():
            raise Problem(f"its column {name!r} holds infinite numbers", _LEAVE_OUT)
    return pd.DataFrame(plain), dict.fromkeys(empty, "no value in any row")


def _plain(column: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Give a column one of numpy's dtypes, a category dtype, or text; dates as days."""
    types = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if column.dtype == object:
        column = _plain_objects(column, what)
    if types.is_datetime64_any_dtype(column):
        since = pd.to_datetime(column, utc=True) - pd.Timestamp(0, tz="UTC")
        return since.dt.total_seconds() / SECONDS_PER_DAY
    if types.is_timedelta64_dtype(column):
        return column.dt.total_seconds() / SECONDS_PER_DAY
    if types.is_string_dtype(column):
        return column.astype(object).where(column.notna(), None)
    if types.is_bool_dtype(column) and not column.isna().any():
        return column.astype(bool)
    if types.is_bool_dtype(column) or types.is_numeric_dtype(column):
        has_gaps = types.is_extension_array_dtype(column) and column.isna().any()
        whole = types.is_integer_dtype(column) and not has_gaps
        return column.astype("int64" if whole else "float64")
    raise Problem(f"{what} holds values of the kind {column.dtype}", _LEAVE_OUT)


def _plain_objects(column: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Give objects the dtype of what they are; text and numbers mixed are text."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    match kind:
        case "string":
            return column
        case "boolean":
            return column.astype("boolean")
        case "integer" | "floating" | "mixed-integer-float" | "decimal":
            return pd.to_numeric(column)
        case "date" | "datetime" | "datetime64":
            return pd.to_datetime(column)
        case "mixed-integer":
            return column.map(str, na_action="ignore")
    raise Problem(f"{what} holds values of the kind {kind}", _LEAVE_OUT)

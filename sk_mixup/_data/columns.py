"""Columns: whether they hold quantities that a network can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

NAMES_SHOWN = 3
NUMERIC_KINDS = "biufc"  # of NumPy; complex numbers are refused by scikit-learn
NUMBERS = {"integer", "floating", "mixed-integer-float", "boolean", "decimal"}
KINDS = {  # pandas.api.types.infer_dtype -> ours
    "string": "text",
    "bytes": "bytes",
    "categorical": "categories",
    "date": "dates",
    "datetime": "dates",
    "datetime64": "dates",
    "period": "dates",
    "timedelta": "durations",
    "timedelta64": "durations",
    "interval": "intervals",
    "time": "times of day",
}
REMEDIES = {
    "text": "encode text first, by OneHotEncoder or OrdinalEncoder in a "
    "ColumnTransformer, or the whole table by skrub's TableVectorizer",
    "numbers as text": "turn quantities into numbers by pd.to_numeric, and encode "
    "codes by OneHotEncoder",
    "text and numbers": "make a category text as a whole, by astype(str), or turn "
    "quantities into numbers, by pd.to_numeric",
    "bytes": "make them text first, by str.decode('utf-8')",
    "categories": "encode them first, by OneHotEncoder or OrdinalEncoder in a "
    "ColumnTransformer, or turn them into numbers by astype(float) if they are "
    "quantities",
    "dates": "turn them into quantities first, such as days since the earliest of "
    "them, or the whole table by skrub's TableVectorizer",
    "durations": "turn them into numbers first, such as seconds by dt.total_seconds()",
    "intervals": "turn them into numbers first, such as their middles",
    "times of day": "turn them into numbers first, such as minutes since midnight",
}
COULD_BE_LEVELS = ("text", "numbers as text", "categories")
REMEDIES_OF_TARGETS = {
    **REMEDIES,
    "numbers as text": "turn them into numbers by pd.to_numeric",
    "text and numbers": "turn them into numbers by pd.to_numeric",
    "text": "MixupRegressor predicts numbers; use MixupClassifier for classes",
    "categories": "MixupRegressor predicts numbers; use MixupClassifier for classes, "
    "or turn quantities into numbers by astype(float)",
    "dates": "turn them into numbers first, such as days since the earliest of them",
}


class Column(NamedTuple):
    """A column whose type leaves open whether it holds numbers."""

    name: str
    values: Any


class Fault(NamedTuple):
    """Why a column cannot be used, and a value that shows it."""

    kind: str
    example: Any


Faults = Sequence[tuple[str, Fault]]
NOT_NAMED = ", but categorical_features does not name it"
OF_MODULE = ", but a module takes numbers only"


def check_quantities(table: Any, called: str, taker: str, reason: str = "") -> None:
    """Refuse columns that hold no numbers, by name and with the remedy.

    Types are looked at first, and values of only those columns whose type does not say
    that they are numbers.

    Parameters
    ----------
    table : array-like
        Features, or the targets of a regressor.
    called : {"X", "y"}
        What the user calls it.
    taker : str
        The class that would take it.
    reason : str, default=""
        Why it takes numbers only.
    """
    check_container(table, called)
    found = ((column.name, _fault(column.values)) for column in _doubtful(table))
    faults = [(name, fault) for name, fault in found if fault is not None]
    refuse(faults, called, taker, reason)


def refuse(faults: Faults, called: str, taker: str, reason: str = "") -> None:
    """Raise what is wrong with columns, those of the first kind together."""
    if not faults:
        return
    kind, example = faults[0][1]
    names = [name for name, fault in faults if fault.kind == kind]
    if kind == "missing":
        raise ValueError(missing(called, names, taker, reason))
    remedies = REMEDIES if called == "X" else REMEDIES_OF_TARGETS
    subject = _subject(called, names, "holds", "hold")
    if kind == "object":
        raise TypeError(f"{subject} objects, not numbers: {_words(example)}.")
    why = reason if kind in COULD_BE_LEVELS else ""
    raise ValueError(f"{subject} {_described(kind, example)}{why}: {remedies[kind]}.")


def check_container(table: Any, called: str) -> None:
    """Refuse what is neither an array nor a frame with usable names."""
    if isinstance(table, dict | set | str):
        raise TypeError(
            f"{called} must be an array or a frame, got a {type(table).__name__}."
        )
    if hasattr(table, "collect") and hasattr(table, "lazy"):
        raise TypeError(
            f"{called} must be an array or a frame: of a {type(table).__name__} give "
            f"{called}.collect()."
        )
    if hasattr(table, "compute") and hasattr(table, "divisions"):
        raise TypeError(
            f"{called} must be an array or a frame: of Dask's {type(table).__name__} "
            f"give {called}.compute()."
        )
    columns = hasattr(table, "to_pandas") and hasattr(table, "schema")
    if columns and _frame(table) is None:
        raise TypeError(
            f"{called} must be an array or a frame: of a {type(table).__name__} give "
            f"{called}.to_pandas()."
        )
    if isinstance(table, pd.DataFrame) and called == "X":
        _check_names(table.columns)
        _check_fill(table)


def _check_names(names: pd.Index[Any]) -> None:
    kinds = sorted({type(name).__name__ for name in names})
    if len(kinds) > 1 and "str" in kinds:
        raise TypeError(
            f"X has column names of the types {' and '.join(kinds)}: make all of them "
            "text by X.columns = X.columns.astype(str)."
        )
    if not names.is_unique:
        several = sorted({repr(name) for name in names[names.duplicated()]})
        raise ValueError(
            f"X has several columns named {listed(several)}: give each column a name "
            "of its own."
        )


def is_sparse_frame(table: Any) -> bool:
    """Tell whether all columns of a frame are sparse: it becomes a CSR matrix."""
    return (
        isinstance(table, pd.DataFrame)
        and table.shape[1] > 0
        and all(isinstance(dtype, pd.SparseDtype) for dtype in table.dtypes)
    )


def _check_fill(table: pd.DataFrame) -> None:
    """Check what scikit-learn asks of frames that are sparse as a whole."""
    if not is_sparse_frame(table):
        return
    for name, dtype in table.dtypes.items():
        if dtype.fill_value != 0:
            raise ValueError(
                f"Column {name!r} of X is sparse with the fill value "
                f"{dtype.fill_value!r}, but it must be 0: give X.sparse.to_dense(), or "
                "build it with pd.SparseDtype(float, 0)."
            )


def is_table(table: Any) -> bool:
    """Tell whether rows and columns can be told apart, of a frame or an array."""
    if _frame(table) is not None:
        return True
    array = _array_of_objects(table) if _is_nested(table) else np.asarray(table)
    return array is not None and array.ndim == 2


def says_numbers(table: Any) -> bool:
    """Tell whether the types alone say that all columns hold numbers."""
    known = isinstance(table, pd.DataFrame) or hasattr(table, "get_columns")
    if not known and _frame(table) is not None:
        return False
    return next(_doubtful(table), None) is None


def columns_of(table: Any) -> list[Column]:
    """Return all columns: text is of a type that says so, other values are as given."""
    if isinstance(table, pd.DataFrame):
        each = enumerate(table.columns)
        return [
            Column(repr(name), _with_categories(table.iloc[:, number]))
            for number, name in each
        ]
    frame = _frame(table)
    if frame is not None:
        return [Column(repr(name), _as_series(frame[name])) for name in frame.columns]
    array = _array_of_objects(table) if _is_nested(table) else np.asarray(table)
    return [Column(str(number), column) for number, column in enumerate(array.T)]


def _with_categories(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a dictionary of Arrow as what it is in pandas."""
    if not _is_dictionary(column.dtype):
        return column
    objects = column.array.to_numpy(dtype=object, na_value=None)
    return pd.Series(pd.Categorical(objects), index=column.index)


def _is_dictionary(dtype: Any) -> bool:
    return isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("dictionary")


def _frame(table: Any) -> nw.DataFrame[Any] | None:
    found = nw.from_native(table, eager_only=True, pass_through=True)
    return found if isinstance(found, nw.DataFrame) else None


def _is_nested(table: Any) -> bool:
    return isinstance(table, list | tuple)


def _as_series(column: nw.Series[Any]) -> Any:
    """Return a column of another library than pandas as a series of pandas."""
    dtype = column.dtype
    if dtype.is_integer() and column.null_count():  # which floats would round
        whole: Any = "UInt64" if isinstance(dtype, nw.UInt64) else "Int64"
        return pd.Series(column.to_list(), dtype=whole)
    if dtype.is_numeric() and not isinstance(dtype, nw.Decimal):
        return pd.Series(column.to_numpy())
    if isinstance(dtype, nw.Boolean):  # which says so, also of missing values alone
        return pd.Series(column.to_list(), dtype="boolean")
    if isinstance(dtype, nw.Categorical | nw.Enum | nw.String):
        return pd.Series(column.cast(nw.String).to_list(), dtype="string")
    return pd.Series(_as_objects(column.to_list()), dtype=object)


def _doubtful(table: Any) -> Iterator[Column]:
    """Return the columns whose type does not say that they are numbers."""
    if isinstance(table, pd.DataFrame):
        for number, (name, dtype) in enumerate(table.dtypes.items()):
            if not pd.api.types.is_numeric_dtype(dtype) or _is_dictionary(dtype):
                yield Column(repr(name), _with_categories(table.iloc[:, number]))
    elif hasattr(table, "get_columns") and hasattr(table, "schema"):  # of polars
        for column in table.get_columns():
            if not _is_numeric_in_polars(column.dtype):
                yield Column(repr(column.name), _as_objects(column.to_list()))
    elif _is_series(table):
        if not _says_numbers(table.dtype):
            in_polars = hasattr(table.dtype, "is_numeric")
            yield Column("", _as_objects(table.to_list()) if in_polars else table)
    else:
        yield from _doubtful_of_array(table)


def _doubtful_of_array(table: Any) -> Iterator[Column]:
    if _is_nested(table):
        table = _array_of_objects(table)
    if not isinstance(table, np.ndarray) or table.dtype.kind in NUMERIC_KINDS:
        return
    if table.ndim == 2:
        for number, column in enumerate(table.T):
            yield Column(str(number), column)
    elif table.ndim:
        yield Column("", table.reshape(-1))


def _array_of_objects(rows: Sequence[Any]) -> Any:
    """Return nested lists as an array, whose numbers stay numbers among text."""
    try:
        array = np.asarray(rows)
        if array.dtype.kind in NUMERIC_KINDS:
            return array
        return np.asarray(rows, dtype=object)
    except (ValueError, TypeError):  # of no common shape, as scikit-learn will say
        return None


def _is_series(table: Any) -> bool:
    return isinstance(
        table, pd.Series | pd.Index | pd.api.extensions.ExtensionArray
    ) or (hasattr(table, "to_list") and hasattr(table, "dtype"))


def _says_numbers(dtype: Any) -> bool:
    if hasattr(dtype, "is_numeric"):
        return _is_numeric_in_polars(dtype)
    return bool(pd.api.types.is_numeric_dtype(dtype))


def _is_numeric_in_polars(dtype: Any) -> bool:
    return bool(dtype.is_numeric()) or str(dtype) == "Boolean"


def _as_objects(values: list[Any]) -> NDArray[np.object_]:
    """Return a one-dimensional array of the values, even if they are sequences."""
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects


def known_values(values: Any) -> NDArray[np.object_]:
    """Return the values that are no gaps, as objects."""
    absent = np.asarray(pd.isna(values), dtype=bool)
    known: NDArray[np.object_] = np.asarray(values, dtype=object)[~absent]
    return known


def is_text(values: Any) -> bool:
    """Tell whether all values but gaps are strings, or would be if there were any."""
    known = known_values(values)
    if not len(known):
        return isinstance(getattr(values, "dtype", None), pd.StringDtype)
    return bool(pd.api.types.infer_dtype(known) == "string")


def fault_of_numbers(values: Any) -> Fault | None:
    """Return why values other than gaps are no numbers, if they are none."""
    fault = _fault(values)
    return None if fault is None or fault.kind == "missing" else fault


def fault_of_levels(values: Any) -> Fault | None:
    """Return why values other than gaps are no levels of a category, if so."""
    categories = isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)
    levels = values if not categories else pd.Series(values.dtype.categories)
    return None if is_text(levels) else fault_of_numbers(levels)


def _fault(values: Any) -> Fault | None:
    """Return why the values are no numbers, if they are none."""
    known = known_values(values)
    if not len(known):
        return Fault("missing", None) if len(values) else None
    kind = _kind(values, known)
    if kind == "mixed":
        return _fault_among_objects(known, len(values))
    if kind == "text" and not np.isnan(pd.to_numeric(known, errors="coerce")).any():
        kind = "numbers as text"
    if kind == "numbers" and len(known) < len(values):
        kind = "missing"
    return None if kind == "numbers" else Fault(kind, known[0])


def _kind(values: Any, known: NDArray[np.object_]) -> str:
    if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
        return "categories"
    # NumPy makes whole numbers of times in nanoseconds, as objects.
    is_time = getattr(getattr(values, "dtype", None), "kind", "") in "mM"
    inferred = pd.api.types.infer_dtype(values if is_time else known)
    return "numbers" if inferred in NUMBERS else KINDS.get(inferred, "mixed")


def _fault_among_objects(known: NDArray[np.object_], n_values: int) -> Fault | None:
    numbers = Real | Decimal | np.bool_
    odd = [value for value in known if not isinstance(value, numbers)]
    if odd and all(isinstance(value, str) for value in odd):
        kind = "text" if len(odd) == len(known) else "text and numbers"
        return Fault(kind, odd[0])
    if odd:
        return Fault("object", odd[0])
    return Fault("missing", None) if len(known) < n_values else None


def _words(value: Any) -> str:
    """Return what Python says of a value that is no number."""
    try:
        float(value)
    except (TypeError, ValueError) as error:
        return str(error)
    return f"{value!r} is a {type(value).__name__}"


def _described(kind: str, example: Any) -> str:
    if kind == "text":
        return f"text (could not convert string to float: {example!r})"
    if kind == "text and numbers":
        return f"text, such as {example!r}, beside numbers"
    if kind == "numbers as text":
        return f"numbers that are written as text, such as {example!r}"
    return kind


def _subject(called: str, names: Sequence[str], one: str, several: str) -> str:
    if names == [""]:
        return f"{called} {one}"
    if len(names) == 1:
        return f"Column {names[0]} of {called} {one}"
    return f"Columns {listed(names)} of {called} {several}"


def listed(names: Sequence[str]) -> str:
    """Return the first few names and how many more there are."""
    shown, rest = list(names[:NAMES_SHOWN]), len(names) - NAMES_SHOWN
    if rest > 0:
        shown.append(f"{rest} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def missing(called: str, names: Sequence[str], taker: str, reason: str = "") -> str:
    """Return what to say of missing values."""
    where = "" if names in ([""], []) else f" in column {listed(names)}"
    if called != "X":
        return (
            f"Input {called} contains NaN{where}, but {taker} needs a target for every "
            "row: leave out the rows that have none."
        )
    reason = reason or f", but {taker} does not accept missing values"
    return (
        f"Input X contains NaN{where}{reason}: put an imputer in front, as in "
        f"make_pipeline(SimpleImputer(), {taker}())."
    )

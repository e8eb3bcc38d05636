"""Features: checked rows of finite numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn import get_config
from sklearn.utils import check_array, gen_batches

from sk_mixup._data.columns import (
    OF_MODULE,
    Column,
    check_container,
    check_quantities,
    columns_of,
    is_sparse_frame,
    is_table,
    listed,
    missing,
    says_numbers,
)
from sk_mixup._sklearn import _safe_indexing

FEW_NUMBERS = 1_000  # which are looked at faster than added up
ROWS_LOOKED_AT, NUMBERS_LOOKED_AT = 10_000, 1_000_000
STEPS_NEEDED = 100  # numbers of the precision that a feature's deviation spans


def check_rows(X: Any, dtype: type[np.floating], taker: str, allow_nd: bool) -> Any:
    """Return features as an array, or a CSR matrix, of finite numbers.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Features as the user gives them.
    dtype : type
        The precision to return.
    taker : str
        The class that takes them.
    allow_nd : bool
        Whether a row may have more than one dimension, as a module takes it.
    """
    reason = OF_MODULE if allow_nd else ""
    if sparse.issparse(X):
        check_structure(X, "X")
    else:
        check_quantities(X, "X", taker, reason)
    rows = _as_array(X, dtype, taker, allow_nd)
    check_finite(rows, _names(X), taker, reason)
    return rows


def numeric_rows(X: Any, dtype: type[np.floating], taker: str, fits: bool) -> Any:
    """Return rows as an array, gaps as NaN, or a CSR matrix, if they are numbers only.

    None stands for a table whose columns must be read one by one. An array in C order
    and of ``dtype``, a memory map included, is returned itself. With ``fits`` the range
    of each column must be a number of that precision too, to be standardised in it.
    """
    if sparse.issparse(X):
        return check_rows(X, dtype, taker, allow_nd=False)
    check_container(X, "X")
    if not is_table(X):
        _refuse_shape(X, taker)
        return check_rows(X, dtype, taker, allow_nd=False)
    if not says_numbers(X):
        return None
    rows = _as_array(X, dtype, taker, allow_nd=False)
    if sparse.issparse(rows):  # of a frame of sparse columns
        check_finite(rows, _names(X), taker)
    elif not (_has_finite_range(rows) if fits else all_finite(rows)):
        wide = too_wide(rows) if fits else columns_where(rows, np.isinf)
        if len(wide) and not get_config()["assume_finite"]:
            refuse_infinite(_named(wide, _names(X)), rows.dtype, taker)
    return rows


def _refuse_shape(X: Any, taker: str) -> None:
    """Refuse what has a row of another shape, whatever it holds."""
    try:
        n_axes = np.ndim(X)
    except ValueError:  # of no shape, as scikit-learn will say
        return
    if n_axes == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: {taker} takes a row of features "
            "for each sample. Reshape your data by X.reshape(-1, 1) if it is one "
            "feature, or by X.reshape(1, -1) if it is one row."
        )
    if n_axes > 2:
        raise ValueError(
            f"Found array with dim {n_axes}, while dim <= 2 is required by {taker}: "
            "make one row of each sample by X.reshape(len(X), -1)."
        )


def table_columns(X: Any, taker: str) -> list[Column]:
    """Return the columns of a table; refuse what is none, or has no rows."""
    if not is_table(X):
        raise ValueError(
            f"Expected 2D array, a row for each sample, but {taker} got "
            f"{type(X).__name__} of another shape: one row alone is [row]."
        )
    columns = columns_of(X)
    n_rows = len(columns[0].values) if columns else 0
    if not n_rows:
        raise ValueError(
            f"Found array with {n_rows} sample(s) and {len(columns)} feature(s), while "
            f"a minimum of 1 is required by {taker}."
        )
    return columns


def _as_array(X: Any, dtype: type[np.floating], taker: str, allow_nd: bool) -> Any:
    with np.errstate(over="ignore"):  # of what is infinite then
        rows = check_array(
            X,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            ensure_all_finite=False,  # which would not say where
            allow_nd=allow_nd,
            estimator=taker,
            input_name="X",
        )
        # Of a frame of sparse truth values it is not.
        return rows.astype(dtype, copy=False)


def _names(X: Any) -> list[Any] | None:
    names = list(getattr(X, "columns", ()))
    named = names and all(isinstance(name, str) for name in names)
    return names if named else None


def all_finite(values: Any) -> bool:
    """Tell whether all values are finite; infinite ones may be assumed away."""
    if get_config()["assume_finite"]:  # which gaps, that are allowed, are not
        return not has_gaps(values)
    if values.size <= FEW_NUMBERS:
        return bool(np.isfinite(values).all())
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return True
    return all(bool(np.isfinite(values[some]).all()) for some in in_chunks(values))


def has_gaps(values: Any) -> bool:
    """Tell whether any value is NaN."""
    return any(bool(np.isnan(values[some]).any()) for some in in_chunks(values))


def in_chunks(values: Any) -> Iterator[slice]:
    """Return slices of an array whose parts are small beside it."""
    width = max(1, int(np.prod(values.shape[1:])))
    return gen_batches(len(values), max(1, NUMBERS_LOOKED_AT // width))


def _has_finite_range(rows: NDArray[np.floating]) -> bool:
    """Tell whether the largest less the smallest number is one, which NaN is not."""
    each = [(rows[some].min(), rows[some].max()) for some in in_chunks(rows)]
    least, most = zip(*each, strict=True)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.max(most) - np.min(least)))


def too_wide(rows: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the numbers of the columns whose range is no number of their precision."""
    each = [
        (np.fmin.reduce(rows[some]), np.fmax.reduce(rows[some]))
        for some in in_chunks(rows)
    ]
    least, most = (np.stack(own) for own in zip(*each, strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        reach = np.fmax.reduce(most) - np.fmin.reduce(least)
    # A column of one infinite value only has no range.
    infinite = np.isinf(reach) | np.isinf(most).any(axis=0)
    return np.flatnonzero(infinite)


def check_finite(
    X: Any, names: Sequence[Any] | None, taker: str, reason: str = ""
) -> None:
    """Refuse NaN and infinite values of checked rows, by the names of the columns."""
    values = X.data if sparse.issparse(X) else X
    if all_finite(values):
        return
    absent = columns_where(X, np.isnan)
    if has_gaps(values):
        if sparse.issparse(X):
            accepts = f"{taker} only accepts sparse matrices without missing values"
            reason = reason or f", but {accepts}"
        raise ValueError(missing("X", _named(absent, names), taker, reason))
    infinite = columns_where(X, np.isinf)
    refuse_infinite(_named(infinite, names), values.dtype, taker)


def refuse_infinite(columns: Sequence[str], dtype: Any, taker: str) -> None:
    """Raise that columns hold infinite values."""
    where = f" in column {listed(columns)}" if columns else ""
    raise ValueError(
        f"Input X contains infinity or a value too large for dtype('{dtype}'){where}, "
        f"which {taker} does not accept: replace such values, or divide the column by "
        "a number."
    )


def columns_where(X: Any, test: np.ufunc) -> NDArray[np.intp]:
    """Return the numbers of the columns with values that pass the test."""
    if sparse.issparse(X):
        return np.unique(X.indices[test(X.data)])
    if X.ndim != 2:
        return np.empty(0, dtype=np.intp)
    each = [test(X[some]).any(axis=0) for some in in_chunks(X)]
    return np.flatnonzero(np.any(each, axis=0))


def _named(numbers: NDArray[np.intp], names: Sequence[Any] | None) -> list[str]:
    """Return the names of columns, or their numbers where they have none."""
    return [str(n) if names is None else repr(names[n]) for n in numbers]


def check_structure(table: Any, called: str) -> None:
    """Refuse sparse matrices whose row or column numbers do not fit their shape.

    SciPy's compiled code follows them without a check, out of the memory that it has.
    """
    try:
        if table.format in ("csr", "csc", "bsr"):
            parts = (table.data, table.indices, table.indptr)
            type(table)(parts, shape=table.shape).check_format(full_check=True)
        elif table.format == "coo":
            type(table)((table.data, (table.row, table.col)), shape=table.shape)
    except ValueError as error:
        raise ValueError(
            f"{called} is a damaged sparse matrix ({error}): build it anew."
        ) from error


def holds_codes(X: Any) -> bool:
    """Return whether all values are whole numbers by their type."""
    if isinstance(X, pd.DataFrame) or hasattr(X, "get_columns"):
        return all(holds_codes(X[name]) for name in X.columns)
    X = X if hasattr(X, "dtype") else np.asarray(X)
    if X.dtype == object:
        return pd.api.types.infer_dtype(np.ravel(X)) == "integer"
    return _is_of_integers(X.dtype)


def _is_of_integers(dtype: Any) -> bool:
    if hasattr(dtype, "is_integer"):  # of polars
        return bool(dtype.is_integer())
    if hasattr(dtype, "is_floating_point"):  # of torch
        return not (dtype.is_floating_point or dtype.is_complex)
    return bool(pd.api.types.is_integer_dtype(dtype))


def warn_of_lost_digits(X: Any, dtype: type[np.floating]) -> None:
    """Warn of features that vary too little for their size to be told apart.

    Looks at the first rows, before they are rounded to the networks' precision.
    """
    if sparse.issparse(X) or is_sparse_frame(X):
        return
    if not isinstance(X, np.ndarray | list) and not hasattr(X, "columns"):
        X = np.asarray(X)
    width = np.asarray(_safe_indexing(X, slice(1))).size
    first = slice(max(2, min(ROWS_LOOKED_AT, NUMBERS_LOOKED_AT // width)))
    rows = _exact(_safe_indexing(X, first))
    deviation, size = rows.std(axis=0), np.abs(rows).max(axis=0)
    steps = deviation / (size * np.finfo(dtype).eps + np.finfo(dtype).tiny)
    varies = deviation > 1e-12 * size  # more than by the rounding of the mean
    rounded = (rows.astype(dtype) != rows).any(axis=0)
    lost = np.flatnonzero(varies & rounded & (steps < STEPS_NEEDED))
    if len(lost):
        worst = lost[steps[lost].argmin()]
        warnings.warn(
            f"Feature {worst} of X has values around {size[worst]:.3g} that differ by "
            f"{deviation[worst]:.3g} only; {dtype.__name__} loses most of that. Put "
            "a StandardScaler in front, or subtract a constant.",
            UserWarning,
            stacklevel=2,
        )


def _exact(X: Any) -> NDArray[np.float64]:
    """Return rows in double precision, gaps as the mean of their column."""
    rows = check_array(X, dtype=np.float64, ensure_all_finite=False, allow_nd=True)
    rows = rows.reshape(len(rows), -1)
    gaps = np.isnan(rows)
    counts = (~gaps).sum(axis=0)
    mean = rows.sum(axis=0, where=~gaps) / counts.clip(min=1)
    return np.where(gaps, mean, rows)

"""From what users give as rows to a table on the device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from sk_mixup._data.features import (
    ROWS_LOOKED_AT,
    check_rows,
    numeric_rows,
    table_columns,
    warn_of_lost_digits,
)
from sk_mixup._data.frames import CategoryRules, Schema
from sk_mixup._data.memo import Memo
from sk_mixup._data.subsets import checked_weights
from sk_mixup._data.tables import Table, WidenedTable, as_table, without_warning
from sk_mixup._networks.widen import Widen
from sk_mixup._sklearn import _safe_indexing


@dataclass(frozen=True)
class Reader:
    """Checks rows and makes one matrix of their columns.

    Parameters
    ----------
    taker : str
        The class of the estimator.
    dtype : type
        The precision of the matrix.
    for_module : bool
        Whether a user's module takes the rows, of any shape and numbers only.
    """

    taker: str
    dtype: type[np.floating]
    for_module: bool

    def rows(self, X: Any, schema: Schema | None, memo: Memo | None = None) -> Any:
        """Return rows of known columns as an array or CSR matrix.

        Without a schema they must be numbers without gaps. Estimators that share a memo
        read numbers once; each fills gaps by the means of its own training rows.
        """
        if schema is None:
            return check_rows(X, self.dtype, self.taker, self.for_module)
        if sparse.issparse(X) and not schema.is_plain:
            raise ValueError(
                f"X is sparse, but {self.taker} was fitted on categories or gaps: give "
                "X.toarray()."
            )
        rows = None
        if not schema.levels:
            read = partial(numeric_rows, X, self.dtype, self.taker, fits=False)
            rows = read() if memo is None else memo.get(("read", self), (X,), read)
        if rows is None:
            return schema.matrix(table_columns(X, self.taker), self.dtype, self.taker)
        if sparse.issparse(rows):  # of a frame of sparse columns
            return rows if schema.is_plain else schema.filled(rows.toarray())
        return schema.filled(rows)

    def known(
        self, X: Any, schema: Schema | None, device: torch.device, memo: Memo
    ) -> Table:
        """Return the table of rows of known columns."""
        rows = memo.get(("rows", self), (X, schema), lambda: self.rows(X, schema, memo))
        return self._table(schema, rows, device, memo)

    def learn(
        self,
        X: Any,
        sample_weight: Any,
        rules: CategoryRules,
        device: torch.device,
        memo: Memo,
        warns: bool,
    ) -> tuple[Schema | None, Table]:
        """Return the schema of new rows and their table.

        There is no schema where gaps are refused: of sparse rows and a module's.
        ``warns`` of features whose digits the precision loses.
        """
        if rules.names_columns and (self.for_module or sparse.issparse(X)):
            taker = "a module takes" if self.for_module else "sparse rows are"
            raise ValueError(
                f"categorical_features names columns of X, but {taker} numbers only: "
                "encode categories first, by OneHotEncoder in a ColumnTransformer."
            )
        rows = None if rules.names_columns else self._numbers(X, memo, warns)
        if rows is None:
            schema, rows = memo.get(
                ("learnt", self, rules),
                (X, sample_weight),
                lambda: self._learnt(X, sample_weight, rules, warns),
            )
        elif self.for_module or sparse.issparse(rows):
            schema = None
        else:
            schema, rows = memo.get(
                ("learnt", self),
                (rows, sample_weight),
                partial(self._learnt_of_numbers, rows, sample_weight),
            )
        return schema, self._table(schema, rows, device, memo)

    def _numbers(self, X: Any, memo: Memo, warns: bool) -> Any:
        """Return rows of numbers, None if columns must be read."""

        def compute() -> Any:
            if self.for_module:
                rows = check_rows(X, self.dtype, self.taker, allow_nd=True)
            else:
                rows = numeric_rows(X, self.dtype, self.taker, fits=True)
            if warns and rows is not None:
                warn_of_lost_digits(X, self.dtype)
            return rows

        return memo.get(("numbers", self), (X,), compute)

    def _learnt(
        self,
        X: Any,
        sample_weight: Any,
        rules: CategoryRules,
        warns: bool,
    ) -> tuple[Schema, NDArray[np.floating]]:
        columns = table_columns(X, self.taker)
        schema = Schema.learn(
            columns, rules, checked_weights(sample_weight, X), self.taker
        )
        rows = schema.matrix(columns, self.dtype, self.taker, fits=True)
        if warns:
            some = table_columns(_safe_indexing(X, slice(ROWS_LOOKED_AT)), self.taker)
            warn_of_lost_digits(schema.matrix(some, np.float64, self.taker), self.dtype)
        return schema, rows

    def _learnt_of_numbers(
        self, rows: NDArray[np.floating], sample_weight: Any
    ) -> tuple[Schema, NDArray[np.floating]]:
        schema = Schema.of_numbers(rows, checked_weights(sample_weight, rows))
        return schema, schema.filled(rows)

    def _table(
        self, schema: Schema | None, rows: Any, device: torch.device, memo: Memo
    ) -> Table:
        if schema is None or schema.is_plain:
            return memo.get(("table", device), (rows,), lambda: as_table(rows, device))
        return memo.get(
            ("widened", device), (rows, schema), lambda: _widened(schema, rows, device)
        )


def _widened(schema: Schema, rows: Any, device: torch.device) -> Table:
    widen = Widen(schema).to(device)
    return WidenedTable(without_warning(rows), device, widen, widen.width)

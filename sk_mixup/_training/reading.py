"""From what users give as rows to a table on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from sk_mixup._data.features import (
    ROWS_LOOKED_AT,
    check_rows,
    plain_rows,
    table_columns,
    warn_of_lost_digits,
)
from sk_mixup._data.frames import CategoryRules, Schema
from sk_mixup._data.memo import Memo
from sk_mixup._data.sklearn_private import _check_sample_weight, _safe_indexing
from sk_mixup._data.tables import DenseTable, Table, WidenedTable, as_table
from sk_mixup._networks.widen import Widen


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

    def rows(self, X: Any, schema: Schema | None) -> Any:
        """Return rows of known columns as an array or CSR matrix.

        Without a schema they must be numbers without gaps.
        """
        if schema is None:
            return check_rows(X, self.dtype, self.taker, self.for_module)
        if sparse.issparse(X) and not schema.is_plain:
            raise ValueError(
                f"X is sparse, but {self.taker} was fitted on categories or gaps: give "
                "X.toarray()."
            )
        rows = None if schema.levels else plain_rows(X, self.dtype, self.taker)
        if rows is not None:
            return rows
        columns = table_columns(X, self.taker)
        return schema.matrix(columns, self.dtype, self.taker)

    def known(
        self, X: Any, schema: Schema | None, device: torch.device, memo: Memo
    ) -> Table:
        """Return the table of rows of known columns."""
        table = None
        if schema is None or schema.is_plain:
            table = self._plain(X, device, memo, warns=False)
        if table is not None:
            return table
        return memo.get(
            ("known", device),
            (X, schema),
            lambda: _table(schema, self.rows(X, schema), device),
        )

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
        table = None if rules.names_columns else self._plain(X, device, memo, warns)
        if table is None:
            return memo.get(
                ("learnt", rules, device),
                (X, sample_weight),
                lambda: self._learnt(X, sample_weight, rules, device, warns),
            )
        if self.for_module or not isinstance(table, DenseTable):
            return None, table
        values = table.values.cpu().numpy()
        schema = memo.get(
            "schema",
            (table, sample_weight),
            lambda: Schema.plain(values, _weights(sample_weight, values)),
        )
        return schema, table

    def _plain(
        self, X: Any, device: torch.device, memo: Memo, warns: bool
    ) -> Table | None:
        """Return the table of numbers without gaps, None if columns must be read."""

        def compute() -> Table | None:
            if self.for_module:
                rows = check_rows(X, self.dtype, self.taker, allow_nd=True)
            else:
                rows = plain_rows(X, self.dtype, self.taker)
            if rows is None:
                return None
            if warns:
                warn_of_lost_digits(X, self.dtype)
            return as_table(rows, device)

        return memo.get(("plain", device, self.for_module), (X,), compute)

    def _learnt(
        self,
        X: Any,
        sample_weight: Any,
        rules: CategoryRules,
        device: torch.device,
        warns: bool,
    ) -> tuple[Schema, Table]:
        columns = table_columns(X, self.taker)
        schema = Schema.learn(columns, rules, _weights(sample_weight, X), self.taker)
        rows = schema.matrix(columns, self.dtype, self.taker)
        if warns:
            some = table_columns(_safe_indexing(X, slice(ROWS_LOOKED_AT)), self.taker)
            exact = schema.matrix(some, np.float64, self.taker)
            warn_of_lost_digits(schema.filled(exact, schema.gaps), self.dtype)
        return schema, _table(schema, rows, device)


def _table(schema: Schema | None, rows: Any, device: torch.device) -> Table:
    if schema is None or schema.is_plain:
        return as_table(rows, device)
    widen = Widen(schema).to(device)
    return WidenedTable(rows, device, widen, widen.width)


def _weights(sample_weight: Any, X: Any) -> NDArray[np.float64] | None:
    if sample_weight is None:
        return None
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    return weights

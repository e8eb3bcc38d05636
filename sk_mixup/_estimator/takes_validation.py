"""The user's own validation rows: from what users give to a subset of rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from numpy.typing import NDArray

from sk_mixup._data.memo import Memo
from sk_mixup._data.subsets import RowSubset, fixed_class_weight, further_rows
from sk_mixup._data.tables import Table, numpy_dtype
from sk_mixup._estimator.reading import Reader
from sk_mixup._estimator.takes_tables import TakesTables
from sk_mixup._training.fit_data import FitData, check_length, of_validation_rows
from sk_mixup._training.settings import Settings
from sk_mixup._training.target_spec import TargetSpec


class TakesValidationRows(TakesTables):
    """An estimator that takes validation rows from the user."""

    @abstractmethod
    def _encoded(self, y: Any) -> NDArray[Any]:
        """Check further targets and encode them as those of ``fit`` were."""

    def _validation_rows(
        self,
        data: FitData,
        rows: RowSubset,
        spec: TargetSpec,
        settings: Settings,
        memo: Memo,
    ) -> RowSubset | None:
        """Check the user's validation rows, if any, as rows to predict."""
        if data.X_val is None:
            return None
        _check_use(settings, spec.calibrated)
        with of_validation_rows():
            table = self._known_table(data.X_val, rows, memo)
            encoded = self._encoded(data.y_val)
            check_length("X", table.shape[0], "y", len(encoded))
            class_weight = fixed_class_weight(spec, data.sample_weight)
            return memo.get(
                ("validation rows", class_weight),
                (rows, table, data.y_val, data.sample_weight_val),
                lambda: further_rows(
                    rows, table, encoded, class_weight, data.sample_weight_val
                ),
            )

    def _known_table(self, X: Any, rows: RowSubset, memo: Memo) -> Table:
        """Check rows with the columns of ``rows`` and put them on the device once."""
        self._check_features(X)
        dtype = numpy_dtype(torch.get_default_dtype())
        reader = Reader(type(self).__name__, dtype, self.module is not None)
        table = reader.known(X, self._schema, rows.device, memo)
        self._check_shape(table.shape[1:], rows.table.shape[1:])
        return table


def _check_use(settings: Settings, calibrated: bool) -> None:
    """Check that validation rows that were given are of use."""
    weighs = settings.member_weights == "validation" and settings.n_estimators > 1
    if not (settings.early_stopping or calibrated or weighs):
        raise ValueError(
            "X_val and y_val were given, but nothing is validated by them: set "
            "early_stopping=True, or leave them out."
        )

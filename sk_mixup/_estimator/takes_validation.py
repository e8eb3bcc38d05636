"""The user's own validation rows: from what users give to a subset of rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from numpy.typing import NDArray

from sk_mixup._data.memo import Memo
from sk_mixup._data.subsets import RowSubset, fixed_class_weight, further_rows
from sk_mixup._estimator.takes_tables import TakesTables
from sk_mixup._training.fit_data import FitData, check_length, of_validation_rows
from sk_mixup._training.settings import Settings
from sk_mixup._training.target_spec import TargetSpec


class TakesValidationRows(TakesTables):
    """An estimator that takes validation rows from the user."""

    @abstractmethod
    def _checked_targets(self, y: Any) -> Any:
        """Check targets as they are given."""

    @abstractmethod
    def _encoded(self, checked: Any) -> NDArray[Any]:
        """Return targets that are checked as numbers, if they are as those learnt."""

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
            shape = rows.table.shape[1:]
            table = self._known_table(data.X_val, shape, rows.device, memo)
            encoded = self._encoded(self._checked_targets(data.y_val))
            check_length("X", table.shape[0], "y", len(encoded))
            class_weight = fixed_class_weight(spec, data.sample_weight)
            return memo.get(
                ("validation rows", class_weight),
                (rows, table, data.y_val, data.sample_weight_val),
                lambda: further_rows(
                    rows, table, encoded, class_weight, data.sample_weight_val
                ),
            )


def _check_use(settings: Settings, calibrated: bool) -> None:
    """Check that validation rows that were given are of use."""
    weighs = settings.member_weights == "validation" and settings.n_estimators > 1
    if not (settings.early_stopping or calibrated or weighs):
        raise ValueError(
            "X_val and y_val were given, but nothing is validated on them: set "
            "early_stopping=True, or leave them out."
        )

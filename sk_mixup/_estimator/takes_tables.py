"""The input side of the estimators: from what users give as X to numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from sk_mixup._data.columns import check_container, is_table
from sk_mixup._data.features import all_finite
from sk_mixup._data.frames import Schema
from sk_mixup._data.memo import Memo
from sk_mixup._data.tables import Table, numpy_dtype
from sk_mixup._estimator.reading import Reader
from sk_mixup._training.net import MixupNet
from sk_mixup._training.settings import Settings
from sk_mixup._training.task import Fitted


class TakesTables(BaseEstimator):
    """An estimator that learns the columns of a table and knows them again."""

    net_: MixupNet
    module: Any
    _fitted: Fitted
    _schema: Schema | None

    def _learn_table(
        self,
        X: Any,
        sample_weight: Any,
        settings: Settings,
        device: torch.device,
        memo: Memo,
    ) -> Table:
        """Check X, learn its columns, and put it on the device once."""
        rules, warns = settings.categories, bool(settings.standardize)
        self._schema, table = self._reader().learn(
            X, sample_weight, rules, device, memo, warns
        )
        # Names and number of features only: values have been checked, once for each X.
        validate_data(self, X, reset=True, skip_check_array=True)
        return table

    def _known_table(
        self, X: Any, shape: tuple[int, ...], device: torch.device, memo: Memo
    ) -> Table:
        """Check further rows, of the given shape, and put them on the device once."""
        self._check_features(X)
        table = self._reader().known(X, self._schema, device, memo)
        self._check_shape(table.shape[1:], shape)
        return table

    def _reader(self) -> Reader:
        """Return what reads rows to train on."""
        dtype = numpy_dtype(torch.get_default_dtype())
        return Reader(type(self).__name__, dtype, self.module is not None)

    def _check_features(self, X: Any) -> None:
        """Check names, order and number of the columns of further rows."""
        if not sparse.issparse(X):
            check_container(X, "X")
        if sparse.issparse(X) or is_table(X):
            validate_data(self, X, reset=False, skip_check_array=True)

    def _check_shape(self, shape: tuple[int, ...], trained: tuple[int, ...]) -> None:
        if shape != trained:
            raise ValueError(
                f"X has rows of shape {shape}, but {type(self).__name__} was "
                f"trained on rows of shape {trained}."
            )

    def _check_is_fitted(self) -> None:
        # scikit-learn's function looks at the tags, for as long as a layer takes.
        if "net_" not in vars(self):
            check_is_fitted(self)

    def _rows_to_predict(self, X: Any, dtype: type[np.floating]) -> Any:
        """Return rows as an array or CSR matrix of ``dtype``, none infinite.

        Those in the precision of the networks may stay so: of a large table, perhaps a
        memory map, only chunks are made ``dtype``.
        """
        trained = numpy_dtype(self.net_.module_.dtype)
        if isinstance(X, np.ndarray) and X.dtype == trained:
            dtype = trained
        if self._is_in_form(X):
            with np.errstate(over="ignore"):  # what overflows is refused below
                rows = X.astype(dtype, order="C", copy=False)
            if all_finite(rows):
                return rows
        else:
            self._check_features(X)
        for_module = self._fitted.lasting["module"] is not None
        rows = Reader(type(self).__name__, dtype, for_module).rows(X, self._schema)
        self._check_shape(rows.shape[1:], self.net_.module_.row_shape)
        return rows

    def _is_in_form(self, X: Any) -> bool:
        """Whether rows are an array that validation would return as it is."""
        # scikit-learn's validation takes as long as the networks for a single row.
        return (
            type(X) in (np.ndarray, np.memmap)
            and X.dtype.kind == "f"
            and X.shape[1:] == self.net_.module_.row_shape
            and not (self._schema and self._schema.levels)
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")  # it would warn
        )

    def to_numeric(self, X: Any) -> NDArray[np.floating]:
        """Return rows as the matrix of numbers that ``to_torch()`` takes.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows with the columns of ``fit``.

        Returns
        -------
        numbers : ndarray of shape (n_samples, n_features)
            A column for each column of X, in the precision of the networks (float32 by
            default): the numbers themselves, and the level of a category as a whole
            number (-1 for an unseen level that counts as none). Missing numbers are NaN
            where training rows had missing values, else the mean of the training rows.

        Raises
        ------
        ValueError
            If the kind of a column differs from that in ``fit``.
        """
        check_is_fitted(self)
        rows = self._rows_to_predict(X, numpy_dtype(self.net_.module_.dtype))
        return rows.toarray() if sparse.issparse(rows) else np.array(rows)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        numbers_only = self.module is not None
        tags.input_tags.allow_nan = not numbers_only
        tags.input_tags.categorical = not numbers_only
        tags.input_tags.string = not numbers_only
        return tags

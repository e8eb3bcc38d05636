"""The inspected classifier within searches and pipelines, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sk_mixup._data.columns import is_table, says_numbers

NEEDS_NUMBERS = (
    "Rows that are mixed or attacked must hold numbers without gaps, but X has "
    "categories or gaps: fit the classifier on encoded and imputed columns, as in a "
    "pipeline with a ColumnTransformer."
)


def innermost(estimator: Any) -> tuple[Any, list[Pipeline]]:
    """Return the estimator within searches and pipelines, and the earlier steps."""
    check_is_fitted(estimator)
    earlier: list[Pipeline] = []
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                earlier.append(estimator[:-1])
            estimator = estimator[-1]
        else:
            return estimator, earlier


def take_apart(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the classifier within ``estimator`` and its transformed rows.

    The rows are ``X`` itself unless a pipeline transforms them.
    """
    classifier, earlier = innermost(estimator)
    if not hasattr(classifier, "classes_"):
        raise TypeError(f"{type(classifier).__name__} is not a classifier.")
    for steps in earlier:
        X = steps.transform(X)
    return classifier, X


def as_rows(model: Any, X: Any, finite: bool = True) -> NDArray[np.float64]:
    """Return a model's rows as a dense float64 array of shape (n, ...)."""
    schema = getattr(model, "_schema", None)
    if not (schema is None or schema.is_plain):
        raise ValueError(NEEDS_NUMBERS)
    dense = X.toarray() if sparse.issparse(X) else X
    try:
        return check_array(
            dense, dtype=np.float64, allow_nd=True, ensure_all_finite=finite
        )
    except (ValueError, TypeError) as error:
        if "NaN" in str(error) or (is_table(dense) and not says_numbers(dense)):
            raise ValueError(NEEDS_NUMBERS) from error
        raise


def in_form_of(X: Any, rows: NDArray[np.float64]) -> Any:
    """Return rows as a data frame or in single precision if ``X`` is."""
    if not hasattr(X, "columns"):
        single = getattr(X, "dtype", None) == np.float32
        return rows.astype(np.float32) if single else rows
    index = getattr(X, "index", None) if len(X) == len(rows) else None
    return pd.DataFrame(rows, index=index, columns=list(X.columns))


def predict(estimator: Any, rows: Any) -> NDArray[Any]:
    """Return the predicted class of each row, (n,)."""
    with _training_flags_kept(estimator):
        return column_or_1d(estimator.predict(rows))


def scores(estimator: Any, rows: Any) -> NDArray[Any]:
    """Return a score of each class, largest for the most probable."""
    with _training_flags_kept(estimator):
        if hasattr(estimator, "predict_proba"):
            return estimator.predict_proba(rows)
        return estimator.decision_function(rows)


@contextmanager
def _training_flags_kept(estimator: Any) -> Iterator[None]:
    """Restore the training flags of a net's modules after predicting."""
    inner, _ = innermost(estimator)
    module = getattr(getattr(inner, "net_", inner), "module_", None)
    modules = list(module.modules()) if isinstance(module, nn.Module) else []
    # skorch's predict puts modules into evaluation mode and leaves them there.
    flags = [module.training for module in modules]
    try:
        yield
    finally:
        for module, flag in zip(modules, flags, strict=True):
            module.training = flag


def private_generator(random_state: Any) -> np.random.Generator:
    """Return a generator; None seeds it from the system."""
    if random_state is None:  # not from NumPy's global generator, whose state is kept
        return np.random.default_rng()
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))

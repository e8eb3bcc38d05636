"""From raw frames to what estimators take, learnt from the training rows only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

#: Rows that a level needs for a column of its own: as many as in this package.
MIN_FREQUENCY = 2
#: The level that a gap is.
MISSING = "missing"


def preprocessing() -> Pipeline:
    """Leave inputs raw, as the paper does; the estimators here scale them themselves.

    Numbers are passed on as they are. Everything else (categories, booleans,
    strings) is encoded one-hot: a missing value is a category of its own, one not
    seen in fitting is all zeros.

    Returns
    -------
    preprocessing : sklearn.pipeline.Pipeline
        Unfitted; turns a data frame into a dense float32 matrix without gaps.
    """
    # NOTE[DIFF]: the paper (arXiv 1710.09412, section 3.6) does not say what it does
    # with categories and missing values. Something must be done: categories are
    # one-hot, missing numbers become the training rows' mean.
    return _matrix(_mean(), _one_hot("ignore"))


def encoding() -> Pipeline:
    """Encode a frame for an estimator that takes neither categories nor gaps.

    As `preprocessing`, but gaps in numbers mark a column of their own, and levels of
    fewer than `MIN_FREQUENCY` rows share a column, with those not seen in fitting.

    Returns
    -------
    encoding : sklearn.pipeline.Pipeline
        Unfitted; turns a data frame into a dense float32 matrix without gaps.
    """
    return _matrix(
        _mean(add_indicator=True),
        _one_hot("infrequent_if_exist", min_frequency=MIN_FREQUENCY),
    )


def text_as_categories() -> FunctionTransformer:
    """Make a category dtype of each column that is no numbers; gaps stay.

    Returns
    -------
    transformer : sklearn.preprocessing.FunctionTransformer
        Turns a data frame into one of numbers and categories.
    """
    return FunctionTransformer(_as_categories, feature_names_out="one-to-one")


def gaps_as_levels() -> FunctionTransformer:
    """Make categories of text of each column that is no numbers, a gap being a level.

    Returns
    -------
    transformer : sklearn.preprocessing.FunctionTransformer
        Turns a data frame into one of numbers, gaps included, and categories.
    """
    return FunctionTransformer(_gaps_as_levels, feature_names_out="one-to-one")


def filling() -> Pipeline:
    """Fill a frame for an estimator that takes categories but no gaps.

    Numbers as in `encoding`, all else as in `gaps_as_levels`.

    Returns
    -------
    filling : sklearn.pipeline.Pipeline
        Unfitted; turns a data frame into one of numbers and categories without gaps.
    """
    columns = ColumnTransformer(
        [
            (
                "numbers",
                _mean(add_indicator=True),
                make_column_selector(dtype_include="number"),
            )
        ],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return make_pipeline(gaps_as_levels(), columns).set_output(transform="pandas")


def _mean(**options: Any) -> SimpleImputer:
    # A fold without any value keeps its column, as 0.
    return SimpleImputer(strategy="mean", keep_empty_features=True, **options)


def _one_hot(unknown: str, **options: Any) -> OneHotEncoder:
    return OneHotEncoder(
        handle_unknown=unknown, sparse_output=False, dtype=np.float32, **options
    )


def _matrix(numbers: SimpleImputer, categories: OneHotEncoder) -> Pipeline:
    columns = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("categories", categories, make_column_selector(dtype_exclude="number")),
        ],
        sparse_threshold=0,
        verbose_feature_names_out=False,
    )
    return make_pipeline(
        columns, FunctionTransformer(_as_float32, feature_names_out="one-to-one")
    )


def _as_float32(X: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(X, dtype=np.float32)


def _as_categories(X: pd.DataFrame) -> pd.DataFrame:
    others = X.select_dtypes(exclude=["number", "bool", "category"])
    return X.astype(dict.fromkeys(others, "category"))


def _gaps_as_levels(X: pd.DataFrame) -> pd.DataFrame:
    others = X.select_dtypes(exclude="number")
    # Each level by its words: True and "True" never meet in one column.
    texts = others.astype(object).where(others.notna(), MISSING).astype(str)
    numbers = X.select_dtypes("number")
    return pd.concat([numbers, texts.astype("category")], axis=1)[list(X.columns)]

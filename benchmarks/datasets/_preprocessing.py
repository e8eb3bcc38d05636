"""From raw frames to float matrices, learnt from the training rows only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder


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
    numbers = SimpleImputer(
        strategy="mean",
        keep_empty_features=True,  # a fold without any value keeps its column, as 0
    )
    categories = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, dtype=np.float32
    )
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

"""Other packages' estimators: how each is made, with one thread or as many as torch.

Those of packages that need not be installed are imported when they are made.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd
import torch
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, StandardScaler

from benchmarks import datasets

#: Rows of the largest tables that slow rivals are run on.
SLOW_ROWS: Final = 1000


@dataclass(frozen=True)
class Rival:
    """Another package's estimator by its own defaults, epochs included.

    Parameters
    ----------
    make : callable
        From ``random_state`` and parameters to an unfitted estimator of matrices.
    front : callable
        Makes what stands between it and a frame with categories, text and gaps.
    package : str, default="sklearn"
        What must be installed.
    most_rows : int or None, default=None
        Rows of the largest tables that it is run on; None has no limit.
    """

    make: Callable[..., Any]
    front: Callable[[], Any]
    package: str = "sklearn"
    most_rows: int | None = None

    @property
    def is_installed(self) -> bool:
        """Whether it can be made here."""
        return importlib.util.find_spec(self.package) is not None

    def build(self, seed: int, params: Mapping[str, Any], *, frames: bool) -> Any:
        """Make the unfitted estimator, of matrices without gaps or of `frames`."""
        try:
            estimator = self.make(random_state=seed, **params)
        except ImportError as error:
            what = f"This method needs the package {self.package}: install it"
            raise ImportError(what) from error
        return make_pipeline(self.front(), estimator) if frames else estimator


class Quiet:
    """Does not warn that it stopped at the last of its epochs."""

    def fit(self, X: Any, y: Any) -> Any:
        """Train without that warning."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)  # type: ignore[misc]


class QuietMLP(Quiet, MLPClassifier):  # type: ignore[misc]
    """A quiet perceptron for classes."""


class QuietMLPRegressor(Quiet, MLPRegressor):  # type: ignore[misc]
    """A quiet perceptron for real targets."""


class OwnCategories(BaseEstimator):  # type: ignore[misc]
    """Tells CatBoost which columns of a frame are categories, and keeps the labels."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> OwnCategories:
        """Train on numbers and on the categories of a frame."""
        if is_classifier(self.estimator):
            # CatBoost makes text of labels that are truth values.
            labels = LabelEncoder().fit(y)
            self.classes_, y = labels.classes_, labels.transform(y)
        frame = isinstance(X, pd.DataFrame)
        categories = list(X.select_dtypes("category")) if frame else None
        self.model_ = self.estimator.fit(X, y, cat_features=categories)
        return self

    def predict(self, X: Any) -> Any:
        """Predict real targets."""
        return self.model_.predict(X)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probabilities of the classes."""
        return self.model_.predict_proba(X)


def _scaled(make: Callable[..., Any], **params: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), make(**params))


def _scaled_mlp_regressor(**params: Any) -> TransformedTargetRegressor:
    """Scale inputs and target, as MixupRegressor does: the squared loss needs it."""
    network = _scaled(QuietMLPRegressor, **params)
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def _catboost(name: str, **params: Any) -> OwnCategories:
    make = getattr(importlib.import_module("catboost"), name)
    quiet = {"verbose": False, "allow_writing_files": False}
    return OwnCategories(make(**quiet, thread_count=torch.get_num_threads(), **params))


def _lightgbm(name: str, **params: Any) -> Pipeline:
    make = getattr(importlib.import_module("lightgbm"), name)
    model = make(verbosity=-1, n_jobs=torch.get_num_threads(), **params)
    return make_pipeline(FunctionTransformer(_numbered), model)


def _numbered(X: Any) -> pd.DataFrame:
    """Name columns by their places: LightGBM refuses brackets and commas in names."""
    frame = pd.DataFrame(X)
    return frame.set_axis([f"x{j}" for j in range(frame.shape[1])], axis=1)


def _pytabkit(name: str, **params: Any) -> Any:
    make = getattr(importlib.import_module("pytabkit"), name)
    for logger in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    return make(device="cpu", n_threads=torch.get_num_threads(), **params)


_boosting = partial(HistGradientBoostingClassifier, categorical_features="from_dtype")
_boosting_regressor = partial(
    HistGradientBoostingRegressor, categorical_features="from_dtype"
)


def _of_pytabkit(name: str) -> Rival:
    make = partial(_pytabkit, name)
    return Rival(make, datasets.filling, "pytabkit", most_rows=SLOW_ROWS)


#: Those of classes, by the names that methods use.
CLASSIFIERS: Final[Mapping[str, Rival]] = {
    "logistic": Rival(
        partial(_scaled, LogisticRegression, max_iter=1000), datasets.encoding
    ),
    "forest": Rival(RandomForestClassifier, datasets.encoding),
    "boosting": Rival(_boosting, datasets.text_as_categories),
    "lightgbm": Rival(
        partial(_lightgbm, "LGBMClassifier"), datasets.text_as_categories, "lightgbm"
    ),
    "catboost": Rival(
        partial(_catboost, "CatBoostClassifier"), datasets.gaps_as_levels, "catboost"
    ),
    "mlp": Rival(partial(_scaled, QuietMLP), datasets.encoding),
    "tabm": _of_pytabkit("TabM_D_Classifier"),
    "realmlp_td": _of_pytabkit("RealMLP_TD_Classifier"),
}

#: Those of real targets.
REGRESSORS: Final[Mapping[str, Rival]] = {
    "ridge": Rival(partial(_scaled, Ridge), datasets.encoding),
    "random forest": Rival(RandomForestRegressor, datasets.encoding),
    "gradient boosting": Rival(_boosting_regressor, datasets.text_as_categories),
    "lightgbm_regressor": Rival(
        partial(_lightgbm, "LGBMRegressor"), datasets.text_as_categories, "lightgbm"
    ),
    "catboost_regressor": Rival(
        partial(_catboost, "CatBoostRegressor"), datasets.gaps_as_levels, "catboost"
    ),
    "MLPRegressor": Rival(_scaled_mlp_regressor, datasets.encoding),
    "tabm_regressor": _of_pytabkit("TabM_D_Regressor"),
    "realmlp_td_regressor": _of_pytabkit("RealMLP_TD_Regressor"),
}

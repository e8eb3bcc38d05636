"""What learns: the protocols, and estimators by the names that methods use."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import ShuffleSplit
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.files import digest
from benchmarks.jobs import Job
from benchmarks.scores import probability_scores
from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.model_selection import GridSearchCV

#: From a job, its method's parameters and the device to an unfitted estimator.
Builder = Callable[[Job, dict[str, Any], str], Any]

#: The rows that a search holds out: one split, in which a class may be missing.
INNER: Final = ShuffleSplit(1, test_size=0.2, random_state=0)
#: The alphas of a search.
ALPHAS_TO_TRY: Final = (0.1, 0.4, 1.0)


@dataclass(frozen=True)
class Protocol:
    """How networks are trained, whatever the method.

    Parameters
    ----------
    summary : str
        What it is, in a few words.
    params : dict
        Parameters of `sk_mixup.MixupClassifier`.
    """

    summary: str
    params: Mapping[str, Any]

    @property
    def epochs(self) -> int | None:
        """Epochs of training unless told otherwise, None if the table decides."""
        epochs = MixupClassifier(**self.params).max_epochs
        return None if epochs == "auto" else int(epochs)


def _recipe(**params: Any) -> dict[str, Any]:
    """State the paper's recipe, with changes, whatever the defaults become."""
    recipe = MixupClassifier.paper(alpha=0.0, **params).get_params()
    from_the_job = ("alpha", "device", "random_state")
    return {name: recipe[name] for name in recipe if name not in from_the_job}


#: By the names that ``--protocol`` takes: arXiv 1710.09412, section 3.6; for what
#: compares the family of mixup, that nothing but the method regularises; today's users.
PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "paper": Protocol(
        "raw inputs, 10 epochs, minibatches of 16, Adam with its defaults", _recipe()
    ),
    "plain": Protocol(
        "the paper's network on standardised inputs, 100 epochs with cosine decay, "
        "minibatches of 32",
        _recipe(standardize=True, max_epochs=100, lr_schedule="cosine", batch_size=32),
    ),
    "default": Protocol("the defaults of MixupClassifier", {}),
}


def build(job: Job, device: str = "cpu", *, frames: bool = False) -> Any:
    """Make a job's unfitted estimator, with the job's seed.

    It is of matrices without gaps, or of `frames` with categories, text and gaps.
    Networks of this package train on the device.
    """
    name = job.method.estimator
    builder = REGRESSORS.get(name) or _BUILDERS[name]
    estimator = builder(job, dict(job.method.params), device)
    if not frames or name not in _FRONTS:
        return estimator
    return make_pipeline(_FRONTS[name](), estimator)


def trains_together(job: Job) -> bool:
    """Tell whether `sk_mixup.fit_many` trains the job's estimator."""
    return job.method.estimator == "mixup"


def fingerprint(job: Job) -> str:
    """Digest the parameters of a job's networks; other packages' have no digest."""
    ours = job.method.estimator in ("mixup", "mixup_search", "regressor")
    return digest_of(build(job)) if ours else ""


def digest_of(estimator: BaseEstimator) -> str:
    """Digest all parameters of an estimator, those at their defaults included."""
    params = estimator.get_params()
    named = {
        name: getattr(value, "__qualname__", repr(value))
        for name, value in params.items()
    }
    return digest(json.dumps(named, sort_keys=True))


def names() -> list[str]:
    """Names of the classifiers that can be built here."""
    missing = set() if importlib.util.find_spec("pytabkit") else {"realmlp"}
    return [name for name in _BUILDERS if name not in missing]


def _mixup(job: Job, params: dict[str, Any], device: str) -> MixupClassifier:
    given = {**PROTOCOLS[job.protocol].params, **_epochs(job), **params}
    return MixupClassifier(**given, device=device, random_state=job.seed)


def _regressor(job: Job, params: dict[str, Any], device: str) -> MixupRegressor:
    given = {**_epochs(job), **params}
    return MixupRegressor(**given, device=device, random_state=job.seed)


def _epochs(job: Job) -> dict[str, int]:
    return {} if job.epochs is None else {"max_epochs": job.epochs}


def _searched(job: Job, params: dict[str, Any], device: str) -> GridSearchCV:
    """Choose alpha by the log loss on rows that are held out."""
    estimator = _mixup(job, params, device)
    grid = {"alpha": ALPHAS_TO_TRY}
    return GridSearchCV(estimator, grid, scoring=_minus_log_loss, cv=INNER)


def _minus_log_loss(model: MixupClassifier, X: Any, y: Any) -> float:
    proba = model.predict_proba(X)
    return -float(probability_scores(y, proba, model.classes_)["log_loss"])


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


def _scaled_mlp_regressor(**params: Any) -> TransformedTargetRegressor:
    """Scale inputs and target, as MixupRegressor does: the squared loss needs it."""
    network = make_pipeline(StandardScaler(), QuietMLPRegressor(**params))
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def _rival(make: Callable[..., Any], *, scaled: bool = False) -> Builder:
    """Build another package's estimator by its own defaults, epochs included."""

    def build(job: Job, params: dict[str, Any], device: str) -> Any:
        estimator = make(random_state=job.seed, **params)
        return make_pipeline(StandardScaler(), estimator) if scaled else estimator

    return build


def _realmlp(job: Job, params: dict[str, Any], device: str) -> Any:
    try:
        from pytabkit import RealMLP_TD_S_Classifier
    except ImportError as error:
        raise ImportError("RealMLP needs the package pytabkit: install it") from error
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    threads = torch.get_num_threads()
    return RealMLP_TD_S_Classifier(
        random_state=job.seed, device=device, n_threads=threads, **params
    )


_BUILDERS: Final[Mapping[str, Builder]] = {
    "mixup": _mixup,
    "mixup_search": _searched,
    "mlp": _rival(QuietMLP, scaled=True),
    "boosting": _rival(
        partial(HistGradientBoostingClassifier, categorical_features="from_dtype")
    ),
    "forest": _rival(RandomForestClassifier),
    "logistic": _rival(partial(LogisticRegression, max_iter=1000), scaled=True),
    "realmlp": _realmlp,
}

#: Those of real targets, by the names that their methods use.
REGRESSORS: Final[Mapping[str, Builder]] = {
    "regressor": _regressor,
    "MLPRegressor": _rival(_scaled_mlp_regressor),
    "gradient boosting": _rival(
        partial(HistGradientBoostingRegressor, categorical_features="from_dtype")
    ),
    "random forest": _rival(RandomForestRegressor),
    "ridge": _rival(Ridge, scaled=True),
}

#: What stands between a frame and the estimators that cannot take it as it is.
_FRONTS: Final[Mapping[str, Callable[[], Any]]] = {
    "mlp": datasets.encoding,
    "boosting": datasets.text_as_categories,
    "forest": datasets.encoding,
    "logistic": datasets.encoding,
    "realmlp": datasets.encoding,
    "MLPRegressor": datasets.encoding,
    "gradient boosting": datasets.text_as_categories,
    "random forest": datasets.encoding,
    "ridge": datasets.encoding,
}

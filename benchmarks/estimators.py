"""What learns: the protocols, and estimators by the names that methods use."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sklearn.base import BaseEstimator
from sklearn.model_selection import ShuffleSplit

from benchmarks.files import digest
from benchmarks.jobs import Job
from benchmarks.rivals import CLASSIFIERS, REGRESSORS, Rival
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
    Networks of this package train on the device, others on the CPU.
    """
    name, params = job.method.estimator, dict(job.method.params)
    if name in _NETWORKS:
        return _NETWORKS[name](job, params, device)
    return RIVALS[name].build(job.seed, params, frames=frames)


def is_regression(job: Job) -> bool:
    """Tell whether the job's estimator learns real targets."""
    return job.method.estimator in (*REGRESSORS, "regressor")


def trains_together(job: Job) -> bool:
    """Tell whether `sk_mixup.fit_many` trains the job's estimator."""
    return job.method.estimator == "mixup"


def fingerprint(job: Job) -> str:
    """Digest the parameters of a job's networks; other packages' have no digest."""
    return digest_of(build(job)) if job.method.estimator in _NETWORKS else ""


def digest_of(estimator: BaseEstimator) -> str:
    """Digest all parameters of an estimator, those at their defaults included."""
    params = estimator.get_params()
    named = {
        name: getattr(value, "__qualname__", repr(value))
        for name, value in params.items()
    }
    return digest(json.dumps(named, sort_keys=True))


def names() -> list[str]:
    """Names of the estimators that can be built here."""
    return [*_NETWORKS, *(name for name in RIVALS if RIVALS[name].is_installed)]


def most_rows(name: str) -> int | None:
    """Rows of the largest tables that an estimator is run on; None has no limit."""
    return RIVALS[name].most_rows if name in RIVALS else None


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


#: The estimators of this package, by the names that methods use.
_NETWORKS: Final[Mapping[str, Builder]] = {
    "mixup": _mixup,
    "mixup_search": _searched,
    "regressor": _regressor,
}

#: Those of others.
RIVALS: Final[Mapping[str, Rival]] = {**CLASSIFIERS, **REGRESSORS}

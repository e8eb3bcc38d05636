"""What learns: the protocols, and estimators by the names that methods use."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import default_preprocessing, paper_preprocessing
from benchmarks.jobs import Items, Job, items
from sk_mixup import MixupClassifier


@dataclass(frozen=True)
class Protocol:
    """How networks are trained, whatever the method.

    Parameters
    ----------
    name : str
        What ``--protocol`` calls it.
    summary : str
        What it is, in a few words.
    params : tuple of (str, value)
        Parameters of `sk_mixup.MixupClassifier`.
    preprocessing : callable
        Makes the unfitted transformer from raw frames to matrices.
    """

    name: str
    summary: str
    params: Items
    preprocessing: Callable[[], Pipeline]

    @property
    def epochs(self) -> int:
        """Epochs of training unless told otherwise."""
        return int(MixupClassifier(**dict(self.params)).max_epochs)


#: arXiv 1710.09412, section 3.6.
PAPER: Final = Protocol(
    "paper",
    "raw inputs, 10 epochs, minibatches of 16, Adam with its defaults",
    items(
        {
            "hidden_layer_sizes": (128, 128),
            "standardize": False,
            "max_epochs": 10,
            "batch_size": 16,
            "optimizer": "adam",
            "lr": 1e-3,
            "lr_schedule": "constant",
            "pairing": "random",
            "weights_per": "batch",
        }
    ),
    paper_preprocessing,
)

DEFAULT: Final = Protocol(
    "default", "the defaults of MixupClassifier", (), default_preprocessing
)

PROTOCOLS: Final[Mapping[str, Protocol]] = MappingProxyType(
    {protocol.name: protocol for protocol in (PAPER, DEFAULT)}
)


def build(job: Job, device: str = "cpu") -> Any:
    """Make the unfitted estimator of a job.

    Parameters
    ----------
    job : Job
        The job.
    device : str, default="cpu"
        Where networks of this package train.

    Returns
    -------
    estimator : object
        A classifier for matrices without gaps, seeded by ``job.seed``.
    """
    return _BUILDERS[job.method.estimator](job, dict(job.method.params), device)


def trains_together(job: Job) -> bool:
    """Tell whether `sk_mixup.fit_many` trains the job's estimator."""
    return job.method.estimator == "mixup"


def names() -> list[str]:
    """Names of the estimators that can be built here."""
    missing = set() if importlib.util.find_spec("pytabkit") else {"realmlp"}
    return [name for name in _BUILDERS if name not in missing]


def _mixup(job: Job, params: dict[str, Any], device: str) -> MixupClassifier:
    given = dict(PROTOCOLS[job.protocol].params) | {"max_epochs": job.epochs} | params
    return MixupClassifier(**given, device=device, random_state=job.seed)


def _scaled(estimator: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), estimator)


def _mlp(job: Job, params: dict[str, Any], device: str) -> Pipeline:
    # Its own defaults of everything, epochs included: that is what its users get.
    return _scaled(QuietMLP(random_state=job.seed, **params))


class QuietMLP(MLPClassifier):  # type: ignore[misc]
    """Does not warn that it stopped at the last of its epochs."""

    def fit(self, X: Any, y: Any) -> QuietMLP:
        """Train without that warning."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            super().fit(X, y)
        return self


def _boosting(job: Job, params: dict[str, Any], device: str) -> Any:
    return HistGradientBoostingClassifier(random_state=job.seed, **params)


def _forest(job: Job, params: dict[str, Any], device: str) -> Any:
    return RandomForestClassifier(random_state=job.seed, **params)


def _logistic(job: Job, params: dict[str, Any], device: str) -> Pipeline:
    return _scaled(LogisticRegression(**{"max_iter": 1000} | params))


def _realmlp(job: Job, params: dict[str, Any], device: str) -> Any:
    from pytabkit import RealMLP_TD_S_Classifier

    return RealMLP_TD_S_Classifier(random_state=job.seed, device=device, **params)


_BUILDERS: Final[Mapping[str, Callable[[Job, dict[str, Any], str], Any]]] = {
    "mixup": _mixup,
    "mlp": _mlp,
    "boosting": _boosting,
    "forest": _forest,
    "logistic": _logistic,
    "realmlp": _realmlp,
}

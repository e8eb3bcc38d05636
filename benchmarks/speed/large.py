"""Large tables: seconds and loss of the defaults, beside gradient boosting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import log_loss, root_mean_squared_error

from benchmarks.speed.measure import Case, Comparison, Reading, seconds
from benchmarks.speed.peers import OURS
from sk_mixup import MixupClassifier, MixupRegressor

BOOSTING: Final = "gradient boosting"
N_TEST: Final = 20_000
#: Seconds that the defaults may take on two cores, by rows.
LIMITS: Final = {100_000: 75.0, 1_000_000: 600.0}


def large_tables(sizes: Sequence[int]) -> Iterator[Case]:
    """Time fits of classes and of real targets; compare their losses, once timed."""
    kinds = {
        "classes": (MixupClassifier, HistGradientBoostingClassifier),
        "real targets": (MixupRegressor, HistGradientBoostingRegressor),
    }
    for n_rows in sizes:
        for kind, (own, other) in kinds.items():
            title = f"{n_rows:,} rows, {kind}"
            X, score = smooth_and_stepped(n_rows + N_TEST)
            y = np.digitize(score, np.quantile(score, [0.2, 0.5, 0.8]))
            fits = {
                name: _Fit(make(random_state=0), X, y if kind == "classes" else score)
                for name, make in ((OURS, own), (BOOSTING, other))
            }
            timed: dict[str, Callable[[], Reading]] = {
                name: each.timed for name, each in fits.items()
            }
            compared = [Comparison(title, OURS, BOOSTING)]
            if n_rows in LIMITS:
                allowed = f"{LIMITS[n_rows]:g} s"
                timed[allowed] = partial(_allowed, LIMITS[n_rows])
                compared.append(Comparison(title, OURS, allowed, 1.0))
            yield Case(title, timed, compared)
            lost = {name: each.lost for name, each in fits.items()}
            losses = Comparison(f"{title}, loss", OURS, BOOSTING, 1.0)
            yield Case(losses.case, lost, [losses], unit="")


def _allowed(limit: float) -> Reading:
    return limit, math.nan


def smooth_and_stepped(n_rows: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Make rows of 20 features and a score with smooth parts, steps and noise."""
    rng = np.random.default_rng(0)
    inward, outward = rng.normal(size=(20, 12)), rng.normal(size=12)
    X = rng.normal(size=(n_rows, 20)).astype(np.float32)
    steps = 1.5 * np.sign(X[:, 0] * X[:, 1]) + 0.7 * np.floor(2 * X[:, 5])
    bends = np.where(X[:, 2] > 0.5, 2 * X[:, 3], -X[:, 4])
    score = np.tanh(X @ inward) @ outward + steps + bends
    return X, score / score.std() + 0.3 * rng.normal(size=n_rows)


class _Fit:
    """Fits of an estimator, whose losses on other rows are told after the times."""

    def __init__(self, estimator: Any, X: Any, y: Any) -> None:
        self.estimator, self.X, self.y = estimator, X, y
        self.losses: list[float] = []

    def timed(self) -> Reading:
        """Fit once."""
        model, X, y = self.estimator, self.X, self.y
        reading = seconds(partial(model.fit, X[:-N_TEST], y[:-N_TEST]))
        if is_classifier(model):
            loss = log_loss(y[-N_TEST:], model.predict_proba(X[-N_TEST:]))
        else:
            loss = root_mean_squared_error(y[-N_TEST:], model.predict(X[-N_TEST:]))
        self.losses.append(float(loss))
        return reading

    def lost(self) -> Reading:
        """Return the loss of each fit in turn."""
        return self.losses.pop(0), math.nan

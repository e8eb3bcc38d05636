"""Mixup and its rivals on real targets."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.estimators import QuietMLPRegressor, digest_of
from benchmarks.experiment import Experiment, Options, by_alpha
from benchmarks.experiments._comparison import (
    SECONDS,
    differences,
    means,
    merits_table,
    over_sets,
    ranks,
)
from benchmarks.jobs import Job, Method
from benchmarks.store import Record
from benchmarks.tables import Table, error_table, seconds_table
from benchmarks.work import Alone, Runtime
from sk_mixup import MixupRegressor

RIVALS: Final = ("MLPRegressor", "gradient boosting", "ridge")
METRICS = ("rmse", "r2", *SECONDS)


def methods(options: Options) -> list[Method]:
    """Compare the values of alpha, otherwise with the defaults, and rivals."""
    return [*by_alpha(options), *(Method(name, (), name) for name in RIVALS)]


def fingerprint(job: Job) -> str:
    """Digest the parameters of the networks."""
    return "" if job.method.estimator in RIVALS else digest_of(build(job, "cpu"))


def build(job: Job, device: str) -> Any:
    """Make the unfitted estimator of a job."""
    params: dict[str, Any] = {"random_state": job.seed}
    match job.method.estimator:
        case "MLPRegressor":
            network = make_pipeline(StandardScaler(), QuietMLPRegressor(**params))
            # MixupRegressor scales the target too; the squared loss depends on it.
            return TransformedTargetRegressor(network, transformer=StandardScaler())
        case "gradient boosting":
            return HistGradientBoostingRegressor(**params)
        case "ridge":
            return make_pipeline(StandardScaler(), Ridge())
    params |= dict(job.method.params) | {"max_epochs": job.epochs}
    return MixupRegressor(**params, device=device)


def train(job: Job, runtime: Runtime) -> list[Record]:
    """Fit on one fold and score the other rows."""
    data = datasets.load(job.dataset, runtime.cache)
    X = data.X.to_numpy(dtype=np.float32)
    folds = KFold(job.folds, shuffle=True, random_state=job.repeat)
    train, test = list(folds.split(X))[job.fold]
    model = build(job, runtime.device)
    start = time.perf_counter()
    model.fit(X[train], data.y[train])
    fitted = time.perf_counter()
    predicted = model.predict(X[test])
    done, truth = time.perf_counter(), data.y[test]
    return [
        {
            "n_train": len(train),
            "n_test": len(test),
            # In deviations of the training targets.
            "rmse": root_mean_squared_error(truth, predicted) / data.y[train].std(),
            "r2": r2_score(truth, predicted),
            "fit_seconds": fitted - start,
            "predict_seconds": done - fitted,
        }
    ]


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors and the means over the sets."""
    return [error_table(frame, metric="rmse"), means(frame, METRICS)]


EXPERIMENT = Experiment(
    name="regression",
    summary="MixupRegressor, ERM and rivals on real targets",
    group="regression",
    defaults=Options(
        alphas=(0.0, 0.2),
        folds=5,
        repeats=3,
        epochs=MixupRegressor().max_epochs,
        protocol="default",
    ),
    methods=methods,
    fingerprint=fingerprint,
    work=Alone(train),
    show=show,
    text="The error is the root of the mean squared error in deviations of the "
    "training targets. Rivals have their own defaults; the perceptron sees "
    "standardised inputs and targets, the linear model standardised inputs.",
    tables=(
        partial(means, metrics=METRICS),
        partial(merits_table, metrics=METRICS[:2]),
        seconds_table,
        partial(error_table, metric="rmse"),
        partial(error_table, metric="r2"),
        partial(differences, metric="rmse"),
        partial(over_sets, metric="rmse"),
    ),
    figures=lambda frame: {"Average ranks by error": partial(ranks, frame, "rmse")},
)

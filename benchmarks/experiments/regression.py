"""Mixup and its rivals on real targets."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import datasets
from benchmarks.estimators import QuietMLPRegressor, digest_of
from benchmarks.experiment import Experiment, Options
from benchmarks.experiments import _alphas
from benchmarks.jobs import Job, Method, alpha_name, items
from benchmarks.plots import critical_difference_diagram
from benchmarks.report import Section, section
from benchmarks.stats import compare_to_baseline, friedman_nemenyi, merits
from benchmarks.store import Record
from benchmarks.tables import (
    Table,
    comparison_table,
    error_table,
    metrics_table,
    plain_table,
    seconds_table,
)
from benchmarks.work import Alone, Runtime
from sk_mixup import MixupRegressor

RIVALS: Final = ("MLPRegressor", "gradient boosting", "ridge")
METRICS = ("rmse", "r2", "fit_seconds", "predict_seconds")


def methods(options: Options) -> list[Method]:
    """Compare the values of alpha, otherwise with the defaults, and rivals."""
    networks = [
        Method(alpha_name(alpha), items({"alpha": float(alpha)}))
        for alpha in options.alphas or ()
    ]
    return [*networks, *(Method(name, (), name) for name in RIVALS)]


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
    done = time.perf_counter()
    return [
        {
            "n_train": len(train),
            "n_test": len(test),
            **_scores(data.y[train], data.y[test], predicted),
            "fit_seconds": fitted - start,
            "predict_seconds": done - fitted,
        }
    ]


def _scores(
    y_train: NDArray[Any], y_test: NDArray[Any], predicted: NDArray[Any]
) -> Record:
    """Score predictions; the error is in deviations of the training targets."""
    return {
        "rmse": root_mean_squared_error(y_test, predicted) / float(y_train.std()),
        "r2": float(r2_score(y_test, predicted)),
    }


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors and the means over the sets."""
    return [error_table(frame, metric="rmse"), _means(frame)]


def _means(frame: pd.DataFrame) -> Table:
    title = "Mean over the sets"
    return metrics_table(frame, ["method"], METRICS, over_sets=True, title=title)


def report(frame: pd.DataFrame) -> Section:
    """Show levels, differences from ERM and ranks."""
    text = (
        "The error is the root of the mean squared error in deviations of the training "
        "targets. Rivals have their own defaults; the perceptron sees standardised "
        "inputs and targets, the linear model standardised inputs."
    )
    return section(
        [text],
        [
            partial(_means, frame),
            lambda: plain_table(
                merits(frame, ("rmse", "r2")), "Means and average ranks"
            ),
            lambda: seconds_table(frame),
            lambda: error_table(frame, metric="rmse"),
            lambda: error_table(frame, metric="r2"),
            lambda: comparison_table(compare_to_baseline(frame, "ERM", "rmse")),
            lambda: _alphas.over_sets(frame, "rmse"),
        ],
        {"Average ranks by error": partial(_ranks, frame)},
    )


def _ranks(frame: pd.DataFrame) -> Figure:
    return critical_difference_diagram(friedman_nemenyi(frame, "rmse"))


EXPERIMENT = Experiment(
    name="regression",
    summary="MixupRegressor, ERM and rivals on real targets",
    group="regression",
    defaults=Options(
        alphas=(0.0, MixupRegressor().alpha),
        folds=5,
        repeats=3,
        epochs=MixupRegressor().max_epochs,
        protocol="default",
    ),
    methods=methods,
    fingerprint=fingerprint,
    work=Alone(train),
    show=show,
    report=report,
)

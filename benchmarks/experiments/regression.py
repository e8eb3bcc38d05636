"""Mixup and its rivals on real targets."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from benchmarks import datasets
from benchmarks.estimators import build
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
from benchmarks.scores import Fitted, regression_scores
from benchmarks.splits import Split
from benchmarks.store import Record
from benchmarks.tables import Table, error_table, seconds_table
from benchmarks.work import Alone, Runtime

RIVALS: Final = ("MLPRegressor", "gradient boosting", "ridge")
METRICS = ("rmse", "r2", *SECONDS)


def methods(options: Options) -> list[Method]:
    """Compare the values of alpha, otherwise with the defaults, and rivals."""
    networks = (replace(each, estimator="regressor") for each in by_alpha(options))
    return [*networks, *(Method(name, (), name) for name in RIVALS)]


def train(job: Job, runtime: Runtime) -> list[Record]:
    """Fit on one fold and score the other rows."""
    data = datasets.load(job.dataset, runtime.cache)
    X = data.X.to_numpy(dtype=np.float32)
    folds = KFold(job.folds, shuffle=True, random_state=job.repeat)
    train, test = list(folds.split(X))[job.fold]
    facts = {"n_train": len(train), "n_test": len(test)}
    split = Split(X[train], data.y[train], X[test], data.y[test], facts)
    start = time.perf_counter()
    model = build(job, runtime.device).fit(split.X_train, split.y_train)
    return [regression_scores(Fitted(model, time.perf_counter() - start), split)]


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
        protocol="default",
    ),
    methods=methods,
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

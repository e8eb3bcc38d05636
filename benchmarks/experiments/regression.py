"""Mixup and its rivals on real targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.experiment import Experiment, Options, by_alpha
from benchmarks.experiments import suite
from benchmarks.experiments._comparison import (
    SECONDS,
    differences,
    in_views,
    means,
    merits_table,
    over_sets,
    ranks,
    times,
)
from benchmarks.jobs import Method
from benchmarks.tables import Table, error_table, seconds_table
from benchmarks.work import Training

#: By the names that ``--rivals`` takes.
RIVALS: Final[Mapping[str, Method]] = {
    "ridge": Method("ridge", (), "ridge"),
    "forest": Method("random forest", (("n_estimators", 300),), "random forest"),
    "boosting": Method("gradient boosting", (), "gradient boosting"),
    "lightgbm": Method("LightGBM", (), "lightgbm_regressor"),
    "catboost": Method("CatBoost", (), "catboost_regressor"),
    "mlp": Method("MLPRegressor", (), "MLPRegressor"),
    "tabm": Method("TabM", (), "tabm_regressor"),
    "realmlp": Method("RealMLP", (), "realmlp_td_regressor"),
}
METRICS = ("rmse", "r2", *SECONDS)


def methods(options: Options) -> list[Method]:
    """Compare the values of alpha, otherwise with the defaults, and rivals."""
    networks = (replace(each, estimator="regressor") for each in by_alpha(options))
    return [*networks, *suite.chosen_rivals(options, RIVALS)]


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors and the means over the sets."""
    return [error_table(frame, metric="rmse"), *_means(frame)]


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw average ranks, and means against the time of a fit."""
    return {
        "Average ranks by error": partial(ranks, frame, "rmse"),
        **times(frame, "rmse", "error"),
    }


_means = in_views(partial(means, metrics=METRICS))

EXPERIMENT = Experiment(
    name="regression",
    summary="MixupRegressor, ERM and rivals on real targets",
    group="regression",
    defaults=Options(
        alphas=(0.0, 0.2),
        folds=5,
        repeats=3,
        large_repeats=1,
        protocol="default",
        rivals=suite.installed_rivals(RIVALS),
    ),
    methods=methods,
    fingerprint=suite.fingerprint,
    work=Training(kinds=0, frames=True, task="regression"),
    show=show,
    text="The error is the root of the mean squared error in deviations of the "
    f"training targets. {suite.ABOUT_RIVALS} The perceptron sees standardised "
    f"targets as well. {suite.ABOUT_SIZES} {suite.ALONE}",
    tables=(
        _means,
        in_views(partial(merits_table, metrics=METRICS[:2])),
        seconds_table,
        partial(error_table, metric="rmse"),
        partial(error_table, metric="r2"),
        partial(differences, metric="rmse"),
        partial(over_sets, metric="rmse"),
    ),
    figures=figures,
    notices=partial(suite.notices, known=RIVALS),
)

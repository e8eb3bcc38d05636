"""Mixup and its rivals over many data sets."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.estimators import names
from benchmarks.experiment import Experiment, Options
from benchmarks.experiments import _alphas
from benchmarks.jobs import Method, alpha_name, items
from benchmarks.plots import critical_difference_diagram
from benchmarks.report import Section, section
from benchmarks.stats import compare_to_baseline, friedman_nemenyi, merits
from benchmarks.tables import (
    Table,
    comparison_table,
    error_table,
    metrics_table,
    plain_table,
    seconds_table,
)
from benchmarks.work import Training

RIVALS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "logistic": ("logistic regression", {}),
    "forest": ("random forest", {"n_estimators": 300}),
    "boosting": ("gradient boosting", {}),
    "mlp": ("MLPClassifier", {}),
    "realmlp": ("RealMLP", {}),
}


def installed_rivals() -> tuple[str, ...]:
    """Name the rivals that can be run here."""
    return tuple(name for name in RIVALS if name in names())


def methods(options: Options) -> list[Method]:
    """Compare ERM, mixup, one network of each, and rivals."""
    alphas, rivals = options.alphas or (), options.rivals
    if rivals is None:  # what was asked for by an earlier version
        rivals = installed_rivals()
    unknown = [name for name in rivals if name not in RIVALS]
    if unknown:
        raise ValueError(
            f"unknown rival '{unknown[0]}'; known: {', '.join(RIVALS)}, of which "
            f"installed: {', '.join(installed_rivals())}"
        )
    networks = [
        Method.mixup(f"{alpha_name(alpha)}{also}", **params)
        for also, change in (("", {}), (", 1 network", {"n_estimators": 1}))
        for alpha in alphas
        for params in [{"alpha": float(alpha)} | change]
    ]
    return networks + [
        Method(RIVALS[name][0], items(RIVALS[name][1]), name)
        for name in dict.fromkeys(rivals)
    ]


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors and the means over the sets."""
    return [error_table(frame), _means(frame)]


def _means(frame: pd.DataFrame) -> Table:
    title = "Mean over the sets"
    return metrics_table(
        frame, ["method"], _alphas.METRICS, over_sets=True, title=title
    )


def _against_rivals(frame: pd.DataFrame) -> Table:
    """Rank this package's ensembles that mix among the rivals alone."""
    variants = frame["method"].eq("ERM") | frame["method"].str.endswith(", 1 network")
    title = "Means and average ranks, without ERM and single networks"
    return plain_table(merits(frame[~variants]), title)


def report(frame: pd.DataFrame) -> Section:
    """Show levels, differences from ERM and ranks."""
    text = (
        "Networks of this package have the default recipe. Rivals have their own "
        "defaults (the forest 300 trees); perceptron and linear model see standardised "
        "inputs. Categories are one-hot for all. Every estimator is fitted by itself, "
        "one thread each where several processes share the work."
    )
    metrics = ("error", "log_loss")
    return section(
        [text],
        [
            lambda: _means(frame),
            lambda: plain_table(merits(frame), "Means and average ranks"),
            lambda: _against_rivals(frame),
            lambda: seconds_table(frame),
            *(partial(error_table, frame, metric=metric) for metric in metrics),
            *(partial(_differences, frame, metric) for metric in metrics),
            *(partial(_alphas.over_sets, frame, metric) for metric in metrics),
        ],
        {
            f"Average ranks by {metric.replace('_', ' ')}": partial(
                _ranks, frame, metric
            )
            for metric in metrics
        },
    )


def _differences(frame: pd.DataFrame, metric: str) -> Table:
    return comparison_table(compare_to_baseline(frame, "ERM", metric))


def _ranks(frame: pd.DataFrame, metric: str) -> Figure:
    return critical_difference_diagram(friedman_nemenyi(frame, metric))


EXPERIMENT = Experiment(
    name="suite",
    summary="ERM, mixup and rivals over many sets, or an OpenML suite (--suite ID)",
    group="openml",
    defaults=Options(
        alphas=(0.0, 0.4),
        folds=5,
        repeats=1,
        protocol="default",
        rivals=installed_rivals(),
    ),
    methods=methods,
    work=Training(kinds=0),
    show=show,
    report=report,
    any_suite=True,
)

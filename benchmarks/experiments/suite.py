"""Mixup and its rivals over many data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.estimators import REGRESSORS, names
from benchmarks.estimators import fingerprint as fingerprint_of_networks
from benchmarks.experiment import Experiment, Options
from benchmarks.experiments._comparison import (
    differences,
    means,
    merits_table,
    over_sets,
    ranks,
)
from benchmarks.jobs import Job, Method, alpha_name
from benchmarks.tables import Table, error_table, seconds_table
from benchmarks.work import Training

#: By the names that ``--rivals`` takes.
RIVALS: Final[Mapping[str, Method]] = {
    "logistic": Method("logistic regression", (), "logistic"),
    "forest": Method("random forest", (("n_estimators", 300),), "forest"),
    "boosting": Method("gradient boosting", (), "boosting"),
    "mlp": Method("MLPClassifier", (), "mlp"),
    "realmlp": Method("RealMLP", (), "realmlp"),
}


def installed_rivals(known: Mapping[str, Method] = RIVALS) -> tuple[str, ...]:
    """Name the rivals that can be run here."""
    here = {*names(), *REGRESSORS}
    return tuple(name for name, rival in known.items() if rival.estimator in here)


def chosen_rivals(
    options: Options, known: Mapping[str, Method] = RIVALS
) -> list[Method]:
    """Find the rivals that are asked for; a ValueError tells of an unknown one."""
    rivals = options.rivals
    if rivals is None:  # what was asked for by an earlier version
        rivals = installed_rivals(known)
    unknown = [name for name in rivals if name not in known]
    if unknown:
        raise ValueError(
            f"unknown rival '{unknown[0]}'; known: {', '.join(known)}, of which "
            f"installed: {', '.join(installed_rivals(known))}"
        )
    return [known[name] for name in dict.fromkeys(rivals)]


def methods(options: Options) -> list[Method]:
    """Compare ERM, mixup, one network of each, and rivals."""
    networks = [
        Method.mixup(f"{alpha_name(alpha)}{also}", **params)
        for also, change in (("", {}), (", 1 network", {"n_estimators": 1}))
        for alpha in options.alphas or ()
        for params in [{"alpha": float(alpha)} | change]
    ]
    return networks + chosen_rivals(options)


def fingerprint(job: Job) -> str:
    """Tell rivals that are handed frames from those of matrices, of earlier stores."""
    return fingerprint_of_networks(job) or "frames"


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors and the means over the sets."""
    return [error_table(frame), means(frame)]


def _against_rivals(frame: pd.DataFrame) -> Table:
    """Rank this package's ensembles that mix among the rivals alone."""
    variants = frame["method"].eq("ERM") | frame["method"].str.endswith(", 1 network")
    return merits_table(frame[~variants], also=", without ERM and single networks")


METRICS = ("error", "log_loss")


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw average ranks."""
    captions = ("Average ranks by error", "Average ranks by log loss")
    drawn = (partial(ranks, frame, metric) for metric in METRICS)
    return dict(zip(captions, drawn, strict=True))


EXPERIMENT = Experiment(
    name="suite",
    summary="ERM, mixup and rivals over many sets, or an OpenML suite (--suite ID)",
    group="suite",
    defaults=Options(
        alphas=(0.0, 0.2),
        folds=5,
        repeats=1,
        protocol="default",
        rivals=installed_rivals(),
    ),
    methods=methods,
    fingerprint=fingerprint,
    work=Training(kinds=0, frames=True),
    show=show,
    text="Networks of this package have the default recipe. Rivals have their own "
    "defaults (the forest 300 trees); perceptron and linear model see standardised "
    "inputs. This package and gradient boosting get the tables as they are, with "
    "categories and gaps. For the others categories are one-hot, levels of one row "
    "together, and gaps are the mean, with a column that marks them. Every estimator "
    "is fitted by itself, one thread each where several processes share the work.",
    tables=(
        means,
        merits_table,
        _against_rivals,
        seconds_table,
        *(partial(error_table, metric=metric) for metric in METRICS),
        *(partial(differences, metric=metric) for metric in METRICS),
        *(partial(over_sets, metric=metric) for metric in METRICS),
    ),
    figures=figures,
    any_suite=True,
)

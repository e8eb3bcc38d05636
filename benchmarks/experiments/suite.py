"""Mixup and its rivals over many data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import datasets
from benchmarks.estimators import fingerprint as fingerprint_of_networks
from benchmarks.estimators import most_rows, names
from benchmarks.experiment import SMALL_ROWS, Experiment, Options
from benchmarks.experiments._comparison import (
    differences,
    in_views,
    means,
    merits_table,
    over_sets,
    ranks,
    times,
)
from benchmarks.jobs import Job, Method, alpha_name
from benchmarks.rivals import SLOW_ROWS
from benchmarks.tables import Table, error_table, seconds_table
from benchmarks.work import Training

#: By the names that ``--rivals`` takes.
RIVALS: Final[Mapping[str, Method]] = {
    "logistic": Method("logistic regression", (), "logistic"),
    "forest": Method("random forest", (("n_estimators", 300),), "forest"),
    "boosting": Method("gradient boosting", (), "boosting"),
    "lightgbm": Method("LightGBM", (), "lightgbm"),
    "catboost": Method("CatBoost", (), "catboost"),
    "mlp": Method("MLPClassifier", (), "mlp"),
    "tabm": Method("TabM", (), "tabm"),
    "realmlp": Method("RealMLP", (), "realmlp_td"),
}

#: What the reports of experiments with rivals say of them.
ABOUT_RIVALS: Final = (
    "Rivals have their own defaults (the forest 300 trees); perceptron and linear "
    "model see standardised inputs. This package, gradient boosting, LightGBM and "
    "CatBoost get the tables as they are, with categories and gaps; RealMLP and TabM "
    "get the categories, with gaps as levels of their own. For the others categories "
    "are one-hot, levels of one row together. Where numbers may have no gaps, these "
    "are the mean, with a column that marks them. CatBoost, LightGBM, RealMLP and TabM "
    "are compared where they are installed."
)
#: What they say of sizes.
ABOUT_SIZES: Final = (
    f"Sets of up to {SMALL_ROWS:,} rows have three repeats unless told otherwise. "
    f"RealMLP and TabM, which are slow, are run on sets of up to {SLOW_ROWS:,} rows."
)
ALONE: Final = "Every estimator is fitted by itself, on one thread."


def installed_rivals(
    known: Mapping[str, Method] = RIVALS, rows: int | None = None
) -> tuple[str, ...]:
    """Name the rivals that can be run here, on a table of so many rows."""
    here = names()
    return tuple(
        name
        for name, rival in known.items()
        if rival.estimator in here
        and (rows or 0) <= (most_rows(rival.estimator) or math.inf)
    )


def notices(options: Options, known: Mapping[str, Method] = RIVALS) -> list[str]:
    """Say which rivals are left out: not installed, or too slow for large sets."""
    here = names()
    missing = [each.name for each in known.values() if each.estimator not in here]
    by_default = options.rivals == installed_rivals(known)
    sizes = {
        datasets.short_name(name): datasets.n_rows(name)
        for name in options.datasets or ()
    }
    large = [name for name, rows in sizes.items() if (rows or 0) > SLOW_ROWS]
    unknown = [name for name, rows in sizes.items() if rows is None]
    slow = [
        each.name for each in chosen_rivals(options, known) if most_rows(each.estimator)
    ]
    said = []
    if missing and by_default:
        said.append(f"Not installed, and left out: {', '.join(missing)}.")
    if slow and large:
        said.append(
            f"Too slow for sets of more than {SLOW_ROWS:,} rows "
            f"({', '.join(large)}), and left out there: {', '.join(slow)}."
        )
    if slow and unknown and by_default:
        said.append(
            f"Of unknown size, and taken for large ({', '.join(unknown)}): without "
            f"{', '.join(slow)}; name them with --rivals to run them there."
        )
    return said


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
    return [error_table(frame), *in_views(means)(frame)]


def _against_rivals(frame: pd.DataFrame, also: str) -> Table:
    """Rank this package's ensembles that mix among the rivals alone."""
    variants = frame["method"].eq("ERM") | frame["method"].str.endswith(", 1 network")
    also = f", without ERM and single networks{also}"
    return merits_table(frame[~variants], also=also)


METRICS = ("error", "log_loss")


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw average ranks, and means against the time of a fit."""
    drawn: dict[str, Callable[[], Figure]] = {}
    for metric, name in zip(METRICS, ("error", "log loss"), strict=True):
        drawn[f"Average ranks by {name}"] = partial(ranks, frame, metric)
        drawn |= times(frame, metric, name)
    return drawn


EXPERIMENT = Experiment(
    name="suite",
    summary="ERM, mixup and rivals over many sets, or an OpenML suite (--suite ID)",
    group="suite",
    defaults=Options(
        alphas=(0.0, 0.2),
        folds=5,
        repeats=3,
        large_repeats=1,
        protocol="default",
        rivals=installed_rivals(),
    ),
    methods=methods,
    fingerprint=fingerprint,
    work=Training(kinds=0, frames=True),
    show=show,
    text=f"Networks of this package have the default recipe. {ABOUT_RIVALS} "
    f"{ABOUT_SIZES} {ALONE}",
    tables=(
        in_views(means),
        in_views(merits_table),
        in_views(_against_rivals),
        seconds_table,
        *(partial(error_table, metric=metric) for metric in METRICS),
        *(partial(differences, metric=metric) for metric in METRICS),
        *(partial(over_sets, metric=metric) for metric in METRICS),
    ),
    figures=figures,
    any_suite=True,
    notices=notices,
)

"""Table 2 of arXiv 1710.09412: training labels replaced by random ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks import plots
from benchmarks.experiment import Experiment, Options
from benchmarks.jobs import Items, Job, Method, items
from benchmarks.paper import TABLE_2
from benchmarks.quantities import quantity
from benchmarks.scores import Fitted, scores
from benchmarks.splits import Split
from benchmarks.stats import mean_over_sets
from benchmarks.store import Record
from benchmarks.tables import Table, grid_table, metrics_table, paper_table
from benchmarks.work import Training
from sk_mixup.inspection import corrupt_labels, memorization_error

NOISES = (0.2, 0.5, 0.8)
PAPER_TITLE = "The paper's Table 2 (CIFAR-10, %)"
ERRORS = ("best_error", "last_error", "train_real", "train_corrupted")
#: A parameter of networks that look at the test rows after each epoch.
WATCHING = "early_stopping"


def methods(options: Options) -> list[Method]:
    """Compare the paper's grids."""
    # The paper's steps, after 100 and 150 of 200 epochs.
    mixup = partial(Method.mixup, lr_schedule="step", lr_milestones=(0.5, 0.75))
    return [
        mixup("ERM", alpha=0.0),
        *(mixup(f"dropout {p}", alpha=0.0, dropout=p) for p in (0.5, 0.7, 0.8, 0.9)),
        *(mixup(f"mixup {alpha}", alpha=float(alpha)) for alpha in (1, 2, 8, 32)),
        *(
            mixup(f"mixup {alpha} + dropout {p}", alpha=float(alpha), dropout=p)
            for alpha in (1, 2, 4, 8)
            for p in (0.3, 0.5, 0.7)
        ),
    ]


def conditions(options: Options) -> list[Items]:
    """Replace a fifth, half and four fifths of the labels."""
    return [items({"noise": noise}) for noise in NOISES]


def corrupt(job: Job, split: Split) -> Split:
    """Replace training labels, the same ones for every method."""
    given, mask = corrupt_labels(split.y_train, job.extra("noise"), job.seed)
    part = split.with_labels(given, real=split.y_train, mask=mask)
    if not dict(job.method.params).get(WATCHING):
        return part
    known = _known(part)
    rows = {"X_val": part.X_test[known], "y_val": part.y_test[known]}
    return replace(part, fit_params=rows)


def _known(split: Split) -> NDArray[np.bool_]:
    """Find the test rows whose class is one to learn."""
    return np.isin(split.y_test, split.y_train)


def watched(job: Job) -> tuple[Job, ...]:
    """Ask for the same network once more, watched on the test rows and never stopped.

    It ends at the weights of its best epoch, the job's own network at the last ones.
    """
    params = {WATCHING: True, "n_iter_no_change": job.n_epochs}
    own = dict(job.method.params) | params
    return (replace(job, method=Method.mixup(f"{job.method.name}, watched", **own)),)


def measure(job: Job, models: Sequence[Fitted], split: Split) -> list[Record]:
    """Record the test errors over the epochs and the memorised labels."""
    last, watched = models
    known = _known(split).mean()
    errors = [1 - known + known * e for e in watched.model.history_[:, "valid_error"]]
    heart = memorization_error(
        last.model,
        split.X_train,
        split.aside["real"],
        split.y_train,
        split.aside["mask"],
    )
    measured = scores(last, split)
    return [
        {
            **measured,
            "best_error": min(errors),
            "last_error": measured["error"],
            "train_real": heart.real,
            "train_corrupted": heart.corrupted,
            "curve": {"epoch": [*range(1, len(errors) + 1)], "error": errors},
        }
    ]


def family(method: str) -> str:
    """Name a method without its parameters.

    Examples
    --------
    >>> family("mixup 8 + dropout 0.3")
    'mixup + dropout'
    """
    return re.sub(r" [\d.]+", "", method)


def best_of_families(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep, for each share of noise, the member of each family of the least last error.

    As the paper does, it chooses on test errors, averaged over the sets.
    """
    means = mean_over_sets(frame, "last_error", ["noise", "method"])
    means["family"] = means["method"].map(family)
    best = means.loc[means.groupby(["noise", "family"], sort=False)["mean"].idxmin()]
    return frame.merge(best[["noise", "method"]], on=["noise", "method"])


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate what Table 2 does."""
    return [_table_2(frame)]


def beside(frame: pd.DataFrame) -> Table:
    """Tabulate what Table 2 does, the paper's figures of the same family beside."""
    best = best_of_families(frame)[["noise", "method"]].drop_duplicates()
    index = pd.MultiIndex.from_frame(best)
    names = {(noise, family(name)): name for noise, name in TABLE_2.index}
    theirs = [names[noise, family(name)] for noise, name in index]
    noises = index.get_level_values("noise")
    paper = TABLE_2.loc[list(zip(noises, theirs, strict=True))].set_axis(index)
    paper.columns = paper.columns.map(lambda name: quantity(name).label)
    paper.insert(0, "method", theirs)
    return _table_2(frame, paper)


def _table_2(frame: pd.DataFrame, paper: pd.DataFrame | None = None) -> Table:
    best = best_of_families(frame)
    title = "Mean over the sets, best of each grid by the last test error"
    rows = ["noise", "method"]
    return metrics_table(best, rows, ERRORS, over_sets=True, paper=paper, title=title)


def grid(frame: pd.DataFrame) -> Table:
    """Tabulate the last errors of all methods."""
    means = mean_over_sets(frame, "last_error", ["noise", "method"])
    return grid_table(means, ["method"], ["noise"], "last_error", best="column")


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw the errors against the noise, and over the epochs."""
    best = best_of_families(frame)
    families = best.assign(method=best["method"].map(family))
    by_noise = learning_curves(families).groupby("noise", sort=False)
    return {
        "Test error against the share of corrupted labels": partial(
            plots.corruption, families
        ),
        **{
            f"Test error over the epochs, {noise:.0%} of the labels replaced": (
                partial(_over_epochs, part)
            )
            for noise, part in by_noise
        },
    }


def _over_epochs(curves: pd.DataFrame) -> Figure:
    """Draw the errors over the epochs, of which there are ever fewer."""
    figure = plots.learning_curves(curves)
    for ax in figure.axes:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
    return figure


def learning_curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Spread the curves of a results frame: one row per job and epoch."""
    keys = ["dataset", "method", "repeat", "fold", "noise"]
    curves = pd.DataFrame(list(frame["curve"]))
    spread = pd.concat([frame[keys].reset_index(drop=True), curves], axis=1)
    return spread.explode(["epoch", "error"]).astype({"epoch": int, "error": float})


EXPERIMENT = Experiment(
    name="corruption",
    summary="Table 2: training labels replaced at random, ERM, dropout and mixup",
    group="openml",
    defaults=Options(
        datasets=("vehicle", "vowel", "segment"),
        folds=5,
        repeats=1,
        epochs=200,
        protocol="plain",
    ),
    methods=methods,
    conditions=conditions,
    work=Training(measure, corrupt, watched),
    show=show,
    text="Of each grid the member of the least last test error, averaged over the "
    "sets, stands for its family, as in the paper; so these errors are a little "
    "too good. The best test error is that of the best epoch. The learning rate is "
    "divided by 10 after a half and three quarters of the epochs.",
    tables=(
        beside,
        lambda frame: paper_table(TABLE_2, PAPER_TITLE, ["noise", "method"]),
        grid,
    ),
    figures=figures,
)

"""ERM, mixup and rivals on one table of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks import plots, stats, tables
from benchmarks.datasets import Dataset, Task
from benchmarks.experiment import Experiment, Options, by_alpha
from benchmarks.experiments import regression, suite
from benchmarks.experiments._comparison import SCORES, SECONDS, differences, pooled
from benchmarks.jobs import Method
from benchmarks.quantities import quantity
from benchmarks.tables import Table
from benchmarks.work import Training
from sk_mixup import MixupClassifier, MixupRegressor

#: The alpha that is compared with ERM where the default is 0.
MIXED: Final = 0.2
#: Methods whose calibration is drawn: networks of this package, and others.
NETWORKS, OTHERS = 2, 2


def methods(options: Options) -> list[Method]:
    """Compare the values of alpha, otherwise with the defaults, and rivals."""
    if options.task == "regression":
        networks = [replace(each, estimator="regressor") for each in by_alpha(options)]
        return networks + suite.chosen_rivals(options, regression.RIVALS)
    return [*by_alpha(options), *suite.chosen_rivals(options)]


def _is_regression(frame: pd.DataFrame) -> bool:
    # The common report's frame has the columns of all tables.
    return "rmse" in frame and bool(frame["rmse"].notna().any())


def metrics(frame: pd.DataFrame) -> tuple[str, ...]:
    """Name what the methods are judged by."""
    return ("rmse",) if _is_regression(frame) else ("error", "log_loss")


def levels(frame: pd.DataFrame, also: Sequence[str]) -> Table:
    """Show metrics of every method, the best of each in bold."""
    name = frame["dataset"].iloc[0]
    return tables.metrics_table(
        frame,
        ["method"],
        [*metrics(frame), *also, SECONDS[0]],
        title=f"{name}: mean over the folds ± standard error",
        best=True,
    )


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the methods, and their differences from ERM."""
    other = ["r2"] if _is_regression(frame) else ["auc"]
    return [levels(frame, other), *from_first(frame)]


def _in_full(frame: pd.DataFrame) -> Table:
    other = ["r2"] if _is_regression(frame) else list(SCORES[2:])
    return levels(frame, [*other, SECONDS[1]])


def from_first(frame: pd.DataFrame) -> list[Table]:
    """Compare each method with the first one, ERM unless told otherwise."""
    first, *others = dict.fromkeys(frame["method"])
    if not others:
        return []
    shown = {
        quantity(metric).label: differences(frame, metric, first)
        for metric in metrics(frame)
    }
    cells, best = (
        pd.concat([getattr(table, part).T for table in shown.values()], axis=1)
        .set_axis(list(shown), axis=1)
        .rename_axis("Method")
        for part in ("cells", "best")
    )
    title = f"Difference from {first} (Holm's p of the corrected t-test)"
    return [Table(title, cells, best)]


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw levels, levels against time and, of classifiers, the calibration."""
    drawn: dict[str, Callable[[], Figure]] = {}
    for metric in metrics(frame):
        name = quantity(metric).label.partition(" (")[0].capitalize()
        drawn[f"{name} by method: folds, and mean with standard error"] = partial(
            plots.levels, frame, metric
        )
    last = metrics(frame)[-1]
    name = quantity(last).label.partition(" (")[0].capitalize()
    drawn[f"{name} against the time of a fit"] = partial(
        plots.against_time, frame, last
    )
    if not _is_regression(frame):
        drawn["Calibration on all test rows"] = lambda: plots.reliability(
            pooled(_best_few(frame))
        )
    return drawn


def _best_few(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the best methods by log loss, of this package and of others."""
    means = stats.summary(frame, "log_loss").sort_values("mean")
    # Rivals have no alpha, and a network may have failed on every fold.
    alphas = frame.get("alpha", pd.Series(np.nan, frame.index))
    ours = set(frame.loc[alphas.notna(), "method"])
    names = list(means["method"])
    kept = [name for name in names if name in ours][:NETWORKS]
    kept += [name for name in names if name not in ours][:OTHERS]
    return frame[frame["method"].isin(kept)]


def _defaults(task: Task, rows: int = 0) -> Options:
    """Ask for the defaults of the estimator of a task, on a table of so many rows."""
    is_regression = task == "regression"
    default = MixupRegressor() if is_regression else MixupClassifier()
    mixed = default.alpha if isinstance(default.alpha, float) else MIXED
    rivals = regression.RIVALS if is_regression else suite.RIVALS
    return Options(
        alphas=(0.0, mixed or MIXED),
        folds=5,
        repeats=1,
        protocol="default",
        rivals=suite.installed_rivals(rivals, rows),
        task=task,
    )


def on(data: Dataset) -> Experiment:
    """Make the experiment on one table; slow rivals are for small ones."""
    defaults = _defaults(data.task, len(data.y))
    return replace(EXPERIMENT, group=(data.name,), defaults=defaults)


def about(experiment: Experiment, lines: Sequence[str]) -> Experiment:
    """Let the page say first what was said on the terminal."""
    return replace(experiment, text=" ".join([*lines, experiment.text]))


EXPERIMENT = Experiment(
    name="compare",
    summary="ERM, mixup and rivals on a table of your own",
    group=("sklearn_wine",),  # stands for it in lists
    defaults=_defaults("classification"),
    methods=methods,
    fingerprint=suite.fingerprint,
    work=Training(kinds=0, frames=True),
    show=show,
    text=f"All methods have the same folds. {suite.ABOUT_RIVALS} {suite.ALONE} "
    "Differences are paired by fold and tested by the "
    "corrected t-test (Nadeau and Bengio, 2003); p is corrected for the number of "
    "methods (Holm). Bold differences favour the method with p < 0.05.",
    tables=(_in_full, from_first),
    figures=figures,
    apart=True,
    runs=(),
    page=True,
)

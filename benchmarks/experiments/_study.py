"""Studies of recipes: one choice changed at a time, on fewer rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.model_selection import train_test_split

from benchmarks.datasets import group
from benchmarks.experiment import Experiment, Options
from benchmarks.experiments._comparison import over_sets
from benchmarks.jobs import Items, Job, Method, items
from benchmarks.plots import changes
from benchmarks.quantities import quantity
from benchmarks.splits import Split
from benchmarks.stats import leave_one_set_out, mean_over_sets, merits
from benchmarks.tables import Table, merits_table, metrics_table, plain_table
from benchmarks.work import Training

METRICS = ("error", "log_loss")

#: Training rows of the larger sets; the test rows are all there are.
MAX_ROWS = 1000

#: About how many recipes of a study cannot stack with each other.
KINDS = 8

#: With its 10,000 features it takes as long as ten other tables.
WIDE = "arcene"

#: Networks of an ensemble here: fewer than the default's, for time's sake.
MEMBERS = 4


@dataclass(frozen=True, eq=False)
class Study:
    """Recipes that are compared.

    Parameters
    ----------
    recipes : mapping of str to dict
        The recipes by their names: parameters of `sk_mixup.MixupClassifier`, spelt out,
        so that the study stays what it was when defaults change.
    start, choice : str
        The recipes with which the others are compared: where the study begins, and what
        came out of it.
    text : str
        What it is about.
    others : tuple of Method, default=()
        What else is compared.
    """

    recipes: dict[str, dict[str, Any]]
    start: str
    choice: str
    text: str
    others: tuple[Method, ...] = ()

    def methods(self, options: Options) -> list[Method]:
        """Make a method of each recipe."""
        made = [Method.mixup(name, **recipe) for name, recipe in self.recipes.items()]
        return [*made, *self.others]

    def _differences(self) -> Iterator[Callable[[pd.DataFrame], Table]]:
        for baseline in (self.start, self.choice):
            title = f"Against '{baseline}'"
            for metric in METRICS:
                yield partial(over_sets, metric=metric, baseline=baseline, title=title)

    def _changes(self, frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
        return {
            f"Changes of {quantity(metric).label} from '{self.start}'": partial(
                changes, frame, self.start, metric
            )
            for metric in METRICS
        }

    def experiment(self, name: str, summary: str) -> Experiment:
        """Make an experiment of the study."""
        return Experiment(
            name=name,
            summary=summary,
            group="openml",
            defaults=Options(folds=5, repeats=3, protocol="plain"),
            methods=self.methods,
            conditions=conditions,
            work=Training(prepare=fewer_rows, kinds=KINDS),
            show=show,
            text=f"{self.text} {MEMBERS} networks are averaged, for time's sake, and "
            f"the larger sets give {MAX_ROWS} training rows to each fold. The merit of "
            "a recipe is its place by mean error, by average rank in error, by mean "
            "log loss and by average rank in log loss, averaged. Below, the choice is "
            "made without one set and judged on it.",
            tables=(show, *self._differences(), _stability),
            figures=self._changes,
            runs=(
                {"datasets": [name for name in group("openml") if name != WIDE]},
                {"datasets": [WIDE], "repeats": 1},
            ),
        )


def conditions(options: Options) -> list[Items]:
    """State the size of the larger sets."""
    return [items({"max_rows": MAX_ROWS})]


def fewer_rows(job: Job, split: Split) -> Split:
    """Train on some of the rows, the same ones for every method."""
    return _sample(split, job.extra("max_rows"), job.seed)


@lru_cache(maxsize=1)  # methods that share matrices train together at less cost
def _sample(split: Split, size: int, seed: int) -> Split:
    n_rows = len(split.y_train)
    if n_rows <= size:
        return split
    _, kept = train_test_split(np.arange(n_rows), test_size=size, random_state=seed)
    return replace(
        split,
        X_train=split.X_train[kept],
        y_train=split.y_train[kept],
        facts=split.facts | {"n_used": size},
    )


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate what each choice gives, over several sets the best first."""
    if frame["dataset"].nunique() == 1:
        return [metrics_table(frame, ["dataset", "method"], METRICS)]
    table = merits(frame)
    seconds = mean_over_sets(frame, "fit_seconds").set_index("method")["mean"]
    table.insert(1, "fit_share", table["method"].map(seconds))
    title = "Means over the sets, average ranks, and both together (merit)"
    return [merits_table(table, f"{title}; fits are shares of common programs")]


def _stability(frame: pd.DataFrame) -> Table:
    left_out = leave_one_set_out(frame)
    title = f"Chosen without each set, of {frame['method'].nunique()} recipes"
    return plain_table(left_out, title)

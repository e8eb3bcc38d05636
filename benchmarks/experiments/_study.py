"""Studies of recipes: one choice changed at a time, on fewer rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from sklearn.model_selection import train_test_split

from benchmarks.datasets import Task, group
from benchmarks.experiment import Experiment, Options
from benchmarks.experiments import _comparison
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

#: Networks of an ensemble in the first two rounds: fewer than the default's.
MEMBERS = 4


@dataclass(frozen=True, eq=False)
class Study:
    """Recipes that are compared.

    Parameters
    ----------
    recipes : mapping of str to dict
        The recipes by their names: parameters of the estimator, spelt out, so that the
        study stays what it was when defaults change.
    start, choice : str
        The recipes with which the others are compared: where the study begins, and what
        came out of it.
    text : str
        What it is about.
    others : tuple of Method, default=()
        What else is compared.
    estimator : str, default="mixup"
        What the recipes are of, one of `benchmarks.estimators.names`.
    metrics : sequence of str, default=("error", "log_loss")
        What the recipes are compared by.
    """

    recipes: dict[str, dict[str, Any]]
    start: str
    choice: str
    text: str
    others: tuple[Method, ...] = ()
    estimator: str = "mixup"
    metrics: Sequence[str] = METRICS

    def methods(self, options: Options) -> list[Method]:
        """Make a method of each recipe."""
        made = [
            Method(name, items(recipe), self.estimator)
            for name, recipe in self.recipes.items()
        ]
        return [*made, *self.others]

    def together(self, name: str, summary: str) -> Experiment:
        """Make an experiment of matrices, in which all recipes train side by side."""
        return self._experiment(
            name,
            summary,
            group="openml",
            defaults=Options(folds=5, repeats=3, protocol="plain"),
            work=Training(prepare=fewer_rows, kinds=KINDS),
            show=self.show_shares,
            text=f"{MEMBERS} networks are averaged, for time's sake",
            runs=(
                {"datasets": [name for name in group("openml") if name != WIDE]},
                {"datasets": [WIDE], "repeats": 1},
            ),
        )

    def alone(self, name: str, summary: str, task: Task, sets: str) -> Experiment:
        """Make an experiment of tables as they are, in which each fit has its time.

        ``sets`` is a group of data sets for the task.
        """
        return self._experiment(
            name,
            summary,
            group=sets,
            defaults=Options(folds=3, repeats=1, protocol="default"),
            work=Training(prepare=fewer_rows, kinds=0, frames=True, task=task),
            show=self.show_times,
            text="Every estimator is fitted by itself, on one thread",
            runs=({"datasets": [name for name in group(sets) if name != WIDE]},),
        )

    def _experiment(
        self,
        name: str,
        summary: str,
        *,
        show: Callable[[pd.DataFrame], list[Table]],
        text: str,
        **stated: Any,
    ) -> Experiment:
        labels = [quantity(metric).label.partition(" (")[0] for metric in self.metrics]
        places = " and ".join(f"by mean and by average rank in {own}" for own in labels)
        return Experiment(
            name=name,
            summary=summary,
            methods=self.methods,
            conditions=conditions,
            show=show,
            text=f"{self.text} {text}, and the larger sets give {MAX_ROWS} training "
            f"rows to each fold. The merit of a recipe is its place {places}, "
            "averaged. Below, the choice is made without one set and judged on it.",
            tables=(show, *self._differences(), self._stability),
            figures=self._changes,
            **stated,
        )

    def show_shares(self, frame: pd.DataFrame) -> list[Table]:
        """Tabulate what each choice gives, over several sets the best first."""
        if frame["dataset"].nunique() == 1:
            return [metrics_table(frame, ["dataset", "method"], self.metrics)]
        table = merits(frame, self.metrics)
        seconds = mean_over_sets(frame, "fit_seconds").set_index("method")["mean"]
        table.insert(1, "fit_share", table["method"].map(seconds))
        title = "Means over the sets, average ranks, and both together (merit)"
        return [merits_table(table, f"{title}; fits are shares of common programs")]

    def show_times(self, frame: pd.DataFrame) -> list[Table]:
        """Tabulate what each choice gives, and the time of its fits."""
        if frame["dataset"].nunique() == 1:
            metrics = [*self.metrics, "fit_seconds"]
            return [metrics_table(frame, ["dataset", "method"], metrics)]
        return [_comparison.merits_table(frame, metrics=self.metrics)]

    def _differences(self) -> Iterator[Callable[[pd.DataFrame], Table]]:
        for baseline in (self.start, self.choice):
            title = f"Against '{baseline}'"
            for metric in self.metrics:
                yield partial(over_sets, metric=metric, baseline=baseline, title=title)

    def _changes(self, frame: pd.DataFrame) -> Mapping[str, Callable[[], Figure]]:
        return {
            f"Changes of {quantity(metric).label} from '{self.start}'": partial(
                changes, frame, self.start, metric
            )
            for metric in self.metrics
        }

    def _stability(self, frame: pd.DataFrame) -> Table:
        left_out = leave_one_set_out(frame, self.metrics)
        title = f"Chosen without each set, of {frame['method'].nunique()} recipes"
        return plain_table(left_out, title)


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
    _, X, _, y = train_test_split(
        split.X_train, split.y_train, test_size=size, random_state=seed
    )
    return replace(split, X_train=X, y_train=y, facts=split.facts | {"n_used": size})

"""The study behind the defaults: one choice of the recipe changed at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.experiment import Experiment, Options
from benchmarks.jobs import Items, Job, Method, items
from benchmarks.plots import changes
from benchmarks.quantities import quantity
from benchmarks.report import Section, section
from benchmarks.splits import Split
from benchmarks.stats import (
    compare_to_baseline,
    leave_one_set_out,
    mean_over_sets,
    merits,
    wilcoxon_over_sets,
    win_tie_loss,
)
from benchmarks.tables import Table, metrics_table, plain_table
from benchmarks.work import Training

METRICS = ("error", "log_loss")

#: Training rows of the larger sets; the test rows are all there are.
MAX_ROWS = 1000

#: Networks of an ensemble here: fewer than the default's, for time's sake.
MEMBERS = 4

START: Final = "starting point"

#: What became the default of `sk_mixup.MixupClassifier`, with more networks.
CHOICE: Final = "constant rate"

#: Spelt out, so that the study stays what it was when defaults change.
START_RECIPE: Final[dict[str, Any]] = {
    "alpha": 0.4,
    "clean_epochs": 0.5,
    "dropout": 0.2,
    "clip": 3.0,
    "early_stopping": True,
    "n_iter_no_change": 20,
    "validation_fraction": 0.1,
    "temperature": "auto",
    "n_estimators": MEMBERS,
    "batch_size": 64,
    "lr": 2e-3,
    "max_epochs": 100,
    "lr_schedule": "cosine",
}

CHANGES: Final[dict[str, dict[str, Any]]] = {
    START: {},
    "ERM": {"alpha": 0.0},
    "alpha 0.1": {"alpha": 0.1},
    "alpha 0.2": {"alpha": 0.2},
    "alpha 1": {"alpha": 1.0},
    "no clean epochs": {"clean_epochs": 0},
    "three quarters clean": {"clean_epochs": 0.75},
    "no temperature": {"temperature": 1.0},
    "no dropout": {"dropout": 0.0},
    "dropout 0.1": {"dropout": 0.1},
    "dropout 0.3": {"dropout": 0.3},
    "no clipping": {"clip": None},
    "batches of 32, rate 0.001": {"batch_size": 32, "lr": 1e-3},
    "batches of 128, rate 0.003": {"batch_size": 128, "lr": 3e-3},
    CHOICE: {"lr_schedule": "constant"},
    "AdamW, decay 0.05": {"optimizer": "adamw", "weight_decay": 0.05},
    "label smoothing 0.05": {"label_smoothing": 0.05},
    "dominant label": {"mix_target": "dominant"},
    "no early stopping": {"early_stopping": False},
    "a patience of 40 epochs": {"n_iter_no_change": 40},
    "a fifth left out": {"validation_fraction": 0.2},
    "1 network": {"n_estimators": 1},
    "a random layer": {"mix_layer": "random"},
    "constant rate, three quarters clean": {
        "lr_schedule": "constant",
        "clean_epochs": 0.75,
    },
    "constant rate, alpha 0.1": {"lr_schedule": "constant", "alpha": 0.1},
    "constant rate, dropout 0.1": {"lr_schedule": "constant", "dropout": 0.1},
    "constant rate, a random layer": {
        "lr_schedule": "constant",
        "mix_layer": "random",
    },
    "constant rate, ERM": {"lr_schedule": "constant", "alpha": 0.0},
    "the paper's, standardised": {
        "alpha": 1.0,
        "clean_epochs": 0,
        "dropout": 0.0,
        "clip": None,
        "early_stopping": False,
        "temperature": 1.0,
        "n_estimators": 1,
        "batch_size": 16,
        "lr": 1e-3,
        "max_epochs": 10,
        "lr_schedule": "constant",
    },
}


def methods(options: Options) -> list[Method]:
    """Change one choice at a time, and then the best of these further."""
    made = [
        Method.mixup(name, **START_RECIPE | change) for name, change in CHANGES.items()
    ]
    search = Method("best of 3 alphas", items(START_RECIPE), "mixup_search")
    return [*made, search]


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
    table.insert(1, "fit (s)", table["method"].map(seconds))
    return [plain_table(table, "Means over the sets, average ranks, and both together")]


def report(frame: pd.DataFrame) -> Section:
    """Show the means, the differences from the start, and how stable the choice is."""
    text = (
        "One choice of the starting point at a time is changed, and the best of these "
        f"changes, '{CHOICE}', is combined with others; {MEMBERS} networks are "
        f"averaged, for time's sake, and the larger sets give {MAX_ROWS} training rows "
        "to each fold. The merit of a recipe is its place by mean error, by average "
        "rank in error, by mean log loss and by average rank in log loss, averaged. "
        "Below, the choice is made without one set and judged on it."
    )
    return section(
        [text],
        [
            partial(show, frame),
            *(
                partial(_differences, frame, baseline, metric)
                for baseline in (START, CHOICE)
                for metric in METRICS
            ),
            partial(_stability, frame),
        ],
        {
            f"Changes of {quantity(metric).label} from the starting point": partial(
                changes, frame, START, metric
            )
            for metric in METRICS
        },
    )


def _differences(frame: pd.DataFrame, baseline: str, metric: str) -> Table:
    """Count the sets on which each recipe is better, and test over the sets."""
    counts = win_tie_loss(compare_to_baseline(frame, baseline, metric))
    ranks = wilcoxon_over_sets(frame, baseline, metric)
    both = counts.merge(ranks.drop(columns=["statistic", "left_out"]), on="method")
    return plain_table(both, f"Against '{baseline}', by {quantity(metric).label}")


def _stability(frame: pd.DataFrame) -> Table:
    left_out = leave_one_set_out(frame)
    title = f"Chosen without each set, of {frame['method'].nunique()} recipes"
    return plain_table(left_out, title)


EXPERIMENT = Experiment(
    name="defaults",
    summary="The study behind the defaults: choices of the recipe, one at a time",
    group="openml",
    defaults=Options(folds=5, repeats=3, protocol="plain"),
    methods=methods,
    conditions=conditions,
    work=Training(prepare=fewer_rows, kinds=8),
    show=show,
    report=report,
)

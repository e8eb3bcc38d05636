"""Figure 2 of arXiv 1710.09412: what models do between training rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks import plots
from benchmarks.experiment import Experiment, Options
from benchmarks.jobs import Job
from benchmarks.scores import Fitted
from benchmarks.splits import Split
from benchmarks.stats import mean_over_sets
from benchmarks.store import Record
from benchmarks.tables import Table, grid_table
from benchmarks.work import Training
from sk_mixup.inspection import between_examples

N_PAIRS = 1000


def measure(job: Job, models: Sequence[Fitted], split: Split) -> list[Record]:
    """Go from row to row of the training set, the same pairs for every method."""
    found = between_examples(
        models[0].model,
        split.X_train,
        split.y_train,
        n_pairs=N_PAIRS,
        random_state=job.seed,
    )
    columns = zip(*found.values(), strict=True)
    return [dict(zip(found, row, strict=True)) | split.facts for row in columns]


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate both measures along the segments, averaged over the sets."""
    return [_table(frame, metric) for metric in ("miss_rate", "gradient_norm")]


def _table(frame: pd.DataFrame, metric: str) -> Table:
    # Which row of a pair comes first is chance: beyond 1/2 the curves are mirrored.
    means = mean_over_sets(frame[frame["lam"] <= 0.5], metric, ["method", "lam"])
    means["lam"] = means["lam"].map("lam {:.1f}".format)
    return grid_table(means, ["method"], ["lam"], metric, best="column")


EXPERIMENT = Experiment(
    name="between",
    summary="Figure 2: misses and gradients between training rows",
    group="openml",
    defaults=Options(
        datasets=("vehicle", "vowel", "segment", "optdigits"),
        alphas=(0.0, 0.4, 1.0, 8.0),
        folds=5,
        repeats=1,
        protocol="plain",
    ),
    work=Training(measure),
    show=show,
    text=f"At lam on the segments between {N_PAIRS} pairs of training rows of each "
    "fold: the share of predictions that are the class of neither row, and the "
    "norm of the gradient of the log-probabilities in units of the standardised "
    "features.",
    figures=lambda frame: {"Between training rows": lambda: plots.between(frame)},
)

"""How sure the average of several networks should be: factors of its temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import torch

from benchmarks.experiment import Experiment, Options
from benchmarks.jobs import Job, Method
from benchmarks.scores import Fitted, probability_scores
from benchmarks.splits import Split
from benchmarks.stats import mean_over_sets
from benchmarks.store import Record
from benchmarks.tables import Table, grid_table, plain_table
from benchmarks.work import Training

#: Of the temperature that is the default.
FACTORS: Final = (0.8, 0.9, 0.95, 1.0, 1.05, 1.111, 1.2)
MEMBERS: Final = (1, 2, 4, 8)


def methods(options: Options) -> list[Method]:
    """Compare ensembles of several sizes."""
    return [
        Method.mixup(f"{n} network{'s' * (n > 1)}", n_estimators=n) for n in MEMBERS
    ]


def measure(job: Job, models: Sequence[Fitted], split: Split) -> list[Record]:
    """Score the averages at temperatures near that of the fit."""
    model = models[0].model
    exported = model.to_torch()
    rows = torch.from_numpy(model.to_numeric(split.X_test))
    records = []
    for factor in FACTORS:
        for member in exported.members:
            member.temperature.temperature.fill_(factor * model.temperature_)
        with torch.inference_mode():
            proba = exported(rows).double().numpy()
        proba /= proba.sum(axis=1, keepdims=True)
        found = probability_scores(split.y_test, proba, model.classes_)
        kept = {name: found[name] for name in ("log_loss", "error")}
        records.append({"factor": factor, **kept, **split.facts})
    return records


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the log loss by factor: means, and ratios to the loss at 1."""
    means = mean_over_sets(_named(frame), "log_loss", ["factor", "method"])
    title = "Log loss by factors of the temperature, mean over the sets"
    mean = grid_table(means, ["method"], ["factor"], "log_loss", title=title)
    by_set = frame.pivot_table("log_loss", ["method", "dataset"], "factor")
    ratios = by_set.div(by_set[1.0], axis=0)
    return [
        mean,
        _over_sets(
            ratios.map(np.log).groupby("method").mean().map(np.exp),
            "Geometric mean over the sets of the loss over that at 1",
        ),
        _over_sets(
            (ratios < 1).groupby("method").mean(),
            "Share of the sets with a lower loss than at 1",
        ),
    ]


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(factor=frame["factor"].map("times {:g}".format))


def _over_sets(by_factor: pd.DataFrame, title: str) -> Table:
    named = by_factor.rename(columns="times {:g}".format).rename_axis(columns=None)
    return plain_table(named.reset_index(), title)


EXPERIMENT = Experiment(
    name="averages",
    summary="How sure the average of several networks should be",
    group="suite",
    defaults=Options(folds=3, repeats=1, protocol="default"),
    methods=methods,
    work=Training(measure, kinds=0, frames=True),
    show=show,
    text="The temperature of the default recipe, times a factor: 1 is what the package "
    "does, 1.111 for several networks what is best for a network by itself. The "
    "networks are the same at all factors.",
)

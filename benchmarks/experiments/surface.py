"""Figure 1b of arXiv 1710.09412: decision surfaces on 2-D sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks import plots
from benchmarks.experiment import Experiment, Options
from benchmarks.jobs import Job
from benchmarks.scores import Fitted, scores
from benchmarks.splits import Split
from benchmarks.store import Record
from benchmarks.tables import Table, metrics_table
from benchmarks.work import Training

#: Points of the grid along each side.
SIDE = 80


def can_be_drawn(fitted: Fitted, split: Split) -> bool:
    """Tell whether a model is one of two classes in a plane."""
    return split.X_train.shape[1] == 2 and len(fitted.model.classes_) == 2


def on_grid(fitted: Fitted, split: Split) -> Record:
    """Record the probability of the second class on a grid around the rows."""
    low, high = split.X_train.min(axis=0), split.X_train.max(axis=0)
    margin = 0.1 * (high - low)
    (left, bottom), (right, top) = low - margin, high + margin
    x, y = np.linspace(left, right, SIDE), np.linspace(bottom, top, SIDE)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    proba = fitted.model.predict_proba(grid)[:, 1].reshape(SIDE, SIDE)
    return {
        "uncertain": np.mean(np.abs(proba - 0.5) < 0.4),
        "extent": [float(end) for end in (left, right, bottom, top)],
        "surface": proba.astype(float).round(3).tolist(),
        "rows": split.X_train.astype(float).round(3).tolist(),
        "labels": split.y_train.tolist(),
    }


def measure(job: Job, models: Sequence[Fitted], split: Split) -> list[Record]:
    """Score the job's model and record its surface."""
    return [{**scores(models[0], split), **on_grid(models[0], split)}]


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the scores on the very rows that were learnt."""
    title = "On the training rows; uncertain: share of the grid with 0.1 < p < 0.9"
    keys = ["dataset", "method"]
    return [metrics_table(frame, keys, ["error", "log_loss", "uncertain"], title=title)]


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw Figure 1b for each set."""
    sets = frame[frame["repeat"] == 0].groupby("dataset", sort=False)
    return {f"Decision surfaces on {name}": partial(_draw, part) for name, part in sets}


def _draw(frame: pd.DataFrame) -> Figure:
    first = frame.iloc[0]
    surfaces = dict(zip(frame["method"], frame["surface"], strict=True))
    extent = tuple(first["extent"])
    return plots.surfaces(surfaces, extent, first["rows"], first["labels"])


# NOTE[DIFF]: the paper does not describe the set and the network of Figure 1b; its
# alpha is 1.
EXPERIMENT = Experiment(
    name="surface",
    summary="Figure 1b: decision surfaces on 2-D sets",
    group="toy",
    defaults=Options(alphas=(0.0, 0.4, 1.0), repeats=1, protocol="plain"),
    work=Training(measure),
    show=show,
    text="Networks trained on all rows; shading is p(y = 1 | x).",
    figures=figures,
)

"""ERM against mixup on sets that scikit-learn has or makes: no network is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import plots
from benchmarks.experiment import Options
from benchmarks.experiments import surface
from benchmarks.experiments._comparison import of_alphas, pooled
from benchmarks.jobs import Job
from benchmarks.scores import Fitted
from benchmarks.splits import Split
from benchmarks.store import Record
from benchmarks.work import Training, scored


def measure(job: Job, models: Sequence[Fitted], split: Split) -> list[Record]:
    """Score the job's model, and on the first fold of a plane record its surface."""
    (record,) = scored(job, models, split)
    is_first = job.fold == job.repeat == 0
    if is_first and surface.can_be_drawn(models[0], split):
        record |= surface.on_grid(models[0], split)
    return [record]


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw levels by alpha, calibration, and the surface of each set of a plane."""
    drawn = {
        f"{name} against alpha: mean over the folds ± standard error": partial(
            plots.error_against_alpha, frame, metric
        )
        for name, metric in (("Error", "error"), ("Log loss", "log_loss"))
    }
    planes = frame[frame["surface"].notna()] if "surface" in frame else frame[:0]
    return {
        **drawn,
        "Calibration, all sets pooled": lambda: plots.reliability(pooled(frame)),
        **surface.figures(planes),
    }


EXPERIMENT = of_alphas(
    name="demo",
    summary="ERM against mixup on sets that scikit-learn has, and on two moons",
    group="demo",
    defaults=Options(alphas=(0.0, 0.2, 1.0), folds=10, repeats=1, protocol="default"),
    work=Training(measure),
    figures=figures,
    runs=(),
    page=True,
)

"""Figure 5 of arXiv 1710.09412: the GAN with and without mixup, on 2-D toy sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import plots
from benchmarks.experiment import Experiment, Options
from benchmarks.files import digest
from benchmarks.gan import TOY_SETS, GanSettings, train_gan
from benchmarks.jobs import Items, Job, Method, alpha_name, items
from benchmarks.store import Record
from benchmarks.tables import Table, metrics_table
from benchmarks.work import Alone, Runtime

PLAIN = "plain GAN"


def methods(options: Options) -> list[Method]:
    """Compare the plain GAN with mixup in the discriminator's steps, or in all."""
    # NOTE[DIFF]: the paper's formula mixes in the generator's step too; its authors'
    # program does not. Both are here.
    made = []
    for alpha in options.alphas or ():
        settings = {"alpha": float(alpha)}
        name = alpha_name(alpha, PLAIN)
        made.append(Method(name, items(settings), "gan"))
        if alpha:
            both = settings | {"generator_alpha": float(alpha)}
            made.append(Method(f"{name} in all steps", items(both), "gan"))
    return made


def conditions(options: Options) -> list[Items]:
    """Say whether this is a rehearsal."""
    return [items({"quick": options.quick})]


def fingerprint(job: Job) -> str:
    """Digest the settings, those at their defaults included."""
    return digest(repr(GanSettings(**dict(job.method.params))))


def train(job: Job, runtime: Runtime) -> list[Record]:
    """Train one GAN and follow its samples."""
    result = train_gan(_settings(job), "cuda" if runtime.on_gpu else "cpu")
    # Runs are independent of each other: no row of one tests another.
    return [{"n_train": 1, "n_test": 0, **result}]


def _settings(job: Job) -> GanSettings:
    settings = GanSettings(
        toy_set=job.dataset, seed=job.seed, **dict(job.method.params)
    )
    if job.extra("quick"):
        settings = settings.quick()
    snapshots = tuple(step for step in settings.snapshots if step < job.n_epochs)
    last = job.n_epochs
    return replace(settings, iterations=last, snapshots=(*snapshots, last))


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the distances at the end."""
    columns = ["distance", "least_distance", "floor"]
    title = "Energy distance of the samples to the data; of as many real rows"
    return [metrics_table(frame, ["dataset", "method"], columns, title=title)]


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw Figure 5 for each set."""
    sets = frame.groupby("dataset", sort=False)
    return {f"Samples on the {name}": partial(_draw, part) for name, part in sets}


def _draw(frame: pd.DataFrame) -> Figure:
    first = frame[frame["repeat"] == 0]
    samples = {
        (str(method), step): rows
        for method, (steps, snapshots) in zip(
            first["method"], first["snapshots"], strict=True
        )
        for step, rows in zip(steps, snapshots, strict=True)
    }
    curves = [
        pd.DataFrame(curve).assign(method=method)
        for method, curve in zip(frame["method"], frame["curve"], strict=True)
    ]
    return plots.gan_samples(samples, first["real"].iloc[0], pd.concat(curves))


EXPERIMENT = Experiment(
    name="gan",
    summary="Figure 5: mixup GAN against the plain GAN (--jobs 2 is quicker)",
    group=tuple(TOY_SETS),
    defaults=Options(
        alphas=(0.0, 0.2),
        repeats=1,
        epochs=GanSettings().iterations,
        quick=False,
    ),
    methods=methods,
    conditions=conditions,
    fingerprint=fingerprint,
    work=Alone(train),
    show=show,
    text="Generator and discriminator are perceptrons with three hidden layers of 512 "
    "units; five steps of the discriminator to one of the generator. The toy sets "
    "are those of the authors' program: eight Gaussians on a ring and 25 on a "
    "grid. Epochs are iterations here. Snapshots are those of the first repeat.",
    figures=figures,
)

"""Experiments on arrays: convolutional networks, given as ``module``, by alpha."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.model_selection import train_test_split
from torch import nn

from benchmarks import datasets, plots
from benchmarks.datasets import Arrays
from benchmarks.estimators import digest_of
from benchmarks.experiment import Experiment, Options
from benchmarks.experiments._comparison import pooled
from benchmarks.files import digest
from benchmarks.jobs import Job, Method, alpha_name, items
from benchmarks.scores import Fitted, scores
from benchmarks.splits import Split
from benchmarks.stats import summary
from benchmarks.store import Record
from benchmarks.tables import Table, grid_table, metrics_table
from benchmarks.work import Alone, Runtime
from sk_mixup import MixupClassifier

#: CIFAR-10 has 10,000 of 60,000 images to test by.
TEST_SHARE = 1 / 6

METRICS = ("error", "log_loss", "ece", "fit_seconds")


@dataclass(frozen=True, eq=False)
class ArrayStudy:
    """Networks that are trained on arrays with and without mixup.

    Parameters
    ----------
    networks : mapping of str to type of Module
        Classes of `benchmarks.convnets` by their names.
    recipe : mapping
        Parameters of the estimator, beside those of the paper's recipe.
    mixing : mapping, default={}
        More of them where rows are mixed.
    widths : mapping, default={}
        Widths of networks, by data set and network, that are not the paper's.
    """

    networks: Mapping[str, type[nn.Module]]
    recipe: Mapping[str, Any]
    mixing: Mapping[str, Any] = field(default_factory=dict)
    widths: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def experiment(self, **stated: Any) -> Experiment:
        """Make an experiment of the study and what else it states."""
        return Experiment(
            methods=self.methods,
            fingerprint=self.fingerprint,
            work=Alone(self.train),
            show=self.show,
            figures=figures,
            **stated,
        )

    def methods(self, options: Options) -> list[Method]:
        """Compare the networks at the values of alpha."""
        return [
            Method(
                f"{network}, {alpha_name(alpha)}",
                items({"network": network, "alpha": float(alpha)}),
                "convolutional",
            )
            for network in self.networks
            for alpha in options.alphas or ()
        ]

    def fingerprint(self, job: Job) -> str:
        """Digest the parameters of a job's network, and the widths."""
        estimator = self.build(job, (1, 8, 8), 2, "cpu")
        return digest(f"{digest_of(estimator)} {sorted(self.widths.items())}")

    def build(
        self, job: Job, shape: tuple[int, ...], n_classes: int, device: str
    ) -> MixupClassifier:
        """Make a job's unfitted estimator."""
        params = dict(job.method.params)
        alpha, network = params["alpha"], params["network"]
        own: dict[str, Any] = {"shape": shape, "n_outputs": n_classes}
        if (job.dataset, network) in self.widths:
            own["width"] = self.widths[job.dataset, network]
        given = {**self.recipe, **(self.mixing if alpha else {})}
        return MixupClassifier.paper(
            alpha,
            **given,
            module=self.networks[network],
            module_params=own,
            max_epochs=job.n_epochs,
            device=device,
            random_state=job.seed,
        )

    def train(self, job: Job, runtime: Runtime) -> list[Record]:
        """Train one network and score it on the rows that are held out."""
        part = held_out(load(job, runtime), job.repeat)
        shape, n_classes = part.X_train.shape[1:], len(np.unique(part.y_train))
        model = self.build(job, shape, n_classes, runtime.device)
        start = time.perf_counter()
        model.fit(part.X_train, part.y_train)
        return [scores(Fitted(model, time.perf_counter() - start), part)]

    def show(self, frame: pd.DataFrame) -> list[Table]:
        """Tabulate the scores of each set."""
        keys = ["dataset", "method"]
        return [metrics_table(frame, keys, METRICS, title="Rows that were held out")]

    def beside(self, frame: pd.DataFrame, paper: pd.DataFrame) -> list[Table]:
        """Tabulate the errors by network and alpha, the paper's beside.

        Its figures have the networks as rows.
        """
        settings = frame["alpha"].map(alpha_name)
        means = summary(
            frame.assign(setting=settings), "error", ["dataset", "network", "setting"]
        )
        return [
            grid_table(
                part, ["network"], ["setting"], paper=paper, title=f"Error (%): {name}"
            )
            for name, part in means.groupby("dataset", sort=False)
        ]


def load(job: Job, runtime: Runtime) -> Arrays:
    """Load the arrays of a job's set, or of the user's file."""
    if runtime.arrays is None:
        return datasets.as_arrays(datasets.load(job.dataset, runtime.cache))
    arrays = runtime.arrays.load()
    if arrays.name != job.dataset:
        raise datasets.DatasetUnavailable(
            f"{runtime.arrays.path.name} was changed meanwhile; run the same command "
            "again."
        )
    return arrays


def held_out(data: Arrays, repeat: int) -> Split:
    """Hold out the rows to test by, or a sixth that is another one in each repeat.

    Channels are centred and scaled by what the other rows are.
    """
    # NOTE[DIFF]: the paper tests CIFAR by its own test rows, which OpenML does not tell
    # apart; here a sixth of the rows is held out, as many, stratified by class. Nor are
    # images moved and mirrored: the estimators have no augmentation but mixup.
    rows = np.arange(len(data.y))
    if data.n_test:
        train, test = rows[: -data.n_test], rows[-data.n_test :]
    else:
        train, test = train_test_split(
            rows, test_size=TEST_SHARE, random_state=repeat, stratify=data.y
        )
    X = data.X[train]
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    deviation = X.std(axis=(0, 2, 3), keepdims=True)
    deviation[deviation == 0] = 1
    share = len(test) / len(rows)
    facts = {"n_train": len(train), "n_test": len(test), "held_out": share}
    return Split(
        (X - mean) / deviation,
        data.y[train],
        (data.X[test] - mean) / deviation,
        data.y[test],
        facts,
    )


def _calibration(frame: pd.DataFrame) -> Figure:
    return plots.reliability(pooled(frame))


def figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    """Draw the calibration on each set."""
    return {
        f"Calibration on {name}": partial(_calibration, part)
        for name, part in frame.groupby("dataset", sort=False)
    }

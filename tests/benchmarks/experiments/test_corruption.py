"""Labels are corrupted alike for all methods, and errors are those of the epochs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback

from benchmarks import splits
from benchmarks.estimators import build
from benchmarks.experiments import corruption
from benchmarks.paper import TABLE_2
from benchmarks.work import Runtime, fit
from tests.benchmarks.experiments import toys as made

OPTIONS = corruption.EXPERIMENT.options(**made.TWO)


@pytest.fixture
def jobs(toys):
    return corruption.EXPERIMENT.jobs(OPTIONS)


def by_noise(jobs, method="ERM"):
    return [job for job in jobs if job.method.name == method][: len(corruption.NOISES)]


def test_the_grids_are_those_of_the_paper():
    names = [method.name for method in corruption.methods(OPTIONS)]
    assert len(names) == len(set(names)) == 1 + 4 + 4 + 12
    assert {corruption.family(name) for name in names} == {
        "ERM",
        "dropout",
        "mixup",
        "mixup + dropout",
    }


def test_all_methods_see_the_same_corrupted_labels(jobs):
    for first, second in zip(by_noise(jobs), by_noise(jobs, "mixup 8"), strict=True):
        one, other = (corruption.corrupt(j, splits.split(j)) for j in (first, second))
        assert np.array_equal(one.y_train, other.y_train)


def test_more_noise_corrupts_more_rows(jobs):
    masks = [
        corruption.corrupt(job, splits.split(job)).aside["mask"]
        for job in by_noise(jobs)
    ]
    assert [mask.mean() for mask in masks] == pytest.approx(corruption.NOISES, abs=0.02)
    assert (masks[0] <= masks[1]).all()
    assert (masks[1] <= masks[2]).all()


def test_labels_that_are_not_masked_are_the_real_ones(jobs):
    for job in by_noise(jobs):
        part = corruption.corrupt(job, splits.split(job))
        same = part.y_train == part.aside["real"]
        assert same[~part.aside["mask"]].all()
        assert np.array_equal(part.aside["real"], splits.split(job).y_train)
        assert np.array_equal(part.y_test, splits.split(job).y_test)


class ErrorsOnRows(Callback):
    """Note the error on some rows after each epoch."""

    def __init__(self, X, y):
        self.X, self.y, self.errors = X, y, []

    def on_epoch_end(self, net, **kwargs):
        (wrong,) = net.module_(torch.as_tensor(self.X)).argmax(-1).numpy() != self.y
        self.errors.append(wrong.mean())


@pytest.mark.parametrize("method", ["ERM", "mixup 8 + dropout 0.3"])
def test_the_curve_is_that_of_one_training(jobs, method):
    job = replace(by_noise(jobs, method)[0], epochs=8)
    ((_, (record,)),) = corruption.EXPERIMENT.work.do([job], Runtime())
    part = corruption.corrupt(job, splits.split(job))
    seen = ErrorsOnRows(part.X_test, part.y_test)
    build(job).set_params(callbacks=[seen]).fit(part.X_train, part.y_train)
    assert record["curve"]["epoch"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert record["curve"]["error"] == pytest.approx(seen.errors)
    assert record["best_error"] == pytest.approx(min(seen.errors))
    assert record["last_error"] == record["error"] == pytest.approx(seen.errors[-1])


def test_test_rows_of_unknown_classes_count_as_errors(jobs):
    job = jobs[0]
    part = splits.split(job)
    y_test = np.where(part.y_test == part.y_train[0], 9, part.y_test)
    parts = {
        one: corruption.corrupt(one, replace(part, y_test=y_test))
        for one in (job, *corruption.watched(job))
    }
    models = list(fit(parts).values())
    (record,) = corruption.measure(job, models, parts[job])
    assert record["curve"]["error"][-1] == pytest.approx(record["last_error"])
    assert record["best_error"] >= np.mean(y_test == 9)


def test_the_paper_s_figures_stand_beside_those_of_the_family(jobs):
    work = corruption.EXPERIMENT.work
    chosen = [job for job in jobs if job.method.name in ("ERM", "mixup 2")]
    rows = [job.columns() | done[0] for job, done in work.do(chosen, Runtime())]
    table = corruption.beside(pd.DataFrame(rows))
    theirs = table.cells.loc[(0.5, "mixup 2")].filter(like="paper: ")
    assert list(theirs) == ["mixup 32", *map(str, TABLE_2.loc[(0.5, "mixup 32")])]
    assert table.cells.loc[(0.8, "ERM"), "paper: method"] == "ERM"

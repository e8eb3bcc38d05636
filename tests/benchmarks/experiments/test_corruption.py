"""Labels are corrupted alike for all methods, and errors are those of the epochs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import splits
from benchmarks.experiments import corruption
from benchmarks.work import Runtime
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


def test_the_curve_is_that_of_networks_trained_so_far(jobs):
    long = replace(jobs[0], epochs=6)
    work = corruption.EXPERIMENT.work
    ((_, (record,)),) = work.do([long], Runtime())
    assert record["curve"]["epoch"] == [1, 2, 5, 6]
    for epoch, error in zip(*record["curve"].values(), strict=True):
        ((_, (short,)),) = work.do([replace(long, epochs=epoch)], Runtime())
        assert short["last_error"] == pytest.approx(error)
    assert record["best_error"] == min(record["curve"]["error"])
    assert record["last_error"] == record["error"] == record["curve"]["error"][-1]

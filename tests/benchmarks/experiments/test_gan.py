"""The jobs of Figure 5 are the runs that they name."""

from __future__ import annotations

import pytest

from benchmarks.experiments import gan
from benchmarks.gan import GanSettings, train_gan
from benchmarks.work import Runtime

EXPERIMENT = gan.EXPERIMENT


def test_the_defaults_are_the_paper_s_schedule():
    settings = {gan._settings(job) for job in EXPERIMENT.jobs(EXPERIMENT.options())}
    assert {each.iterations for each in settings} == {20_000}
    assert {each.snapshots for each in settings} == {GanSettings().snapshots}
    assert {(each.alpha, each.generator_alpha) for each in settings} == {
        (0.0, 0.0),
        (0.2, 0.0),
        (0.2, 0.2),
    }


def test_a_rehearsal_is_short_and_another_job():
    full, quick = (
        EXPERIMENT.jobs(EXPERIMENT.options(quick=quick)) for quick in (False, True)
    )
    assert not set(full) & set(quick)
    assert {gan._settings(job).iterations for job in quick} == {100}
    assert {gan._settings(job).hidden for job in quick} == {(32, 32, 32)}


def test_fewer_iterations_end_in_a_snapshot():
    jobs = EXPERIMENT.jobs(EXPERIMENT.options(epochs=500))
    assert {gan._settings(job).snapshots for job in jobs} == {(10, 100, 500)}


def test_a_record_is_what_the_training_gave():
    job = EXPERIMENT.jobs(EXPERIMENT.options(quick=True, epochs=20))[0]
    (record,) = gan.train(job, Runtime())
    result = train_gan(gan._settings(job))
    assert record == {"n_train": 1, "n_test": 0, **result}


def test_repeats_are_runs_of_other_seeds():
    jobs = EXPERIMENT.jobs(EXPERIMENT.options(repeats=3))
    assert sorted({job.seed for job in jobs}) == [0, 1, 2]


def test_sets_are_the_gan_s_own():
    assert EXPERIMENT.options(datasets=("grid",)).datasets == ("grid",)
    with pytest.raises(ValueError, match=r"unknown set of 'gan' 'iris'; known: ring"):
        EXPERIMENT.options(datasets=("iris",))

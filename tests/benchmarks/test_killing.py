"""A benchmark that is killed again and again ends as if nothing had happened."""

from __future__ import annotations

import random
import shlex
import time
from functools import partial

import pandas as pd
import pytest

from benchmarks.command_line import main
from benchmarks.runner import Workers
from benchmarks.work import Alone
from tests.benchmarks.processes import command, done, start
from tests.benchmarks.test_jobs import folds_of
from tests.benchmarks.test_runner import do, nothing

KILLS = 8
TIMES = ["fit_seconds", "predict_seconds"]
WORDS = shlex.split("demo --datasets iris --epochs 1 --folds 2 --alphas 0 1")


def results(folder):
    keys = ["dataset", "method", "repeat", "fold"]
    (path,) = folder.glob("*.csv")
    return pd.read_csv(path).sort_values(keys, ignore_index=True).drop(columns=TIMES)


def assert_equal_but_for_rounding(one, other):
    # A network that is trained beside others may round in another way, and which ones
    # train together depends on what was done before the kill.
    pd.testing.assert_frame_equal(one, other, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return what an undisturbed run gives for a number of repeats."""
    folder = tmp_path_factory.mktemp("undisturbed")

    def run(repeats):
        words = [*WORDS, "--repeats", str(repeats)]
        assert main([*words, "--store", str(folder), "--out", str(folder)]) == 0
        return results(folder)

    return run


def kill_at_random(process, store, clock):
    """Kill a process at some moment, now and then before it has done anything."""
    before = done(store)
    if clock.random() < 0.8:
        while process.is_alive() and done(store) == before:
            time.sleep(0.001)
    time.sleep(clock.uniform(0, 0.1))
    process.kill()
    process.join()


@pytest.mark.slow
def test_the_end_is_that_of_an_undisturbed_run(undisturbed, tmp_path):
    clock, words = random.Random(0), [*WORDS, "--repeats", "20"]
    counts = []
    for _ in range(KILLS):
        process = start(command, tmp_path, tmp_path / "out", *words)
        kill_at_random(process, tmp_path, clock)
        assert process.exitcode == -9
        counts.append(done(tmp_path))
    assert counts == sorted(counts)  # nothing that was done is lost
    assert 0 < counts[-1] < 80
    assert main([*words, "--store", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert_equal_but_for_rounding(results(tmp_path / "out"), undisturbed(20))


@pytest.mark.slow
def test_two_processes_on_one_store_share_the_work(undisturbed, tmp_path):
    words = [*WORDS, "--repeats", "10"]
    outs = [tmp_path / "one", tmp_path / "other"]
    both = [start(command, tmp_path, out, *words) for out in outs]
    for process in both:
        process.join()
        assert process.exitcode == 0
    expected = undisturbed(10)
    for out in outs:
        assert_equal_but_for_rounding(results(out), expected)


def never_ending(log, job, runtime):
    while True:
        with log.open("a") as file:
            file.write(".")
        time.sleep(0.01)


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    jobs, log, store = folds_of("iris", 2, 1), tmp_path / "log", tmp_path / "store"
    work = Alone(partial(never_ending, log))
    parent = start(do, jobs, work, store, Workers(jobs=2), daemon=False)
    while not log.exists():
        assert parent.is_alive()
        time.sleep(0.01)
    parent.kill()
    parent.join()
    heir = start(do, jobs, Alone(nothing), store)  # waits for what others claim
    heir.join(30)
    assert heir.exitcode == 0
    size = log.stat().st_size
    time.sleep(0.1)
    assert log.stat().st_size == size

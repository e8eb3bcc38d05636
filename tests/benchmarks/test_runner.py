"""Every job is done once, whoever does it, and what fails stops nothing else."""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from benchmarks.datasets import DatasetUnavailable
from benchmarks.runner import Workers, WorkersLost, run
from benchmarks.store import Store
from benchmarks.work import Alone, Runtime
from tests.benchmarks.processes import start
from tests.benchmarks.test_jobs import folds_of, job


def do(jobs, work, root, workers=Workers()):  # noqa: B008 - a frozen value
    steps = run(jobs, work, Store(Path(root)), Runtime(), workers)
    return [job for settled, _ in steps for job in settled]


def logged(log, pause, job, runtime):
    """Do a job by writing its key down."""
    with Path(log).open("a") as file:
        file.write(f"{job.key}\n")
    time.sleep(pause)
    return [{"pid": os.getpid()}]


def writing(tmp_path, pause=0.0):
    return Alone(partial(logged, str(tmp_path / "log"), pause))


def written(tmp_path):
    return Counter((tmp_path / "log").read_text().split())


def test_every_job_is_done_once_and_not_again(tmp_path):
    jobs = folds_of("iris", 7, 5)
    for _ in range(2):
        assert do(jobs, writing(tmp_path), tmp_path) == jobs
    assert written(tmp_path) == Counter(job.key for job in jobs)


def test_more_is_added_to_what_is_done(tmp_path):
    do(folds_of("iris", 3, 2), writing(tmp_path), tmp_path)
    jobs = folds_of("iris", 3, 4)
    assert sorted(map(repr, do(jobs, writing(tmp_path), tmp_path))) == sorted(
        map(repr, jobs)
    )
    assert written(tmp_path) == Counter(job.key for job in jobs)


def test_three_processes_on_one_store_do_every_job_once(tmp_path):
    jobs = folds_of("iris", 60, 2)
    store = tmp_path / "store"
    work = writing(tmp_path, pause=0.005)
    everyone = [start(do, jobs, work, store) for _ in range(3)]
    for process in everyone:
        process.join()
        assert process.exitcode == 0
    assert written(tmp_path) == Counter(job.key for job in jobs)
    frame = Store(store).frame(jobs)
    assert len(frame) == len(jobs)
    assert frame["pid"].nunique() > 1


def test_what_a_killed_process_had_claimed_is_done_by_another(tmp_path):
    jobs = folds_of("iris", 4, 2)
    slow = start(do, jobs, writing(tmp_path, pause=60), tmp_path / "store")
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    quick = start(do, jobs, Alone(nothing), tmp_path / "store")
    quick.join(0.3)
    assert quick.is_alive()  # it waits for the other's jobs
    slow.kill()
    quick.join(30)
    assert quick.exitcode == 0
    assert len(Store(tmp_path / "store").frame(jobs)) == len(jobs)


def nothing(job, runtime):
    return [{}]


def odd_folds_fail(job, runtime):
    if job.fold % 2:
        raise ArithmeticError("odd\nfold")
    return [{"error": 0.0}]


def test_a_failure_is_recorded_and_the_rest_goes_on(tmp_path):
    jobs, store = folds_of("iris", 4, 2), Store(tmp_path)
    assert do(jobs, Alone(odd_folds_fail), tmp_path) == jobs
    failures = store.failures(jobs)
    assert failures == {j: "ArithmeticError: odd fold" for j in jobs if j.fold % 2}
    assert len(store.frame(jobs)) == 4


def test_a_failure_is_tried_again_at_the_next_start(tmp_path):
    jobs, store = folds_of("iris", 4, 2), Store(tmp_path)
    do(jobs, Alone(odd_folds_fail), tmp_path)
    do(jobs, writing(tmp_path), tmp_path)
    assert not store.failures(jobs)
    assert written(tmp_path) == Counter(job.key for job in jobs if job.fold % 2)


class BreaksOff:
    """Does one job and then breaks, as training does when memory runs out."""

    kinds = 1

    def do(self, jobs, runtime):
        yield jobs[0], [{"error": 0.0}]
        raise MemoryError("no room")


def test_work_that_breaks_off_fails_what_is_left(tmp_path):
    jobs, store = folds_of("iris", 1, 3), Store(tmp_path)
    do(jobs, BreaksOff(), tmp_path)
    assert store.is_done(jobs[0])
    assert set(store.failures(jobs).values()) == {"MemoryError: no room"}


def wine_is_missing(log, job, runtime):
    if job.dataset == "wine":
        raise DatasetUnavailable("wine cannot be loaded: no network; find some.")
    return logged(log, 0, job, runtime)


class Missing(Alone):
    """Asks for the set once for a whole group, as training does."""

    def do(self, jobs, runtime):
        with Path(f"{self.function.args[0]}-asked").open("a") as file:
            file.write(f"{jobs[0].dataset}\n")
        if jobs[0].dataset == "wine":
            raise DatasetUnavailable("wine cannot be loaded: no network; find some.")
        yield from super().do(jobs, runtime)


def test_a_set_that_cannot_be_had_is_asked_for_once(tmp_path):
    repeats = [folds_of("wine", 2, 2, repeat) for repeat in range(5)]
    jobs = [job for jobs in repeats for job in jobs] + folds_of("iris", 2, 2)
    work = Missing(partial(logged, str(tmp_path / "log"), 0), kinds=1)
    settled = do(jobs, work, tmp_path / "store")
    assert sorted(map(repr, settled)) == sorted(map(repr, jobs))
    asked = (tmp_path / "log-asked").read_text().split()
    assert asked == ["wine", "iris"]
    reasons = Store(tmp_path / "store").failures(jobs)
    assert {job.dataset for job in reasons} == {"wine"}
    assert len(reasons) == 20
    assert set(reasons.values()) == {"wine cannot be loaded: no network; find some."}


def test_worker_processes_do_every_job_once(tmp_path):
    jobs = folds_of("iris", 40, 1)
    work = writing(tmp_path, pause=0.01)
    settled = do(jobs, work, tmp_path / "store", Workers(jobs=2))
    assert sorted(map(repr, settled)) == sorted(map(repr, jobs))
    assert written(tmp_path) == Counter(job.key for job in jobs)
    assert os.getpid() not in set(Store(tmp_path / "store").frame(jobs)["pid"])


def dies(job, runtime):
    os._exit(1)


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_workers_that_die_are_one_sentence(tmp_path):
    with pytest.raises(WorkersLost, match=r"worker process died.*run the same"):
        do([job()], Alone(dies), tmp_path, Workers(jobs=2))


def test_a_dask_cluster_does_every_job_once(tmp_path):
    distributed = pytest.importorskip("distributed")
    jobs = folds_of("iris", 40, 1)
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        workers = Workers(dask=cluster.scheduler_address)
        settled = do(jobs, writing(tmp_path), tmp_path / "store", workers)
    assert sorted(map(repr, settled)) == sorted(map(repr, jobs))
    assert written(tmp_path) == Counter(job.key for job in jobs)


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.runner.CONNECTING", 1)
    with pytest.raises(WorkersLost, match=r"tcp://127\.0\.0\.1:9 cannot be used"):
        do([job()], Alone(nothing), tmp_path, Workers(dask="tcp://127.0.0.1:9"))

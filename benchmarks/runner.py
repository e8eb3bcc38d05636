"""Doing what is not done yet: groups of jobs, spread over processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import joblib

from benchmarks.jobs import Job, in_groups
from benchmarks.lifetime import leave_with
from benchmarks.store import Store
from benchmarks.work import Failure, Result, Runtime, Work

#: Networks that one thread trains side by side.
STACK = 32
#: Networks that a GPU trains side by side.
GPU_GROUP = 256
#: Seconds between two looks at what other processes are doing.
PATIENCE = 0.2
#: Seconds to wait for a Dask scheduler and for its workers.
CONNECTING = 10


class WorkersLost(RuntimeError):  # noqa: N818 - says more than "...Error"
    """Worker processes cannot be had or died; the message is one sentence."""


class Workers(NamedTuple):
    """Over what groups of jobs are spread."""

    #: Processes of this machine, one thread each; 1 is this one, with all threads.
    jobs: int = 1
    #: Address of a Dask scheduler whose workers share the store's folder.
    dask: str | None = None

    def backend(self) -> AbstractContextManager[Any]:
        """Make joblib use them."""
        if self.dask is not None:
            return _dask(self.dask)
        return _loky(self.jobs) if self.jobs > 1 else nullcontext()

    @property
    def threads(self) -> int:
        """Threads that one group can use."""
        alone = self.dask is None and self.jobs == 1
        return int(joblib.cpu_count()) if alone else 1


def run(
    jobs: Sequence[Job], work: Work, store: Store, runtime: Runtime, workers: Workers
) -> Iterator[tuple[list[Job], int]]:
    """Do the jobs that are not done, those that failed before included.

    It ends when every job is done or has failed, in this process or in another that
    shares the store.

    Yields
    ------
    settled : list of Job
        Jobs that are done or have failed by now, those that were done before first.
    failed : int
        How many of them failed.

    Raises
    ------
    benchmarks.store.StoreError
        If the store cannot be used.
    WorkersLost
        If worker processes cannot be had or died.
    """
    store.forget_failures(jobs)
    yield [job for job in jobs if store.is_done(job)], 0
    waiting = [job for job in jobs if not store.is_done(job)]
    stack = GPU_GROUP if runtime.on_gpu else STACK * workers.threads
    size = stack * work.kinds
    with workers.backend():
        while waiting:
            left = dict.fromkeys(waiting)
            for group in _one_pass(waiting, size, work, store, runtime):
                settled = [job for job in group if store.is_settled(job)]
                yield settled, sum(not store.is_done(job) for job in settled)
                for job in settled:
                    del left[job]
            waiting = list(left)
            if waiting:  # other processes have claimed them
                time.sleep(PATIENCE)


def _one_pass(
    jobs: Sequence[Job], size: int, work: Work, store: Store, runtime: Runtime
) -> Iterator[tuple[Job, ...]]:
    """Try every group once; a set that cannot be had is not asked for again."""
    untried = dict.fromkeys(in_groups(jobs, size))
    missing: dict[str, Failure] = {}
    tasks = (
        joblib.delayed(do_group)(group, size, work, store, runtime)
        for group in list(untried)
        if group[0].dataset not in missing
    )
    for group, failure in joblib.Parallel(return_as="generator_unordered")(tasks):
        del untried[group]
        if failure is not None:
            missing[group[0].dataset] = failure
        yield group
    for group in untried:
        _give_up(group, store, missing[group[0].dataset])
        yield group


def do_group(
    group: tuple[Job, ...], size: int, work: Work, store: Store, runtime: Runtime
) -> tuple[tuple[Job, ...], Failure | None]:
    """Do what is open of a group and not claimed by another process.

    So many jobs (0 for the whole group) are done together: a kill loses no more. It
    returns the group, and why its data set cannot be had, if it cannot.
    """
    no_data = None
    with store.claim({job.unit for job in group}) as mine:
        todo = [j for j in group if j.unit in mine and not store.is_settled(j)]
        step = size or max(1, len(todo))
        for start in range(0, len(todo), step):
            for job, result in _safely(work, todo[start : start + step], runtime):
                if isinstance(result, Failure):
                    store.save_failure(job, result.reason, result.details)
                    no_data = result if result.no_data else no_data
                else:
                    store.save(job, result)
    return group, no_data


def _safely(
    work: Work, jobs: Sequence[Job], runtime: Runtime
) -> Iterator[tuple[Job, Result]]:
    """Do jobs; what breaks off the work is the failure of all jobs left."""
    left = dict.fromkeys(jobs)
    try:
        for job, result in work.do(jobs, runtime):
            del left[job]
            yield job, result
    except Exception as error:
        failure = Failure.of(error)
        yield from ((job, failure) for job in left)


def _give_up(group: tuple[Job, ...], store: Store, failure: Failure) -> None:
    """Record why the jobs of a group cannot be done."""
    with store.claim({job.unit for job in group}) as mine:
        for job in group:
            if job.unit in mine and not store.is_settled(job):
                store.save_failure(job, failure.reason)


@contextmanager
def _loky(n_jobs: int) -> Iterator[None]:
    try:
        with joblib.parallel_config(
            "loky",
            n_jobs=n_jobs,
            inner_max_num_threads=1,
            initializer=leave_with,
            initargs=(os.getpid(),),
        ):
            yield
    except BrokenProcessPool as error:
        raise WorkersLost(
            "A worker process died, perhaps for want of memory: run the same command "
            "again, with a smaller --jobs, to go on where it stopped."
        ) from error


@contextmanager
def _dask(address: str) -> Iterator[None]:
    import distributed

    try:
        client = distributed.Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError, AssertionError) as error:
        raise _no_cluster(address, error) from error
    try:
        with (
            client,
            joblib.parallel_config(
                "dask", client=client, wait_for_workers_timeout=CONNECTING
            ),
        ):
            yield
    except OSError as error:  # time-outs and broken connections too
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> WorkersLost:
    return WorkersLost(
        f"The Dask cluster at {address} cannot be used ({error}): see whether its "
        "address is right and its scheduler and workers are up."
    )

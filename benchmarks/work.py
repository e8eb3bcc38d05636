"""How jobs are done: networks trained together, other estimators one by one."""

from __future__ import annotations

import importlib
import itertools
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from benchmarks import splits
from benchmarks.datasets import DatasetUnavailable, OwnArrays, OwnTable, Task
from benchmarks.estimators import build, is_regression, trains_together
from benchmarks.jobs import Job, by_unit
from benchmarks.scores import Fitted, regression_scores, scores
from benchmarks.splits import Split
from benchmarks.store import Record
from sk_mixup import fit_many

#: Bytes of tables that are held at a time.
MAX_BYTES = 1_000_000_000


class Runtime(NamedTuple):
    """Where jobs are done; none of it changes what comes out but for rounding."""

    device: str = "cpu"  # of the networks: "cpu", "cuda", "auto"
    cache: str | None = None  # root of the openml client's cache
    table: OwnTable | None = None  # in the place of the named sets
    arrays: OwnArrays | None = None  # likewise

    @property
    def on_gpu(self) -> bool:
        """Whether networks train on a GPU."""
        return self.device.startswith("cuda") or (
            self.device == "auto" and torch.cuda.is_available()
        )


class Failure(NamedTuple):
    """Why a job could not be done, in one line, with the traceback."""

    reason: str
    details: str = ""
    no_data: bool = False  # the set cannot be had, so that no job on it can be done

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe an exception."""
        no_data = isinstance(error, DatasetUnavailable)
        reason = " ".join(str(error).split())
        if not no_data:
            reason = f"{type(error).__name__}: {reason}"
        details = "".join(traceback.format_exception(error))
        return cls(reason, details, no_data)


Result = list[Record] | Failure


@dataclass(frozen=True)
class Alone:
    """Do every job by itself, by a function from job and runtime to records.

    ``kinds`` is the number of methods whose networks cannot stack with each other's:
    that many times more jobs are done together, so that folds fill the stacks. Where
    nothing trains side by side it is 0, and folds are done one at a time.
    """

    function: Callable[[Job, Runtime], list[Record]]
    kinds: int = 0

    def do(self, jobs: Sequence[Job], runtime: Runtime) -> Iterator[tuple[Job, Result]]:
        """Do one job after the other."""
        for job in jobs:
            yield job, _attempt(self.function, job, runtime)


def scored(job: Job, models: Sequence[Fitted], split: Split) -> list[Record]:
    """Score the job's model on the test rows."""
    score = regression_scores if is_regression(job) else scores
    return [score(models[0], split)]


@dataclass(frozen=True)
class Training:
    """Train each job's estimator on its fold, then measure it.

    All networks of this package are trained by one call of `sk_mixup.fit_many`, the
    other estimators one by one.

    Parameters
    ----------
    measure : callable, default=scored
        From a job, its fitted models and its split to the job's records. The first
        model is the job's own, the others are those that `beside` asked for.
    prepare : callable or None, default=None
        From a job and the fold to what the job is trained on and measured with; by
        default the fold as it is.
    beside : callable or None, default=None
        From a job to jobs on the same fold whose models measuring needs. Those that
        several networks trained side by side share are trained once.
    kinds : int, default=1
        How many of the methods differ in more than what stacked networks may; with 0
        no networks train side by side, and each fit has one thread and a time of its
        own.
    frames : bool, default=False
        Whether tables with categories or gaps are handed over as they are; by default
        they are encoded as matrices first, for what is about matrices.
    task : {"classification", "regression"}, default="classification"
        What named sets must be for.
    """

    measure: Callable[[Job, Sequence[Fitted], Split], list[Record]] = scored
    prepare: Callable[[Job, Split], Split] | None = None
    beside: Callable[[Job], tuple[Job, ...]] | None = None
    kinds: int = 1
    frames: bool = False
    task: Task = "classification"

    def do(self, jobs: Sequence[Job], runtime: Runtime) -> Iterator[tuple[Job, Result]]:
        """Train and measure, as many folds at a time as memory allows."""
        size = self._split(jobs[0], runtime).nbytes
        for part in _within_memory(jobs, size):
            for batch in self._batches(part):
                yield from self._train_and_measure(batch, runtime)
            splits.forget()

    def _split(self, job: Job, runtime: Runtime) -> Split:
        return splits.split(
            job,
            runtime.cache,
            frames=self.frames,
            table=runtime.table,
            task=self.task,
        )

    def _batches(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """Give what trains side by side, then every other job as soon as it is done."""
        stacks = {job: self.kinds > 0 and trains_together(job) for job in jobs}
        if any(stacks.values()):
            yield [job for job in jobs if stacks[job]]
        yield from ([job] for job in jobs if not stacks[job])

    def _train_and_measure(
        self, jobs: Sequence[Job], runtime: Runtime
    ) -> Iterator[tuple[Job, Result]]:
        needed = {
            job: (job, *(self.beside(job) if self.beside else ())) for job in jobs
        }
        parts = {}
        for job in itertools.chain.from_iterable(needed.values()):
            split = self._split(job, runtime)
            parts[job] = self.prepare(job, split) if self.prepare else split
        fitted = fit(parts, runtime.device, together=self.kinds > 0)
        for job in jobs:
            models = [fitted[other] for other in needed[job]]
            with _one_thread():
                result = _attempt(self._measure, job, models, parts[job])
            yield job, result

    def _measure(
        self, job: Job, models: Sequence[Fitted | Exception], split: Split
    ) -> list[Record]:
        for model in models:
            if isinstance(model, Exception):
                raise model
        good = [model for model in models if isinstance(model, Fitted)]
        return self.measure(job, good, split)


#: The way in which an experiment's jobs are done.
Work = Alone | Training


def fit(
    parts: Mapping[Job, Split], device: str = "cpu", *, together: bool = True
) -> dict[Job, Fitted | Exception]:
    """Fit the estimators of jobs on their training rows, or say why one cannot be.

    Networks of this package train on the device, side by side where `together`; if
    not, each fit has one thread.
    """
    # torch imports this when the first optimiser is made; it is no part of a fit.
    importlib.import_module("torch._dynamo")
    stacked = {
        job: part for job, part in parts.items() if together and trains_together(job)
    }
    fitted = _fit_together(stacked, device)
    with nullcontext() if together else _one_thread():
        for job, part in parts.items():
            if job not in stacked:
                fitted[job] = _fit_alone(job, part, device)
    return fitted


def _fit_together(
    parts: Mapping[Job, Split], device: str
) -> dict[Job, Fitted | Exception]:
    estimators = [build(job, device) for job in parts]
    start = time.perf_counter()
    models = fit_many(
        estimators,
        [part.X_train for part in parts.values()],
        [part.y_train for part in parts.values()],
        fit_params=[part.fit_params for part in parts.values()],
        on_error="return",
    )
    epochs = np.array([_epochs_trained(model) for model in models])
    seconds = (time.perf_counter() - start) * epochs / max(1, epochs.sum())
    return {
        job: model if isinstance(model, Exception) else Fitted(model, float(took))
        for job, model, took in zip(parts, models, seconds, strict=True)
    }


def _epochs_trained(model: Any) -> int:
    """Return the epochs of all networks of a model, none of one that failed."""
    failed = isinstance(model, Exception)
    return 0 if failed else int(model.n_estimators * model.n_iter_)


def _fit_alone(job: Job, part: Split, device: str) -> Fitted | Exception:
    frames = isinstance(part.X_train, pd.DataFrame)
    try:
        estimator = build(job, device, frames=frames)  # its imports are not timed
        start = time.perf_counter()
        model = estimator.fit(part.X_train, part.y_train, **part.fit_params)
    except Exception as error:
        return error
    return Fitted(model, time.perf_counter() - start)


def _within_memory(jobs: Sequence[Job], size: int) -> Iterator[list[Job]]:
    """Cut a group into folds whose tables, of so many bytes, can be held together."""
    at_once = max(1, MAX_BYTES // max(1, size))
    folds = iter(by_unit(jobs).values())
    while part := list(itertools.islice(folds, at_once)):
        yield list(itertools.chain.from_iterable(part))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch, BLAS and OpenMP compute on one thread.

    For a small network's predictions and gradients a second thread gains nothing, and
    costs much where other processes want the core that it waits on.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _attempt(function: Callable[..., list[Record]], *arguments: Any) -> Result:
    try:
        return function(*arguments)
    except Exception as error:
        return Failure.of(error)

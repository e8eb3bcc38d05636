"""A joblib backend that trains the networks of scikit-learn's tasks together.

scikit-learn's searches hand joblib one task for each candidate and split: clone, fit,
score. This backend collects all of them, lets every estimator do its ``fit`` up to the
training of its network, trains all networks as one program, and only then lets
scikit-learn score. Splitting, cloning, routing, scoring, errors and results stay
scikit-learn's own code.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from joblib import effective_n_jobs, parallel_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sk_mixup._estimator import BaseMixup
from sk_mixup._many import FitRequest, fit_requests
from sk_mixup._progress import Progress
from sk_mixup._sklearn import (
    ParallelBackendBase,
    _check_method_params,
    _safe_split,
)
from sk_mixup._threads import torch_threads

#: scikit-learn's task, and the arguments that are read here.
FIT_AND_SCORE = "_fit_and_score"
NEEDED_ARGUMENTS = {"train", "parameters", "fit_params", "error_score"}


class Future:
    """A task of joblib's that waits for all others."""

    def __init__(self, calls: Any, callback: Any, backend: TogetherBackend) -> None:
        self.calls, self.callback, self.backend = calls, callback, backend
        self.outcome: Any = None

    def get(self) -> Any:
        """Return the task's result; the first to be asked runs them all."""
        self.backend.run()
        return self.outcome


class TogetherBackend(ParallelBackendBase):
    """Collect all tasks of a call and run them together.

    Parameters
    ----------
    max_memory : int
        Bytes that training rows and networks in training may take at one time.
    verbose : int
        Show a progress bar if positive.
    """

    supports_sharedmem = True
    uses_threads = True

    def __init__(self, max_memory: int, verbose: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_memory, self.verbose = max_memory, verbose
        self.waiting: list[Future] = []

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return more than 1, because joblib runs one job itself."""
        return 2

    def submit(self, func: Any, callback: Any = None) -> Future:
        """Note the task."""
        self.waiting.append(Future(func, callback, self))
        return self.waiting[-1]

    def run(self) -> None:
        """Run all tasks, after joblib has submitted the last of them."""
        if not self.waiting:
            return
        for future in self.waiting:  # which grows: each call makes joblib submit more
            future.callback(None)
        futures, self.waiting = self.waiting, []
        with parallel_config(backend="sequential"):
            tasks = [Task(future) for future in futures]
            run_together(tasks, self.max_memory, self.verbose)


class Task:
    """One candidate on one split: scikit-learn's ``_fit_and_score`` in two stages."""

    def __init__(self, future: Future) -> None:
        self.future = future
        (self.function, self.args, self.kwargs), *others = future.calls.items
        self.estimator: Any = None
        if self.is_fit_and_score and not others:
            estimator, *_ = self.args
            parameters = self.kwargs["parameters"] or {}
            self.estimator = estimator.set_params(**clone(parameters, safe=False))
        self.request: FitRequest | None = None
        self.error: Exception | None = None
        self.seconds = 0.0

    @property
    def is_fit_and_score(self) -> bool:
        """Whether this is the task of a search, in the shape that it is known in."""
        return (
            getattr(self.function, "__name__", "") == FIT_AND_SCORE
            and len(self.args) == 3
            and self.kwargs.keys() >= NEEDED_ARGUMENTS
        )

    @property
    def is_of_a_search(self) -> bool:
        """Whether scikit-learn's model selection has made the task."""
        module = getattr(self.function, "__module__", "")
        return module.startswith("sklearn.model_selection")

    @property
    def last_step(self) -> Any:
        """The estimator itself, or what a pipeline ends in."""
        last = self.estimator
        while isinstance(last, Pipeline) and last.steps:
            last = last.steps[-1][1]
        return last

    @property
    def is_stackable(self) -> bool:
        """Whether the last step is one of ours, and fitted as ours are."""
        last = self.last_step
        return isinstance(last, BaseMixup) and type(last).fit is BaseMixup.fit

    @property
    def raises(self) -> bool:
        """Whether an error ends the search."""
        return bool(self.kwargs.get("error_score") == "raise")

    @property
    def split(self) -> int:
        return id(self.kwargs["train"])

    def prepare(self, rows: SplitRows) -> int:
        """Fit the estimator up to its network's training; return the rows' bytes."""
        start = time.perf_counter()
        X, y, fit_params = rows.of(self)
        try:
            with collected_fits(self.last_step) as requests:
                self.estimator.fit(X, y, **fit_params)
            (self.request,) = requests
        except Exception as error:
            if self.raises:
                raise
            self.error = error
        self.seconds += time.perf_counter() - start
        return 0 if self.request is None else _n_bytes(self.request.X)

    def finish(self) -> None:
        """Let scikit-learn score what was trained, or run the task as it is."""
        if self.is_stackable:
            with fitted_already(self.estimator, self.error):
                result = self.function(*self.args, **self.kwargs)
            if "fit_time" in result:
                result["fit_time"] += self.seconds
            self.future.outcome = [result]
        else:
            self.future.outcome = self.future.calls()
        # Joblib keeps the future until the search ends: let rows and networks go.
        self.future.calls = self.args = self.estimator = self.request = None


@contextmanager
def collected_fits(estimator: Any) -> Iterator[list[FitRequest]]:
    """Collect the fits of an estimator instead of running them, while inside."""
    requests: list[FitRequest] = []

    def fit(X: Any, y: Any, sample_weight: Any = None) -> Any:
        requests.append(FitRequest(estimator, X, y, sample_weight))
        return estimator

    vars(estimator)["fit"] = fit
    try:
        yield requests
    finally:
        del vars(estimator)["fit"]


@contextmanager
def fitted_already(estimator: Any, error: Exception | None) -> Iterator[None]:
    """Let the estimator's next ``fit`` only report how the last one went.

    Its parameters, which were set before that, stay as they are too.
    """

    def set_params(**params: Any) -> Any:
        return estimator

    def fit(X: Any, y: Any = None, **fit_params: Any) -> Any:
        uncover()
        if error is not None:
            raise error
        return estimator

    def uncover() -> None:
        for name in covers:
            vars(estimator).pop(name, None)

    covers = {"set_params": set_params, "fit": fit}
    vars(estimator).update(covers)
    try:
        yield
    finally:
        uncover()


class SplitRows:
    """The rows of each split, cut out once for all candidates."""

    def __init__(self) -> None:
        self._cut: dict[int, tuple[Any, Any, dict[str, Any]]] = {}

    def of(self, task: Task) -> tuple[Any, Any, dict[str, Any]]:
        """Return X, y and the parameters of ``fit`` for the task's training rows."""
        if task.split not in self._cut:
            _, X, y = task.args
            train = task.kwargs["train"]
            X_train, y_train = _safe_split(task.estimator, X, y, train)
            params = task.kwargs["fit_params"] or {}
            fit_params = _check_method_params(X, params=params, indices=train)
            self._cut[task.split] = X_train, y_train, fit_params
        return self._cut[task.split]


def run_together(tasks: Sequence[Task], max_memory: int, verbose: int) -> None:
    """Run all tasks, as many together as fit into memory."""
    _warn_of_unknown(tasks)
    stackable = [task for task in tasks if task.is_stackable]
    splits = list(dict.fromkeys(task.split for task in stackable))
    split_by_split = sorted(stackable, key=lambda task: splits.index(task.split))
    with Progress(verbose > 0) as progress:
        for batch in _batches(split_by_split, max_memory):
            _train(batch, max_memory, progress)
            for task in batch:
                task.finish()
    done = set(map(id, stackable))
    for task in tasks:
        if id(task) not in done:
            task.finish()


def _warn_of_unknown(tasks: Sequence[Task]) -> None:
    unknown = [t for t in tasks if t.is_of_a_search and not t.is_fit_and_score]
    if unknown:
        warnings.warn(
            "This scikit-learn fits candidates in a way that sk_mixup does not know "
            f"({unknown[0].function.__name__}): they are trained one by one, with the "
            "same results.",
            UserWarning,
            stacklevel=2,
        )


def _batches(tasks: Sequence[Task], max_memory: int) -> Iterator[list[Task]]:
    """Prepare tasks and yield them, at most ``max_memory`` bytes of rows at a time."""
    batch: list[Task] = []
    rows, used, seen = SplitRows(), 0, set()
    for task in tasks:
        n_bytes = task.prepare(rows)
        source = id(task.request.X) if task.request else None
        if source not in seen:
            seen.add(source)
            used += n_bytes
        batch.append(task)
        if used > max_memory:
            yield batch
            batch, rows, used, seen = [], SplitRows(), 0, set()
    yield batch


def _train(batch: Sequence[Task], max_memory: int, progress: Progress) -> None:
    waiting = [task for task in batch if task.request is not None]
    requests = [task.request for task in waiting if task.request is not None]
    start = time.perf_counter()
    keep_errors = not all(task.raises for task in batch)
    errors = fit_requests(requests, max_memory, keep_errors, progress)
    for number, error in errors.items():
        waiting[number].error = error
    for task in batch:
        task.seconds += (time.perf_counter() - start) / len(batch)


def _n_bytes(X: Any) -> int:
    if hasattr(X, "memory_usage"):  # a frame of pandas
        return int(X.memory_usage().sum())
    data = getattr(X, "data", X)  # of a sparse matrix
    return int(getattr(X, "nbytes", getattr(data, "nbytes", 0)))


@contextmanager
def together(max_memory: int, verbose: int, n_jobs: int | None) -> Iterator[None]:
    """Train the networks of scikit-learn's tasks together, while inside.

    ``n_jobs`` is the number of torch's threads, None for as many as it has.
    """
    threads = torch.get_num_threads()
    if n_jobs is not None:
        threads = effective_n_jobs(n_jobs)
    backend = TogetherBackend(max_memory, verbose)
    with torch_threads(threads), parallel_config(backend=backend):
        yield

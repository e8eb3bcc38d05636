"""The context manager that trains together what scikit-learn fits inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import torch
from joblib import effective_n_jobs, parallel_config

from sk_mixup._data.sklearn_private import (
    FallbackToBackend,
    Interval,
    ParallelBackendBase,
    SequentialBackend,
    ThreadingBackend,
    get_active_backend,
    validate_parameter_constraints,
)
from sk_mixup._networks.torch_threads import torch_threads
from sk_mixup._training.memory import MAX_MEMORY
from sk_mixup._training.progress import Progress
from sk_mixup.model_selection._schedule import Schedule
from sk_mixup.model_selection._tasks import Task, current_task, fits_suspend_tasks

MEMORY_CONSTRAINTS = {"max_memory": [Interval(Real, 1, None, closed="left")]}
CONSTRAINTS = MEMORY_CONSTRAINTS | {"n_jobs": [Integral, None], "verbose": ["verbose"]}

# The number of jobs that n_jobs=-1 stands for: bagging fits so many at a time. Given
# for n_jobs=None too, it made pairwise distances of 2,000 rows take 1.3 s, not 0.14 s.
PARTS = 64


@contextmanager
def together(
    *, max_memory: int = MAX_MEMORY, n_jobs: int | None = None, verbose: int = 0
) -> Iterator[list[int]]:
    """Train together the networks of all that scikit-learn fits inside the context.

    It serves every function and estimator that gives independent fits to joblib:
    searches, cross-validation, learning curves, stacking, voting, bagging, calibration,
    one-vs-rest and so on, also nested in each other. scikit-learn's own code runs, one
    fit after the other. Each fit of a :class:`~sk_mixup.MixupClassifier` or
    :class:`~sk_mixup.MixupRegressor` is suspended before its training. When all fits
    are suspended, all networks are trained as one program. The results are those
    without the context, up to rounding.

    Parameters
    ----------
    max_memory : int, default=1_000_000_000
        Bytes that training rows, and also networks in training, may take at one time,
        roughly. More are trained in parts, with the same results up to rounding.
    n_jobs : int, default=None
        Threads that train the networks: None for as many as torch uses, -1 for one for
        each core. No processes are started. It takes the place of the ``n_jobs`` of
        scikit-learn's estimators and functions.
    verbose : int, default=0
        Show a progress bar if positive.

    Yields
    ------
    trained : list of int
        The number of estimators of each joint training so far.

    Raises
    ------
    ValueError
        If a parameter cannot be used.

    See Also
    --------
    sk_mixup.fit_many : Train many estimators on rows of their own.
    GridSearchCV : Search over a grid, inside this context.

    Notes
    -----
    At most 256 estimators are trained at one time. Inside another ``together`` the
    settings of the outer one hold. Estimators that ask joblib for threads, such as
    random forests, are fitted with their own ``n_jobs``. A bagging ensemble fits two
    estimators at a time, or ``n_jobs``: with -1 they are 64.

    Fits that depend on each other stay apart: ``partial_fit``, the features that a
    sequential selection has chosen, the final estimator of a stack.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_predict
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.model_selection import together
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MixupClassifier(max_epochs=20, random_state=0)
    >>> with together() as trained:
    ...     predicted = cross_val_predict(model, X, y, cv=10)
    >>> predicted.shape, trained
    ((150,), [10])
    """
    given = {"max_memory": max_memory, "n_jobs": n_jobs, "verbose": verbose}
    validate_parameter_constraints(CONSTRAINTS, given, caller_name="together")
    outer, _ = get_active_backend()
    if isinstance(outer, TogetherBackend):
        yield outer.trained
        return
    threads = torch.get_num_threads() if n_jobs is None else effective_n_jobs(n_jobs)
    trained: list[int] = []
    backend = TogetherBackend(max_memory, verbose, trained)
    with (
        torch_threads(threads),
        parallel_config(backend=backend),
        fits_suspend_tasks(),
    ):
        yield trained


class TogetherBackend(ParallelBackendBase):
    """Run all tasks of a call of joblib when the first result is asked for.

    Parameters
    ----------
    max_memory : int
        Bytes that training rows and networks in training may take at one time.
    verbose : int
        Show a progress bar if positive.
    trained : list of int
        Extended by the number of estimators of each joint training.
    """

    # Else joblib takes another backend for such calls and never asks `configure`.
    supports_sharedmem = True
    uses_threads = True

    def __init__(
        self, max_memory: int, verbose: int, trained: list[int], nesting_level: int = 0
    ) -> None:
        super().__init__(nesting_level=nesting_level)
        self.max_memory, self.verbose, self.trained = max_memory, verbose, trained
        self.submitted: list[Future] = []

    def configure(self, n_jobs: int = 1, parallel: Any = None, **hints: Any) -> int:
        """Leave calls that ask for threads, which fit no networks, to joblib."""
        if hints.get("prefer") == "threads" or hints.get("require") == "sharedmem":
            # So many are not the user's wish but the answer of effective_n_jobs.
            kind = SequentialBackend if n_jobs == PARTS else ThreadingBackend
            raise FallbackToBackend(kind(nesting_level=self.nesting_level))
        return super().configure(n_jobs, parallel, **hints)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return at least 2, because joblib runs one job itself."""
        if n_jobs is None:
            return 2
        return max(2, n_jobs) if n_jobs > 0 else PARTS

    def get_nested_backend(self) -> tuple[TogetherBackend, None]:
        """Return a backend for the calls that a task makes."""
        level = self.nesting_level + 1
        nested = TogetherBackend(self.max_memory, self.verbose, self.trained, level)
        return nested, None

    def submit(self, func: Any, callback: Any = None) -> Future:
        """Note the task."""
        self.submitted.append(Future(func, callback, self))
        return self.submitted[-1]

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Forget the tasks."""
        self.submitted = []

    def run(self) -> None:
        """Run all tasks, after joblib has submitted the last of them."""
        for future in self.submitted:  # which grows: each call makes joblib submit more
            future.callback(None)
        tasks = [future.task for future in self.submitted]
        self.submitted = []
        if not tasks:  # they have run
            return
        waiting = current_task()
        if waiting is not None:
            waiting.wait_for(tasks)
        else:
            with Progress(self.verbose > 0) as progress:
                Schedule(self.max_memory, progress, self.trained).run(tasks)


class Future:
    """The result of a task, which waits for all others."""

    def __init__(
        self,
        call: Callable[[], list[Any]],
        callback: Callable[[Any], None],
        backend: TogetherBackend,
    ) -> None:
        self.task, self.callback, self.backend = Task(call), callback, backend

    def get(self) -> list[Any]:
        """Return the result; the first to be asked for runs all tasks."""
        self.backend.run()
        return self.task.get()

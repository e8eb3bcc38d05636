"""The context manager that trains together what scikit-learn fits inside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from joblib import effective_n_jobs, parallel_config

from sk_mixup import _fit_many
from sk_mixup._networks.torch_threads import torch_threads
from sk_mixup._sklearn import (
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
    ThreadingBackend,
    get_active_backend,
    validate_parameter_constraints,
)
from sk_mixup._training.memory import MAX_MEMORY
from sk_mixup._training.progress import Progress
from sk_mixup.model_selection._groups import Call
from sk_mixup.model_selection._schedule import CallSchedule
from sk_mixup.model_selection._suspended import (
    SuspendedCall,
    current_call,
    fits_suspend_calls,
)
from sk_mixup.model_selection._workers import CannotBeSent, Results, Workers

CONSTRAINTS = _fit_many.CONSTRAINTS | {"n_jobs": [Integral, None]}

# The number of jobs that n_jobs=-1 stands for: bagging fits so many at a time. Given
# for n_jobs=None too, it made pairwise distances of 2,000 rows take 1.3 s, not 0.14 s.
PARTS = 64


@contextmanager
def together(
    *, max_memory: int = MAX_MEMORY, n_jobs: int | None = None, verbose: int = 0
) -> Iterator[list[int]]:
    """Train together all networks that scikit-learn fits inside the context.

    It works with whatever runs independent fits through joblib: searches,
    cross-validation, learning curves, stacking, voting, bagging, calibration,
    one-vs-rest and so on, also nested. scikit-learn's own code runs, one fit after the
    other. Each fit of a :class:`~sk_mixup.MixupClassifier` or
    :class:`~sk_mixup.MixupRegressor` is suspended before its training. When all fits
    are suspended, all networks are trained as one program. With several workers, each
    does so for a group of the fits. The results are the same as without the context, up
    to rounding.

    Parameters
    ----------
    max_memory : int, default=1_000_000_000
        Approximate number of bytes that training rows, and also networks in training,
        may take at one time in a worker. More are trained in parts, with the same
        results up to rounding.
    n_jobs : int, default=None
        Number of workers of the joblib backend, as in scikit-learn: None means 1, or
        what :func:`joblib.parallel_config` says; -1 means all. Each trains its share of
        the networks on one thread; 1 stays in this process. It replaces the ``n_jobs``
        of scikit-learn's estimators and functions.
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
    Do not change arrays in place after passing them to ``fit``, since training comes
    later. Parameters of a shared estimator of this package may change; clone pipelines.

    At most 256 estimators are trained at one time. Inside another ``together``, the
    settings of the outer one apply. Estimators that ask joblib for threads, such as
    random forests, are fitted with their own ``n_jobs``. A bagging ensemble fits two
    estimators at a time, or its ``n_jobs``: -1 means 64.

    The workers are those of joblib's backend: processes by default, a cluster inside
    ``parallel_config("dask")``, threads inside ``parallel_config("threading")``. Only
    the outermost fits are sent to workers; the fits nested in them, as in a nested
    search, are trained in the same worker. If one of the outermost fits cannot be
    pickled, all run in this process, with a warning.

    Fits that depend on each other are not trained together: calls of ``partial_fit``,
    the steps of a sequential feature selection, the final estimator of a stack.

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
    trained: list[int] = []
    backend = TogetherBackend(max_memory, verbose, trained)
    # Of joblib's, which knows of None and of negative numbers.
    number = effective_n_jobs(n_jobs)
    if isinstance(outer, ThreadingBackend):
        backend.threads = number
    elif number > 1:
        backend.workers = Workers(outer, number, max_memory, verbose)
    with parallel_config(backend=backend), fits_suspend_calls():
        yield trained


class TogetherBackend(ParallelBackendBase):
    """Run all joblib calls when the first result is asked for.

    Parameters
    ----------
    max_memory : int
        Bytes that training rows and networks in training may take at one time.
    verbose : int
        Show a progress bar if positive.
    trained : list of int
        Extended by the number of estimators of each joint training.

    Attributes
    ----------
    workers : Workers or None
        Who runs the calls; None if this process does.
    threads : int
        On which this process trains networks.
    """

    workers: Workers | None = None
    threads = 1

    # Else joblib takes another backend for such calls and never asks `configure`.
    supports_sharedmem = True
    uses_threads = True

    def __init__(
        self, max_memory: int, verbose: int, trained: list[int], nesting_level: int = 0
    ) -> None:
        super().__init__(nesting_level=nesting_level)
        self.max_memory, self.verbose, self.trained = max_memory, verbose, trained
        self.submitted: list[Future] = []

    def __repr__(self) -> str:
        # What joblib calls it as it refuses to return a generator.
        return "sk_mixup's together(), whose results come at once (return_as='list'),"

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
        """Return a backend for what a call calls."""
        level = self.nesting_level + 1
        nested = TogetherBackend(self.max_memory, self.verbose, self.trained, level)
        return nested, None

    def submit(self, func: Any, callback: Any = None) -> Future:
        """Note the call."""
        self.submitted.append(Future(func, callback, self))
        return self.submitted[-1]

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Forget the calls."""
        self.submitted = []

    def run(self) -> None:
        """Run all calls, after joblib has submitted the last of them."""
        for future in self.submitted:  # which grows: each call makes joblib submit more
            future.callback(None)
        futures, self.submitted = self.submitted, []
        if not futures:  # they have run
            return
        calls = [future.take_call() for future in futures]
        if self.workers is None or len(calls) == 1 or current_call() is not None:
            results = self._run_here(calls)
        else:
            results = self._send_away(self.workers, calls)
        for future, result in zip(futures, results, strict=True):
            future.result = result

    def _send_away(self, workers: Workers, calls: list[Call]) -> Results:
        try:
            return workers.run(calls, self.trained)
        except CannotBeSent as error:
            warnings.warn(
                f"This process runs what workers cannot be sent ({error}); with "
                "n_jobs=1 it does so without this warning.",
                UserWarning,
                stacklevel=2,
            )
            return self._run_here(calls)

    def _run_here(self, calls: list[Call]) -> Results:
        suspended = [SuspendedCall(call) for call in calls]
        calls.clear()  # each lets go of its call, with rows and networks, at its end
        waiting = current_call()
        if waiting is not None:
            waiting.wait_for(suspended)
        else:
            with torch_threads(self.threads), Progress(self.verbose > 0) as progress:
                CallSchedule(self.max_memory, progress, self.trained).run(suspended)
        return [call.get() for call in suspended]


class Future:
    """The result of a call; it waits for all other calls."""

    result: list[Any]

    def __init__(
        self, call: Call, callback: Callable[[Any], None], backend: TogetherBackend
    ) -> None:
        self._call: Call | None = call
        self.callback, self.backend = callback, backend

    def take_call(self) -> Call:
        """Return the call, which is not kept any longer."""
        call, self._call = self._call, None
        assert call is not None
        return call

    def get(self) -> list[Any]:
        """Return the result; the first to be asked for runs all calls."""
        self.backend.run()
        return self.result

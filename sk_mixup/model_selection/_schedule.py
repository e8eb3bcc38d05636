"""Which call runs next, and when the networks of those suspended are trained."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np

from sk_mixup._fit_many import FitRequest, fit_requests
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.progress import Progress
from sk_mixup.model_selection._suspended import SuspendedCall

# As many networks as a GPU trains side by side. Each call is a thread: more of them
# would meet the limits of containers.
MOST_SUSPENDED = 256


class CallSchedule:
    """Run calls in turn, and train the networks that they are suspended for together.

    Parameters
    ----------
    max_memory : int
        Bytes that the training rows of suspended calls may take before they are
        trained, and that networks in training may take.
    progress : Progress
        Told of the epochs.
    trained : list of int
        Extended by the number of estimators of each training.
    """

    def __init__(self, max_memory: int, progress: Progress, trained: list[int]) -> None:
        self.max_memory, self.progress, self.trained = max_memory, progress, trained
        self.fresh: deque[SuspendedCall] = deque()  # not started yet
        self.ready: deque[SuspendedCall] = deque()  # can go on
        self.fitting: list[SuspendedCall] = []
        self.waiting: set[SuspendedCall] = set()  # for children
        self.running: list[SuspendedCall] = []  # none or one
        self.n_bytes: dict[int, int] = {}  # of the rows of those that fit

    def run(self, calls: Sequence[SuspendedCall]) -> None:
        """Run the calls until all have ended, or one has raised an error."""
        self.fresh.extend(calls)
        try:
            while self.fresh or self.ready or self.fitting:
                self._step()
        except BaseException:
            living = [*self.running, *self.ready, *self.fitting, *self.waiting]
            for call in living:
                call.abandon()
            raise

    def _step(self) -> None:
        # Those that can go on first: they end, and let go of their rows.
        if self.ready:
            self._advance(self.ready.popleft())
        elif self.fresh and not self._full:
            self._advance(self.fresh.popleft())
        else:
            self._train()

    @property
    def _full(self) -> bool:
        used = sum(self.n_bytes.values())
        return used > self.max_memory or len(self.fitting) >= MOST_SUSPENDED

    def _advance(self, call: SuspendedCall) -> None:
        self.running = [call]
        call.advance()
        self.running = []
        if call.request:
            rows = call.request.data.X
            self.fitting.append(call)
            # By identity, since rows that calls share take memory once.
            self.n_bytes[id(rows)] = n_bytes(rows)
        elif call.children:
            self.waiting.add(call)
            # Before its siblings: one nested search ends before the next holds rows.
            self.fresh.extendleft(reversed(call.children))
        else:
            self._end(call)

    def _end(self, call: SuspendedCall) -> None:
        parent = call.parent
        # An interrupt ends everything; other errors are for the parent to score.
        if parent is None or not isinstance(call.error, Exception | None):
            call.get()  # which raises its error
        else:
            parent.credit += call.cost
            if all(child.ended for child in parent.children):
                self.waiting.remove(parent)
                self.ready.append(parent)

    def _train(self) -> None:
        """Train what the calls fit, but each estimator once only."""
        # An estimator that two calls fit could keep one fit only: the other waits.
        first = {id(call.estimator): call for call in reversed(self.fitting)}
        calls = list(reversed(first.values()))
        self.fitting = [call for call in self.fitting if call not in calls]
        self.n_bytes.clear()
        self.ready.extend(calls)
        start = time.perf_counter()
        requests = share_equal_data([call.requested() for call in calls])
        errors = fit_requests(requests, self.max_memory, True, self.progress)
        for number, error in errors.items():
            calls[number].fit_error = error
        for call in calls:
            call.credit += (time.perf_counter() - start) / len(calls)
        self.trained.append(len(calls))


def share_equal_data(requests: Sequence[FitRequest]) -> list[FitRequest]:
    """Give equal arrays as the same object, for which they are prepared once.

    Every call cuts out its own training rows, though all candidates of a search have
    the same folds.
    """
    # A hash took a fifteenth of the time of preparing 40,000 rows of 50 features, and
    # less for smaller tables.
    keys: dict[int, object] = {}
    first: dict[object, Any] = {}

    def shared(value: Any) -> Any:
        if id(value) not in keys:
            keys[id(value)] = _content(value)
        return first.setdefault(keys[id(value)], value)

    return [
        FitRequest(estimator, FitData(*map(shared, data)))
        for estimator, data in requests
    ]


def _content(value: Any) -> object:
    try:
        return joblib.hash(value)
    except (PicklingError, TypeError, AttributeError):
        return id(value)


def n_bytes(X: Any) -> int:
    """Return the bytes that rows take, as far as is known."""
    if hasattr(X, "memory_usage"):  # of pandas
        return int(np.sum(X.memory_usage()))
    if hasattr(X, "estimated_size"):  # of polars
        return int(X.estimated_size())
    data = getattr(X, "data", X)  # of a sparse matrix
    return int(getattr(X, "nbytes", getattr(data, "nbytes", 0)))

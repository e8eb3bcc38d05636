"""Calls of joblib that are suspended where they fit a network.

A call is a function of scikit-learn that fits and scores, or fits and predicts. It runs
on a thread of its own, and never beside another one: a thread is the one way to leave
somebody else's function in the middle and to come back to it. The function is called
once and as it is; what it takes for a long fit is the wait for all the others.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from functools import wraps
from typing import Any

from sklearn import config_context, get_config

from sk_mixup._estimator.base import BaseMixup
from sk_mixup._fit_many import FitRequest
from sk_mixup._training.fit_data import FitData

_fit = BaseMixup.fit
_lock = threading.Lock()
_n_uses = 0
_here = threading.local()


def current_call() -> SuspendedCall | None:
    """Return the call that this thread is of, if any."""
    return getattr(_here, "call", None)


class Abandoned(BaseException):
    """Ends a call whose result is not wanted any more."""


class SuspendedCall:
    """A call that runs, on a thread of its own, only while ``advance`` waits for it.

    Parameters
    ----------
    call : callable
        Without arguments; returns a list of results, as joblib's batches do.

    Attributes
    ----------
    request : FitRequest or None
        The fit that it is suspended in.
    fit_error : Exception or None
        Why that fit has failed.
    children : sequence of SuspendedCall
        The calls that it is suspended to wait for.
    parent : SuspendedCall or None
        The call that waits for this one.
    credit : float
        Seconds that others have worked for it: its shares of the trainings, and the
        cost of its children.
    cost : float
        Seconds of its own work and its credit, when it has ended.
    error : BaseException or None
        What the call has raised.
    """

    def __init__(self, call: Callable[[], list[Any]]) -> None:
        self._call: Callable[[], list[Any]] | None = call
        # scikit-learn keeps its settings, and Python its context, for each thread.
        self._settings = get_config()
        # After an interrupt nobody waits for the thread to end.
        run = copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), daemon=True)
        # Two, so that either side waits for the other: no two calls ever run at a time.
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._results: list[Any] = []
        self._abandoned = False
        self._suspended = 0.0
        self.request: FitRequest | None = None
        self._params: dict[str, Any] = {}
        self.fit_error: Exception | None = None
        self.children: Sequence[SuspendedCall] = ()
        self.parent: SuspendedCall | None = None
        self.credit = self.cost = 0.0
        self.error: BaseException | None = None
        self.ended = False

    # For the thread that runs the calls.

    def advance(self) -> None:
        """Let the call run until it is suspended or ends."""
        with warnings.catch_warnings():  # it may have set filters of its own
            if self._thread.ident is None:
                self._thread.start()
            else:
                self._go.release()
            self._stopped.acquire()

    def abandon(self) -> None:
        """End the call: at once if it is suspended, else at its next fit."""
        self._abandoned = True
        if self.request or self.children:
            self.advance()

    def get(self) -> list[Any]:
        """Return the results, or raise the error."""
        if self.error is not None:
            raise self.error
        return self._results

    # For the call's own thread.

    def _run(self) -> None:
        start = time.perf_counter()
        _here.call = self
        try:
            with fits_suspend_calls(), config_context(**self._settings):
                self._results = self._call()  # type: ignore[misc]
        except BaseException as error:  # raised again by `get`
            self.error = error
        # joblib keeps the call until the last one ends: let rows and networks go.
        self._call = None
        self.cost = time.perf_counter() - start - self._suspended + self.credit
        self._correct_times()
        self.ended = True
        self._stopped.release()

    def _correct_times(self) -> None:
        """Replace, in scikit-learn results, the wait by the share of the work."""
        for result in self._results:
            if isinstance(result, dict) and "fit_time" in result:
                seconds = result["fit_time"] - self._suspended + self.credit
                result["fit_time"] = max(0.0, seconds)

    def wait_for_fit(self, request: FitRequest) -> None:
        """Wait until the request has been fitted; raise its error, if any."""
        self.request, self.fit_error = request, None
        self._params = request.estimator.get_params(deep=False)
        self._suspend()
        request.estimator.set_params(**self._params)
        if self.fit_error is not None:
            raise self.fit_error

    @property
    def estimator(self) -> Any:
        """What it fits, while it is suspended for that."""
        return None if self.request is None else self.request.estimator

    def requested(self) -> FitRequest:
        """Return the fit that it is suspended in, as it was asked for."""
        assert self.request is not None
        # Another call may have changed the parameters of a shared estimator.
        self.request.estimator.set_params(**self._params)
        return self.request

    def wait_for(self, children: Sequence[SuspendedCall]) -> None:
        """Wait until all of the calls have ended."""
        for child in children:
            child.parent = self
        self.children = children
        self._suspend()

    def _suspend(self) -> None:
        if self._abandoned:
            raise Abandoned
        start = time.perf_counter()
        # Filters are the process's, and the calls that run meanwhile set their own.
        filters, showwarning = warnings.filters, warnings.showwarning
        self._stopped.release()
        self._go.acquire()
        warnings.filters, warnings.showwarning = filters, showwarning
        with warnings.catch_warnings():
            pass  # makes Python look at the filters anew
        self.request, self.children = None, ()
        self._suspended += time.perf_counter() - start
        if self._abandoned:
            raise Abandoned


@wraps(_fit)
def _fit_with_others(
    self: Any, X: Any, y: Any, sample_weight: Any = None, **params: Any
) -> Any:
    call = current_call()
    if call is None:
        return _fit(self, X, y, sample_weight, **params)
    self._validate_params()  # a bad candidate may end a search before it trains
    call.wait_for_fit(FitRequest(self, FitData(X, y, sample_weight, **params)))
    return self


@contextmanager
def fits_suspend_calls() -> Iterator[None]:
    """Let ``fit`` suspend the call that it is part of; elsewhere it is as it was.

    The class's method is replaced, not an instance's: calls clone the estimators that
    they fit, and subclasses call ``super().fit``.
    """
    global _n_uses
    with _lock:
        _n_uses += 1
        BaseMixup.fit = _fit_with_others  # type: ignore[method-assign]
    try:
        yield
    finally:
        with _lock:
            # Contexts overlap, on several threads: the last one puts fit back.
            _n_uses -= 1
            if not _n_uses:
                BaseMixup.fit = _fit  # type: ignore[method-assign]

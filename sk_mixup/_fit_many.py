"""Fit many estimators, each on its own rows, as few programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import torch

from sk_mixup._data.memo import Memo
from sk_mixup._estimator.base import BaseMixup
from sk_mixup._estimator.transaction import Snapshot, all_or_nothing, enough_memory
from sk_mixup._networks.torch_modes import own_modes
from sk_mixup._sklearn import Interval, validate_parameter_constraints
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.memory import MAX_MEMORY
from sk_mixup._training.progress import Progress
from sk_mixup._training.stacks import train
from sk_mixup._training.task import Start, Task

MEMORY_CONSTRAINTS = {"max_memory": [Interval(Real, 1, None, closed="left")]}
CONSTRAINTS = MEMORY_CONSTRAINTS | {"verbose": ["verbose"]}


class FitRequest(NamedTuple):
    """An estimator, and what its ``fit`` was given."""

    estimator: Any
    data: FitData


def fit_many(
    estimators: Sequence[Any],
    Xs: Sequence[Any],
    ys: Sequence[Any],
    sample_weights: Sequence[Any] | None = None,
    *,
    fit_params: Sequence[dict[str, Any] | None] | None = None,
    max_memory: int = MAX_MEMORY,
    on_error: str = "raise",
    verbose: int = 0,
) -> list[Any]:
    """Fit many estimators, each on its own rows, as one program.

    Networks with the same architecture, batch size, number of epochs, number of steps
    and optimiser settings are trained together; other networks are trained in separate
    groups, one after the other. The results are those of fitting each estimator alone,
    up to rounding.

    Parameters
    ----------
    estimators : sequence of MixupClassifier or MixupRegressor
        Estimators, fitted in place. They may differ in every parameter.
    Xs, ys : sequence of array-like
        Rows and targets of each estimator. If several estimators share one array (the
        same object), it is checked, stored and standardised once.
    sample_weights : sequence of array-like or None, default=None
        Sample weights of each estimator.
    fit_params : sequence of dict or None, default=None
        Further arguments of each estimator's ``fit``: ``groups``, ``X_val``, ``y_val``
        and ``sample_weight_val``.
    max_memory : int, default=1_000_000_000
        Bytes for the networks in training, with their optimiser states and draws.
        Larger groups are trained in parts. With ``early_stopping``, an estimator too
        large is split into groups of at least eight networks; each group stops on its
        own mean score.
    on_error : {"raise", "return"}, default="raise"
        "raise" raises the first error and leaves all estimators unchanged. "return"
        fits the other estimators and returns the error in place of its estimator.
    verbose : int, default=0
        A positive number shows a progress bar.

    Returns
    -------
    fitted : list
        The fitted estimators; with ``on_error="return"``, the exception in place of
        each estimator that could not be fitted.

    Raises
    ------
    ValueError
        If the sequences differ in length, if an estimator is given twice, if
        ``on_error``, ``max_memory`` or ``verbose`` cannot be used, or as in ``fit``
        of an estimator.
    MemoryError
        If the networks need more memory than is left; the message says how many bytes.
    TypeError
        If an estimator is neither a MixupClassifier nor a MixupRegressor, or if
        ``fit_params`` holds an argument that ``fit`` does not take.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_mixup import MixupClassifier, fit_many
    >>> X, y = load_iris(return_X_y=True)
    >>> alphas = [0, 0.4, 1]
    >>> fitted = fit_many(
    ...     [MixupClassifier(alpha=a, random_state=0) for a in alphas], [X] * 3, [y] * 3
    ... )
    >>> [bool(model.score(X, y) > 0.9) for model in fitted]
    [True, True, True]
    """
    weights = [None] * len(estimators) if sample_weights is None else sample_weights
    further = [None] * len(estimators) if fit_params is None else fit_params
    if not len(estimators) == len(Xs) == len(ys) == len(weights) == len(further):
        raise ValueError(
            f"fit_many needs one X, y, sample_weight and dict of fit_params for each "
            f"estimator, but got {len(estimators)} estimators, {len(Xs)} X, {len(ys)} "
            f"y, {len(weights)} sample_weights and {len(further)} fit_params."
        )
    validate_parameter_constraints(
        CONSTRAINTS, {"max_memory": max_memory, "verbose": verbose}, "fit_many"
    )
    _check_estimators(estimators, on_error)
    requests = [
        FitRequest(estimator, FitData(X, y, weight, **_checked_params(params)))
        for estimator, X, y, weight, params in zip(
            estimators, Xs, ys, weights, further, strict=True
        )
    ]
    with Progress(verbose > 0) as progress:
        errors = fit_requests(requests, max_memory, on_error == "return", progress)
    return [
        errors.get(number, estimator) for number, estimator in enumerate(estimators)
    ]


def _check_estimators(estimators: Sequence[Any], on_error: str) -> None:
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error must be 'raise' or 'return', got {on_error!r}.")
    for estimator in estimators:
        if not isinstance(estimator, BaseMixup):
            raise TypeError(
                "fit_many fits MixupClassifier and MixupRegressor, got "
                f"{type(estimator).__name__}."
            )
    if len(set(map(id, estimators))) < len(estimators):
        raise ValueError(
            "One estimator was given several times and would keep one fit only; give "
            "clones of it (sklearn.base.clone)."
        )


def _checked_params(params: dict[str, Any] | None) -> dict[str, Any]:
    known = ("groups", "X_val", "y_val", "sample_weight_val")
    odd = [name for name in params or {} if name not in known]
    if odd:
        raise TypeError(
            f"fit_params may hold {', '.join(known)} for each estimator, got "
            f"{odd[0]!r}."
        )
    return params or {}


def fit_requests(
    requests: Sequence[FitRequest],
    max_memory: int,
    keep_errors: bool,
    progress: Progress,
) -> dict[int, Exception]:
    """Fit all estimators or none, unless errors are kept; return those by number."""
    with all_or_nothing([request.estimator for request in requests]):
        fits = Fits(requests, max_memory, progress, keep_errors)
        # torch's default dtype is the process's: networks of one precision at a time.
        for dtype, numbers in fits.begin().items():
            with own_modes(dtype):
                fits.run(numbers)
        return fits.errors


class Fits:
    """Fits of several estimators that are prepared, trained and adopted together."""

    def __init__(
        self,
        requests: Sequence[FitRequest],
        max_memory: int,
        progress: Progress,
        keep_errors: bool,
    ) -> None:
        self.requests, self.max_memory, self.progress = requests, max_memory, progress
        self.caught: tuple[type[Exception], ...] = (Exception,) if keep_errors else ()
        self.before = [Snapshot(request.estimator) for request in requests]
        self.starts: dict[int, Start] = {}
        self.errors: dict[int, Exception] = {}

    def begin(self) -> dict[torch.dtype, list[int]]:
        """Check parameters and return the requests of each precision, by number."""
        groups: dict[torch.dtype, list[int]] = defaultdict(list)
        for number, request in enumerate(self.requests):
            try:
                start = self.starts[number] = request.estimator._start()
                groups[start.dtype].append(number)
            except self.caught as error:
                self._keep(number, error)
        return groups

    def run(self, numbers: Sequence[int]) -> None:
        """Prepare, train and adopt requests of one precision."""
        memo = Memo()
        tasks: dict[int, Task] = {}
        for number in numbers:
            try:
                tasks[number] = self._prepare(number, memo)
            except self.caught as error:
                self._keep(number, error)
        if not tasks:
            return
        try:
            self._train(tasks, self.progress)
        except self.caught:
            # Training itself failed, as with a module of the wrong width: whose fault
            # it was shows when each is trained alone, with its draws begun anew.
            for number in tasks:
                self._run_alone(number, memo)

    def _run_alone(self, number: int, memo: Memo) -> None:
        self.before[number].restore()
        try:
            # A bar would count the epochs twice.
            self._train({number: self._prepare(number, memo)}, Progress())
        except Exception as error:
            self._keep(number, error)

    def _prepare(self, number: int, memo: Memo) -> Task:
        estimator, data = self.requests[number]
        with enough_memory(_name(estimator)):
            task: Task = estimator._prepare(data, self.starts[number], memo)
        return task

    def _train(self, tasks: dict[int, Task], progress: Progress) -> None:
        estimators = [self.requests[number].estimator for number in tasks]
        several = len(estimators) > 1
        with enough_memory("these estimators" if several else _name(*estimators)):
            nets = train(list(tasks.values()), self.max_memory, progress)
        for estimator, (number, task), net in zip(
            estimators, tasks.items(), nets, strict=True
        ):
            try:
                with enough_memory(_name(estimator)):
                    estimator._adopt(net, task)
            except self.caught as error:
                self._keep(number, error)

    def _keep(self, number: int, error: Exception) -> None:
        self.errors[number] = error
        self.before[number].restore()


def _name(estimator: Any) -> str:
    return type(estimator).__name__

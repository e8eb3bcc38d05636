"""Fit many estimators, each on its own rows, as few programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sk_mixup._data import Memo
from sk_mixup._modes import memory_errors, own_modes, precision
from sk_mixup._net import MixupNet
from sk_mixup._stacks import Problem, Progress, train_problems
from sk_mixup._threads import one_thread

MAX_MEMORY = 1_000_000_000
REMEDY = (
    "a smaller batch_size, fewer or narrower networks (n_estimators, "
    "hidden_layer_sizes) or fewer rows need less"
)


def fit_many(
    estimators: Sequence[Any],
    Xs: Sequence[Any],
    ys: Sequence[Any],
    sample_weights: Sequence[Any] | None = None,
    *,
    max_memory: int = MAX_MEMORY,
    on_error: str = "raise",
    verbose: int = 0,
) -> list[Any]:
    """Fit many estimators, each on its own rows, as one program.

    Networks of one architecture, batch size, number of epochs and steps and one set of
    optimiser settings are trained side by side; the rest in groups of their own. The
    result is that of fitting each estimator in turn, within rounding.

    Parameters
    ----------
    estimators : sequence of MixupClassifier or MixupRegressor
        Fitted in place. They may differ in every parameter.
    Xs, ys : sequence of array-like
        Rows and targets of each estimator. An array that is given several times (the
        same object) is checked, stored and standardised once.
    sample_weights : sequence of array-like or None, default=None
        Weights of each estimator's rows.
    max_memory : int, default=1_000_000_000
        Bytes that the networks trained at one time, their optimiser states and draws
        may take; networks of one estimator that stops early are never parted.
    on_error : {"raise", "return"}, default="raise"
        What to do with an estimator that cannot be fitted: raise its error, or go on
        with the others and return the error in its place.
    verbose : int, default=0
        Show a progress bar if positive.

    Returns
    -------
    fitted : list
        The estimators; with ``on_error="return"`` an exception for each failure.

    Raises
    ------
    ValueError
        If the sequences differ in length, an estimator is given twice or ``on_error``
        is unknown, or what ``fit`` of an estimator raises.
    TypeError
        If an estimator is of another kind.

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
    if not len(estimators) == len(Xs) == len(ys) == len(weights):
        raise ValueError(
            f"fit_many needs one X, y and sample_weight for each estimator, but got "
            f"{len(estimators)} estimators, {len(Xs)} X, {len(ys)} y and "
            f"{len(weights)} sample_weights."
        )
    _check_estimators(estimators, on_error)
    attempts = [
        Attempt(*arguments)
        for arguments in zip(estimators, Xs, ys, weights, strict=True)
    ]
    with Progress(verbose > 0) as progress:
        run_attempts(attempts, max_memory, on_error == "return", progress)
    return [attempt.error or attempt.estimator for attempt in attempts]


def _check_estimators(estimators: Sequence[Any], on_error: str) -> None:
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error must be 'raise' or 'return', got {on_error!r}.")
    for estimator in estimators:
        if not hasattr(estimator, "_problem"):
            raise TypeError(
                "fit_many fits MixupClassifier and MixupRegressor, got "
                f"{type(estimator).__name__}."
            )
    if len(set(map(id, estimators))) < len(estimators):
        raise ValueError(
            "One estimator was given several times and would keep one fit only; give "
            "clones of it (sklearn.base.clone)."
        )


class Attempt:
    """One estimator's fit, which leaves the estimator as it was if it fails."""

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, **options: bool
    ) -> None:
        self.estimator = estimator
        self.data = (X, y, sample_weight)
        self.options = options
        self.before = dict(vars(estimator))
        self.problem: Problem | None = None
        self.error: Exception | None = None

    @property
    def doing(self) -> str:
        return f"Fitting {type(self.estimator).__name__}"

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the networks to go on with, or that of new ones."""
        warm = self.estimator.warm_start  # of any type: it is not checked yet
        warm = isinstance(warm, bool | np.bool_) and warm
        goes_on = self.options.get("one_epoch") or warm
        net = getattr(self.estimator, "net_", None)
        return net.module_.dtype if goes_on and net is not None else precision()

    @one_thread()
    def prepare(self, memo: Memo) -> None:
        """Check the data and make a problem of them."""
        with memory_errors(self.doing, REMEDY):
            self.problem = self.estimator._problem(*self.data, memo, **self.options)

    @one_thread()
    def adopt(self, net: MixupNet) -> None:
        """Make the trained net the estimator's."""
        with memory_errors(self.doing, REMEDY):
            self.estimator._adopt(net, self.problem)

    def put_back(self, error: Exception | None = None) -> None:
        """Put the estimator back as it was and remember why."""
        vars(self.estimator).clear()
        vars(self.estimator).update(self.before)
        self.problem, self.error = None, error


def run_attempts(
    attempts: Sequence[Attempt],
    max_memory: int = MAX_MEMORY,
    keep_errors: bool = False,
    progress: Progress | None = None,
) -> None:
    """Prepare, train and adopt; all or none, unless errors are kept one by one."""
    forgiven: tuple[type[Exception], ...] = (Exception,) if keep_errors else ()
    try:
        for dtype, group in _by_precision(attempts).items():
            with own_modes(dtype):
                _run_alike(group, max_memory, progress or Progress(), forgiven)
    except BaseException:
        for attempt in attempts:
            attempt.put_back()
        raise


def _by_precision(
    attempts: Sequence[Attempt],
) -> dict[torch.dtype, list[Attempt]]:
    groups: dict[torch.dtype, list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault(attempt.dtype, []).append(attempt)
    return groups


def _run_alike(
    attempts: Sequence[Attempt],
    max_memory: int,
    progress: Progress,
    forgiven: tuple[type[Exception], ...],
) -> None:
    memo = Memo()
    for attempt in attempts:
        try:
            attempt.prepare(memo)
        except forgiven as error:
            attempt.put_back(error)
    prepared = [attempt for attempt in attempts if attempt.problem is not None]
    try:
        _train_and_adopt(prepared, max_memory, progress, forgiven)
    except forgiven:
        # Training itself failed, as with a module of the wrong width: whose fault it
        # was shows when each is trained alone, with its draws begun anew.
        for attempt in prepared:
            attempt.put_back()
            try:
                attempt.prepare(memo)
                _train_and_adopt([attempt], max_memory, Progress(), ())
            except forgiven as error:
                attempt.put_back(error)


def _train_and_adopt(
    attempts: Sequence[Attempt],
    max_memory: int,
    progress: Progress,
    forgiven: tuple[type[Exception], ...],
) -> None:
    problems = [attempt.problem for attempt in attempts if attempt.problem]
    doing = attempts[0].doing if len(attempts) == 1 else "Fitting these estimators"
    with memory_errors(doing, REMEDY):
        nets = train_problems(problems, max_memory, progress)
    for attempt, net in zip(attempts, nets, strict=True):
        try:
            attempt.adopt(net)
        except forgiven as error:
            attempt.put_back(error)

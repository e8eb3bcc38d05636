"""Checks of parameters that no single parameter's constraint can make."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from skorch.callbacks import (
    BatchScoring,
    Checkpoint,
    EpochScoring,
    InputShapeSetter,
    LoadInitState,
    ParamMapper,
)
from torch import nn

from sk_mixup.vicinity import Pairing

if TYPE_CHECKING:
    from sk_mixup._estimator import BaseMixup

OWNED_BY_ESTIMATOR = {
    "batch_size", "callbacks", "compile", "criterion", "dataset", "device",
    "ema_halflife", "iterator_train", "iterator_valid", "lr", "lr_schedule",
    "max_epochs", "module", "optimizer", "predict_nonlinearity", "train_split",
    "verbose", "warm_start",
}  # fmt: skip


def check_combinations(estimator: BaseMixup) -> None:
    """Check parameters that have been checked one by one against each other."""
    for check in (
        _check_pairing,
        _check_layers,
        _check_epochs,
        _check_module,
        _check_callbacks,
        _check_net_params,
    ):
        check(estimator)


def epochs(number: float, max_epochs: int) -> int:
    """Return a number of epochs, which may be given as a fraction of all."""
    if isinstance(number, Integral):
        return int(number)
    return int(number * max_epochs + 1e-9)


def _check_pairing(est: BaseMixup) -> None:
    if not isinstance(est.pairing, Pairing) and est.pairing not in [*est._pairings]:
        raise ValueError(
            f"pairing={est.pairing!r} is unknown; it is one of "
            f"{list(est._pairings)} or an object of sk_mixup.vicinity."
        )
    if type(est.pairing).__hash__ is None:
        raise TypeError(
            f"pairing={est.pairing!r} must be hashable, as a frozen dataclass is."
        )


def _check_layers(est: BaseMixup) -> None:
    if not all(isinstance(n, Integral) and n > 0 for n in est._hidden_sizes):
        raise ValueError(
            "hidden_layer_sizes must be positive whole numbers, got "
            f"{est.hidden_layer_sizes!r}."
        )
    layers = ["input", "random", *range(len(est._hidden_sizes) + 1)]
    if est.module is None and est.mix_layer not in layers:
        raise ValueError(
            f"mix_layer={est.mix_layer!r} does not exist; the layers are {layers}."
        )


def _check_epochs(est: BaseMixup) -> None:
    warmup = epochs(est.warmup_epochs, est.max_epochs)
    clean = (
        0 if est.clean_epochs == "auto" else epochs(est.clean_epochs, est.max_epochs)
    )
    if warmup + clean > est.max_epochs:
        raise ValueError(
            f"warmup_epochs={est.warmup_epochs} ({warmup} epochs) and clean_epochs="
            f"{est.clean_epochs} ({clean} epochs) are more than max_epochs="
            f"{est.max_epochs}."
        )


def _check_module(est: BaseMixup) -> None:
    if isinstance(est.module, nn.Module):
        raise ValueError(
            "module must be a class or a function that makes a module for each "
            f"network, but is a {type(est.module).__name__} itself."
        )


def _check_callbacks(est: BaseMixup) -> None:
    for callback in est.callbacks or []:
        _check_callback(callback[-1] if isinstance(callback, tuple) else callback)


def _check_callback(callback: Any) -> None:
    kind = callback if isinstance(callback, type) else type(callback)
    loads_best = issubclass(kind, Checkpoint) and getattr(callback, "load_best", False)
    if loads_best or issubclass(kind, LoadInitState):
        raise ValueError(
            "callbacks cannot hold what loads a checkpoint: weights and records of the "
            "training would part. early_stopping=True keeps the best weights, "
            "warm_start=True goes on with those of the last fit."
        )
    if issubclass(kind, InputShapeSetter):
        raise ValueError(
            "callbacks cannot hold InputShapeSetter: networks are made before the "
            "training begins; give module_params the number of features."
        )
    if issubclass(kind, BatchScoring | EpochScoring | ParamMapper):
        raise ValueError(
            f"callbacks cannot hold {kind.__name__}: there is no single network whose "
            "batches it could score or whose parameters it could choose. Losses of "
            "every epoch are in history_, those of every network in net_.train_losses_ "
            "and net_.valid_losses_."
        )


def _check_net_params(est: BaseMixup) -> None:
    owned = {
        name
        for name in est.net_params or {}
        if name.partition("__")[0] in OWNED_BY_ESTIMATOR
        and not name.startswith("callbacks__")
    }
    if owned:
        raise ValueError(
            f"net_params cannot set {sorted(owned)}, which the estimator sets by "
            "parameters of its own."
        )

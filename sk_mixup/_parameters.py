"""Checks of parameters that no single parameter's constraint can make."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import torch
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EpochScoring,
    EpochTimer,
    InputShapeSetter,
    LoadInitState,
    ParamMapper,
)
from torch import nn

from sk_mixup._log import QuietLog
from sk_mixup._sklearn import Interval
from sk_mixup.vicinity import Pairing

if TYPE_CHECKING:
    from sk_mixup._estimator import BaseMixup

LARGEST_SIZE = 2**31 - 1
MOST_MIXED = 1000  # of which the mean is left: an example's weights are all near 0.001
MOST_NETWORKS = 100_000
LARGEST_NUMBER = 1e30  # whose products are still numbers in single precision

NET_PARAMS = ("torch_load_kwargs", "use_caching")
NAMED_CALLBACKS = {"epoch_timer": EpochTimer, "print_log": QuietLog}
REFUSED_NET_PARAMS = {
    **dict.fromkeys(
        (
            "batch_size", "callbacks", "device", "ema_halflife", "lr", "lr_schedule",
            "max_epochs", "module", "optimizer", "verbose", "warm_start",
        ),
        "use the estimator's own parameters, of which optimizer_params and "
        "module_params hold arguments",
    ),
    "criterion": "the loss is that of the estimator",
    "train_split": "early_stopping and validation_fraction hold rows out",
    "predict_nonlinearity": "the estimator predicts, not the net",
    "compile": "networks are trained by steps of this package's own, which are not "
    "compiled",
    **dict.fromkeys(
        ("dataset", "iterator_train", "iterator_valid"),
        "minibatches are gathered from a table in memory, without a DataLoader and "
        "its workers",
    ),
}  # fmt: skip


def check_parameters(estimator: BaseMixup) -> None:
    """Check what is left when each parameter has met its own constraint."""
    for check in (
        _check_numbers,
        _check_keys,
        _check_pairing,
        _check_layers,
        _check_epochs,
        _check_module,
        _check_class_weight,
        _check_callbacks,
        _check_net_params,
    ):
        check(estimator)


def epochs(number: float, max_epochs: int) -> int:
    """Return a number of epochs, which may be given as a fraction of all."""
    if isinstance(number, Integral):
        return int(number)
    return int(number * max_epochs + 1e-9)


def _check_numbers(est: BaseMixup) -> None:
    """Check that numbers are no truth values, which Python counts as integers."""
    for name, constraints in est._parameter_constraints.items():
        value = getattr(est, name)
        if not any(isinstance(each, Interval) for each in constraints):
            continue
        if isinstance(value, bool):
            raise TypeError(f"{name} must be a number, got {value}.")
        try:
            float(value if isinstance(value, Real) else 0)
        except OverflowError as error:
            raise ValueError(f"{name} is too large for a float.") from error


def _check_keys(est: BaseMixup) -> None:
    for name in ("module_params", "net_params", "optimizer_params"):
        odd = [key for key in getattr(est, name) or {} if not isinstance(key, str)]
        if odd:
            raise TypeError(
                f"{name} must have the names of arguments for keys, got {odd[0]!r}."
            )


def _check_pairing(est: BaseMixup) -> None:
    known = isinstance(est.pairing, str) and est.pairing in est._pairings
    if not known and not isinstance(est.pairing, Pairing):
        raise ValueError(
            f"pairing={est.pairing!r} is unknown; it is one of "
            f"{list(est._pairings)} or an object of sk_mixup.vicinity."
        )
    try:
        hash(est.pairing)
    except TypeError as error:
        raise TypeError(
            f"pairing={est.pairing!r} must be hashable, as a frozen dataclass is."
        ) from error


def _check_layers(est: BaseMixup) -> None:
    sizes = est.hidden_layer_sizes
    ordered = isinstance(sizes, Sequence) or getattr(sizes, "ndim", None) == 1
    if not (isinstance(sizes, Integral) or ordered) or not all(
        map(_is_size, est._hidden_sizes)
    ):
        raise ValueError(
            f"hidden_layer_sizes must be positive whole numbers up to {LARGEST_SIZE}, "
            f"got {sizes!r}."
        )
    layers = ["input", "random", *range(len(est._hidden_sizes) + 1)]
    if est.module is None and est.mix_layer not in layers:
        raise ValueError(
            f"mix_layer={est.mix_layer!r} does not exist; the layers are {layers}."
        )


def _is_size(number: Any) -> bool:
    whole = isinstance(number, Integral) and not isinstance(number, bool)
    return whole and 0 < int(number) <= LARGEST_SIZE


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


def _check_class_weight(est: BaseMixup) -> None:
    given = getattr(est, "class_weight", None)
    weights: Collection[Any] = given.values() if isinstance(given, dict) else ()
    if not all(map(_is_weight, weights)):
        raise ValueError(
            "class_weight must hold finite numbers and no negative weights, got "
            f"{given}."
        )


def _is_weight(number: Any) -> bool:
    real = isinstance(number, Real)
    return real and bool(0 <= number <= sys.float_info.max)


def _check_callbacks(est: BaseMixup) -> None:
    names = Counter(name for name, _, _ in _named_callbacks(est))
    for name, callback, by_user in _named_callbacks(est):
        kind = callback if isinstance(callback, type) else type(callback)
        if not (isinstance(name, str) and issubclass(kind, Callback)):
            raise TypeError(
                "callbacks must hold callbacks of skorch or pairs of a name and a "
                f"callback, got {callback!r} with the name {name!r}."
            )
        if by_user and names[name] > 1:
            raise ValueError(
                f"callbacks holds several of the name {name!r}, of which there may be "
                f"one; {' and '.join(NAMED_CALLBACKS)} are there anyway."
            )
        _check_callback(kind, callback)


def _named_callbacks(est: BaseMixup) -> Iterator[tuple[Any, Any, bool]]:
    """Return names, callbacks, and whether the user has given the name."""
    for name in NAMED_CALLBACKS:
        yield name, Callback(), False
    for given in est.callbacks or []:
        if not isinstance(given, tuple | list):
            kind = given if isinstance(given, type) else type(given)
            yield kind.__name__, given, False
        elif len(given) == 2:
            yield given[0], given[1], True
        else:
            yield None, given, True


def _check_callback(kind: type, callback: Any) -> None:
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
    if issubclass(kind, BatchScoring | EpochScoring):
        raise ValueError(
            f"callbacks cannot hold {kind.__name__}, which scores predictions of the "
            "net: it makes none, the estimator does when it is fitted. Losses of every "
            "epoch are in history_, those of every network in net_.train_losses_ and "
            "net_.valid_losses_; on_epoch_end of a Callback can use net.module_, with "
            "the averaged weights, for a score of one's own."
        )
    if issubclass(kind, ParamMapper):
        raise ValueError(
            f"callbacks cannot hold {kind.__name__}, which picks parameters by name: "
            "the net holds those of all its networks together."
        )


def _check_net_params(est: BaseMixup) -> None:
    for name, value in (est.net_params or {}).items():
        first, _, rest = name.partition("__")
        if first == "callbacks" and rest:
            _check_callback_param(est, name, rest, value)
        elif first in REFUSED_NET_PARAMS:
            raise ValueError(
                f"net_params cannot set [{name!r}]: {REFUSED_NET_PARAMS[first]}."
            )
        elif name not in NET_PARAMS:
            raise ValueError(
                f"net_params cannot set [{name!r}], which skorch's NeuralNet does not "
                f"take; it may hold {', '.join(NET_PARAMS)} and callbacks__*."
            )
        elif name == "use_caching" and not isinstance(value, bool) and value != "auto":
            raise ValueError(
                "use_caching in net_params must be True, False or 'auto', got "
                f"{value!r}."
            )
        elif name == "torch_load_kwargs" and not isinstance(value, dict | None):
            raise TypeError(
                f"torch_load_kwargs in net_params must be a dict, got {value!r}."
            )


def _check_callback_param(est: BaseMixup, name: str, rest: str, value: Any) -> None:
    callback, _, attribute = rest.partition("__")
    named = [each for each, _, _ in _named_callbacks(est)]
    numbered = [
        f"{each}_{number + 1}"
        for each, times in Counter(named).items()
        for number in range(times)
    ]
    if callback not in (*named, *numbered):
        raise ValueError(
            f"net_params cannot set [{name!r}]: no callback {callback!r} is among "
            f"{named}."
        )
    if not attribute:
        if value is not None and not isinstance(value, Callback):
            raise TypeError(
                f"{name} in net_params must be a callback of skorch or None, got "
                f"{value!r}."
            )
        return
    kinds = [kind for each, kind in _kinds(est) if callback.startswith(str(each))]
    known = sorted(
        {param for kind in kinds for param in inspect.signature(kind).parameters}
    )
    if attribute.partition("__")[0] not in known:
        raise ValueError(
            f"net_params cannot set [{name!r}]: {callback!r} has no parameter "
            f"{attribute!r}, but {known}."
        )


def _kinds(est: BaseMixup) -> Iterator[tuple[Any, Any]]:
    """Return the names of all callbacks and their classes."""
    yield from NAMED_CALLBACKS.items()
    for name, callback, _ in list(_named_callbacks(est))[len(NAMED_CALLBACKS) :]:
        yield name, callback if isinstance(callback, type) else type(callback)


def try_optimizer(
    optimizer: Callable[..., torch.optim.Optimizer],
    arguments: Mapping[str, Any],
    lr: float,
    device: torch.device,
) -> None:
    """Take a step of a single weight, to see whether the arguments will do."""
    weight = nn.Parameter(torch.ones(1, 1, device=device))
    name = getattr(optimizer, "__name__", repr(optimizer))
    weight.grad = torch.ones_like(weight)
    try:
        hash(tuple(arguments.values()))
        optimizer([weight], lr=lr, **arguments).step()
    except Exception as error:
        raise ValueError(
            f"optimizer={name} cannot train with these optimizer_params, "
            f"weight_decay and lr ({_first_line(error)})."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")

"""Checks of what is given to skorch's net: callbacks and its own parameters."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any

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

from sk_mixup._training.log import QuietLog
from sk_mixup._training.settings import Settings

#: All that is left of skorch's arguments: the others are refused with a reason.
NET_PARAMS = ("torch_load_kwargs", "use_caching")
#: Names that the net has taken, before the user's callbacks come.
NAMED_CALLBACKS = {"epoch_timer": EpochTimer, "print_log": QuietLog}
REFUSED_NET_PARAMS = {
    **dict.fromkeys(
        (
            "batch_size", "callbacks", "device", "ema_halflife", "lr", "lr_schedule",
            "max_epochs", "module", "optimizer", "verbose", "warm_start",
        ),
        "use the estimator's parameters; optimizer_params and module_params take "
        "further arguments",
    ),
    "criterion": "the estimator sets the loss",
    "train_split": "early_stopping and validation_fraction hold rows out",
    "predict_nonlinearity": "the estimator predicts, not the net",
    "compile": "networks are trained by this package's own training steps, which are "
    "not compiled",
    **dict.fromkeys(
        ("dataset", "iterator_train", "iterator_valid"),
        "minibatches are gathered from a table in memory, without a DataLoader and "
        "its workers",
    ),
}  # fmt: skip


def check_callbacks(settings: Settings) -> None:
    names = Counter(name for name, _, _ in _named_callbacks(settings))
    for name, callback, by_user in _named_callbacks(settings):
        kind = callback if isinstance(callback, type) else type(callback)
        if not (isinstance(name, str) and issubclass(kind, Callback)):
            raise TypeError(
                "callbacks must hold callbacks of skorch or pairs of a name and a "
                f"callback, got {callback!r} with the name {name!r}."
            )
        if by_user and names[name] > 1:
            raise ValueError(
                f"callbacks holds several of the name {name!r}, but names must be "
                f"unique; {' and '.join(NAMED_CALLBACKS)} are always present."
            )
        _check_callback(kind, callback)


def _named_callbacks(settings: Settings) -> Iterator[tuple[Any, Any, bool]]:
    """Return names, callbacks, and whether the user has given the name."""
    for name in NAMED_CALLBACKS:
        yield name, Callback(), False
    for given in settings.callbacks or []:
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
            f"callbacks cannot hold {kind.__name__} to load a checkpoint: the weights "
            "would not match the records of the training. early_stopping=True restores "
            "the best weights, warm_start=True continues from those of the last fit."
        )
    if issubclass(kind, InputShapeSetter):
        raise ValueError(
            "callbacks cannot hold InputShapeSetter: networks are made before the "
            "training begins; give module_params the number of features."
        )
    if issubclass(kind, BatchScoring | EpochScoring):
        raise ValueError(
            f"callbacks cannot hold {kind.__name__}, which scores the data sets of "
            "skorch: the networks have mixed minibatches and validation rows instead. "
            "Losses of every epoch are in history_, those of every network in "
            "net_.train_losses_ and net_.valid_losses_; on_epoch_end of a Callback can "
            "score net.predict_proba(X), with the averaged weights."
        )
    if issubclass(kind, ParamMapper):
        raise ValueError(
            f"callbacks cannot hold {kind.__name__}, which selects parameters by name: "
            "the networks share stacked parameters."
        )


def check_net_params(settings: Settings) -> None:
    for name, value in (settings.net_params or {}).items():
        first, _, rest = name.partition("__")
        if first == "callbacks" and rest:
            _check_callback_param(settings, name, rest, value)
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


def _check_callback_param(settings: Settings, name: str, rest: str, value: Any) -> None:
    callback, _, attribute = rest.partition("__")
    named = [each for each, _, _ in _named_callbacks(settings)]
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
    kinds = [kind for each, kind in _kinds(settings) if callback.startswith(str(each))]
    known = sorted(
        {param for kind in kinds for param in inspect.signature(kind).parameters}
    )
    if attribute.partition("__")[0] not in known:
        raise ValueError(
            f"net_params cannot set [{name!r}]: {callback!r} has no parameter "
            f"{attribute!r}, but {known}."
        )


def _kinds(settings: Settings) -> Iterator[tuple[Any, Any]]:
    """Return the names of all callbacks and their classes."""
    yield from NAMED_CALLBACKS.items()
    for name, callback, _ in list(_named_callbacks(settings))[len(NAMED_CALLBACKS) :]:
        yield name, callback if isinstance(callback, type) else type(callback)

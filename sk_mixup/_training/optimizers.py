"""Optimisers by name or class, and their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sk_mixup._training.light_optimizers import LIGHT

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    own.__name__.lower(): own for own in LIGHT.values()
}


def resolve_optimizer(
    optimizer: str | type[torch.optim.Optimizer],
) -> type[torch.optim.Optimizer]:
    """Return the optimiser's class; those that mix the runs up are refused."""
    if isinstance(optimizer, str):
        return OPTIMIZERS[optimizer]
    if not isinstance(optimizer, type) or not issubclass(
        optimizer, torch.optim.Optimizer
    ):
        raise TypeError(
            f"optimizer must be one of {sorted(OPTIMIZERS)} or a class of torch.optim, "
            f"got {optimizer!r}."
        )
    # By name, since older versions of torch lack some of them.
    if optimizer.__name__ in ("LBFGS", "Muon", "Adafactor", "SparseAdam"):
        raise ValueError(
            f"optimizer={optimizer.__name__} does not treat each weight on its own, so "
            "it cannot train several networks as one program; use one such as "
            f"{sorted(OPTIMIZERS)}."
        )
    return LIGHT.get(optimizer, optimizer)


def name_of(optimizer: type[torch.optim.Optimizer]) -> str:
    """Return the full name of the class, torch's own for those that stand for it."""
    own = {light: torchs for torchs, light in LIGHT.items()}.get(optimizer, optimizer)
    return f"{own.__module__}.{own.__qualname__}"


def optimizer_arguments(
    optimizer: type[torch.optim.Optimizer],
    weight_decay: float,
    params: dict[str, Any] | None,
    device: torch.device,
) -> dict[str, Any]:
    """Return the arguments of the optimiser, its fused form where there is one."""
    known, given = inspect.signature(optimizer).parameters, params or {}
    for name in ("lr", "weight_decay"):
        if name in given:
            raise ValueError(
                f"optimizer_params cannot set {name!r}; use the parameter {name}."
            )
    if given.get("differentiable"):
        raise ValueError(
            "optimizer_params cannot set 'differentiable': no gradient goes through a "
            "training; leave it out."
        )
    arguments: dict[str, Any] = {}
    # What takes **kwargs hands them on to a parent, whose names are not seen here.
    hands_on = any(each.kind is each.VAR_KEYWORD for each in known.values())
    if hands_on or "weight_decay" in known:
        arguments["weight_decay"] = weight_decay
    elif weight_decay:
        raise ValueError(
            f"weight_decay={weight_decay} cannot be used: {optimizer.__name__} has no "
            "weight decay."
        )
    # torch refuses these together with its fused form.
    other_form = "foreach" in given or "differentiable" in given
    if "fused" in known and not other_form and device.type in ("cpu", "cuda"):
        # One pass over memory, which is half of the time of a stacked step on a CPU.
        arguments["fused"] = True
    for name, value in given.items():
        # Recipes are hashed, and JSON has lists only.
        arguments[name] = tuple(value) if isinstance(value, list) else value
    return arguments


def try_optimizer(
    optimizer: type[Any],
    arguments: Mapping[str, Any],
    lr: float,
    device: torch.device,
) -> None:
    """Take a step of a single weight, to see whether the arguments will do."""
    # Two axes, as stacked weights have: some optimisers treat vectors otherwise.
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

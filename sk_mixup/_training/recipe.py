"""The recipe of a training, which its networks have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._networks.architecture import (
    Architecture,
    MLPArchitecture,
    ModuleArchitecture,
)
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.losses import Loss
from sk_mixup._training.minibatches import Plan
from sk_mixup._training.optimizers import (
    optimizer_arguments,
    resolve_optimizer,
    try_optimizer,
)
from sk_mixup._training.run import Run
from sk_mixup._training.schedules import Schedule, schedule_of
from sk_mixup._training.settings import Settings
from sk_mixup._training.target_spec import TargetSpec


@dataclass(frozen=True)
class Recipe:
    """What runs must have in common to be trained as one program."""

    plan: Plan
    architecture: Architecture
    # Runs step together: without rows in a step Adam would still move them.
    steps: int
    loss: type[Loss]
    # Pairs and no dict: tasks are grouped by the recipe's hash.
    loss_params: tuple[tuple[str, Any], ...]
    optimizer: type[torch.optim.Optimizer]
    optimizer_params: tuple[tuple[str, Any], ...]
    lr: float
    lr_schedule: Schedule
    ema_halflife: float
    device: torch.device
    patience: int | None
    # Tasks of a stack end together.
    time_limit: float | None
    one_epoch: bool
    # Joined input layers take both from the first of them.
    standardize: bool
    clip: float | None


def recipe_of(
    settings: Settings,
    spec: TargetSpec,
    run: Run,
    inputs: Standardize,
    one_epoch: bool,
) -> Recipe:
    """Return the recipe of runs, of which one stands for all."""
    device = inputs.shift.device
    optimizer = resolve_optimizer(settings.optimizer)
    arguments = optimizer_arguments(
        optimizer, settings.weight_decay, settings.optimizer_params, device
    )
    # Arguments of the user's may fail in the first step only, after a long preparation.
    if settings.optimizer_params or not isinstance(settings.optimizer, str):
        try_optimizer(optimizer, arguments, settings.lr, device)
    # An epoch by itself may be validated, or not.
    validates = settings.early_stopping and run.validation is not None
    return Recipe(
        plan=_plan(settings, run),
        architecture=_architecture(settings, spec, inputs),
        steps=ceil_div(len(run.training), settings.batch_size),
        loss=spec.loss,
        loss_params=spec.loss_params,
        optimizer=optimizer,
        # Sorted: the same arguments in another order are the same recipe.
        optimizer_params=tuple(sorted(arguments.items())),
        lr=settings.lr,
        lr_schedule=schedule_of(settings),
        ema_halflife=settings.ema_halflife,
        device=device,
        patience=settings.n_iter_no_change if validates else None,
        time_limit=settings.time_limit,
        one_epoch=one_epoch,
        standardize=settings.standardize,
        clip=settings.clip if settings.standardize else None,
    )


def _plan(settings: Settings, run: Run) -> Plan:
    layer = settings.mixing_layer
    return Plan(
        batch_size=settings.batch_size,
        max_epochs=settings.max_epochs,
        warmup_epochs=settings.epochs(settings.warmup_epochs),
        clean_epochs=settings.clean_epochs_of(len(run.training)),
        n_mixed=settings.n_mixed,
        mix_layer=layer,
        # A user's module drops units by layers of its own.
        dropout=0.0 if settings.module is not None else settings.dropout,
        hidden_sizes=settings.hidden_sizes,
        # Runs of a stack mix in one layer a step, and so need the same stream.
        layer_entropy=run.streams.entropy if layer == "random" else None,
    )


def _architecture(
    settings: Settings, spec: TargetSpec, inputs: Standardize
) -> Architecture:
    if settings.module is None:
        sizes = (inputs.width, *settings.hidden_sizes, spec.n_outputs)
        return MLPArchitecture(sizes, settings.bias_init, inputs.n_units)
    return ModuleArchitecture(
        settings.module,
        tuple(inputs.shift.shape[2:]),
        spec.n_outputs,
        settings.mix_layer,
        settings.module_params or {},
    )

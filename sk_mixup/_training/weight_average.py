"""The average of the weights that a training passes through."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

#: A young average takes a tenth of each step's weights and so reaches back over a tenth
#: of its steps, until that is more than the half-life asked for.
YOUNG = 10


@dataclass(frozen=True)
class AverageSoFar:
    """An average that is to go on: a module with the last weights, and the steps."""

    last: Any
    n_steps: int


class WeightAverage:
    """Exponential moving average of a module's weights over the steps of a training.

    The statistics of batch norms go with the weights that they were taken under; other
    buffers stay as they are.

    Parameters
    ----------
    module : torch.nn.Module
        Whose weights are trained in place.
    halflife : float
        Steps after which the share of a step's weights has halved; 0 keeps the last
        weights alone.
    """

    def __init__(self, module: nn.Module, halflife: float) -> None:
        self.newest = 1 - 0.5 ** (1 / halflife) if halflife else 1.0
        self.module = module
        self.weights = list(_trained(module)) if halflife else []
        # The first step takes them over whole, so initial weights have no part.
        self.means = [weight.clone() for weight in self.weights]
        self.last: list[Tensor] = []
        self.n_steps = 0

    def resume(self, before: AverageSoFar) -> None:
        """Go on with an average, which the module has now."""
        if self.weights:
            self.last = [weight.clone() for weight in _trained(before.last)]
            self.n_steps = before.n_steps

    def so_far(self, module: nn.Module) -> AverageSoFar | None:
        """Return what lets the average that the module shows go on, if it is one."""
        if not self.weights:
            return None
        last = copy.deepcopy(module)
        _copy(self.last, list(_trained(last)))
        return AverageSoFar(last, self.n_steps)

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of one more step in."""
        self.n_steps += 1
        share = max(self.newest, YOUNG / (YOUNG - 1 + self.n_steps))
        if self.means:
            torch._foreach_lerp_(self.means, self.weights, share)

    def keep_rows(self, rows: Sequence[Tensor]) -> None:
        """Go on with some rows of each parameter, which the module has by now."""
        if self.weights:
            self.weights = list(_trained(self.module))
        self.means = [mean[own] for mean, own in zip(self.means, rows, strict=False)]
        self.last = [last[own] for last, own in zip(self.last, rows, strict=False)]

    def show(self) -> None:
        """Let the module have the averages."""
        # A training cut short shows twice, and must not keep averages as last weights.
        if not self.last:
            self.last = [weight.clone() for weight in self.weights]
            _copy(self.means, self.weights)

    def hide(self) -> None:
        """Give the module its last weights back, to go on with."""
        _copy(self.last, self.weights[: len(self.last)])
        self.last = []


def _trained(module: nn.Module) -> Iterator[Tensor]:
    for parameter in module.parameters():
        # A user's module may have frozen weights, which no average may round.
        if parameter.requires_grad:
            yield parameter.detach()
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            statistics = part.running_mean, part.running_var
            yield from (each for each in statistics if each is not None)


@torch.no_grad()
def _copy(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)

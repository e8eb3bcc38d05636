"""The average of the weights that a training passes through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

#: Until it has seen more, an average reaches back over one in so many of its steps.
YOUNG = 10


class WeightAverage:
    """Exponential moving average of a module's weights over the steps of a training.

    It averages what is a real number of the module's state: batch norms' statistics go
    with the weights that they were taken under.

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
        state = module.state_dict().values() if halflife else []
        self.weights = [own for own in state if own.is_floating_point()]
        self.means = [own.clone() for own in self.weights]
        self.n_steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of one more step in."""
        self.n_steps += 1
        share = max(self.newest, YOUNG / (YOUNG - 1 + self.n_steps))
        for mean, weight in zip(self.means, self.weights, strict=True):
            mean.lerp_(weight, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the module have the averages, while inside."""
        last = [weight.clone() for weight in self.weights]
        self.take()
        try:
            yield
        finally:
            _copy(last, self.weights)

    def take(self) -> None:
        """Let the module have the averages for good."""
        _copy(self.means, self.weights)


@torch.no_grad()
def _copy(sources: list[torch.Tensor], targets: list[torch.Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)

"""Minibatches of several runs, and the weighted sum that is mixing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

Layer = int | str


def mixed(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sums of ``(..., examples, n)`` over the examples."""
    return (values * weights.unsqueeze(-1)).sum(-2)


@dataclass(frozen=True)
class Mixture:
    """How the copies of a row are mixed inside the network.

    ``weights`` is ``(runs, rows, examples)``, of a block ``(runs, steps, rows,
    examples)``; ``layers`` has a layer for each step: the number of hidden layers
    before the mix, or the name of a submodule of a user's module.
    """

    weights: Tensor
    layers: tuple[Layer, ...]

    @property
    def layer(self) -> Layer:
        """The layer of a minibatch."""
        return self.layers[0]

    def __call__(self, hidden: Tensor) -> Tensor:
        """Mix ``(runs, rows * examples, ...)`` to ``(runs, rows, ...)``."""
        runs, rows, examples = self.weights.shape
        split = hidden.reshape(runs, rows, examples, -1)
        return mixed(split, self.weights).reshape(runs, rows, *hidden.shape[2:])

    def at(self, step: int) -> Mixture:
        """Return the mixture of one step of a block."""
        return Mixture(self.weights[:, step], self.layers[step : step + 1])

    def spread(self, gradient: Tensor) -> Tensor:
        """Carry a gradient back to ``(runs, rows * examples, n)``."""
        runs, rows, examples = self.weights.shape
        # The transpose of mixing: a copy gets the gradient in the share that it had.
        spread = gradient.unsqueeze(2) * self.weights.unsqueeze(-1)
        return spread.reshape(runs, rows * examples, -1)


@dataclass(frozen=True)
class Batch:
    """Rows of every run: a minibatch, or a block of several steps' minibatches.

    Shape
    -----
    - inputs: ``(runs, rows * copies, *features)``, where ``copies`` of a row are mixed
      inside the network, 1 elsewhere
    - targets: ``(runs, rows, outputs)``
    - weight: ``(runs, rows, 1)``, a row's weight over the number of the step's rows
    - each of dropout: ``(runs, rows * copies, units)``

    A block has one more axis, ``(runs, steps, ...)``.
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor
    mixture: Mixture | None = None
    dropout: tuple[Tensor, ...] = ()

    def steps(self) -> Iterator[Batch]:
        """Yield the minibatches of a block in turn."""
        for step in range(self.inputs.shape[1]):
            yield Batch(
                self.inputs[:, step],
                self.targets[:, step],
                self.weight[:, step],
                None if self.mixture is None else self.mixture.at(step),
                tuple(mask[:, step] for mask in self.dropout),
            )


Step = Callable[[Batch], Tensor]

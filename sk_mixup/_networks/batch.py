"""Minibatches of several runs, and the weighted sum that is mixing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import NamedTuple

from torch import Tensor

Layer = int | str


def mixed(parts: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum of the parts, in the memory of the first."""
    total = parts[0].mul_(weights[0])
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        # In one pass: a product and a sum over an axis of two took eight times as long.
        total.addcmul_(part, weight)
    return total


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
        first, *others = hidden.reshape(runs, rows, examples, -1).unbind(2)
        total = mixed([first.clone(), *others], self.weights.unsqueeze(-1).unbind(2))
        return total.reshape(runs, rows, *hidden.shape[2:])

    def of(self, runs: Tensor | None) -> Mixture:
        """Return the mixture of some of the runs, None for all."""
        if runs is None:
            return self
        return Mixture(self.weights.index_select(0, runs), self.layers)

    def at(self, step: int) -> Mixture:
        """Return the mixture of one step of a block."""
        return Mixture(self.weights[:, step], self.layers[step : step + 1])

    def spread(self, gradient: Tensor) -> Tensor:
        """Carry a gradient back to ``(runs, rows * examples, n)``."""
        runs, rows, examples = self.weights.shape
        # The transpose of mixing: a copy gets the gradient in the share that it had.
        spread = gradient.unsqueeze(2) * self.weights.unsqueeze(-1)
        return spread.reshape(runs, rows * examples, -1)


class Encoded(NamedTuple):
    """Rows as the first layers take them.

    Shape
    -----
    - values: ``(..., runs, rows, *features)``, standardised
    - units: ``(..., binned, rows, units)`` of the runs that have bins, None without
    """

    values: Tensor
    units: Tensor | None = None


@dataclass(frozen=True)
class Dropout:
    """Which units of the hidden layers stay, and by what those are multiplied.

    Each of ``kept`` is ``(runs, rows * copies, units)``: bytes of 0 and 1, or bounds of
    0 and infinity where there is a ``floor``, a 0 on the device.
    """

    kept: tuple[Tensor, ...]
    factor: float
    floor: Tensor | None = None

    def at(self, step: int) -> Dropout:
        """Return the dropout of one step of a block."""
        return replace(self, kept=tuple(kept[:, step] for kept in self.kept))

    def rectify(self, hidden: Tensor, depth: int) -> Tensor:
        """Apply the ReLU and set dropped units to 0, in place.

        The factor is left to the next layer.
        """
        # Drawn for all copies, of which a mix leaves one a row.
        kept = self.kept[depth][:, : hidden.shape[1]]
        if self.floor is None:
            return hidden.relu_().mul_(kept)
        # In one launch, of which a GPU has few a step.
        return hidden.clamp_(self.floor, kept)


@dataclass(frozen=True)
class Batch:
    """A minibatch: rows of every run.

    Shape
    -----
    - inputs: ``(runs, rows * copies, *features)``, encoded, where ``copies`` of a row
      are mixed inside the network, 1 elsewhere
    - targets: ``(runs, rows, outputs)``
    - weight: ``(runs, rows, 1)``, a row's weight over the number of the step's rows
    - units: ``(binned, rows * copies, units)``, of the runs that have bins
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor
    mixture: Mixture | None = None
    dropout: Dropout | None = None
    units: Tensor | None = None

    @property
    def encoded(self) -> Encoded:
        """The rows without their targets."""
        return Encoded(self.inputs, self.units)


@dataclass(frozen=True)
class Block(Batch):
    """The minibatches of several steps, with one more axis, ``(runs, steps, ...)``.

    ``total_weight``, ``(runs,)``, is that of all rows of a run, not yet divided by the
    number of a step's rows.
    """

    _: KW_ONLY
    total_weight: Tensor

    def steps(self) -> Iterator[Batch]:
        """Yield the minibatches in turn."""
        for step in range(self.inputs.shape[1]):
            yield Batch(
                self.inputs[:, step],
                self.targets[:, step],
                self.weight[:, step],
                None if self.mixture is None else self.mixture.at(step),
                None if self.dropout is None else self.dropout.at(step),
                None if self.units is None else self.units[:, step],
            )


Step = Callable[[Batch], Tensor]

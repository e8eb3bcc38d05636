"""Perceptrons with a run axis: many networks of one architecture as one module."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from sk_mixup._data.moments import Figures, Moments
from sk_mixup._networks.batch import Step
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.mlp_step import MLPStep
from sk_mixup._networks.stacked_layers import (
    Layers,
    StackedBins,
    StackedLinear,
    StackedOutputs,
)
from sk_mixup._networks.storage import ArrayModule


class StackedMLP(ArrayModule):
    """Multi-layer perceptrons with ReLU units, one per run.

    All weights of a run are one row of ``theta``, so that an optimiser step is one
    operation, and keeping or restoring a run is one copy. Some of the runs may see bins
    side by side with their inputs, with weights in ``theta_bins``, a row each.

    Parameters
    ----------
    runs : int
        Number of networks.
    sizes : sequence of int
        Inputs without bins, hidden units of each layer, outputs.
    binned : sequence of int, default=()
        The runs that see bins.
    n_units : int, default=0
        Units of all bins of a row.

    Shape
    -----
    - input: ``(runs, rows, sizes[0])`` or ``(1, rows, sizes[0])`` for all runs alike
    - units: ``(binned, rows, n_units)``, None where no run sees bins
    - output: ``(runs, rows, sizes[-1])``

    Examples
    --------
    >>> import torch
    >>> StackedMLP(3, [4, 128, 128, 2])(torch.randn(3, 10, 4)).shape
    torch.Size([3, 10, 2])
    """

    def __init__(
        self,
        runs: int,
        sizes: Sequence[int],
        binned: Sequence[int] = (),
        n_units: int = 0,
    ) -> None:
        super().__init__()
        self.sizes, self.binned = tuple(sizes), tuple(binned)
        self.n_units = n_units if binned else 0
        n_weights = sum((i + 1) * o for i, o in _pairs(self.sizes))
        # A tensor for each layer took 360 microseconds a step, not 325 (by autograd).
        self.theta = nn.Parameter(torch.zeros(runs, n_weights))
        if binned:
            shape = len(self.binned), n_units * self.sizes[1]
            self.theta_bins = nn.Parameter(torch.zeros(shape))

    @property
    def runs(self) -> int:
        return len(self.theta)

    @property
    def largest_width(self) -> int:
        """Units of the largest layer, inputs and outputs included."""
        return max(self.n_units, *self.sizes)

    def rows_of(self, run: int) -> list[int | None]:
        """Return the row of each parameter that a run's weights are."""
        if not self.binned:
            return [run]
        return [run, self.binned.index(run) if run in self.binned else None]

    def bins(self, theta_bins: Tensor | None) -> StackedBins | None:
        """Return the bins' part of the first layer as a view of ``theta_bins``."""
        if theta_bins is None:
            return None
        weight = theta_bins.view(-1, self.n_units, self.sizes[1])
        return StackedBins(weight, self.binned, self.runs)

    @property
    def _theta_bins(self) -> Tensor | None:
        return self.theta_bins.detach() if self.binned else None

    def layers(self, theta: Tensor) -> list[StackedLinear]:
        """Return the layers as views of ``theta``, ``(runs, n_weights)``."""
        layers: list[StackedLinear] = []
        start = 0
        for depth, (n_in, n_out) in enumerate(_pairs(self.sizes), 1):
            middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
            weight, bias = theta[:, start:middle], theta[:, middle:end].unsqueeze(1)
            if depth < len(self.sizes) - 1:
                layers.append(StackedLinear(weight.view(-1, n_in, n_out), bias))
            else:
                layers.append(StackedOutputs(weight.view(-1, n_out, n_in), bias))
            start = end
        return layers

    def initialize(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw each run's weights from its own generator, as ``nn.Linear`` does."""
        for run, generator in enumerate(generators):
            bins = self._bins_of(run)
            for layer in self.layers(self.theta.detach()):
                n_in, n_out = layer.weight.shape[1:]
                drawn = _initial(generator, n_in + len(bins), n_out)
                layer.weight[run], layer.bias[run, 0] = drawn[:n_in], drawn[-1]
                if len(bins):
                    bins[:] = drawn[n_in:-1]
                bins = bins[:0]  # the first layer has them all

    def place_kinks_at(
        self, run: int, depth: int, units: slice, rows: Tensor, bins: Tensor | None
    ) -> None:
        """Let units of a hidden layer begin to fire at a row each.

        Parameters
        ----------
        run : int
            Whose biases are set, by the weights that it has.
        depth : int
            Hidden layers before this one.
        units : slice
            Which units of the layer.
        rows : Tensor of shape (units, features)
            A row for each of them.
        bins : Tensor of shape (units, n_units) or None
            What the run sees beside, if it sees bins.
        """
        x = rows if bins is None else torch.cat([rows, bins], 1)
        layers = self.layers(self.theta.detach())
        matrices = self._weights(run)
        for weight, earlier in zip(matrices[:depth], layers[:depth], strict=True):
            x = (x @ weight + earlier.bias[run]).relu()
        weight = matrices[depth][:, units]
        layers[depth].bias[run, 0, units] = -(x * weight.T).sum(1)

    def see_bins(self, binned: Sequence[int], weight: Tensor) -> None:
        """Let some runs see other bins, with weights ``(binned, n_units * hidden)``."""
        n_units = weight.shape[1] // self.sizes[1]
        if self.binned == tuple(binned) and self.n_units == n_units:
            self.theta_bins.detach().copy_(weight)  # the optimiser knows the parameter
            return
        self.binned, self.n_units = tuple(binned), n_units
        self.theta_bins = nn.Parameter(weight)

    def _weights(self, run: int) -> list[Tensor]:
        """Return a run's weight matrices, those of its bins with its inputs'."""
        weights = [layer.weight[run] for layer in self.layers(self.theta.detach())]
        weights[0] = torch.cat([weights[0], self._bins_of(run)])
        return weights

    def _bins_of(self, run: int) -> Tensor:
        """Return a run's weights of bins, ``(n_units, out)``, none without bins."""
        bins, place = self.bins(self._theta_bins), self.rows_of(run)[-1]
        if bins is None or place is None:
            return self.theta.detach().new_empty(0, self.sizes[1])
        return bins.weight[place]

    def follow_inputs(
        self, run: int, before: Moments, after: Moments, limit: float
    ) -> None:
        """Let a run's first layer make up for another mean and deviation of its inputs.

        Predictions stay as they were, as far as inputs are not clipped: a weight grows
        by ``limit`` at most. A weight on what did not vary, before or after, stays.
        """
        layer = self.layers(self.theta.detach())[0]
        weight = layer.weight[run]  # bins stay where they are
        # Equal outputs: w (x - m) / d is w' (x - m') / d' + b' with w' of w d' / d, and
        # b' of w' (m' - m) / d'. Layers are views, so that theta follows.
        growth = np.minimum(after.divisor / before.divisor, limit)
        growth[(before.deviation == 0) | (after.deviation == 0)] = 1.0
        moved = np.where(
            after.deviation == 0, 0.0, (after.mean - before.mean) / after.divisor
        )
        weight *= _like(growth, weight)[:, None]
        layer.bias[run] += _like(moved, weight) @ weight

    def follow_targets(self, before: Moments, after: Moments) -> None:
        """Let the last layers make up for another mean and deviation of the targets.

        The weights of what does not vary, before or after, stay.
        """
        layer = self.layers(self.theta.detach())[-1]
        constant = (before.deviation == 0) | (after.deviation == 0)
        shrinking = np.where(constant, 1.0, before.divisor / after.divisor)
        moved = np.where(constant, 0.0, (before.mean - after.mean) / after.divisor)
        layer.weight.mul_(_like(shrinking, layer.weight))
        layer.bias.mul_(_like(shrinking, layer.weight)).add_(_like(moved, layer.weight))

    def forward(self, x: Tensor, units: Tensor | None = None) -> Tensor:
        first, *others = self.layers(self.theta)
        x = first(x.expand(self.runs, -1, -1))
        if units is not None and (bins := self.bins(self.theta_bins)):
            x = bins.add_to(x, units)
        for layer in others:
            x = layer(x.relu_())
        return x

    def training_step(
        self, loss: Loss, generators: Sequence[np.random.Generator]
    ) -> Step:
        """Return the function that turns a batch into outputs and gradients."""
        # Gradients are views of these: while a training runs nothing may replace them.
        gradients = {}
        for name, parameter in self.named_parameters():
            gradients[name] = parameter.grad = torch.zeros_like(parameter)
        return MLPStep(
            Layers(self.layers(self.theta.detach()), self.bins(self._theta_bins)),
            Layers(
                self.layers(gradients["theta"]), self.bins(gradients.get("theta_bins"))
            ),
            loss,
        )

    def select(self, runs: Sequence[int]) -> StackedMLP:
        """Return a module of the given runs alone."""
        places = [self.rows_of(run)[-1] for run in runs] if self.binned else []
        binned = [new for new, place in enumerate(places) if place is not None]
        selected = StackedMLP(0, self.sizes, binned, self.n_units)
        selected.theta = nn.Parameter(_rows(self.theta, runs))
        if binned:
            own = [place for place in places if place is not None]
            selected.theta_bins = nn.Parameter(_rows(self.theta_bins, own))
        return selected

    @staticmethod
    def concatenate(modules: Sequence[StackedMLP]) -> StackedMLP:
        """Return one module of all runs of ``modules``."""
        binned: list[int] = []
        start = 0
        for module in modules:
            binned += [start + run for run in module.binned]
            start += module.runs
        n_units = max(module.n_units for module in modules)
        joined = StackedMLP(0, modules[0].sizes, binned, n_units)
        joined.theta = nn.Parameter(torch.cat([m.theta.detach() for m in modules]))
        if binned:
            own = [m.theta_bins.detach() for m in modules if m.binned]
            joined.theta_bins = nn.Parameter(torch.cat(own))
        return joined

    def keep(self, runs: Tensor, best: dict[str, Tensor]) -> None:
        """Copy the weights of ``runs``, a boolean mask, into the snapshot ``best``."""
        masks = {"theta": runs, "theta_bins": runs[list(self.binned)]}
        for name, parameter in self.named_parameters():
            own, mask = parameter.detach(), masks[name]
            best.setdefault(name, own.clone())[mask] = own[mask]

    def restore(self, best: dict[str, Tensor]) -> None:
        """Take the weights of a snapshot."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(best[name])

    def become(self, other: StackedMLP) -> None:
        """Go on with the weights of other runs.

        The parameters stay, for their optimiser; their gradients do not.
        """
        self.binned, theirs = other.binned, dict(other.named_parameters())
        for name, parameter in self.named_parameters():
            # Without bins, no row is left of their weights.
            parameter.data = theirs.get(name, parameter[:0]).detach()
            parameter.grad = None

    def member(self, run: int) -> nn.Sequential:
        """Return one run as plain torch layers, bins after the other inputs."""
        parts: list[nn.Module] = []
        layers = self.layers(self.theta.detach())
        for weight, layer in zip(self._weights(run), layers, strict=True):
            # Not nn.Linear itself, which would draw from the global generator.
            linear = skip_init(nn.Linear, *weight.shape)
            linear.weight.data = weight.T.clone(memory_format=torch.contiguous_format)
            linear.bias.data = layer.bias[run, 0].clone()
            parts += [linear, nn.ReLU()]
        return nn.Sequential(*parts[:-1])


def _initial(generator: np.random.Generator, n_in: int, n_out: int) -> Tensor:
    """Draw a layer's weights and, in a last row, its biases."""
    # The bound of nn.Linear's kaiming_uniform_(a=sqrt(5)), for weights and biases.
    # NumPy draws them, since torch's generators differ between devices.
    uniform = generator.random((n_in + 1, n_out), dtype=np.float32)
    return torch.from_numpy((2 * uniform - 1) / np.float32(np.sqrt(n_in)))


def _rows(parameter: Tensor, numbers: Sequence[int]) -> Tensor:
    # A list as an index would start threads to copy a few rows.
    return torch.stack([parameter.detach()[number] for number in numbers])


def _like(figures: Figures, tensor: Tensor) -> Tensor:
    return torch.as_tensor(figures, dtype=tensor.dtype, device=tensor.device)


def _pairs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(sizes))

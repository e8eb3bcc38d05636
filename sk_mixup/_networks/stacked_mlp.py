"""Perceptrons with a run axis: many networks of one architecture as one module."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import skip_init

from sk_mixup._data.moments import Figures, Moments
from sk_mixup._networks.batch import Batch, Step
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.storage import ArrayModule


class StackedLinear:
    """A linear map per run on weights that live elsewhere.

    Shape
    -----
    - weight: ``(runs, in, out)``, bias: ``(runs, 1, out)``
    - input: ``(runs, rows, in)``
    - output: ``(runs, rows, out)``

    Examples
    --------
    >>> import torch
    >>> layer = StackedLinear(torch.zeros(3, 5, 2), torch.ones(3, 1, 2))
    >>> layer(torch.randn(3, 7, 5)).shape
    torch.Size([3, 7, 2])
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias
        # Made once: a view is a call of torch, of which a small step has few.
        self.weight_t = weight.transpose(1, 2)

    # A factor of the input is a factor of products, which costs no pass of its own.

    def __call__(self, x: Tensor, factor: float = 1.0) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight, alpha=factor)

    def accumulate(
        self, x: Tensor, gradient: Tensor, into: StackedLinear, factor: float
    ) -> None:
        """Write the gradients of weight and bias ``into`` a layer of their shapes."""
        _write_product(x.transpose(1, 2), gradient, into.weight, factor)
        torch.sum(gradient, 1, keepdim=True, out=into.bias)

    def backward(self, gradient: Tensor, factor: float) -> Tensor:
        """Return the gradient in the input."""
        return torch.baddbmm(
            self.bias[:, :, :1], gradient, self.weight_t, beta=0, alpha=factor
        )


def _write_product(a: Tensor, b: Tensor, out: Tensor, factor: float = 1.0) -> None:
    # Written over, not added: no step has to set gradients to 0.
    torch.baddbmm(out, a, b, beta=0, alpha=factor, out=out)


class StackedBins:
    """What bins add to the first layer of the runs that have them.

    Shape
    -----
    - weight: ``(binned, units, out)``
    - units: ``(binned, rows, units)``
    - hidden: ``(runs, rows, out)``
    """

    def __init__(self, weight: Tensor, binned: Sequence[int], runs: int) -> None:
        self.weight = weight
        every = list(binned) == list(range(runs))
        self.binned = None if every else torch.tensor(binned, device=weight.device)

    def add_to(self, hidden: Tensor, units: Tensor) -> Tensor:
        """Add the units' share of the first layer."""
        if self.binned is None:
            return hidden.baddbmm_(units, self.weight)
        return hidden.index_add_(0, self.binned, torch.bmm(units, self.weight))

    def accumulate(self, units: Tensor, gradient: Tensor, into: StackedBins) -> None:
        """Write the gradient of the weight ``into`` one of its shape."""
        if self.binned is not None:
            gradient = gradient.index_select(0, self.binned)
        _write_product(units.transpose(1, 2), gradient, into.weight)


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
        layers, start = [], 0
        for n_in, n_out in _pairs(self.sizes):
            middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
            weight = theta[:, start:middle].view(-1, n_in, n_out)
            layers.append(StackedLinear(weight, theta[:, middle:end].unsqueeze(1)))
            start = end
        return layers

    def initialize(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw each run's weights from its own generator, as ``nn.Linear`` does."""
        with torch.no_grad():
            for run, generator in enumerate(generators):
                n_units = self.n_units if run in self.binned else 0
                drawn = torch.from_numpy(self._initial(generator, n_units))
                start = self.sizes[0] * self.sizes[1]
                end = start + n_units * self.sizes[1]
                self.theta[run] = torch.cat([drawn[:start], drawn[end:]])
                if n_units:
                    self.theta_bins[self.binned.index(run)] = drawn[start:end]

    def _initial(
        self, generator: np.random.Generator, n_units: int
    ) -> NDArray[np.float32]:
        parts = []
        for n_in, n_out in _pairs((self.sizes[0] + n_units, *self.sizes[1:])):
            # The bound of nn.Linear's kaiming_uniform_(a=sqrt(5)), for weights and
            # biases. NumPy draws them, since torch's generators differ between devices.
            uniform = generator.random((n_in + 1) * n_out, dtype=np.float32)
            parts.append((2 * uniform - 1) / np.float32(np.sqrt(n_in)))
        return np.concatenate(parts)

    def bend_at(
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

    def _weights(self, run: int) -> list[Tensor]:
        """Return a run's weight matrices, those of its bins with its inputs'."""
        weights = [layer.weight[run] for layer in self.layers(self.theta.detach())]
        place = self.rows_of(run)[-1]
        bins = self.bins(self._theta_bins)
        if bins is not None and place is not None:
            weights[0] = torch.cat([weights[0], bins.weight[place]])
        return weights

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


def _rows(parameter: Tensor, numbers: Sequence[int]) -> Tensor:
    # A list as an index would start threads to copy a few rows.
    return torch.stack([parameter.detach()[number] for number in numbers])


def _like(figures: Figures, tensor: Tensor) -> Tensor:
    return torch.as_tensor(figures, dtype=tensor.dtype, device=tensor.device)


def _pairs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(sizes))


class Layers(NamedTuple):
    """The layers of a :class:`StackedMLP`, or their gradients."""

    linear: list[StackedLinear]
    bins: StackedBins | None


class MLPStep:
    """Forward and backward pass of a :class:`StackedMLP`, the gradient by hand."""

    # Autograd took half as long again for small networks, and its graph is not needed:
    # the chain of layers is known.

    def __init__(self, layers: Layers, gradients: Layers, loss: Loss) -> None:
        self.layers, self.gradients, self.loss = layers, gradients, loss

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        entered, outputs = self._forward(batch)
        gradient = self.loss.gradient(outputs, batch.targets, batch.weight)
        self._backward(entered, gradient, batch)
        return outputs

    def _forward(self, batch: Batch) -> tuple[list[Tensor], Tensor]:
        """Return what entered each layer, before any mixing, and the outputs."""
        entered, x, last = [], batch.inputs, len(self.layers.linear) - 1
        for depth, layer in enumerate(self.layers.linear):
            # What enters is kept unmixed, since the ReLU of each copy has its own mask;
            # the mix is cheap enough to be made again.
            entered.append(x)
            x = layer(_mixed_at(batch, depth, x), _factor(batch, depth))
            if not depth and self.layers.bins and batch.units is not None:
                x = self.layers.bins.add_to(x, _mixed_units(batch, self.layers.bins))
            if depth < last:
                batch.dropout.rectify(x, depth) if batch.dropout else x.relu_()
        return entered, x

    def _backward(self, entered: list[Tensor], gradient: Tensor, batch: Batch) -> None:
        for depth in reversed(range(len(entered))):
            layer, x = self.layers.linear[depth], entered[depth]
            factor = _factor(batch, depth)
            own = self.gradients.linear[depth]
            layer.accumulate(_mixed_at(batch, depth, x), gradient, own, factor)
            # Nobody asks for the gradient in the rows themselves.
            if depth:
                gradient = layer.backward(gradient, factor)
                if batch.mixture is not None and batch.mixture.layer == depth:
                    gradient = batch.mixture.spread(gradient)
                # Of units that were not on, or were dropped, 0: in place, in one pass.
                torch.ops.aten.threshold_backward.grad_input(
                    gradient, x, 0, grad_input=gradient
                )
        bins, own_bins = self.layers.bins, self.gradients.bins
        if bins and own_bins and batch.units is not None:
            bins.accumulate(_mixed_units(batch, bins), gradient, own_bins)


def _factor(batch: Batch, depth: int) -> float:
    return batch.dropout.factor if batch.dropout and depth else 1.0


def _mixed_at(batch: Batch, depth: int, x: Tensor) -> Tensor:
    mixture = batch.mixture
    return x if mixture is None or mixture.layer != depth else mixture(x)


def _mixed_units(batch: Batch, bins: StackedBins) -> Tensor:
    """Return the units of the first layer's rows."""
    assert batch.units is not None
    if batch.mixture is None or batch.mixture.layer != 0:
        return batch.units
    return batch.mixture.of(bins.binned)(batch.units)

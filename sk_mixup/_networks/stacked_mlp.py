"""Perceptrons with a run axis: many networks of one architecture as one module."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

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

    def __call__(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)

    def accumulate(self, x: Tensor, gradient: Tensor, into: StackedLinear) -> None:
        """Write the gradients of weight and bias ``into`` a layer of their shapes."""
        # Written over, not added: no step has to set gradients to 0.
        torch.bmm(x.transpose(1, 2), gradient, out=into.weight)
        torch.sum(gradient, 1, keepdim=True, out=into.bias)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient in the input."""
        return torch.bmm(gradient, self.weight_t)


class StackedMLP(ArrayModule):
    """Multi-layer perceptrons with ReLU units, one per run.

    All weights of a run are one row of ``theta``, so that an optimiser step is one
    operation, and keeping or restoring a run is one copy.

    Parameters
    ----------
    runs : int
        Number of networks.
    sizes : sequence of int
        Inputs, hidden units of each layer, outputs.

    Shape
    -----
    - input: ``(runs, rows, sizes[0])`` or ``(1, rows, sizes[0])`` for all runs alike
    - output: ``(runs, rows, sizes[-1])``

    Examples
    --------
    >>> import torch
    >>> StackedMLP(3, [4, 128, 128, 2])(torch.randn(3, 10, 4)).shape
    torch.Size([3, 10, 2])
    """

    def __init__(self, runs: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        n_weights = sum((i + 1) * o for i, o in _pairs(self.sizes))
        # A tensor for each layer took 360 microseconds a step, not 325 (by autograd).
        self.theta = nn.Parameter(torch.zeros(runs, n_weights))

    @property
    def runs(self) -> int:
        return len(self.theta)

    @property
    def largest_width(self) -> int:
        """Units of the largest layer, inputs and outputs included."""
        return max(self.sizes)

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
                self.theta[run] = torch.from_numpy(self._initial(generator))

    def _initial(self, generator: np.random.Generator) -> NDArray[np.float32]:
        parts = []
        for n_in, n_out in _pairs(self.sizes):
            # The bound of nn.Linear's kaiming_uniform_(a=sqrt(5)), for weights and
            # biases. NumPy draws them, since torch's generators differ between devices.
            uniform = generator.random((n_in + 1) * n_out, dtype=np.float32)
            parts.append((2 * uniform - 1) / np.float32(np.sqrt(n_in)))
        return np.concatenate(parts)

    def bend_at(self, run: int, depth: int, units: slice, rows: Tensor) -> None:
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
        """
        *before, layer = self.layers(self.theta.detach())[: depth + 1]
        x = rows
        for earlier in before:
            x = (x @ earlier.weight[run] + earlier.bias[run]).relu()
        layer.bias[run, 0, units] = -(x * layer.weight_t[run, units]).sum(1)

    def follow_inputs(
        self, run: int, before: Moments, after: Moments, limit: float
    ) -> None:
        """Let a run's first layer make up for another mean and deviation of its inputs.

        Predictions stay as they were, as far as inputs are not clipped: a weight grows
        by ``limit`` at most. A weight on what did not vary, before or after, stays.
        """
        layer = self.layers(self.theta.detach())[0]
        weight = layer.weight[run, : len(before.mean)]  # bins follow by themselves
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

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers(self.theta)
        x = x.expand(self.runs, -1, -1)
        for layer in hidden:
            x = layer(x).relu_()
        return last(x)

    def training_step(
        self, loss: Loss, generators: Sequence[np.random.Generator]
    ) -> Step:
        """Return the function that turns a batch into outputs and gradients."""
        # Gradients are views of it: while a training runs nothing may replace it.
        self.theta.grad = torch.zeros_like(self.theta)
        return MLPStep(
            self.layers(self.theta.detach()), self.layers(self.theta.grad), loss
        )

    def select(self, runs: Sequence[int]) -> StackedMLP:
        """Return a module of the given runs alone."""
        selected = StackedMLP(0, self.sizes)
        # A list as an index would start threads to copy a few rows.
        rows = torch.stack([self.theta.detach()[run] for run in runs])
        selected.theta = nn.Parameter(rows)
        return selected

    @staticmethod
    def concatenate(modules: Sequence[StackedMLP]) -> StackedMLP:
        """Return one module of all runs of ``modules``."""
        joined = StackedMLP(0, modules[0].sizes)
        joined.theta = nn.Parameter(torch.cat([m.theta.detach() for m in modules]))
        return joined

    def keep(self, runs: Tensor, best: dict[str, Tensor]) -> None:
        """Copy the weights of ``runs``, a boolean mask, into the snapshot ``best``."""
        theta = self.theta.detach()
        best.setdefault("theta", theta.clone())[runs] = theta[runs]

    def restore(self, best: dict[str, Tensor]) -> None:
        """Take the weights of a snapshot."""
        with torch.no_grad():
            self.theta.copy_(best["theta"])

    def member(self, run: int) -> nn.Sequential:
        """Return one run as plain torch layers."""
        parts: list[nn.Module] = []
        for layer in self.layers(self.theta.detach()):
            # Not nn.Linear itself, which would draw from the global generator.
            linear = skip_init(nn.Linear, *layer.weight.shape[1:])
            linear.weight.data = layer.weight_t[run].clone(
                memory_format=torch.contiguous_format
            )
            linear.bias.data = layer.bias[run, 0].clone()
            parts += [linear, nn.ReLU()]
        return nn.Sequential(*parts[:-1])


def _like(figures: Figures, tensor: Tensor) -> Tensor:
    return torch.as_tensor(figures, dtype=tensor.dtype, device=tensor.device)


def _pairs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(sizes))


class MLPStep:
    """Forward and backward pass of a :class:`StackedMLP`, the gradient by hand."""

    # Autograd took half as long again for small networks, and its graph is not needed:
    # the chain of layers is known.

    def __init__(
        self, layers: list[StackedLinear], gradients: list[StackedLinear], loss: Loss
    ) -> None:
        self.layers, self.gradients, self.loss = layers, gradients, loss

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        inputs, outputs = self._forward(batch)
        gradient = self.loss.gradient(outputs, batch.targets, batch.weight)
        self._backward(inputs, gradient, batch)
        return outputs

    def _forward(self, batch: Batch) -> tuple[list[Tensor], Tensor]:
        """Return what entered each layer, before any mixing, and the outputs."""
        entered, x = [], batch.inputs
        last = len(self.layers) - 1
        for depth, layer in enumerate(self.layers):
            # What enters is kept unmixed, since the ReLU of each copy has its own mask;
            # the mix is cheap enough to be made again.
            entered.append(x)
            if batch.mixture is not None and batch.mixture.layer == depth:
                x = batch.mixture(x)
            x = layer(x)
            if depth < last:
                x.relu_()
                if batch.dropout:
                    # Masks are drawn for all copies, of which a mix leaves one a row.
                    x.mul_(batch.dropout[depth][:, : x.shape[1]])
        return entered, x

    def _backward(self, entered: list[Tensor], gradient: Tensor, batch: Batch) -> None:
        for depth in reversed(range(len(self.layers))):
            layer, x = self.layers[depth], entered[depth]
            mixture = batch.mixture
            if mixture is not None and mixture.layer != depth:
                mixture = None
            used = x if mixture is None else mixture(x)
            layer.accumulate(used, gradient, self.gradients[depth])
            # Nobody asks for the gradient in the rows themselves.
            if depth:
                gradient = layer.backward(gradient)
                if mixture is not None:
                    gradient = mixture.spread(gradient)
                if batch.dropout:
                    gradient.mul_(batch.dropout[depth - 1][:, : x.shape[1]])
                # The sign is 0 or 1 after a ReLU, and far faster than a mask.
                gradient.mul_(x.sign())

"""A step of stacked perceptrons, the gradient by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from sk_mixup._networks.batch import Batch
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.stacked_layers import Layers, StackedBins


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
            # Taken off the list: of many rows, what entered a layer is large.
            layer, x = self.layers.linear[depth], entered.pop()
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

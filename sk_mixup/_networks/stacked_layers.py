"""Layers with a run axis, on weights that live elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


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
        into._become_product(x, gradient, factor)
        torch.sum(gradient, 1, keepdim=True, out=into.bias)

    def _become_product(self, x: Tensor, gradient: Tensor, factor: float) -> None:
        _write_product(x.transpose(1, 2), gradient, self.weight, factor)

    def backward(self, gradient: Tensor, factor: float) -> Tensor:
        """Return the gradient in the input."""
        return torch.baddbmm(
            self.bias[:, :, :1], gradient, self.weight_t, beta=0, alpha=factor
        )


class StackedOutputs(StackedLinear):
    """A linear map per run whose weights lie together by output.

    Shape
    -----
    - weight_t: ``(runs, out, in)``, bias: ``(runs, 1, out)``
    """

    # Of few outputs the products are slow where weights lie by input: 231 microseconds
    # a step of 8 runs, 64 rows, 128 units and 2 outputs, so 75.

    def __init__(self, weight_t: Tensor, bias: Tensor) -> None:
        super().__init__(weight_t.transpose(1, 2), bias)

    def _become_product(self, x: Tensor, gradient: Tensor, factor: float) -> None:
        _write_product(gradient.transpose(1, 2), x, self.weight_t, factor)


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


class Layers(NamedTuple):
    """The layers of a :class:`StackedMLP`, or their gradients."""

    linear: list[StackedLinear]
    bins: StackedBins | None

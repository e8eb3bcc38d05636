"""From outputs to predictions: the links of the losses, as modules and in NumPy."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

Numbers = NDArray[np.floating]


class SigmoidWithComplement(nn.Module):
    """Return the probability of each label, and beside them of its absence."""

    def forward(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(torch.cat([outputs, -outputs], -1))


class SortQuantiles(nn.Module):
    """Put the quantiles of each target in ascending order.

    Shape
    -----
    - input and output: ``(..., targets * quantiles)``
    """

    def __init__(self, n_quantiles: int) -> None:
        super().__init__()
        self.n_quantiles = n_quantiles

    def forward(self, outputs: Tensor) -> Tensor:
        split = outputs.unflatten(-1, (-1, self.n_quantiles))
        return split.sort(-1).values.flatten(-2)


class Exponential(nn.Module):
    """The exponential function, the inverse of the log link."""

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.exp()


# Made once: to make a module takes as long as a row takes in it.
SOFTMAX, SIGMOID, IDENTITY = nn.Softmax(-1), nn.Sigmoid(), nn.Identity()
EXPONENTIAL = Exponential()


@singledispatch
def in_numpy(link: nn.Module, outputs: Numbers) -> Numbers:
    """Return what the link makes of outputs, computed in NumPy."""
    raise TypeError(f"{type(link).__name__} is no link of a loss.")


@in_numpy.register
def _(link: nn.Softmax, outputs: Numbers) -> Numbers:
    odds = np.exp(outputs - outputs.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


@in_numpy.register
def _(link: nn.Sigmoid, outputs: Numbers) -> Numbers:
    return expit(outputs)


@in_numpy.register
def _(link: SigmoidWithComplement, outputs: Numbers) -> Numbers:
    return expit(np.concatenate([outputs, -outputs], -1))


@in_numpy.register
def _(link: nn.Identity, outputs: Numbers) -> Numbers:
    return outputs


@in_numpy.register
def _(link: SortQuantiles, outputs: Numbers) -> Numbers:
    split = outputs.reshape(*outputs.shape[:-1], -1, link.n_quantiles)
    return np.sort(split, axis=-1).reshape(outputs.shape)


@in_numpy.register
def _(link: Exponential, outputs: Numbers) -> Numbers:
    return np.exp(outputs)

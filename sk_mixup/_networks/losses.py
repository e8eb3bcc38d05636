"""Losses on soft targets, each with its gradient written out.

Every tensor has the run axis: outputs and targets are ``(..., runs, rows, outputs)``
and ``weight``, the weight of a row over the number of the minibatch's rows, is
``(..., runs, rows, 1)``: where rows weigh alike a loss is their mean in each run.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Loss(nn.Module):
    """Each run's sum of losses by weight, its gradient, and the link to predictions.

    Shape
    -----
    - outputs, targets: ``(..., runs, rows, outputs)``
    - weight: ``(..., runs, rows, 1)``
    - result: ``(..., runs)``

    ``robust`` says whether a few wild targets have a bounded say, so that mean and
    deviation of the targets must not follow them either.
    """

    robust: ClassVar[bool] = False

    def forward(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        rows = self.per_row(outputs, targets)
        return (rows * weight.squeeze(-1)).sum(-1)

    @abstractmethod
    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every row, ``(..., runs, rows)``."""

    @abstractmethod
    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        """Return the derivative of the loss in the outputs."""

    @abstractmethod
    def link(self) -> nn.Module:
        """Return the module that turns outputs into predictions."""


class SoftCrossEntropy(Loss):
    """Cross-entropy against class probabilities; the link is the softmax.

    Never ``torch.nn.CrossEntropyLoss(weight=...)``, whose denominators differ between
    index and probability targets.
    """

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        # Not the logarithm of a softmax, which is -inf where a probability rounds to 0.
        return -(targets * F.log_softmax(outputs, -1)).sum(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        # For targets of sum 1 only, as mixed and smoothed one-hot rows are. Padding has
        # the sum 0, but no weight.
        return torch.softmax(outputs, -1).sub_(targets).mul_(weight)

    def link(self) -> nn.Module:
        return nn.Softmax(-1)


class BinaryCrossEntropy(Loss):
    """Sum over labels of the binary cross-entropy; the link is the sigmoid."""

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            outputs, targets, reduction="none"
        ).sum(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return torch.sigmoid(outputs).sub_(targets).mul_(weight)

    def link(self) -> nn.Module:
        return nn.Sigmoid()


class SquaredError(Loss):
    """Half the squared error, averaged over the outputs."""

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        # Half, as in MLPRegressor, so that the gradient is the error.
        return (outputs - targets).square().mean(-1) / 2

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return (outputs - targets).mul_(weight).div_(outputs.shape[-1])

    def link(self) -> nn.Module:
        return nn.Identity()


class AbsoluteError(SquaredError):
    """The absolute error, averaged over the outputs."""

    robust = True

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().mean(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return (outputs - targets).sign_().mul_(weight).div_(outputs.shape[-1])


class HuberLoss(SquaredError):
    """Half the squared error up to one standard deviation, the absolute beyond.

    The targets are standardised, so the unit of the threshold is their deviation.
    """

    robust = True

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.huber_loss(outputs, targets, reduction="none").mean(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        error = (outputs - targets).clamp_(-1, 1)
        return error.mul_(weight).div_(outputs.shape[-1])

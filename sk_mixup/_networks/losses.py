"""Losses on soft targets, each with its gradient written out.

Every tensor has the run axis: outputs and targets are ``(..., runs, rows, outputs)``
and ``weight``, the weight of a row over the number of the minibatch's rows, is
``(..., runs, rows, 1)``: where rows weigh alike a loss is their mean in each run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sk_mixup._data.moments import Figures, Moments
from sk_mixup._networks.links import (
    EXPONENTIAL,
    IDENTITY,
    SIGMOID,
    SOFTMAX,
    SortQuantiles,
)


class Loss(nn.Module):
    """Each run's sum of losses by weight, its gradient, and the link to predictions.

    Shape
    -----
    - outputs, targets: ``(..., runs, rows, outputs)``
    - weight: ``(..., runs, rows, 1)``
    - result: ``(..., runs)``

    ``robust`` says whether a few wild targets have a bounded say, so that mean and
    deviation of the targets must not follow them either. ``outputs_per_target`` is the
    number of outputs, side by side, that one column of the targets has.
    """

    robust: ClassVar[bool] = False
    outputs_per_target: int = 1

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

    def scaling(self, moments: Moments) -> tuple[Figures, Figures]:
        """Return the mean and the deviation that predictions have of their targets'."""
        return moments.mean, moments.deviation

    def output_moments(self, moments: Moments) -> Moments:
        """Return moments by which outputs follow those of the targets.

        Outputs that were ``(f - mean) / deviation`` of some f by the earlier moments
        predict the same if they are that by the later ones.
        """
        return moments


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
        return SOFTMAX


class BinaryCrossEntropy(Loss):
    """Sum over labels of the binary cross-entropy; the link is the sigmoid."""

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            outputs, targets, reduction="none"
        ).sum(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return torch.sigmoid(outputs).sub_(targets).mul_(weight)

    def link(self) -> nn.Module:
        return SIGMOID


class SquaredError(Loss):
    """Half the squared error, averaged over the outputs."""

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        # Half, as in MLPRegressor, so that the gradient is the error.
        return (outputs - targets).square().mean(-1) / 2

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return (outputs - targets).mul_(weight).div_(outputs.shape[-1])

    def link(self) -> nn.Module:
        return IDENTITY


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


class PinballLoss(Loss):
    """The pinball loss, averaged over the outputs: its minima are quantiles.

    Each target has an output for each of the quantiles, side by side. The link sorts
    them: quantiles that cross are never nearer to the truth (Chernozhukov et al.,
    arXiv 0704.3649).

    Parameters
    ----------
    quantiles : sequence of float
        Between 0 and 1, in ascending order.
    """

    robust = True
    levels: Tensor

    def __init__(self, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.outputs_per_target = len(quantiles)
        self.register_buffer("levels", torch.tensor(quantiles), persistent=False)
        several = self.outputs_per_target > 1
        self.sort = SortQuantiles(self.outputs_per_target) if several else IDENTITY

    def _errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return targets minus outputs, ``(..., rows, targets, quantiles)``."""
        split = outputs.unflatten(-1, (-1, self.outputs_per_target))
        return targets.unsqueeze(-1) - split

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        errors, levels = self._errors(outputs, targets), self.levels.to(outputs)
        return torch.maximum(levels * errors, (levels - 1) * errors).mean((-2, -1))

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        below = (self._errors(outputs, targets) < 0).to(outputs)
        slopes = below.sub_(self.levels.to(outputs)).flatten(-2)
        return slopes.mul_(weight).div_(outputs.shape[-1])

    def link(self) -> nn.Module:
        return self.sort

    def scaling(self, moments: Moments) -> tuple[Figures, Figures]:
        repeated = self.output_moments(moments)
        return repeated.mean, repeated.deviation

    def output_moments(self, moments: Moments) -> Moments:
        mean, deviation = (
            np.repeat(figures, self.outputs_per_target)
            for figures in (moments.mean, moments.deviation)
        )
        return Moments(moments.weight, mean, deviation)


class LogLinkLoss(Loss):
    """A loss of positive means, of which the outputs are the logarithms.

    Targets are divided by their mean, and not centred.
    """

    def link(self) -> nn.Module:
        return EXPONENTIAL

    def scaling(self, moments: Moments) -> tuple[Figures, Figures]:
        # Positive even if all targets so far were 0, as in a first call of partial_fit.
        return moments.mean, moments.divisor

    def output_moments(self, moments: Moments) -> Moments:
        # A mean of 0 is no unit: outputs stay as they are until there is one.
        has_unit = (moments.deviation > 0).astype(np.float64)
        return Moments(moments.weight, np.log(moments.divisor), has_unit)


class PoissonDeviance(LogLinkLoss):
    """Half the Poisson deviance, averaged over the outputs."""

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        likelihood = outputs.exp() - targets * outputs
        return (likelihood + torch.xlogy(targets, targets) - targets).mean(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        return outputs.exp().sub_(targets).mul_(weight).div_(outputs.shape[-1])


class GammaDeviance(LogLinkLoss):
    """Half the gamma deviance, averaged over the outputs."""

    def per_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        ratio = targets * (-outputs).exp()
        # Padding has targets of 0, whose logarithm times a weight of 0 would be NaN.
        logs = targets.clamp(min=torch.finfo(targets.dtype).tiny).log()
        return (ratio + outputs - logs - 1).mean(-1)

    def gradient(self, outputs: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        ratio = targets * (-outputs).exp()
        return ratio.neg_().add_(1).mul_(weight).div_(outputs.shape[-1])

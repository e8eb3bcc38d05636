"""The mean loss of an epoch, from the losses of its steps."""

from __future__ import annotations

import torch
from torch import Tensor


class EpochLoss:
    """Collects the losses of an epoch's steps.

    Parameters
    ----------
    step_rows : Tensor of shape (runs, steps)
        How many rows of each step are not padding. The steps' losses were divided by
        these numbers, of which the last is smaller.
    """

    def __init__(self, step_rows: Tensor) -> None:
        self.step_rows = step_rows
        # Not a list: small tensors that stay would part the memory of the blocks.
        self._losses = torch.empty_like(step_rows)
        self._total_weight = step_rows.new_zeros(len(step_rows))
        self.n_steps = 0

    def add(self, losses: Tensor, total_weight: Tensor) -> None:
        """Add a block's losses, ``(runs, steps)``, and its weight, ``(runs,)``."""
        stop = self.n_steps + losses.shape[1]
        self._losses[:, self.n_steps : stop] = losses
        self._total_weight += total_weight
        self.n_steps = stop

    def mean(self) -> Tensor:
        """Return each run's mean over its rows by weight, after all steps."""
        return (self._losses * self.step_rows).sum(1) / self._total_weight

    def mean_of_steps(self) -> Tensor:
        """Return each run's mean over the steps so far, whatever their rows."""
        return self._losses[:, : self.n_steps].mean(1)

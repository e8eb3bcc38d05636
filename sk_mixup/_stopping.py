"""When training ends: the rows left out say which epoch was the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import Tensor

if TYPE_CHECKING:
    from sk_mixup._net import MixupNet


class EndOfTraining(Exception):  # noqa: N818 - a signal, not an error
    """No more epochs are to be trained."""


def _means_of_owners(
    losses: NDArray[np.floating], owners: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return for each run the mean loss of all runs of its estimator."""
    sums = np.bincount(owners, weights=losses)
    return (sums / np.bincount(owners))[owners]


class BestEpoch(Callback):
    """Keep the weights of each estimator's best epoch on clean rows, and stop in time.

    The runs of an estimator are judged by their mean loss, each on its own rows, and
    stop together after ``patience`` epochs without a lower one; the training ends when
    all have stopped, and every run takes its best weights back.

    Parameters
    ----------
    patience : int
        Epochs to wait for an improvement.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_: dict[str, Tensor] = {}

    def on_train_begin(self, net: MixupNet, **kwargs: Any) -> None:
        """Forget all earlier bests."""
        runs = net.module_.runs
        self.best_losses_ = np.full(runs, np.inf)
        self.best_epochs_ = np.zeros(runs, dtype=np.int64)
        self.n_epochs_ = 0
        self.best_ = {}

    def on_epoch_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Note which runs have improved; stop when none is left."""
        if "valid_loss" not in net.history[-1]:
            return  # an epoch of `partial_fit`, which leaves no rows out
        losses = _means_of_owners(net.valid_losses_[-1], net.owners_)
        self.n_epochs_ += 1
        improved = net.running_ & (losses < self.best_losses_)
        self.best_losses_[improved] = losses[improved]
        self.best_epochs_[improved] = self.n_epochs_
        net.module_.body.keep(torch.from_numpy(improved), self.best_)
        patient = self.n_epochs_ - self.best_epochs_ < self.patience
        stopping = net.running_ & ~patient
        net.running_ &= patient
        if not net.running_.any():
            raise EndOfTraining
        net.keep_stopped(np.flatnonzero(stopping))

    def restore(self, net: MixupNet) -> None:
        """Take the best weights back, which no callback can prevent."""
        if self.best_:
            net.module_.body.restore(self.best_)
        self.best_ = {}

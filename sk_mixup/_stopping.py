"""When training ends: the rows left out say which epoch was the best."""

from __future__ import annotations

from collections import defaultdict
from threading import Condition
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import Tensor

if TYPE_CHECKING:
    from sk_mixup._net import MixupNet


class EndOfTraining(Exception):  # noqa: N818 - a signal, not an error
    """No more epochs are to be trained."""


class Judge(Protocol):
    """Says how good the estimators are that the runs of a stack belong to."""

    def means(self, losses: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return for each run the mean loss of all runs of its estimator."""

    def close(self) -> None:
        """Note that the stack is not trained any more."""


class WholeJudge:
    """The judge of a stack that holds all runs of its estimators.

    Parameters
    ----------
    owners : ndarray of shape (n_runs,)
        The number of the estimator, from 0, that each run is of.
    """

    def __init__(self, owners: NDArray[np.int64]) -> None:
        self.owners = owners

    def means(self, losses: NDArray[np.floating]) -> NDArray[np.float64]:
        sums = np.bincount(self.owners, weights=losses)
        return (sums / np.bincount(self.owners))[self.owners]

    def close(self) -> None:
        pass


class Meeting:
    """Where the stacks that share an estimator's runs wait for each other.

    All of them must be trained at the same time, each on a thread of its own.

    Parameters
    ----------
    n_stacks : int
        How many there are.
    """

    def __init__(self, n_stacks: int) -> None:
        self._n_stacks = n_stacks
        self._changed = Condition()
        self._told: dict[int, dict[int, NDArray[np.floating]]] = defaultdict(dict)
        self._left = False

    def mean(self, epoch: int, stack: int, losses: NDArray[np.floating]) -> float:
        """Tell the stack's losses of an epoch and return the mean over all stacks.

        Raises
        ------
        EndOfTraining
            If a stack has left, so that it will never tell its losses.
        """
        with self._changed:
            told = self._told[epoch]
            told[stack] = losses
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._left or len(told) == self._n_stacks)
            if len(told) < self._n_stacks:
                raise EndOfTraining
        each = np.concatenate([told[number] for number in range(self._n_stacks)])
        return float(each.mean(dtype=np.float64))

    def leave(self) -> None:
        """Let nobody wait for the losses of a stack that is not trained any more."""
        with self._changed:
            self._left = True
            self._changed.notify_all()


class PartJudge:
    """The judge of a stack that holds some of the runs of one estimator.

    Parameters
    ----------
    meeting : Meeting
        Of all stacks that hold its runs.
    stack : int
        The number of this one, from 0.
    """

    def __init__(self, meeting: Meeting, stack: int) -> None:
        self.meeting, self.stack = meeting, stack
        self._n_epochs = 0

    def means(self, losses: NDArray[np.floating]) -> NDArray[np.float64]:
        self._n_epochs += 1
        mean = self.meeting.mean(self._n_epochs, self.stack, losses)
        return np.full(len(losses), mean)

    def close(self) -> None:
        self.meeting.leave()


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

    def on_train_begin(self, net: MixupNet, **kwargs: Any) -> None:
        """Forget all earlier bests."""
        runs = net.module_.runs
        self.best_losses_ = np.full(runs, np.inf)
        self.best_epochs_ = np.zeros(runs, dtype=np.int64)
        self.n_epochs_ = 0
        self.best_: dict[str, Tensor] = {}

    def on_epoch_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Note which runs have improved; stop when none is left."""
        if "valid_loss" not in net.history[-1]:
            return  # an epoch of `partial_fit`, which leaves no rows out
        losses = net.judge.means(net.valid_losses_[-1])
        self.n_epochs_ += 1
        improved = net.running_ & (losses < self.best_losses_)
        self.best_losses_[improved] = losses[improved]
        self.best_epochs_[improved] = self.n_epochs_
        net.module_.body.keep(torch.from_numpy(improved), self.best_)
        net.running_ &= self.n_epochs_ - self.best_epochs_ < self.patience
        if not net.running_.any():
            raise KeyboardInterrupt  # skorch's way for a callback to end the training

    def on_train_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Take the best weights back."""
        if self.best_:
            net.module_.body.restore(self.best_)
        self.best_ = {}

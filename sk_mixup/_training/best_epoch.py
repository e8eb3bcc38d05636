"""When training ends: the validation rows say which epoch was the best."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import Tensor

from sk_mixup._networks.network import Network
from sk_mixup._training.progress import EndOfTraining
from sk_mixup._training.session import TrainingSession


class ValidatedNet(Protocol):
    """What is read of a net here."""

    history: Any
    module_: Network
    session_: TrainingSession
    valid_scores_: list[NDArray[np.floating]]

    def keep_stopped(
        self, stopping: NDArray[np.intp], best: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Keep what belongs to runs that stop; return the others' best weights."""


class BestEpoch(Callback):
    """Keep the weights of each estimator's best epoch on clean rows, and stop in time.

    The runs of an estimator are scored by their mean, each on its own rows,
    and stop together after ``patience`` epochs without a higher one; the training ends
    when all have stopped, and every run takes its best weights back.

    Parameters
    ----------
    patience : int
        Epochs to wait for an improvement.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_: dict[str, Tensor] = {}

    def on_train_begin(self, net: ValidatedNet, **kwargs: Any) -> None:
        """Forget all earlier bests."""
        runs = net.module_.runs
        self.best_scores_ = np.full(runs, -np.inf)
        self.best_epochs_ = np.zeros(runs, dtype=np.int64)
        self.n_epochs_ = 0
        self.best_ = {}

    def on_epoch_end(self, net: ValidatedNet, **kwargs: Any) -> None:
        """Note which runs have improved; stop when none is left."""
        if "valid_loss" not in net.history[-1]:
            return  # an epoch of `partial_fit`, which holds no rows out
        session = net.session_
        # An estimator's runs together: alone, by the few rows that each holds out, they
        # stop by chance (docs/results/defaults.md, first round).
        scores = session.means.of(net.valid_scores_[-1])
        self.n_epochs_ += 1
        # Strictly higher, or a score that stands still would never end the training.
        improved = session.running & (scores > self.best_scores_)
        self.best_scores_[improved] = scores[improved]
        self.best_epochs_[improved] = self.n_epochs_
        present = torch.from_numpy(improved[session.shrinking.present])
        net.module_.body.keep(present, self.best_)
        patient = self.n_epochs_ - self.best_epochs_ < self.patience
        stopping = session.running & ~patient
        session.running &= patient
        if not session.running.any():
            raise EndOfTraining
        # Those that stop last need no copies: no other run goes on.
        self.best_ = net.keep_stopped(np.flatnonzero(stopping), self.best_)

    def restore(self, net: ValidatedNet) -> None:
        """Take the best weights back, which no callback can prevent."""
        if self.best_:
            net.module_.body.restore(self.best_)
        # A snapshot is as large as the networks, and would be pickled with them.
        self.best_ = {}

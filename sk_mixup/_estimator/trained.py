"""What a fitted estimator tells of its training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_mixup._sklearn import CallbackSupportMixin
from sk_mixup._training.net import MixupNet


class HasTrained(CallbackSupportMixin):
    """An estimator whose net remembers its training, which callbacks may follow.

    Read off the net when asked for: there may be as many epochs as calls.
    """

    net_: MixupNet

    @property
    def history_(self) -> Any:
        """Return one entry an epoch: losses and durations."""
        return self.net_.history

    @property
    def loss_curve_(self) -> list[float]:
        """Return the mean loss of each epoch."""
        whole = (epoch for epoch in self.net_.history if "train_loss" in epoch)
        return [epoch["train_loss"] for epoch in whole]

    @property
    def validation_scores_(self) -> NDArray[np.floating] | None:
        """Return the scores on validation rows, of each epoch that has any."""
        scores = self.net_.valid_scores_
        return np.array(scores) if scores else None

    @property
    def member_weights_(self) -> NDArray[np.float64]:
        """Return the weight of each member in predictions."""
        return self.net_.module_.weights_of_members.numpy()

    @property
    def time_limit_reached_(self) -> bool:
        """Return whether ``time_limit`` has ended the last training."""
        return self.net_.timed_out_

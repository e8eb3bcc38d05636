"""Mean scores of the estimators that the runs of a stack belong to."""

from __future__ import annotations

from collections import defaultdict
from threading import Condition
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sk_mixup._training.progress import EndOfTraining

Scores = NDArray[np.floating]


def _mean(scores: Scores) -> float:
    """Return the mean, whatever the order of the scores."""
    # Epochs of equal scores must have equal means, wherever their runs are trained.
    return float(np.sort(scores).mean(dtype=np.float64))


class EstimatorMeans(Protocol):
    """The mean scores of the estimators that the runs of a stack belong to."""

    #: Whether all runs of the estimators are in the stack.
    sees_all: bool

    def of(self, scores: Scores) -> NDArray[np.float64]:
        """Return for each run the mean score of all runs of its estimator."""

    def close(self) -> None:
        """Note that the stack is not trained any more."""


class MeansInStack:
    """The means where a stack holds all runs of its estimators.

    Parameters
    ----------
    owners : ndarray of shape (n_runs,)
        The number of the estimator that each run belongs to, from 0.
    """

    sees_all = True

    def __init__(self, owners: NDArray[np.int64]) -> None:
        self.owners = owners

    def of(self, scores: Scores) -> NDArray[np.float64]:
        means = np.empty(len(scores))
        for owner in range(self.owners.max() + 1):
            own = self.owners == owner
            means[own] = _mean(scores[own])
        return means

    def close(self) -> None:
        pass


class Meeting:
    """Where stacks that share the runs of one estimator wait for each other.

    All of them must be trained at the same time, each on a thread of its own.

    Parameters
    ----------
    n_stacks : int
        How many there are.
    """

    def __init__(self, n_stacks: int) -> None:
        self._n_stacks = n_stacks
        self._changed = Condition()
        self._told: dict[int, dict[int, Scores]] = defaultdict(dict)
        self._left = False

    def mean(self, epoch: int, stack: int, scores: Scores) -> float:
        """Tell a stack's scores of an epoch and return the mean over all stacks.

        Raises
        ------
        EndOfTraining
            If a stack has left, so that it will never tell its scores.
        """
        with self._changed:
            told = self._told[epoch]
            told[stack] = scores
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._left or len(told) == self._n_stacks)
            # One that has left after it told its scores is missed by nobody.
            if len(told) < self._n_stacks:
                raise EndOfTraining
        return _mean(np.concatenate([*told.values()]))

    def leave(self) -> None:
        """Let nobody wait for a stack that is not trained any more."""
        with self._changed:
            self._left = True
            self._changed.notify_all()


class MeansAcrossStacks:
    """The mean where a stack holds some of the runs of one estimator.

    Parameters
    ----------
    meeting : Meeting
        Of all stacks that hold its runs.
    stack : int
        The number of this one, from 0.
    """

    sees_all = False

    def __init__(self, meeting: Meeting, stack: int) -> None:
        self.meeting, self.stack = meeting, stack
        self._n_epochs = 0

    def of(self, scores: Scores) -> NDArray[np.float64]:
        self._n_epochs += 1
        mean = self.meeting.mean(self._n_epochs, self.stack, scores)
        return np.full(len(scores), mean)

    def close(self) -> None:
        self.meeting.leave()

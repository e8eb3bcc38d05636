"""What a training needs while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sk_mixup._networks.batch import Step
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._training.estimator_means import EstimatorMeans
from sk_mixup._training.fit_hooks import FitHooks
from sk_mixup._training.minibatches import Minibatches
from sk_mixup._training.progress import EndOfTraining, Progress
from sk_mixup._training.run import Run
from sk_mixup._training.shrinking import Shrinking
from sk_mixup._training.time_limit import TimeLimit
from sk_mixup._training.validation_rows import ValidationRows
from sk_mixup._training.weight_average import WeightAverage


@dataclass
class TrainingSession:
    """What a training needs while it runs.

    Parameters
    ----------
    minibatches : Minibatches
        Of the runs in training.
    means : EstimatorMeans
        Of the estimators that the runs belong to.
    progress : Progress
        Of all trainings of a call; it may ask this one to stop.
    step : callable
        Turns a minibatch into outputs, and leaves the gradients on the parameters.
    average : WeightAverage
        Of the weights after each step.
    shrinking : Shrinking
        Knows which runs are in training.
    named_parameters : list of (str, Parameter)
        For callbacks.
    n_steps : int
        Steps of the whole training, if it does not stop early.
    listens : bool
        Whether a callback listens to minibatches.
    limit : TimeLimit
        After which it ends.
    hooks : FitHooks or None
        Of scikit-learn's callbacks.
    validation : ValidationRows or None
        Of the runs in training.

    Attributes
    ----------
    steps_taken : int
        Steps taken so far.
    runs : sequence of Run
        All runs, those that have left included.
    running : ndarray of shape (n_runs,)
        Which of them have not stopped.
    stopped : dict
        Where the streams of runs were that have stopped, by number.
    """

    minibatches: Minibatches
    means: EstimatorMeans
    progress: Progress
    step: Step
    average: WeightAverage
    shrinking: Shrinking
    named_parameters: list[tuple[str, nn.Parameter]]
    n_steps: int
    listens: bool
    limit: TimeLimit
    hooks: FitHooks | None
    validation: ValidationRows | None = None
    steps_taken: int = 0
    stopped: dict[int, dict[str, Any]] = field(default_factory=dict)
    runs: Sequence[Run] = field(init=False)
    running: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.runs = self.minibatches.runs
        self.running = np.ones(len(self.runs), dtype=bool)

    @property
    def epoch(self) -> int:
        """The number of the epoch that the next step is of, from 0."""
        return self.steps_taken // self.minibatches.steps

    @property
    def fraction(self) -> float:
        """The fraction of all steps that has been taken, or of the time if larger."""
        return max(self.steps_taken / self.n_steps, self.limit.fraction)

    @property
    def epoch_of_plan(self) -> int:
        """The epoch from 0, of a training whose time runs out one farther on."""
        n_epochs = self.n_steps // self.minibatches.steps
        return max(self.epoch, int(self.limit.fraction * n_epochs))

    @property
    def has_scorers(self) -> bool:
        """Whether any run is scored by another metric than its loss."""
        return any(run.score for run in self.runs)

    def scores(self, network: Network, loss: Loss) -> Iterator[tuple[int, float]]:
        """Yield the numbers of runs in training that have scorers, and their scores."""
        for place, number in enumerate(self.shrinking.present.tolist()):
            run = self.runs[number]
            if run.score is not None and self.running[number]:
                # A stack has no layer of its own, as its tables may differ.
                own = network.select([place], run.training.table.widen)
                yield number, run.score(own, loss)

    def minibatches_left(self, inputs: Standardize) -> Minibatches:
        """Return the minibatches of the runs that are still in training."""
        runs = [self.runs[number] for number in self.shrinking.present.tolist()]
        return Minibatches(runs, self.minibatches.plan, inputs)

    def keep_streams(self, runs: Iterable[int]) -> None:
        """Note where the streams of runs are that stop while others go on."""
        for run in runs:
            self.stopped[run] = self.runs[run].streams.state

    def rewind_streams(self) -> None:
        """Take the streams of runs that stopped early back to where they stopped."""
        # Stopped runs are drawn on with the others, to keep the stack's shape.
        for run, state in self.stopped.items():
            self.runs[run].streams.state = state

    def finish_epoch(self) -> None:
        """Report an epoch; end the training if it must stop."""
        self.progress.epoch_done(len(self.runs))
        if self.progress.stop.is_set():
            raise EndOfTraining

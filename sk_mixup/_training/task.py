"""What is trained: tasks of runs, and where they start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sk_mixup._data.moments import Moments
from sk_mixup._data.reservoir import Reservoir
from sk_mixup._data.streams import Streams
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.torch_modes import precision
from sk_mixup._networks.widen import Widen
from sk_mixup._training.fit_hooks import FitHooks
from sk_mixup._training.net import MixupNet
from sk_mixup._training.recipe import Recipe
from sk_mixup._training.run import Run


@dataclass(frozen=True)
class Fitted:
    """What a training leaves behind besides its net, for another to start from.

    ``lasting`` are the parameters that may not change, ``moments`` those of each run's
    features, if they are standardised, ``reservoir`` a sample of the rows of all calls
    of ``partial_fit``, if bins are learnt from it.
    """

    lasting: dict[str, Any]
    streams: list[Streams]
    moments: list[Moments | None]
    target_moments: Moments | None
    weight_unit: float
    reservoir: Reservoir | None = None


@dataclass(frozen=True)
class Start:
    """Where a training starts: at new networks, or at those of an earlier call.

    Parameters
    ----------
    net : MixupNet or None
        The net to go on with; None starts at new networks.
    fitted : Fitted or None
        What its last training has left behind.
    one_epoch : bool
        Whether one epoch is trained on rows that add to earlier ones (``partial_fit``).
    """

    net: MixupNet | None = None
    fitted: Fitted | None = None
    one_epoch: bool = False

    @property
    def is_fresh(self) -> bool:
        return self.net is None

    def on(self, device: torch.device) -> Start:
        """Return it with the net on the device."""
        return self if self.net is None else replace(self, net=self.net.on(device))

    @property
    def earlier(self) -> Fitted | None:
        """What the rows add to, if they do."""
        return self.fitted if self.one_epoch else None

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the networks."""
        return precision() if self.net is None else self.net.module_.dtype


@dataclass(frozen=True)
class Task:
    """The networks of one estimator, or of a stack of several, to be trained.

    Parameters
    ----------
    recipe : Recipe
        What the runs have in common.
    runs : list of Run
        The networks.
    inputs : Standardize
        The input layer of all runs.
    fitted : Fitted or None
        What the training leaves behind; None of a stack or a part of a task.
    net_params : dict
        Further arguments of the net.
    net : MixupNet or None
        A net to be trained further.
    alone : bool
        Whether the runs share their program with no other task's: they have callbacks,
        print, or go on with an earlier training.
    widen : Widen or None
        The layer of a table with gaps or categories, None of a stack of several tasks.
    owners : ndarray of shape (n_runs,) or None
        The number of the estimator that each run belongs to; None if there is one.
    seconds_left : float or None
        For which it may be trained; None for as long as it takes.
    hooks : FitHooks or None
        Of scikit-learn's callbacks that follow it.
    """

    recipe: Recipe
    runs: list[Run]
    inputs: Standardize
    fitted: Fitted | None = None
    net_params: dict[str, Any] = field(default_factory=dict)
    net: MixupNet | None = None
    alone: bool = False
    widen: Widen | None = None
    owners: NDArray[np.int64] | None = None
    seconds_left: float | None = None
    hooks: FitHooks | None = None

    @property
    def verbose(self) -> int:
        return int(self.net_params.get("verbose", 0))

    @property
    def bar_steps(self) -> int | None:
        """Steps of an epoch, if a progress bar is to show them."""
        return self.recipe.steps if self.verbose >= 2 else None

    @property
    def n_epochs(self) -> int:
        """Epochs of all runs together."""
        return len(self.runs) * self.recipe.plan.max_epochs

    @property
    def estimator_numbers(self) -> NDArray[np.int64]:
        """The number of the estimator that each run belongs to."""
        one = np.zeros(len(self.runs), dtype=np.int64)
        return one if self.owners is None else self.owners

    def part(self, runs: range) -> Task:
        """Return the task of some of the runs."""
        if len(runs) == len(self.runs):
            return self
        return replace(
            self,
            runs=self.runs[runs.start : runs.stop],
            inputs=self.inputs.select(runs),
            fitted=None,
        )

    @staticmethod
    def stack(tasks: Sequence[Task]) -> Task:
        """Return one task of the runs of several, which share a recipe."""
        sizes = [len(task.runs) for task in tasks]
        first = tasks[0].inputs
        return replace(
            tasks[0],
            runs=[run for task in tasks for run in task.runs],
            inputs=first.concatenate([task.inputs for task in tasks]),
            fitted=None,
            widen=None,
            owners=np.repeat(np.arange(len(tasks)), sizes),
        )

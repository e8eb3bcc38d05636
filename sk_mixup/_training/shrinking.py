"""Runs leave a stack when their estimator has stopped, so that none waits for the last.

They come back at the end, before the stack is split into its estimators.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._networks.network import Network
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._training.optimizer_state import (
    RunState,
    cloned,
    keep_rows,
    state_of_run,
)
from sk_mixup._training.weight_average import WeightAverage

#: Of the runs in training so many must have stopped: fewer runs cost more for each.
WORTHWHILE = 0.25

BestWeights = dict[str, Tensor]


class Shrinking:
    """Takes runs out of a stack in training, and puts them back at its end.

    Parameters
    ----------
    network : Network
        All runs; after `take_out` those in training.
    optimizer : torch.optim.Optimizer
        Of their weights.
    average : WeightAverage
        Of their weights.

    Attributes
    ----------
    present : ndarray of int
        The numbers of the runs in training. Those that have stopped are trained on with
        the others until they leave.
    """

    def __init__(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        average: WeightAverage,
    ) -> None:
        self.network, self.optimizer, self.average = network, optimizer, average
        self.n_runs, self.inputs = network.runs, network.inputs
        self.present = np.arange(self.n_runs)
        self.left: dict[int, StackedMLP] = {}  # with their best weights

    @property
    def body(self) -> StackedMLP:
        body = self.network.body
        assert isinstance(body, StackedMLP)  # a user's modules share no stack
        return body

    def is_due(self, running: NDArray[np.bool_]) -> bool:
        """Tell, of all runs that have not stopped, whether others should leave."""
        return bool(running[self.present].mean() <= 1 - WORTHWHILE)

    def take_out(self, running: NDArray[np.bool_], best: BestWeights) -> BestWeights:
        """Take out the runs that have stopped; return the others' best weights."""
        stays = running[self.present]
        kept = np.flatnonzero(stays).tolist()
        body, at_best = self.body, self.body.select(range(len(stays)))
        at_best.restore(best)
        for place in np.flatnonzero(~stays).tolist():
            self.left[int(self.present[place])] = at_best.select([place])
        rows = self._rows(kept)
        body.become(body.select(kept))
        self.network.inputs = self.network.inputs.select(kept)
        keep_rows(self.optimizer, rows)
        self.average.keep_rows(rows)
        self.present = self.present[kept]
        weights = dict(at_best.select(kept).named_parameters())
        # Where no run has bins any more, no row is left of their weights.
        return {
            name: weights.get(name, parameter[:0]).detach()
            for name, parameter in body.named_parameters()
        }

    def _rows(self, runs: Sequence[int]) -> list[Tensor]:
        """Return the rows of each parameter that are of some runs."""
        rows = [torch.empty(0, dtype=torch.long) for _ in self.body.parameters()]
        for number, own in enumerate(zip(*map(self.body.rows_of, runs), strict=True)):
            rows[number] = torch.tensor([row for row in own if row is not None]).long()
        return [own.to(self.network.device) for own in rows]

    def of_all(self, figures: Tensor) -> Tensor:
        """Return figures of the runs in training as those of all, 0 for others."""
        if not self.left:
            return figures
        spread = figures.new_zeros(self.n_runs)
        spread[torch.from_numpy(self.present).to(figures.device)] = figures
        return spread

    def states(self, runs: NDArray[np.intp]) -> dict[int, RunState]:
        """Return copies of the optimiser's states of runs in training."""
        places = np.searchsorted(self.present, runs)
        pairs = zip(runs.tolist(), places.tolist(), strict=True)
        return {
            run: cloned(state_of_run(self.optimizer, self.body.rows_of(at)))
            for run, at in pairs
        }

    def put_back(self) -> dict[int, RunState]:
        """Put those that have left back; return the optimiser's states of the others.

        The optimiser keeps no state of all of them.
        """
        if not self.left:
            return {}
        states = self.states(self.present)
        places = enumerate(self.present.tolist())
        parts = self.left | {run: self.body.select([at]) for at, run in places}
        self.body.become(
            StackedMLP.concatenate([parts[run] for run in range(self.n_runs)])
        )
        self.network.inputs = self.inputs
        return states

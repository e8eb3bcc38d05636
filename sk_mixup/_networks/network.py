"""The network around the runs: from raw features to outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sk_mixup._data.moments import Moments
from sk_mixup._networks.batch import Encoded
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._networks.stacked_modules import StackedCopies
from sk_mixup._networks.storage import ArrayModule
from sk_mixup._networks.widen import Widen

Body = StackedMLP | StackedCopies


class Network(ArrayModule):
    """Input layer and body: what :class:`MixupNet` trains.

    ``temperature`` divides the outputs; it is 1 while the network is trained. ``widen``
    turns the matrix of a table with gaps or categories into what the input layer takes;
    it is None where that is the table itself. ``member_weights`` are those of the runs
    in predictions; None weighs them alike.

    Shape
    -----
    - input: ``(runs or 1, rows, *features)``
    - output: ``(runs, rows, outputs)``
    """

    def __init__(
        self, inputs: Standardize, body: Body, widen: Widen | None = None
    ) -> None:
        super().__init__()
        self.widen = widen
        self.inputs = inputs
        self.body = body
        self.temperature = 1.0
        self.member_weights: tuple[float, ...] | None = None

    @property
    def runs(self) -> int:
        return self.body.runs

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the inputs, in which the network was made."""
        return self.inputs.shift.dtype

    @property
    def device(self) -> torch.device:
        return self.inputs.shift.device

    @property
    def weights_of_members(self) -> Tensor:
        """The weight of each run in predictions, of sum 1."""
        alike = [1 / self.runs] * self.runs
        return torch.tensor(self.member_weights or alike, dtype=torch.float64)

    @property
    def inputs_shape(self) -> tuple[int, ...]:
        """The shape of one row of what is standardised."""
        return tuple(self.inputs.shift.shape[2:])

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of a table."""
        if self.widen is not None:
            return (self.widen.n_features,)
        return self.inputs_shape

    @property
    def largest_width(self) -> int:
        """The most numbers that a row has in any layer, inputs included."""
        inputs = self.inputs
        return max(inputs.width, inputs.n_units, self.body.largest_width)

    @property
    def is_perceptron(self) -> bool:
        """Whether every layer is this package's, none a user's."""
        return isinstance(self.body, StackedMLP)

    def forward(self, x: Tensor) -> Tensor:
        return self.outputs(self.inputs.encode(self.widened(x)))

    def widened(self, x: Tensor) -> Tensor:
        """Return rows of a table as the input layer takes them."""
        return x if self.widen is None else self.widen(x)

    def outputs(self, rows: Encoded) -> Tensor:
        """Return the outputs of rows that are encoded already."""
        outputs = self.body(*rows)
        return outputs if self.temperature == 1 else outputs / self.temperature

    def follow_inputs(
        self,
        before: Sequence[Moments | None],
        after: Sequence[Moments | None],
        inputs: Standardize,
        bodies: Sequence[Body],
    ) -> None:
        """Standardise by other moments; the first layers of ``bodies`` make up for it.

        Those are the body and others that are to take its place.
        """
        # Clipped inputs moved outputs by so many deviations at most: weights need not
        # grow by more.
        limit = inputs.clip or np.inf
        for run, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is not None and new is not None:
                for body in bodies:
                    body.follow_inputs(run, old, new, limit)
        self.inputs = inputs

    def select(self, runs: Sequence[int], widen: Widen | None = None) -> Network:
        """Return a network of the given runs alone, with a layer ``widen`` if given."""
        # Without temperature and weights of members, which are fitted when all runs of
        # an estimator are together.
        inputs, body = self.inputs.select(runs), self.body.select(runs)
        return Network(inputs, body, widen or self.widen)

    @staticmethod
    def concatenate(networks: Sequence[Network], widen: Widen | None = None) -> Network:
        """Return one network of all runs of ``networks``, with a layer of their own."""
        inputs = networks[0].inputs.concatenate([n.inputs for n in networks])
        bodies: list[Any] = [n.body for n in networks]
        body = bodies[0].concatenate(bodies)
        return Network(inputs, body, widen)

"""What minibatches of several runs are made of, and the rows an epoch visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._data.neighbors import RowNumbers
from sk_mixup._networks.batch import Layer
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.run import Run
from sk_mixup._training.run_rows import RunRows, firsts_alike, run_rows
from sk_mixup._training.swapping import Swap

#: The layer before the input layer: rows are mixed before they are encoded.
RAW = "raw"


@dataclass(frozen=True)
class Plan:
    """How minibatches are made; equal for all runs of a stack.

    ``mix_layer`` is None for mixing at the input, after encoding; ``hidden_sizes`` are
    the widths whose units may be dropped; ``layer_entropy`` seeds the layer of each
    step where "random" is asked for.
    """

    batch_size: int
    max_epochs: int
    warmup_epochs: int = 0
    clean_epochs: int = 0
    n_mixed: int = 2
    mix_layer: Layer | None = None
    dropout: float = 0.0
    hidden_sizes: tuple[int, ...] = ()
    layer_entropy: int | None = None

    @property
    def mixes_inside(self) -> bool:
        """Whether copies of a row enter the network, which mixes them."""
        return self.mix_layer not in (None, RAW)

    def mixes_in(self, epoch: int) -> bool:
        """Tell whether the epoch, counted from 0, is neither warm-up nor clean."""
        last = self.max_epochs - self.clean_epochs
        return self.warmup_epochs <= epoch < last


def draw_rows(
    run: Run, vicinity: Vicinity, batch_size: int
) -> tuple[RowNumbers, NDArray[np.float32]]:
    """Draw the rows that a run visits in an epoch, and what is mixed into them.

    Row numbers are ``(n_rows, examples)``; the first column is the row itself. Weights
    in the inputs are ``(n_draws, examples)``, a draw for each minibatch or row.
    """
    streams, n_rows = run.streams, len(run.training)
    # From a stream of its own: with and without mixup rows come in the same order.
    order = streams.order.permutation(n_rows)
    row_numbers = order[:, None]
    if vicinity.n_examples > 1:
        partners = run.draw_partners(
            order, batch_size, vicinity.n_examples - 1, streams.partners
        )
        _check_partners(partners, n_rows, vicinity)
        partners = partners.astype(np.int64, copy=False)
        row_numbers = np.concatenate([row_numbers, partners], axis=1)
    return row_numbers, run.draw_weights(row_numbers, vicinity, batch_size)


def _check_partners(partners: RowNumbers, n_rows: int, vicinity: Vicinity) -> None:
    expected = (n_rows, vicinity.n_examples - 1)
    if np.shape(partners) != expected:
        raise ValueError(
            f"{vicinity.pairing!r} drew partners of shape {np.shape(partners)}, but "
            f"{expected} (rows, partners) was asked for."
        )
    if not (isinstance(partners, np.ndarray) and partners.dtype.kind in "iu"):
        raise TypeError(
            f"{vicinity.pairing!r} must draw row numbers as an array of integers, but "
            f"drew {type(partners).__name__} {np.asarray(partners).dtype}."
        )
    # A negative number would count from the end, without an error.
    if partners.min() < 0 or partners.max() >= n_rows:
        raise ValueError(
            f"{vicinity.pairing!r} drew row {partners.min()} to {partners.max()}, but "
            f"the training rows are numbered 0 to {n_rows - 1}."
        )


class Minibatches:
    """The minibatches of several runs, drawn anew each epoch.

    Parameters
    ----------
    runs : sequence of Run
        All with the same number of steps an epoch.
    plan : Plan
        What the runs have in common.
    inputs : Standardize
        The input layer of all runs, on the device on which blocks are to be made.
    """

    def __init__(self, runs: Sequence[Run], plan: Plan, inputs: Standardize) -> None:
        self.runs, self.plan = runs, plan
        self.device, self.dtype = inputs.shift.device, inputs.shift.dtype
        self.inputs = inputs
        lengths = [len(run.training) for run in runs]
        self.largest = max(lengths)
        self.lengths = torch.tensor(lengths, device=self.device)
        self.alike = min(lengths) == self.largest
        # Candidates of a search drop the same units, with one seed on the same rows.
        self.leaders = firsts_alike(runs, _draw_alike)
        self.step_rows = self._step_rows()
        subsets = [run.training for run in runs]
        # Rows that are mixed before they are encoded cannot be kept encoded.
        make = RunRows if plan.mix_layer == RAW else run_rows
        self.rows = make(subsets, inputs)
        self.swaps: list[Swap] = []
        if any(run.vicinity.mix_features != "interpolate" for run in runs):
            self.swaps = [Swap(r, inputs.select([n])) for n, r in enumerate(runs)]

    def __len__(self) -> int:
        return self.largest

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return ceil_div(self.largest, self.plan.batch_size)

    def _step_rows(self) -> Tensor:
        """Return how many rows of each step are not padding, ``(runs, steps)``."""
        # A loss is divided by these and not by the weights of the step's rows, or
        # weights would count within a minibatch only: of two classes that seldom meet
        # in one, the heavier would weigh no more.
        begins = torch.arange(self.steps, device=self.device) * self.plan.batch_size
        own = (self.lengths[:, None] - begins).clamp_(0, self.plan.batch_size)
        return own.to(self.dtype)


def _draw_alike(one: Run, other: Run) -> bool:
    """Tell whether two runs drop the same units."""
    states = (run.streams.dropout.bit_generator.state for run in (one, other))
    return len(one.training) == len(other.training) and next(states) == next(states)

"""How an epoch is drawn.

The table is on the device once. An epoch is row numbers and weights: it is drawn on the
CPU, run by run, from streams that belong to the run, and turned into minibatches a
block of steps at a time, one gather and one weighted sum each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._modules import Standardize
from sk_mixup._neighbors import Rows
from sk_mixup._run import Run
from sk_mixup._stacked import Batch, Mixture
from sk_mixup._subsets import RowSubset
from sk_mixup.vicinity import Vicinity

CPU_BLOCK_BYTES, GPU_BLOCK_BYTES = 4_000_000, 64_000_000
KEPT_BYTES = 16_000_000  # of validation rows, gathered once


@dataclass(frozen=True)
class Plan:
    """How minibatches are made; equal for all runs of a stack.

    ``mix_layer`` is None for mixing at the input; ``hidden_sizes`` are the widths
    whose units may be dropped; ``layers`` draws the layer where "random" is asked for.
    """

    batch_size: int
    max_epochs: int
    warmup_epochs: int = 0
    clean_epochs: int = 0
    n_mixed: int = 2
    mix_layer: int | str | None = None
    dropout: float = 0.0
    hidden_sizes: tuple[int, ...] = ()
    layer_entropy: int | None = None

    def mixes_in(self, epoch: int) -> bool:
        """Tell whether the epoch, counted from 0, is neither warm-up nor clean."""
        last = self.max_epochs - self.clean_epochs
        return self.warmup_epochs <= epoch < last


class EpochDraw:
    """Which rows a run visits in an epoch, and what is mixed into them.

    ``rows`` and ``weights`` are ``(n_rows, examples)``; the first column is the row
    itself.
    """

    def __init__(self, run: Run, batch_size: int, mixed: bool) -> None:
        vicinity = run.vicinity if mixed else replace(run.vicinity, alpha=0)
        streams, n_rows = run.streams, len(run.training)
        order = streams.order.permutation(n_rows)
        self.vicinity = vicinity
        self.rows = order[:, None]
        if vicinity.n_examples > 1:
            partners = run.draw_partners(
                order, batch_size, vicinity.n_examples - 1, streams.partners
            )
            _check_partners(partners, n_rows, vicinity)
            partners = partners.astype(np.int64, copy=False)
            self.rows = np.concatenate([self.rows, partners], axis=1)
        self.weights = vicinity.draw_weights(n_rows, batch_size, streams.weights)

    def take(self, first: int, n_rows: int, examples: int | None) -> Drawn:
        """Return ``n_rows`` rows from ``first`` on, padded with rows of no weight.

        ``examples``, if given, is how many there are to be for each row: those that
        are missing are the row itself and have no weight.
        """
        at = slice(first, first + n_rows)
        rows, weights = self.rows[at], self.weights[at]
        missing = 0 if examples is None else examples - rows.shape[1]
        if missing:
            rows = np.concatenate([rows, rows[:, :1].repeat(missing, axis=1)], axis=1)
        shape = n_rows, rows.shape[1]
        drawn = rows, weights, self.vicinity.target_weights(weights)
        return Drawn(*(torch.from_numpy(_padded(part, shape)) for part in drawn))


def _padded(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Return the values with zeros below and to the right."""
    if values.shape == shape:
        return values
    padded = np.zeros(shape, values.dtype)
    padded[: len(values), : values.shape[1]] = values
    return padded


class Drawn(NamedTuple):
    """Row numbers, and their weights in inputs and targets: ``(rows, examples)``."""

    numbers: Tensor
    weights: Tensor
    shares: Tensor


class Part(NamedTuple):
    """One run's rows of a block; ``inputs`` are mixed unless a hidden layer is to."""

    inputs: Tensor
    targets: Tensor
    mass: Tensor
    weights: Tensor


def _check_partners(partners: Rows, n_rows: int, vicinity: Vicinity) -> None:
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
    if partners.min() < 0 or partners.max() >= n_rows:
        raise ValueError(
            f"{vicinity.pairing!r} drew row {partners.min()} to {partners.max()}, but "
            f"the training rows are numbered 0 to {n_rows - 1}."
        )


@dataclass(frozen=True)
class Block:
    """Some steps' minibatches: every tensor is ``(runs, steps, rows, ...)``.

    ``mass`` is the weight of a row in the mean over the rows of its step, of which
    there are ``step_rows``, ``(runs, steps)``.
    """

    inputs: Tensor
    targets: Tensor
    mass: Tensor
    step_rows: Tensor
    weights: Tensor | None = None
    layers: Sequence[int | str] = ()
    dropout: tuple[Tensor, ...] = ()

    @property
    def step_mass(self) -> Tensor:
        """The whole weight of each step's rows, ``(runs, steps)``."""
        return self.mass.sum((2, 3)) * self.step_rows

    def batches(self) -> Iterator[Batch]:
        """Yield the minibatches in turn."""
        inputs, targets, mass = (
            part.unbind(1) for part in (self.inputs, self.targets, self.mass)
        )
        for step in range(self.inputs.shape[1]):
            mixture = None
            if self.weights is not None:
                mixture = Mixture(self.weights[:, step], self.layers[step])
            yield Batch(
                inputs[step],
                targets[step],
                mass[step],
                mixture,
                tuple(mask[:, step] for mask in self.dropout),
            )


class Minibatches:
    """The minibatches of several runs, drawn anew each epoch.

    Parameters
    ----------
    runs : sequence of Run
        All with the same number of steps an epoch.
    plan : Plan
        What the runs have in common.
    standardize : Standardize
        Of all runs, on the device on which the blocks are to be made.
    """

    def __init__(
        self, runs: Sequence[Run], plan: Plan, standardize: Standardize
    ) -> None:
        self.runs, self.plan, self.standardize = runs, plan, standardize
        self.own_standardize = [standardize.select([r]) for r in range(len(runs))]
        self.device = standardize.shift.device
        self.dtype = standardize.shift.dtype
        self.epoch = 0
        self.mixes_inside = False
        self.largest = max(len(run.training) for run in runs)

    def __len__(self) -> int:
        return self.largest

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.largest // self.plan.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for block in self.blocks():
            yield from block.batches()

    def blocks(self) -> Iterator[Block]:
        """Draw an epoch and yield it a block of steps at a time."""
        mixed = self.plan.mixes_in(self.epoch)
        draws = [EpochDraw(run, self.plan.batch_size, mixed) for run in self.runs]
        self.mixes_inside = mixed and self.plan.mix_layer is not None
        self.epoch += 1
        whole = self.largest // self.plan.batch_size
        for start in range(0, whole, self._block_steps):
            stop = min(start + self._block_steps, whole)
            yield self._block(draws, start, stop, self.plan.batch_size)
        rest = self.largest - whole * self.plan.batch_size
        if rest:
            yield self._block(draws, whole, whole + 1, rest)

    @property
    def _block_steps(self) -> int:
        row = int(np.prod(self.standardize.shift.shape[2:])) * 4 * self.plan.n_mixed
        if self.plan.dropout:
            row = max(row, sum(self.plan.hidden_sizes) * self._copies)
        step = len(self.runs) * self.plan.batch_size * row
        on_cpu = self.device.type == "cpu"
        return max(1, (CPU_BLOCK_BYTES if on_cpu else GPU_BLOCK_BYTES) // step)

    def _block(
        self, draws: Sequence[EpochDraw], start: int, stop: int, batch_rows: int
    ) -> Block:
        first = start * self.plan.batch_size
        n_rows = (stop - start) * batch_rows
        parts = [
            self._part(run, standardize, draw.take(first, n_rows, self._examples))
            for run, standardize, draw in zip(
                self.runs, self.own_standardize, draws, strict=True
            )
        ]
        shape = (len(parts), stop - start, batch_rows)
        inputs = torch.stack([part.inputs for part in parts])
        inputs = self._noisy(inputs, first)
        mass = torch.stack([part.mass for part in parts]).view(*shape, 1)
        step_rows = self._step_rows(first, shape)
        block = Block(
            inputs=inputs.reshape(*shape[:2], -1, *inputs.shape[2:]),
            targets=torch.stack([part.targets for part in parts]).view(*shape, -1),
            mass=mass / step_rows[..., None, None],
            step_rows=step_rows,
            dropout=self._dropout_masks(first, shape),
        )
        if not self.mixes_inside:
            return block
        return replace(
            block,
            weights=torch.stack([part.weights for part in parts]).view(*shape, -1),
            layers=self._draw_layers(shape[1]),
        )

    def _step_rows(self, first: int, shape: tuple[int, int, int]) -> Tensor:
        """Return how many rows of each step are not padding, ``(runs, steps)``.

        A loss is divided by them and not by the weights of the step's rows, or weights
        would count within a minibatch only: of two classes that seldom meet in one,
        the heavier would weigh no more.
        """
        _, steps, n_rows = shape
        begins = first + n_rows * torch.arange(steps)
        lengths = torch.tensor([len(run.training) for run in self.runs])
        own = (lengths[:, None] - begins).clamp_(0, n_rows)
        return own.to(self.device, self.dtype)

    def _part(self, run: Run, standardize: Standardize, drawn: Drawn) -> Part:
        numbers = drawn.numbers.to(self.device)
        weights = drawn.weights.to(self.device, self.dtype)
        shares = drawn.shares.to(self.device, self.dtype)
        targets, mass = _mixed_targets(run, numbers, shares)
        rows = run.training.inputs(numbers.view(-1)).unsqueeze(0)
        inputs = standardize(rows).squeeze(0)
        if not self.mixes_inside:
            inputs = _mixed_inputs(inputs, weights)
        return Part(inputs, targets, mass, weights)

    def _noisy(self, inputs: Tensor, first: int) -> Tensor:
        for run, x in zip(self.runs, inputs, strict=True):
            if run.vicinity.noise_std:
                own = x[: self._n_own(run, first)]
                noise = run.streams.noise.standard_normal(own.shape, dtype=np.float32)
                noise *= run.vicinity.noise_std
                own += torch.from_numpy(noise).to(self.device)
        return inputs

    def _dropout_masks(
        self, first: int, shape: tuple[int, int, int]
    ) -> tuple[Tensor, ...]:
        if not self.plan.dropout:
            return ()
        runs, steps, n_rows = shape[0], shape[1], shape[2] * self._copies
        width = sum(self.plan.hidden_sizes)
        # Of 2^16 numbers so many keep a unit: two random bytes for each are enough, and
        # eight are drawn at a time. Of whole rows, or it would matter where blocks end.
        row_draws = -(-width // 4)
        keeping = max(1, round((1 - self.plan.dropout) * 2**16))
        kept = np.zeros((runs, steps * n_rows, width), dtype=bool)
        for run, own in zip(self.runs, kept, strict=True):
            own = own[: self._n_own(run, first)]
            drawn = run.streams.dropout.integers(
                2**64, size=(len(own), row_draws), dtype=np.uint64
            )
            np.less(drawn.view(np.uint16)[:, :width], keeping, out=own)
        masks = torch.from_numpy(kept).to(self.device, self.dtype)
        masks.mul_(2**16 / keeping)
        masks = masks.view(runs, steps, n_rows, width)
        return masks.split(self.plan.hidden_sizes, dim=-1)

    def _n_own(self, run: Run, first: int) -> int:
        """Return how many rows from ``first`` on are the run's, not padding.

        Nothing is drawn for padding, or a run's streams would depend on its neighbours.
        """
        return (len(run.training) - first) * self._copies

    @property
    def _examples(self) -> int | None:
        """How many rows are mixed, where it must be the same for all runs."""
        return self.plan.n_mixed if self.mixes_inside else None

    @property
    def _copies(self) -> int:
        """How many rows enter the network for each virtual example."""
        return self._examples or 1

    def _draw_layers(self, steps: int) -> Sequence[int | str]:
        if self.plan.mix_layer == "random":
            n_layers = len(self.plan.hidden_sizes) + 1
            alike = [
                run.streams.layers.integers(n_layers, size=steps) for run in self.runs
            ]
            return [int(number) for number in alike[0]]
        return [self.plan.mix_layer or 0] * steps


def _mixed_inputs(inputs: Tensor, weights: Tensor) -> Tensor:
    """Mix ``(rows * examples, *features)`` to ``(rows, *features)``."""
    rows, examples = weights.shape
    if examples == 1:
        return inputs
    split = inputs.view(rows, examples, -1)
    mixed = split.mul_(weights.unsqueeze(-1)).sum(1)
    return mixed.view(rows, *inputs.shape[1:])


def _mixed_targets(run: Run, numbers: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Return targets, ``(rows, outputs)``, and the weight behind them, ``(rows,)``."""
    shares = shares * run.training.weight(numbers)
    mass = shares.sum(1)
    mixed = (shares.unsqueeze(-1) * run.training.targets.take(numbers)).sum(1)
    targets = mixed / mass.clamp(min=1e-30).unsqueeze(-1)
    smoothing = run.vicinity.label_smoothing
    if smoothing:
        floor = smoothing / run.training.targets.n_classes
        targets = (1 - smoothing) * targets + floor
    return targets, mass


class ValidationRows:
    """The clean rows on which runs are judged."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.portions = [run.validation for run in runs if run.validation is not None]
        self._kept: list[tuple[Tensor, Tensor, Tensor]] | None = None

    def __len__(self) -> int:
        return max((len(portion) for portion in self.portions), default=0)

    def blocks(self, chunk: int = 8192) -> Iterable[tuple[Tensor, Tensor, Tensor]]:
        """Return blocks of raw inputs, targets and mass, ``(runs, rows, ...)``.

        Runs with fewer rows than the largest are padded with rows of no mass.
        """
        if len(self) <= chunk and self._n_bytes <= KEPT_BYTES:
            if self._kept is None:
                self._kept = list(self._gathered(chunk))
            return self._kept
        fitting = CPU_BLOCK_BYTES * len(self) // self._n_bytes
        return self._gathered(max(1, min(chunk, fitting)))

    @property
    def _n_bytes(self) -> int:
        if not self.portions:
            return 0
        table, targets = self.portions[0].table, self.portions[0].targets
        width = int(np.prod(table.shape[1:])) + targets.width
        return 4 * width * len(self) * len(self.portions)

    def _gathered(self, chunk: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for chunk_rows in gen_batches(len(self), chunk):
            parts = [self._part(portion, chunk_rows) for portion in self.portions]
            inputs, targets, mass = (
                torch.stack(part) for part in zip(*parts, strict=True)
            )
            yield inputs, targets, mass

    def _part(self, portion: RowSubset, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        numbers = torch.arange(rows.start, rows.stop, device=portion.device)
        present = numbers < len(portion)
        numbers = numbers.clamp_(max=len(portion) - 1)
        total = portion.weight(torch.arange(len(portion), device=portion.device)).sum()
        mass = portion.weight(numbers) * present / total
        return portion.inputs(numbers), portion.targets.take(numbers), mass[:, None]

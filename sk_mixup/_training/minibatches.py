"""How an epoch is drawn.

The table is on the device once. An epoch is row numbers and weights: it is drawn on the
CPU, run by run, from streams that belong to the run, and turned into minibatches a
block of steps at a time, one gather and one weighted sum each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._data.neighbors import Rows
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import numpy_dtype
from sk_mixup._networks.batch import Batch, Layer, Mixture, mixed
from sk_mixup._networks.network import Standardize
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.run import Run

#: Of a block's rows before they are mixed. Larger blocks leave a CPU's cache: 20,000
#: rows of 30 features took 0.63, 0.57, 0.57, 0.68 and 0.77 s by blocks of 0.25, 1, 4,
#: 16 and 64 MB. A GPU has no such cache, and each block costs it some launches.
CPU_BLOCK_BYTES, GPU_BLOCK_BYTES = 4_000_000, 64_000_000

#: Validation rows up to this are gathered once and not every epoch, which saves 2 to
#: 3 % of a fit to 1,797 x 64 or 20,000 x 30.
KEPT_BYTES = 16_000_000

#: Validation rows that pass through the networks at a time: what a layer of 128 units
#: makes of them takes 4 MB a network.
CHUNK_ROWS = 8192


@dataclass(frozen=True)
class Plan:
    """How minibatches are made; equal for all runs of a stack.

    ``mix_layer`` is None for mixing at the input; ``hidden_sizes`` are the widths
    whose units may be dropped; ``layer_entropy`` seeds the layer of each step where
    "random" is asked for.
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

    def mixes_in(self, epoch: int) -> bool:
        """Tell whether the epoch, counted from 0, is neither warm-up nor clean."""
        last = self.max_epochs - self.clean_epochs
        return self.warmup_epochs <= epoch < last


def draw_rows(
    run: Run, vicinity: Vicinity, batch_size: int
) -> tuple[Rows, NDArray[np.float32]]:
    """Draw the rows that a run visits in an epoch, and what is mixed into them.

    Row numbers and their weights in the inputs are ``(n_rows, examples)``; the first
    column is the row itself.
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
    return row_numbers, vicinity.draw_weights(n_rows, batch_size, streams.weights)


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
    standardize : Standardize
        Of all runs, on the device on which the blocks are to be made.
    """

    def __init__(
        self, runs: Sequence[Run], plan: Plan, standardize: Standardize
    ) -> None:
        self.runs, self.plan = runs, plan
        self.own_standardize = [standardize.select([n]) for n in range(len(runs))]
        self.device = standardize.shift.device
        self.dtype = standardize.shift.dtype
        self.n_features = standardize.width
        self.largest = max(len(run.training) for run in runs)
        self.step_rows = self._step_rows()

    def __len__(self) -> int:
        return self.largest

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.largest // self.plan.batch_size)

    def draw(self, epoch: int) -> EpochDraw:
        """Draw an epoch, counted from 0."""
        return EpochDraw(self, self.plan.mixes_in(epoch))

    def _step_rows(self) -> Tensor:
        """Return how many rows of each step are not padding, ``(runs, steps)``."""
        # A loss is divided by these and not by the weights of the step's rows, or
        # weights would count within a minibatch only: of two classes that seldom meet
        # in one, the heavier would weigh no more.
        begins = self.plan.batch_size * torch.arange(self.steps)
        lengths = torch.tensor([len(run.training) for run in self.runs])
        own = (lengths[:, None] - begins).clamp_(0, self.plan.batch_size)
        return own.to(self.device, self.dtype)


class EpochDraw:
    """Which rows all runs visit in one epoch, and what is mixed into them.

    ``row_numbers``, the weights of the examples in the inputs, ``mix_weights``, and
    those in the loss, ``weights``, are ``(runs, rows, examples)``; the first example is
    the row itself. A run with fewer rows than the largest is padded with rows of no
    weight, one that mixes fewer examples than others with the row itself.
    """

    def __init__(self, source: Minibatches, is_mixed: bool) -> None:
        self.source, self.plan, self.runs = source, source.plan, source.runs
        inside = is_mixed and self.plan.mix_layer is not None
        self.layers = self._draw_layers() if inside else ()
        vicinities = [
            run.vicinity if is_mixed else replace(run.vicinity, alpha=0)
            for run in self.runs
        ]
        # Noise and masks are drawn for all copies, whose number must not depend on a
        # run's neighbours.
        most = max(vicinity.n_examples for vicinity in vicinities)
        shape = (len(self.runs), len(source), self.plan.n_mixed if inside else most)
        # Padding is row 0, which every run has, with the weight 0.
        row_numbers = np.zeros(shape, np.int64)
        mix_weights, weights = np.zeros((2, *shape), numpy_dtype(source.dtype))
        for place, (run, vicinity) in enumerate(
            zip(self.runs, vicinities, strict=True)
        ):
            drawn, own_weights = draw_rows(run, vicinity, self.plan.batch_size)
            row_numbers[place, : len(drawn)] = drawn[:, :1]
            own = place, slice(len(drawn)), slice(drawn.shape[1])
            row_numbers[own], mix_weights[own] = drawn, own_weights
            weights[own] = vicinity.target_weights(own_weights)
        self.row_numbers = torch.from_numpy(row_numbers).to(source.device)
        self.mix_weights = self._on_device(mix_weights)
        self.weights = self._weighted(self._on_device(weights))

    def _weighted(self, weights: Tensor) -> Tensor:
        """Multiply by the weights of the rows, in place."""
        for run, numbers, own in zip(self.runs, self.row_numbers, weights, strict=True):
            if run.training.weights is not None:
                # A row that is mixed in brings its own weight with it.
                own *= run.training.weight(numbers)
        return weights

    def _on_device(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.source.device, self.source.dtype)

    def _draw_layers(self) -> tuple[Layer, ...]:
        steps, layer = self.source.steps, self.plan.mix_layer
        if layer == "random":
            n_layers = len(self.plan.hidden_sizes) + 1
            # Every run's stream is drawn, though all agree: it must be as far as alone.
            alike = [
                run.streams.layers.integers(n_layers, size=steps) for run in self.runs
            ]
            return tuple(alike[0].tolist())
        return (layer or 0,) * steps

    def mean_loss(self, losses: Tensor) -> Tensor:
        """Return each run's mean over its rows by weight of the steps' losses.

        ``losses`` is ``(runs, steps)``, the result ``(runs,)``.
        """
        # The steps' losses were divided by these numbers, of which the last is smaller.
        return (losses * self.source.step_rows).sum(1) / self.weights.sum((1, 2))

    def blocks(self) -> Iterator[Batch]:
        """Yield the epoch, a block of steps at a time."""
        size = self.plan.batch_size
        whole = len(self.source) // size
        for start in range(0, whole, self._block_steps):
            yield self._block(start, min(start + self._block_steps, whole), size)
        # A block holds minibatches of one size, and the last may be smaller.
        rest = len(self.source) - whole * size
        if rest:
            yield self._block(whole, whole + 1, rest)

    @property
    def _copies(self) -> int:
        """How many rows enter the network for each virtual example."""
        return self.row_numbers.shape[2] if self.layers else 1

    @property
    def _block_steps(self) -> int:
        row = 4 * self.source.n_features * self.plan.n_mixed
        if self.plan.dropout:
            row = max(row, sum(self.plan.hidden_sizes) * self._copies)
        step = len(self.runs) * self.plan.batch_size * row
        on_cpu = self.source.device.type == "cpu"
        return max(1, (CPU_BLOCK_BYTES if on_cpu else GPU_BLOCK_BYTES) // step)

    def _block(self, start: int, stop: int, step_size: int) -> Batch:
        """Return the minibatches of the steps from ``start`` to ``stop``."""
        first = start * self.plan.batch_size
        rows = slice(first, first + (stop - start) * step_size)
        shape = (len(self.runs), stop - start, step_size)
        inputs = self._inputs(rows)
        targets, weight = self._targets(rows)
        mix_weights = self.mix_weights[:, rows].view(*shape, -1)
        layers = self.layers[start:stop]
        return Batch(
            inputs.reshape(*shape[:2], -1, *inputs.shape[2:]),
            targets.view(*shape, -1),
            weight.view(*shape, 1) / self.source.step_rows[:, start:stop, None, None],
            Mixture(mix_weights, layers) if layers else None,
            self._dropout_masks(first, shape),
        )

    def _inputs(self, rows: slice) -> Tensor:
        """Return what enters the networks, ``(runs, rows * copies, *features)``."""
        numbers, weights = self.row_numbers[:, rows], self.mix_weights[:, rows]
        # Run by run, because the intermediate results then fit into the cache.
        own = zip(range(len(self.runs)), numbers, weights, strict=True)
        inputs = torch.stack([self._own_inputs(*each) for each in own])
        self._add_noise(inputs, rows.start)
        return inputs

    def _own_inputs(self, place: int, numbers: Tensor, weights: Tensor) -> Tensor:
        """Return a run's inputs, ``(rows * copies, *features)``."""
        raw = self.runs[place].training.inputs(numbers.reshape(-1))
        inputs = self.source.own_standardize[place](raw.unsqueeze(0)).squeeze(0)
        if self.layers or weights.shape[1] == 1:
            return inputs
        examples = inputs.view(*weights.shape, -1)
        return mixed(examples, weights).view(-1, *inputs.shape[1:])

    def _targets(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Return targets, ``(runs, rows, outputs)``, and weight, ``(runs, rows)``."""
        numbers, weights = self.row_numbers[:, rows], self.weights[:, rows]
        plain = [
            run.training.targets.take(own)
            for run, own in zip(self.runs, numbers, strict=True)
        ]
        weight = weights.sum(-1)
        targets = mixed(torch.stack(plain), weights)
        # Padding has the weight 0 and would make NaN of 0 / 0.
        targets /= weight.clamp(min=1e-30).unsqueeze(-1)
        for run, own in zip(self.runs, targets, strict=True):
            smoothing = run.vicinity.label_smoothing
            if smoothing:
                own *= 1 - smoothing
                own += smoothing / run.training.targets.n_classes
        return targets, weight

    def _add_noise(self, inputs: Tensor, first: int) -> None:
        for run, x in zip(self.runs, inputs, strict=True):
            if run.vicinity.noise_std:
                own = x[: self._n_own(run, first)]
                # Drawn on the CPU by NumPy: a GPU's generator would draw other numbers.
                noise = run.streams.noise.standard_normal(own.shape, dtype=np.float32)
                noise *= run.vicinity.noise_std
                own += torch.from_numpy(noise).to(self.source.device)

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
        masks = self._on_device(kept)
        # By the fraction that 16 bits can give, so that a unit keeps its mean exactly.
        masks.mul_(2**16 / keeping)
        masks = masks.view(runs, steps, n_rows, width)
        return masks.split(self.plan.hidden_sizes, dim=-1)

    def _n_own(self, run: Run, first: int) -> int:
        """Return how many rows from ``first`` on are the run's, not padding."""
        # Nothing is drawn for padding: streams would depend on the runs beside.
        return (len(run.training) - first) * self._copies


class ValidationRows:
    """The clean validation rows of several runs.

    Parameters
    ----------
    runs : sequence of Run
        The runs.
    width : int
        How many numbers a row becomes in the input layer, which bounds the batches.
    """

    def __init__(self, runs: Sequence[Run], width: int) -> None:
        self.portions = [run.validation for run in runs if run.validation is not None]
        self.width = width
        self._kept: list[Batch] | None = None

    def __len__(self) -> int:
        return max((len(portion) for portion in self.portions), default=0)

    def batches(self, chunk: int = CHUNK_ROWS) -> Iterable[Batch]:
        """Return batches of raw inputs.

        Runs with fewer rows than the largest are padded with rows of no weight.
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
        width = self.width + self.portions[0].targets.width
        return 4 * width * len(self) * len(self.portions)

    def _gathered(self, chunk: int) -> Iterator[Batch]:
        for chunk_rows in gen_batches(len(self), chunk):
            parts = [self._part(portion, chunk_rows) for portion in self.portions]
            inputs, targets, weight = zip(*parts, strict=True)
            yield Batch(torch.stack(inputs), torch.stack(targets), torch.stack(weight))

    def _part(self, portion: RowSubset, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        numbers = torch.arange(rows.start, rows.stop, device=portion.device)
        present = numbers < len(portion)
        numbers = numbers.clamp_(max=len(portion) - 1)
        # Weights are fractions of all rows: losses of chunks add up to a mean.
        total = portion.weight(torch.arange(len(portion), device=portion.device)).sum()
        weight = portion.weight(numbers) * present / total
        return portion.inputs(numbers), portion.targets.take(numbers), weight[:, None]

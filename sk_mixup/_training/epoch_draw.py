"""How an epoch is drawn.

The table is on the device once. An epoch is row numbers and weights: it is drawn on the
CPU, run by run, from streams that belong to the run, and turned into minibatches a
block of steps at a time, one gather and one weighted sum each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._data.tables import numpy_dtype
from sk_mixup._networks.batch import Block, Dropout, Encoded, Layer, Mixture, mixed
from sk_mixup._training.dropout_masks import draw_masks
from sk_mixup._training.minibatches import RAW, Minibatches, draw_rows
from sk_mixup._training.run import Run
from sk_mixup._training.swapping import ColumnShares

#: Of a block's rows before they are mixed. Larger blocks leave a CPU's cache: 20,000
#: rows of 30 features took 0.63, 0.57, 0.57, 0.68 and 0.77 s by blocks of 0.25, 1, 4,
#: 16 and 64 MB. A GPU has no such cache, and each block costs it some launches; there
#: masks count too, which are larger than the rows.
CPU_BLOCK_BYTES, GPU_BLOCK_BYTES = 4_000_000, 256_000_000
#: A step larger than a block is encoded and mixed in pieces of a multiple of so many
#: rows, in which vectors of numbers end where they would end in the whole.
PIECE = 64


class EpochDraw:
    """Which rows all runs visit in one epoch, and what is mixed into them.

    ``numbers`` are ``(examples, runs, rows)``, where the first example is the row
    itself; the weights of the examples in the inputs, ``mix_weights``, and in the
    targets, ``target_weights``, are ``(examples, runs, steps, rows of a step or 1)``. A
    run with fewer rows than the largest is padded with rows of no weight, one that
    mixes fewer examples than others with the row itself.

    Parameters
    ----------
    source : Minibatches
        What is drawn from.
    epoch : int
        Number of the epoch, from 0.
    """

    def __init__(self, source: Minibatches, epoch: int) -> None:
        self.source, self.plan, self.runs = source, source.plan, source.runs
        is_mixed = self.plan.mixes_in(epoch)
        inside = is_mixed and self.plan.mixes_inside
        self.layers = self._draw_layers() if inside else ()
        self.vicinities = [
            run.vicinity if is_mixed else replace(run.vicinity, alpha=0)
            for run in self.runs
        ]
        # Noise and masks are drawn for all copies, whose number must not depend on a
        # run's neighbours.
        most = max(vicinity.n_examples for vicinity in self.vicinities)
        self.examples = self.plan.n_mixed if inside else most
        self.block_steps, self.piece_rows = self._sizes()
        self._draw_rows()

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

    def _draw_rows(self) -> None:
        source, batch_size = self.source, self.plan.batch_size
        # Padding is row 0, which every run has. Half the size of NumPy's whole numbers.
        numbers = np.zeros((self.examples, len(self.runs), len(source)), np.int32)
        singly = any(vicinity.mixes_each for vicinity in self.vicinities)
        size = min(batch_size, len(source)) if singly else 1
        shape = self.examples, len(self.runs), source.steps, size
        inputs = np.zeros(shape, numpy_dtype(source.dtype))
        # One array where both are alike: with a weight for each row they are large.
        alike = all(run.vicinity.mix_target == "interpolate" for run in self.runs)
        targets = inputs if alike else np.zeros_like(inputs)
        for place, (run, vicinity) in enumerate(
            zip(self.runs, self.vicinities, strict=True)
        ):
            drawn, weights = draw_rows(run, vicinity, batch_size)
            numbers[:, place, : len(drawn)] = drawn[:, 0]
            numbers[: vicinity.n_examples, place, : len(drawn)] = drawn.T
            _by_steps(inputs[:, place], weights)
            of_targets = run.target_weights(drawn, weights, batch_size)
            _by_steps(targets[:, place], of_targets)
        self.numbers = torch.from_numpy(numbers).to(source.device)
        self.mix_weights, self.target_weights = (
            torch.from_numpy(weights).to(source.device) for weights in (inputs, targets)
        )

    def blocks(self) -> Iterator[Block]:
        """Yield the epoch, a block of steps at a time."""
        size = self.plan.batch_size
        whole = len(self.source) // size
        for start in range(0, whole, self.block_steps):
            yield self._block(start, min(start + self.block_steps, whole), size)
        # A block holds minibatches of one size, and the last may be smaller.
        rest = len(self.source) - whole * size
        if rest:
            yield self._block(whole, whole + 1, rest)

    def _sizes(self) -> tuple[int, int]:
        """Return the steps of a block, and the rows of a piece of a large step."""
        inputs, n_runs = self.source.inputs, len(self.runs)
        row = inputs.width * n_runs + inputs.n_units * len(inputs.binned)
        row += self.runs[0].training.targets.width * n_runs
        row_bytes = 4 * self.plan.n_mixed * row  # of all runs, before they are mixed
        on_cpu = self.source.device.type == "cpu"
        most = CPU_BLOCK_BYTES if on_cpu else GPU_BLOCK_BYTES
        in_step = row_bytes
        if self.plan.dropout and not on_cpu:
            in_step += 4 * n_runs * sum(self.plan.hidden_sizes) * self._copies
        piece = max(1, most // row_bytes // PIECE) * PIECE
        return max(1, most // (self.plan.batch_size * in_step)), piece

    def _block(self, start: int, stop: int, step_size: int) -> Block:
        """Return the minibatches of the steps from ``start`` to ``stop``."""
        first, shape = start * self.plan.batch_size, (stop - start, step_size)
        numbers = self.numbers[:, :, first : first + shape[0] * step_size].long()
        here = slice(None), slice(None), slice(start, stop), slice(step_size)
        mix_weights, target_weights = self.mix_weights[here], self.target_weights[here]
        shares = ColumnShares.alike(mix_weights, target_weights)
        if self.source.swaps and self.examples > 1:
            shares = self._swapped(mix_weights, target_weights, first, shape)
        rows = self._inputs(numbers, shares, shape)
        self._add_noise(rows.values, first)
        targets, weight = self._targets(numbers, shares.targets, first, shape)
        step_rows = self.source.step_rows[:, start:stop, None]
        return Block(
            rows.values,
            targets,
            (weight / step_rows).unsqueeze(-1),
            self._mixture(mix_weights, start, shape),
            self._dropout(first, shape),
            rows.units,
            total_weight=weight.sum((1, 2)),
        )

    def _mixture(
        self, mix_weights: Tensor, start: int, shape: tuple[int, int]
    ) -> Mixture | None:
        if not self.layers:
            return None
        weights = mix_weights.movedim(0, -1).expand(-1, *shape, -1)
        return Mixture(weights, self.layers[start : start + shape[0]])

    def _swapped(
        self,
        mix_weights: Tensor,
        target_weights: Tensor,
        first: int,
        shape: tuple[int, int],
    ) -> ColumnShares:
        """Return the shares of the examples where some runs take columns whole."""
        of_runs = [
            swap.shares(weights, targets, self._n_own(run, first), shape)
            for swap, weights, targets, run in zip(
                self.source.swaps,
                mix_weights.unbind(1),
                target_weights.unbind(1),
                self.runs,
                strict=True,
            )
        ]
        return ColumnShares.stack(of_runs)

    def _inputs(
        self, numbers: Tensor, shares: ColumnShares, shape: tuple[int, int]
    ) -> Encoded:
        """Return what enters the networks, ``(runs, steps, rows * copies, ...)``."""
        n_rows = numbers.shape[2]
        if shape[0] > 1 or n_rows <= self.piece_rows or self.layers:
            return self._encoded(numbers, shares, shape)
        # Of all rows at once, only what enters is kept.
        pieces = (
            (
                some,
                self._encoded(numbers[..., some], shares.of(some), (1, _length(some))),
            )
            for some in gen_batches(n_rows, self.piece_rows)
        )
        return _joined(pieces, n_rows)

    def _encoded(
        self, numbers: Tensor, shares: ColumnShares, shape: tuple[int, int]
    ) -> Encoded:
        """Return rows of some steps, or some rows of one, encoded and mixed."""
        if self.plan.mix_layer == RAW:
            raw = [self.source.rows.raw(of_example) for of_example in numbers]
            mix = self._brought_together(raw, shares.values, shape)
            rows = self.source.inputs.encode(mix.flatten(1, 2))
            return Encoded(*(_by_shape(part, shape) for part in rows))
        parts = [self.source.rows.inputs(of_example) for of_example in numbers]
        values = [part.values for part in parts]
        mix = self._brought_together(values, shares.values, shape)
        units = [part.units for part in parts if part.units is not None]
        if not units:
            return Encoded(mix)
        of_units = shares.units
        if of_units is None:
            of_units = shares.values.index_select(1, self.source.rows.binned)
        return Encoded(mix, self._brought_together(units, of_units, shape))

    def _brought_together(
        self, parts: list[Tensor], shares: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        """Mix the examples, or put copies that are mixed inside in a row."""
        features = parts[0].shape[2:]
        if self.layers:
            return torch.stack(parts, 2).view(len(parts[0]), shape[0], -1, *features)
        parts = [part.view(len(part), *shape, -1) for part in parts]
        mix = mixed(parts, list(shares)) if len(parts) > 1 else parts[0]
        return mix.view(len(mix), *shape, *features)

    def _targets(
        self, numbers: Tensor, shares: Tensor, first: int, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Return targets ``(runs, steps, rows, outputs)`` and weight, without that."""
        rows, n_runs = self.source.rows, len(self.runs)
        weight = torch.ones(n_runs, *shape, device=numbers.device)
        if rows.weighted:
            # A row that is mixed in brings its own weight with it.
            shares = shares * rows.weight(numbers).view(-1, n_runs, *shape)
            weight = shares.sum(0)
            # Padding has the weight 0 and would make NaN of 0 / 0.
            shares = shares / weight.clamp(min=1e-30)
        if not self.source.alike:
            at = torch.arange(shape[0] * shape[1], device=numbers.device).view(shape)
            weight = weight * (at + first < self.source.lengths[:, None, None])
        parts = [
            rows.targets(of_example).view(n_runs, *shape, -1) for of_example in numbers
        ]
        targets = parts[0]
        if len(parts) > 1:
            targets = mixed(parts, list(shares.unsqueeze(-1)))
        return self._smoothed(targets), weight.to(self.source.dtype)

    def _smoothed(self, targets: Tensor) -> Tensor:
        for run, of_run in zip(self.runs, targets, strict=True):
            smoothing = run.vicinity.label_smoothing
            if smoothing:
                of_run *= 1 - smoothing
                of_run += smoothing / run.training.targets.n_classes
        return targets

    def _add_noise(self, values: Tensor, first: int) -> None:
        if not any(run.vicinity.noise_std for run in self.runs):
            return
        rows = values.flatten(1, 2)
        # Drawn on the CPU by NumPy, whose numbers no GPU's generator would draw, and
        # sent up at once.
        noise = np.zeros(rows.shape, np.float32)
        for run, x in zip(self.runs, noise, strict=True):
            if run.vicinity.noise_std:
                not_padding = x[: self._n_own(run, first)]
                run.streams.noise.standard_normal(out=not_padding, dtype=np.float32)
                not_padding *= run.vicinity.noise_std
        rows += torch.from_numpy(noise).to(self.source.device)

    def _dropout(self, first: int, shape: tuple[int, int]) -> Dropout | None:
        if not self.plan.dropout:
            return None
        streams = [run.streams.dropout for run in self.runs]
        n_own = [self._n_own(run, first) for run in self.runs]
        copied = shape[0], shape[1] * self._copies
        rate, widths = self.plan.dropout, self.plan.hidden_sizes
        leaders, device = self.source.leaders, self.source.device
        return draw_masks(streams, leaders, n_own, copied, widths, rate, device)

    @property
    def _copies(self) -> int:
        """How many rows enter the network for each virtual example."""
        return self.examples if self.layers else 1

    def _n_own(self, run: Run, first: int) -> int:
        """Return how many rows from ``first`` on are the run's, not padding."""
        # Nothing is drawn for padding: streams would depend on the runs beside.
        return (len(run.training) - first) * self._copies


def _joined(pieces: Iterable[tuple[slice, Encoded]], n_rows: int) -> Encoded:
    """Return pieces of one step's rows as one."""
    whole: list[Tensor] = []
    for rows, piece in pieces:
        parts = [part for part in piece if part is not None]
        if not whole:
            whole = [_with_rows(part, n_rows) for part in parts]
        for all_rows, part in zip(whole, parts, strict=True):
            all_rows[:, :, rows] = part
    return Encoded(*whole)


def _with_rows(part: Tensor, n_rows: int) -> Tensor:
    return part.new_empty(*part.shape[:2], n_rows, *part.shape[3:])


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)


def _by_shape(rows: Tensor | None, shape: tuple[int, int]) -> Any:
    return None if rows is None else rows.view(len(rows), *shape, *rows.shape[2:])


def _by_steps(weights: NDArray[Any], drawn: NDArray[np.float32]) -> None:
    """Write weights ``(draws, examples)`` to ``(examples, steps, rows or 1)``."""
    examples, (steps, size) = drawn.shape[1], weights.shape[1:]
    if len(drawn) == steps and size > 1:
        weights[:examples] = drawn.T[..., None]
    else:
        weights.reshape(len(weights), -1)[:examples, : len(drawn)] = drawn.T

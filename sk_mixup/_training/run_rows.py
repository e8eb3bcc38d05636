"""The training rows of several runs, encoded for their networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, zip_longest
from typing import TypeVar

import torch
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks.batch import Encoded
from sk_mixup._networks.input_layers import Standardize

#: Encoded rows up to this are kept and not made anew in each epoch: on a CPU as much
#: as its last cache has, on a GPU what leaves room for all else.
CPU_KEPT_BYTES, GPU_KEPT_BYTES = 64_000_000, 4_000_000_000
#: Of the rows that are encoded at a time.
CHUNK_BYTES = 4_000_000

Thing = TypeVar("Thing")


class RunRows:
    """The training rows of several runs, gathered and encoded when they are taken.

    Parameters
    ----------
    subsets : sequence of RowSubset
        The training rows of each run.
    inputs : Standardize
        The input layer of all runs.
    """

    def __init__(self, subsets: Sequence[RowSubset], inputs: Standardize) -> None:
        self.subsets, self.layer = subsets, inputs
        self.device = inputs.shift.device
        self.binned = torch.tensor(inputs.binned, dtype=torch.long, device=self.device)
        self.weighted = any(subset.weights is not None for subset in subsets)

    # Numbers are within each run's own rows, ``(..., runs, rows)``.

    def inputs(self, numbers: Tensor) -> Encoded:
        """Return rows as the first layers take them, ``(runs, rows, ...)``."""
        return self.layer.encode(self.raw(numbers))

    def raw(self, numbers: Tensor) -> Tensor:
        """Return rows that are not encoded yet, ``(runs, rows, *features)``."""
        pairs = zip(self.subsets, numbers, strict=True)
        return torch.stack([subset.inputs(n) for subset, n in pairs])

    def targets(self, numbers: Tensor) -> Tensor:
        """Return the rows' targets, ``(runs, rows, outputs)``."""
        pairs = zip(self.subsets, numbers, strict=True)
        return torch.stack([subset.targets.take(n) for subset, n in pairs])

    def weight(self, numbers: Tensor) -> Tensor:
        """Return the rows' weights, in the shape of ``numbers``."""
        pairs = zip(self.subsets, numbers.unbind(-2), strict=True)
        return torch.stack([subset.weight(n) for subset, n in pairs], -2)


class EncodedRows(RunRows):
    """The training rows of several runs, encoded once and end to end.

    Runs with the same rows and the same input layer, as candidates of a search have
    them, share one copy.
    """

    def __init__(
        self,
        subsets: Sequence[RowSubset],
        inputs: Standardize,
        layers: Sequence[Standardize],
        firsts: Sequence[int],
    ) -> None:
        super().__init__(subsets, inputs)
        parts = {run: _encoded(subsets[run], layers[run]) for run in sorted({*firsts})}
        self.starts = self._starts(
            firsts, {n: part.values for n, part in parts.items()}
        )
        self.values = torch.cat([part.values for part in parts.values()])
        units = {n: part.units for n, part in parts.items() if part.units is not None}
        self.units = torch.cat(list(units.values())) if units else None
        self.bin_starts = self._starts([firsts[run] for run in inputs.binned], units)
        kept = [subsets[run] for run in parts]
        self.all_targets = kept[0].targets.joined([each.targets for each in kept])
        if self.weighted:
            every = (torch.arange(len(each), device=each.device) for each in kept)
            pairs = zip(kept, every, strict=True)
            self.weights = torch.cat([each.weight(n) for each, n in pairs])

    def _starts(self, firsts: Sequence[int], parts: dict[int, Tensor]) -> Tensor:
        """Return where each run's rows begin, ``(runs, 1)``, by the run that has them.

        ``parts`` are the rows, in the order in which they are joined.
        """
        ends = dict(zip(parts, accumulate(map(len, parts.values())), strict=True))
        starts = [ends[first] - len(parts[first]) for first in firsts]
        numbers = torch.tensor(starts, dtype=torch.long, device=self.device)
        return numbers.unsqueeze(1)

    def inputs(self, numbers: Tensor) -> Encoded:
        values = _taken(self.values, numbers + self.starts)
        if self.units is None:
            return Encoded(values)
        if len(self.binned) < len(numbers):
            numbers = numbers.index_select(0, self.binned)
        return Encoded(values, _taken(self.units, numbers + self.bin_starts))

    def targets(self, numbers: Tensor) -> Tensor:
        return self.all_targets.take(numbers + self.starts)

    def weight(self, numbers: Tensor) -> Tensor:
        return self.weights[numbers + self.starts]


def firsts_alike(
    things: Sequence[Thing], are_alike: Callable[[Thing, Thing], bool]
) -> list[int]:
    """Return for each thing the number of the first that is like it."""
    firsts: list[int] = []
    for number, thing in enumerate(things):
        alike = (
            first for first in dict.fromkeys(firsts) if are_alike(things[first], thing)
        )
        firsts.append(next(alike, number))
    return firsts


def _encode_alike(
    one: tuple[RowSubset, Standardize], other: tuple[RowSubset, Standardize]
) -> bool:
    """Tell whether two runs have the same rows and the same input layer."""
    return one[0] is other[0] and _are_equal(one[1], other[1])


def _are_equal(one: Standardize, other: Standardize) -> bool:
    pairs = zip_longest(one.buffers(), other.buffers())
    return one.n_units == other.n_units and all(
        torch.equal(own, its) for own, its in pairs
    )


def run_rows(subsets: Sequence[RowSubset], inputs: Standardize) -> RunRows:
    """Return the training rows of runs, encoded beforehand if they fit."""
    layers = [inputs.select([run]) for run in range(len(subsets))]
    firsts = firsts_alike([*zip(subsets, layers, strict=True)], _encode_alike)
    n_bytes = sum(_n_bytes(subsets[run], layers[run]) for run in {*firsts})
    on_cpu = inputs.shift.device.type == "cpu"
    if n_bytes > (CPU_KEPT_BYTES if on_cpu else GPU_KEPT_BYTES):
        return RunRows(subsets, inputs)
    return EncodedRows(subsets, inputs, layers, firsts)


def _n_bytes(subset: RowSubset, layer: Standardize) -> int:
    return 4 * len(subset) * (layer.width + layer.n_units + subset.targets.width)


def _encoded(subset: RowSubset, layer: Standardize) -> Encoded:
    """Return all rows of a run, without the axis of runs."""
    size = max(1, CHUNK_BYTES // (4 * (layer.width + layer.n_units)))
    parts = []
    for chunk in gen_batches(len(subset), size):
        numbers = torch.arange(chunk.start, chunk.stop, device=subset.device)
        parts.append(layer.encode(subset.inputs(numbers).unsqueeze(0)))
    values = torch.cat([part.values[0] for part in parts])
    units = [part.units[0] for part in parts if part.units is not None]
    return Encoded(values, torch.cat(units) if units else None)


def _taken(rows: Tensor, numbers: Tensor) -> Tensor:
    flat = rows.index_select(0, numbers.reshape(-1))
    return flat.view(*numbers.shape, *rows.shape[1:])

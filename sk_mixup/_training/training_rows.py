"""The training rows of several runs, encoded for their networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks.batch import Encoded
from sk_mixup._networks.network import Standardize

#: Encoded rows up to this are kept and not made anew in each epoch: on a CPU as much
#: as its last cache has, on a GPU what leaves room for all else.
CPU_KEPT_BYTES, GPU_KEPT_BYTES = 64_000_000, 4_000_000_000
#: Of the rows that are encoded at a time.
CHUNK_BYTES = 4_000_000


class TrainingRows:
    """The training rows of several runs, gathered and encoded when they are taken.

    Parameters
    ----------
    portions : sequence of RowSubset
        The training rows of each run.
    inputs : Standardize
        The input layer of all runs.
    """

    def __init__(self, portions: Sequence[RowSubset], inputs: Standardize) -> None:
        self.portions, self.layer = portions, inputs
        self.weighted = any(own.weights is not None for own in portions)

    # Numbers are within each run's own rows, ``(..., runs, rows)``.

    def inputs(self, numbers: Tensor) -> Encoded:
        """Return rows as the first layers take them, ``(runs, rows, ...)``."""
        return self.layer.encode(self.raw(numbers))

    def raw(self, numbers: Tensor) -> Tensor:
        """Return rows that are not encoded yet, ``(runs, rows, *features)``."""
        pairs = zip(self.portions, numbers, strict=True)
        return torch.stack([own.inputs(n) for own, n in pairs])

    def targets(self, numbers: Tensor) -> Tensor:
        """Return the rows' targets, ``(runs, rows, outputs)``."""
        pairs = zip(self.portions, numbers, strict=True)
        return torch.stack([own.targets.take(n) for own, n in pairs])

    def weight(self, numbers: Tensor) -> Tensor:
        """Return the rows' weights, in the shape of ``numbers``."""
        pairs = zip(self.portions, numbers.unbind(-2), strict=True)
        return torch.stack([own.weight(n) for own, n in pairs], -2)


class EncodedRows(TrainingRows):
    """The training rows of several runs, encoded once and end to end."""

    def __init__(self, portions: Sequence[RowSubset], inputs: Standardize) -> None:
        super().__init__(portions, inputs)
        binned = list(inputs.binned)
        self.starts = _starts(portions)
        self.bin_starts = _starts([portions[run] for run in binned])
        self.binned = torch.tensor(binned, device=self.starts.device)
        parts = [_encoded(own, inputs.select([n])) for n, own in enumerate(portions)]
        self.values = torch.cat([part.values for part in parts])
        units = [part.units for part in parts if part.units is not None]
        self.units = torch.cat(units) if units else None
        self.all_targets = portions[0].targets.joined([own.targets for own in portions])
        if self.weighted:
            every = (torch.arange(len(own), device=own.device) for own in portions)
            pairs = zip(portions, every, strict=True)
            self.weights = torch.cat([own.weight(n) for own, n in pairs])

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


def training_rows(portions: Sequence[RowSubset], inputs: Standardize) -> TrainingRows:
    """Return the training rows of runs, encoded beforehand if they fit."""
    width = 4 * inputs.width + 4 * portions[0].targets.width
    n_bytes = sum(len(own) * width for own in portions)
    n_bytes += sum(4 * inputs.n_units * len(portions[run]) for run in inputs.binned)
    on_cpu = portions[0].device.type == "cpu"
    fits = n_bytes <= (CPU_KEPT_BYTES if on_cpu else GPU_KEPT_BYTES)
    return (EncodedRows if fits else TrainingRows)(portions, inputs)


def _starts(portions: Sequence[RowSubset]) -> Tensor:
    """Return where each run's rows begin, ``(runs, 1)``."""
    lengths = [0, *(len(own) for own in portions)][: len(portions)]
    device = portions[0].device if portions else None
    return torch.tensor(lengths, device=device).cumsum(0).unsqueeze(1)


def _encoded(portion: RowSubset, layer: Standardize) -> Encoded:
    """Return all rows of a run, without the axis of runs."""
    size = max(1, CHUNK_BYTES // (4 * (layer.width + layer.n_units)))
    parts = []
    for chunk in gen_batches(len(portion), size):
        numbers = torch.arange(chunk.start, chunk.stop, device=portion.device)
        parts.append(layer.encode(portion.inputs(numbers).unsqueeze(0)))
    values = torch.cat([part.values[0] for part in parts])
    units = [part.units[0] for part in parts if part.units is not None]
    return Encoded(values, torch.cat(units) if units else None)


def _taken(rows: Tensor, numbers: Tensor) -> Tensor:
    flat = rows.index_select(0, numbers.reshape(-1))
    return flat.view(*numbers.shape, *rows.shape[1:])

"""The rows on which trained networks are scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks.batch import Batch
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._training.run import Run

#: Rows up to this, encoded, are gathered once and not every epoch.
KEPT_BYTES = 16_000_000
#: Of the rows that are encoded at a time.
BLOCK_BYTES = 4_000_000
#: Rows that pass through the networks at a time: what a layer of 128 units makes of
#: them takes 4 MB a network.
CHUNK_ROWS = 8192
#: On a GPU, where each block and chunk costs some launches: as many rows of all
#: networks together make 0.5 GB of a layer of 128 units.
GPU_KEPT_BYTES, GPU_BLOCK_BYTES, GPU_CHUNK_ROWS = 1_000_000_000, 64_000_000, 1_000_000


class ValidationRows:
    """The clean validation rows of several runs.

    Parameters
    ----------
    runs : sequence of Run
        The runs.
    inputs : Standardize
        The input layer of the runs.
    """

    def __init__(self, runs: Sequence[Run], inputs: Standardize) -> None:
        self.subsets = [run.validation for run in runs if run.validation is not None]
        # The user's validation rows are those of all runs, and gathered once.
        alike = all(subset is self.subsets[0] for subset in self.subsets)
        self._gathered_from = self.subsets[:1] if alike else self.subsets
        self._totals = [_total_weight(subset) for subset in self._gathered_from]
        self.inputs = inputs
        self._kept: list[Batch] | None = None

    def __len__(self) -> int:
        return max((len(subset) for subset in self.subsets), default=0)

    def batches(self) -> Iterable[Batch]:
        """Return batches of encoded rows, of as many as the device likes.

        Runs with fewer rows than the largest are padded with rows of no weight.
        """
        kept_bytes, block_bytes, chunk = self._sizes
        if len(self) <= chunk and self._n_bytes <= kept_bytes:
            if self._kept is None:
                self._kept = list(self._gathered(chunk))
            return self._kept
        fitting = block_bytes * len(self) // self._n_bytes
        return self._gathered(max(1, min(chunk, fitting)))

    @property
    def _sizes(self) -> tuple[int, int, int]:
        """Bytes that are kept, bytes of a block, and rows of a chunk."""
        if not self.subsets or self.subsets[0].device.type == "cpu":
            return KEPT_BYTES, BLOCK_BYTES, CHUNK_ROWS
        rows = max(CHUNK_ROWS, GPU_CHUNK_ROWS // len(self.subsets))
        return GPU_KEPT_BYTES, GPU_BLOCK_BYTES, rows

    @property
    def _n_bytes(self) -> int:
        if not self.subsets:
            return 0
        inputs, targets = self.inputs, self.subsets[0].targets
        width = inputs.width + inputs.n_units + targets.width
        return 4 * width * len(self) * len(self.subsets)

    def _gathered(self, chunk: int) -> Iterator[Batch]:
        size = len(self.subsets), -1, -1
        for chunk_rows in gen_batches(len(self), chunk):
            parts = [
                _part(subset, total, chunk_rows)
                for subset, total in zip(self._gathered_from, self._totals, strict=True)
            ]
            raw, targets, weight = map(torch.stack, zip(*parts, strict=True))
            values, units = self.inputs.encode(raw)
            yield Batch(values, targets.expand(size), weight.expand(size), units=units)


def _total_weight(subset: RowSubset) -> Tensor:
    return subset.weight(torch.arange(len(subset), device=subset.device)).sum()


def _part(
    subset: RowSubset, total: Tensor, rows: slice
) -> tuple[Tensor, Tensor, Tensor]:
    """Return some of the rows, their targets and their shares of the total weight."""
    numbers = torch.arange(rows.start, rows.stop, device=subset.device)
    present = numbers < len(subset)
    numbers = numbers.clamp_(max=len(subset) - 1)
    # Weights are fractions of all rows: losses of chunks add up to a mean.
    weight = subset.weight(numbers) * present / total
    return subset.inputs(numbers), subset.targets.take(numbers), weight[:, None]


def error_of(outputs: Tensor, batch: Batch) -> Tensor:
    """Return the weight of the rows whose largest output is not the largest target."""
    wrong = outputs.argmax(-1) != batch.targets.argmax(-1)
    return (wrong * batch.weight.squeeze(-1)).sum(-1)

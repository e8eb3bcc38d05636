"""Some rows of a table with their targets and weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from sk_mixup._data.labels import balancing
from sk_mixup._data.tables import Table, numpy_dtype
from sk_mixup._data.targets import EncodedTargets, Targets, Weights
from sk_mixup._sklearn import _check_sample_weight


@dataclass(frozen=True)
class RowSubset:
    """The rows of a table that a run is trained or validated on.

    ``row_numbers`` (None: all) are those in the table, of 32 bits where these suffice;
    ``targets`` and ``weights`` are in their order; a weight of 1 stands for
    ``weight_unit`` of the user's. Methods number the rows from 0 within the subset.
    """

    table: Table
    targets: Targets
    row_numbers: Tensor | None = None
    weights: Tensor | None = None
    weight_unit: float = 1.0

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def device(self) -> torch.device:
        return self.targets.device

    def subset(self, numbers: Tensor) -> RowSubset:
        """Return the subset of some of these rows."""
        return RowSubset(
            self.table,
            self.targets.subset(numbers),
            _as_narrow(self._in_table(numbers), self.table.shape[0]),
            None if self.weights is None else self.weights[numbers],
            self.weight_unit,
        )

    def inputs(self, numbers: Tensor) -> Tensor:
        """Return the features of rows, ``(len(numbers), *features)``."""
        return self.table.take(self._in_table(numbers))

    def _in_table(self, numbers: Tensor) -> Tensor:
        # Long ones, since not all versions of torch index by others.
        return numbers if self.row_numbers is None else self.row_numbers[numbers].long()

    def flat_rows(self, numbers: Tensor) -> Any:
        """Return rows for NumPy, one-dimensional each, or sparse as the table is."""
        own = self._row_numbers_on_cpu
        in_table = numbers if own is None else own[numbers].long()
        rows = self.table.take_on_cpu(in_table)
        return rows if sparse.issparse(rows) else rows.flatten(1).numpy()

    # Statistics are NumPy's, and read parts of a table once for each network: none of
    # them is downloaded from a GPU.

    @cached_property
    def _row_numbers_on_cpu(self) -> Tensor | None:
        return None if self.row_numbers is None else self.row_numbers.cpu()

    @property
    def numbers_in_table(self) -> NDArray[Any]:
        """The rows' numbers in the table, for NumPy."""
        own = self._row_numbers_on_cpu
        return np.arange(len(self)) if own is None else own.numpy()

    @cached_property
    def _weights_on_cpu(self) -> Tensor | None:
        return None if self.weights is None else self.weights.cpu()

    def flat_weights(self, numbers: Tensor) -> NDArray[np.float64]:
        """Return the weights of rows for NumPy."""
        weights = self._weights_on_cpu
        if weights is None:
            return np.ones(len(numbers))
        return weights[numbers].numpy().astype(np.float64)

    def draw(self, size: int, generator: np.random.Generator) -> Tensor:
        """Return the numbers of rows drawn by their weights, with replacement."""
        at = generator.random(size)
        if self._weights_on_cpu is None:
            numbers = (at * len(self)).astype(np.int64)
        else:
            # In single precision, sums over many rows would swallow small weights.
            ends = self._weights_on_cpu.double().cumsum(0).numpy()
            numbers = np.searchsorted(ends, at * ends[-1], side="right")
        return torch.from_numpy(numbers).to(self.device)

    def weight(self, numbers: Tensor) -> Tensor:
        """Return the weights of rows, in the shape of ``numbers``."""
        if self.weights is None:
            return torch.ones((), device=numbers.device).expand(numbers.shape)
        return self.weights[numbers]


def weighted_rows(
    table: Table,
    y: EncodedTargets,
    sample_weight: Any,
    unit: float | None,
    device: torch.device,
) -> RowSubset:
    """Return the rows of positive weight, by default in units of the mean weight."""
    # A further epoch has the unit of the epoch before: else rows of a single class
    # would lose the weight of the class.
    weights = _row_weights(y, sample_weight)
    # No weights at all, so that no step multiplies by ones.
    if weights is None and unit in (None, 1):
        return RowSubset(table, y.make(y.encoded, None, 1.0).to(device))
    if weights is None:
        weights = np.ones(len(y.encoded))
    dtype = torch.get_default_dtype()
    # In single precision a weight far below the others is 0.
    relative = (weights / weights.max()).astype(numpy_dtype(dtype))
    kept = np.flatnonzero(relative)
    weights = weights[kept]
    if unit is None:
        unit = float((weights / len(weights)).sum())  # a mean that cannot overflow
    weights = _in_units(weights, unit)
    targets = y.make(y.encoded[kept], weights, unit)
    return RowSubset(
        table,
        targets.to(device),
        _as_narrow(torch.from_numpy(kept), len(relative)).to(device),
        torch.as_tensor(weights, dtype=dtype, device=device),
        unit,
    )


def further_rows(
    rows: RowSubset,
    table: Table,
    encoded: NDArray[Any],
    class_weight: tuple[float, ...] | None,
    sample_weight: Any,
) -> RowSubset:
    """Return rows of another table, whose targets are in the units of ``rows``."""

    def make(values: NDArray[Any], weights: Weights | None, unit: float) -> Targets:
        return rows.targets.further(values)

    y = EncodedTargets(encoded=encoded, make=make, class_weight=class_weight)
    return weighted_rows(table, y, sample_weight, None, rows.device)


def fixed_class_weight(
    y: EncodedTargets, sample_weight: Any
) -> tuple[float, ...] | None:
    """Return the weights of the classes, balanced ones as a number each."""
    if y.class_weight is None:
        return None
    weights = checked_weights(sample_weight, y.encoded)
    return tuple(_by_class(y, weights).tolist())


def _as_narrow(numbers: Tensor, n_rows: int) -> Tensor:
    """Return row numbers in 32 bits if those of the table fit: each member has some."""
    return numbers.int() if n_rows <= torch.iinfo(torch.int32).max else numbers


def _row_weights(y: EncodedTargets, sample_weight: Any) -> Weights | None:
    """Return the weights of rows times those of their classes."""
    weights = checked_weights(sample_weight, y.encoded)
    if y.class_weight is not None:
        weights = _product(_by_class(y, weights)[y.encoded], weights)
    if weights is not None and not weights.any():
        raise ValueError("Every row has the weight 0: no row is left to train on.")
    return weights


def checked_weights(sample_weight: Any, rows: Any) -> Weights | None:
    """Return the weights of rows in double precision, if there are any."""
    if sample_weight is None:
        return None
    weights: Weights = _check_sample_weight(
        sample_weight, rows, dtype=np.float64, ensure_non_negative=True
    )
    return weights


def _by_class(y: EncodedTargets, sample_weight: Weights | None) -> Weights:
    """Return the weight of each class; balanced ones count rows by weight."""
    if y.class_weight == "balanced":
        return balancing(y.encoded, sample_weight)
    return np.array(y.class_weight)


def _product(of_class: Weights, weights: Weights | None) -> Weights:
    if weights is None:
        return of_class
    with np.errstate(over="ignore"):
        product = weights * of_class
    if not np.isfinite(product).all():
        raise ValueError(
            "sample_weight times class_weight is too large for a float64: divide "
            "either by a constant (only ratios matter)."
        )
    return product


def _in_units(weights: NDArray[np.float64], unit: float) -> Weights:
    with np.errstate(over="ignore"):
        relative = weights / unit
    # Beyond, products in single precision become 0 or infinite.
    if not 1e-30 < relative.max() < 1e30:
        raise ValueError(
            f"sample_weight is {relative.max():.3g} times as large as in the first "
            "call of partial_fit: use the same unit of weight in all calls."
        )
    return relative

"""Tables of rows, dense on the device or sparse beside it."""

from __future__ import annotations

import copy
import warnings
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._data.neighbors import RowNumbers

#: Of a table, which are copied at a time. What takes more than that for a moment can
#: stay with the process: the C library keeps freed blocks of up to 32 MB where
#: longer-lived ones lie between them.
CHUNK_NUMBERS = 1_000_000


class Scaling(Protocol):
    """What standardises rows, ``(runs or 1, rows, *features)``."""

    scale: Tensor

    def __call__(self, rows: Tensor, /) -> Tensor:
        """Return the rows standardised."""


class Table(Protocol):
    """Rows of which some are taken by number."""

    shape: tuple[int, ...]
    widen: Any
    """Turns rows as they were given into the numbers that are taken; None for none."""

    @property
    def sources(self) -> NDArray[np.int64]:
        """The feature that each number of a row is of."""

    @property
    def categories(self) -> NDArray[np.int64]:
        """The features that are categories."""

    def take(self, row_numbers: Tensor) -> Tensor:
        """Return the rows of the given numbers, ``(len(row_numbers), *features)``."""

    def take_on_cpu(self, row_numbers: Tensor) -> Any:
        """Return rows as :meth:`take` does on the CPU, sparse as the table is."""

    def standardized(self, row_numbers: RowNumbers, by: Scaling) -> Any:
        """Return the given rows scaled, as what scikit-learn's neighbours take."""


class NumericTable:
    """A table whose columns are features, all of them numbers."""

    shape: tuple[int, ...]
    widen: Any = None

    @property
    def sources(self) -> NDArray[np.int64]:
        return np.arange(int(np.prod(self.shape[1:])))

    @property
    def categories(self) -> NDArray[np.int64]:
        return np.empty(0, np.int64)


class DenseTable(NumericTable):
    """A table that is on the device whole, and stays on the CPU for statistics."""

    def __init__(self, X: NDArray[np.floating], device: torch.device) -> None:
        self.shape = X.shape
        self.on_cpu = torch.from_numpy(X)
        self.values = self.on_cpu.to(device)

    def take_on_cpu(self, row_numbers: Tensor) -> Tensor:
        return self.on_cpu.index_select(0, row_numbers)

    def take(self, row_numbers: Tensor) -> Tensor:
        return self.values.index_select(0, row_numbers)

    def standardized(self, row_numbers: RowNumbers, by: Scaling) -> NDArray[np.float32]:
        width = int(np.prod(self.shape[1:]))
        scaled = torch.empty((len(row_numbers), width), dtype=self.values.dtype)
        for chunk in gen_batches(len(row_numbers), max(1, CHUNK_NUMBERS // width)):
            numbers = torch.from_numpy(row_numbers[chunk]).to(self.values.device)
            scaled[chunk] = by(self.take(numbers).unsqueeze(0)).squeeze(0).flatten(1)
        return scaled.numpy()


class WidenedTable(DenseTable):
    """A dense table with gaps and codes, whose rows are widened when they are taken.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Numbers, gaps as NaN, and codes of categories.
    device : torch.device
        Where the table is.
    widen : torch.nn.Module
        Maps such rows to ``width`` numbers each.
    width : int
        Columns of the rows taken.
    """

    def __init__(
        self,
        X: NDArray[np.floating],
        device: torch.device,
        widen: Any,
        width: int,
    ) -> None:
        super().__init__(X, device)
        self.shape = (len(X), width)
        self.widen = widen
        self.widen_on_cpu = widen
        if device.type != "cpu":
            self.widen_on_cpu = copy.deepcopy(widen).cpu()

    @property
    def sources(self) -> NDArray[np.int64]:
        sources: NDArray[np.int64] = self.widen.sources
        return sources

    @property
    def categories(self) -> NDArray[np.int64]:
        return np.unique(self.widen.categories.cpu().numpy())

    def take(self, row_numbers: Tensor) -> Tensor:
        return self.widen(super().take(row_numbers))

    def take_on_cpu(self, row_numbers: Tensor) -> Tensor:
        return self.widen_on_cpu(super().take_on_cpu(row_numbers))


class SparseTable(NumericTable):
    """A sparse table, of which only the rows that are taken are made dense."""

    def __init__(self, X: sparse.csr_matrix, device: torch.device) -> None:
        self.shape = X.shape
        self.X, self.device = X, device

    def take(self, row_numbers: Tensor) -> Tensor:
        rows = self.X[row_numbers.cpu().numpy()].toarray()
        return torch.from_numpy(rows).to(self.device)

    def take_on_cpu(self, row_numbers: Tensor) -> sparse.csr_matrix:
        return self.X[row_numbers.numpy()]

    def standardized(self, row_numbers: RowNumbers, by: Scaling) -> sparse.csr_matrix:
        # Not centred, which would make it dense and changes no distance, and so not
        # clipped either: outliers are farther from the others than in a dense table.
        scale = by.scale.flatten().cpu().numpy()
        return (self.X[row_numbers] @ sparse.diags(1 / scale)).tocsr()


def as_table(X: Any, device: torch.device) -> Table:
    """Put checked rows on the device, or keep them sparse."""
    if sparse.issparse(X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return SparseTable(X, device)
    return DenseTable(without_warning(X), device)


def without_warning(X: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the array, read-only ones (memory maps) without torch's later warning."""
    if not X.flags.writeable:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            torch.from_numpy(X[:0])
    return X


def numpy_dtype(dtype: torch.dtype) -> type[np.floating]:
    """Return NumPy's name of a torch dtype."""
    return np.float64 if dtype == torch.float64 else np.float32

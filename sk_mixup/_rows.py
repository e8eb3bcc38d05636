"""What networks are trained on: tables, targets, and the random streams of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._modules import Standardize
from sk_mixup._moments import Moments
from sk_mixup._neighbors import Draw, Rows
from sk_mixup.vicinity import Vicinity

CHUNK_NUMBERS = 1_000_000  # scaled at a time


class Streams:
    """The independent random streams of one run.

    Parameters
    ----------
    entropy : int
        Drawn from the estimator's ``random_state``.
    member : int
        The run's number in its ensemble.
    """

    NAMES = ("initial", "order", "partners", "weights", "noise", "dropout")

    initial: np.random.Generator
    order: np.random.Generator
    partners: np.random.Generator
    weights: np.random.Generator
    noise: np.random.Generator
    dropout: np.random.Generator

    layers: np.random.Generator
    """Of the layers that are mixed: the same for all members, which share them."""

    def __init__(self, entropy: int, member: int) -> None:
        self.entropy, self.member = entropy, member
        seeds = np.random.SeedSequence([entropy, member]).spawn(len(self.NAMES))
        for name, seed in zip(self.NAMES, seeds, strict=True):
            setattr(self, name, np.random.default_rng(seed))
        self.layers = np.random.default_rng(entropy)

    @property
    def state(self) -> dict[str, Any]:
        """How far each stream has been drawn; they can be taken back to there."""
        return {name: self._generator(name).state for name in (*self.NAMES, "layers")}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        for name, own in state.items():
            self._generator(name).state = own

    def _generator(self, name: str) -> np.random.BitGenerator:
        generator: np.random.Generator = getattr(self, name)
        return generator.bit_generator


class Table(Protocol):
    """Rows of which some are asked for by number."""

    shape: tuple[int, ...]

    def take(self, rows: Tensor) -> Tensor:
        """Return the rows of the given numbers, ``(len(rows), *features)``."""

    def standardized(self, rows: Rows, by: Standardize) -> Any:
        """Return the given rows scaled, as what scikit-learn's neighbours take."""


class DenseTable:
    """A table that is on the device whole."""

    def __init__(self, X: NDArray[np.floating], device: torch.device) -> None:
        self.shape = X.shape
        self.values = torch.from_numpy(X).to(device)

    def take(self, rows: Tensor) -> Tensor:
        return self.values.index_select(0, rows)

    def standardized(self, rows: Rows, by: Standardize) -> NDArray[np.float32]:
        width = int(np.prod(self.shape[1:]))
        scaled = torch.empty((len(rows), width), dtype=self.values.dtype)
        for chunk in gen_batches(len(rows), max(1, CHUNK_NUMBERS // width)):
            taken = self.take(torch.from_numpy(rows[chunk]).to(self.values.device))
            scaled[chunk] = by(taken.unsqueeze(0)).squeeze(0).flatten(1)
        return scaled.numpy()


class SparseTable:
    """A sparse table, of which only the rows asked for are made dense."""

    def __init__(self, X: sparse.csr_matrix, device: torch.device) -> None:
        self.shape = X.shape
        self.X, self.device = X, device

    def take(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(self.X[rows.cpu().numpy()].toarray()).to(self.device)

    def standardized(self, rows: Rows, by: Standardize) -> sparse.csr_matrix:
        # Not centred, which would make it dense and changes no distance, and so not
        # clipped either: outliers are farther from the others than in a dense table.
        scale = by.scale.flatten().cpu().numpy()
        return (self.X[rows] @ sparse.diags(1 / scale)).tocsr()


class Classes:
    """Class numbers, taken as one-hot rows."""

    def __init__(
        self, codes: Tensor, n_classes: int, one_hot: Tensor | None = None
    ) -> None:
        self.codes = codes
        self.n_classes = n_classes
        if one_hot is None:
            one_hot = torch.eye(n_classes, device=codes.device)
        self.one_hot = one_hot

    @property
    def width(self) -> int:
        """Columns of what `take` returns."""
        return self.n_classes

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def device(self) -> torch.device:
        return self.codes.device

    def take(self, rows: Tensor) -> Tensor:
        """Return the one-hot rows of the given rows, ``(*rows.shape, classes)``."""
        return self.one_hot[self.codes[rows]]

    def to(self, device: torch.device) -> Classes:
        """Return the targets on another device."""
        return Classes(self.codes.to(device), self.n_classes, self.one_hot.to(device))

    def subset(self, rows: Tensor) -> Classes:
        """Return the targets of some rows alone."""
        return Classes(self.codes[rows], self.n_classes, self.one_hot)


class Values:
    """Rows of real targets, or of label indicators, each a choice between two.

    Parameters
    ----------
    values : Tensor of shape (n_rows, n_outputs)
        Standardised, if they are real targets.
    moments : Moments or None
        By which they were standardised.
    """

    n_classes = 2

    def __init__(self, values: Tensor, moments: Moments | None = None) -> None:
        self.values, self.moments = values, moments

    @property
    def width(self) -> int:
        """Columns of what `take` returns."""
        return self.values.shape[1]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def device(self) -> torch.device:
        return self.values.device

    def take(self, rows: Tensor) -> Tensor:
        """Return the targets of the given rows, ``(*rows.shape, outputs)``."""
        return self.values[rows]

    def to(self, device: torch.device) -> Values:
        """Return the targets on another device."""
        return Values(self.values.to(device), self.moments)

    def subset(self, rows: Tensor) -> Values:
        """Return the targets of some rows alone."""
        return Values(self.values[rows], self.moments)


@dataclass(frozen=True)
class Portion:
    """The rows of a table that a run learns from or is judged on.

    ``rows`` (None: all) are numbers in the table; ``targets`` and ``weights`` are in
    the order of ``rows``; a weight of 1 stands for ``weight_unit`` of the user's.
    """

    table: Table
    targets: Classes | Values
    rows: Tensor | None = None
    weights: Tensor | None = None
    weight_unit: float = 1.0

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def device(self) -> torch.device:
        return self.targets.device

    def subset(self, numbers: Tensor) -> Portion:
        """Return the portion of some of these rows."""
        return Portion(
            self.table,
            self.targets.subset(numbers),
            numbers if self.rows is None else self.rows[numbers],
            None if self.weights is None else self.weights[numbers],
            self.weight_unit,
        )

    def inputs(self, numbers: Tensor) -> Tensor:
        return self.table.take(numbers if self.rows is None else self.rows[numbers])

    def flat_rows(self, numbers: Tensor) -> Any:
        """Return rows for NumPy, one-dimensional each, or sparse as the table is."""
        if isinstance(self.table, SparseTable):
            rows = numbers if self.rows is None else self.rows[numbers].cpu()
            return self.table.X[rows.cpu().numpy()]
        return self.inputs(numbers.to(self.device)).flatten(1).cpu().numpy()

    def draw(self, size: int, generator: np.random.Generator) -> Tensor:
        """Return the numbers of so many rows, drawn by their weights and put back."""
        at = generator.random(size)
        if self.weights is None:
            numbers = (at * len(self)).astype(np.int64)
        else:
            ends = self.weights.cpu().double().cumsum(0).numpy()
            numbers = np.searchsorted(ends, at * ends[-1], side="right")
        return torch.from_numpy(numbers).to(self.device)

    def mass(self, numbers: Tensor) -> Tensor:
        if self.weights is None:
            return torch.ones((), device=numbers.device).expand(numbers.shape)
        return self.weights[numbers]


@dataclass(frozen=True)
class Run:
    """One network to be trained: its rows, its vicinity and its random streams."""

    training: Portion
    vicinity: Vicinity
    draw_partners: Draw
    streams: Streams
    validation: Portion | None = None

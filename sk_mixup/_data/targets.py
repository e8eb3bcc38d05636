"""Targets as they are mixed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._data.moments import Moments

Weights = NDArray[np.float64]


class Targets(ABC):
    """The targets of rows, on the device of the training."""

    n_classes: int
    """Classes among which label smoothing spreads its part."""

    moments: Moments | None = None
    """By which real targets were standardised."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Columns of what `take` returns."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the targets are."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def take(self, row_numbers: Tensor) -> Tensor:
        """Return the targets of the given rows, ``(*row_numbers.shape, outputs)``."""

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """Return the targets on another device."""

    @abstractmethod
    def subset(self, row_numbers: Tensor) -> Self:
        """Return the targets of some rows alone."""

    @abstractmethod
    def joined(self, parts: Sequence[Self]) -> Self:
        """Return the targets of several subsets, end to end."""

    @abstractmethod
    def further(self, encoded: NDArray[Any]) -> Self:
        """Return the targets of further rows, which change none of these."""

    @abstractmethod
    def groups(self) -> NDArray[Any]:
        """Return what a pairing may know of the targets, an entry or row each."""

    def strata(self) -> NDArray[Any] | None:
        """Return the classes whose fractions validation rows keep, if any."""
        return None


class Classes(Targets):
    """Class numbers, taken as one-hot rows."""

    def __init__(
        self, codes: Tensor, n_classes: int, one_hot: Tensor | None = None
    ) -> None:
        # As narrow as can be: every member has those of its own rows.
        self.codes = codes.to(_narrowest(n_classes))
        self.n_classes = n_classes
        if one_hot is None:
            # Rows are looked up here: one-hot targets of a whole table would be large.
            one_hot = torch.eye(n_classes, device=codes.device)
        self.one_hot = one_hot

    @property
    def width(self) -> int:
        return self.n_classes

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def device(self) -> torch.device:
        return self.codes.device

    def take(self, row_numbers: Tensor) -> Tensor:
        return self.one_hot[self.codes[row_numbers].long()]

    def to(self, device: torch.device) -> Classes:
        return Classes(self.codes.to(device), self.n_classes, self.one_hot.to(device))

    def subset(self, row_numbers: Tensor) -> Classes:
        return Classes(self.codes[row_numbers], self.n_classes, self.one_hot)

    def joined(self, parts: Sequence[Classes]) -> Classes:
        codes = torch.cat([part.codes for part in parts])
        return Classes(codes, self.n_classes, self.one_hot)

    def further(self, encoded: NDArray[Any]) -> Classes:
        codes = torch.from_numpy(encoded).to(self.device)
        return Classes(codes, self.n_classes, self.one_hot)

    def groups(self) -> NDArray[Any]:
        return self.codes.long().cpu().numpy()

    def strata(self) -> NDArray[Any]:
        return self.groups()


def _narrowest(n_classes: int) -> torch.dtype:
    """Return the smallest type that holds so many class numbers."""
    kinds = torch.int8, torch.int16, torch.int32
    return next(kind for kind in kinds if n_classes - 1 <= torch.iinfo(kind).max)


class MatrixTargets(Targets):
    """A row of numbers for each row, ``(n_rows, n_outputs)``."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    @property
    def width(self) -> int:
        return self.values.shape[1]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def device(self) -> torch.device:
        return self.values.device

    def take(self, row_numbers: Tensor) -> Tensor:
        return self.values[row_numbers]

    def to(self, device: torch.device) -> Self:
        return self._like(self.values.to(device))

    def subset(self, row_numbers: Tensor) -> Self:
        return self._like(self.values[row_numbers])

    def joined(self, parts: Sequence[Self]) -> Self:
        return self._like(torch.cat([part.values for part in parts]))

    def further(self, encoded: NDArray[Any]) -> Self:
        return self._like(torch.as_tensor(encoded).to(self.values))

    def groups(self) -> NDArray[Any]:
        return self.values.cpu().numpy()

    def _like(self, values: Tensor) -> Self:
        return type(self)(values)


class Indicators(MatrixTargets):
    """A column of 0 and 1 for each label; each column is a choice between two."""

    n_classes = 2

    def groups(self) -> NDArray[Any]:
        """Return the number of each row's set of labels."""
        sets = np.unique(super().groups(), axis=0, return_inverse=True)[1]
        return sets.reshape(-1)


class RealTargets(MatrixTargets):
    """Real targets, standardised by their moments."""

    n_classes = 1  # labels are never smoothed

    def __init__(self, values: Tensor, moments: Moments) -> None:
        super().__init__(values)
        self.moments: Moments = moments

    @staticmethod
    def standardized(encoded: NDArray[Any], moments: Moments) -> RealTargets:
        """Return targets standardised by the moments."""
        values = (encoded - moments.mean) / moments.divisor
        dtype = torch.get_default_dtype()
        return RealTargets(torch.as_tensor(values, dtype=dtype), moments)

    def further(self, encoded: NDArray[Any]) -> RealTargets:
        return self.standardized(encoded, self.moments).to(self.device)

    def _like(self, values: Tensor) -> RealTargets:
        return RealTargets(values, self.moments)


class ScaledTargets(RealTargets):
    """Targets that are divided by their mean, and their moments in that unit."""

    def __init__(self, values: Tensor, moments: Moments, scaled: Moments) -> None:
        super().__init__(values, moments)
        self.scaled_moments = scaled

    def _like(self, values: Tensor) -> ScaledTargets:
        return ScaledTargets(values, self.moments, self.scaled_moments)

    def groups(self) -> NDArray[Any]:
        """Return the targets standardised, as pairings know them."""
        scaled = self.scaled_moments
        return (super().groups() - scaled.mean) / scaled.divisor


MakeTargets = Callable[[NDArray[Any], Weights | None, float], Targets]


@dataclass(frozen=True, kw_only=True)
class EncodedTargets:
    """Targets as numbers, and what they become with the weights of their rows.

    Parameters
    ----------
    encoded : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Class numbers, indicators or real numbers.
    make : callable
        Returns the targets of encoded rows, of their weights (None: all alike) and of
        the weight for which a weight of 1 stands.
    class_weight : None, "balanced" or tuple of float
        A weight for each class.
    """

    encoded: NDArray[Any]
    make: MakeTargets
    class_weight: Literal["balanced"] | tuple[float, ...] | None = None

"""Input layers of the runs: features standardised and, for some, in bins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._data.moments import Moments
from sk_mixup._networks.batch import Encoded
from sk_mixup._networks.bins import Bins
from sk_mixup._networks.storage import ArrayModule

LARGEST_RATIO = 1e18  # whose square is a number in single precision


class SmoothClip(ArrayModule):
    """Keep numbers within (-limit, limit), and change them hardly near 0.

    A module of its own, for tools that take a network apart by its modules.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, z: Tensor) -> Tensor:
        # Exactly rounded operations only: a row's numbers do not depend on its place.
        u = (z / self.limit).clamp_(-LARGEST_RATIO, LARGEST_RATIO)
        return u / (1 + u.square()).sqrt_() * self.limit


class Standardize(ArrayModule):
    """Centre and scale each feature by each run's statistics.

    With ``clip`` the result is kept within (-clip, clip), smoothly, and hardly changed
    near 0 (as in RealMLP, arXiv 2407.04491, section 3.1). With ``idle`` the input is
    left as it is.

    Shape
    -----
    - shift, scale: ``(runs, 1, *features)``
    - input: ``(..., runs or 1, rows, *features)``
    - output: ``(..., runs, rows, *features)``
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        shift: Tensor,
        scale: Tensor,
        clip: float | None = None,
        *,
        idle: bool = False,
    ) -> None:
        super().__init__()
        self.idle = idle
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.clip = clip
        self.within = None if clip is None else SmoothClip(clip)

    def forward(self, x: Tensor) -> Tensor:
        # To shift by 0 and scale by 1 would cost as much as to standardise.
        if self.idle:
            return x
        z = (x - self.shift) / self.scale
        return z if self.within is None else self.within(z)

    def encode(self, x: Tensor) -> Encoded:
        """Return rows as the first layers of all runs take them."""
        return Encoded(self(x))

    @staticmethod
    def by(
        moments: Moments | None, features: tuple[int, ...], clip: float | None
    ) -> Standardize:
        """Return the layer of one run for rows of the given shape.

        Without moments the rows are left as they are.
        """
        shape = (1, 1, *features)
        if moments is None:
            return Standardize(torch.zeros(shape), torch.ones(shape), idle=True)
        dtype = torch.get_default_dtype()
        shift, scale = (
            torch.as_tensor(figure, dtype=dtype).view(shape)
            for figure in (moments.mean, moments.divisor)
        )
        return Standardize(shift, scale, clip)

    @property
    def width(self) -> int:
        """How many numbers a row becomes, without bins."""
        return math.prod(self.shift.shape[2:])

    @property
    def binned(self) -> tuple[int, ...]:
        """The runs that see bins too."""
        return ()

    @property
    def n_units(self) -> int:
        """How many units of bins a row becomes in the runs that see them."""
        return 0

    @property
    def bin_columns(self) -> NDArray[np.int64]:
        """The columns that have bins, as many units for each."""
        return np.empty(0, np.int64)

    def member(self, run: int) -> Standardize:
        """Return one run's statistics, of rows without the run axis."""
        # Copies, because torch.export.save warns of parts of larger tensors.
        shift, scale = self.shift[run].clone(), self.scale[run].clone()
        return Standardize(shift, scale, self.clip, idle=self.idle)

    def select(self, runs: Sequence[int]) -> Standardize:
        """Return the statistics of the given runs alone."""
        chosen = list(runs)
        return Standardize(
            self.shift[chosen], self.scale[chosen], self.clip, idle=self.idle
        )

    @property
    def runs(self) -> int:
        return len(self.shift)

    @staticmethod
    def concatenate(parts: Sequence[Standardize]) -> Standardize:
        """Return the statistics and bins of all runs of ``parts``."""
        standardize = Standardize(
            torch.cat([part.shift for part in parts]),
            torch.cat([part.scale for part in parts]),
            parts[0].clip,
            idle=parts[0].idle,
        )
        bins, start = [], 0
        for part in parts:
            if isinstance(part, EncodedInputs):
                bins.append(part.bins.moved(start))
            start += part.runs
        if not bins:
            return standardize
        return EncodedInputs(standardize, Bins.concatenate(bins))


class EncodedInputs(Standardize):
    """Standardised features and, side by side with them, bins of what they were.

    Only some of the runs see bins.

    Shape
    -----
    - input: ``(..., runs or 1, rows, features)``
    - output: ``(..., runs, rows, features + bins)``, if all of the runs have bins
    """

    def __init__(self, standardize: Standardize, bins: Bins) -> None:
        super().__init__(
            standardize.shift,
            standardize.scale,
            standardize.clip,
            idle=standardize.idle,
        )
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        values, units = super().forward(x), self.bins(x)
        # Values that are not standardised have no run axis yet.
        values = values.expand(*units.shape[:-1], values.shape[-1])
        return torch.cat([values, units], -1)

    def encode(self, x: Tensor) -> Encoded:
        every = x.shape[-3] == 1 or len(self.binned) == x.shape[-3]
        of_binned = x if every else x[..., list(self.binned), :, :]
        return Encoded(super().forward(x), self.bins(of_binned))

    @property
    def binned(self) -> tuple[int, ...]:
        return self.bins.runs

    @property
    def n_units(self) -> int:
        return self.bins.width

    @property
    def bin_columns(self) -> NDArray[np.int64]:
        return self.bins.columns.cpu().numpy()

    def member(self, run: int) -> Standardize:
        standardize = super().member(run)
        if run not in self.binned:
            return standardize
        return EncodedInputs(standardize, self.bins.member(run))

    def select(self, runs: Sequence[int]) -> Standardize:
        standardize, bins = super().select(runs), self.bins.select(runs)
        return EncodedInputs(standardize, bins) if bins.runs else standardize

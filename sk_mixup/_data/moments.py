"""Mean and deviation of columns, of rows that come in turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Mean and deviation of each column, and the weight of the rows behind them.

    A deviation of 0 stands for a column that does not vary.
    """

    weight: float
    mean: Figures
    deviation: Figures

    def joined(self, other: Moments) -> Moments:
        """Return the moments of these rows and the others' together (Chan et al.)."""
        weight = self.weight + other.weight
        share = other.weight / weight
        step = other.mean - self.mean
        # Not by squares, which overflow for deviations from 1e154 on.
        within = np.hypot(
            np.sqrt(1 - share) * self.deviation, np.sqrt(share) * other.deviation
        )
        between = np.sqrt(share * (1 - share)) * np.abs(step)
        deviation = np.hypot(within, between)
        # The roots round: rows with the same moments again must change nothing.
        alike = (step == 0) & (self.deviation == other.deviation)
        deviation[alike] = self.deviation[alike]
        return Moments(weight, self.mean + share * step, deviation)

    def flushed(self, dtype: type[np.floating]) -> Moments:
        """Return them with 0 for deviations that count as 0 in a precision."""
        least = np.finfo(dtype).tiny  # of the numbers that training does not flush
        deviation = np.where(self.deviation < least, 0.0, self.deviation)
        return Moments(self.weight, self.mean, deviation)

    @property
    def divisor(self) -> Figures:
        """What columns are divided by: 1 for those that do not vary."""
        return np.where(self.deviation > 0, self.deviation, 1.0)

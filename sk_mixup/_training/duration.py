"""Fits that take long say so."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import TextIO

#: Narrower tables take long by their rows, of which this warning has no advice.
WIDE = 2_000  # columns
LONG_VISITS = 5e9  # of a cell by a network in an epoch; about 90 s on one core
#: Shorter trainings end before a forecast has been of use.
LONG_S = 60.0


def takes_long(n_rows: int, n_columns: int, visits: int) -> bool:
    """Tell whether a fit takes minutes because its table has so many columns.

    Parameters
    ----------
    n_rows, n_columns : int
        Of the table.
    visits : int
        Networks times epochs, each of which visits every cell.
    """
    return n_columns > WIDE and n_rows * n_columns * visits > LONG_VISITS


def warn_of_width(n_rows: int, n_columns: int, weights: int) -> None:
    """Warn of a table with so many columns, and of the weights that they make."""
    warnings.warn(
        f"X has {n_columns:,} columns, which make {weights:,} weights in the first "
        f"layers of the networks: with {n_rows:,} rows the fit may take minutes. Make "
        "fewer columns of categories by OneHotEncoder(min_frequency=..., "
        "max_categories=...) and of words by TruncatedSVD or FeatureHasher, or train "
        "fewer networks (n_estimators).",
        UserWarning,
        stacklevel=2,
    )


class Forecast:
    """Say once how long a training takes, if that is long and someone looks on.

    Parameters
    ----------
    stream : file or None
        Where it is said, if that is a terminal.
    clock : callable, default=time.perf_counter
        Returns seconds.
    """

    def __init__(
        self, stream: TextIO | None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.stream, self.clock = stream, clock
        self._open = stream is not None and stream.isatty()
        self._start: float | None = None

    def begin(self, most: float = math.inf) -> None:
        """Start the clock at the first training, of at most so many seconds."""
        if self._open:
            self._open, self._start, self._most = False, self.clock(), most

    def after(self, fraction: float) -> None:
        """Take note of the first epoch, after such a fraction of the training."""
        # Once only, or every epoch would print a line.
        start, self._start = self._start, None
        if start is None or fraction >= 1:
            return
        seconds = min((self.clock() - start) / fraction, self._most)
        if seconds > LONG_S:
            print(
                f"The training takes about {_in_words(seconds)}, or less if it stops "
                "early; verbose=1 shows the progress.",
                file=self.stream,
                flush=True,
            )


def _in_words(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"

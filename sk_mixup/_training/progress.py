"""How far a training is, and whether it must stop."""

from __future__ import annotations

import math
import sys
from threading import Event
from typing import Any

from tqdm.auto import tqdm

from sk_mixup._training.duration import Forecast


# The one way out of skorch's loop over epochs.
class EndOfTraining(Exception):  # noqa: N818 - a signal, not an error
    """No more epochs are to be trained."""


class Progress:
    """How far a training is, shown as a bar if asked for, and whether it must stop."""

    def __init__(self, visible: bool = False) -> None:
        # A bar that is disabled would start tqdm's thread all the same.
        self.bar: tqdm[Any] | None = None
        if visible:
            self.bar = tqdm(unit="epoch", desc="networks x epochs")
        self.forecast = Forecast(None if visible else sys.stderr)
        self._share = 1.0
        self.stop = Event()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def expect(
        self,
        n_epochs: int,
        at_once: int,
        *,
        printed: bool = False,
        most: float = math.inf,
    ) -> None:
        """Expect more epochs, counted for each run.

        Parameters
        ----------
        n_epochs : int
            Sum over the runs.
        at_once : int
            Stacks that are trained at the same time.
        printed : bool, default=False
            Whether epochs are printed, which says enough about the duration.
        most : float, default=math.inf
            Seconds that the training may take.
        """
        if self.bar is not None:
            self.bar.total = (self.bar.total or 0) + n_epochs
        # Stacks on other threads are about as far: an epoch of one stands for all.
        self._share = at_once / max(1, n_epochs)
        if not printed:
            self.forecast.begin(most)

    def epoch_done(self, n_runs: int) -> None:
        """Note that so many runs have finished an epoch."""
        if self.bar is not None:
            self.bar.update(n_runs)
        self.forecast.after(n_runs * self._share)

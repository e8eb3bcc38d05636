"""Data sets that need no OpenML: scikit-learn's own and generated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

from benchmarks.datasets._base import Dataset, Folder, Task

Table = tuple[pd.DataFrame, NDArray[Any]]


@dataclass(frozen=True)
class LocalSet:
    """A data set made on this machine, the same at every call."""

    name: str
    make: Callable[[], Table]
    task: Task
    source: str
    rows: int

    def load(self, cache: Folder | None, timeout: float) -> Dataset:
        """Make the data set; there is nothing to fetch."""
        X, y = self.make()
        return Dataset(self.name, X, y, self.task, self.source)


def _of(function: str) -> str:
    return f"scikit-learn {function}"


def _table(function: Callable[..., Any], **options: Any) -> Table:
    """Call a loader of scikit-learn's for a frame and an array."""
    X, y = function(return_X_y=True, as_frame=True, **options)
    return X, y.to_numpy()


def _loaded(name: str, task: Task, rows: int) -> LocalSet:
    make = partial(_table, getattr(datasets, f"load_{name}"))
    return LocalSet(f"sklearn_{name}", make, task, _of(f"load_{name}"), rows)


def _drawn(
    name: str, function: str, task: Task, n_samples: int, **options: float
) -> LocalSet:
    make = getattr(datasets, function)
    options |= {"n_samples": n_samples, "random_state": 0}
    source = _of(function)
    return LocalSet(name, lambda: _framed(*make(**options)), task, source, n_samples)


def _framed(X: NDArray[np.float64], y: NDArray[Any]) -> Table:
    return pd.DataFrame(X, columns=[f"x{1 + j}" for j in range(X.shape[1])]), y


def make_nonlinear(n_samples: int = 1000) -> Table:
    """Draw waves, a product and a bend of six standard normal features.

    y = sin(3 x1) + x2 * x3 + max(x4, 0) + noise of standard deviation 0.1;
    x5 and x6 say nothing.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 6))
    noise = 0.1 * rng.standard_normal(n_samples)
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] + np.maximum(X[:, 3], 0) + noise
    return _framed(X, y)


def make_spirals(n_samples: int = 400) -> Table:
    """Draw two spirals of one and a half turns, one the other's half turn."""
    rng = np.random.default_rng(0)
    y = np.arange(n_samples) % 2
    turn = 3 * np.pi * np.sqrt(rng.uniform(0.02, 1, n_samples))
    angle = turn + np.pi * y
    X = (turn * np.stack([np.cos(angle), np.sin(angle)])).T / np.pi
    return _framed(X + 0.1 * rng.standard_normal(X.shape), y)


#: How the frequency of a chirp goes, from 0 to 1 as the time does.
_COURSES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "even": lambda t: np.full_like(t, 0.5),
    "rise": lambda t: t,
    "fall": lambda t: 1 - t,
    "late rise": lambda t: t**3,
    "early fall": lambda t: (1 - t) ** 3,
    "hill": lambda t: 1 - np.abs(2 * t - 1),
    "valley": lambda t: np.abs(2 * t - 1),
    "warble": lambda t: (1 + np.sin(6 * np.pi * t)) / 2,
}
#: Frequencies, and times, of a spectrogram.
SIDE = 32


def make_chirps(n_samples: int = 1200) -> Table:
    """Draw spectrograms of chirps in noise, eight kinds of them.

    A chirp has a frequency that rises, falls or warbles, within a band and for a time
    of its own. Its spectrogram has the logarithms of the amplitudes at 32 frequencies
    (rows) and 32 times (columns), as 1,024 features.
    """
    rng = np.random.default_rng(0)
    names = list(_COURSES)
    y = np.array(names)[np.arange(n_samples) % len(names)]
    n_times = SIDE * (SIDE + 1)  # windows of two sides, each of which begins a side on
    times = np.arange(n_times) / n_times
    signals = np.empty((n_samples, n_times))
    for signal, name in zip(signals, y, strict=True):
        length = rng.uniform(0.4, 0.9)
        own = (times - rng.uniform(0, 1 - length)) / length
        sounds = (own >= 0) & (own <= 1)
        low, span = rng.uniform(0.03, 0.2), rng.uniform(0.06, 0.25)
        frequency = low + span * _COURSES[name](np.clip(own, 0, 1))
        signal[:] = np.where(sounds, np.sin(2 * np.pi * np.cumsum(frequency)), 0)
        signal += rng.uniform(0.2, 1.0) * rng.standard_normal(n_times)
    windows = np.lib.stride_tricks.sliding_window_view(signals, 2 * SIDE, axis=1)
    windows = windows[:, ::SIDE] * np.hanning(2 * SIDE)
    amplitudes = np.abs(np.fft.rfft(windows))[..., 1:]
    spectrograms = np.log1p(amplitudes).transpose(0, 2, 1)
    return _framed(spectrograms.reshape(n_samples, -1), y)


#: The demonstration's four, which ship with scikit-learn.
DEMO = (
    _loaded("iris", "classification", 150),
    _loaded("wine", "classification", 178),
    _loaded("breast_cancer", "classification", 569),
    _loaded("digits", "classification", 1797),
)

#: Images of 8 x 8 pixels.
DIGITS = DEMO[-1]

#: Pictures of sounds.
CHIRPS = LocalSet("chirps", make_chirps, "classification", "generated", 1200)

#: Regression: a real one, then generated ones.
REGRESSION = (
    _loaded("diabetes", "regression", 442),
    _drawn("friedman1", "make_friedman1", "regression", 1000, noise=1.0),
    _drawn("friedman2", "make_friedman2", "regression", 1000, noise=125.0),
    _drawn("friedman3", "make_friedman3", "regression", 1000, noise=0.1),
    LocalSet("nonlinear", make_nonlinear, "regression", "generated", 1000),
)

TWO_MOONS = _drawn("two_moons", "make_moons", "classification", 400, noise=0.2)

#: Two features, two classes: for pictures.
TOY = (
    TWO_MOONS,
    _drawn("circles", "make_circles", "classification", 400, noise=0.1, factor=0.5),
    LocalSet("spirals", make_spirals, "classification", "generated", 400),
)

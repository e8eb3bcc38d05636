"""Schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

#: By the fraction of steps and not by epochs: a short training decays as smoothly.
LR_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
}

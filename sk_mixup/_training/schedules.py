"""Schedules of the learning rate: factors by the fraction of a training that is over.

By the fraction and not by epochs: a training that is short, by its epochs or by its
time limit, decays as a long one does.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import torch

from sk_mixup._training.settings import Settings


class Schedule(Protocol):
    """What the learning rate is multiplied with."""

    def factor(self, fraction: float) -> float:
        """Return the factor when such a fraction of the training is over."""


@dataclass(frozen=True)
class Constant:
    """The rate as it is, or as a callback sets it."""

    def factor(self, fraction: float) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Cosine:
    """From 1 to 0, along half a cosine."""

    def factor(self, fraction: float) -> float:
        """Return the height of the cosine."""
        return (1 + math.cos(math.pi * fraction)) / 2


@dataclass(frozen=True)
class Steps:
    """Multiplied with ``gamma`` at each milestone, a fraction of the training."""

    milestones: tuple[float, ...]  # in order
    gamma: float

    def factor(self, fraction: float) -> float:
        """Return the product for the milestones that are passed."""
        return self.gamma ** bisect_right(self.milestones, fraction)


def _steps(settings: Settings) -> Steps:
    # A quotient of whole numbers is rounded alike: an epoch begins at its milestone.
    fractions = (
        int(number) / settings.max_epochs
        if isinstance(number, Integral)
        else float(number)
        for number in settings.lr_milestones
    )
    return Steps(tuple(sorted(fractions)), float(settings.lr_gamma))


#: By the names that ``lr_schedule`` takes.
LR_SCHEDULES: dict[str, Callable[[Settings], Schedule]] = {
    "constant": lambda settings: Constant(),
    "cosine": lambda settings: Cosine(),
    "step": _steps,
}


def schedule_of(settings: Settings) -> Schedule:
    """Return the schedule of the learning rate."""
    return LR_SCHEDULES[settings.lr_schedule](settings)


def set_rate(
    optimizer: torch.optim.Optimizer, schedule: Schedule, lr: float, fraction: float
) -> None:
    """Set the rate for a fraction of the training."""
    rate = lr * schedule.factor(fraction)
    for group in optimizer.param_groups:
        group["lr"] = rate


def check_milestones(settings: Settings) -> None:
    """Check the epochs after which the learning rate falls."""
    given = settings.lr_milestones
    numbers = list(given) if getattr(given, "ndim", 1) == 1 else []
    if not numbers or not all(map(_is_milestone, numbers)):
        raise ValueError(
            "lr_milestones must be a sequence of numbers of epochs, whole and at least "
            "1, or of fractions of max_epochs between 0 and 1, such as (0.5, 0.75), "
            f"got {given!r}."
        )


def _is_milestone(number: Any) -> bool:
    if isinstance(number, Integral):
        return not isinstance(number, bool) and int(number) >= 1
    return isinstance(number, Real) and 0 < float(number) < 1

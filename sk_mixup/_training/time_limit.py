"""The time that a training may take."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from sk_mixup._data.arithmetic import ceil_div

#: Seconds of a clock that never goes back.
clock = time.perf_counter


class TimeLimit:
    """How much of a limited time is over, from when this was made.

    Parameters
    ----------
    seconds : float or None
        The limit; None sets none.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._begun = clock()

    @property
    def left(self) -> float | None:
        """Seconds that are left, not below 0; None without a limit."""
        if self.seconds is None:
            return None
        return max(0.0, self.seconds - (clock() - self._begun))

    @property
    def fraction(self) -> float:
        """The fraction of the time that is over, 0 without a limit."""
        if not self.seconds:
            return 0.0 if self.seconds is None else 1.0
        return min(1.0, (clock() - self._begun) / self.seconds)

    @property
    def is_over(self) -> bool:
        return self.fraction >= 1


def longest(limits: Iterable[float | None]) -> float:
    """Return the largest of some limits, infinity if any is None."""
    return max((math.inf if own is None else own for own in limits), default=math.inf)


def seconds_of_stacks(
    stacks: Sequence[Collection[int]], left: Sequence[float | None], workers: int
) -> list[float | None]:
    """Return the seconds for which each stack may be trained.

    Parameters
    ----------
    stacks : sequence of collection of int
        The numbers of the tasks that each stack is made of.
    left : sequence of float or None
        The seconds that each task has left, None for no limit.
    workers : int
        Stacks that are trained at the same time.
    """
    # A task in several stacks is trained in turns, among which it divides its time.
    n_stacks = Counter(number for numbers in stacks for number in numbers)
    shares = [
        None if own is None else own / max(1, ceil_div(n_stacks[number], workers))
        for number, own in enumerate(left)
    ]
    limited = [
        [s for n in numbers if (s := shares[n]) is not None] for numbers in stacks
    ]
    # The stack ends when the time of any of its tasks does.
    return [min(seconds, default=None) for seconds in limited]

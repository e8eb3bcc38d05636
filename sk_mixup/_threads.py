"""How torch computes for a while: on how many threads, and how exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_threads_lock = Lock()
_threads_found: list[int] = []


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Let torch use so many threads for a while.

    Threads that overlap in here would hand their numbers on to each other: the last to
    leave restores what the first has found.
    """
    with _threads_lock:
        before = torch.get_num_threads()
        _threads_found.append(before)
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        with _threads_lock:
            first = _threads_found[0]
            _threads_found.pop()
            torch.set_num_threads(before if _threads_found else first)


@contextmanager
def without_denormals() -> Iterator[None]:
    """Let this thread round numbers too small for full precision to 0 for a while.

    The moments of weights that get no gradient any more, as those of a unit that never
    fires, die away into such numbers, with which many processors are slow.
    """
    if rounds_denormals():
        yield
        return
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def rounds_denormals() -> bool:
    """Tell whether this thread does so."""
    return bool(torch.tensor(1e-40, dtype=torch.float32) * 1 == 0)

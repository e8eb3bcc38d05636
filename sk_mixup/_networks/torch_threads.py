"""How torch computes for a while: on how many threads, and how exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_threads_lock = Lock()
#: What each has found that is inside: torch counts threads by process, not by thread.
_threads_found: list[int] = []
_forked = False


def _after_fork() -> None:
    """Begin anew in a forked process, which has one thread and none of the parent's."""
    global _threads_lock, _forked
    _threads_lock, _forked = Lock(), True  # another thread may have held the old lock
    _threads_found.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Let torch use so many threads for a while, and in a forked process one."""
    # A forked process inherits OpenMP's record of the parent's threads but not the
    # threads: whatever it gave to several would wait for them for ever.
    n_threads = 1 if _forked else n_threads
    with _threads_lock:
        before = torch.get_num_threads()
        _threads_found.append(before)
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        with _threads_lock:
            # Threads that overlap in here would hand their numbers on to each other:
            # the last to leave restores what the first has found.
            first = _threads_found[0]
            _threads_found.pop()
            torch.set_num_threads(before if _threads_found else first)


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread for a while; yield how many it has otherwise."""
    # Small work is slower on several. Above all the first work on several starts
    # threads that stay: a process that is forked later, as by multiprocessing.Pool,
    # then hangs in whatever it gives to several threads itself.
    otherwise = torch.get_num_threads()
    with torch_threads(1):
        yield otherwise


@contextmanager
def without_denormals() -> Iterator[None]:
    """Let this thread round numbers too small for full precision to 0 for a while."""
    # The moments of weights that get no gradient any more, as those of a unit that
    # never fires, die away into such numbers, with which many processors are slow:
    # training on a million rows took two fifths less time without them.
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

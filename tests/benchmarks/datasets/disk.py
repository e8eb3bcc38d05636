"""What is on a disk, and a disk that refuses."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

Refusal = Callable[[str, tuple[object, ...]], None]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PATHS = {"os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2}
_refusals: list[Refusal] = []


def photograph(root: Path) -> dict[str, object]:
    """Everything below a folder: of files their bytes, age and place on the disk."""
    return {
        str(path.relative_to(root)): (
            (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
            if path.is_file()
            else None
        )
        for path in sorted(root.rglob("*"))
    }


@contextmanager
def refusing(folder: Path, code: int) -> Iterator[None]:
    """Refuse any change below a folder; a full disk refuses only new bytes.

    Root is refused as well, whom permissions do not stop.
    """

    def refuse(event: str, args: tuple[object, ...]) -> None:
        for path in _changed(event, args, full=code == errno.ENOSPC):
            if isinstance(path, str | Path) and Path(path).is_relative_to(folder):
                raise OSError(code, os.strerror(code), str(path))

    _listen()
    _refusals.append(refuse)
    try:
        yield
    finally:
        _refusals.remove(refuse)


def _changed(event: str, args: tuple[object, ...], *, full: bool) -> tuple[object, ...]:
    """Paths that an audited event is about to change."""
    if event == "open":
        flags = args[2]
        return args[:1] if isinstance(flags, int) and flags & _WRITING else ()
    return () if full else args[: _PATHS.get(event, 0)]


@cache  # a hook stays for good: one is enough
def _listen() -> None:
    """Be told of every file that Python opens, makes, moves or removes."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        for refuse in _refusals:
            refuse(event, args)

    sys.addaudithook(hook)

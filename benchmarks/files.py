"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


class CannotWrite(RuntimeError):  # noqa: N818 - says more than "...Error"
    """A file that cannot be written; the message is one sentence with its path."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written ({reason(error)}).")


def reason(error: OSError) -> str:
    """Say in words why the system refused, without number and path."""
    return error.strerror or str(error) or type(error).__name__


def make_folder(path: Path) -> Path:
    """Make a folder, and those above it, where it does not exist.

    Raises
    ------
    CannotWrite
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(path, error) from error
    return path


def write_whole(path: Path, content: str | bytes, beside: str = "") -> None:
    """Write a file under a temporary name, flush it to the disk and rename it.

    Parameters
    ----------
    path : Path
        The file, in a folder that exists; replaced if it exists.
    content : str or bytes
        All of it; text is written as UTF-8.
    beside : str, default=""
        Name of the temporary file in the same folder; by default one that no other
        process uses.

    Raises
    ------
    CannotWrite
        If it cannot be written; the file that was there is as it was.
    """
    if isinstance(content, str):
        # A path may hold bytes that are no text, and reports tell of paths.
        content = content.encode(errors="backslashreplace")
    temporary = path.with_name(beside or f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        _remove(temporary)
        raise CannotWrite(path, error) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # it is told already that the folder cannot be written


def _flush_folder(folder: Path) -> None:
    """Flush the renaming itself, where the system lets folders be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

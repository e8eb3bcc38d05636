"""Files that are written whole or not at all, and JSON that tells of changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


class CannotWrite(RuntimeError):  # noqa: N818 - says more than "...Error"
    """A file that cannot be written; the message is one sentence with its path."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written ({reason(error)}).")


class Unusable(ValueError):  # noqa: N818 - says more than "...Error"
    """A file whose content is not what it should be; the message ends a sentence."""


def digest(text: str) -> str:
    """Name a text in 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def reason(error: OSError) -> str:
    """Say in words why the system refused, without number and path."""
    return error.strerror or str(error) or type(error).__name__


def make_folder(path: Path) -> Path:
    """Make a folder, and those above it, or raise `CannotWrite`."""
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
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CannotWrite(path, error) from error


def _flush_folder(folder: Path) -> None:
    """Flush the renaming itself, where the system lets folders be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, content: Mapping[str, Any], beside: str = "") -> None:
    """Write a JSON object with a digest of itself; see `write_whole`."""
    text = json.dumps(content, default=lambda value: value.tolist())  # NumPy's
    checked = json.loads(text) | {"digest": digest(text)}
    write_whole(path, json.dumps(checked), beside)


def read_json(path: Path, shape: Mapping[str, type]) -> dict[str, Any]:
    """Read what `write_json` wrote, which holds values of these types at least.

    It raises `Unusable` if it cannot be read, holds something else or was changed.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise Unusable(f"it cannot be read ({reason(error)})") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"it is no JSON ({error})") from error
    require(content, shape)
    written = content.pop("digest", None)  # older versions wrote none
    if written is not None and written != digest(json.dumps(content)):
        raise Unusable("it was changed after it had been written")
    return content


def require(content: object, shape: Mapping[str, type]) -> None:
    """Raise `Unusable` unless an object holds values of these types."""
    if not isinstance(content, dict):
        raise Unusable("it holds no JSON object")
    for name, kind in shape.items():
        if name not in content:
            raise Unusable(f"it holds no '{name}'")
        if not isinstance(content[name], kind):
            raise Unusable(f"its '{name}' is something else")

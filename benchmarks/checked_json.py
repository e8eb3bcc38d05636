"""Files of JSON objects that can tell whether they are what was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.files import reason, write_whole
from benchmarks.jobs import digest


class Unusable(ValueError):  # noqa: N818 - says more than "...Error"
    """A file whose content is not what it should be; the message ends a sentence."""


def write_json(path: Path, content: Mapping[str, Any], beside: str = "") -> None:
    """Write a JSON object with a digest of itself; see `write_whole`."""
    text = json.dumps(content, default=_as_plain)
    checked = json.loads(text) | {"digest": digest(text)}
    write_whole(path, json.dumps(checked), beside)


def read_json(path: Path, shape: Mapping[str, type]) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Parameters
    ----------
    path : Path
        The file.
    shape : mapping of str to type
        What it must hold, at least.

    Raises
    ------
    Unusable
        If it cannot be read, holds something else or was changed.
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


def _as_plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays into Python's."""
    return value.tolist()

"""What the openml client's exceptions mean to the person who waits for the data."""

from __future__ import annotations

import errno
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from openml import exceptions
from requests.exceptions import ChunkedEncodingError, ContentDecodingError

from benchmarks.datasets._base import Problem

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LATER = "try again later"
_OFFLINE = (
    "check the network, or name a cache folder that already holds it with --cache or "
    "OPENML_CACHE_DIR"
)

#: What is wrong and what to do, by exceptions: the first that fits counts.
_MEANINGS: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    # requests' own words: "404 Client Error: Not Found for url: ..."
    ((requests.HTTPError,), "the server answered '{error}'", _LATER),
    ((requests.Timeout,), "{server} did not answer in time", _OFFLINE),
    ((requests.ConnectionError,), "{server} cannot be reached ({reason})", _OFFLINE),
    (
        (ChunkedEncodingError, ContentDecodingError),
        "the answer of {server} broke off before its end",
        _LATER,
    ),
    ((requests.RequestException,), "{server} cannot be asked ({brief})", _OFFLINE),
    (
        (exceptions.OpenMLPrivateDatasetError, exceptions.OpenMLNotAuthorizedError),
        "the server does not give it to everyone",
        "configure the openml client with an API key that may read it",
    ),
    (
        (exceptions.OpenMLServerException,),
        "the server answered with error {error.code}, '{words}'",
        "check the id, or try again later",
    ),
    (
        (MemoryError,),
        "the memory is too small for it",
        "close what else is running",
    ),
)


def explain(error: BaseException, folder: Path) -> Problem:
    """Find what an exception, or the one behind it, means.

    The folder is where files were being written, and is named where a full disk's error
    names none.
    """
    cause: BaseException | None = error
    # Only along __cause__: the client makes its requests inside `except` blocks, so
    # that __context__ leads to a missing file of its cache, which is no news.
    while cause is not None:
        problem = _meaning(cause, folder)
        if problem is not None:
            return problem
        cause = cause.__cause__
    answer = f"the server's answer was not understood ({brief(error)})"
    return Problem(answer, f"see whether a proxy or a login page spoke, or {_LATER}")


def bad_file(what: str, cached_in: Path | None) -> Problem:
    """Say what is wrong with a set's files, and to delete the folder or to ask again.

    The folder is that of the cache which holds the file; None for one that was just
    fetched.
    """
    if cached_in is None:
        hint = f"{_LATER}, and tell OpenML if it stays so"
        return Problem(f"the file that the server sent {what}", hint)
    hint = f"delete the folder {cached_in} and run again with a network connection"
    return Problem(f"its file in the cache {what}", hint)


def brief(error: BaseException) -> str:
    """Type and first words of an exception."""
    words = " ".join(str(error).split())[:120].rstrip(".")
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _meaning(error: BaseException, folder: Path) -> Problem | None:
    """Say what an exception means; None for one that means nothing by itself."""
    if isinstance(error, Problem):
        return error
    behind = error.args[0] if error.args else None
    silent = isinstance(behind, urllib3.exceptions.ReadTimeoutError)
    if silent and isinstance(error, requests.ConnectionError):
        return Problem(f"{_server(error)} fell silent in its answer", _LATER)
    for kinds, what, hint in _MEANINGS:
        if isinstance(error, kinds):
            words = str(getattr(error, "message", "")).removesuffix(" - None")
            said = {
                "server": _server(error),
                "brief": brief(error),
                "reason": str(getattr(behind, "reason", error)).rpartition(": ")[2],
                "words": words.rstrip("."),
            }
            return Problem(what.format(error=error, **said), hint)
    return _refusal(error, folder) if isinstance(error, OSError) else None


def _refusal(error: OSError, folder: Path) -> Problem:
    """Say which folder the system refuses, and why."""
    named = None if error.filename is None else Path(error.filename)
    # A path in `folder` may be a temporary one: the user knows only the folder.
    inside = named is None or named.is_relative_to(folder)
    place = folder if inside else named
    names = "TMPDIR" if place == Path(gettempdir()) else "--cache or OPENML_CACHE_DIR"
    remedy = "free some space there" if error.errno in _FULL else "make it usable"
    what = f"{place} cannot be used ({error.strerror or brief(error)})"
    return Problem(what, f"{remedy}, or name another folder with {names}")


def _server(error: Any) -> str:
    """Name the host that a failed request was for."""
    url = getattr(getattr(error, "request", None), "url", None)
    return f"the server {urlsplit(str(url)).netloc}" if url else "the server"

"""What the openml client's exceptions mean to the person who waits for the data."""

from __future__ import annotations

import errno
from functools import singledispatch
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import urlsplit

import requests
import urllib3
from openml import exceptions

from benchmarks.datasets._base import Problem

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LATER = "try again later"
_OFFLINE = (
    "check the network, or name a cache folder that already holds it with --cache or "
    "OPENML_CACHE_DIR"
)


def explain(error: BaseException, folder: Path) -> Problem:
    """Find what an exception, or the one behind it, means.

    Parameters
    ----------
    error : BaseException
        What the client, or the code around it, raised.
    folder : Path
        Where files were being written, named where a full disk's error names none.

    Returns
    -------
    problem : Problem
        What is wrong and what to do.
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
    """Say what is wrong with a set's files.

    Parameters
    ----------
    what : str
        Ends the sentence that begins with the file.
    cached_in : Path or None
        Folder of the cache that holds the file; None for one that was just fetched.

    Returns
    -------
    problem : Problem
        With the remedy: delete the folder, or ask again.
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


@singledispatch
def _meaning(error: BaseException, folder: Path) -> Problem | None:
    """Say what an exception means; None for one that means nothing by itself."""
    return None


@_meaning.register
def _(error: Problem, folder: Path) -> Problem:
    return error


@_meaning.register
def _(error: requests.HTTPError, folder: Path) -> Problem:
    # requests' own words: "404 Client Error: Not Found for url: ..."
    return Problem(f"the server answered '{error}'", _LATER)


@_meaning.register(requests.Timeout)
@_meaning.register(requests.ConnectTimeout)  # it is a ConnectionError as well
def _(error: requests.RequestException, folder: Path) -> Problem:
    return Problem(f"{_server(error)} did not answer in time", _OFFLINE)


@_meaning.register
def _(error: requests.ConnectionError, folder: Path) -> Problem:
    behind = error.args[0] if error.args else None
    if isinstance(behind, urllib3.exceptions.ReadTimeoutError):
        return Problem(f"{_server(error)} fell silent in its answer", _LATER)
    reason = str(getattr(behind, "reason", error)).rpartition(": ")[2]
    return Problem(f"{_server(error)} cannot be reached ({reason})", _OFFLINE)


@_meaning.register(requests.exceptions.ChunkedEncodingError)
@_meaning.register(requests.exceptions.ContentDecodingError)
def _(error: requests.RequestException, folder: Path) -> Problem:
    return Problem(f"the answer of {_server(error)} broke off before its end", _LATER)


@_meaning.register
def _(error: requests.RequestException, folder: Path) -> Problem:
    return Problem(f"{_server(error)} cannot be asked ({brief(error)})", _OFFLINE)


@_meaning.register
def _(error: exceptions.OpenMLServerException, folder: Path) -> Problem:
    words = error.message.removesuffix(" - None").rstrip(".")
    hint = "check the id, or try again later"
    return Problem(f"the server answered with error {error.code}, '{words}'", hint)


@_meaning.register(exceptions.OpenMLPrivateDatasetError)
@_meaning.register(exceptions.OpenMLNotAuthorizedError)
def _(error: exceptions.PyOpenMLError, folder: Path) -> Problem:
    hint = "configure the openml client with an API key that may read it"
    return Problem("the server does not give it to everyone", hint)


@_meaning.register
def _(error: MemoryError, folder: Path) -> Problem:
    return Problem("the memory is too small for it", "close what else is running")


@_meaning.register
def _(error: OSError, folder: Path) -> Problem:
    named = None if error.filename is None else Path(error.filename)
    # A path in `folder` may be a temporary one: the user knows only the folder.
    inside = named is None or named.is_relative_to(folder)
    place = folder if inside else named
    names = "TMPDIR" if place == Path(gettempdir()) else "--cache or OPENML_CACHE_DIR"
    remedy = "free some space there" if error.errno in _FULL else "make it usable"
    what = f"{place} cannot be used ({error.strerror or brief(error)})"
    return Problem(what, f"{remedy}, or name another folder with {names}")


def _server(error: requests.RequestException) -> str:
    """Name the host that a failed request was for."""
    url = None if error.request is None else error.request.url
    return f"the server {urlsplit(str(url)).netloc}" if url else "the server"

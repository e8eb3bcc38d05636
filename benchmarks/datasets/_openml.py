"""OpenML's data sets through its own client, without harm to the user's cache.

`openml.datasets.get_dataset` deletes a set's whole cache folder on any exception. So
the client never sees the user's cache: it works in a private root, which holds a copy
of what the cache has of the set. What it fetched is moved into the cache at the end,
when all has gone well, each file whole or not at all. Processes that load the same set
at the same time do so apart, and the first to finish fills the cache. A process that
is killed in a download leaves its private root behind, a folder `.sk_mixup-...` in the
cache's root, which may be deleted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import openml
import pandas as pd
import requests
from numpy.typing import NDArray
from openml import _api_calls
from openml.exceptions import OpenMLHashException, PyOpenMLError

from benchmarks.datasets._base import Folder, Problem, Task
from benchmarks.datasets._failures import bad_file, brief, explain

_DESCRIPTION = "description.xml"
_ARFF = "dataset.arff"

# The client keeps its configuration in module globals and the environment.
_ONE_AT_A_TIME = threading.RLock()


def fetch(
    data_id: int,
    target: str | None,
    task: Task | None,
    cache: Folder | None,
    timeout: float,
    without: tuple[str, ...] = (),
) -> tuple[pd.DataFrame, NDArray[Any], Task]:
    """Get a data set from the cache, or from the server into the cache.

    It is without the columns that OpenML says to ignore, and without further ones,
    which it must have. None takes the target that OpenML names, the task by the
    target's dtype, the cache of OPENML_CACHE_DIR or the client's. Whatever goes wrong
    is a `Problem`.
    """
    work = root = _cache_root(cache)
    with _ONE_AT_A_TIME:
        try:
            shelf = root / _server_folder() / "datasets" / str(data_id)
            held = _held(shelf, data_id)
            cached = _DESCRIPTION in held and len(held) > 1
            work = Path(tempfile.gettempdir()) if cached else root
            with _private_root(work) as private:
                staged = private / shelf.relative_to(root)
                _copy(held, shelf, staged)
                parquet = cached and _ARFF not in held
                with _client(timeout, private, parquet=parquet):
                    X, y = _read(data_id, target, shelf if held else None, without)
                if not cached:
                    _publish(staged, shelf)
        except Problem:  # which must not become its own cause
            raise
        except Exception as error:
            raise explain(error, work) from error
    task = task or _task(y)
    return _tidy(X), _labels(y, task), task


def suite(suite_id: int, timeout: float) -> list[int]:
    """Ask the server for the ids of a suite's data sets."""
    with _ONE_AT_A_TIME:
        try:
            with _private_root(None) as private, _client(timeout, private):
                return list(openml.study.get_suite(suite_id).data or ())
        except Exception as error:
            what = explain(error, Path(tempfile.gettempdir())).what
            hint = "no cache holds the members of a suite, so check the network and id"
            raise Problem(what, hint) from error


def _task(y: pd.Series[Any]) -> Task:
    """Guess the task: regression for numbers, truth values not being numbers."""
    kinds = pd.api.types
    numeric = kinds.is_numeric_dtype(y) and not kinds.is_bool_dtype(y)
    return "regression" if numeric else "classification"


def _tidy(X: pd.DataFrame) -> pd.DataFrame:
    """Make numbers of a column without any value, which the client leaves objects."""
    is_object = pd.api.types.is_object_dtype
    objects = [c for c, dtype in X.dtypes.items() if is_object(dtype)]
    empty = [c for c in objects if X[c].isna().all()]
    if empty:  # an `astype` of nothing is slow where there are many columns
        X = X.astype(dict.fromkeys(empty, "float64"))
    return X.reset_index(drop=True)


def _labels(y: pd.Series[Any], task: Task) -> NDArray[Any]:
    """Give the target as numbers, or as what its categories are: mostly strings."""
    if task == "regression":
        return y.to_numpy(dtype="float64")
    return np.asarray(y.tolist())


def _cache_root(cache: Folder | None) -> Path:
    """Find the root: the caller's, the environment's, or the client's own."""
    root = cache or os.environ.get("OPENML_CACHE_DIR")
    if root is None:
        root = openml.config.get_config_as_dict()["cachedir"]
    return Path(root).expanduser().absolute()


def _server_folder() -> Path:
    """Find where the client keeps the present server's files under its root."""
    root = openml.config.get_config_as_dict()["cachedir"]
    return Path(openml.config.get_cache_directory()).relative_to(root)


def _held(shelf: Path, data_id: int) -> list[str]:
    """List what the cache has of a set, after a look at its description.

    The client's pickles are left out: they are made from these files, and may be from
    another version of pandas.
    """
    files = (_DESCRIPTION, _ARFF, f"dataset_{data_id}.pq", "dataset.pq")
    for path in (shelf / name for name in files):
        if path.exists() and not path.is_file():
            raise bad_file(f"{path.name} is no file", shelf)
    held = [name for name in files if (shelf / name).is_file()]
    if _DESCRIPTION in held:
        # Of a damaged one the client would say nothing, and ask the server again.
        _check_description(shelf, data_id)
    return held


def _check_description(shelf: Path, data_id: int) -> None:
    try:
        root = ElementTree.parse(shelf / _DESCRIPTION).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise bad_file(f"{_DESCRIPTION} is damaged ({error})", shelf) from error
    if not root.tag.endswith("data_set_description"):
        raise bad_file(f"{_DESCRIPTION} describes no data set", shelf)
    found = (root.findtext("{*}id") or "").strip()
    if found != str(data_id):
        of = f"data set {found}" if found else "a data set without a number"
        raise bad_file(f"{_DESCRIPTION} is about {of}", shelf)


@contextmanager
def _private_root(parent: Path | None) -> Iterator[Path]:
    """Make a folder for the client to work in, for as long as the context lasts."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".sk_mixup-", dir=parent, ignore_cleanup_errors=True
    ) as private:
        yield Path(private)


def _copy(files: list[str], source: Path, target: Path) -> None:
    """Copy files; a link would hand the user's own to the client."""
    target.mkdir(parents=True)
    for name in files:
        (target / name).write_bytes((source / name).read_bytes())


def _publish(staged: Path, shelf: Path) -> None:
    """Move what was fetched into the cache, the description last.

    Whoever sees the description thus sees the data as well. A file that is there
    already stays as it is.
    """
    shelf.mkdir(parents=True, exist_ok=True)
    for name in (_ARFF, _DESCRIPTION):
        if not (shelf / name).exists():
            (staged / name).replace(shelf / name)


class _Session(requests.Session):
    """A session that gives up on a silent server and reports answers without words.

    The client sets no time-out, and cannot parse an error that is not OpenML's XML.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__()
        self.timeout = timeout

    def send(
        self, request: requests.PreparedRequest, **kwargs: Any
    ) -> requests.Response:
        kwargs["timeout"] = self.timeout
        answer = super().send(request, **kwargs)
        answer.encoding = "utf-8"  # else guessed, slowly; the checksum is of UTF-8
        if b"oml:error" not in answer.content:
            answer.raise_for_status()
        return answer


@contextmanager
def _client(timeout: float, root: Path, *, parquet: bool = False) -> Iterator[None]:
    """Let the client work in a cache that it may spoil; put everything back afterwards.

    Parquet will do where nothing else is there: ARFF is fetched over the description's
    own protocol and has a checksum, Parquet has neither.
    """
    config, skip = openml.config, openml.config.OPENML_SKIP_PARQUET_ENV_VAR
    before, skipped = config.get_config_as_dict(), os.environ.get(skip)
    # The client warns on the root logger, which would set up logging for everyone.
    quiet, log = logging.NullHandler(), logging.getLogger()
    bounded = {**vars(requests), "Session": partial(_Session, timeout)}
    try:
        log.addHandler(quiet)
        os.environ[skip] = "false" if parquet else "true"
        config.set_root_cache_directory(root)
        config.set_retry_policy("human", n_retries=1)
        vars(_api_calls)["requests"] = SimpleNamespace(**bounded)
        yield
    finally:
        vars(_api_calls)["requests"] = requests
        config.retry_policy = before["retry_policy"]
        config.connection_n_retries = before["connection_n_retries"]
        config.set_root_cache_directory(before["cachedir"])
        os.environ.pop(skip, None)
        os.environ.update({} if skipped is None else {skip: skipped})
        log.removeHandler(quiet)


def _read(
    data_id: int, target: str | None, shelf: Path | None, without: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Let the client get and parse a set; `shelf` is where the cache had some of it."""
    try:
        dataset = openml.datasets.get_dataset(
            data_id,
            download_data=True,
            download_qualities=False,
            download_features_meta_data=False,
        )
        _check_dataset(dataset, data_id, shelf)
        frame = pd.DataFrame(dataset.get_data()[0])
    except OpenMLHashException as error:
        raise _changed(shelf) from error
    except (Problem, PyOpenMLError, OSError, MemoryError):
        raise  # the server's, the network's and this machine's, not the file's
    except Exception as error:
        raise bad_file(f"cannot be read ({brief(error)})", shelf) from error
    target = target or dataset.default_target_attribute
    return _split(_without(frame, without, shelf), target, shelf)


def _check_dataset(
    dataset: openml.OpenMLDataset, data_id: int, shelf: Path | None
) -> None:
    """Make sure of what the client takes on trust: the id, and any cached file."""
    if dataset.dataset_id != data_id:
        raise bad_file(f"is about the data set {dataset.dataset_id}", shelf)
    if not _is_whole(dataset):
        raise _changed(shelf)


def _changed(shelf: Path | None) -> Problem:
    return bad_file(f"{_ARFF} does not match its checksum", shelf)


def _is_whole(dataset: openml.OpenMLDataset) -> bool:
    """Compare an ARFF file with its checksum, if there are both."""
    if dataset.data_file is None or not dataset.md5_checksum:
        return True
    # The client writes in text mode, which on Windows adds to the ends of lines.
    written = Path(dataset.data_file).read_bytes()
    sent = written.replace(os.linesep.encode(), b"\n")
    md5 = hashlib.md5(sent, usedforsecurity=False).hexdigest()
    return md5 == dataset.md5_checksum.lower()


def _without(
    frame: pd.DataFrame, columns: tuple[str, ...], shelf: Path | None
) -> pd.DataFrame:
    for name in columns:
        if name not in frame.columns:
            raise bad_file(f"has no column '{name}' to leave out", shelf)
    return frame.drop(columns=list(columns))


def _split(
    frame: pd.DataFrame, target: str | None, shelf: Path | None
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    if target is None:
        raise bad_file("names no target", shelf)
    if target not in frame.columns:
        raise bad_file(f"has no column '{target}' for the target", shelf)
    X, y = frame.drop(columns=target), frame[target]
    if X.empty:
        raise bad_file(f"has {len(X)} rows and {X.shape[1]} features", shelf)
    if y.isna().any():
        raise bad_file(f"has rows without a target ({y.isna().sum()})", shelf)
    return X, y

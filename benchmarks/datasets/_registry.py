"""The names: which data sets there are, how they are grouped and found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from benchmarks.datasets import _local, _openml_sets
from benchmarks.datasets._base import TIMEOUT, Dataset, Folder, Source, short_name
from benchmarks.datasets._openml_sets import OpenMLSet, openml_client

#: Images; the first needs no network, the others a GPU.
_IMAGES: Final = (
    _local.DIGITS,
    OpenMLSet("cifar_10", 40927, rows=60_000, task="classification"),
    OpenMLSet("fashion_mnist", 40996, rows=70_000, task="classification"),
)

_GROUPS: Final[Mapping[str, tuple[Source, ...]]] = {
    "demo": (*_local.DEMO, _local.TWO_MOONS),
    "uci": _openml_sets.PAPER,
    "openml": _openml_sets.PAPER + _openml_sets.FURTHER,
    "suite": _openml_sets.PAPER + _openml_sets.FURTHER + _openml_sets.MIXED,
    "regression": _openml_sets.REGRESSION + _local.REGRESSION,
    "real_targets": _openml_sets.REGRESSION,
    "toy": _local.TOY,
    "images": _IMAGES,
    "spectrograms": (_local.CHIRPS,),
}

_SETS: Final[Mapping[str, Source]] = {
    source.name: source for sources in _GROUPS.values() for source in sources
}

#: Groups for whose purposes any set of OpenML with classes will do.
_OPEN: Final = ("demo", "uci", "openml", "suite")

#: The names of those of OpenML's sets that have one.
_NAMES: Final[Mapping[int, str]] = {
    source.id: source.name for source in _SETS.values() if isinstance(source, OpenMLSet)
}


def groups() -> list[str]:
    """Names of the groups of data sets."""
    return list(_GROUPS)


def names() -> list[str]:
    """Names of all data sets; "openml_<id>" loads any other of OpenML's."""
    return list(_SETS)


def group(name: str) -> list[str]:
    """Names of the data sets of a group, as `load` takes them.

    Groups are "demo" (scikit-learn's, and two moons), "uci" (the paper's six), "openml"
    (those and sixteen more), "suite" (those and twelve with categories, most with
    gaps), "regression" (fourteen of OpenML's, then scikit-learn's and generated ones),
    "real_targets" (the former of these), "toy" (two features, for pictures), "images"
    and "spectrograms".
    """
    if name not in _GROUPS:
        raise ValueError(_unknown("group of data sets", name, _GROUPS))
    return [source.name for source in _GROUPS[name]]


def select(within: str, wanted: Sequence[str] | None = None) -> list[str]:
    """Find what a user's names mean within a group.

    Parameters
    ----------
    within : str
        One of `groups`.
    wanted : sequence of str or None, default=None
        Names, with or without their origin: "iris" is OpenML's in "uci" and
        scikit-learn's ("sklearn_iris") in "demo". Where classes will do, also
        OpenML's numbers, "31" or "openml_31", of sets in the group or not. None means
        all of the group.

    Returns
    -------
    list of str
        Names as `load` takes them, in the order asked for, each once.

    Raises
    ------
    ValueError
        If a name is neither in the group nor a number; it lists those that are.
    """
    members = group(within)
    if wanted is None:
        return members
    meaning = {short_name(name): name for name in members}
    meaning |= {name: name for name in members}
    if within in _OPEN:
        numbers = {name: _number(name) for name in wanted}
        meaning |= {name: _named(i) for name, i in numbers.items() if i is not None}
    for name in wanted:
        if name not in meaning:
            known = [*map(short_name, members), *["openml_<id>"] * (within in _OPEN)]
            raise ValueError(_unknown(f"data set of '{within}'", name, known))
    return list(dict.fromkeys(meaning[name] for name in wanted))


def load(
    name: str, cache: Folder | None = None, *, timeout: float = TIMEOUT
) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of `names`, or "openml_<id>" (or the number alone) for any other data set
        of OpenML.
    cache : path-like or None, default=None
        Root of the openml client's cache. None takes OPENML_CACHE_DIR, else the
        client's own setting. What it already holds is read and never changed; a set
        that is fetched is added whole or not at all.
    timeout : float, default=30
        Seconds of silence after which a server is given up.

    Returns
    -------
    dataset : Dataset
        Raw features and target.

    Raises
    ------
    ValueError
        If the name is unknown; it lists the known ones.
    DatasetUnavailable
        If the data set cannot be had; it says why and what to do, in one sentence.
    """
    return _find(name).load(cache, timeout)


def n_rows(name: str) -> int | None:
    """Tell how many rows a data set has, without loading it; None if not known here."""
    return _SETS[name].rows if name in _SETS else None


def suite_members(suite: int, *, timeout: float = TIMEOUT) -> list[str]:
    """Names of the data sets of an OpenML suite, asked of OpenML's server.

    The suite is a number, e.g. 99 for CC18. Names are "openml_<id>" where there is no
    other for the id. `DatasetUnavailable` tells why the server does not.
    """
    with openml_client(f"suite {suite} (OpenML)") as client:
        return list(map(_named, client.suite(suite, timeout)))


def _named(data_id: int) -> str:
    return _NAMES.get(data_id, f"openml_{data_id}")


def _number(name: str) -> int | None:
    """Read OpenML's number from a name that is one, "31" or "openml_31"."""
    by_number = re.fullmatch(r"(?:openml_)?([0-9]{1,9})", name)
    return int(by_number[1]) if by_number else None


def _find(name: str) -> Source:
    if name in _SETS:
        return _SETS[name]
    if (data_id := _number(name)) is not None:
        return OpenMLSet(f"openml_{data_id}", data_id)
    raise ValueError(_unknown("data set", name, [*_SETS, "openml_<id>"]))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, which one it resembles, and which are known."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" (did you mean '{close[0]}'?)" if close else ""
    return f"unknown {what} '{name}'{guess}; known: {', '.join(known)}"

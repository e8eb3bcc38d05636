"""Where results come from: machine, versions, commit and minutes."""

from __future__ import annotations

import platform
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import joblib
import pandas as pd
import torch

import sk_mixup
from benchmarks.report import Section
from benchmarks.store import Record
from benchmarks.tables import Table, plain_table

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("torch", "scikit-learn", "skorch", "numpy", "pandas")
#: Packages of rivals, which need not be installed.
RIVALS: Final = ("catboost", "lightgbm", "pytabkit")
UNKNOWN: Final = "unknown"
CHANGED: Final = " with changes"


def machine(*, on_gpu: bool = False) -> Record:
    """Describe this machine and what runs on it, its GPU where that is used."""
    rivals = {name: found for name in RIVALS if (found := _version(name)) != UNKNOWN}
    gpu = {"gpu": torch.cuda.get_device_name()} if on_gpu else {}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "system": platform.system(),
        "processor": _processor(),
        "cores": joblib.cpu_count(),
        "python": platform.python_version(),
        "versions": {"sk_mixup": sk_mixup.__version__, "commit": commit()}
        | {name: _version(name) for name in PACKAGES}
        | rivals,
    } | gpu


def _processor(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Name the model of the processor, or its architecture where none is told."""
    with suppress(OSError):
        found = re.search(r"^model name\s*: *(.+)$", listing.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # it is importable without being installed
        return UNKNOWN


@cache  # the code of a process is that of its start
def commit(root: Path = ROOT) -> str:
    """Name the commit of the checkout, and say whether its code was changed since."""
    if not (root / ".git").exists():
        return UNKNOWN
    try:
        name = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "sk_mixup", "benchmarks")
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return f"{name}{CHANGED * bool(changed)}"


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


def lead(notes: Sequence[Record]) -> str:
    """Say in a line which state of the package was run, when and for how long."""
    if not notes:
        return ""
    found = list(dict.fromkeys(map(_state, notes)))
    state = found[0] if len(found) == 1 else f"{len(found)} states of the package"
    days = sorted({note["date"] for note in notes})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{state}; {when}; {_minutes(notes):.1f} minutes on {_machine(notes[-1])}."


def _state(note: Record) -> str:
    versions = note["versions"]
    of = versions.get("commit", UNKNOWN)
    return f"sk_mixup {versions['sk_mixup']}, commit {of}"


def _machine(note: Record) -> str:
    gpu = f", {note['gpu']}" if "gpu" in note else ""
    return f"{note['system']}, {note['processor']}, {note['cores']} cores{gpu}"


def _minutes(notes: Iterable[Record]) -> float:
    return sum(note.get("seconds", 0.0) for note in notes) / 60


def made(asked: Mapping[str, Sequence[Record]]) -> Section:
    """Tell of the commands of each experiment, of machines and versions."""
    listed = [(name, note) for name, notes in asked.items() for note in notes]
    commands = [
        {
            "experiment": name,
            "command": note["command"],
            "date": note["date"],
            "jobs": note["jobs"],
            "minutes": note.get("seconds", float("nan")) / 60,
            "device": note["device"],
            "machine": _machine(note),
        }
        for name, note in listed
    ]
    totals = [
        {
            "experiment": name,
            "minutes": _minutes(notes),
            "state": "; ".join(dict.fromkeys(map(_state, notes))),
        }
        for name, notes in asked.items()
        if notes
    ]
    versions = [
        {"python": note["python"], "sk_mixup": None, "commit": UNKNOWN}
        | note["versions"]
        for _, note in listed
    ]
    tables = (
        _table(totals, "Minutes by experiment"),
        _table(commands, "Commands"),
        _table(versions, "Versions"),
    )
    text = (
        "Errors are means over the folds of all repeats, with standard errors that "
        "know that folds share training rows (Nadeau and Bengio, 2003). Methods are "
        "compared on the same folds, initial weights and order of rows. Networks "
        "that were trained together share their wall time by their numbers and epochs. "
        "Minutes are those of the command's work; of a command that was killed they "
        "are not known, and its jobs are counted again where another went on."
    )
    return Section("How this was made", (text,), tuple(filter(None, tables)))


def _table(rows: Sequence[Record], title: str) -> Table | None:
    frame = pd.DataFrame(rows).drop_duplicates()
    return plain_table(frame, title, decimals=1) if len(frame) else None

"""``python -m benchmarks speed``: measure and report."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import pandas as pd
from rich.console import Console
from rich.text import Text

from benchmarks.console import print_table, say
from benchmarks.speed import report
from benchmarks.speed.cases import FULL, GROUPS, QUICK, make_table
from benchmarks.speed.measure import Case, interleaved, ratios
from benchmarks.speed.peers import Recipe, ours

SUMMARY: Final = "how fast the package is, against others"
ON_GPU: Final = "gpu"


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Parameters
    ----------
    groups : tuple of str
        Names of groups of cases.
    quick : bool, default=False
        Run every line on sizes that say nothing.
    repeats : int, default=5
        Turns of each subject.
    """

    groups: tuple[str, ...]
    quick: bool = False
    repeats: int = 5


def groups_on(device: str, asked: Sequence[str] | None = None) -> tuple[str, ...]:
    """Choose groups of cases.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        Where networks are trained; the GPU is measured against the CPU.
    asked : sequence of str or None, default=None
        Groups that were asked for; None takes all that the device allows.

    Returns
    -------
    tuple of str
        Names.

    Raises
    ------
    ValueError
        If a group needs another device.
    """
    if device == "cpu" and asked is not None and ON_GPU in asked:
        raise ValueError("the cases gpu need --device cuda")
    possible = [name for name in GROUPS if name != ON_GPU or device == "cuda"]
    return tuple(possible if asked is None else asked)


def run(request: Request, folder: Path, console: Console) -> pd.DataFrame:
    """Measure, print the table of ratios and write the files.

    Readings are written after every case, so an interruption loses only the last.

    Parameters
    ----------
    request : Request
        What is to be measured.
    folder : Path
        Where files go.
    console : rich.console.Console
        Where to speak.

    Returns
    -------
    pandas.DataFrame
        The ratios, one row per comparison.
    """
    records: list[dict[str, Any]] = []
    done: list[Case] = []
    compared = pd.DataFrame()
    with _settled():
        for case in _cases(request, console):
            with console.status(Text(case.title)):
                records += interleaved(case, request.repeats)
            say(console, f"{case.title}: measured")
            done.append(case)
            readings = pd.DataFrame(records)
            compared = ratios(readings, done)
            report.write(readings, compared, folder)
    report.draw(compared, folder, f"{joblib.cpu_count()} cores")
    print_table(console, report.table(compared, request.repeats))
    say(console, f"Readings, ratios and a figure: {folder}")
    return compared


@contextmanager
def _settled() -> Iterator[None]:
    """Let torch load what the first optimiser needs, and spare the collector it all."""
    ours(Recipe(epochs=1)).fit(*make_table(20))
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _cases(request: Request, console: Console) -> Iterator[Case]:
    """Make the cases, without what is not installed."""
    scale = QUICK if request.quick else FULL
    for group in request.groups:
        for case in GROUPS[group](scale):
            for name, package in case.missing.items():
                text = f"{case.title}: {name} left out, {package} is not installed"
                say(console, text)
            yield case.without(case.missing)

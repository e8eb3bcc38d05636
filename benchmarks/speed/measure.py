"""Measuring side by side: readings in turns, and their ratios turn by turn."""

from __future__ import annotations

import gc
import importlib.util
import math
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Reading:
    """What was measured once.

    Parameters
    ----------
    value : float
        In the unit of the case, such as seconds of wall time.
    cpu : float, default=nan
        Seconds of CPU time, of all threads; NaN where it is not known.
    """

    value: float
    cpu: float = math.nan


@dataclass(frozen=True)
class Subject:
    """Something that is measured beside others.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    measure : callable
        Measure it once.
    package : str, default="sk_mixup"
        What must be installed for it.
    """

    name: str
    measure: Callable[[], Reading]
    package: str = "sk_mixup"

    @property
    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        return importlib.util.find_spec(self.package) is not None


@dataclass(frozen=True)
class Comparison:
    """One subject against another.

    Parameters
    ----------
    title : str
        What is compared.
    subject, peer : str
        Names of the two: the ratio is the first one's reading over the second one's.
    target : float or None, default=None
        The largest ratio that is aimed at.
    """

    title: str
    subject: str
    peer: str
    target: float | None = None


@dataclass(frozen=True)
class Case:
    """Subjects that are measured in turns.

    Parameters
    ----------
    title : str
        What is measured.
    subjects : tuple of Subject
        In the order in which they take turns.
    comparisons : tuple of Comparison
        Which of them are compared.
    unit : str, default="s"
        Unit of the readings.
    """

    title: str
    subjects: tuple[Subject, ...]
    comparisons: tuple[Comparison, ...]
    unit: str = "s"

    @property
    def missing(self) -> dict[str, str]:
        """Subjects that cannot be measured here, with what they need."""
        return {s.name: s.package for s in self.subjects if not s.is_installed}

    def without(self, names: Collection[str]) -> Case:
        """Return the case without some subjects and what they are compared with."""
        return replace(
            self,
            subjects=tuple(s for s in self.subjects if s.name not in names),
            comparisons=tuple(
                c for c in self.comparisons if not {c.subject, c.peer} & set(names)
            ),
        )


@dataclass(frozen=True)
class Seconds:
    """Time an action.

    Parameters
    ----------
    action : callable
        What is timed.
    scale : float, default=1.0
        What the times are multiplied by: 1 / 8 gives those of one network of eight.
    single_thread : bool, default=False
        Take all threads but one from torch and BLAS, which is best for one small
        network.
    elsewhere : bool, default=False
        The work is done by other processes, whose CPU time is not known.
    """

    action: Callable[[], object]
    scale: float = 1.0
    single_thread: bool = False
    elsewhere: bool = False

    def __call__(self) -> Reading:
        """Do it once."""
        gc.collect()
        with one_thread() if self.single_thread else nullcontext():
            cpu, wall = time.process_time(), time.perf_counter()
            self.action()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        known = math.nan if self.elsewhere else self.scale
        return Reading(self.scale * wall, known * cpu)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and BLAS have one thread, while inside."""
    before = torch.get_num_threads()
    try:
        with threadpool_limits(1):
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(before)


def interleaved(case: Case, repeats: int) -> Iterator[dict[str, Any]]:
    """Measure the subjects of a case in turns: A B C, A B C, ...

    Parameters
    ----------
    case : Case
        The case.
    repeats : int
        How many turns each subject gets.

    Yields
    ------
    record : dict
        ``case``, ``subject``, ``repeat``, ``value``, ``cpu``, ``unit``.
    """
    for repeat in range(repeats):
        for subject in case.subjects:
            named = {"case": case.title, "subject": subject.name, "repeat": repeat}
            yield named | asdict(subject.measure()) | {"unit": case.unit}


def ratios(readings: pd.DataFrame, cases: Sequence[Case]) -> pd.DataFrame:
    """Compare readings of the same turn.

    Parameters
    ----------
    readings : pandas.DataFrame
        The records of `interleaved`.
    cases : sequence of Case
        The cases that were measured.

    Returns
    -------
    pandas.DataFrame
        A row per comparison: ``case``, ``subject``, ``peer``; ``ratio``, ``low`` and
        ``high``, the median, least and largest of the ratios of single turns;
        ``cpu_ratio``, the median ratio of CPU times; ``value``, the subject's median
        reading, and its ``unit``; ``target``.
    """
    rows = [
        {**asdict(comparison), **_ratio(readings, case, comparison)}
        for case in cases
        for comparison in case.comparisons
    ]
    frame = pd.DataFrame(rows).rename(columns={"title": "case"})
    return frame.astype({"target": float})


def _ratio(
    readings: pd.DataFrame, case: Case, comparison: Comparison
) -> dict[str, float | str]:
    by_turn = readings[readings["case"] == case.title].set_index("repeat")
    own = by_turn[by_turn["subject"] == comparison.subject]
    peer = by_turn[by_turn["subject"] == comparison.peer]
    single = own["value"] / peer["value"]
    return {
        "ratio": float(single.median()),
        "low": float(single.min()),
        "high": float(single.max()),
        "cpu_ratio": float((own["cpu"] / peer["cpu"]).median()),
        "value": float(own["value"].median()),
        "unit": case.unit,
    }


def in_fresh_process(*arguments: str) -> list[float]:
    """Run Python anew and read the numbers that it prints.

    Parameters
    ----------
    *arguments : str
        The command line after ``python``.

    Returns
    -------
    list of float
        What was printed, between blanks.
    """
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return [float(number) for number in done.stdout.split()]


@dataclass(frozen=True)
class ImportTime:
    """Time the import of a module in a fresh process.

    Parameters
    ----------
    module : str
        Its name.
    """

    module: str

    def __call__(self) -> Reading:
        """Import it once."""
        wall, cpu = in_fresh_process(
            "-c",
            "import time; w, c = time.perf_counter(), time.process_time(); "
            f"import {self.module}; "
            "print(time.perf_counter() - w, time.process_time() - c)",
        )
        return Reading(wall, cpu)


@dataclass(frozen=True)
class PeakMemory:
    """Measure the memory that fitting a table takes at its peak, beyond the table.

    Parameters
    ----------
    n_rows, n_features : int
        Shape of the table, float32.
    """

    n_rows: int
    n_features: int

    def __call__(self) -> Reading:
        """Fit it once, in a fresh process."""
        shape = (str(self.n_rows), str(self.n_features))
        (peak,) = in_fresh_process("-m", "benchmarks.speed.footprint", *shape)
        return Reading(peak / 1e6)

"""Measuring side by side: readings in turns, and their ratios turn by turn."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[2]

#: What was measured once: a value in the unit of the case, and the seconds of CPU time
#: of all threads, NaN where they are not known.
Reading = tuple[float, float]


class Comparison(NamedTuple):
    """One subject against another: the ratio is its reading over the peer's."""

    case: str
    subject: str
    peer: str
    target: float | None = None  # the largest ratio that is aimed at


@dataclass(frozen=True)
class Case:
    """Subjects that take turns: what measures each of them once, by name."""

    title: str
    subjects: Mapping[str, Callable[[], Reading]]
    comparisons: Sequence[Comparison]  # of them
    unit: str = "s"


def seconds(
    action: Callable[[], object],
    scale: float = 1.0,
    *,
    single_thread: bool = False,
    elsewhere: bool = False,
) -> Reading:
    """Time an action once: seconds of wall and of CPU time.

    Times are multiplied by the scale: 1 / 8 gives those of one network of eight. A
    single thread of torch and BLAS is best for one small network. Of work that is done
    elsewhere, by other processes, the CPU time is not known.
    """
    gc.collect()
    with _one_thread() if single_thread else nullcontext():
        cpu, wall = time.process_time(), time.perf_counter()
        action()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return scale * wall, math.nan if elsewhere else scale * cpu


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        with threadpool_limits(1):
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(before)


def import_time(module: str) -> Reading:
    """Time the import of a module in a fresh process."""
    wall, cpu = in_fresh_process(
        "-c",
        "import time; w, c = time.perf_counter(), time.process_time(); "
        f"import {module}; "
        "print(time.perf_counter() - w, time.process_time() - c)",
    )
    return wall, cpu


def peak_memory(n_rows: int, n_features: int) -> Reading:
    """Measure the MB that fitting takes at its peak, beyond the float32 table."""
    shape = (str(n_rows), str(n_features))
    (peak,) = in_fresh_process("-m", "benchmarks.speed.footprint", *shape)
    return peak / 1e6, math.nan


def in_fresh_process(*arguments: str) -> list[float]:
    """Run ``python`` with these arguments and read the numbers that it prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return [float(number) for number in done.stdout.split()]


def interleaved(case: Case, repeats: int) -> Iterator[dict[str, Any]]:
    """Measure the subjects of a case in turns, A B C, A B C, ...: a record each."""
    for repeat in range(repeats):
        for subject, measure in case.subjects.items():
            named = {"case": case.title, "subject": subject, "repeat": repeat}
            value, cpu = measure()
            yield named | {"value": value, "cpu": cpu, "unit": case.unit}


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
        A row per comparison: the fields of `Comparison`; ``ratio``, ``low`` and
        ``high``, the median, least and largest of the ratios of single turns;
        ``cpu_ratio``, the median ratio of CPU times; ``value``, the subject's median
        reading, and its ``unit``.
    """
    rows = []
    for case in cases:
        own = readings[readings["case"] == case.title]
        turns = own.pivot(index="repeat", columns="subject", values=["value", "cpu"])
        for comparison in case.comparisons:
            _, subject, peer, _ = comparison
            single = turns["value", subject] / turns["value", peer]
            measured = {
                "ratio": single.median(),
                "low": single.min(),
                "high": single.max(),
                "cpu_ratio": (turns["cpu", subject] / turns["cpu", peer]).median(),
                "value": turns["value", subject].median(),
                "unit": case.unit,
            }
            rows.append(comparison._asdict() | measured)
    return pd.DataFrame(rows).astype({"target": float})

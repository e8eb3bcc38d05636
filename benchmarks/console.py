"""What is said on the terminal: tables, and how far a run has come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.jobs import Job
from benchmarks.runner import Watcher
from benchmarks.tables import Table


def print_table(console: Console, table: Table) -> None:
    """Print a table, its best cells in bold; as wide as it needs to be.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    table : Table
        What.
    """
    drawn = RichTable(title=table.title or None, box=box.SIMPLE_HEAD)
    for name in table.cells.index.names:
        drawn.add_column(str(name or ""), no_wrap=True)
    for name, column in table.cells.items():
        numbers = column.str.match(r"[-+\d]").any()
        drawn.add_column(
            str(name), justify="right" if numbers else "left", no_wrap=True
        )
    last: tuple[object, ...] = ()
    for key, texts, marks in zip(
        table.cells.index, table.cells.to_numpy(), table.best.to_numpy(), strict=True
    ):
        labels = key if isinstance(key, tuple) else (key,)
        if last and len(labels) > 1 and labels[0] != last[0]:
            drawn.add_section()
        again = len(labels) > 1 and last[:1] == labels[:1]
        shown = ["" if again else str(labels[0]), *map(str, labels[1:])]
        cells = [
            Text(text, style="bold" if marked else "")
            for text, marked in zip(texts, marks, strict=True)
        ]
        drawn.add_row(*map(Text, shown), *cells)
        last = labels
    # A cell cut short says nothing: better a line that the terminal wraps.
    width = Measurement.get(console, console.options.update(width=1000), drawn).maximum
    wide = Console(file=console.file, width=width, force_terminal=console.is_terminal)
    wide.print(drawn)


@contextmanager
def watching(console: Console, jobs: Sequence[Job]) -> Iterator[Watcher]:
    """Show how far the jobs have come.

    Parameters
    ----------
    console : rich.console.Console
        On a terminal a bar with the remaining time, else a line for each data set
        that is finished.
    jobs : sequence of Job
        All jobs, those that are done included.

    Yields
    ------
    watcher : Watcher
        To be told of the jobs that are settled.
    """
    if not console.is_terminal:
        yield _Lines(console, jobs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("jobs", total=len(jobs))
        yield _Bar(progress, task)


class _Bar:
    """A bar, with the data set that was last heard of."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task, self.started = progress, task, False

    def settled(self, jobs: Sequence[Job], failed: int = 0) -> None:
        """Move on."""
        if not self.started:
            # What was done before says nothing of the speed.
            self.progress.reset(self.task, completed=len(jobs))
            self.started = True
            return
        if jobs:
            self.progress.update(
                self.task, advance=len(jobs), description=jobs[0].dataset
            )


class _Lines:
    """A line for each data set that is finished."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        self.console = console
        self.open = Counter(job.dataset for job in jobs)
        self.failed: Counter[str] = Counter()
        self.started: float | None = None

    def settled(self, jobs: Sequence[Job], failed: int = 0) -> None:
        """Count, and say what is finished."""
        before = self.started is None
        self.started = self.started or time.monotonic()
        for name, count in Counter(job.dataset for job in jobs).items():
            self.open[name] -= count
            self.failed[name] += failed
            if not self.open[name]:
                seconds = time.monotonic() - self.started
                when = "done before" if before else f"finished after {seconds:.1f} s"
                lost = f", {self.failed[name]} jobs failed" * (self.failed[name] > 0)
                self.console.print(f"{name}: {when}{lost}", highlight=False)

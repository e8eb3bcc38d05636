"""What is said on the terminal: tables, and how far a run has come."""

from __future__ import annotations

import io
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment, Segments

from benchmarks import layout
from benchmarks.jobs import Job
from benchmarks.runner import Watcher
from benchmarks.tables import Table


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that prints texts as they are."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A path may hold bytes that are no text: they are printed as they are.
        stream.reconfigure(errors="surrogateescape")
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is: a path that is copied from it is the path.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    text : str
        What; the terminal wraps it.
    style : str, default=""
        Colour.
    """
    line = [Segment(text, console.get_style(style) if style else None), Segment.line()]
    console.print(Segments(line), soft_wrap=True, end="")


def print_list(console: Console, name: str, members: Sequence[str]) -> None:
    """Print what has a name, wrapped between its members."""
    text = f"  {name}: {', '.join(members)}"
    for line in textwrap.wrap(text, console.width, subsequent_indent="    "):
        say(console, line)


def print_table(console: Console, table: Table) -> None:
    """Print a table, its best cells in bold.

    Where the terminal is too narrow, headings and words are wrapped, and the columns
    that still have no room follow below. No cell is cut: a word that is longer than a
    line is left to the terminal to wrap.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    table : Table
        What.
    """
    say(console, "")
    if table.title:
        say(console, table.title, style="italic")
    for part in layout.parts(layout.columns(table), console.width):
        wide = Console(
            file=console.file,
            width=max(layout.width_of(part), console.width),
            force_terminal=console.is_terminal,
            markup=False,
            emoji=False,
            highlight=False,
        )
        wide.print(layout.draw(part))
        say(console, "")


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
        TextColumn("{task.description}", markup=False),
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
                say(self.console, f"{name}: {when}{lost}")

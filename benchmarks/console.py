"""What is said on the terminal: tables, and how far a run has come."""

from __future__ import annotations

import codecs
import io
import re
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment, Segments
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.jobs import Job
from benchmarks.tables import Table

#: Cells between two columns.
GAP = 3
#: Cells of a text that is not wrapped.
WHOLE = 20


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that prints texts as they are."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A path may hold bytes that are no text: they are printed as they are. What an
        # encoding lacks becomes a question mark.
        is_utf = codecs.lookup(stream.encoding).name == "utf-8"
        stream.reconfigure(errors="surrogateescape" if is_utf else "replace")
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is, for the terminal to wrap: a copied path is the path."""
    line = [Segment(text, console.get_style(style) if style else None), Segment.line()]
    console.print(Segments(line), soft_wrap=True, end="")


def print_list(console: Console, name: str, members: Sequence[str]) -> None:
    """Print what has a name, wrapped between its members."""
    print_wrapped(console, f"  {name}: {', '.join(members)}", indent="    ")


def print_wrapped(console: Console, text: str, indent: str = "") -> None:
    """Print a text in lines that fit, the second and later ones indented."""
    for line in textwrap.wrap(text, console.width, subsequent_indent=indent):
        say(console, line)


def print_table(console: Console, table: Table) -> None:
    """Print a table, its best cells in bold.

    Where the terminal is too narrow, headings and words are wrapped, and the columns
    that still have no room follow below. No cell is cut: a word that is longer than a
    line is left to the terminal to wrap.
    """
    say(console, "")
    if table.title:
        say(console, table.title, style="italic")
    for part in _parts(table, console.width):
        wide = Console(
            file=console.file,
            width=max(_least(part), console.width),
            force_terminal=console.is_terminal,
            markup=False,
            emoji=False,
            highlight=False,
        )
        wide.print(_drawn(part, console.width, table.cells.index.nlevels))
        say(console, "")


class _Column(NamedTuple):
    """A column, with the least and the greatest number of cells that it can use."""

    heading: str
    cells: list[Text]
    is_numbers: bool  # which are not wrapped
    least: int
    most: int


def _column(
    heading: str, texts: Sequence[str], bold: Sequence[bool] | None = None
) -> _Column:
    """Measure a column; one that names the rows has no bold cells."""
    numbers = bold is not None and any(re.match(r"[-+\d]", text) for text in texts)
    whole = [text for text in texts if numbers or cell_len(text) <= WHOLE]
    words = [word for text in [heading, *texts] for word in text.split()]
    styles = ["bold" if mark else "" for mark in bold or [False] * len(texts)]
    return _Column(
        heading,
        [Text(text, style) for text, style in zip(texts, styles, strict=True)],
        numbers,
        max(map(cell_len, [*words, *whole]), default=0),
        max(map(cell_len, [heading, *texts])),
    )


def _parts(table: Table, width: int) -> Iterator[list[_Column]]:
    """Take a table apart: the rows' names, then the columns that have room beside."""
    keys = table.cells.index.to_frame(index=False).astype(str)
    if keys.shape[1] > 1:  # a row's first name is not said again in the next row
        keys.iloc[:, 0] = keys.iloc[:, 0].mask(
            keys.iloc[:, 0].eq(keys.iloc[:, 0].shift()), ""
        )
    names = [
        _column(str(name or ""), list(keys.iloc[:, level]))
        for level, name in enumerate(table.cells.index.names)
    ]
    part = list(names)
    texts, best = table.cells.to_numpy().T.tolist(), table.best.to_numpy().T.tolist()
    for column in map(_column, map(str, table.cells), texts, best):
        if len(part) > len(names) and _least([*part, column]) > width:
            yield part
            part = list(names)
        part.append(column)
    yield part


def _least(part: Sequence[_Column]) -> int:
    """Cells of a line with every line break that there may be."""
    return sum(column.least for column in part) + GAP * (len(part) - 1)


def _drawn(part: Sequence[_Column], width: int, n_names: int) -> RichTable:
    """Give each column what it needs, then what it could use, the first ones first."""
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    left = max(0, width - _least(part))
    for column in part:
        given = min(column.most, column.least + left)
        left -= given - column.least
        drawn.add_column(
            textwrap.fill(column.heading, max(1, given)),
            justify="right" if column.is_numbers else "left",
            width=given,
            overflow="fold",
        )
    for i, row in enumerate(zip(*(column.cells for column in part), strict=True)):
        if i and n_names > 1 and row[0].plain:
            drawn.add_section()
        drawn.add_row(*row)
    return drawn


def follow(
    console: Console, jobs: Sequence[Job], steps: Iterator[tuple[list[Job], int]]
) -> None:
    """Show how far the jobs have come, those that were done before included.

    On a terminal it is a bar with the remaining time, else a line for each data set
    that is finished. The steps are those of `benchmarks.runner.run`.
    """
    if not console.is_terminal:
        _tell_of_sets(console, jobs, steps)
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
        # What was done before says nothing of the speed.
        progress.reset(task, completed=len(next(steps)[0]))
        for settled, _ in steps:
            if settled:
                name = settled[0].dataset
                progress.update(task, advance=len(settled), description=name)


def _tell_of_sets(
    console: Console, jobs: Sequence[Job], steps: Iterable[tuple[list[Job], int]]
) -> None:
    n_open, n_failed = Counter(job.dataset for job in jobs), Counter[str]()
    start: float | None = None
    for settled, failed in steps:
        for name, count in Counter(job.dataset for job in settled).items():
            n_open[name] -= count
            n_failed[name] += failed
            if not n_open[name]:
                when = "done before"
                if start is not None:
                    when = f"finished after {time.monotonic() - start:.1f} s"
                lost = f", {n_failed[name]} jobs failed" * (n_failed[name] > 0)
                say(console, f"{name}: {when}{lost}")
        start = start or time.monotonic()

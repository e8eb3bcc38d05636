"""Tables for a terminal: cells are never cut, lines hardly ever too long."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.tables import Table

#: Cells between two columns.
GAP = 3
#: Cells of a text that is not wrapped.
WHOLE = 20


@dataclass(frozen=True, eq=False)
class Column:
    """One column, with the least and the greatest number of cells that it can use.

    Parameters
    ----------
    heading : str
        Its heading.
    texts : sequence of str
        Its cells.
    marks : sequence of bool
        Which of them are bold.
    names : bool
        Whether they name the rows.
    width : int, default=0
        The cells that it is given.
    """

    heading: str
    texts: Sequence[str]
    marks: Sequence[bool]
    names: bool
    width: int = 0

    @property
    def is_numbers(self) -> bool:
        """Whether it has numbers, which are not wrapped."""
        return not self.names and any(re.match(r"[-+\d]", text) for text in self.texts)

    @property
    def least(self) -> int:
        """Cells with every line break that there may be."""
        whole = self.texts if self.is_numbers else _short(self.texts)
        return _longest([*_words([self.heading]), *_words(self.texts), *whole])

    @property
    def most(self) -> int:
        """Cells without any line break."""
        return _longest([self.heading, *self.texts])


def columns(table: Table) -> list[Column]:
    """Take a table apart; a row's first name is not said again in the next row."""
    index = table.cells.index
    keys = [key if isinstance(key, tuple) else (key,) for key in index]
    marks = [False] * len(keys)
    names = [
        Column(str(name or ""), [str(key[level]) for key in keys], marks, names=True)
        for level, name in enumerate(index.names)
    ]
    if len(names) > 1:
        first = names[0].texts
        shown = [
            "" if i and first[i - 1] == text else text for i, text in enumerate(first)
        ]
        names[0] = replace(names[0], texts=shown)
    texts, best = table.cells.to_numpy().T.tolist(), table.best.to_numpy().T.tolist()
    cells = [
        Column(str(name), each, bold, names=False)
        for name, each, bold in zip(table.cells, texts, best, strict=True)
    ]
    return [*names, *cells]


def parts(every: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """Lay columns out, in as many parts below each other as it takes.

    Parameters
    ----------
    every : sequence of Column
        The columns of a table.
    width : int
        Cells of a line.

    Yields
    ------
    part : list of Column
        Columns with their widths, the rows' names first.
    """
    names = [column for column in every if column.names]
    part = list(names)
    for column in every[len(names) :]:
        if len(part) > len(names) and _least([*part, column]) > width:
            yield _spread(part, width)
            part = list(names)
        part.append(column)
    yield _spread(part, width)


def draw(part: Sequence[Column]) -> RichTable:
    """Draw columns that have widths."""
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in part:
        heading = textwrap.fill(column.heading, max(1, column.width))
        drawn.add_column(
            heading,
            justify="right" if column.is_numbers else "left",
            width=column.width,
            overflow="fold",
        )
    grouped = len(part) > 1 and part[1].names
    for i in range(len(part[0].texts)):
        if i and grouped and part[0].texts[i]:
            drawn.add_section()
        cells = [(column.texts[i], column.marks[i]) for column in part]
        drawn.add_row(*(Text(text, "bold" if bold else "") for text, bold in cells))
    return drawn


def width_of(part: Sequence[Column]) -> int:
    """Cells of a line of columns that have widths."""
    return sum(column.width for column in part) + GAP * (len(part) - 1)


def _least(part: Sequence[Column]) -> int:
    return width_of([replace(column, width=column.least) for column in part])


def _spread(part: Sequence[Column], width: int) -> list[Column]:
    """Give each column what it needs, then what it could use, the first ones first."""
    left = max(0, width - _least(part))
    given = []
    for column in part:
        more = min(left, column.most - column.least)
        given.append(replace(column, width=column.least + more))
        left -= more
    return given


def _short(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if cell_len(text) <= WHOLE]


def _words(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)

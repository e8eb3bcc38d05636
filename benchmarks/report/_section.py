"""Sections of a report, and those parts of them that can be made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from matplotlib.figure import Figure

from benchmarks.tables import Table

Part = TypeVar("Part")


@dataclass(frozen=True, eq=False)
class Section:
    """One part of the report: paragraphs, figures by caption, and tables."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def headed(self, title: str, *text: str) -> Section:
        """Return the section under another heading, with paragraphs before its own."""
        return replace(self, title=title, text=(*text, *self.text))


def section(
    text: Sequence[str],
    tables: Iterable[Callable[[], Table | list[Table]]],
    figures: Mapping[str, Callable[[], Figure]],
) -> Section:
    """Make a section, without a heading, of the tables and figures that can be made.

    Each callable makes a table, some tables or a figure, or raises a ValueError that
    says why it cannot; a paragraph at the end tells of those.
    """
    missing: list[str] = []
    made = [_made(table, missing) or [] for table in tables]
    listed = [part if isinstance(part, list) else [part] for part in made]
    drawn = {caption: _made(figure, missing) for caption, figure in figures.items()}
    reasons = [f"Left out: {reason}" for reason in dict.fromkeys(missing)]
    return Section(
        "",
        (*text, *reasons),
        tuple(itertools.chain.from_iterable(listed)),
        {caption: figure for caption, figure in drawn.items() if figure is not None},
    )


def _made(make: Callable[[], Part], missing: list[str]) -> Part | None:
    try:
        return make()
    except ValueError as error:
        missing.append(str(error))
        return None

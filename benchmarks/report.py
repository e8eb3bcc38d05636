"""The report: sections in, one HTML page and one Markdown file out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from benchmarks.tables import Table


@dataclass(frozen=True, eq=False)
class Section:
    """One experiment's part of the report.

    Parameters
    ----------
    title : str
        Heading.
    text : tuple of str, default=()
        Paragraphs of plain text.
    tables : tuple of Table, default=()
        Tables, in order.
    figures : mapping of str to Figure, default={}
        Figures by caption, in order.
    """

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)

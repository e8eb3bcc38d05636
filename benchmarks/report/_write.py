"""Writing a report: one page, one text with its figures beside it, one JSON file."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.files import make_folder, write_whole
from benchmarks.plots import describe
from benchmarks.report._page import Drawing, Part, page
from benchmarks.report._section import Section
from benchmarks.tables import no_html, to_markdown, to_values

#: Pixels of an inch on a screen.
PIXELS = 96


@dataclass(frozen=True)
class Written:
    """The files of a report."""

    page: Path  # everything in one HTML file
    text: Path  # Markdown, with the figures in ``figures`` beside it
    results: Path  # the tables' cells, as JSON


def write(
    title: str, sections: Sequence[Section], folder: Path, lead: str = ""
) -> Written:
    """Write a report into a folder; the lead is a line below its title."""
    make_folder(folder / "figures")
    parts = [_part(each) for each in sections]
    for part in parts:
        for drawing in part.drawings:
            write_whole(folder / drawing.path, drawing.svg)
    written = Written(*(folder / f"report.{end}" for end in ("html", "md", "json")))
    write_whole(written.page, page(title, lead, parts))
    write_whole(written.text, _markdown(title, lead, parts))
    write_whole(written.results, _json(title, lead, parts))
    return written


def _part(each: Section) -> Part:
    """Draw a section's figures, and name its place in the page."""
    name = _slug(each.title)
    drawings = [
        Drawing(
            f"figures/{name}_{_slug(caption)}.svg",
            caption,
            f"{caption}. {describe(figure)}",
            _svg(figure),
            *(round(PIXELS * inches) for inches in figure.get_size_inches()),
        )
        for caption, figure in each.figures.items()
    ]
    return Part(name, each.title, each.text, each.tables, drawings)


def _svg(figure: Figure) -> bytes:
    """Draw a figure as SVG, the same bytes each time."""
    drawn = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "sk_mixup"}):
        figure.savefig(drawn, format="svg", dpi=150, metadata={"Date": None})
    return drawn.getvalue()


def _slug(title: str) -> str:
    """Make an anchor or a file name of a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:80]


def _markdown(title: str, lead: str, parts: Sequence[Part]) -> str:
    lines = [f"# {no_html(title)}", *[no_html(lead)] * bool(lead)]
    for part in parts:
        lines += [f"## {no_html(part.title)}", *map(no_html, part.text)]
        lines += map(to_markdown, part.tables)
        for drawing in part.drawings:
            words = no_html(drawing.caption)
            lines += [f"![{words}]({drawing.path})", f"*{words}*"]
    return "\n\n".join(line.strip() for line in lines) + "\n"


def _json(title: str, lead: str, parts: Sequence[Part]) -> str:
    """Write the tables' cells as they are read, a row a line."""
    content: dict[str, Any] = {
        "title": title,
        "lead": lead,
        "sections": [
            {"title": part.title, "tables": list(map(to_values, part.tables))}
            for part in parts
        ],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return re.sub(r"\[\n\s+([^\[\]{}]+?)\n\s+\]", _on_one_line, text) + "\n"


def _on_one_line(row: re.Match[str]) -> str:
    words = re.sub(r"\n\s+", " ", row[1])
    return f"[{words}]"

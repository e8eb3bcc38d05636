"""The report: sections in, one HTML page and one Markdown file out."""

from __future__ import annotations

import base64
import html
import io
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.files import make_folder, write_whole
from benchmarks.tables import Table, no_html, to_html, to_markdown

Part = TypeVar("Part")

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 80rem; margin: 2rem auto; padding: 0 1.5rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 1px solid #ccc; padding-bottom: .3rem; }
nav ul { columns: 2; padding-left: 1.2rem; }
.wide { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: .85rem;
        font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem;
          white-space: nowrap; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; }
thead th { border-bottom: 2px solid #333; vertical-align: bottom; }
tbody tr:nth-child(even) { background: #f5f5f5; }
tbody th { font-weight: 400; text-align: left; white-space: normal; min-width: 7rem; }
.names-1 thead th:nth-child(-n+1), .names-2 thead th:nth-child(-n+2),
.names-3 thead th:nth-child(-n+3) { text-align: left; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { font-size: .9rem; color: #555; }
code { font-size: .9em; }
"""


@dataclass(frozen=True, eq=False)
class Section:
    """One part of the report: paragraphs, tables, and figures by caption, in order."""

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


def write(title: str, sections: Sequence[Section], folder: Path) -> tuple[Path, Path]:
    """Write a report into a folder, and return the paths of its two files.

    ``report.html`` is one page with everything in it; the figures of ``report.md`` are
    files in ``figures`` beside it.
    """
    make_folder(folder / "figures")
    drawings = {
        _figure_name(each, caption): _svg(figure)
        for each in sections
        for caption, figure in each.figures.items()
    }
    page, text = folder / "report.html", folder / "report.md"
    for name, drawing in drawings.items():
        write_whole(folder / name, drawing)
    write_whole(page, _page(title, sections, drawings))
    write_whole(text, _markdown(title, sections))
    return page, text


def _svg(figure: Figure) -> bytes:
    """Draw a figure as SVG, the same bytes each time."""
    drawn = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "sk_mixup"}):
        figure.savefig(drawn, format="svg", dpi=150, metadata={"Date": None})
    return drawn.getvalue()


def _slug(title: str) -> str:
    """Make an anchor or a file name of a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:80]


def _page(
    title: str, sections: Sequence[Section], drawings: Mapping[str, bytes]
) -> str:
    contents = "\n".join(
        f'<li><a href="#{_slug(each.title)}">{html.escape(each.title)}</a></li>'
        for each in sections
    )
    body = "\n".join(_html_section(each, drawings) for each in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<nav><ul>
{contents}
</ul></nav>
{body}
</body>
</html>
"""


def _html_section(each: Section, drawings: Mapping[str, bytes]) -> str:
    parts = [f'<h2 id="{_slug(each.title)}">{html.escape(each.title)}</h2>']
    parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in each.text]
    parts += [
        f'<div class="wide names-{table.cells.index.nlevels}">\n{to_html(table)}</div>'
        for table in each.tables
    ]
    for caption in each.figures:
        # As an image, so that names within one drawing do not meet those of another.
        data = base64.b64encode(drawings[_figure_name(each, caption)]).decode()
        words = html.escape(caption)
        parts.append(
            f'<figure>\n<img alt="{words}" src="data:image/svg+xml;base64,{data}">\n'
            f"<figcaption>{words}</figcaption>\n</figure>"
        )
    return "\n".join(parts)


def _figure_name(section: Section, caption: str) -> str:
    return f"figures/{_slug(section.title)}_{_slug(caption)}.svg"


def _markdown(title: str, sections: Sequence[Section]) -> str:
    parts = [f"# {no_html(title)}"]
    for each in sections:
        parts += [f"## {no_html(each.title)}", *map(no_html, each.text)]
        parts += map(to_markdown, each.tables)
        for caption in each.figures:
            words = no_html(caption)
            parts += [f"![{words}]({_figure_name(each, caption)})", f"*{words}*"]
    return "\n\n".join(part.strip() for part in parts) + "\n"

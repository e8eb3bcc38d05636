"""The report as one HTML page that needs no other file and no network."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.tables import Table, to_html

_HERE: Final = Path(__file__).parent

#: From this width on, in pixels, a figure is not squeezed into a narrow window.
BROAD: Final = 560

#: The colours of figures, and what they are on a dark page.
DARK: Final[Mapping[str, str]] = {
    "#ffffff": "#1b2026",
    "#000000": "#e3e7ec",
    "#333333": "#d3d8de",
    "#bbbbbb": "#6c757f",
    "#b0b0b0": "#6c757f",
    "#808080": "#9aa3ad",
    "#e8e8e8": "#343b44",
    "#0072b2": "#4aa8e0",
    "#009e73": "#35c79b",
    "#d55e00": "#f2803a",
    "#542788": "#a98bd4",
    "#b35806": "#e08a3c",
}


class Drawing(NamedTuple):
    """A figure as it is written."""

    path: str  # of its file, beside the text of the report
    caption: str
    words: str  # for those who cannot see it
    svg: bytes
    width: int  # in pixels
    height: int


class Part(NamedTuple):
    """A section of the page."""

    name: str  # its anchor
    title: str
    text: Sequence[str]
    tables: Sequence[Table]
    drawings: Sequence[Drawing]


def page(title: str, lead: str, parts: Sequence[Part]) -> str:
    """Write the page; what it may load and run is said in its head: only itself."""
    style, script = (
        f"\n{(_HERE / name).read_text(encoding='utf-8')}"
        for name in ("page.css", "page.js")
    )
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    contents = "\n".join(
        f'<li><a href="#{part.name}">{html.escape(part.title)}</a></li>'
        for part in parts
    )
    body = "\n".join(map(_section, parts))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{html.escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{html.escape(title)}</h1>
{f"<p>{html.escape(lead)}</p>" * bool(lead)}
</header>
<nav aria-label="Sections">
<ul>
{contents}
</ul>
</nav>
<main>
{body}
</main>
<script>{script}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _section(part: Part) -> str:
    lines = [f'<section aria-labelledby="{part.name}">']
    lines.append(f'<h2 id="{part.name}">{html.escape(part.title)}</h2>')
    lines += [f"<p>{html.escape(paragraph)}</p>" for paragraph in part.text]
    if part.drawings:
        lines += ['<div class="figures">', *map(_figure, part.drawings), "</div>"]
    for number, table in enumerate(part.tables):
        lines.append(_table(table, f"{part.name}-{number}"))
    return "\n".join([*lines, "</section>"])


def _figure(drawing: Drawing) -> str:
    # As an image, so that names within one drawing do not meet those of another.
    data = base64.b64encode(in_two_themes(drawing.svg)).decode()
    broad = ' class="broad"' * (drawing.width >= BROAD)
    return (
        f'<figure{broad}>\n<div class="scroll"><img alt="{html.escape(drawing.words)}" '
        f'width="{drawing.width}" height="{drawing.height}" '
        f'src="data:image/svg+xml;base64,{data}"></div>\n'
        f"<figcaption>{html.escape(drawing.caption)}</figcaption>\n</figure>"
    )


def _table(table: Table, name: str) -> str:
    heading, label = "", f'aria-label="Table {name}"'
    if table.title:
        heading = f'<h3 id="{name}">{html.escape(table.title)}</h3>\n'
        label = f'aria-labelledby="{name}"'
    names = f"names-{table.cells.index.nlevels}"
    return (
        f'{heading}<div class="scroll {names}" role="region" {label}>\n'
        f"{to_html(table)}</div>"
    )


def in_two_themes(svg: bytes) -> bytes:
    """Let a drawing take its dark colours where the reader's system is dark."""
    text = svg.decode()
    pattern = "|".join(DARK)
    themed = re.sub(
        rf"(?<=: )({pattern})\b", lambda found: f"var(--c{found[1][1:]})", text
    )
    light, dark = (
        " ".join(f"--c{name[1:]}: {colour};" for name, colour in colours)
        for colours in (zip(DARK, DARK, strict=True), DARK.items())
    )
    # What has no colour of its own is black.
    style = (
        f"<style>svg {{ {light} fill: var(--c000000); }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}</style>"
    )
    return themed.replace("<defs>", f"{style}\n <defs>", 1).encode()

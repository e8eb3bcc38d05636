"""Figures in texts, written from the results: blocks between marks.

A mark names a section of ``docs/results/report.json`` and a table by the beginnings of
their titles and, for a single figure, a row and a column. Of a table, columns may be
chosen; columns of another table with the same rows may be added::

    <!-- results: uci: paper | Error (%) -->
    (a table)
    <!-- end -->

    <!-- results: suite | Mean over [Method, error (%)] + Median [Fit seconds] -->
    (a table of three columns)
    <!-- end -->

    its error was <!-- results: suite | Mean over the sets | ERM | error (%) -->13.4
    <!-- end -->

In reStructuredText a mark is a comment, and figures are substitutions::

    .. results: uci: paper | Error (%)

    (a table)

    .. end

    .. results: suite | Mean over the sets | ERM | error (%)
    .. |ERM's error| replace:: 13.4
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.tables import no_html

_MARKDOWN: Final = re.compile(
    r"(<!-- results: (?P<mark>[^>]*?) -->)(?P<old>.*?)(<!-- end -->)", re.DOTALL
)
_RST_TABLE: Final = re.compile(
    r"^(\.\. results: (?P<mark>[^\n]+)\n)(?P<old>\n.*?)(^\.\. end$)",
    re.DOTALL | re.MULTILINE,
)
_RST_FIGURE: Final = re.compile(
    r"^(\.\. results: (?P<mark>[^\n]+)\n\.\. \|[^|\n]+\| replace:: )"
    r"(?P<old>[^\n]*)()$",
    re.MULTILINE,
)


#: Numbers of parts of a mark: of a table, and of a single figure.
TABLE: Final = 2
FIGURE: Final = 4

#: Writes a table's rows, the headings first.
Write = Callable[[Sequence[list[str]]], str]


class BadMark(ValueError):  # noqa: N818 - says more than "...Error"
    """A mark that names nothing in the results; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of a report, as its JSON file holds them."""

    sections: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read the JSON file of a report."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8"))["sections"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadMark(
                f"{path} holds no results of a report: write them with 'python -m "
                f"benchmarks report --out {path.parent}'."
            ) from error

    def table(self, section: str, table: str) -> Mapping[str, Any]:
        """Find a table by the beginnings of the two titles."""
        within = _one(self.sections, section, "section")
        return _one(within["tables"], table, f"table of '{within['title']}'")


def _one(
    members: Sequence[Mapping[str, Any]], start: str, what: str
) -> Mapping[str, Any]:
    """Find the one whose title is this, else the only one that begins so."""
    titles = [str(each["title"]) for each in members]
    found = [title for title in titles if title.startswith(start)]
    if start in found:
        found = [start]
    if len(found) != 1:
        many = f"{len(found)} of them do" if found else f"known: {'; '.join(titles)}"
        raise BadMark(f"no single {what} begins with '{start}' ({many}).")
    return members[titles.index(found[0])]


def fill(text: str, results: Results, kind: str) -> str:
    """Write what the marks of a text name between them.

    The kind is ``.md`` or ``.rst``. `BadMark` tells of a mark that names nothing.
    """
    for pattern, numbers, write in _FORMS[kind]:
        filled = partial(_filled, results=results, numbers=numbers, write=write)
        text = pattern.sub(filled, text)
    return text


def _filled(
    mark: re.Match[str], results: Results, numbers: tuple[int, ...], write: Write
) -> str:
    words = [part.strip() for part in " ".join(mark["mark"].split()).split(" | ")]
    if len(words) not in numbers:
        wanted = " or ".join(map(str, numbers))
        raise BadMark(f"'{mark['mark']}' has {len(words)} parts, not {wanted}.")
    if len(words) == TABLE:
        content = write(_rows(results, *words))
    else:
        section, table, row, column = words
        content = _figure(results.table(section, table), row, column)
    before, *_, after = mark.groups()
    return f"{before}{content}{after}"


def _rows(results: Results, section: str, tables: str) -> list[list[str]]:
    """Gather the columns that are asked for, the headings first."""
    gathered: list[list[str]] = []
    for asked in tables.split(" + "):
        title, _, columns = asked.removesuffix("]").partition(" [")
        names = columns.split(", ") if columns else []
        part = _columns(results.table(section, title), names)
        gathered = _joined(gathered, part) if gathered else part
    return gathered


def _columns(table: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    """Take columns of a table, by default all, with the best cells in bold."""
    best = {(row, column) for row, column in table["best"]}
    places = [_place(table, name) for name in names or table["headings"]]
    return [
        [table["headings"][place] for place in places],
        *(
            [f"**{row[j]}**" if (i, j) in best else row[j] for j in places]
            for i, row in enumerate(table["rows"])
        ),
    ]


def _place(table: Mapping[str, Any], column: str) -> int:
    headings = [str(heading).lower() for heading in table["headings"]]
    if column.lower() not in headings:
        raise BadMark(
            f"'{table['title']}' has no column '{column}'; known: "
            f"{', '.join(table['headings'])}."
        )
    return headings.index(column.lower())


def _joined(left: list[list[str]], right: list[list[str]]) -> list[list[str]]:
    """Add the columns of another table to the rows of the same names."""
    others = {row[0]: row[1:] for row in right[1:]}
    return [
        left[0] + right[0][1:],
        *(row + others.get(row[0], ["n/a"] * len(right[0][1:])) for row in left[1:]),
    ]


def _figure(table: Mapping[str, Any], row: str, column: str) -> str:
    """Find a single figure, without its standard error."""
    place = _place(table, column)
    n_names = table["names"]
    for texts in table["rows"]:
        if " / ".join(texts[:n_names]) == row:
            return str(texts[place]).partition(" ± ")[0]
    known = [" / ".join(texts[:n_names]) for texts in table["rows"]]
    raise BadMark(f"'{table['title']}' has no row '{row}'; known: {', '.join(known)}.")


def _pipes(rows: Sequence[list[str]]) -> str:
    """Write rows as a table of Markdown."""
    lines = [
        " | ".join(no_html(cell).replace("|", r"\|") for cell in row) for row in rows
    ]
    rule = " | ".join(["---", *["---:"] * (len(rows[0]) - 1)])
    written = "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]])
    return f"\n\n{written}\n\n"


def _list_table(rows: Sequence[list[str]]) -> str:
    """Write rows as a table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {' ' if i else '*'} - {cell}" for i, cell in enumerate(row)]
    written = "\n".join(lines)
    return f"\n{written}\n\n"


#: By the kind of text: patterns of marks, the numbers of parts that each may have, and
#: how its tables are written.
_FORMS: Final[Mapping[str, list[tuple[re.Pattern[str], tuple[int, ...], Write]]]] = {
    ".md": [(_MARKDOWN, (TABLE, FIGURE), _pipes)],
    ".rst": [
        (_RST_FIGURE, (FIGURE,), _pipes),
        (_RST_TABLE, (TABLE,), _list_table),
    ],
}


def pages(root: Path) -> Iterator[Path]:
    """List the texts of a checkout in which marks may be, the reports left out."""
    texts = [root / "README.md", *sorted((root / "docs").rglob("*"))]
    made = {"_build", "auto_gallery", "generated"}
    for path in texts:
        is_text = path.suffix in (".md", ".rst") and path.name != "report.md"
        if is_text and not made & set(path.parts):
            yield path


def refreshed(root: Path, results: Results) -> dict[Path, str]:
    """Return the texts that would change, as they should be."""
    changed = {}
    for path in pages(root):
        old = path.read_text(encoding="utf-8")
        try:
            new = fill(old, results, path.suffix)
        except BadMark as error:
            raise BadMark(f"{path}: {error}") from error
        if new != old:
            changed[path] = new
    return changed

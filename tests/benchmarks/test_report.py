"""The report holds everything that it was given, in one page that needs nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks.report import Section, section, write
from benchmarks.tables import Table, plain_table


class Page(HTMLParser):
    """Checks that tags match, and gathers links and text."""

    VOID = {"meta", "img", "br", "hr", "link"}  # noqa: RUF012 - never changed

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.text = [], [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.sources += [found["src"]] if "src" in found else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def drawing():
    figure = Figure((2, 2))
    figure.subplots().plot([0, 1])
    return figure


def table(title="A table"):
    return plain_table(pd.DataFrame({"set": ["<iris>"], "error": [0.5]}), title)


@pytest.fixture
def written(tmp_path):
    parts = [
        Section("First & foremost", ("A < B.",), (table(),), {"A curve": drawing()}),
        Section("Second", (), (table(), table("Another")), {"A curve": drawing()}),
    ]
    page, text = write("The title", parts, tmp_path / "report")
    return Page(page.read_text()), text


def test_the_page_is_well_formed_and_complete(written):
    page, _ = written
    for words in ("The title", "First & foremost", "A < B.", "<iris>", "Another"):
        assert words in page.text
    assert [link.removeprefix("#") for link in page.links] == page.ids
    assert len(set(page.ids)) == 2


def test_the_page_needs_no_other_file(written):
    page, _ = written
    assert len(page.sources) == 2
    assert all(source.startswith("data:image/svg+xml") for source in page.sources)


def test_the_text_names_figures_that_are_there(written):
    _, path = written
    text = path.read_text()
    names = re.findall(r"!\[A curve\]\((.*?)\)", text)
    assert len(set(names)) == 2
    assert all((path.parent / name).read_bytes().startswith(b"<?xml") for name in names)
    assert "## First & foremost" in text
    assert "| &lt;iris> | 0.500 |" in text


TAG = "<img src=x onerror=alert(1)>"


def test_no_text_of_the_store_becomes_html(tmp_path):
    cells = pd.DataFrame({TAG: [TAG]}, index=pd.Index([f"{TAG}\n{TAG}"], name=TAG))
    hostile = Table(TAG, cells, cells.isna())
    parts = [Section(TAG, (TAG, f"p < 0.05 {TAG}"), (hostile,), {TAG: drawing()})]
    page, text = write(TAG, parts, tmp_path)
    assert TAG not in page.read_text()
    assert TAG not in text.read_text()
    assert "p < 0.05" in text.read_text()
    rows = [line for line in text.read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 3  # a line break within a cell is no new row
    assert {row.count(" |") for row in rows} == {2}


def test_a_report_is_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        write("A", [Section("B", figures={"C": drawing()})], tmp_path / name)
    one, two = (
        (tmp_path / name / "report.html").read_bytes() for name in ("one", "two")
    )
    assert one == two


def fails():
    raise ValueError("too few sets")


def test_what_cannot_be_made_is_said_once():
    made = section(["Text."], [table, fails, fails], {"A": drawing, "B": fails})
    assert made.text == ("Text.", "Left out: too few sets")
    assert len(made.tables) == 1
    assert list(made.figures) == ["A"]


def test_a_heading_goes_before_what_is_there():
    made = Section("", ("Old.",), (table(),)).headed("New", "First.")
    assert (made.title, made.text) == ("New", ("First.", "Old."))
    assert len(made.tables) == 1

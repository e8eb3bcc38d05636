"""The report holds everything that it was given, in one page that needs nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks.report import Section, section, write
from benchmarks.tables import Table, plain_table, to_values


class Page(HTMLParser):
    """Checks that tags match, and gathers links and text."""

    VOID = {"meta", "img", "br", "hr", "link"}  # noqa: RUF012 - never changed

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.text = [], [], [], [], ""
        self.labels, self.words, self.policy = [], [], ""
        self.inline = {"script": [], "style": []}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        self.sources += [found["src"]] if "src" in found else []
        label = found.get("aria-labelledby")
        self.labels += [label] if label else []
        self.words += [found["alt"]] if "alt" in found else []
        if "http-equiv" in found:
            self.policy = found["content"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in self.inline:
            self.inline[self.open[-1]].append(data)
        else:
            self.text += data


def drawing():
    figure = Figure((2, 2))
    ax = figure.subplots()
    ax.plot([0, 1], color="#333333")
    ax.set_xlabel("time")
    return figure


def table(title="A table"):
    return plain_table(pd.DataFrame({"set": ["<iris>"], "error": [0.5]}), title)


@pytest.fixture
def written(tmp_path):
    parts = [
        Section("First & foremost", ("A < B.",), (table(),), {"A curve": drawing()}),
        Section("Second", (), (table(), table("Another")), {"A curve": drawing()}),
    ]
    report = write("The title", parts, tmp_path / "report", "A line.")
    return Page(report.page.read_text()), report.text


def test_the_page_is_well_formed_and_complete(written):
    page, _ = written
    for words in ("The title", "A line.", "First & foremost", "A < B.", "<iris>"):
        assert words in page.text
    anchors = [link.removeprefix("#") for link in page.links if link != "data:,"]
    assert anchors == ["first-foremost", "second"]
    assert len(set(page.ids)) == len(page.ids)
    assert set(anchors) | set(page.labels) <= set(page.ids)


def test_every_figure_is_told_in_words(written):
    page, _ = written
    assert page.words == ["A curve. Horizontal: time."] * 2


def test_the_policy_of_the_page_allows_its_own_script_and_style_alone(written):
    page, _ = written
    for kind in ("script", "style"):
        (content,) = page.inline[kind]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'; img-src data:;")


def test_results_are_the_cells_of_the_tables(written):
    _, text = written
    content = json.loads(text.with_suffix(".json").read_text())
    assert (content["title"], content["lead"]) == ("The title", "A line.")
    titles = [each["title"] for each in content["sections"]]
    assert titles == ["First & foremost", "Second"]
    assert content["sections"][0]["tables"] == [to_values(table())]
    assert to_values(table())["rows"] == [["<iris>", "0.500"]]


def test_colours_of_a_drawing_have_a_dark_one(written):
    page, text = written
    (first, _) = page.sources
    drawn = base64.b64decode(first.partition(",")[2]).decode()
    assert "prefers-color-scheme: dark" in drawn
    for name in re.findall(r"var\(--c(\w+)\)", drawn):
        assert drawn.count(f"--c{name}: #") == 2
    plain = next(text.parent.glob("figures/*.svg")).read_text()
    assert "var(" not in plain


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
    report = write(TAG, parts, tmp_path, TAG)
    assert TAG not in report.page.read_text()
    assert TAG not in report.text.read_text()
    assert "p < 0.05" in report.text.read_text()
    rows = [
        line for line in report.text.read_text().splitlines() if line.startswith("|")
    ]
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

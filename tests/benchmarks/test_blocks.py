"""Figures in texts are those of the results that are committed beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.blocks import BadMark, Results, fill, refreshed
from benchmarks.command_line import main
from benchmarks.tables import Table, to_values

ROOT = Path(__file__).parents[2]


def table(title, columns):
    cells = pd.DataFrame(columns, index=pd.Index(["ERM", "a|b"], name="Method"))
    return to_values(Table(title, cells, cells.eq("1.0 ± 0.2")))


@pytest.fixture
def results():
    tables = [
        table(
            "Means, all", {"error (%)": ["2.0 ± 0.1", "1.0 ± 0.2"], "auc": ["3", "4"]}
        ),
        table("Median seconds", {"fit": ["7", "8"]}),
    ]
    return Results([{"title": "suite: five folds", "tables": tables}])


@pytest.mark.parametrize(
    ("mark", "lines"),
    [
        (
            "suite | Means",
            [
                "Method | error (%) | auc",
                "ERM | 2.0 ± 0.1 | 3",
                r"a\|b | **1.0 ± 0.2** | 4",
            ],
        ),
        ("suite | Means [Method, AUC]", ["Method | auc", "ERM | 3", r"a\|b | 4"]),
        (
            "suite | Means [Method, auc] + Median",
            ["Method | auc | fit", "ERM | 3 | 7", r"a\|b | 4 | 8"],
        ),
    ],
)
def test_a_table_is_written_between_its_marks(results, mark, lines):
    text = f"Before.\n\n<!-- results: {mark} -->\nold\n<!-- end -->\n\nAfter.\n"
    filled = fill(text, results, ".md")
    assert "old" not in filled
    written = [line[2:-2] for line in filled.splitlines() if line.startswith("| ")]
    assert [written[0], *written[2:]] == lines
    assert filled.startswith(f"Before.\n\n<!-- results: {mark} -->\n\n| Method ")
    assert filled.endswith("|\n\n<!-- end -->\n\nAfter.\n")
    assert fill(filled, results, ".md") == filled


def test_a_figure_stands_in_its_sentence_without_its_error(results):
    text = "It is <!-- results: suite | Means | ERM | error (%) -->?<!-- end --> %."
    filled = fill(text, results, ".md")
    assert re.sub("<!--.*?-->", "", filled) == "It is 2.0 %."


def test_in_rst_figures_are_substitutions_and_tables_lists(results):
    text = (
        ".. results: suite | Means | ERM | error (%)\n.. |it| replace:: ?\n\n"
        "It is |it|.\n\n.. results: suite | Means [Method, auc]\n\nold\n\n.. end\n"
    )
    filled = fill(text, results, ".rst")
    assert ".. |it| replace:: 2.0\n" in filled
    assert "   * - ERM\n     - 3\n" in filled
    assert "old" not in filled
    assert fill(filled, results, ".rst") == filled


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        (
            "uci | Means",
            "no single section begins with 'uci' .*known: suite: five folds",
        ),
        ("suite | M", r"no single table of 'suite.*' begins with 'M' \(2 of them do\)"),
        (
            "suite | Means | ERM | f1",
            r"no column 'f1'; known: Method, error \(%\), auc",
        ),
        ("suite | Means | mixup | auc", r"no row 'mixup'; known: ERM, a\|b"),
        ("suite", "'suite' has 1 parts, not 2 or 4"),
    ],
)
def test_a_mark_of_nothing_is_one_sentence(results, mark, sentence):
    with pytest.raises(BadMark, match=sentence):
        fill(f"<!-- results: {mark} --><!-- end -->", results, ".md")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (".. results: suite | Means\n.. |it| replace:: ?\n", 4),
        (".. results: suite | Means | ERM | auc\n\nold\n\n.. end\n", 2),
    ],
)
def test_in_rst_a_table_is_no_substitution_nor_a_figure_a_block(results, text, wanted):
    with pytest.raises(BadMark, match=f"parts, not {wanted}"):
        fill(text, results, ".rst")


def test_a_figure_that_differs_is_found(results, tmp_path):
    (tmp_path / "docs").mkdir()
    text = "<!-- results: suite | Means | ERM | auc -->3<!-- end -->"
    (tmp_path / "README.md").write_text(text)
    (tmp_path / "docs" / "page.md").write_text(text.replace("3", "2"))
    assert refreshed(tmp_path, results) == {tmp_path / "docs" / "page.md": text}


def test_figures_of_this_checkout_are_those_of_its_results():
    results = Results.read(ROOT / "docs" / "results" / "report.json")
    assert [str(path) for path in refreshed(ROOT, results)] == [], (
        "run: python -m benchmarks readme"
    )
    marks = re.findall(r"<!-- results: ", (ROOT / "README.md").read_text("utf-8"))
    assert len(marks) >= 5


def test_the_command_names_what_differs_and_what_it_cannot_read(tmp_path, capsys):
    assert main(["readme", "--check"]) == 0
    file = tmp_path / "report.json"
    assert main(["readme", "--check", "--results", str(file)]) == 1
    assert f"{file} holds no results of a report" in capsys.readouterr().err
    real = (ROOT / "docs" / "results" / "report.json").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (figure,) = re.findall(r"\| ERM \| log loss -->(.*?)<!--", readme)
    content = json.loads(real.replace(f'"{figure} ± ', '"9.999 ± '))
    file.write_text(json.dumps(content))
    assert main(["readme", "--check", "--results", str(file)]) == 1
    assert f"{ROOT / 'README.md'} differs\n" in capsys.readouterr().out

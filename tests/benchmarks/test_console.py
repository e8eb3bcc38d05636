"""Tables are whole, and progress is a bar on a terminal and lines elsewhere."""

from __future__ import annotations

import io
import os

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.console import follow, make_console, print_table, say
from benchmarks.tables import Table, plain_table
from tests.benchmarks.test_jobs import folds_of


def console(terminal=False, width=80):
    return Console(file=io.StringIO(), force_terminal=terminal, width=width)


def printed(table, **options):
    out = console(**options)
    print_table(out, table)
    return out.file.getvalue()


def test_a_table_wider_than_the_terminal_is_not_cut():
    frame = pd.DataFrame({f"column {i}": [f"value {i}"] for i in range(30)})
    text = printed(plain_table(frame, ""), width=40)
    assert all(f"value {i}" in text for i in range(30))
    assert "…" not in text


def wide_table(n_columns, n_rows=3):
    """Make a table of long names, sentences and numbers."""
    index = pd.MultiIndex.from_tuples(
        [(f"set_{i // 2}", f"mixup 0.{i}, 1 network") for i in range(n_rows)],
        names=["Data set", "Method"],
    )
    cells = {
        f"heading number {j} (%)": [f"{i}.{j} ± 0.{j}" for i in range(n_rows)]
        for j in range(n_columns - 1)
    }
    cells["what it is"] = ["several words that say what this row is about"] * n_rows
    frame = pd.DataFrame(cells, index=index)
    return Table("A title", frame, frame.isna())


@pytest.mark.parametrize("width", [50, 60, 80, 120, 300])
@pytest.mark.parametrize("n_columns", [1, 2, 4, 12])
def test_every_cell_is_there_and_no_line_is_wider_than_the_terminal(n_columns, width):
    table = wide_table(n_columns)
    text = printed(table, width=width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for texts in (table.cells.to_numpy().ravel(), table.cells.columns):
        assert all(word in words for each in texts for word in each.split())
    numbers = [each for each in table.cells.to_numpy().ravel() if "±" in each]
    assert all(each in text for each in numbers)  # numbers are not wrapped


def test_a_table_that_fits_is_one_table_without_wrapped_lines():
    table = wide_table(4)
    lines = printed(table, width=200).splitlines()
    assert len([line for line in lines if "heading number" in line]) == 1
    assert all(name in lines[2] for name in table.cells.columns)


@pytest.mark.parametrize(
    "path",
    ["a[/i]b", "run [test]", "[bold]x", ":smile:", "a\tb", "x " * 60, "\x1b[1m", "é"],
)
def test_a_line_is_said_as_it_is(path, capsys):
    say(make_console(), f"Every fold: {path}")
    say(make_console(stderr=True), path, style="red")
    assert capsys.readouterr() == (f"Every fold: {path}\n", f"{path}\n")


def test_words_that_look_like_markup_are_words():
    text = printed(plain_table(pd.DataFrame({"a": ["[bold]"], "b": ["[/x]"]}), ""))
    assert "[bold]" in text
    assert "[/x]" in text


def test_the_best_cells_are_bold_on_a_terminal():
    cells = pd.DataFrame({"one": ["1.0"], "two": ["2.0"]}, index=["iris"])
    best = pd.DataFrame({"one": [True], "two": [False]}, index=["iris"])
    text = printed(Table("", cells, best), terminal=True)
    assert "\x1b[1m1.0" in text
    assert "\x1b[1m2.0" not in text


def test_a_set_is_named_once_for_its_methods():
    index = pd.MultiIndex.from_product([["iris", "wine"], ["ERM", "mixup"]])
    cells = pd.DataFrame({"error": list("1234")}, index=index)
    text = printed(Table("", cells, cells == ""))
    assert [text.count(name) for name in ("iris", "wine", "ERM")] == [1, 1, 2]


@pytest.fixture
def jobs():
    return folds_of("iris", 2, 2) + folds_of("wine", 2, 2)


def test_lines_tell_of_finished_sets(jobs):
    out = console()
    follow(out, jobs, iter([(jobs[:4], 0), (jobs[4:5], 0), (jobs[5:], 2)]))
    first, second = out.file.getvalue().splitlines()
    assert first == "iris: done before"
    assert second.startswith("wine: finished after")
    assert second.endswith("s, 2 jobs failed")
    assert "\x1b" not in out.file.getvalue()


def test_a_bar_counts_all_jobs_on_a_terminal(jobs):
    out = console(terminal=True)
    follow(out, jobs, iter([(jobs[:4], 0), (jobs[4:], 0)]))
    text = out.file.getvalue()
    assert "8/8" in text
    assert "remaining" in text


@pytest.mark.parametrize("encoding", ["cp1251", "gbk", "ascii", "utf-8"])
def test_what_an_encoding_lacks_is_a_question_mark(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
    console = make_console()
    say(console, "R² 0.5 ± 0.1")
    console.file.flush()
    expected = "R² 0.5 ± 0.1\n".encode(encoding, "replace")
    assert raw.getvalue() == expected.replace(b"\n", os.linesep.encode())

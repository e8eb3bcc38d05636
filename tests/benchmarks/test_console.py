"""Tables are whole, and progress is a bar on a terminal and lines elsewhere."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.console import print_table, watching
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
    with watching(out, jobs) as watcher:
        watcher.settled(jobs[:4])
        watcher.settled(jobs[4:5])
        watcher.settled(jobs[5:], 2)
    first, second = out.file.getvalue().splitlines()
    assert first == "iris: done before"
    assert second.startswith("wine: finished after")
    assert second.endswith("s, 2 jobs failed")
    assert "\x1b" not in out.file.getvalue()


def test_a_bar_counts_all_jobs_on_a_terminal(jobs):
    out = console(terminal=True)
    with watching(out, jobs) as watcher:
        watcher.settled(jobs[:4])
        watcher.settled(jobs[4:])
    text = out.file.getvalue()
    assert "8/8" in text
    assert "remaining" in text

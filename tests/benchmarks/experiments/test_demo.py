"""The demo ends in a page with its figures, and its seconds are called shares."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import experiments
from benchmarks.command_line import main
from benchmarks.experiments import demo
from benchmarks.runner import Workers, run
from benchmarks.store import Store
from benchmarks.work import Runtime

TINY = {"datasets": ("iris", "two_moons"), "epochs": 2, "folds": 2, "protocol": "plain"}


def test_make_demo_ends_in_a_page_with_figures(
    toys, no_page, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(demo, "EXPERIMENT", no_page)
    monkeypatch.chdir(tmp_path)
    words = ["--datasets", "iris", "two_moons", "--epochs", "2", "--folds", "2"]
    assert main(["demo", *words, "--protocol", "plain"]) == 0
    out = capsys.readouterr().out
    path = re.search(r"^Page with figures: (.*)$", out, re.MULTILINE)[1]
    page = (tmp_path / path).read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert captions == [
        "Error against alpha: mean over the folds ± standard error",
        "Log loss against alpha: mean over the folds ± standard error",
        "Calibration, all sets pooled",
        "Decision surfaces on two_moons",
    ]
    assert page.count("<img alt=") == 4
    assert "sk_mixup" in page.partition("<nav")[0]  # what was run, at the top


@pytest.fixture
def frame(toys, tmp_path):
    experiment = demo.EXPERIMENT
    jobs = experiment.jobs(experiment.options(**TINY))
    store = Store(tmp_path / "store")
    list(run(jobs, experiment.work, store, Runtime(), Workers()))
    return store.frame(jobs)


def test_seconds_of_networks_that_train_together_are_called_shares(frame):
    (table,) = [
        table for table in demo.EXPERIMENT.show(frame) if "log loss" in table.cells
    ]
    assert "share of fit (s)" in table.cells
    assert "fit (s)" not in table.cells
    assert "a share of a common program" in table.title
    assert not table.cells["share of fit (s)"].str.contains("±").any()
    # Equal networks have equal shares: nobody could tell a slower method by them.
    assert frame.groupby("dataset")["fit_seconds"].nunique().max() == 1


def test_surfaces_are_those_of_the_first_fold_of_planes_with_two_classes(frame):
    drawn = frame[frame["surface"].notna()]
    assert set(drawn["dataset"]) == {"two_moons"}
    assert set(drawn["fold"]) == {0}
    assert set(drawn["method"]) == set(frame["method"])
    surface = np.array(drawn["surface"].iloc[0])
    assert ((surface >= 0) & (surface <= 1)).all()


def test_results_without_surfaces_have_the_other_figures(frame):
    older = frame.drop(columns=["surface", "extent", "rows", "labels"])
    assert len(demo.figures(older)) == 3


def test_only_the_demo_and_own_tables_end_in_pages(no_page):
    known = experiments.load_all() | {"demo": no_page}
    assert {name for name, each in known.items() if each.page} == {"compare", "demo"}
    assert replace(no_page, page=False) == demo.EXPERIMENT

"""The report of a store tells what was done, how, and what is missing."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError

import pandas as pd
import pytest

import sk_mixup
from benchmarks import experiments
from benchmarks.command_line import main
from benchmarks.gather import counts, look_up, named, sections
from benchmarks.provenance import machine
from benchmarks.store import Store
from sk_mixup import MixupClassifier, MixupRegressor

TINY = ["--protocol", "paper", "--epochs", "1", "--folds", "2"]


@pytest.fixture
def folders(tmp_path):
    return ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]


@pytest.fixture
def known():
    return experiments.load_all()


def demo(folders, *words):
    assert main(["demo", *TINY, "--datasets", *words, *folders]) == 0


def test_what_was_asked_for_is_the_union_of_all_that_was(folders, tmp_path, known):
    demo(folders, "iris", "--alphas", "0", "1")
    demo(folders, "iris", "wine", "--alphas", "1")
    jobs = look_up(known["demo"], Store(tmp_path / "store")).jobs
    found = {(job.dataset, job.method.name) for job in jobs}
    assert found == {
        ("sklearn_iris", "ERM"),
        ("sklearn_iris", "mixup 1"),
        ("sklearn_wine", "mixup 1"),
    }
    assert len(jobs) == len(set(jobs)) == 6


@pytest.mark.parametrize(
    ("experiment", "estimator", "dataset"),
    [
        ("demo", MixupClassifier, "iris"),
        ("regression", MixupRegressor, "diabetes"),
    ],
)
def test_results_of_other_defaults_are_not_taken_for_those_of_today(
    folders, tmp_path, known, monkeypatch, experiment, estimator, dataset
):
    words = ["--datasets", dataset, "--folds", "2", "--repeats", "1", "--epochs", "1"]
    assert main([experiment, *words, *folders]) == 0
    store = Store(tmp_path / "store")
    assert counts(store, look_up(known[experiment], store).jobs)["open"] == 0
    defaults = estimator.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "lr", 2 * defaults["lr"])
    jobs = look_up(known[experiment], store).jobs
    ours = {"mixup", "regressor"}
    networks = {job for job in jobs if job.method.estimator in ours}
    assert {job for job in jobs if not store.is_done(job)} == networks


def test_settings_are_never_mixed(folders, tmp_path, known):
    demo(folders, "iris", "--alphas", "0", "1")
    demo(folders, "iris", "--alphas", "0", "1", "--epochs", "2")
    demo(folders, "iris", "--alphas", "0", "1", "--repeats", "2")
    store = Store(tmp_path / "store")
    asked = {name: look_up(each, store) for name, each in known.items()}
    titles = [each.title for each in sections(known, asked, store)]
    assert titles == [
        "How this was made",
        "demo: paper protocol, 1 epoch, 2 folds x 2 repeats",
        "demo: paper protocol, 2 epochs, 2 folds",
        "What is missing",
    ]


def test_the_report_is_written_from_whatever_there_is(folders, tmp_path, capsys):
    demo(folders, "iris", "wine", "--alphas", "0", "1", "8")
    assert main(["report", *folders]) == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "python -m benchmarks demo" in text
    assert "paper: mixup" in text
    assert "Left out" not in text
    assert "Never asked for: " in text
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000


def test_the_report_of_one_set_says_what_it_leaves_out(folders, tmp_path):
    demo(folders, "iris", "--alphas", "0", "1")
    assert main(["report", *folders]) == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Left out: A test over data sets needs at least 2 complete sets" in text


@pytest.mark.parametrize("command", ["report", "status"])
@pytest.mark.parametrize("store", ["absent", "empty", "something else"])
def test_a_folder_that_is_no_store_is_refused(command, store, tmp_path, capsys):
    folder = tmp_path / "store"
    if store != "absent":
        folder.mkdir()
    if store == "something else":
        (folder / "demo" / "done").mkdir(parents=True)
        (folder / "report.html").write_text("")
    out = tmp_path / "out"
    assert main([command, "--store", str(folder), "--out", str(out)]) == 2
    out_text, err = capsys.readouterr()
    assert out_text == ""
    assert f"{folder} holds no results of an experiment" in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_what_runs_is_told_where_nothing_is_installed(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(Distribution, "from_name", absent)
    versions = machine()["versions"]
    assert versions["sk_mixup"] == sk_mixup.__version__
    assert versions["torch"] == "unknown"


def test_sets_are_called_short_names_unless_two_would_be_one():
    names = ["sklearn_iris", "iris", "sklearn_wine", "openml_31"]
    frame = pd.DataFrame({"dataset": [*names, *names]})
    shown = ["sklearn_iris", "iris", "wine", "openml_31"]
    assert named(frame)["dataset"].tolist() == [*shown, *shown]

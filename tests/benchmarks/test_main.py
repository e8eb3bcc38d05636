"""The command line says what it did, and ends with an honest status."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.arguments import PROGRAM
from benchmarks.command_line import main
from tests.benchmarks.datasets.disk import refusing

TINY = ["--protocol", "paper", "--epochs", "1", "--folds", "2", "--alphas", "0", "1"]


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run a command in a fresh folder; gives status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def command(*words):
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return command


def test_an_experiment_prints_a_table_and_writes_every_fold(run, tmp_path):
    status, out, err = run("demo", "--datasets", "iris", "wine", *TINY)
    assert (status, err) == (0, "")
    assert "error (%)" in out
    assert "log loss" in out
    assert "The paper's errors (%), by its own recipe" in out
    assert "±" in out
    assert "…" not in out
    folds = pd.read_csv(tmp_path / "results" / "demo" / "demo-paper.csv")
    assert len(folds) == 2 * 2 * 2
    assert {"error", "log_loss", "brier", "ece", "auc", "alpha"} <= set(folds.columns)
    assert {"fit_seconds", "predict_seconds", "seed"} <= set(folds.columns)


def test_what_is_done_is_not_done_again(run, tmp_path):
    run("demo", "--datasets", "iris", *TINY)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("done/*.json")}
    status, out, _ = run("demo", "--datasets", "iris", *TINY)
    assert status == 0
    assert "done before" in out
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("done/*.json")} == before


def test_folders_are_where_they_were_asked_for(run, tmp_path):
    run("demo", "--datasets", "iris", *TINY, "--store", "here", "--out", "there")
    assert list((tmp_path / "here" / "demo" / "done").iterdir())
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["demo-paper.csv"]
    assert not (tmp_path / "results").exists()


def test_a_set_that_cannot_be_fetched_is_named_and_the_others_run(run, monkeypatch):
    monkeypatch.setenv("OPENML_CACHE_DIR", "nothing-here")
    monkeypatch.setattr("benchmarks.datasets._registry.OpenMLSet.load", no_network)
    monkeypatch.setattr("benchmarks.datasets._local.LocalSet.load", load_but_wine)
    status, out, err = run("demo", "--datasets", "iris", "wine", *TINY)
    assert status == 1
    assert "sklearn_wine: finished after" in out
    assert ", 4 jobs failed" in out
    assert err.splitlines() == [
        "sklearn_wine: 4 jobs failed: wine cannot be loaded: no network; check it."
    ]
    status, _, err = run("uci", "--datasets", "arcene", *TINY)
    assert status == 1
    assert "no network; check it" in err
    assert "Traceback" not in err


def no_network(self, cache, timeout):
    from benchmarks.datasets import DatasetUnavailable

    raise DatasetUnavailable(f"{self.name} cannot be loaded: no network; check it.")


def load_but_wine(self, cache, timeout):
    from benchmarks.datasets import Dataset, DatasetUnavailable

    if self.name == "sklearn_wine":
        raise DatasetUnavailable("wine cannot be loaded: no network; check it.")
    return Dataset(self.name, *self.make(), self.task, self.source)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["demo", "--datasets", "iriss"], "unknown data set of 'demo' 'iriss'"),
        (["demo", "--alphas", "-1"], "-1 is not a number from 0 to inf"),
        (["demo", "--alphas", "nan"], "nan is not a number from 0 to inf"),
        (["demo", "--alphas", "x"], "invalid"),
        (["demo", "--folds", "1"], "1 is less than 2"),
        (["demo", "--jobs", "0"], "0 is less than 1"),
        (["demo", "--rivals", "mlp"], "unrecognized arguments: --rivals"),
        (["suite", "--rivals", "svm"], "unknown rival 'svm'; known: logistic,"),
        (["demo", "--jobs", "2", "--dask", "tcp://x:1"], "not allowed with"),
        (["demo", "--dask", ""], "'' is no address such as tcp://"),
        (["demo", "--dask", "x"], "'x' is no address such as tcp://"),
        (["demo", "--dask", "tcp://x y:1"], "'tcp://x y:1' is no address"),
        (["demo", "--dask", "tcp://x:"], "'tcp://x:' is no address"),
        (["demo", "--store", ""], "the path is empty"),
        (["report", "--out", ""], "the path is empty"),
        (["demo", "--folds", "100000"], "make 1,500,000 jobs, more than 100,000"),
        (["demo", "--folds", "6000"], "--folds 6000: the rows of iris suffice for 50"),
        (["list", "demo", "--folds", "51"], "the rows of iris suffice for 50"),
        (
            ["regression", "--datasets", "diabetes", "--folds", "443"],
            "the rows of diabetes suffice for 442",
        ),
        (["demo", "--repeats", "99999999"], "jobs, more than 100,000"),
        (["surface", "--datasets", "31"], "unknown data set of 'toy' '31'"),
        (["regression", "--datasets", "31"], "unknown data set of 'regression'"),
        (["nothing"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(run, words, sentence):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_gpu_that_is_not_there_is_one_sentence(run, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    status, _, err = run("demo", "--device", "cuda")
    assert status == 2
    assert err.strip().endswith("there is no GPU here; use cpu or auto.")


@pytest.mark.parametrize("option", ["--store", "--out"])
@pytest.mark.parametrize("command", ["demo", "report", "status", "list", "speed"])
def test_a_file_that_is_named_for_a_folder_is_refused(run, tmp_path, command, option):
    (tmp_path / "file").write_text("")
    status, out, err = run(command, option, "file")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].endswith("file is a file, not a folder")


def test_what_is_printed_fits_80_columns(run):
    shapes = [["demo", *TINY], ["demo", *TINY, "--datasets", "iris"]]
    for words in (*shapes, ["list"], ["list", "demo", *TINY], ["status"]):
        status, out, err = run(*words)
        assert (status, err) == (0, "")
        assert max(map(len, out.splitlines())) <= 80, out


ODD_NAMES = ["rep[/i]", "run [test]", "[bold]", ":smile:", "a\tb", "a b " * 30, "ü"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_whatever_the_path_what_is_printed_contains_it(run, tmp_path, name):
    out_path, store = tmp_path / name / "out", tmp_path / name / "store"
    places = ["--store", str(store), "--out", str(out_path)]
    status, out, err = run("demo", "--datasets", "iris", *TINY, *places)
    assert (status, err) == (0, "")
    assert f"Every fold: {out_path / 'demo-paper.csv'}\n" in out
    assert (out_path / "demo-paper.csv").exists()
    (store / "demo" / "asked" / "0.json").write_text("[]")
    status, out, err = run("status", *places)
    assert status == 0
    assert f"Asked for in {store}:\n" in out
    assert f"{store / 'demo' / 'asked' / '0.json'} is left out: " in err


def test_the_report_is_printed_as_a_path(run, tmp_path):
    run("demo", "--datasets", "iris", *TINY, "--store", "s")
    _, out, _ = run("report", "--store", "s", "--out", "[/i] [test]")
    assert out.splitlines() == [
        f"[/i] [test]/report.{end}" for end in ("html", "md", "json")
    ]


@pytest.mark.parametrize("refusal", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_results_are_shown_where_they_cannot_be_written(run, tmp_path, refusal):
    words = ["demo", "--datasets", "iris", *TINY, "--out", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    with refusing(tmp_path / "out", refusal):
        status, out, err = run(*words)
    assert status == 1
    assert "error (%)" in out
    path = tmp_path / "out" / "demo-paper.csv"
    assert err == f"{PROGRAM}: {path} cannot be written ({os.strerror(refusal)}).\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_openml_numbers_are_names_of_sets(run, monkeypatch):
    monkeypatch.setattr("benchmarks.datasets._registry.OpenMLSet.load", flowers)
    words = ["demo", "--datasets", "iris", "61", "openml_31", "12345", *TINY]
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    for name in ("sklearn_iris", "iris", "credit_g", "openml_12345"):
        assert f"{name}: finished after" in out


def flowers(self, cache, timeout):
    from benchmarks import datasets

    return replace(datasets.load("sklearn_iris"), name=self.name)


def test_a_set_of_numbers_is_not_taken_for_classes(run, monkeypatch):
    monkeypatch.setattr("benchmarks.datasets._registry.OpenMLSet.load", numbers)
    status, _, err = run("demo", "--datasets", "12345", *TINY)
    assert status == 1
    assert "openml_12345 cannot be used: its target is no classes but numbers" in err


def numbers(self, cache, timeout):
    return replace(flowers(self, cache, timeout), task="regression")


def test_a_missing_package_is_one_sentence(tmp_path):
    (tmp_path / "torch.py").write_text(
        "raise ModuleNotFoundError('No module named torch', name='torch')"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "list"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "python -m benchmarks: the package torch is not installed; install what the "
        "benchmarks need with: pip install '.[benchmarks]'\n"
    )


def test_a_store_that_cannot_be_used_is_one_sentence(run, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = run("demo", "--datasets", "iris", *TINY, "--store", "file/store")
    assert status == 1
    assert "cannot be written" in err
    assert err.count("\n") == 1


def test_an_interrupt_says_how_to_go_on(run, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.commands.run", interrupt)
    status, _, err = run("demo", "--datasets", "iris", *TINY)
    assert status == 130
    assert "same command goes on" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_whoever_ends_ends_the_workers_too(name, tmp_path):
    words = ["demo", "--datasets", "digits", "--alphas", "0", "--jobs", "2"]
    places = ["--store", str(tmp_path / "store"), "--out", str(tmp_path)]
    program = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *words, *places],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: any((tmp_path / "store").glob("*/claims/*")))
    program.send_signal(getattr(signal, name))
    _, err = program.communicate(timeout=30)
    if name == "SIGKILL":
        assert program.returncode == -signal.SIGKILL
    else:
        assert program.returncode == 130
        assert "same command goes on" in err
    wait_until(lambda: not group_lives(program.pid))


def wait_until(happened, seconds=30):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def group_lives(number):
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_list_names_experiments_and_data_sets(run):
    status, out, _ = run("list")
    assert status == 0
    assert "uci" in out
    assert "480" in out
    assert "sklearn_digits" in out


def test_list_tells_what_would_run_and_what_is_done(run):
    run("demo", "--datasets", "iris", *TINY)
    _, out, _ = run("list", "demo", "--datasets", "iris", "wine", *TINY)
    rows = [line.split() for line in out.splitlines() if "sklearn_" in line]
    assert rows == [["sklearn_iris", "4", "4", "0", "0"], ["sklearn_wine", *"4004"]]
    assert "epochs: 1" in out
    assert "ERM, mixup 1" in out


def test_status_tells_of_all_that_was_asked_for(run, monkeypatch):
    monkeypatch.setattr("benchmarks.datasets._local.LocalSet.load", load_but_wine)
    run("demo", "--datasets", "iris", "wine", *TINY)
    status, out, _ = run("status", "demo")
    assert status == 0
    assert ["demo", "8", "4", "4", "0"] in [line.split() for line in out.splitlines()]
    assert "no network" in out


def test_notes_tell_of_rare_classes_and_repeated_rows():
    from benchmarks.commands import data_notes

    frame = pd.DataFrame(
        [
            {"dataset": "a", "rare_classes": 2, "n_duplicates": 0},
            {"dataset": "b", "rare_classes": 0, "n_duplicates": 60},
            {"dataset": "c", "rare_classes": 0, "n_duplicates": 0},
        ]
    ).assign(n_classes=5, folds=10, n_train=90, n_test=10)
    first, second = data_notes(frame)
    assert first.startswith("a: 2 of 5 classes have fewer than 10 rows")
    assert second.startswith("b: 60 rows (60%) repeat an earlier row")


@pytest.mark.slow
def test_the_module_runs_as_a_program(tmp_path):
    words = [
        "demo",
        "--datasets",
        "iris",
        *TINY,
        "--store",
        tmp_path,
        "--out",
        tmp_path,
    ]
    program = [sys.executable, "-m", "benchmarks", *map(str, words)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "iris" in done.stdout


@pytest.mark.parametrize("command", ["", "list", "status", "speed", "all", "compare"])
def test_help_fits_80_columns(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_an_unusable_folder_is_refused_before_anything_is_trained(run, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    words = ["demo", "--datasets", "iris", *TINY, "--out", str(path / "below")]
    status, out, err = run(*words)
    assert status == 1
    assert "cannot be written" in err
    assert "finished" not in out

"""``python -m benchmarks speed``, on sizes that say nothing."""

import io

import pandas as pd
import pytest
import torch
from rich.console import Console

from benchmarks.command_line import main
from benchmarks.speed import command, report
from benchmarks.speed.cases import GROUPS
from benchmarks.speed.command import Request, groups_on, run
from benchmarks.speed.measure import Case, Comparison, Reading, Subject


def quick(arguments, folder):
    words = ["speed", "--quick", "--repeats", "1", "--out", str(folder)]
    return main([*words, *arguments])


def test_command_prints_ratios_and_writes_files(tmp_path, capsys):
    assert quick(["--cases", "fit", "ensemble"], tmp_path) == 0
    readings = pd.read_csv(tmp_path / report.READINGS)
    assert len(readings) == 4 * 4 + 2
    assert (readings["value"] > 0).all()
    ratios = pd.read_csv(tmp_path / report.RATIOS)
    assert len(ratios) == 4 * 3 + 1
    assert ratios["ratio"].between(ratios["low"], ratios["high"]).all()
    assert (tmp_path / report.FIGURE).stat().st_size
    printed = capsys.readouterr().out
    assert "MLPClassifier" in printed
    assert "ensemble of 2" in printed


@pytest.mark.slow
def test_everything_runs(tmp_path):
    assert quick([], tmp_path) == 0
    ratios = pd.read_csv(tmp_path / report.RATIOS)
    assert {"peak memory", "import", "grid of 4"} <= set(ratios["case"])
    assert (ratios["ratio"] > 0).all()


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    subjects = [
        Subject(name, lambda: Reading(1.0), package)
        for name, package in [("a", "torch"), ("b", "torch"), ("c", "no_such_package")]
    ]
    comparisons = tuple(Comparison("a case", "a", peer) for peer in "bc")
    case = Case("a case", tuple(subjects), comparisons)
    monkeypatch.setattr(command, "GROUPS", {"some": lambda scale: iter([case])})
    console = Console(file=io.StringIO(), width=200)
    ratios = run(Request(("some",), quick=True, repeats=1), tmp_path, console)
    assert ratios["peer"].tolist() == ["b"]
    assert "c left out, no_such_package is not installed" in console.file.getvalue()


def test_gpu_is_measured_where_it_is_asked_for():
    assert "gpu" not in groups_on("cpu")
    assert groups_on("cuda") == tuple(GROUPS)
    assert groups_on("cuda", ["gpu"]) == ("gpu",)
    with pytest.raises(ValueError, match="--device cuda"):
        groups_on("cpu", ["gpu"])


@pytest.mark.parametrize(
    "arguments", [["--cases", "gpu"], ["--cases", "nothing"], ["--repeats", "0"]]
)
def test_wrong_usage_has_status_2(arguments, tmp_path):
    try:
        status = quick(arguments, tmp_path)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there_is_wrong_usage(tmp_path):
    assert quick(["--device", "cuda"], tmp_path) == 2

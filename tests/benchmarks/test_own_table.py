"""``compare`` ends in tables and a page, goes on, and refuses in one sentence."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks.arguments import PROGRAM
from benchmarks.command_line import main

TINY = ["--epochs", "1", "--folds", "2"]
N = 60


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run ``compare`` beside a table; gives status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    pd.DataFrame(
        {
            "size": np.where(np.arange(N) % 7, rng.normal(size=N), np.nan),
            "colour": rng.choice(["red", "blue"], N),
            "kind": rng.choice(["yes", "no"], N),
            "price": rng.normal(size=N),
            "house": np.arange(N) // 10,
            "late": np.repeat(["a", "b"], N // 2),
        }
    ).to_csv("table.csv", index=False)

    def command(*words):
        try:
            status = main(["compare", *words])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return command


@pytest.mark.parametrize(
    ("target", "rivals", "said", "metrics"),
    [
        ("kind", ["logistic", "boosting"], "classification of 'kind'", ["log_loss"]),
        ("price", ["ridge", "boosting"], "regression of 'price'", ["rmse", "r2"]),
    ],
)
def test_a_table_ends_in_tables_and_a_page(
    run, tmp_path, target, rivals, said, metrics
):
    words = ["table.csv", "--target", target, *TINY, "--rivals", *rivals]
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert f"Task: {said}" in out
    assert "Difference from ERM" in out
    paths = [line for line in out.splitlines() if "results/" in line]
    assert max(map(len, set(out.splitlines()) - set(paths))) <= 80, out
    folder = tmp_path / "results" / "compare" / "table.csv"
    folds = pd.read_csv(folder / "compare-default.csv")
    assert folds["method"].value_counts().tolist() == [2] * 4
    assert not folds[metrics].isna().any(axis=None)
    page = (folder / "report.html").read_text()
    assert f"Page with figures: {'results/compare/table.csv/report.html'}\n" in out
    assert "Mixup on table.csv" in page
    assert page.count("<img") == len(set(re.findall(r'alt="[^"]+"', page))) > 1
    assert "Left out" not in page
    assert not re.search("https?:", page.replace("http://www.w3.org", ""))


def test_a_page_is_about_one_command_and_goes_on_without_a_method(run, tmp_path):
    table = pd.read_csv("table.csv")
    pd.concat([table] * 10).assign(name=[f"n{i}" for i in range(10 * N)]).to_csv(
        "table.csv", index=False
    )
    words = ["table.csv", "--target", "kind", "--rivals", "logistic"]
    status, _, err = run(*words, *TINY)
    assert (status, err.count("has 300 levels")) == (1, 1)
    page = tmp_path / "results" / "compare" / "table.csv" / "report.html"
    assert "cannot be shown" not in page.read_text()
    run(*words, "--without", "name", "--epochs", "2", "--folds", "2")
    text = page.read_text()
    assert "2 epochs, 2 folds" in text
    assert "1 epoch, 2 folds" not in text


@pytest.mark.slow
def test_what_is_done_is_not_done_again_unless_the_file_changes(run, tmp_path):
    words = ["table.csv", "--target", "kind", *TINY, "--rivals"]
    run(*words)
    done = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("done/*.json")}
    _, out, _ = run(*words)
    assert "done before" in out
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("done/*.json")} == done
    table = pd.read_csv("table.csv")
    table.iloc[::-1].to_csv("table.csv", index=False)
    _, out, _ = run(*words)
    assert "done before" not in out
    assert len(list(tmp_path.rglob("done/*.json"))) == 2 * len(done)


@pytest.mark.slow
def test_the_common_report_shows_each_table_apart(run, tmp_path):
    for words in (["kind", "--groups", "house"], ["price"]):
        run("table.csv", "--target", *words, *TINY, "--rivals")
    assert main(["report", "--out", "all"]) == 0
    text = (tmp_path / "all" / "report.md").read_text()
    assert "cannot be shown" not in text
    titles = [line for line in text.splitlines() if line.startswith("## table.csv+")]
    assert len(set(titles)) == 2
    assert main(["status"]) == 0


def test_other_values_of_alpha_are_compared_with_the_first(run):
    words = ["table.csv", "--target", "kind", *TINY, "--rivals", "--alphas"]
    status, out, _ = run(*words, "0.4")
    assert (status, "Difference" in out) == (0, False)
    status, out, _ = run(*words, "0.4", "1")
    assert (status, "Difference from mixup 0.4" in out) == (0, True)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "one of the arguments FILE --openml is required"),
        (["table.csv"], 1, "no target is named; name one by --target: size, colour"),
        (["tabel.csv", "--target", "kind"], 1, "did you mean 'table.csv'?"),
        (["table.csv", "--target", "kin"], 1, "did you mean 'kind'?"),
        (["table.csv", "--openml", "31"], 2, "not allowed with argument"),
        (["table.csv", "--target", "kind", "--groups", "kind"], 2, "once only"),
        (
            ["table.csv", "--target", "kind", "--groups", "house", "--time", "price"],
            2,
            "give either --groups or --time",
        ),
        (["table.csv", "--target", "price", "--folds", "61"], 2, "suffice for 60"),
        (
            ["table.csv", "--target", "kind", "--groups", "house", "--folds", "7"],
            2,
            "--folds 7: the groups suffice for 6",
        ),
        (
            ["table.csv", "--target", "kind", "--time", "house", "--folds", "6"],
            2,
            "--folds 6: the times suffice for 5",
        ),
        (
            ["table.csv", "--target", "kind", "--time", "house", "--repeats", "2"],
            2,
            "--repeats: folds by --time have one order only",
        ),
        (
            ["table.csv", "--target", "late", "--time", "house", "--folds", "3"],
            2,
            "one class only; take fewer folds",
        ),
        (["table.csv", "--target", "price", "--rivals", "svm"], 2, "known: ridge"),
        (["table.csv", "--target", "kind", "--datasets", "x"], 2, "unrecognized"),
    ],
)
def test_what_cannot_be_is_one_sentence(run, words, status, said):
    found, out, err = run(*words)
    assert (found, out) == (status, "")
    assert said in err
    if "usage" not in err:
        assert err.startswith(f"{PROGRAM}: ")
        assert err.count("\n") == 1

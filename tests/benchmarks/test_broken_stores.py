"""Whatever stands in the files of a store, commands go on and name what they skip."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from benchmarks.command_line import main

WORDS = [
    *("demo", "--datasets", "iris", "wine", "--alphas", "0", "1", "--folds", "2"),
    *("--epochs", "1", "--protocol", "paper"),
]
JOBS = 8
NO_OBJECTS = ["", "{", "[]", "null", "1", '"x"', "{}"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a store of eight jobs once."""
    folder = tmp_path_factory.mktemp("made")
    assert main([*WORDS, "--store", str(folder), "--out", str(folder / "out")]) == 0
    return folder


@pytest.fixture
def store(made, tmp_path):
    return shutil.copytree(made, tmp_path / "store")


@pytest.fixture
def run(store, tmp_path, capsys):
    """Run a command on the store: its status, output and errors, never a traceback."""

    def command(*words):
        places = ["--store", str(store), "--out", str(tmp_path / "out")]
        status = main([*words, *places])
        return status, *capsys.readouterr()

    return command


def old(file):
    """Make a file one of an older version, which wrote no digest."""
    content = json.loads(file.read_text())
    del content["digest"]
    return content


def skipped(err):
    return re.findall(r"^(.*\.json) is left out: .*\.$", err, flags=re.MULTILINE)


def results_that_are_none(files):
    """Spoil all of the results but one, each in another way."""
    content = old(files[0])
    renamed = {"jobs": content["job"], "records": content["records"]}
    texts = [*NO_OBJECTS[1:6], json.dumps(renamed)]
    texts.append(json.dumps(content | {"records": [None]}))
    for file, text in zip(files, texts, strict=False):
        file.write_text(text)
    return files[: len(texts)]


def table_row(out):
    (row,) = [line.split() for line in out.splitlines() if line.startswith("demo")]
    return row


def test_spoilt_results_are_named_and_done_again(run, store):
    spoilt = results_that_are_none(sorted(store.rglob("done/*.json")))
    n_open = len(spoilt)
    assert 0 < n_open < JOBS
    names = sorted(map(str, spoilt))

    status, out, err = run("status", "demo")
    assert status == 0
    assert table_row(out) == ["demo", str(JOBS), str(JOBS - n_open), "0", str(n_open)]
    assert sorted(skipped(err)) == names

    status, out, err = run("report")
    assert status == 0
    assert sorted(skipped(err)) == names
    page = (store.parent / "out" / "report.md").read_text()
    assert all(name in page for name in names)

    status, out, err = run(*WORDS)
    assert status == 0
    assert sorted(skipped(err)) == names
    assert run(*WORDS)[::2] == (0, "")
    assert table_row(run("status", "demo")[1]) == ["demo", "8", "8", "0", "0"]


OPTIONS = {
    "datasets": ["iris", [1], ["../x"], ["\0"], [None], {"a": 1}],
    "alphas": [0.4, ["x"], [None], [-1]],
    "folds": ["x", 0, -3, 1.5, 10**9, [2]],
    "repeats": ["x", 0, 10**9],
    "epochs": ["x", 0],
    "protocol": ["x", None, 1, ["paper"]],
    "rivals": ["mlp", [1]],
    "quick": ["x", 1],
}
CHANGES = [{name: value} for name, values in OPTIONS.items() for value in values]


@pytest.mark.parametrize("damage", [*NO_OBJECTS, *CHANGES], ids=repr)
def test_a_note_that_is_none_is_named_and_the_others_count(run, store, damage):
    (note,) = store.rglob("asked/*.json")
    other = note.with_name("0.json")
    if isinstance(damage, dict):
        content = old(note)
        damage = json.dumps(content | {"options": content["options"] | damage})
    other.write_text(damage)
    status, out, err = run("status", "demo")
    assert status == 0
    assert skipped(err) == [str(other)]
    assert table_row(out) == ["demo", str(JOBS), str(JOBS), "0", "0"]


def test_a_report_goes_on_without_spoilt_notes(run, store):
    (note,) = store.rglob("asked/*.json")
    for i, text in enumerate(NO_OBJECTS):
        note.with_name(f"{i}.json").write_text(text)
    status, _, err = run("report")
    assert status == 0
    assert len(skipped(err)) == len(NO_OBJECTS)
    assert "demo: paper protocol" in (store.parent / "out" / "report.md").read_text()


@pytest.mark.parametrize("error", ["missing", "x", [1]])
def test_results_of_another_version_are_told_of_and_written(run, store, error):
    for file in store.rglob("done/*.json"):
        content = old(file)
        for record in content["records"]:
            del record["error"]
            record |= {} if error == "missing" else {"error": error}
        file.write_text(json.dumps(content))
    status, out, _ = run(*WORDS)
    assert status == 0
    assert "The stored results of demo cannot be shown (" in out
    assert len((store.parent / "out" / "demo-paper.csv").read_text().splitlines()) == 9
    assert run("report")[0] == 0
    page = (store.parent / "out" / "report.md").read_text()
    assert "cannot be shown" in page or "Left out: " in page

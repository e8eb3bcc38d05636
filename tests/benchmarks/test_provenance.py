"""Results say which commit, versions and minutes they are of."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks import provenance
from benchmarks.provenance import UNKNOWN, commit, lead, machine, made


@pytest.fixture
def checkout(tmp_path):
    """Make a checkout with one commit."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "code.py").write_text("1")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "One"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    commit.cache_clear()
    yield tmp_path
    commit.cache_clear()


def test_a_commit_is_named_and_changes_of_code_are_told(checkout):
    name = commit(checkout)
    assert len(name) == 12
    (checkout / "notes.txt").write_text("")  # results and notes change no code
    commit.cache_clear()
    assert commit(checkout) == name
    (checkout / "benchmarks" / "code.py").write_text("2")
    assert commit(checkout) == name  # the code that runs is that of the start
    commit.cache_clear()
    assert commit(checkout) == f"{name} with changes"


def test_without_a_checkout_the_commit_is_unknown(tmp_path):
    assert commit(tmp_path) == UNKNOWN


def note(**changes):
    versions = {"sk_mixup": "1.0", "commit": "abc", "torch": "2"}
    return {
        "command": "c",
        "date": "2026-01-02",
        "jobs": 3,
        "seconds": 90.0,
        "device": "cpu",
        "system": "Linux",
        "processor": "x86_64",
        "cores": 2,
        "python": "3.11",
        "versions": versions,
        **changes,
    }


def test_the_lead_names_one_state_or_says_that_there_are_more():
    assert lead([]) == ""
    assert lead([note(), note()]) == (
        "sk_mixup 1.0, commit abc; 2026-01-02; 3.0 minutes on Linux, x86_64, 2 cores."
    )
    other = note(date="2026-01-03", versions={"sk_mixup": "1.0"})  # an older note's
    assert lead([note(), other]).startswith(
        "2 states of the package; 2026-01-02 to 2026-01-03; "
    )


def test_minutes_are_those_of_each_experiment():
    killed = note()
    del killed["seconds"]
    section = made({"uci": [note(), note(), killed], "gan": [note()], "none": []})
    minutes, commands, versions = section.tables
    assert minutes.cells["Minutes"].to_dict() == {"uci": "3", "gan": "1.5"}
    assert commands.cells["Minutes"].tolist() == ["1.5", "n/a", "1.5"]
    assert versions.cells["Commit"].tolist() == ["abc"]
    assert made({}).tables == ()


def test_rivals_are_told_where_they_are_installed(monkeypatch):
    found = {"catboost": "1.2"}
    monkeypatch.setattr(provenance, "_version", lambda name: found.get(name, UNKNOWN))
    versions = machine()["versions"]
    assert versions["catboost"] == "1.2"
    assert not {"lightgbm", "pytabkit"} & set(versions)


def test_the_processor_is_told_by_its_model(tmp_path):
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor : 0\nmodel name\t: Fast CPU @ 2 GHz\nflags : a\n")
    assert provenance._processor(listing) == "Fast CPU @ 2 GHz"
    assert provenance._processor(tmp_path / "none")


def test_the_gpu_is_told_where_it_is_used(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Fast GPU")
    assert "gpu" not in machine()
    assert lead([note() | {"gpu": machine(on_gpu=True)["gpu"]}]).endswith(
        "2 cores, Fast GPU."
    )

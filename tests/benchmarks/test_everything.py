"""One command runs all but demo and compare, and goes on where it stopped."""

from __future__ import annotations

import pytest

from benchmarks import commands, experiments
from benchmarks.command_line import main
from benchmarks.everything import FEW, runs
from benchmarks.work import Training

KNOWN = experiments.load_all()


def test_all_is_every_experiment_but_those_for_a_look_or_an_own_table():
    asked = [experiment.name for experiment, _ in runs(KNOWN)]
    assert set(asked) == set(KNOWN) - {"compare", "demo"}
    assert [
        (options.protocol, options.repeats)
        for experiment, options in runs(KNOWN)
        if experiment.name == "uci"
    ] == [("paper", 5), ("default", 1)]


def test_no_job_is_asked_for_twice():
    jobs = [job for each, options in runs(KNOWN) for job in each.jobs(options)]
    assert len(set(jobs)) == len(jobs)


def test_each_takes_its_own_of_the_sets_that_are_named():
    asked = runs(KNOWN, ["arcene", "friedman1"])
    found = {each.name: set(options.datasets) for each, options in asked}
    assert found["regression"] == {"friedman1"}
    assert found["suite"] == found["defaults"] == found["uci"] == {"arcene"}
    assert "surface" not in found
    with pytest.raises(ValueError, match=r"the data set 'nosuch'; known: .*arcene"):
        runs(KNOWN, ["arcene", "nosuch"])


def test_a_rehearsal_is_short():
    for experiment, options in runs(KNOWN, small=True):
        assert len(options.datasets) <= FEW
        assert options.epochs == 2
        assert (options.folds or 2, options.repeats or 1) == (2, 1)
        assert len(options.alphas or ()) <= FEW
        assert len(experiment.jobs(options)) <= 500


@pytest.fixture
def run_all(tmp_path, monkeypatch):
    """Run the command in a fresh folder; gives its status."""
    monkeypatch.chdir(tmp_path)
    words = ["all", "--small", "--datasets", "two_moons", "friedman1"]
    return lambda: main(words)


def done(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("done/*.json")}


def test_what_was_stopped_goes_on_and_ends_in_a_report(
    run_all, tmp_path, monkeypatch, capsys
):
    def stop_at_surface(jobs, *arguments):
        if jobs[0].experiment == "surface":
            raise KeyboardInterrupt
        return run(jobs, *arguments)

    run = commands.run
    with monkeypatch.context() as patch:
        patch.setattr(commands, "run", stop_at_surface)
        assert run_all() == 130
    before = done(tmp_path)
    assert {path.parts[-3] for path in before} == {"regression"}
    assert run_all() == 0
    after = done(tmp_path)
    assert {path.parts[-3] for path in after} == {"regression", "surface"}
    assert before.items() <= after.items()
    out = capsys.readouterr().out
    assert "[1 of 2] regression: " in out
    assert "[2 of 2] surface: " in out
    text = (tmp_path / "results" / "all" / "report.md").read_text()
    assert "## regression: " in text
    assert "## surface: " in text
    assert "**Minutes by experiment**" in text
    assert "python -m benchmarks all --small" in text


def test_what_fails_does_not_keep_the_next_one(run_all, tmp_path, monkeypatch):
    def fails_on_regression(self, jobs, runtime):
        if jobs[0].experiment == "regression":
            raise OSError("no disk")
        return do(self, jobs, runtime)

    do = Training.do
    monkeypatch.setattr(Training, "do", fails_on_regression)
    assert run_all() == 1
    assert {path.parts[-3] for path in done(tmp_path)} == {"surface"}

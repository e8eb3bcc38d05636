"""The suite hands frames over as they are, and slow rivals no large ones."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_info

from benchmarks import datasets, estimators, work
from benchmarks.datasets import Dataset
from benchmarks.experiment import SMALL_ROWS, options_from_dict
from benchmarks.experiments import compare, regression, suite
from benchmarks.experiments._comparison import means, views
from benchmarks.experiments.suite import EXPERIMENT
from benchmarks.rivals import SLOW_ROWS
from benchmarks.work import Failure, Runtime

OPTIONS = {
    "datasets": ("hepatitis",),
    "alphas": (0.0, 0.4),
    "folds": 2,
    "repeats": 1,
    "epochs": 2,
    "rivals": ("logistic", "boosting"),
}
BOTH = pytest.mark.parametrize("experiment", [EXPERIMENT, regression.EXPERIMENT])


def mixed(name, cache=None):
    """Make a set with a category, text and gaps."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": np.where(np.arange(40) % 5, rng.normal(size=40), np.nan),
            "kind": pd.Categorical(rng.choice(["a", "b"], 40)),
            "word": rng.choice(["on", "off"], 40),
        }
    )
    return Dataset(name, X, np.arange(40) % 2, "classification", "made for a test")


def test_every_method_learns_from_the_rows_of_the_frame(monkeypatch):
    handed, fit_alone = [], work._fit_alone

    def fit(job, part, device):
        handed.append(part.X_train)
        return fit_alone(job, part, device)

    monkeypatch.setattr(datasets, "load", mixed)
    monkeypatch.setattr(work, "_fit_alone", fit)
    jobs = EXPERIMENT.jobs(EXPERIMENT.options(**OPTIONS))
    results = dict(EXPERIMENT.work.do(jobs, Runtime()))
    assert set(results) == set(jobs)
    assert not [each for each in results.values() if isinstance(each, Failure)]
    frame = mixed("hepatitis").X
    assert len(handed) == len(jobs)
    for rows in handed:
        pd.testing.assert_frame_equal(rows, frame.loc[rows.index])


def test_no_result_of_encoded_tables_is_taken_for_one_of_frames():
    jobs = EXPERIMENT.jobs(EXPERIMENT.options(**OPTIONS))
    assert all(job.fingerprint for job in jobs)


def test_every_fit_has_one_thread(monkeypatch):
    threads = []

    class Counting:
        def fit(self, X, y):
            pools = {pool["num_threads"] for pool in threadpool_info()}
            threads.append((torch.get_num_threads(), pools))
            raise ValueError("enough")

    monkeypatch.setattr(datasets, "load", mixed)
    monkeypatch.setattr(work, "build", lambda *a, **k: Counting())
    jobs = EXPERIMENT.jobs(EXPERIMENT.options(**OPTIONS))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert len(dict(EXPERIMENT.work.do(jobs, Runtime()))) == len(jobs)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert len(threads) == len(jobs)
    assert all(each == (1, {1}) for each in threads)


@BOTH
def test_slow_rivals_have_no_jobs_on_large_sets(experiment, monkeypatch):
    options = experiment.options(rivals=("boosting", "tabm", "realmlp"))
    sets = defaultdict(set)
    for job in experiment.jobs(options):
        sets[job.method.name].add(job.dataset)
    small = {n for n in options.datasets if datasets.n_rows(n) <= SLOW_ROWS}
    assert sets["gradient boosting"] == sets["ERM"] == set(options.datasets)
    assert sets["TabM"] == sets["RealMLP"] == small < set(options.datasets)
    (said,) = experiment.notices(options)
    assert "1,000 rows" in said
    assert said.endswith("left out there: TabM, RealMLP.")
    assert experiment.notices(experiment.options(rivals=())) == []


@BOTH
def test_small_sets_have_three_repeats(experiment):
    def repeats(**asked):
        jobs = experiment.jobs(experiment.options(rivals=(), folds=2, **asked))
        return Counter(name for name, _ in {(j.dataset, j.repeat) for j in jobs})

    for name, number in repeats().items():
        assert number == (3 if datasets.n_rows(name) <= SMALL_ROWS else 1)
    assert set(repeats(repeats=2).values()) == {2}  # what is asked for counts


@pytest.mark.parametrize("named", [True, False])
def test_on_a_set_of_unknown_size_slow_rivals_are_run_if_named(named, monkeypatch):
    monkeypatch.setattr(suite, "names", lambda: list(estimators.RIVALS))
    defaults = replace(EXPERIMENT.defaults, rivals=suite.installed_rivals())
    experiment = replace(EXPERIMENT, defaults=defaults)
    rivals = ("tabm",) if named else None
    options = experiment.options(datasets=("openml_999",), rivals=rivals)
    jobs = experiment.jobs(options)
    assert {job.repeat for job in jobs} == {0}
    assert ("TabM" in {job.method.name for job in jobs}) == named
    said = experiment.notices(options)
    assert any("unknown size" in each and "TabM" in each for each in said) != named


def test_repeats_are_read_back_from_a_store():
    options = EXPERIMENT.options()
    assert options_from_dict(json.loads(json.dumps(asdict(options)))) == options


def test_what_is_not_installed_is_named_and_left_out(monkeypatch):
    without = [name for name in estimators.names() if name != "boosting"]
    monkeypatch.setattr(suite, "names", lambda: without)
    installed = suite.installed_rivals()
    assert "boosting" not in installed
    options = EXPERIMENT.options(datasets=("iris",), rivals=installed)
    (said,) = suite.notices(options)
    assert said.startswith("Not installed, and left out: gradient boosting")


def test_a_large_table_of_the_users_own_has_no_slow_rivals(monkeypatch):
    everything = [*suite.RIVALS]
    monkeypatch.setattr(suite, "names", lambda: list(estimators.RIVALS))
    for rows, left_out in ((SLOW_ROWS, set()), (SLOW_ROWS + 1, {"tabm", "realmlp"})):
        data = Dataset("own", pd.DataFrame(), np.zeros(rows), "classification", "")
        rivals = compare.on(data).defaults.rivals
        assert list(rivals) == [name for name in everything if name not in left_out]


def results(**missing):
    """Make a frame of three methods on three sets, without some of them."""
    rows = [
        {"dataset": name, "method": method, "error": 0.1, "fold": fold, "repeat": 0}
        for name in ("a", "b", "c")
        for method in ("ERM", "forest", "slow")
        if name not in missing.get(method, ())
        for fold in range(2)
    ]
    return pd.DataFrame(rows).assign(n_train=9, n_test=1)


def test_a_frame_is_parted_where_methods_lack_sets():
    (whole,) = views(results())
    assert len(whole.frame) == 18
    assert whole.also == ""
    first, second = views(results(slow=("c",)))
    assert set(first.frame["method"]) == {"ERM", "forest"}
    assert set(first.frame["dataset"]) == {"a", "b", "c"}
    assert set(second.frame["method"]) == {"ERM", "forest", "slow"}
    assert set(second.frame["dataset"]) == {"a", "b"}
    titles = [means(view.frame, view.also, ["error"]).title for view in (first, second)]
    assert titles == [
        "Mean over the sets, all sets, without slow",
        "Mean over the sets, the 2 sets that slow were run on",
    ]
    (only,) = views(results(slow=("a", "b", "c")))
    assert only.also == ""
    (last,) = views(results(slow=("a", "b", "c"), forest=("c",)))
    assert set(last.frame["dataset"]) == {"a", "b"}


def test_folds_are_refused_for_a_set_that_cannot_be_loaded(monkeypatch):
    def nothing(name, cache=None):
        raise datasets.DatasetUnavailable("no network")

    monkeypatch.setattr(datasets, "load", nothing)
    options = regression.EXPERIMENT.options(folds=399)
    with pytest.raises(ValueError, match="the rows of auto_mpg suffice for 398"):
        regression.EXPERIMENT.check_folds(options)

"""The suite hands frames over as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks import datasets, work
from benchmarks.datasets import Dataset
from benchmarks.experiments.suite import EXPERIMENT
from benchmarks.work import Failure, Runtime

OPTIONS = {"datasets": ("hepatitis",), "alphas": (0.0, 0.4), "folds": 2, "epochs": 2}


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

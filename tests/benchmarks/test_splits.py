"""Folds are stratified, shared by what is compared, and learn nothing from tests."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import datasets, splits
from benchmarks.datasets import Dataset
from tests.benchmarks.test_jobs import job


def use(monkeypatch, X, y):
    data = Dataset("toy", pd.DataFrame(X), np.asarray(y), "classification", "made")
    monkeypatch.setattr(datasets, "load", lambda name, root: data)


@pytest.fixture
def iris():
    return [job(dataset="sklearn_iris", fold=fold) for fold in range(3)]


def test_the_folds_part_the_rows(iris):
    parts = [splits.split(j) for j in iris]
    rows = np.concatenate([part.X_test for part in parts])
    everything = datasets.load("sklearn_iris").X.to_numpy(np.float32)
    assert np.array_equal(np.sort(rows, axis=0), np.sort(everything, axis=0))
    for part in parts:
        assert len(part.X_train) + len(part.X_test) == 150
        counts = np.unique(part.y_test, return_counts=True)[1]
        assert np.ptp(counts) <= 1
        assert part.facts["n_train"] == len(part.X_train)


def test_methods_share_the_very_matrices(iris):
    other = job(dataset="sklearn_iris", fold=0, epochs=9, seed=5)
    assert splits.split(iris[0]) is splits.split(other)
    before = splits.split(iris[0])
    splits.forget()
    after = splits.split(iris[0])
    assert after is not before
    assert np.array_equal(after.X_train, before.X_train)


def test_repeats_are_other_folds(iris):
    again = job(dataset="sklearn_iris", repeat=1)
    one, other = splits.split(iris[0]), splits.split(again)
    assert not np.array_equal(one.X_test, other.X_test)


def test_other_labels_keep_the_matrices(iris):
    part = splits.split(iris[0])
    other = part.with_labels(np.zeros(len(part.y_train)), real=part.y_train)
    assert other.X_train is part.X_train
    assert other.aside["real"] is part.y_train
    assert other.facts == part.facts
    assert not part.aside


def test_one_fold_is_the_whole_set():
    part = splits.split(job(dataset="sklearn_iris", folds=1))
    assert np.array_equal(part.X_train, part.X_test)
    assert len(part.y_train) == 150


def test_rare_classes_are_counted_not_warned_of(monkeypatch):
    y = ["ant"] * 9 + ["bee"] * 9 + ["cat"] * 2
    use(monkeypatch, {"x": np.arange(20.0)}, y)
    part = splits.split(job(folds=3))
    assert part.facts["rare_classes"] == 1
    assert part.facts["n_classes"] == 3


def test_too_many_folds_are_an_error(monkeypatch):
    use(monkeypatch, {"x": np.arange(4.0)}, [0, 0, 1, 1])
    with pytest.raises(ValueError, match="n_splits=3"):
        splits.split(job(folds=3))


def test_gaps_are_filled_from_the_training_rows(monkeypatch):
    x = np.r_[np.nan, np.arange(1.0, 20.0)]
    use(monkeypatch, {"x": x}, [0, 1] * 10)
    for fold in range(2):
        part = splits.split(job(folds=2, fold=fold))
        if x[1:].sum() != part.X_train.sum() + part.X_test.sum():
            filled = part.X_train.sum() + part.X_test.sum() - x[1:].sum()
            known = part.X_train[part.X_train != np.float32(filled)]
            assert filled == pytest.approx(known.mean(), rel=1e-5)


MIXED = {
    "number": np.arange(20.0),
    "gaps": np.r_[np.nan, np.arange(1.0, 20.0)],
    "kind": pd.Categorical(list("ab") * 10),
    "text": list("uvwx") * 5,
}


def test_frames_are_rows_of_the_set_as_they_are(monkeypatch):
    use(monkeypatch, MIXED, [0, 1] * 10)
    part = splits.split(job(folds=2), frames=True)
    rows = pd.concat([part.X_train, part.X_test]).sort_index()
    pd.testing.assert_frame_equal(rows, pd.DataFrame(MIXED))
    assert part.nbytes > 20 * 3 * 8
    matrix = splits.split(job(folds=2))
    assert isinstance(matrix.X_train, np.ndarray)
    assert np.array_equal(matrix.X_train[:, 0], part.X_train["number"])
    assert np.array_equal(matrix.y_test, part.y_test)


def test_numbers_without_gaps_are_one_matrix_in_any_case(iris):
    frames, matrices = (splits.split(iris[0], frames=each) for each in (True, False))
    assert frames.X_train.dtype == np.float32
    assert np.array_equal(frames.X_train, matrices.X_train)
    assert frames.X_train.flags == matrices.X_train.flags


def of_rows(task, **roles):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"row": np.arange(60.0)})
    y = rng.integers(0, 2, 60) if task == "classification" else rng.normal(size=60)
    return Dataset("toy", X, y, task, "made", **roles)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("repeat", [0, 1])
def test_a_group_is_in_one_fold(task, repeat):
    groups = np.arange(60) % 12
    folds = splits.deal(of_rows(task, groups=groups), 4, repeat)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(60))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == 60


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_what_is_learnt_is_earlier_than_what_it_is_tested_by(task):
    times = np.random.default_rng(0).permutation(60) // 3
    folds = splits.deal(of_rows(task, times=times), 4, 0)
    tested = np.concatenate([test for _, test in folds])
    assert len(set(tested)) == len(tested)
    for train, test in folds:
        assert times[train].max() < times[test].min()
        assert np.isin(times, times[train]).sum() == len(train)
    assert times[folds[-1][1]].max() == times.max()

"""Copies and classes in the rows that networks hold out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import log_loss

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._data.holdout import Sides, equal_rows, held_out, n_held_out
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import DenseTable, SparseTable
from sk_mixup._data.targets import Classes
from sk_mixup._training.temperature import SHARPER
from tests.twins import PLAIN, SMALL, TWINS, perceptron

CPU = torch.device("cpu")


def subset(X):
    table = SparseTable(X, CPU) if sparse.issparse(X) else DenseTable(X, CPU)
    return RowSubset(table, Classes(torch.zeros(X.shape[0], dtype=torch.int64), 2))


COPIES = {
    "times": st.lists(st.integers(1, 12), min_size=3, max_size=40),
    "fraction": st.floats(0.05, 0.6),
    "entropy": st.integers(0, 2**31 - 1),
    "member": st.integers(0, 20),
    "n_classes": st.integers(0, 3),
}


def drawn(times, n_classes, entropy):
    """Return copies, each of a class, in random order."""
    order = np.random.default_rng(entropy).permutation(sum(times))
    copies = np.repeat(np.arange(len(times)), times)[order]
    return copies, copies % n_classes if n_classes else None


@given(**COPIES)
def test_copies_stay_on_one_side(times, fraction, entropy, member, n_classes):
    copies, strata = drawn(times, n_classes, entropy)
    mask = held_out(len(copies), fraction, entropy, member, strata, copies)
    n_out = np.bincount(copies[mask], minlength=len(times))
    together = (n_out == 0) | (n_out == times)
    as_if_all_differed = held_out(len(copies), fraction, entropy, member, strata)
    assert together.all() or np.array_equal(mask, as_if_all_differed)
    assert n_held_out(len(copies), fraction, strata) <= mask.sum() < len(mask)


def test_copies_stay_together_where_there_are_enough_other_rows(rng):
    times = np.r_[np.ones(300, int), rng.integers(2, 20, 30), 200]
    copies, _ = drawn(times, 0, 0)
    for member in range(10):
        mask = held_out(len(copies), 0.1, 0, member, copies % 2, copies)
        n_out = np.bincount(copies[mask])
        assert ((n_out == 0) | (n_out == times[: len(n_out)])).all()
        assert len(n_out) < len(times), "of 200 copies all are trained on"


@given(**COPIES)
def test_members_train_on_equally_many_rows(
    times, fraction, entropy, member, n_classes
):
    copies, strata = drawn(times, n_classes, entropy)
    X = copies[:, None].astype(np.float32)
    n_rows, size = len(X), n_held_out(len(X), fraction, strata)
    sides = Sides.of(held_out(n_rows, fraction, entropy, member, strata, copies))
    training, validation = sides.subsets(subset(X), n_rows - size, entropy, member)
    assert len(training) == n_rows - size
    times = np.unique(training.row_numbers, return_counts=True)[1]
    assert np.ptp(times) <= 1
    assert len(validation) >= size
    both = np.intersect1d(training.row_numbers, validation.row_numbers)
    assert len(both) == 0
    everything = np.union1d(training.row_numbers, validation.row_numbers)
    np.testing.assert_array_equal(everything, np.arange(n_rows))


@given(
    counts=st.lists(st.integers(1, 6), min_size=2, max_size=8),
    fraction=st.floats(0.05, 0.95),
    entropy=st.integers(0, 10**6),
    member=st.integers(0, 20),
)
def test_no_class_of_several_rows_is_held_out_whole(counts, fraction, entropy, member):
    strata = np.repeat(np.arange(len(counts)), counts)
    mask = held_out(len(strata), fraction, entropy, member, strata)
    assert mask.any()
    lost = np.bincount(strata[mask], minlength=len(counts))
    several = np.array(counts) > 1
    assert (lost < counts)[several].all()
    if several.any():
        assert not lost[~several].any()


@given(**COPIES)
def test_no_class_of_several_distinct_rows_is_held_out_whole(
    times, fraction, entropy, member, n_classes
):
    copies, strata = drawn(times, n_classes or 2, entropy)
    mask = held_out(len(copies), fraction, entropy, member, strata, copies)
    assert mask.any()
    for stratum in np.unique(strata):
        if (strata == stratum).sum() > 1:
            assert not mask[strata == stratum].all()


@pytest.mark.parametrize("batch_size", [4, 8, 16])
def test_classes_of_one_row_each_and_its_copies_are_learnt(batch_size, rng):
    y = np.repeat(np.arange(20), rng.integers(2, 7, 20))
    X = 5 * rng.normal(size=(20, 4))[y]
    params = {"batch_size": batch_size, "lr": 0.01, "max_epochs": 60}
    model = MixupClassifier(**params, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95


def test_a_table_of_few_distinct_rows_is_split_all_the_same():
    copies = np.arange(400) % 4
    mask = held_out(400, 0.1, 0, 0, None, copies)
    assert mask.sum() == 40


# Equal rows.


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_equal_rows_have_one_number(kind, rng):
    X = rng.integers(3, size=(200, 2)).astype(np.float32)
    numbers = equal_rows(subset(kind(X)))
    same = (X[:, None] == X[None]).all(axis=2)
    np.testing.assert_array_equal(numbers[:, None] == numbers[None], same)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_distinct_rows_need_no_numbers(kind, rng):
    assert equal_rows(subset(kind(rng.normal(size=(50, 2))))) is None


def test_both_zeros_are_equal():
    assert (equal_rows(subset(np.array([[0.0], [-0.0]]))) == 0).all()
    stored = sparse.csr_matrix(([0.0], [0], [0, 1, 1]), shape=(2, 1))
    assert (equal_rows(subset(stored)) == 0).all()
    assert stored.nnz == 1


def test_rows_of_images_are_compared_whole(rng):
    X = rng.normal(size=(4, 3, 2)).astype(np.float32)
    np.testing.assert_array_equal(equal_rows(subset(X[[0, 1, 0, 2]])), [0, 1, 0, 2])


def test_copies_are_found_across_chunks(monkeypatch, rng):
    monkeypatch.setattr("sk_mixup._data.holdout.CHUNK_NUMBERS", 14)
    X = rng.normal(size=(20, 2))
    numbers = equal_rows(subset(np.concatenate([X, X])))
    np.testing.assert_array_equal(numbers, np.tile(np.arange(20), 2))


# What follows from it.


def oversampled(rng, signal=0.5):
    """Return a table in which the rare class is copied until it is not rare."""
    X = rng.normal(size=(400, 10))
    y = (X[:, 0] * signal + rng.normal(size=400) > 1.3).astype(int)
    rare, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    rows = np.r_[others, rng.choice(rare, len(others))]
    return X[rows], y[rows], np.r_[others, rare]


@pytest.mark.parametrize("params", [{}, {"module": lambda: perceptron(10, 2)}])
def test_copies_do_not_judge_the_networks_that_know_them(params, rng):
    X, y, _ = oversampled(rng, signal=0)
    params = {"n_estimators": 2, "random_state": 0, "n_iter_no_change": 10} | params
    model = MixupClassifier(lr=0.01, **params).fit(X, y)
    assert model.n_iter_ < 60
    assert model.temperature_ > 0.9 * SHARPER
    proba = model.predict_proba(rng.normal(size=(1000, 10)))
    truth = np.full(1000, 0.5)
    uncertain = -(truth * np.log(proba[:, 0]) + truth * np.log(proba[:, 1])).mean()
    assert uncertain < 1.2


def test_copied_rows_of_a_regression_do_not_judge_either(rng):
    X = rng.normal(size=(150, 10)).repeat(4, axis=0)
    y = rng.normal(size=150).repeat(4)
    params = {"n_estimators": 2, "random_state": 0, "n_iter_no_change": 10}
    model = MixupRegressor(lr=0.01, **params).fit(X, y)
    assert model.n_iter_ < 60


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_networks_of_tables_with_copies_are_trained_side_by_side(make, kind, data):
    X, y = (part[np.r_[:90, :30, :30, :30]] for part in data)
    params = SMALL | {"n_estimators": 5, "early_stopping": True, "batch_size": 7}
    model = make(**params).fit(kind(X), y, np.arange(180) % 3)
    assert np.isfinite(model.predict(kind(X)).astype(float)).all()
    assert model.validation_scores_.shape == (3, 5)


def test_oversampling_is_no_worse_than_it_must_be(rng):
    X, y, _ = oversampled(rng)
    params = PLAIN | {"early_stopping": True, "max_epochs": 60, "random_state": 0}
    model = MixupClassifier(**params).fit(X, y)
    fresh, labels, _ = oversampled(rng)
    proba = model.predict_proba(fresh)
    assert log_loss(labels, proba) < 0.8

"""Corrupted labels: how many, which, and what a classifier remembers of them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sk_mixup.inspection import corrupt_labels, memorization_error

RATES = hs.floats(0, 1)
SEEDS = hs.integers(0, 2**32 - 1)


@given(y=hs.lists(hs.sampled_from("abc"), min_size=1), rate=RATES, seed=SEEDS)
def test_the_share_is_exact_and_the_rest_is_left_alone(y, rate, seed):
    before = np.array(y)
    corrupted, mask = corrupt_labels(before, rate, seed)
    assert mask.sum() == round(rate * len(y))
    assert (corrupted == before)[~mask].all()
    assert set(corrupted) <= set(y)
    assert corrupted.dtype == before.dtype
    np.testing.assert_array_equal(before, y)


@given(rates=hs.tuples(RATES, RATES).map(sorted), seed=SEEDS)
def test_rates_are_nested(rates, seed):
    low, high = (corrupt_labels(range(30), rate, seed)[1] for rate in rates)
    assert (low <= high).all()


def test_random_labels_are_uniform_over_all_classes():
    y = np.repeat([0, 1, 2, 3], [70_000, 10_000, 10_000, 10_000])
    corrupted, mask = corrupt_labels(y, 0.5, random_state=0)
    for real in range(4):
        drawn = corrupted[mask & (y == real)]
        counts = np.bincount(drawn, minlength=4)
        expected, deviation = len(drawn) / 4, np.sqrt(len(drawn) * 3 / 16)
        assert np.abs(counts - expected).max() < 5 * deviation
        share = mask[y == real].mean()
        assert share == pytest.approx(0.5, abs=5 / np.sqrt(4 * (y == real).sum()))


def test_same_seed_same_labels_another_seed_others():
    y = np.arange(100)
    first, again, other = (corrupt_labels(y, 0.5, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan])
def test_bad_rate(rate):
    with pytest.raises(ValueError, match="rate"):
        corrupt_labels([0, 1], rate)


@pytest.fixture
def corrupted(rng):
    """Distinct rows, their labels, and those with 40 % replaced."""
    X = pd.DataFrame(rng.normal(size=(100, 2)), columns=["width", "height"])
    y = np.where(X["width"] > 0, "yes", "no")
    return X, y, *corrupt_labels(y, 0.4, random_state=0)


@pytest.mark.parametrize("scaled", [False, True])
def test_one_who_memorises_all(corrupted, scaled):
    X, y_real, y_given, mask = corrupted
    tree = DecisionTreeClassifier(random_state=0)
    model = make_pipeline(StandardScaler(), tree) if scaled else tree
    found = memorization_error(model.fit(X, y_given), X, y_real, y_given, mask)
    assert found.real == found.corrupted == 0
    assert found.corrected == pytest.approx((y_real != y_given)[mask].mean())


def test_one_who_sees_through_the_corruption(corrupted):
    X, y_real, y_given, mask = corrupted
    model = DecisionTreeClassifier(random_state=0).fit(X, y_real)
    found = memorization_error(model, X, y_real, y_given, mask)
    assert found.real == found.corrected == 0
    assert found.corrupted == pytest.approx((y_real != y_given)[mask].mean())


def test_no_such_rows(corrupted):
    X, y, _, _ = corrupted
    model = DummyClassifier().fit(X, y)
    nothing = memorization_error(model, X, y, y, np.zeros(100, dtype=bool))
    assert nothing.real == pytest.approx(1 - model.score(X, y))
    assert np.isnan([nothing.corrupted, nothing.corrected]).all()
    assert np.isnan(memorization_error(model, X, y, y, np.ones(100, dtype=bool)).real)


def test_mask_that_leaves_out_a_difference(corrupted):
    X, y_real, y_given, mask = corrupted
    model = DummyClassifier().fit(X, y_given)
    with pytest.raises(ValueError, match="differ on rows that mask leaves out"):
        memorization_error(model, X, y_real, y_given, np.zeros_like(mask))

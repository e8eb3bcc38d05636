"""Calibration agrees with scikit-learn's curve, hand computations and bounds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from hypothesis.extra import numpy as hnp
from sklearn.calibration import calibration_curve
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sk_mixup import MixupClassifier
from sk_mixup.inspection import (
    ReliabilityDisplay,
    calibration_error,
    reliability_curve,
)

STRATEGIES = ["uniform", "quantile"]


@hs.composite
def predictions(draw):
    """Make labels 0 to k - 1 and probabilities, (n, k)."""
    shape = draw(hs.tuples(hs.integers(1, 40), hs.integers(2, 5)))
    masses = draw(hnp.arrays(float, shape, elements=hs.floats(0.01, 1)))
    y = draw(hnp.arrays(int, shape[0], elements=hs.integers(0, shape[1] - 1)))
    return y, masses / masses.sum(axis=1, keepdims=True)


def error(y, proba, **arguments):
    return calibration_error(y, proba, labels=range(proba.shape[1]), **arguments)


def test_by_hand():
    # Bins of width 1/5: (0.4, 0.6] holds 0.5 and 0.6, of which one is right; (0.6,
    # 0.8] holds 0.7 and 0.8, both right; (0.8, 1] holds 0.9, which is wrong.
    top = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    proba = np.column_stack([top, 1 - top])
    y = [0, 1, 0, 0, 1]
    curve = reliability_curve(y, proba, n_bins=5)
    np.testing.assert_array_equal(curve.count, [0, 0, 2, 2, 1])
    np.testing.assert_allclose(curve.confidence, [np.nan, np.nan, 0.55, 0.75, 0.9])
    np.testing.assert_allclose(curve.accuracy, [np.nan, np.nan, 0.5, 1, 0])
    expected = (2 * 0.05 + 2 * 0.25 + 1 * 0.9) / 5
    assert calibration_error(y, proba, n_bins=5) == pytest.approx(expected)


def test_quantiles_by_hand():
    top = np.array([0.5, 0.6, 0.7, 0.9])
    curve = reliability_curve(
        [0, 1, 0, 0],
        np.column_stack([top, 1 - top]),
        n_bins=2,
        strategy="quantile",
    )
    np.testing.assert_array_equal(curve.count, [2, 2])
    np.testing.assert_allclose(curve.confidence, [0.55, 0.8])
    np.testing.assert_allclose(curve.accuracy, [0.5, 1])


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(data=predictions(), n_bins=hs.integers(1, 20))
def test_agrees_with_the_curve_of_scikit_learn(strategy, data, n_bins):
    y, proba = data
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    accuracy, mean = calibration_curve(
        np.append(right, [True, False]),  # it asks for both classes
        np.append(confidence, [1, 1]),
        n_bins=n_bins,
        strategy=strategy,
    )
    k = proba.shape[1]
    curve = reliability_curve(
        np.append(y, [0, 1]),
        np.vstack([proba, np.eye(k)[[0, 0]]]),
        n_bins=n_bins,
        strategy=strategy,
        labels=range(k),
    )
    used = curve.count > 0
    np.testing.assert_allclose(curve.accuracy[used], accuracy)
    np.testing.assert_allclose(curve.confidence[used], mean)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(data=predictions(), n_bins=hs.integers(1, 20))
def test_bounds(strategy, data, n_bins):
    y, proba = data
    gap = abs(proba.max(axis=1).mean() - (proba.argmax(axis=1) == y).mean())
    one_bin = error(y, proba, n_bins=1, strategy=strategy)
    many = error(y, proba, n_bins=n_bins, strategy=strategy)
    assert one_bin == pytest.approx(gap)
    assert one_bin - 1e-12 <= many <= 1


@given(data=predictions(), seed=hs.integers(0, 2**32 - 1))
def test_order_and_names_do_not_matter(data, seed):
    y, proba = data
    order = np.random.default_rng(seed).permutation(len(y))
    names = np.array(["ant", "bee", "cat", "dog", "emu"])[: proba.shape[1]]
    shuffled = calibration_error(names[y[order]], proba[order], labels=names)
    assert shuffled == pytest.approx(error(y, proba))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_certain_and_right_or_wrong(strategy):
    y = np.arange(3)
    assert error(y, np.eye(3), strategy=strategy) == 0
    assert error((y + 1) % 3, np.eye(3), strategy=strategy) == 1


def test_labels_drawn_from_the_probabilities_are_calibrated(rng):
    proba = rng.dirichlet([0.5, 0.5, 0.5], size=50_000)
    y = (rng.random((50_000, 1)) > proba.cumsum(axis=1)).sum(axis=1)
    assert error(y, proba) < 0.01


@pytest.mark.parametrize(
    ("y", "labels"), [([0, 1, 1], ["0", "1"]), (["x", "b", "b"], ["b", "a"])]
)
def test_labels_without_a_column_are_refused(y, labels):
    with pytest.raises(ValueError, match=r"y_true has labels .* not among labels"):
        calibration_error(y, [0.1, 0.8, 0.9], labels=labels)


def test_one_column_is_the_second_class():
    p = np.array([0.1, 0.4, 0.8])
    y = ["no", "yes", "yes"]
    both = calibration_error(y, np.column_stack([1 - p, p]))
    assert calibration_error(y, p) == both


@pytest.mark.parametrize(
    ("y", "proba", "message"),
    [
        ([0, 1], [[0.5, 0.2], [0.5, 0.5]], "probabilities"),
        ([0, 1], [[1.5, -0.5], [0.5, 0.5]], "probabilities"),
        ([0, 0], [[0.5, 0.5], [0.5, 0.5]], "2 columns for 1 labels"),
        ([0, 1, 1], [[0.5, 0.5], [0.5, 0.5]], "inconsistent numbers"),
        ([0, 1], [[0.5, np.nan], [0.5, 0.5]], "NaN"),
    ],
)
def test_bad_probabilities(y, proba, message):
    with pytest.raises(ValueError, match=message):
        calibration_error(y, proba)


def test_bad_bins():
    with pytest.raises(ValueError, match="strategy"):
        calibration_error([0, 1], np.eye(2), strategy="equal")
    with pytest.raises(ValueError, match="n_bins"):
        calibration_error([0, 1], np.eye(2), n_bins=0)


def test_display_draws_what_was_computed(model, overlapping):
    X, y = overlapping
    proba = model.predict_proba(X)
    curve = pd.DataFrame(reliability_curve(y, proba, n_bins=5)).dropna()
    display = ReliabilityDisplay.from_estimator(model, X, y, n_bins=5, color="red")
    drawn = curve[["confidence", "accuracy"]]
    np.testing.assert_array_equal(display.line_.get_xydata(), drawn)
    np.testing.assert_array_equal(display.points_.get_offsets(), drawn)
    areas = display.points_.get_sizes()
    np.testing.assert_allclose(areas / areas.sum(), curve["count"] / 90)
    assert display.line_.get_color() == "red"
    assert display.calibration_error == calibration_error(y, proba, n_bins=5)
    assert f"{display.calibration_error:.3f}" in display.line_.get_label()
    assert display.ax_.figure is display.figure_


def test_the_diagonal_is_drawn_once(model, overlapping):
    first = ReliabilityDisplay.from_estimator(model, *overlapping)
    second = ReliabilityDisplay.from_estimator(model, *overlapping, ax=first.ax_)
    assert second.plot(first.ax_, name="third") is second
    assert len(first.ax_.lines) == 4


def test_display_of_a_search_over_pipelines_with_names_of_classes(frame):
    X, y = frame
    pipeline = make_pipeline(StandardScaler(), MixupClassifier(max_epochs=2))
    grid = {"mixupclassifier__alpha": [0, 1]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    display = ReliabilityDisplay.from_estimator(search, X, y)
    expected = calibration_error(y, search.predict_proba(X), labels=search.classes_)
    assert display.calibration_error == expected
    assert display.line_.get_label().startswith("GridSearchCV")


def test_display_needs_probabilities(overlapping):
    with pytest.raises(TypeError, match="LinearSVC has no predict_proba"):
        ReliabilityDisplay.from_estimator(LinearSVC().fit(*overlapping), *overlapping)

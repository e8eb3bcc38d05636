"""Weights that are warped by the distance of the rows (arXiv 2311.01434)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import betainc
from sklearn.base import clone

from sk_mixup import MixupClassifier, fit_many
from sk_mixup._data.moments import Moments
from sk_mixup._data.tables import DenseTable, SparseTable
from sk_mixup._data.targets import RealTargets
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._training.warping import Distances, warped
from tests.test_minibatches import MIXUP, draw, make_run, make_subset, rows_of
from tests.twins import SMALL, TWINS, assert_same_predictions, predicted

twins = pytest.mark.parametrize("make", TWINS)
FEW = {**SMALL, "alpha": 1, "weights_per": "example", "warping": 0.5}

lams = st.floats(0.01, 0.99)
widths = st.floats(0.4, 3)


def one_warped(lam, relative, width):
    """Warp the weight of a pair at a multiple of the mean distance of two pairs."""
    weights = np.array([[lam, 1 - lam]] * 2)
    own, other = warped(weights, np.array([relative, 2 - relative]), 2, width)[0]
    assert own + other == pytest.approx(1)
    return own


@given(lam=lams, relative=st.floats(0, 2), width=widths)
def test_warped_weights_are_quantiles(lam, relative, width):
    tau = np.exp(-(relative - 1) / (2 * width**2))
    quantile = one_warped(lam, relative, width)
    assert betainc(tau, tau, quantile) == pytest.approx(lam, abs=1e-4)


@given(lam=lams, width=widths)
def test_weights_stay_at_the_mean_distance(lam, width):
    assert one_warped(lam, 1.0, width) == pytest.approx(lam, abs=1e-6)


@given(lam=lams, near=st.floats(0, 2), far=st.floats(0, 2), width=widths)
def test_farther_pairs_are_mixed_less(lam, near, far, width):
    near, far = sorted((near, far))
    from_half = [abs(one_warped(lam, d, width) - 0.5) for d in (near, far)]
    assert from_half[0] <= from_half[1] + 1e-6


@given(lam=lams, relative=st.floats(0, 2), width=widths)
def test_neither_row_comes_first(lam, relative, width):
    own, other = (one_warped(each, relative, width) for each in (lam, 1 - lam))
    assert own == pytest.approx(1 - other, abs=1e-6)


@pytest.mark.parametrize("width", [0.01, 1e30])
@pytest.mark.parametrize("distances", [[0, 0, 0], [0, 1e300, 1e-300], [1, 2, 3]])
def test_extreme_distances_give_weights(width, distances):
    weights = np.array([[0.3, 0.7], [0.0, 1.0], [0.5, 0.5]], np.float32)
    own = warped(weights, np.array(distances, float), 2, width)
    np.testing.assert_allclose(own.sum(axis=1), 1)
    np.testing.assert_array_equal(own[1], weights[1])
    np.testing.assert_array_equal(own[2], weights[2])


class Apart:
    """Distances of the rows of ``make_run``."""

    def __call__(self, rows, others):
        X = rows_of(21)
        return ((X[rows] - X[others]) ** 2).sum(axis=1, dtype=float)


@pytest.mark.parametrize("per", ["batch", "example"])
def test_minibatches_are_warped_each_by_its_own_mean(per):
    plain = replace(MIXUP, weights_per=per)
    numbers, weights = draw(make_run(21, plain))
    run = replace(make_run(21, replace(plain, warping=0.5)), distances=Apart())
    same, own = draw(run)
    np.testing.assert_array_equal(same, numbers)
    apart = Apart()(numbers[:, 0], numbers[:, 1])
    for start in (0, 8, 16):
        part = slice(start, start + 8)
        expected = warped(weights[part], apart[part], 8, 0.5)
        np.testing.assert_array_equal(own[part], expected)


STEEP = Standardize(torch.full((1, 1, 4), 0.5), torch.full((1, 1, 4), 2.0), 3.0)


@pytest.mark.parametrize("table", [DenseTable, SparseTable])
def test_rows_of_classes_are_as_far_apart_as_their_standardised_inputs(table):
    X = rows_of(21)
    rows, others = np.arange(21), np.arange(21)[::-1].copy()
    z = (X - 0.5) / 2
    if table is DenseTable:  # sparse rows are not clipped, as for neighbours
        z = z / np.sqrt(1 + (z / 3) ** 2)
    expected = ((z[rows] - z[others]) ** 2).sum(axis=1)
    distances = Distances(make_subset(21, table=table), STEEP)
    np.testing.assert_allclose(distances(rows, others), expected, rtol=1e-4)


def test_rows_of_real_targets_are_as_far_apart_as_these(rng):
    y = rng.normal(size=(21, 2))
    moments = Moments(21.0, np.zeros(2), np.array([1.0, 2.0]))
    subset = make_subset(21)
    rows = replace(subset, targets=RealTargets.standardized(y, moments))
    pairs = np.arange(21), np.arange(21)[::-1].copy()
    z = y / [1, 2]
    expected = ((z[pairs[0]] - z[pairs[1]]) ** 2).sum(axis=1)
    np.testing.assert_allclose(Distances(rows, STEEP)(*pairs), expected, rtol=1e-4)


@twins
def test_wide_kernels_change_nothing(make, data):
    one, other = (make(**FEW | {"warping": w}).fit(*data) for w in (1e15, None))
    assert_same_predictions(one, other, data[0], atol=1e-5)


@twins
def test_without_mixing_nothing_is_warped(make, data):
    one, other = (
        make(**FEW | {"alpha": 0, "warping": w}).fit(*data) for w in (0.1, None)
    )
    assert_same_predictions(one, other, data[0])


@twins
def test_fits_side_by_side_are_warped_each_by_itself(make, data):
    X, y = data
    changes = [{}, {"warping": None}, {"warping": 0.1}, {"weights_per": "batch"}]
    models = [make(**FEW | change) for change in changes]
    fit_many(models, [X] * 4, [y] * 4)
    for model in models:
        assert_same_predictions(model, clone(model).fit(X, y), X, atol=1e-5)
    assert len({predicted(model, X).flat[0] for model in models}) == 4


@twins
def test_sparse_rows_are_as_far_apart_as_dense_ones(make, data):
    X, y = np.where(np.abs(data[0]) < 1, 0, data[0]), data[1]
    one, other = (make(**FEW).fit(rows, y) for rows in (X, sparse.csr_matrix(X)))
    assert_same_predictions(
        one, other, X, atol=1e-3 if make is MixupClassifier else 1e-4
    )


@twins
@pytest.mark.parametrize(
    "params",
    [
        {"encoding": "bins"},
        {"mix_features": "swap"},
        {"mix_layer": "random"},
        {"standardize": False},
    ],
)
def test_frames_with_gaps_and_categories_are_warped(make, params, data):
    X, y = data
    frame = pd.DataFrame(np.where(X > 3, np.nan, X), columns=list("abcd"))
    frame["kind"] = pd.Categorical.from_codes(np.arange(90) % 3, list("xyz"))
    model = make(**FEW | params).fit(frame, y)
    assert np.isfinite(predicted(model, frame)).all()
    model.partial_fit(frame, y)
    assert np.isfinite(predicted(model, frame)).all()


@twins
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_mixed": 3}, "warping=0.5 goes by the distance of two rows"),
        ({"warping": 0}, "'warping' parameter"),
        ({"warping": True}, "warping must be a number"),
    ],
)
def test_what_cannot_be_warped_is_refused(make, params, message, data):
    with pytest.raises((ValueError, TypeError), match=message):
        make(**FEW | params).fit(*data)

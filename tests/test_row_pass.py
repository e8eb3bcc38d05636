"""A row alone is computed in NumPy, as the modules compute it."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy import sparse

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._networks import prediction_forms
from sk_mixup._networks.links import (
    EXPONENTIAL,
    IDENTITY,
    SIGMOID,
    SOFTMAX,
    SigmoidWithComplement,
    SortQuantiles,
    in_numpy,
)
from sk_mixup._networks.prediction_forms import _made, in_double, row_pass_of
from tests.twins import SMALL, TWINS, all_rows, assert_same_predictions, predicted

KINDS = [
    {},
    {"clip": 3.0, "n_estimators": 3, "encoding": ("bins", "standardized")},
    {"standardize": False},
    {"standardize": False, "encoding": "bins"},
    {"hidden_layer_sizes": ()},
    {"n_estimators": 3, "early_stopping": True, "member_weights": "validation"},
    {"n_estimators": 3, "encoding": ("bins", "bins", "standardized")},
    {"n_estimators": 4, "encoding": ("bins", "bins", "standardized", "bins")},
]


def passes(model):
    """Return the row passes that were made for a model's network."""
    kept = _made.get(model.net_.module_, {})
    return [kept[name][1] for name in ("plain", "exact") if name in kept]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("params", KINDS, ids=str)
@pytest.mark.parametrize("make", TWINS)
def test_it_computes_what_the_modules_compute(make, params, exact, data):
    X, y = data
    model = make(**SMALL | params).fit(X, y)
    network = model.net_.module_
    network.temperature = 1.0
    dtype = np.float64 if exact else np.float32
    rows = X.astype(dtype)
    twin = in_double(network) if exact else network
    expected = twin(torch.from_numpy(rows)[None]).detach().numpy()
    outputs = row_pass_of(network, exact)(rows)
    assert outputs.dtype == dtype
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-12 if exact else 1e-4)


@pytest.mark.parametrize(
    "link",
    [
        SOFTMAX,
        SIGMOID,
        IDENTITY,
        EXPONENTIAL,
        SigmoidWithComplement(),
        SortQuantiles(3),
    ],
    ids=repr,
)
def test_links_are_computed_as_their_modules_do(link, rng):
    outputs = 4 * rng.normal(size=(2, 5, 6))
    expected = link(torch.from_numpy(outputs)).numpy()
    np.testing.assert_allclose(in_numpy(link, outputs), expected, rtol=1e-12)


@pytest.mark.parametrize("params", KINDS, ids=str)
@pytest.mark.parametrize("make", TWINS)
def test_a_row_alone_is_predicted_as_among_others(make, params, data):
    X, y = data
    model = make(**SMALL | params).fit(X, y)
    among = predicted(model, X)
    for rows in (X, sparse.csr_matrix(X)):
        alone = np.concatenate([predicted(model, rows[[row]]) for row in range(9)])
        np.testing.assert_allclose(alone, among[:9], rtol=0, atol=1e-6)
    assert passes(model)


@pytest.mark.parametrize("make", TWINS)
def test_gaps_and_categories_are_widened_first(make, frame):
    X, _ = frame
    X = X.assign(kind=np.array(["a", "b", "c"])[np.arange(90) % 3])
    X.loc[::7, "width"] = np.nan
    model = make(**SMALL).fit(X, np.arange(90) % 3)
    alone = np.concatenate([predicted(model, X.iloc[[row]]) for row in range(9)])
    np.testing.assert_allclose(alone, predicted(model, X)[:9], rtol=0, atol=1e-6)
    assert passes(model)


def test_several_labels_and_their_log_odds(blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL).fit(X, np.tri(3, dtype=int)[y])
    for method in (model.predict_proba, model.decision_function):
        np.testing.assert_allclose(method(X[:1]), method(X)[:1], atol=1e-5)


@pytest.mark.parametrize("make", TWINS)
def test_wild_numbers_are_no_reason_to_warn(make, data):
    X, y = data
    model = make(**SMALL | {"clip": 3.0, "encoding": "bins"}).fit(X, y)
    wild = np.full((2, 4), 1e30)
    np.testing.assert_allclose(
        predicted(model, wild[:1]), predicted(model, wild)[:1], rtol=1e-5
    )


@pytest.mark.parametrize("make", TWINS)
def test_hooks_of_the_modules_are_called_for_a_row(make, data):
    X, y = data
    model, calls = make(**SMALL).fit(X, y), []
    model.predict(X[:1])
    for part in model.net_.module_.modules():
        part.register_forward_hook(lambda *_: calls.append(1))
    model.predict(X[:1])
    assert calls


def double_weights(network):
    network.body.theta.mul_(2)


def take_another_input_layer(network):
    network.inputs = network.inputs.select([0])
    network.inputs.scale.mul_(3)


def double_weights_of_bins(network):
    network.body.theta_bins.mul_(2)


def soften(network):
    network.temperature = 5.0


CHANGES = [
    double_weights,
    double_weights_of_bins,
    take_another_input_layer,
    soften,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("make", TWINS)
def test_networks_that_change_are_computed_anew(make, change, data):
    """Networks are the user's too."""
    X, y = data
    encoding = "bins" if change is double_weights_of_bins else "standardized"
    model = make(**SMALL | {"encoding": encoding}).fit(X, y)
    before = [predicted(model, rows) for rows in (X, X[:1])]
    with torch.no_grad():
        change(model.net_.module_)
    after = [predicted(model, rows) for rows in (X, X[:1])]
    np.testing.assert_allclose(after[1], after[0][:1], rtol=0, atol=1e-6)
    assert (abs(after[0] - before[0]) > 1e-6).any()


@pytest.mark.parametrize("make", TWINS)
def test_a_training_that_goes_on_is_seen(make, data):
    X, y = data
    model = make(**SMALL, **all_rows(make)).fit(X, y)
    before = predicted(model, X[:1])
    model.partial_fit(X, y)
    assert (predicted(model, X[:1]) != before).all()
    np.testing.assert_allclose(
        predicted(model, X[:1]), predicted(model, X)[:1], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("make", TWINS)
def test_what_is_kept_is_neither_pickled_nor_copied(make, data):
    X, y = data
    model = make(**SMALL).fit(X, y)
    size = len(pickle.dumps(model))
    model.predict(X)
    model.predict(X[:1])
    assert len(pickle.dumps(model)) == size
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not passes(twin)
        assert_same_predictions(twin, model, X[:1])


def test_the_double_twin_is_kept_unless_it_is_large(line, monkeypatch):
    X, y = line
    network = MixupRegressor(**SMALL).fit(X, y).net_.module_
    assert in_double(network) is in_double(network)
    monkeypatch.setattr(prediction_forms, "LARGEST_TWIN", 10)
    assert in_double(network) is not in_double(network)
    assert row_pass_of(network, exact=True) is None


@pytest.mark.parametrize("params", [{}, {"standardize": False}], ids=str)
@pytest.mark.parametrize("make", TWINS)
def test_rows_beyond_the_range_of_products_are_predicted_exactly(make, params, data):
    X, y = data
    model = make(**SMALL | params | {"hidden_layer_sizes": (32, 32)}).fit(X, y)
    far = np.array([[1e38] * 4, [-1e38] * 4, [1e38, -1e38, 1e38, -1e38], X[0]])
    for rows in (far, sparse.csr_matrix(far)):
        found = predicted(model, rows)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[3], predicted(model, X[:1])[0], rtol=1e-5)
        alone = np.concatenate([predicted(model, rows[[row]]) for row in range(4)])
        np.testing.assert_allclose(alone, found, rtol=1e-5)
    if make is MixupClassifier:
        best = model.decision_function(far).argmax(axis=1)
        np.testing.assert_array_equal(model.predict(far), model.classes_[best])

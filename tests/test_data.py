"""Tables of every kind and size, and how they are standardised."""

import tracemalloc

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from tests.twins import SMALL, TWINS, all_rows, assert_same_predictions, predicted

pytestmark = pytest.mark.parametrize("make", TWINS)


# Standardisation.


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_units_of_the_features_do_not_matter(make, n_estimators, data):
    X, y = data
    params = {**SMALL, "n_estimators": n_estimators}
    plain = make(1, **params).fit(X, y)
    scaled = make(1, **params).fit(X * [64, 1, 1 / 32, 1024], y)
    expected = predicted(plain, X)
    result = predicted(scaled, X * [64, 1, 1 / 32, 1024])
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


def test_standardising_inside_equals_a_scaler_before(make, data):
    X, y = data
    params = {**SMALL, **all_rows(make)}
    inside = make(1, **params).fit(X, y)
    before = make_pipeline(StandardScaler(), make(1, standardize=False, **params))
    before.fit(X, y)
    scaled = before[0].transform(X)
    np.testing.assert_allclose(
        predicted(inside, X), predicted(before[-1], scaled), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_clipping_tames_an_outlier(make, kind, data):
    X, y = data
    outlier = X[:3].copy()
    outlier[0, 0] = 1e6
    wild, tame = (make(1, **SMALL | {"clip": c}).fit(kind(X), y) for c in (None, 3.0))
    usual = abs(predicted(tame, kind(X))).max()
    assert abs(predicted(tame, kind(outlier))).max() < 10 * usual
    exported = tame.to_torch()(torch.from_numpy(outlier).float())
    other = wild.to_torch()(torch.from_numpy(outlier).float())
    assert abs(exported - other)[0].max() > 1e-3
    expected = tame.predict_proba(kind(outlier)) if hasattr(tame, "classes_") else None
    if expected is not None:
        np.testing.assert_allclose(exported, expected, atol=1e-6)


def test_no_clipping_without_standardising(make, data):
    params = {**SMALL, "standardize": False}
    one, other = (make(1, **params | {"clip": c}).fit(*data) for c in (None, 0.1))
    assert_same_predictions(one, other, data[0])


LAZY = {"bias_init": "data", "lr": 1e-30, "hidden_layer_sizes": (40, 6)}


def hidden_layers(model, run=0):
    layers = model.to_torch().members[run][1]
    return [layer for layer in layers[:-1] if isinstance(layer, nn.Linear)]


def test_units_begin_to_fire_at_training_rows(make, data):
    """With a vanishing rate the networks stay as they began."""
    X, y = data
    model = make(1, **SMALL | LAZY | {"n_estimators": 2, "early_stopping": True})
    model.fit(X, y)
    for run in range(2):
        inputs = model.net_.module_.inputs.select([run])
        rows = inputs(torch.from_numpy(X).float())[0]
        for layer in hidden_layers(model, run):
            reached = layer(rows)
            assert (reached.abs().amin(dim=0) < 1e-5).all()
            rows = reached.relu()
    other = make(1, **SMALL | LAZY | {"bias_init": "uniform"}).fit(X, y)
    for one, two in zip(hidden_layers(model), hidden_layers(other), strict=True):
        assert torch.equal(one.weight, two.weight)
        assert not torch.allclose(one.bias, two.bias)


def test_rows_where_units_begin_may_be_taken_a_few_at_a_time(make, data, monkeypatch):
    whole = make(1, **SMALL | {"bias_init": "data"}).fit(*data)
    monkeypatch.setattr("sk_mixup._networks.architecture.BLOCK_NUMBERS", 3 * 4)
    parts = make(1, **SMALL | {"bias_init": "data"}).fit(*data)
    assert_same_predictions(whole, parts, data[0], atol=1e-5)


def test_units_begin_at_no_row_without_weight(make, data):
    X, y = data
    weights = np.repeat([1.0, 0.0], [60, 30])
    wild = np.where(weights[:, None] > 0, X, 1e6)
    one, other = (make(1, **SMALL | LAZY).fit(rows, y, weights) for rows in (X, wild))
    for this, that in zip(hidden_layers(one), hidden_layers(other), strict=True):
        assert torch.equal(this.bias, that.bias)


def test_a_constant_feature_does_no_harm(make, data):
    X, y = data
    constant = np.column_stack([X, np.full(90, 7.0)])
    assert np.isfinite(predicted(make(1, **SMALL).fit(constant, y), constant)).all()


# Kinds of input.


@pytest.mark.parametrize(
    "kind", ["list", "int32", "uint8", "bool", "float16", "float32", "longdouble"]
)
def test_real_numbers_of_every_kind_are_taken(make, kind, data):
    X, y = data
    X = abs(X).round() if kind == "uint8" else X
    given = X.tolist() if kind == "list" else X.astype(kind)
    as_float = np.asarray(given, dtype=np.float64)
    one, other = make(**SMALL).fit(given, y), make(**SMALL).fit(as_float, y)
    assert_same_predictions(one, other, X)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_give_their_feature_names(make, library, data):
    X, y = data
    names = ["width", "height", "depth", "mass"]
    frame = (pd if library == "pandas" else pl).DataFrame(
        dict(zip(names, X.T, strict=True))
    )
    model = make(**SMALL).fit(frame, y)
    assert model.feature_names_in_.tolist() == names
    assert model.n_features_in_ == 4
    plain = make(**SMALL).fit(X, y)
    np.testing.assert_array_equal(predicted(model, frame), predicted(plain, X))
    assert not hasattr(plain, "feature_names_in_")
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[names[::-1]])


SPARSE = [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array]


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize(
    "params", [{}, {"mix_layer": 1}, {"pairing": "neighbors"}, {"n_estimators": 2}]
)
def test_sparse_rows_are_learnt_as_dense_ones(make, kind, params, data):
    X, y = data
    X = np.where(abs(X) > X.std() / 10, X, 0)
    params = {**SMALL, **params}
    dense, thin = make(1, **params).fit(X, y), make(1, **params).fit(kind(X), y)
    np.testing.assert_allclose(
        predicted(thin, kind(X)), predicted(dense, X), rtol=0, atol=1e-5
    )


def test_sparse_rows_are_never_made_dense_whole(make, rng):
    X = sparse.random(1500, 5000, density=1e-3, format="csr", random_state=0)
    y = rng.integers(2, size=1500)
    params = {"n_estimators": 2, "hidden_layer_sizes": 2, "max_epochs": 1}
    make(**params).fit(X[:9], y[:9])  # imports, too, are large
    tracemalloc.start()
    model = make(**params, batch_size=64).fit(X, y)
    assert model.predict(X).shape == (1500,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1500 * 5000 * 4 / 2


def test_read_only_rows_are_taken(make, data, tmp_path):
    joblib.dump(data[0], tmp_path / "X")
    X = joblib.load(tmp_path / "X", mmap_mode="r")
    model = make(**SMALL).fit(X, data[1])
    assert_same_predictions(model, make(**SMALL).fit(*data), data[0])


# Sizes.


@pytest.mark.parametrize("n_rows", [4, 17, 32, 33, 90])
@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_minibatches_of_every_size_are_learnt(make, n_rows, batch_size, data):
    X, y = data[0][:n_rows], data[1][:n_rows]
    model = make(1, **{**SMALL, "batch_size": batch_size}).fit(X, y)
    assert model.predict(X).shape == (n_rows,)


@pytest.mark.parametrize("mix_layer", ["input", 1])
def test_one_feature_is_enough(make, mix_layer, data):
    X, y = data[0][:, :1], data[1]
    model = make(1, mix_layer=mix_layer, pairing="neighbors", **SMALL).fit(X, y)
    assert model.predict(X).shape == (90,)


@pytest.mark.parametrize("n_estimators", [1, 2, 5, 10])
def test_any_number_of_members_is_trained(make, n_estimators, data):
    X, y = data
    model = make(**SMALL | {"n_estimators": n_estimators}).fit(X, y)
    assert len(model.to_torch().members) == n_estimators
    assert model.predict(X).shape == (90,)


@pytest.mark.parametrize("sizes", [(), 5, [5], (5, 4, 3, 2), np.array([5, 4])])
def test_hidden_layers_of_every_number_are_built(make, sizes, data):
    model = make(**{**SMALL, "hidden_layer_sizes": sizes}).fit(*data)
    layers = [
        part for part in model.to_torch().modules() if isinstance(part, nn.Linear)
    ]
    assert [layer.out_features for layer in layers[:-1]] == list(np.atleast_1d(sizes))


@pytest.mark.parametrize(
    "optimizer", ["adam", "adamw", "nadam", "rmsprop", "sgd", torch.optim.Rprop]
)
def test_every_optimizer_lowers_the_loss(make, optimizer, data):
    params = {**SMALL, "max_epochs": 10, "optimizer": optimizer, "lr": 0.01}
    curve = make(0, **params).fit(*data).loss_curve_
    assert curve[-1] < curve[0]


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": torch.optim.Adam},
        {"optimizer_params": {"betas": [0.9, 0.999]}},
        {"optimizer_params": {"eps": 1e-8}, "weight_decay": 0.0},
    ],
)
def test_defaults_of_adam_may_be_spelt_out(make, params, data):
    plain, spelt = make(**SMALL), make(**SMALL, **params)
    assert_same_predictions(plain.fit(*data), spelt.fit(*data), data[0])


class Renamed(torch.optim.AdamW):
    def __init__(self, params, lr=1e-3, **others):
        super().__init__(params, lr=lr, **others)


def test_an_optimizer_may_hand_its_arguments_on(make, data):
    own, plain = (
        make(optimizer=optimizer, weight_decay=0.3, **SMALL).fit(*data)
        for optimizer in (Renamed, torch.optim.AdamW)
    )
    assert_same_predictions(own, plain, data[0], atol=1e-5)


def test_the_optimizers_own_loop_may_be_chosen(make, data):
    plain = make(**SMALL).fit(*data)
    foreach = make(optimizer_params={"foreach": True}, **SMALL).fit(*data)
    assert_same_predictions(plain, foreach, data[0], atol=1e-5)


def test_weight_decay_makes_weights_small(make, data):
    free, decayed = (
        make(**{**SMALL, "max_epochs": 30}, optimizer="adamw", weight_decay=d, lr=0.01)
        .fit(*data)
        .net_.module_.body.theta.norm()
        for d in (0, 10)
    )
    assert decayed < free / 2


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, np.ndarray.tolist])
def test_features_that_single_precision_cannot_tell_apart_are_told(make, form, data):
    X, y = data[0].copy(), data[1]
    X[:, 2] += 1e8
    with pytest.warns(UserWarning, match="Feature 2 of X has values around 1e.08 that"):
        make(**SMALL).fit(form(X), y)


def test_ordinary_features_are_not_warned_of(make, data):
    X, y = data[0].copy(), data[1]
    X[:, 0] = 1e9 / 3
    X[:, 1] += 1e3
    X[:, 2] *= 1e-20
    X[:, 3] = 16_000_000 + X[:, 3].round()  # whole numbers are exact
    make(**SMALL).fit(X, y)

"""Modules of the user's own in place of the perceptron."""

import numpy as np
import pytest
import torch
from sklearn.base import is_classifier
from torch import nn

from tests.twins import (
    CONSTANT,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    outputs_of,
    perceptron,
    predicted,
    target_scaling,
)

pytestmark = pytest.mark.parametrize("make", TWINS)


def normed(n_outputs):
    return nn.Sequential(
        nn.LazyLinear(6), nn.BatchNorm1d(6), nn.ReLU(), nn.LazyLinear(n_outputs)
    )


def convolutional(n_outputs):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(n_outputs)
    )


@pytest.mark.parametrize("n_rows", [90, 81])  # 81 leave a last minibatch of one row
@pytest.mark.parametrize("module", [perceptron, normed])
def test_a_module_is_trained_in_place_of_the_perceptron(make, module, n_rows, data):
    X, y = data[0][:n_rows], data[1][:n_rows]
    params = {**SMALL, **all_rows(make), "n_estimators": 2, "max_epochs": 20}
    params["early_stopping"] = n_rows == 90
    model = make(
        1,
        module=module,
        module_params={"n_outputs": outputs_of(make)},
        lr=0.02,
        **params,
    ).fit(X, y)
    assert model.score(X, y) > 0.5
    exported = model.to_torch()(torch.from_numpy(X).float()).numpy()
    expected = predicted(model, X)
    if not is_classifier(model):
        expected = expected * target_scaling(model)[1]
    np.testing.assert_allclose(exported, expected, rtol=1e-4, atol=1e-5)


class Doubling(nn.Linear):
    def forward(self, x):
        return super().forward(x.mul_(2))


def test_a_module_may_change_what_it_is_given(make, data):
    X, y = data[0].astype(np.float32), data[1]
    given = torch.from_numpy(X.copy())
    params = {**SMALL, "standardize": False, "n_estimators": 3}
    params["module_params"] = {"in_features": 4, "out_features": outputs_of(make)}
    model = make(module=Doubling, **params).fit(X, y)
    expected = model.predict(X) if not is_classifier(model) else model.predict_proba(X)
    exported = model.to_torch()(given).numpy()
    np.testing.assert_array_equal(X, given.numpy())
    np.testing.assert_array_equal(X, data[0].astype(np.float32))
    np.testing.assert_allclose(exported, expected, rtol=1e-4, atol=1e-5)


class SinglePrecision(nn.Linear):
    def forward(self, x):
        return super().forward(x.float())


def test_a_module_may_insist_on_its_precision(make, data):
    X, y = data
    params = {"in_features": 4, "out_features": outputs_of(make)}
    model = make(module=SinglePrecision, module_params=params, **SMALL).fit(X, y)
    assert model.predict(X).shape == (90,)


@pytest.mark.parametrize("mix_layer", ["0", "1", "2"])
def test_without_mixing_it_does_not_matter_which_layer_is_mixed(make, mix_layer, data):
    X, y = data[0].copy(), data[1]
    X[0] = 50.0  # no other row's statistics are to have a part of it
    params = {"module": normed, "module_params": {"n_outputs": outputs_of(make)}}
    at_input, at_layer = (
        make(0, mix_layer=layer, **params, **SMALL).fit(X, y)
        for layer in ("input", mix_layer)
    )
    assert_same_predictions(at_input, at_layer, X, atol=0.02)


@pytest.mark.parametrize("mix_layer", ["input", "0", "2", 0])
def test_rows_of_several_dimensions_are_taken_by_a_module(make, mix_layer, data, rng):
    X, y = rng.normal(size=(90, 1, 6, 5)), data[1]
    model = make(
        1,
        module=convolutional,
        module_params={"n_outputs": outputs_of(make)},
        mix_layer=mix_layer,
        pairing="neighbors",
        **SMALL,
    ).fit(X, y)
    assert model.predict(X).shape == (90,)
    assert model.net_.module_.inputs.shift.shape == (1, 1, 1, 6, 5)
    with pytest.raises(ValueError, match=r"\(1, 3, 5\), but .* \(1, 6, 5\)"):
        model.predict(X[:, :, :3])


def test_a_plain_perceptron_module_learns_as_the_stacked_one(make, data):
    """From the same weights: as many steps of autograd as by hand."""
    X, y = data
    ours = make(1, **{**CONSTANT, "hidden_layer_sizes": (6,)}).fit(X, y)
    start = make(1, **{**CONSTANT, "hidden_layer_sizes": (6,), "lr": 1e-30}).fit(X, y)
    initial = start.net_.module_.body.member(0).state_dict()

    def same_start():
        module = nn.Sequential(
            nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, outputs_of(make))
        )
        module.load_state_dict(initial)
        return module

    theirs = make(1, module=same_start, **CONSTANT).fit(X, y)
    assert_same_predictions(ours, theirs, X, atol=1e-5)


class InDouble(nn.Module):
    """A module that computes in double precision whatever it is given."""

    def __init__(self, n_outputs):
        super().__init__()
        self.linear = nn.Linear(4, n_outputs).double()

    def forward(self, x):
        return self.linear(x.double())


def test_modules_of_another_precision_can_be_exported(make, data):
    X, y = data
    params = {"module": InDouble, "module_params": {"n_outputs": outputs_of(make)}}
    model = make(**CONSTANT | params | {"n_estimators": 2}).fit(X, y)
    exported = model.to_torch()(torch.from_numpy(X).float())
    predict = model.predict_proba if is_classifier(model) else model.predict
    np.testing.assert_allclose(exported, predict(X), rtol=1e-4, atol=1e-5)

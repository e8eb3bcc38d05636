"""Gradients agree with finite differences, also where probabilities are saturated."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as hs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from torch import nn

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.inspection import between_examples, fgsm, iterated_fgsm, loss_gradient
from sk_mixup.inspection._gradients import CHUNK_ROWS, TorchClassifier
from tests.twins import PLAIN


class InDouble(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose module computes in double precision."""

    def __init__(self, fitted):
        self.fitted = fitted
        self.classes_ = fitted.classes_

    def fit(self, X, y):
        raise NotImplementedError

    def to_torch(self):
        return self.fitted.to_torch().double()


class Foreign(InDouble):
    """The same, with a module that is none of this package's."""

    def to_torch(self):
        return nn.Sequential(super().to_torch())


def loss(estimator, X, codes):
    """Compute -log p(y | x) from the module's probabilities, (n,)."""
    with torch.no_grad():
        proba = estimator.to_torch()(torch.from_numpy(X)).numpy()
    return -np.log(proba[np.arange(len(X)), codes])


def finite_differences(estimator, X, codes, steps):
    gradient = np.empty_like(X)
    for feature, step in enumerate(steps):
        shift = np.zeros(X.shape[1])
        shift[feature] = step
        above, below = (loss(estimator, X + s, codes) for s in (shift, -shift))
        gradient[:, feature] = (above - below) / (2 * step)
    return gradient


@pytest.mark.parametrize("kind", [InDouble, Foreign])
def test_loss_gradient_equals_finite_differences(kind, model, overlapping):
    X, y = overlapping
    exact = kind(model)
    expected = finite_differences(exact, X, y, 1e-7 * X.std(axis=0))
    gradient = loss_gradient(exact, X, y)
    np.testing.assert_allclose(
        gradient * X.std(axis=0), expected * X.std(axis=0), rtol=1e-5, atol=1e-7
    )


def test_single_precision_is_enough(model, overlapping):
    X, y = overlapping
    unit = X.std(axis=0)
    np.testing.assert_allclose(
        loss_gradient(model, X, y) * unit,
        loss_gradient(InDouble(model), X, y) * unit,
        rtol=1e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize("n_iter", [1, 4])
def test_attack_follows_finite_differences(n_iter, model, overlapping):
    X, y = overlapping
    exact, epsilon, scale = InDouble(model), 0.3, X.std(axis=0)
    rows = X
    for _ in range(n_iter):
        gradient = finite_differences(exact, rows, y, 1e-7 * scale)
        rows = rows + epsilon / n_iter * scale * np.sign(gradient)
    attacked = iterated_fgsm(exact, X, y, epsilon, n_iter, scale=scale)
    np.testing.assert_allclose(attacked, rows, atol=1e-12)


@pytest.fixture(scope="module")
def linear(overlapping):
    """A linear classifier of two classes and the gradient of its log-odds."""
    X, y = overlapping
    params = {**PLAIN, "hidden_layer_sizes": (), "max_epochs": 5}
    model = MixupClassifier(**params, random_state=0)
    model.fit(X, y > 0)
    weight = model.to_torch().members[0].body[0].weight.numpy()
    return model, weight[1] - weight[0]


@given(certainty=hs.floats(-1e4, 1e4))
def test_attack_on_a_linear_model_knows_its_way_however_certain(linear, certainty):
    model, slope = linear
    x = certainty * slope[None]
    for label, sign in ((False, 1), (True, -1)):
        change = fgsm(model, x, [label], 1.0) - x
        np.testing.assert_array_equal(np.sign(change), sign * np.sign(slope[None]))


def test_steps_on_a_linear_model_add_up_to_one(linear, overlapping):
    (model, _), (X, y) = linear, overlapping
    many, one = iterated_fgsm(model, X, y > 0, 0.7, 10), fgsm(model, X, y > 0, 0.7)
    np.testing.assert_allclose(many, one, rtol=1e-12)


@pytest.mark.parametrize("log", [True, False])
def test_jacobian_norm_equals_that_of_autograd(log, model, overlapping):
    X = overlapping[0][:8]
    exact = InDouble(model)
    module, scale = exact.to_torch(), X.std(axis=0)

    def outputs(x):
        proba = module(x.unsqueeze(0)).squeeze(0)
        return proba.log() if log else proba

    jacobians = [
        torch.autograd.functional.jacobian(outputs, x) for x in torch.tensor(X)
    ]
    expected = [np.linalg.norm(jacobian.numpy() * scale) for jacobian in jacobians]
    norms = TorchClassifier(exact, scale).jacobian_norm(X, log)
    np.testing.assert_allclose(norms, expected, rtol=1e-6)


def test_more_rows_than_a_chunk(model, overlapping):
    X, y = (np.tile(part, (13, *[1] * (part.ndim - 1))) for part in overlapping)
    assert len(X) > CHUNK_ROWS
    gradient = loss_gradient(model, X, y.ravel())
    np.testing.assert_allclose(gradient, np.tile(gradient[:90], (13, 1)), rtol=1e-3)


def test_own_unit_is_the_deviation_of_the_training_rows(model, overlapping):
    X, y = overlapping
    change = fgsm(model, X, y, 1.0) - X
    np.testing.assert_allclose(np.abs(change), np.tile(X.std(axis=0), (90, 1)), 1e-5)


def test_gradients_are_taken_where_the_caller_has_switched_them_off(model, overlapping):
    X, y = overlapping
    with torch.no_grad():
        switched_off = loss_gradient(model, X, y)
    np.testing.assert_array_equal(switched_off, loss_gradient(model, X, y))


def test_images_are_attacked_too(rng):
    X, y = rng.normal(size=(20, 2, 3)), np.arange(20) % 2
    module = lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 2))  # noqa: E731
    model = MixupClassifier(module=module, max_epochs=1, random_state=0).fit(X, y)
    assert fgsm(model, X, y, 0.1).shape == (20, 2, 3)
    assert between_examples(model, X, y, n_pairs=5).gradient_norm.min() > 0


def test_classifier_without_gradient(overlapping):
    X, y = overlapping
    with pytest.raises(TypeError, match="GaussianNB gives no gradient"):
        fgsm(GaussianNB().fit(X, y), X, y, 0.1)


def test_regressor(line):
    X, y = line
    with pytest.raises(TypeError, match="MixupRegressor is not a classifier"):
        fgsm(MixupRegressor(max_epochs=1).fit(X, y), X, y, 0.1)


def test_multilabel(overlapping):
    X, y = overlapping
    indicators = np.stack([y > 0, y > 1], axis=1).astype(int)
    model = MixupClassifier(max_epochs=1).fit(X, indicators)
    with pytest.raises(ValueError, match="multilabel"):
        fgsm(model, X, y > 0, 0.1)


def test_foreign_module_needs_a_scale(model, overlapping):
    X, y = overlapping
    with pytest.raises(ValueError, match="give scale"):
        fgsm(Foreign(model), X, y, 0.1)


@pytest.mark.parametrize("scale", [0, -1, np.nan, [1, 1, 1, np.inf], [1, 2]])
def test_bad_scale(scale, model, overlapping):
    with pytest.raises(ValueError, match="scale"):
        fgsm(model, *overlapping, 0.1, scale=scale)


def test_module_that_stops_gradients(overlapping):
    class Stopped(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            return self.linear(x.detach())

    X, y = overlapping
    model = MixupClassifier(module=Stopped, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="passes no gradient"):
        fgsm(model, X, y, 0.1)

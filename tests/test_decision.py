"""The decision function: odds and scores that agree with what is predicted."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_selection import RFECV
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict, cross_val_score

from sk_mixup import MixupClassifier
from sk_mixup._data.labels import finite_log, log_odds
from tests.twins import SMALL, perceptron

ODD_NAMES = np.array(["no", "yes"])


def two(y):
    return ODD_NAMES[(y > 0).astype(int)]


def indicators(y):
    return np.column_stack([y > 0, y % 2 == 0, y < 2]).astype(int)


KINDS = [{}, {"n_estimators": 3, "temperature": 0.05}, {"module": perceptron}]


@pytest.mark.parametrize("params", KINDS[:2])
def test_of_two_classes_it_is_the_log_odds_of_the_second(params, blobs):
    X, y = blobs[0], two(blobs[1])
    model = MixupClassifier(**SMALL | params).fit(X, y)
    odds, proba = model.decision_function(X), model.predict_proba(X)
    assert odds.shape == (90,)
    np.testing.assert_array_equal(model.predict(X), ODD_NAMES[(odds > 0).astype(int)])
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), proba[:, 1], atol=1e-6)


@pytest.mark.parametrize("params", KINDS)
def test_of_more_classes_it_is_their_log_probabilities(params, blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL | params).fit(X, y)
    scores = model.decision_function(X)
    np.testing.assert_array_equal(
        model.classes_[scores.argmax(axis=1)], model.predict(X)
    )
    np.testing.assert_allclose(np.exp(scores), model.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("params", KINDS[:2])
def test_of_several_labels_it_is_the_log_odds_of_each(params, blobs):
    X, y = blobs[0], indicators(blobs[1])
    model = MixupClassifier(**SMALL | params).fit(X, y)
    odds = model.decision_function(X)
    np.testing.assert_array_equal(odds > 0, model.predict(X))
    proba = model.predict_proba(X)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), proba, atol=1e-6)


@pytest.mark.parametrize("labels", [two, np.asarray, indicators])
def test_it_is_finite_however_sure_the_networks_are(labels, blobs):
    X, y = blobs
    params = {**SMALL, "max_epochs": 20, "temperature": 1e-3, "lr": 0.1}
    model = MixupClassifier(**params).fit(X, labels(y))
    scores = model.decision_function(X * 100)
    assert np.isfinite(scores).all()
    assert abs(scores).max() > 50


def test_odds_near_1_are_as_exact_as_near_0(blobs):
    """The probability alone is rounded there."""
    X, y = blobs
    params = {**SMALL, "temperature": 0.1, "max_epochs": 10, "lr": 0.03}
    model = MixupClassifier(**params).fit(X, indicators(y))
    outputs = model.net_.module_(torch.from_numpy(X).float()[None])[0]
    sure = abs(outputs) < 80
    assert (outputs[sure] > 20).any()
    odds = torch.from_numpy(model.decision_function(X))[sure]
    torch.testing.assert_close(odds, outputs[sure].double(), rtol=1e-4, atol=1e-4)


def test_unlike_probabilities_have_unlike_logarithms():
    near = np.array([0.3], np.float32)
    step = np.nextafter(near, np.float32(1))
    assert (finite_log(step) > finite_log(near)).all()
    half = np.array([0.5], np.float32)
    above = np.nextafter(half, np.float32(1))
    assert log_odds(half, 1 - half) == 0
    assert log_odds(above, 1 - above) > 0


def test_sparse_rows_have_the_same_odds(blobs):
    X, y = blobs[0].round() * (blobs[0] > 0), two(blobs[1])
    model = MixupClassifier(**SMALL).fit(X, y)
    dense, other = (model.decision_function(rows) for rows in (X, sparse.csr_matrix(X)))
    np.testing.assert_allclose(other, dense, atol=1e-5)


# What asks for it.


@pytest.mark.parametrize(("labels", "shape"), [(two, (90,)), (np.asarray, (90, 3))])
def test_cross_val_predict(labels, shape, blobs):
    X, y = blobs[0], labels(blobs[1])
    scores = cross_val_predict(
        MixupClassifier(**SMALL), X, y, cv=3, method="decision_function"
    )
    assert scores.shape == shape


@pytest.mark.parametrize("labels", [two, np.asarray])
def test_decision_boundary(labels, blobs):
    import matplotlib.pyplot as plt

    X, y = blobs[0][:, :2], labels(blobs[1])
    model = MixupClassifier(**SMALL).fit(X, y)
    display = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="decision_function", grid_resolution=5
    )
    assert np.isfinite(display.response).all()
    plt.close("all")


def test_scores_by_it_are_those_of_probabilities(blobs):
    X, y = blobs[0], two(blobs[1])
    model = MixupClassifier(**SMALL)
    auc = cross_val_score(model, X, y, cv=3, scoring="roc_auc")
    proba = cross_val_predict(model, X, y, cv=3, method="predict_proba")
    odds = cross_val_predict(model, X, y, cv=3, method="decision_function")
    assert roc_auc_score(y, odds) == pytest.approx(
        roc_auc_score(y, proba[:, 1]), abs=1e-3
    )
    assert auc.shape == (3,)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_it_can_be_calibrated(method, blobs):
    X, y = blobs
    calibrated = CalibratedClassifierCV(MixupClassifier(**SMALL), method=method, cv=2)
    assert calibrated.fit(X, y).predict_proba(X).shape == (90, 3)


class Weighed(MixupClassifier):
    """A classifier that says how much each feature weighs."""

    @property
    def coef_(self):
        first = self.to_torch().members[0].body[0]
        return first.weight.abs().sum(0).numpy()[None]


def test_features_can_be_selected_by_it(blobs):
    X, y = blobs[0], two(blobs[1])
    selection = RFECV(Weighed(**SMALL), cv=2, scoring="roc_auc").fit(X, y)
    assert selection.decision_function(X).shape == (90,)

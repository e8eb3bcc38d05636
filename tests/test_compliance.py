"""The checks of scikit-learn, over both estimators and a spread of vicinities."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    check_sample_weight_equivalence_on_sparse_data,
    parametrize_with_checks,
)

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.vicinity import Neighbors
from tests.twins import PLAIN, SMALL, TWINS, all_rows

LONGER = {**SMALL, "max_epochs": 30, "lr": 0.01}

Classifier, Regressor = (partial(make, max_epochs=10, lr=0.01) for make in TWINS)
ESTIMATORS = [
    MixupClassifier(),
    Classifier(mix_layer="random", noise_std=0.1, warmup_epochs=5, clean_epochs=5),
    MixupRegressor(),
    Regressor(n_mixed=3, noise_std=0.1, mix_layer="random", weights_per="example"),
]
#: Of parameters that the others have, too; several minutes more.
OTHERS = [
    Classifier(pairing="balanced", mix_target="remix"),
    Regressor(pairing="similar", loss="huber", n_estimators=2),
    Regressor(loss="quantile", quantile=0.4),
    Classifier(alpha=0),
    Classifier(pairing="same_class", mix_target="dominant"),
    Classifier(pairing="same_class_neighbors", label_smoothing=0.1, dropout=0.1),
    Regressor(loss="poisson", pairing="similar"),
    Classifier(alpha=np.inf, weights_per="example", n_estimators=3),
    Classifier(pairing="neighbors", n_neighbors=5, n_mixed=3),
    Classifier(mix_layer=2, pairing=Neighbors(10), hidden_layer_sizes=(30, 20)),
    Classifier(standardize=False),
    MixupClassifier(alpha=0),
    MixupRegressor(alpha=0, batch_size=16),
    Regressor(pairing="neighbors", mix_layer=1, loss="absolute_error"),
    Regressor(loss="gamma", n_estimators=2),
]
MINIBATCHES = dict.fromkeys(
    (
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ),
    "repeated rows are cut into other minibatches, and others are left out",
)
MULTILABEL = (
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_multilabel_output_format_predict",
    "check_classifiers_multilabel_output_format_predict_proba",
    "check_classifiers_multilabel_output_format_decision_function",
)
# The checks themselves bring these about, in scikit-learn and in NumPy.
pytestmark = pytest.mark.filterwarnings(
    "ignore:invalid value encountered in cast:RuntimeWarning",
    "ignore:Can't check dok sparse matrix:UserWarning",
)


def expected_failures(estimator):
    expected = dict(MINIBATCHES)
    if getattr(estimator, "loss", None) in ("poisson", "gamma"):
        reason = "its targets are negative, for which there is no deviance"
        expected["check_regressor_multioutput"] = reason
    if getattr(estimator, "mix_target", None) == "remix":
        reason = "rows with several labels have no one class, by whose size to go"
        expected |= dict.fromkeys(MULTILABEL, reason)
    return expected


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OTHERS, expected_failed_checks=expected_failures)
def test_they_pass_with_other_parameters(estimator, check):
    check(estimator)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("params", [{}, {"n_estimators": 2}, {"optimizer": "sgd"}])
@pytest.mark.parametrize(
    "check",
    [
        check_sample_weight_equivalence_on_dense_data,
        check_sample_weight_equivalence_on_sparse_data,
    ],
)
def test_weights_equal_repeated_rows_without_minibatches(make, params, check):
    whole = {**PLAIN, **all_rows(make), "batch_size": 10**6, "max_epochs": 20}
    check(make.__name__, make(0, **whole | params))


# Tools of scikit-learn's.


def test_probabilities_are_calibrated(blobs):
    model = CalibratedClassifierCV(MixupClassifier(**SMALL), cv=3).fit(*blobs)
    assert model.predict_proba(blobs[0]).shape == (90, 3)


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_the_classifier_votes(voting, frame):
    X, y = frame
    models = [("mixup", MixupClassifier(**LONGER)), ("plain", LogisticRegression())]
    assert VotingClassifier(models, voting=voting).fit(X, y).score(X, y) > 0.8


def test_one_against_the_rest(frame):
    X, y = frame
    assert OneVsRestClassifier(MixupClassifier(**LONGER)).fit(X, y).score(X, y) > 0.8
    indicators = pd.get_dummies(y).to_numpy(dtype=int)
    model = OneVsRestClassifier(MixupClassifier(**LONGER)).fit(X, indicators)
    assert model.predict(X).shape == (90, 3)


@pytest.fixture
def routing():
    """Route metadata, for a test."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_sample_weight_is_routed(blobs, rng):
    X, y = blobs
    weights = rng.random(90)
    model = MixupClassifier(**SMALL).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False), model
    )
    pipeline.fit(X, y, sample_weight=weights)
    scaled = pipeline[0].transform(X)
    alone = clone(model).fit(scaled, y, weights)
    np.testing.assert_array_equal(
        pipeline.predict_proba(X), alone.predict_proba(scaled)
    )
    model.set_score_request(sample_weight=True)
    search = GridSearchCV(model, {"alpha": [0, 1]}, cv=2)
    search.fit(X, y, sample_weight=weights)
    refit = clone(search.best_estimator_).fit(X, y, weights)
    np.testing.assert_array_equal(search.predict_proba(X), refit.predict_proba(X))


@pytest.mark.usefixtures("routing")
def test_sample_weight_is_refused_unless_asked_for(blobs):
    pipeline = make_pipeline(MixupClassifier(**SMALL))
    with pytest.raises(ValueError, match="sample_weight"):
        pipeline.fit(*blobs, sample_weight=np.ones(90))

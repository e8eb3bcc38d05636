"""Scores agree with scikit-learn's, and say what they mean at the edges."""

import math

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from benchmarks.scores import Fitted, probability_scores, scores
from benchmarks.splits import Split


def split_of(n_classes):
    X, y = make_blobs(120, centers=n_classes, cluster_std=4.0, random_state=0)
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    return Split(X[:80], names[:80], X[80:], names[80:], {"n_train": 80, "n_test": 40})


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_are_those_of_scikit_learn(n_classes):
    part = split_of(n_classes)
    model = LogisticRegression().fit(part.X_train, part.y_train)
    found = scores(Fitted(model, 1.5), part)
    proba, y = model.predict_proba(part.X_test), part.y_test
    score = proba[:, 1] if n_classes == 2 else proba
    assert found["error"] == pytest.approx(
        1 - accuracy_score(y, model.predict(part.X_test))
    )
    assert found["log_loss"] == pytest.approx(log_loss(y, proba))
    assert found["brier"] == pytest.approx(
        brier_score_loss(y, proba, labels=model.classes_)
    )
    assert found["auc"] == pytest.approx(roc_auc_score(y, score, multi_class="ovr"))
    assert found["fit_seconds"] == 1.5
    assert found["predict_seconds"] > 0
    assert (found["n_train"], found["n_test"]) == (80, 40)


def test_the_reliability_curve_adds_up_to_error_and_calibration():
    part = split_of(3)
    model = LogisticRegression().fit(part.X_train, part.y_train)
    found = scores(Fitted(model, 0.0), part)
    confidence, accuracy, count = (
        np.nan_to_num(found["reliability"][name])
        for name in ("confidence", "accuracy", "count")
    )
    assert count.sum() == 40
    assert np.average(accuracy, weights=count) == pytest.approx(1 - found["error"])
    gaps = np.abs(confidence - accuracy)
    assert found["ece"] == pytest.approx(np.average(gaps, weights=count))


def test_a_class_that_was_never_seen_is_an_error_of_probability_zero():
    proba = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    y, classes = np.array(["ant", "zebra"]), np.array(["ant", "bee"])
    found = probability_scores(y, proba, classes)
    assert found["error"] == 0.5
    assert found["log_loss"] > 15
    assert found["brier"] == pytest.approx((2 * 0.1**2 + 0.2**2 + 0.8**2 + 1) / 2)
    assert math.isnan(found["auc"])


def test_auc_is_missing_where_the_test_rows_lack_a_class():
    proba = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = probability_scores(np.array([0, 0]), proba, np.array([0, 1]))
    assert math.isnan(found["auc"])


def test_rows_that_add_up_to_one_in_single_precision_will_do():
    logits = np.random.default_rng(0).normal(size=(500, 30)).astype(np.float32)
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.arange(500) % 30
    assert np.isfinite(probability_scores(y, proba, np.arange(30))["log_loss"])

"""What is recorded of every estimator: scores on the test rows, and seconds."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    brier_score_loss,
    log_loss,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
    zero_one_loss,
)

from benchmarks.splits import Split
from sk_mixup.inspection import calibration_error, reliability_curve

Scores = dict[str, Any]


class Fitted(NamedTuple):
    """A fitted estimator and the seconds of wall time that it took.

    Networks that were trained together share theirs by their numbers and epochs.
    """

    model: Any
    seconds: float


def scores(fitted: Fitted, split: Split) -> Scores:
    """Score a classifier on the test rows of its split.

    Returns
    -------
    dict
        The split's facts, what `probability_scores` gives, ``fit_seconds`` and
        ``predict_seconds`` (of all test rows, torch on one thread).
    """
    start = time.perf_counter()
    proba = fitted.model.predict_proba(split.X_test)
    seconds = time.perf_counter() - start
    measured = probability_scores(split.y_test, proba, fitted.model.classes_)
    times = {"fit_seconds": fitted.seconds, "predict_seconds": seconds}
    return {**split.facts, **measured, **times}


def regression_scores(fitted: Fitted, split: Split) -> Scores:
    """Score a regressor on the test rows of its split.

    Returns
    -------
    dict
        The split's facts, ``rmse`` (in deviations of the training targets), ``r2``,
        ``fit_seconds`` and ``predict_seconds`` (of all test rows).
    """
    start = time.perf_counter()
    predicted = fitted.model.predict(split.X_test)
    seconds = time.perf_counter() - start
    deviation = float(split.y_train.std())
    return {
        **split.facts,
        "rmse": root_mean_squared_error(split.y_test, predicted) / deviation,
        "r2": r2_score(split.y_test, predicted),
        "fit_seconds": fitted.seconds,
        "predict_seconds": seconds,
    }


def probability_scores(
    y: NDArray[Any], proba: NDArray[np.floating], classes: NDArray[Any]
) -> Scores:
    """Score probabilities of classes.

    Parameters
    ----------
    y : ndarray of shape (n,)
        True labels; some may be of no class known to the classifier.
    proba : ndarray of shape (n, n_classes)
        Probabilities.
    classes : ndarray of shape (n_classes,)
        What its columns stand for.

    Returns
    -------
    dict
        ``error``, ``log_loss``, ``brier``, ``ece``, ``auc`` (NaN where a class is
        absent from the rows) and ``reliability``: lists of confidence, accuracy and
        count by bin. A row of an unknown class is an error, and its true class has the
        probability 0 (clipped in the log loss, as scikit-learn does).
    """
    predicted = classes[proba.argmax(axis=1)]
    proba, classes = _with_unknown(y, proba, classes)
    curve = reliability_curve(y, proba, labels=classes)
    return {
        "error": float(zero_one_loss(y, predicted)),
        "log_loss": float(log_loss(y, proba, labels=classes)),
        "brier": float(brier_score_loss(y, proba, labels=classes)),
        "ece": calibration_error(y, proba, labels=classes),
        "auc": _auc(y, proba, classes),
        "reliability": {name: part.tolist() for name, part in curve.items()},
    }


def _with_unknown(
    y: NDArray[Any], proba: NDArray[np.floating], classes: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Give classes that the classifier never saw a column of zeros."""
    everything = np.union1d(classes, y)
    columns = np.zeros((len(y), len(everything)))
    columns[:, np.searchsorted(everything, classes)] = proba
    # float32 rows sum to 1 within its rounding only; scikit-learn checks in float64.
    return columns / columns.sum(axis=1, keepdims=True), everything


def _auc(y: NDArray[Any], proba: NDArray[np.float64], classes: NDArray[Any]) -> float:
    """Return the area under the ROC curve, one class against the rest on average."""
    if len(np.unique(y)) < len(classes) or len(classes) < 2:
        return float("nan")
    if len(classes) == 2:
        return float(roc_auc_score(y == classes[1], proba[:, 1]))
    return float(roc_auc_score(y, proba, multi_class="ovr", labels=classes))

"""What is recorded of every classifier: scores on the test rows, and seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.probabilities import probability_scores
from benchmarks.splits import Split
from benchmarks.store import Record


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted classifier and the seconds that it took.

    Parameters
    ----------
    model : object
        A fitted classifier.
    seconds : float
        Wall time of fitting it; networks that were trained together share theirs by
        their numbers and epochs.
    """

    model: Any
    seconds: float


def scores(fitted: Fitted, split: Split) -> Record:
    """Score a classifier on the test rows of its split.

    Parameters
    ----------
    fitted : Fitted
        The classifier.
    split : Split
        The rows that it was and was not trained on.

    Returns
    -------
    dict
        ``error``, ``log_loss``, ``brier``, ``ece``, ``auc`` (NaN where a class is
        absent from the test rows), ``fit_seconds``, ``predict_seconds`` (of all test
        rows, torch on one thread), the split's facts and ``reliability``: lists of
        confidence, accuracy and count by bin.
    """
    start = time.perf_counter()
    proba = fitted.model.predict_proba(split.X_test)
    seconds = time.perf_counter() - start
    measured = probability_scores(split.y_test, proba, fitted.model.classes_)
    times = {"fit_seconds": fitted.seconds, "predict_seconds": seconds}
    return {**split.facts, **measured, **times}

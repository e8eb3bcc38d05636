"""Scores of single networks on validation rows, by scorers of scikit-learn."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import indexable

from sk_mixup._data.labels import labels_to_score
from sk_mixup._data.subsets import RowSubset, checked_weights
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._sklearn import _safe_indexing, takes_sample_weight
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.run import Score
from sk_mixup._training.scorer_checks import named_scores
from sk_mixup._training.task import Fitted


class View:
    """An estimator in training as scorers see it: it predicts by one network.

    Parameters
    ----------
    estimator : object
        A copy, with what it has learnt of the data.
    fitted : Fitted
        What the training would leave behind, as far as predictions need it.
    """

    def __init__(self, estimator: Any, fitted: Fitted) -> None:
        estimator._fitted = fitted
        self.estimator = estimator

    def __call__(self, network: Network, loss: Loss) -> Any:
        """Return an estimator that predicts by the network."""
        estimator = copy.copy(self.estimator)
        estimator.net_ = SimpleNamespace(module_=network, criterion_=loss)
        return estimator


class KnownRows:
    """Reads rows to predict, and those that come again once only.

    Parameters
    ----------
    X : array-like, frame or sparse matrix
        The rows that come again, as the same object.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self.read: dict[Any, Any] = {}

    def reader(self, read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Return a function that reads as ``read`` does."""

        def rows(X: Any, dtype: Any) -> Any:
            if X is not self.X:
                return read(X, dtype)
            if dtype not in self.read:
                self.read[dtype] = read(X, dtype)
            return self.read[dtype]

        return rows


@dataclass(frozen=True)
class MemberScore:
    """The score of a network on its validation rows, as the user gave them.

    Parameters
    ----------
    scoring : str, callable or None
        What the user has asked for.
    scorer : callable
        A scorer as in scikit-learn.
    view : View
        Makes the estimator that it scores.
    rows : KnownRows
        The validation rows.
    y : array-like
        Their targets.
    sample_weight : ndarray or None
        Their weights.
    """

    scoring: Any
    scorer: Any
    view: View
    rows: KnownRows
    y: Any
    sample_weight: NDArray[np.float64] | None

    def __call__(self, network: Network, loss: Loss) -> float:
        """Return the score of a network of one run."""
        estimator = self.view(network, loss)
        # Reading frames would take longer than an epoch of a small table.
        estimator._rows_to_predict = self.rows.reader(estimator._rows_to_predict)
        weights = {}
        if self.sample_weight is not None and takes_sample_weight(self.scorer):
            weights = {"sample_weight": self.sample_weight}
        score = named_scores(
            self.scoring,
            partial(self.scorer, estimator, self.rows.X, self.y, **weights),
            self.y,
            getattr(estimator, "classes_", None),
        )
        if not isinstance(score, Real):
            raise ValueError(
                f"scoring must return one number, but {self.scorer!r} returned "
                f"{score!r}."
            )
        return float(score)


def scored_on(
    estimator: Any, data: FitData, rows: RowSubset, lasting: dict[str, Any]
) -> Callable[[RowSubset], Score] | None:
    """Return what scores an estimator's networks on their validation rows.

    None where the loss is the score.
    """
    if estimator.scoring == "loss":
        return None
    fitted = Fitted(lasting, [], [], rows.targets.moments, rows.weight_unit)
    scorer = check_scoring(estimator, scoring=estimator.scoring)
    view = View(copy.copy(estimator), fitted)
    return partial(_member_score, estimator.scoring, scorer, view, data)


def _member_score(
    scoring: Any, scorer: Any, view: View, data: FitData, validation: RowSubset
) -> MemberScore:
    """Return the score on the validation rows of a network."""
    X, y, weights = data.X, data.y, data.sample_weight
    if data.X_val is not None:
        X, y, weights = data.X_val, data.y_val, data.sample_weight_val
    weights = checked_weights(weights, X)
    X, y = indexable(X, y)
    y = labels_to_score(y) if is_classifier(view.estimator) else y
    if validation.row_numbers is not None:
        X, y, weights = (
            None if each is None else _safe_indexing(each, validation.numbers_in_table)
            for each in (X, y, weights)
        )
    return MemberScore(scoring, scorer, view, KnownRows(X), y, weights)

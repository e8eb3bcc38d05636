"""Adversarial examples by the sign of the gradient (arXiv 1710.09412, section 3.5)."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import top_k_accuracy_score
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d
from sklearn.utils.validation import validate_data

from sk_mixup.inspection._gradients import TorchClassifier
from sk_mixup.inspection._subject import (
    as_rows,
    in_form_of,
    predict,
    scores,
    take_apart,
)


def loss_gradient(estimator: Any, X: Any, y: ArrayLike) -> NDArray[np.float64]:
    """Return the gradient of each row's cross-entropy in that row.

    The classifier's weights, their ``.grad`` and its flags are left as they are.

    Parameters
    ----------
    estimator : object
        A fitted classifier with ``to_torch()``. Of a pipeline the last step is looked
        at, with rows that the earlier steps have transformed.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows; sparse ones are made dense.
    y : array-like of shape (n_samples,)
        Their classes.

    Returns
    -------
    gradient : ndarray of shape (n_samples, n_features)
        Of ``-log p(y | x)``, in nats per unit of the features that the last step of a
        pipeline, or the estimator itself, is given.

    Raises
    ------
    TypeError
        If the estimator is no classifier or has no ``to_torch()``.
    ValueError
        If ``y`` holds labels that the classifier does not know.
    """
    torch_model, _, rows, codes = _target(estimator, X, y, scale=1.0)
    return torch_model.loss_gradient(rows, codes)


def fgsm(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    epsilon: float,
    *,
    scale: ArrayLike | None = None,
) -> Any:
    """Make adversarial examples by the fast gradient sign method.

    ``x + epsilon * scale * sign(gradient of the loss)`` (arXiv 1412.6572).

    Parameters
    ----------
    estimator : object
        A fitted classifier with ``to_torch()``. Of a pipeline the last step is
        attacked, and examples are rows as that step sees them.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows; sparse ones are made dense.
    y : array-like of shape (n_samples,)
        Their classes.
    epsilon : float
        Change of each feature in units of ``scale``, at least 0.
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature. None takes the deviations by which the estimator itself
        standardises its features (their mean over the networks of an ensemble), so
        that ``epsilon`` is in standardised features; these are 1 where it has
        ``standardize=False``.

    Returns
    -------
    X_adversarial : ndarray or pandas.DataFrame of shape (n_samples, n_features)
        The examples, float64; float32 or a data frame if the rows are such.

    Raises
    ------
    TypeError
        If the estimator is no classifier or has no ``to_torch()``.
    ValueError
        If ``epsilon`` is negative, if ``scale`` is not positive or is needed and not
        given, or if ``y`` holds labels that the classifier does not know.

    See Also
    --------
    iterated_fgsm : The same in several smaller steps.
    adversarial_error : The error on such examples.
    """
    return iterated_fgsm(estimator, X, y, epsilon, n_iter=1, scale=scale)


def iterated_fgsm(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    epsilon: float,
    n_iter: int = 10,
    *,
    step_size: float | None = None,
    scale: ArrayLike | None = None,
) -> Any:
    """Make adversarial examples by several steps along the gradient's sign.

    No feature ends further than ``epsilon * scale`` from where it was (I-FGSM, arXiv
    1607.02533).

    Parameters
    ----------
    estimator : object
        A fitted classifier with ``to_torch()``. Of a pipeline the last step is
        attacked, and examples are rows as that step sees them.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows; sparse ones are made dense.
    y : array-like of shape (n_samples,)
        Their classes.
    epsilon : float
        Largest change of each feature in units of ``scale``, at least 0.
    n_iter : int, default=10
        Steps, of equal size; with 1 this is :func:`fgsm`.
    step_size : float, default=None
        Change of each feature in a step in units of ``scale``; None takes
        ``epsilon / n_iter``.
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature; None takes the estimator's own, as in :func:`fgsm`.

    Returns
    -------
    X_adversarial : ndarray or pandas.DataFrame of shape (n_samples, n_features)
        The examples, float64; float32 or a data frame if the rows are such.

    Raises
    ------
    TypeError
        If the estimator is no classifier or has no ``to_torch()``.
    ValueError
        If ``epsilon`` or ``step_size`` is negative, if ``scale`` is not positive or
        is needed and not given, or if ``y`` holds labels that the classifier does not
        know.
    """
    check_scalar(n_iter, "n_iter", Integral, min_val=1)
    step_size = epsilon / n_iter if step_size is None else step_size
    for name, size in (("epsilon", epsilon), ("step_size", step_size)):
        if not 0 <= size < np.inf:
            raise ValueError(f"{name} must be finite and at least 0, got {size}.")
    torch_model, seen, start, codes = _target(estimator, X, y, scale)
    unit = torch_model.unit(start)
    low, high = start - epsilon * unit, start + epsilon * unit
    rows = start
    for _ in range(n_iter):
        direction = np.sign(torch_model.odds_gradient(rows, codes))
        rows = np.clip(rows + step_size * unit * direction, low, high)
    return in_form_of(seen, rows)


def adversarial_error(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    epsilon: float,
    *,
    source: Any = None,
    method: Literal["fgsm", "iterated_fgsm"] = "fgsm",
    n_iter: int = 10,
    scale: ArrayLike | None = None,
    top_k: int = 1,
) -> float:
    """Return the error of a classifier on adversarial examples.

    A white box attacks itself; a black box is any classifier that is judged on the
    examples of another one (arXiv 1710.09412, Table 3).

    Parameters
    ----------
    estimator : object
        The fitted classifier that is judged; without ``source`` it needs
        ``to_torch()``.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows, usually of a test set.
    y : array-like of shape (n_samples,)
        Their classes.
    epsilon : float
        Largest change of each feature in units of ``scale``; 0 gives the error on
        clean rows.
    source : object, default=None
        The fitted classifier that makes the examples, with ``to_torch()``. If it is a
        pipeline that transforms the rows, ``estimator`` must be one whose earlier
        steps transform them alike.
    method : {"fgsm", "iterated_fgsm"}, default="fgsm"
        How the examples are made.
    n_iter : int, default=10
        Steps of "iterated_fgsm".
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature; None takes the own one of the classifier that makes the
        examples.
    top_k : int, default=1
        A row is right if its class is among so many most probable ones; below the
        number of classes.

    Returns
    -------
    error : float
        Share of the rows that are wrong.

    Raises
    ------
    TypeError
        If one of the two is no classifier, or if the one that makes the examples has
        no ``to_torch()``.
    ValueError
        If the two see different rows, if ``method`` is unknown, or if ``epsilon``,
        ``scale``, ``top_k`` or ``y`` cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.inspection import adversarial_error
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MixupClassifier(random_state=0).fit(X, y)
    >>> forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    >>> white = adversarial_error(net, X, y, epsilon=0.5)
    >>> black = adversarial_error(forest, X, y, epsilon=0.5, source=net)
    >>> white > 1 - net.score(X, y), black > 1 - forest.score(X, y)
    (True, True)
    """
    if method not in ("fgsm", "iterated_fgsm"):
        raise ValueError(f"method must be 'fgsm' or 'iterated_fgsm', got {method!r}.")
    maker, seen = take_apart(estimator if source is None else source, X)
    judge, form = (maker, seen) if source is None else _judge(estimator, X, seen)
    check_scalar(top_k, "top_k", Integral, min_val=1, max_val=len(judge.classes_) - 1)
    steps = n_iter if method == "iterated_fgsm" else 1
    examples = iterated_fgsm(maker, seen, y, epsilon, steps, scale=scale)
    rows = in_form_of(form, np.asarray(examples))
    return _error(judge, rows, column_or_1d(y), top_k)


def _target(
    estimator: Any, X: Any, y: ArrayLike, scale: ArrayLike | None
) -> tuple[TorchClassifier, Any, NDArray[np.float64], NDArray[np.int64]]:
    """Return what is attacked, its rows as given and as an array, and their classes."""
    model, seen = take_apart(estimator, X)
    torch_model = TorchClassifier(model, scale)
    validate_data(model, seen, reset=False, skip_check_array=True)
    rows = as_rows(seen)
    return torch_model, seen, rows, _codes(torch_model, rows, y)


def _judge(estimator: Any, X: Any, seen: Any) -> tuple[Any, Any]:
    """Return what of ``estimator`` is given rows like ``seen``, and its own rows."""
    judge, own = take_apart(estimator, X)
    if seen is X:
        return estimator, X
    rows, own_rows = as_rows(seen), as_rows(own)
    if rows.shape != own_rows.shape or not np.allclose(rows, own_rows):
        raise ValueError(
            "estimator and source see different rows: the steps before the last of "
            "their pipelines must transform X alike."
        )
    return judge, own


def _error(judge: Any, rows: Any, y: NDArray[Any], top_k: int) -> float:
    if top_k == 1:
        return float(np.mean(predict(judge, rows) != y))
    figures = scores(judge, rows)
    return 1 - top_k_accuracy_score(y, figures, k=top_k, labels=judge.classes_)


def _codes(
    torch_model: TorchClassifier, rows: NDArray[np.float64], y: ArrayLike
) -> NDArray[np.int64]:
    """Return the number of each row's class."""
    labels = column_or_1d(y)
    check_consistent_length(rows, labels)
    codes = pd.Index(torch_model.classes).get_indexer(labels)
    if (codes < 0).any():
        unknown = np.unique(labels[codes < 0])
        raise ValueError(
            f"y has labels {unknown} that are not among the classes "
            f"{torch_model.classes} of the classifier."
        )
    return codes.astype(np.int64)

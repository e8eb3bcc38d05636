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
    """Return the gradient of each row's cross-entropy with respect to that row.

    Weights, their ``.grad`` and the training flags of the classifier do not change.

    Parameters
    ----------
    estimator : object
        A fitted classifier with ``to_torch()``. In a pipeline the last step is
        used, on rows transformed by the earlier steps.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows; sparse matrices are converted to dense arrays.
    y : array-like of shape (n_samples,)
        Classes of the rows.

    Returns
    -------
    gradient : ndarray of shape (n_samples, n_features)
        Gradient of ``-log p(y | x)``, in nats per unit of each input feature of the
        classifier (in a pipeline: of its last step).

    Raises
    ------
    TypeError
        If the estimator is not a classifier or has no ``to_torch()``.
    ValueError
        If ``y`` holds labels that are not among the classes of the classifier.
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
        A fitted classifier with ``to_torch()``. In a pipeline the last step is
        attacked, and the examples are rows transformed by the earlier steps.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows; sparse matrices are converted to dense arrays.
    y : array-like of shape (n_samples,)
        Classes of the rows.
    epsilon : float
        Change of each feature in units of ``scale``, at least 0.
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature. None uses the standard deviations with which the estimator
        standardises its features (averaged over the networks of an ensemble), so that
        ``epsilon`` is in standardised units; with ``standardize=False`` they are 1.

    Returns
    -------
    X_adversarial : ndarray or pandas.DataFrame of shape (n_samples, n_features)
        Adversarial examples, float64; float32 or a data frame if ``X`` is.

    Raises
    ------
    TypeError
        If the estimator is not a classifier or has no ``to_torch()``.
    ValueError
        If ``epsilon`` is negative, if ``scale`` is not positive or is needed and not
        given, or if ``y`` holds labels that are not among the classes.

    See Also
    --------
    iterated_fgsm : Several smaller steps.
    adversarial_error : Error on adversarial examples.
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
    """Make adversarial examples by several steps along the sign of the gradient.

    The total change of a feature is at most ``epsilon * scale`` (I-FGSM, arXiv
    1607.02533).

    Parameters
    ----------
    estimator : object
        A fitted classifier with ``to_torch()``. In a pipeline the last step is
        attacked, and the examples are rows transformed by the earlier steps.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows; sparse matrices are converted to dense arrays.
    y : array-like of shape (n_samples,)
        Classes of the rows.
    epsilon : float
        Largest change of each feature in units of ``scale``, at least 0.
    n_iter : int, default=10
        Number of steps of equal size; 1 is :func:`fgsm`.
    step_size : float, default=None
        Change of each feature per step, in units of ``scale``; None uses
        ``epsilon / n_iter``.
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature; None uses the standard deviations, as in :func:`fgsm`.

    Returns
    -------
    X_adversarial : ndarray or pandas.DataFrame of shape (n_samples, n_features)
        Adversarial examples, float64; float32 or a data frame if ``X`` is.

    Raises
    ------
    TypeError
        If the estimator is not a classifier or has no ``to_torch()``.
    ValueError
        If ``epsilon`` or ``step_size`` is negative, if ``scale`` is not positive or
        is needed and not given, or if ``y`` holds labels that are not among the
        classes.
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
        # By the log-odds: the loss's gradient rounds to 0 where a classifier is sure.
        direction = np.sign(torch_model.odds_gradient(rows, codes))
        # A step_size of the user's may lead farther than epsilon.
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

    In a white-box attack, the examples are made for the evaluated classifier itself; in
    a black-box attack, for another one, ``source`` (arXiv 1710.09412, Table 3).

    Parameters
    ----------
    estimator : object
        The fitted classifier to evaluate; without ``source`` it needs ``to_torch()``.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows, usually of a test set.
    y : array-like of shape (n_samples,)
        Classes of the rows.
    epsilon : float
        Largest change of each feature in units of ``scale``; 0 gives the error on
        clean rows.
    source : object, default=None
        The fitted classifier to attack, with ``to_torch()``; None attacks
        ``estimator``. If ``source`` is a pipeline, the earlier steps of ``estimator``
        must transform the rows in the same way.
    method : {"fgsm", "iterated_fgsm"}, default="fgsm"
        The attack.
    n_iter : int, default=10
        Number of steps of "iterated_fgsm".
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature. None uses the feature scale of the attacked classifier.
    top_k : int, default=1
        A prediction is correct if the class is among the ``top_k`` most probable ones.
        Must be less than the number of classes.

    Returns
    -------
    error : float
        Fraction of rows with a wrong prediction.

    Raises
    ------
    TypeError
        If one of the two is not a classifier, or if the attacked one has no
        ``to_torch()``.
    ValueError
        If the pipelines of the two transform the rows differently, if ``method`` is
        unknown, or if ``epsilon``, ``scale``, ``top_k`` or ``y`` is invalid.

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
    attacked, seen = take_apart(estimator if source is None else source, X)
    model, form = (attacked, seen) if source is None else _evaluated(estimator, X, seen)
    check_scalar(top_k, "top_k", Integral, min_val=1, max_val=len(model.classes_) - 1)
    steps = n_iter if method == "iterated_fgsm" else 1
    examples = iterated_fgsm(attacked, seen, y, epsilon, steps, scale=scale)
    rows = in_form_of(form, np.asarray(examples))
    return _error(model, rows, column_or_1d(y), top_k)


def _target(
    estimator: Any, X: Any, y: ArrayLike, scale: ArrayLike | None
) -> tuple[TorchClassifier, Any, NDArray[np.float64], NDArray[np.int64]]:
    """Return the attacked network, its rows as given and as array, their codes."""
    model, seen = take_apart(estimator, X)
    torch_model = TorchClassifier(model, scale)
    validate_data(model, seen, reset=False, skip_check_array=True)
    rows = as_rows(model, seen)
    return torch_model, seen, rows, _codes(torch_model, rows, y)


def _evaluated(estimator: Any, X: Any, seen: Any) -> tuple[Any, Any]:
    """Return the classifier within ``estimator`` and its rows, equal to ``seen``."""
    model, own = take_apart(estimator, X)
    if seen is X:
        return estimator, X
    rows, own_rows = as_rows(model, seen), as_rows(model, own)
    if rows.shape != own_rows.shape or not np.allclose(rows, own_rows):
        raise ValueError(
            "estimator and source see different rows: the steps before the last of "
            "their pipelines must transform X alike."
        )
    return model, own


def _error(model: Any, rows: Any, y: NDArray[Any], top_k: int) -> float:
    if top_k == 1:
        return float(np.mean(predict(model, rows) != y))
    columns = scores(model, rows)
    return 1 - top_k_accuracy_score(y, columns, k=top_k, labels=model.classes_)


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

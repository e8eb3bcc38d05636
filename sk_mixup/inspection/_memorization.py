"""Corrupted labels and their memorisation (arXiv 1710.09412, section 3.4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_consistent_length, column_or_1d

from sk_mixup.inspection._subject import predict, private_generator, take_apart


def corrupt_labels(
    y: ArrayLike,
    rate: float,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Replace a fraction of the labels by random ones.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    rate : float
        Fraction of labels to replace, in [0, 1]; exactly ``round(rate * n_samples)``
        labels are replaced.
    random_state : int, RandomState instance or None, default=None
        Seed. With the same seed, the rows replaced at a lower rate are a subset of
        those replaced at a higher rate.

    Returns
    -------
    y_corrupted : ndarray of shape (n_samples,)
        The labels. Replacements are drawn uniformly from the classes of ``y``, the
        true class included (arXiv 1611.03530).
    mask : ndarray of shape (n_samples,), bool
        True where the label was replaced, possibly by the same label.

    Raises
    ------
    ValueError
        If ``rate`` is not in [0, 1] or ``y`` is not one column.

    Examples
    --------
    >>> from sk_mixup.inspection import corrupt_labels
    >>> y, mask = corrupt_labels(["ant", "bee"] * 50, 0.2, random_state=0)
    >>> mask.sum()
    np.int64(20)
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must be a fraction from 0 to 1, got {rate}.")
    labels = column_or_1d(y)
    generator = private_generator(random_state)
    # The first of one permutation: a lower rate takes some of a higher rate's rows.
    replaced = generator.permutation(len(labels))[: round(rate * len(labels))]
    classes = np.unique(labels)
    corrupted = labels.copy()
    corrupted[replaced] = generator.choice(classes, size=len(replaced))
    mask = np.zeros(len(labels), dtype=bool)
    mask[replaced] = True
    return corrupted, mask


def memorization_error(
    estimator: Any, X: Any, y_real: ArrayLike, y_given: ArrayLike, mask: ArrayLike
) -> Bunch:
    """Return the training error on real and on corrupted labels.

    A classifier that memorised its training set also has a low error on the corrupted
    labels (arXiv 1710.09412, Table 2).

    Parameters
    ----------
    estimator : object
        A classifier fitted on ``X`` and ``y_given``.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Training rows.
    y_real : array-like of shape (n_samples,)
        True labels.
    y_given : array-like of shape (n_samples,)
        Labels used in training.
    mask : array-like of shape (n_samples,), bool
        True where the label was replaced.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Fractions of wrong predictions; NaN if there are no such rows.

        real : float
            Error on the rows with their true label.
        corrupted : float
            Error on the rows with a replaced label, against the replaced label.
        corrected : float
            Error on the same rows, against the true label.

    Raises
    ------
    TypeError
        If the estimator is not a classifier.
    ValueError
        If ``y_real`` and ``y_given`` differ outside ``mask``.
    """
    model, rows = take_apart(estimator, X)
    real, given = column_or_1d(y_real), column_or_1d(y_given)
    replaced = column_or_1d(mask).astype(bool)
    check_consistent_length(X, real, given, replaced)
    if (real != given)[~replaced].any():
        raise ValueError("y_real and y_given differ on rows that mask leaves out.")
    predicted = predict(model, rows)
    return Bunch(
        real=_fraction((predicted != real)[~replaced]),
        corrupted=_fraction((predicted != given)[replaced]),
        corrected=_fraction((predicted != real)[replaced]),
    )


def _fraction(wrong: NDArray[np.bool_]) -> float:
    return float(wrong.mean()) if len(wrong) else float("nan")

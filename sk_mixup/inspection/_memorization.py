"""Corrupted labels and how well they are remembered (arXiv 1710.09412, section 3.4)."""

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
    """Replace a share of the labels by random ones.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    rate : float
        Share of the labels that is replaced, in [0, 1]; ``round(rate * n_samples)``
        labels are, exactly.
    random_state : int, RandomState instance or None, default=None
        Seed. With the same one the rows replaced at a lower rate are among those
        replaced at a higher one.

    Returns
    -------
    y_corrupted : ndarray of shape (n_samples,)
        The labels. A random label is each of the classes of ``y`` with the same
        probability, the right one included (arXiv 1611.03530).
    mask : ndarray of shape (n_samples,), bool
        Which labels were replaced, those that happen to be right again included.

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
        raise ValueError(f"rate must be a share from 0 to 1, got {rate}.")
    labels = column_or_1d(y)
    generator = private_generator(random_state)
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

    A classifier that has memorised its training set has a low error on the corrupted
    labels too (arXiv 1710.09412, Table 2).

    Parameters
    ----------
    estimator : object
        A classifier fitted on ``X`` and ``y_given``.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Training rows.
    y_real : array-like of shape (n_samples,)
        Their real labels.
    y_given : array-like of shape (n_samples,)
        The labels that it was trained on.
    mask : array-like of shape (n_samples,), bool
        Which labels were replaced.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Shares of wrong predictions, NaN where there are no such rows.

        real : float
            On the rows that kept their label.
        corrupted : float
            On the rows with a replaced label, judged by the replaced label.
        corrected : float
            On the same rows, judged by their real label.

    Raises
    ------
    TypeError
        If the estimator is no classifier.
    ValueError
        If ``y_real`` and ``y_given`` differ outside of ``mask``.
    """
    model, rows = take_apart(estimator, X)
    real, given = column_or_1d(y_real), column_or_1d(y_given)
    replaced = column_or_1d(mask).astype(bool)
    check_consistent_length(X, real, given, replaced)
    if (real != given)[~replaced].any():
        raise ValueError("y_real and y_given differ on rows that mask leaves out.")
    predicted = predict(model, rows)
    return Bunch(
        real=_share((predicted != real)[~replaced]),
        corrupted=_share((predicted != given)[replaced]),
        corrected=_share((predicted != real)[replaced]),
    )


def _share(wrong: NDArray[np.bool_]) -> float:
    return float(wrong.mean()) if len(wrong) else float("nan")

"""Cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import model_selection

from sk_mixup._training.memory import MAX_MEMORY
from sk_mixup.model_selection._together import together


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
    max_memory: int = MAX_MEMORY,
) -> dict[str, Any]:
    """Evaluate an estimator on every split, all networks trained as one program.

    scikit-learn's :func:`~sklearn.model_selection.cross_validate` with the same
    signature and results, inside :func:`together`.

    Parameters
    ----------
    estimator : estimator object
        Cloned and fitted for each split.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Targets.
    groups : array-like of shape (n_samples,), default=None
        Groups for the splitter.
    scoring : str, callable, list, tuple or dict, default=None
        One score or several, as in scikit-learn.
    cv : int, splitter or iterable, default=None
        Five folds by default, stratified for a classifier.
    n_jobs : int, default=None
        Number of workers of the joblib backend, as in scikit-learn: None means 1, or
        what :func:`joblib.parallel_config` says; -1 means all. Each trains its share of
        the networks on one thread; 1 stays in this process.
    verbose : int, default=0
        1 shows a progress bar; higher values also print scikit-learn's line for each
        fit.
    params : dict, default=None
        Passed to ``fit``, the splitter and the scorer.
    pre_dispatch : int or str, default="2*n_jobs"
        Has no effect: all fits are dispatched at once, in groups.
    return_train_score : bool, default=False
        Also score the training rows.
    return_estimator : bool, default=False
        Return the fitted estimators.
    return_indices : bool, default=False
        Return the rows of each split.
    error_score : "raise" or numeric, default=numpy.nan
        Score of a fit that fails.
    max_memory : int, default=1_000_000_000
        Approximate number of bytes that training rows, and also networks in training,
        may take at one time in a worker. More are trained in parts, with the same
        results up to rounding.

    Returns
    -------
    scores : dict of ndarray of shape (n_splits,)
        With scikit-learn's keys. The ``fit_time`` of a split is the time of its other
        steps plus an equal share of each training that its networks are part of.

    See Also
    --------
    together : Train together whatever scikit-learn fits.
    GridSearchCV : Search over a grid.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.model_selection import cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> cross_validate(MixupClassifier(max_epochs=20), X, y)["test_score"].shape
    (5,)
    """
    with together(max_memory=max_memory, n_jobs=n_jobs, verbose=verbose):
        return model_selection.cross_validate(
            estimator,
            X,
            y,
            groups=groups,
            scoring=scoring,
            cv=cv,
            verbose=verbose,
            params=params,
            pre_dispatch=pre_dispatch,
            return_train_score=return_train_score,
            return_estimator=return_estimator,
            return_indices=return_indices,
            error_score=error_score,
        )

"""Searches over parameters."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn import model_selection

from sk_mixup._fit_many import MEMORY_CONSTRAINTS
from sk_mixup._training.memory import MAX_MEMORY
from sk_mixup.model_selection._together import together


class TogetherMixin:
    """A scikit-learn search whose fits are trained together."""

    max_memory: int
    n_jobs: int | None
    verbose: int

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit all candidates on all splits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        **params : dict
            Passed to ``fit``, the splitter and the scorer as in scikit-learn, for
            example ``sample_weight`` and ``groups``.

        Returns
        -------
        self : object
            The fitted search.
        """
        search: Any = super()
        # Before the context checks them, so that the search raises the error.
        self._validate_params()  # type: ignore[attr-defined]
        with together(
            max_memory=self.max_memory, n_jobs=self.n_jobs, verbose=self.verbose
        ):
            return search.fit(X, y, **params)


class GridSearchCV(TogetherMixin, model_selection.GridSearchCV):
    """Exhaustive search over a grid, all networks trained as one program.

    scikit-learn's :class:`~sklearn.model_selection.GridSearchCV` with the same
    signature, attributes and results, inside :func:`together`. The estimator is a
    :class:`~sk_mixup.MixupClassifier` or a :class:`~sk_mixup.MixupRegressor`, or
    contains them, as an ensemble, another search or a pipeline does; the other steps of
    a pipeline are fitted for each candidate and split. Other estimators are fitted as
    in scikit-learn.

    Parameters
    ----------
    estimator : estimator object
        Cloned and fitted for each candidate and split.
    param_grid : dict or list of dict
        Values of each parameter.
    scoring : str, callable, list, tuple or dict, default=None
        One score or several, as in scikit-learn.
    n_jobs : int, default=None
        Number of workers of the joblib backend, as in scikit-learn: None means 1, or
        what :func:`joblib.parallel_config` says; -1 means all. Each trains its share of
        the networks on one thread; 1 stays in this process.
    refit : bool, str or callable, default=True
        Fit the best candidate on all rows. With several scores, the name of the score
        that decides.
    cv : int, splitter or iterable, default=None
        Five folds by default, stratified for a classifier.
    verbose : int, default=0
        1 shows a progress bar; higher values also print scikit-learn's line for each
        fit.
    pre_dispatch : int or str, default="2*n_jobs"
        Has no effect: all fits are dispatched at once, in groups.
    error_score : "raise" or numeric, default=numpy.nan
        Score of a fit that fails.
    return_train_score : bool, default=False
        Also score the training rows.
    max_memory : int, default=1_000_000_000
        Approximate number of bytes that training rows, and also networks in training,
        may take at one time in a worker. More are trained in parts, with the same
        results up to rounding.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        Scores and times of every candidate, with scikit-learn's keys.
    best_estimator_, best_params_, best_score_, best_index_
        The best candidate, as in scikit-learn.

    See Also
    --------
    together : Train together whatever scikit-learn fits.
    sk_mixup.fit_many : Train many estimators on rows of their own.

    Notes
    -----
    The ``fit_time`` of a candidate is the time of its other steps plus an equal share
    of each training that its networks are part of. The times printed with ``verbose=2``
    include the wait for the other candidates.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.model_selection import GridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MixupClassifier(max_epochs=20, random_state=0)
    >>> search = GridSearchCV(model, {"alpha": [0, 0.2, 1]}, cv=3).fit(X, y)
    >>> list(search.best_params_)
    ['alpha']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **model_selection.GridSearchCV._parameter_constraints,
        **MEMORY_CONSTRAINTS,
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_memory = max_memory


class RandomizedSearchCV(TogetherMixin, model_selection.RandomizedSearchCV):
    """Search over random candidates, all networks trained as one program.

    scikit-learn's :class:`~sklearn.model_selection.RandomizedSearchCV` with the same
    signature, attributes and results, inside :func:`together`, as
    :class:`GridSearchCV`.

    Parameters
    ----------
    estimator : estimator object
        Cloned and fitted for each candidate and split.
    param_distributions : dict or list of dict
        Distributions, or lists of values, to draw from.
    n_iter : int, default=10
        Candidates to draw.
    scoring : str, callable, list, tuple or dict, default=None
        One score or several, as in scikit-learn.
    n_jobs : int, default=None
        Number of workers of the joblib backend, as in scikit-learn: None means 1, or
        what :func:`joblib.parallel_config` says; -1 means all. Each trains its share of
        the networks on one thread; 1 stays in this process.
    refit : bool, str or callable, default=True
        Fit the best candidate on all rows. With several scores, the name of the score
        that decides.
    cv : int, splitter or iterable, default=None
        Five folds by default, stratified for a classifier.
    verbose : int, default=0
        1 shows a progress bar; higher values also print scikit-learn's line for each
        fit.
    pre_dispatch : int or str, default="2*n_jobs"
        Has no effect: all fits are dispatched at once, in groups.
    error_score : "raise" or numeric, default=numpy.nan
        Score of a fit that fails.
    return_train_score : bool, default=False
        Also score the training rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the candidates.
    max_memory : int, default=1_000_000_000
        Approximate number of bytes that training rows, and also networks in training,
        may take at one time in a worker. More are trained in parts, with the same
        results up to rounding.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        Scores and times of every candidate, with scikit-learn's keys.
    best_estimator_, best_params_, best_score_, best_index_
        The best candidate, as in scikit-learn.

    See Also
    --------
    together : Train together whatever scikit-learn fits.
    sk_mixup.fit_many : Train many estimators on rows of their own.

    Notes
    -----
    The ``fit_time`` of a candidate is the time of its other steps plus an equal share
    of each training that its networks are part of. The times printed with ``verbose=2``
    include the wait for the other candidates.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.model_selection import RandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MixupClassifier(max_epochs=20, random_state=0)
    >>> search = RandomizedSearchCV(
    ...     model, {"alpha": loguniform(0.1, 10)}, n_iter=3, cv=3, random_state=0
    ... ).fit(X, y)
    >>> list(search.best_params_)
    ['alpha']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **model_selection.RandomizedSearchCV._parameter_constraints,
        **MEMORY_CONSTRAINTS,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
        )
        self.max_memory = max_memory

"""The base of the estimators: validate, encode, train, predict."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from sk_mixup._columns import check_finite, check_quantities, check_structure
from sk_mixup._data import OPTIMIZERS, Memo
from sk_mixup._losses import Loss
from sk_mixup._many import Attempt, fit_many, run_attempts
from sk_mixup._modes import memory_errors
from sk_mixup._moments import Moments
from sk_mixup._net import LR_SCHEDULES, MixupNet
from sk_mixup._parameters import (
    LARGEST_NUMBER,
    LARGEST_SIZE,
    MOST_MIXED,
    MOST_NETWORKS,
)
from sk_mixup._prediction import Ensemble, Scaling
from sk_mixup._prepare import Preparation
from sk_mixup._rows import Classes, Run, Values
from sk_mixup._sklearn import Interval, RealNotInt, StrOptions
from sk_mixup._stacks import Problem
from sk_mixup._threads import one_thread
from sk_mixup.vicinity import Pairing

FEWER_ROWS = "give fewer rows at once"


class BaseMixup(BaseEstimator, metaclass=ABCMeta):
    """What :class:`MixupClassifier` and :class:`MixupRegressor` share.

    It never asks which of the two it is: pairings, loss, encoding of the targets and
    the form of the predictions are theirs.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="both")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "n_mixed": [Interval(Integral, 2, MOST_MIXED, closed="both")],
        "weights_per": [StrOptions({"batch", "example"})],
        "mix_layer": [Interval(Integral, 0, None, closed="left"), str],
        "noise_std": [Interval(Real, 0, LARGEST_NUMBER, closed="both")],
        "warmup_epochs": [
            Interval(Integral, 0, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="both"),
        ],
        "clean_epochs": [
            Interval(Integral, 0, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="both"),
            StrOptions({"auto"}),
        ],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "bias_init": [StrOptions({"data", "uniform"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "module": [callable, None],
        "module_params": [dict, None],
        "standardize": ["boolean"],
        "clip": [
            Interval(Real, 1 / LARGEST_NUMBER, LARGEST_NUMBER, closed="both"),
            None,
        ],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "optimizer_params": [dict, None],
        "lr": [Interval(Real, 0, LARGEST_NUMBER, closed="right")],
        "weight_decay": [Interval(Real, 0, LARGEST_NUMBER, closed="both")],
        "lr_schedule": [StrOptions(set(LR_SCHEDULES))],
        "ema_halflife": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, LARGEST_SIZE, closed="both")],
        "batch_size": [Interval(Integral, 1, LARGEST_SIZE, closed="both")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, LARGEST_SIZE, closed="both")],
        "n_estimators": [Interval(Integral, 1, MOST_NETWORKS, closed="both")],
        "device": [str],
        "callbacks": [list, tuple, None],
        "net_params": [dict, None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }
    _paper_recipe: ClassVar[dict[str, Any]] = {
        "batch_size": 16,
        "bias_init": "uniform",
        "clean_epochs": 0,
        "clip": None,
        "dropout": 0.0,
        "early_stopping": False,
        "ema_halflife": 0.0,
        "hidden_layer_sizes": (128, 128),
        "lr": 1e-3,
        "lr_schedule": "constant",
        "max_epochs": 10,
        "mix_layer": "input",
        "n_estimators": 1,
        "n_mixed": 2,
        "noise_std": 0.0,
        "optimizer": "adam",
        "pairing": "random",
        "standardize": False,
        "warmup_epochs": 0,
        "weight_decay": 0.0,
        "weights_per": "batch",
    }
    _pairings: ClassVar[dict[str, type[Pairing]]]
    _target_moments: Moments | None = None  # of real targets
    _flat = False  # whether the only column of predictions comes as a vector

    @classmethod
    def paper(cls, alpha: float, **params: Any) -> Self:
        """Return an estimator with the paper's recipe for tables.

        Two hidden layers of 128 ReLU units, 10 epochs in minibatches of 16, Adam with
        its default settings, one network, inputs as they are (arXiv 1710.09412, section
        3.6).

        Parameters
        ----------
        alpha : float
            Which the paper does not state for tables; 0 is empirical risk
            minimisation.
        **params : dict
            Other parameters, which take precedence over the recipe.

        Returns
        -------
        estimator : object
            An unfitted estimator.

        Examples
        --------
        >>> from sk_mixup import MixupClassifier
        >>> MixupClassifier.paper(alpha=0.2).max_epochs
        10
        """
        return cls(alpha, **(cls._paper_recipe | params))

    # What the twins say for themselves.

    @property
    @abstractmethod
    def _loss(self) -> type[Loss]:
        """The loss to train; predictions are made by that of ``net_``."""

    @property
    @abstractmethod
    def _n_outputs(self) -> int:
        """Columns of the networks' outputs."""

    @abstractmethod
    def _encode(self, y: Any, first: bool, one_epoch: bool) -> NDArray[Any]:
        """Check the targets and return class numbers or a matrix.

        The classes are learnt from ``y`` if ``first``, else those at hand are used, all
        of which ``y`` must hold unless it is that of a ``partial_fit``.
        """

    @abstractmethod
    def _targets(
        self,
        encoded: NDArray[Any],
        weights: NDArray[Any] | None,
        unit: float,
        adds_rows: bool,
    ) -> Classes | Values:
        """Return the targets that are mixed, on the CPU.

        A weight of 1 stands for ``unit`` of the user's. ``adds_rows`` says that the
        rows come on top of those of earlier epochs.
        """

    @abstractmethod
    def _groups(self, targets: Classes | Values) -> NDArray[Any]:
        """Return what a pairing may know of the targets."""

    @property
    def _needs_validation(self) -> bool:
        """Whether each network leaves rows out, to be judged by them."""
        return bool(self.early_stopping)

    @abstractmethod
    def _strata(self, targets: Classes | Values) -> NDArray[Any] | None:
        """Return the classes in whose shares validation rows are set aside, if any."""

    def _calibrate(self, net: MixupNet, runs: list[Run]) -> None:
        """Make trained networks as sure as they should be, where the twin can."""

    def _class_weights(
        self, encoded: NDArray[Any], sample_weight: NDArray[np.float64] | None
    ) -> NDArray[Any] | None:
        """Return what the twin multiplies into the weights of the rows."""
        return None

    # Training.

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the networks; with ``warm_start`` go on with those at hand.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Real numbers or booleans, without missing values: columns of text,
            categories or dates must be encoded first. With ``module`` given, of any
            shape (n_samples, ...). Sparse rows are made dense a minibatch at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Real targets for a regressor; for a classifier one class a row, or a column
            of 0 and 1 for each label. Rows that all have exactly one 1 are taken for
            labels too, as by scikit-learn's MLPClassifier, with a warning: for one
            class a row pass ``y.argmax(axis=1)``.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a weight of 0 leaves the row out.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used, or if the loss becomes NaN or
            infinite. The estimator is then as it was before.
        """
        fit_many([self], [X], [y], [sample_weight])
        return self

    def _fit_one_epoch(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Train for one epoch on the given rows, from where the networks stand."""
        run_attempts([Attempt(self, X, y, sample_weight, one_epoch=True)])
        return self

    def _problem(
        self, X: Any, y: Any, sample_weight: Any, memo: Memo, one_epoch: bool = False
    ) -> Problem:
        """Check everything and return what is to be trained."""
        self._validate_params()
        return Preparation(self, memo, one_epoch).problem(X, y, sample_weight)

    def _adopt(self, net: MixupNet, problem: Problem) -> None:
        """Take the trained net."""
        bad_epoch = net.first_bad_epoch()
        if bad_epoch is not None:
            also = [
                f", other {name} (now {value})"
                for name in ("noise_std", "weight_decay", "optimizer_params")
                if (value := getattr(self, name))
            ]
            raise ValueError(
                f"The loss of {type(self).__name__} became NaN or infinite in epoch "
                f"{bad_epoch}; try a lower lr (now {self.lr}){''.join(also)}, "
                f"standardize=True (now {self.standardize}) or a look at extreme "
                "values in X or y."
            )
        net.module_.eval()
        self._calibrate(net, problem.runs)
        self.net_ = net
        self._streams = [run.streams for run in problem.runs]
        self._fixed = problem.fixed
        self._moments = problem.moments
        self._weight_unit = problem.runs[0].training.weight_unit
        self.n_iter_ = len(net.latest_epochs())

    # Read off the net when asked for: there may be as many epochs as calls.

    @property
    def history_(self) -> Any:
        """Return one entry an epoch: losses and durations."""
        return self.net_.history

    @property
    def loss_curve_(self) -> list[float]:
        """Return the mean loss of each epoch."""
        whole = (epoch for epoch in self.net_.history if "train_loss" in epoch)
        return [epoch["train_loss"] for epoch in whole]

    @property
    def validation_scores_(self) -> NDArray[np.floating] | None:
        """Return minus the loss on validation rows, of each epoch that has any."""
        losses = self.net_.valid_losses_
        return -np.array(losses) if losses else None

    # Prediction.

    def _check_rows(self, X: Any, dtype: type[np.floating], reset: bool) -> Any:
        """Return rows as an array or CSR matrix of ``dtype``, all values finite."""
        taker = type(self).__name__
        with np.errstate(over="ignore"):  # check_finite refuses what overflows
            if not reset and self._is_in_form(X):
                X = X.astype(dtype, order="C", copy=False)
            else:
                X = self._validated(X, dtype, reset)
        check_finite(X, getattr(self, "feature_names_in_", None), taker)
        if not reset:
            trained = self.net_.module_.row_shape
            if X.shape[1:] != trained:
                raise ValueError(
                    f"X has rows of shape {X.shape[1:]}, but {taker} was trained on "
                    f"rows of shape {trained}."
                )
        return X

    def _is_in_form(self, X: Any) -> bool:
        """Whether rows are an array that validation would return as it is."""
        # scikit-learn's validation takes as long as the networks for a single row.
        return (
            type(X) is np.ndarray
            and X.dtype.kind == "f"
            and X.shape[1:] == self.net_.module_.row_shape
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")  # it would warn
        )

    def _validated(self, X: Any, dtype: type[np.floating], reset: bool) -> Any:
        if sparse.issparse(X):
            check_structure(X, "X")
        else:
            check_quantities(X, "X", type(self).__name__)
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            ensure_all_finite=False,  # which would not say where
            allow_nd=(self.module if reset else self._fixed["module"]) is not None,
        )

    @property
    def _scaling(self) -> Scaling | None:
        """Mean and deviation by which the targets were standardised, if they were."""
        return None

    def _ensemble(self) -> Ensemble:
        net = self.net_
        return Ensemble(net.module_, net.criterion_.link(), self._scaling, self._flat)

    def _predict(self, X: Any, ensemble: Ensemble) -> NDArray[np.floating]:
        with memory_errors(f"Predicting by {type(self).__name__}", FEWER_ROWS):
            rows = self._check_rows(X, ensemble.dtype, reset=False)
            return ensemble.predict(rows)

    @property
    def _hidden_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        return (int(sizes),) if isinstance(sizes, Integral) else tuple(sizes)

    @one_thread()
    def to_torch(self) -> nn.Module:
        """Return the fitted ensemble as a plain torch module.

        Returns
        -------
        module : torch.nn.Module
            From float32 rows of shape (n, n_features) to what ``predict_proba`` of a
            classifier or ``predict`` of a regressor gives, of the same shape and in
            float32; on the CPU, in evaluation mode, standardisation and averaging
            included, ready for :func:`torch.export.export`.
        """
        check_is_fitted(self)
        return self._ensemble().export()

"""The base of the estimators: validate, encode, train, predict."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted
from torch import nn

from sk_mixup._data.memo import Memo
from sk_mixup._data.subsets import weighted_rows
from sk_mixup._estimator.callback_hooks import followed
from sk_mixup._estimator.constraints import CONSTRAINTS, PAPER_RECIPE
from sk_mixup._estimator.parameter_checks import (
    check_codes,
    check_epochs,
    check_parameters,
)
from sk_mixup._estimator.scoring import scored_on
from sk_mixup._estimator.takes_validation import TakesValidationRows
from sk_mixup._estimator.trained import HasTrained
from sk_mixup._estimator.transaction import all_or_nothing, enough_memory
from sk_mixup._networks.ensemble import Ensemble
from sk_mixup._networks.torch_modes import memory_errors, own_modes
from sk_mixup._networks.torch_threads import one_thread
from sk_mixup._training.divergence import check_losses
from sk_mixup._training.fit_data import (
    FitData,
    FitRows,
    check_length,
)
from sk_mixup._training.member_weights import weights_by_loss
from sk_mixup._training.net import MixupNet
from sk_mixup._training.prepare import prepare_task
from sk_mixup._training.scorer_checks import check_scores
from sk_mixup._training.settings import Settings
from sk_mixup._training.stacks import train
from sk_mixup._training.target_spec import TargetSpec
from sk_mixup._training.task import Start, Task
from sk_mixup._training.time_limit import TimeLimit
from sk_mixup.vicinity import Pairing

FEWER_ROWS = "give fewer rows at once"


class BaseMixup(HasTrained, TakesValidationRows, metaclass=ABCMeta):
    """What :class:`MixupClassifier` and :class:`MixupRegressor` share.

    It never asks which of the two it is: pairings, loss, encoding of the targets and
    the form of the predictions are theirs.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS
    _paper_recipe: ClassVar[dict[str, Any]] = PAPER_RECIPE
    _pairings: ClassVar[dict[str, type[Pairing]]]
    _predicts_numbers: ClassVar[bool]
    # The shape of a row's predictions; None for one number an output.
    _row_shape: tuple[int, ...] | None = None

    @classmethod
    def paper(cls, alpha: float, **params: Any) -> Self:
        """Return an estimator with the paper's recipe for tables.

        One network with two hidden layers of 128 ReLU units, 10 epochs, minibatches of
        16 rows, Adam with its default settings, inputs without standardisation
        (arXiv 1710.09412, section 3.6).

        Parameters
        ----------
        alpha : float
            Concentration of the Beta distribution of the mixing weights; 0 is empirical
            risk minimisation. The paper states no value for tables.
        **params : dict
            Parameters of the estimator. They override the recipe.

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

    @abstractmethod
    def _learn_targets(self, checked: Any, data: FitData) -> None:
        """Learn what kind of targets these are, which are checked already."""

    @abstractmethod
    def _target_spec(self, checked: Any, start: Start) -> TargetSpec:
        """Return what is made of the targets, and their loss."""

    # Training.

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the networks, with ``warm_start`` from the current weights.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows: an array, or a pandas or polars frame, with columns of numbers,
            booleans (0 and 1), categories and text, missing values included
            (``categorical_features`` says how they are used). Encode dates and free
            text first. Sparse rows must be numbers without missing values; they are
            converted to dense rows one minibatch at a time. With ``module``, numbers of
            any shape (n_samples, ...) without missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Regressor: real targets. Classifier: one class per row, or one column of 0
            and 1 per label (multilabel). One-hot columns count as multilabel targets,
            as in scikit-learn's MLPClassifier, with a warning: pass
            ``y.argmax(axis=1)`` if each row has one class.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows; only their ratios matter. A weight of 0
            excludes the row.
        groups : array-like of shape (n_samples,), default=None
            The group of each row, such as a patient. Rows of one group are held out for
            validation together; if ``validation`` is a splitter, the groups are passed
            to its ``split``.
        X_val : array-like, frame or sparse matrix of shape (n_val, n_features), \
                default=None
            Validation rows of your own, with the columns of X: all networks are
            validated on them and trained on every row of X. Without them each network
            holds out rows of X. In a Pipeline, ``transform_input=["X_val"]`` transforms
            them like X.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of X_val.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of X_val; only their ratios matter.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are invalid, or if the loss becomes NaN or
            infinite. The estimator then keeps its earlier state.
        MemoryError
            If the networks need more memory than is left; the message says how many
            bytes.
        """
        return self._fit(
            FitData(X, y, sample_weight, groups, X_val, y_val, sample_weight_val)
        )

    def _fit(self, data: FitData, one_epoch: bool = False) -> Self:
        """Train on the given rows, for one epoch only as a ``partial_fit``."""
        with all_or_nothing([self]), enough_memory(type(self).__name__):
            start = self._start(one_epoch)
            with own_modes(start.dtype):
                task = self._prepare(data, start, Memo())
                (net,) = train([task])
                self._adopt(net, task)
        return self

    def _start(self, one_epoch: bool = False) -> Start:
        """Check the parameters; start at the networks at hand if training goes on."""
        self._validate_params()
        check_parameters(self._settings, self._parameter_constraints)
        goes_on = (one_epoch or self.warm_start) and hasattr(self, "net_")
        if not goes_on:
            return Start(one_epoch=one_epoch)
        self._settings.check_unchanged(self._fitted.lasting)
        return Start(self.net_, self._fitted, one_epoch)

    @property
    def _settings(self) -> Settings:
        params = {name: getattr(self, name) for name in self._parameter_constraints}
        return Settings(
            **params,
            estimator=type(self).__name__,
            pairings=self._pairings,
            predicts_numbers=self._predicts_numbers,
        )

    @one_thread()
    def _prepare(self, data: FitData, start: Start, memo: Memo) -> Task:
        """Check the data and return what is to be trained."""
        limit = TimeLimit(None if start.one_epoch else self.time_limit)
        # By all rows: the device must be known before their weights are.
        settings = self._settings.for_rows(data.n_rows)
        device = settings.torch_device
        start = start.on(device)
        data.check_validation()
        X, y, sample_weight = data.X, data.y, data.sample_weight
        if start.net is None:
            table = self._learn_table(X, sample_weight, settings, device, memo)
        else:
            shape = start.net.module_.inputs_shape
            table = self._known_table(X, shape, device, memo)
        check_codes(X, settings)
        targets = self._checked_targets(y)
        if start.is_fresh:
            self._learn_targets(targets, data)
        spec = self._target_spec(targets, start)
        check_length("X", table.shape[0], "y", len(spec.encoded))
        unit = None if start.earlier is None else start.earlier.weight_unit
        rows = memo.get(
            ("rows", spec.loss, device, spec.class_weight),
            (table, y, sample_weight, start.net),
            lambda: weighted_rows(table, spec, sample_weight, unit, device),
        )
        validation = self._validation_rows(data, rows, spec, settings, memo)
        given = FitRows(
            rows, validation, data, scored_on(self, data, rows, settings.lasting)
        )
        # Rows without weight are none of the training.
        sized = self._settings.for_rows(len(rows))
        check_epochs(sized)
        if start.one_epoch:
            sized = sized.for_one_epoch()
        task = prepare_task(given, spec, sized, start, memo)
        return replace(followed(self, data, task), seconds_left=limit.left)

    @one_thread()
    def _adopt(self, net: MixupNet, task: Task) -> None:
        """Take the trained net."""
        check_losses(net, self._settings)
        check_scores(self.scoring, net.latest("valid_score"), net.latest("ran"))
        net.module_.eval()
        self._become_fitted(net, task)
        if task.hooks is not None:
            task.hooks.tell_of_the_end()

    def _become_fitted(self, net: MixupNet, task: Task) -> None:
        """Predict by a trained net from now on."""
        assert task.fitted is not None  # as of every estimator's own task
        self._calibrate(net, task)
        self.net_, self._fitted = net, task.fitted
        self.n_iter_ = len(net.latest_epochs())

    def _calibrate(self, net: MixupNet, task: Task) -> None:
        """Weigh the members by their validation losses; without any, as before."""
        network = net.module_
        if self.member_weights == "uniform":
            network.member_weights = None
        elif task.runs[0].validation is not None:
            network.member_weights = weights_by_loss(network, net.criterion_, task.runs)

    # Prediction.

    def _ensemble(self, exact: bool = False) -> Ensemble:
        loss, moments = self.net_.criterion_, self._fitted.target_moments
        scaling = None if moments is None else loss.scaling(moments)
        module, shape = self.net_.module_, self._row_shape
        return Ensemble(module, loss.link(), scaling, shape, exact)

    def _predict(self, X: Any, ensemble: Ensemble, return_std: bool = False) -> Any:
        with memory_errors(f"Predicting by {type(self).__name__}", FEWER_ROWS):
            rows = self._rows_to_predict(X, ensemble.dtype)
            predict = ensemble.predict_with_std if return_std else ensemble.predict
            return predict(rows)

    @one_thread()
    def to_torch(self) -> nn.Module:
        """Return the fitted ensemble as a plain torch module.

        Returns
        -------
        module : torch.nn.Module
            Maps float32 rows of shape (n, n_features), as ``to_numeric`` returns them,
            to the output of ``predict_proba`` (classifier) or ``predict`` (regressor),
            in float32 and in the same shape. It includes the one-hot columns of
            categories, the mean for missing values, the standardisation and the average
            over the networks, is on the CPU and in evaluation mode, and can be exported
            with :func:`torch.export.export`. For frames with categories or missing
            values its first layer, ``widen``, makes the one-hot columns, and
            ``widen.sources`` holds the column of X that each belongs to; otherwise
            ``widen`` is None. Without ``clip``, rows whose products exceed single
            precision give NaN, where predictions are computed in double precision.
        """
        check_is_fitted(self)
        return self._ensemble().export()

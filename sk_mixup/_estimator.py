"""The base of the estimators: validate, encode, train, predict."""

from __future__ import annotations

import copy
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from sk_mixup._columns import (
    check_finite,
    check_quantities,
    check_rows,
    check_structure,
    warn_of_lost_digits,
)
from sk_mixup._memo import Memo
from sk_mixup._modes import memory_errors, own_modes, plain_modes, resolve_device
from sk_mixup._modules import Network, Predictor
from sk_mixup._net import LR_SCHEDULES, MixupNet
from sk_mixup._optimizers import OPTIMIZERS
from sk_mixup._parameters import (
    LARGEST_NUMBER,
    LARGEST_SIZE,
    MOST_MIXED,
    MOST_NETWORKS,
    check_codes,
    check_parameters,
)
from sk_mixup._prepare import prepare_task
from sk_mixup._settings import Settings
from sk_mixup._sklearn import Interval, RealNotInt, StrOptions
from sk_mixup._stacked import StackedMLP
from sk_mixup._stacks import train
from sk_mixup._subsets import weighted_rows
from sk_mixup._tables import Table, as_table, numpy_dtype, without_warning
from sk_mixup._target_spec import TargetSpec
from sk_mixup._task import Start, Task
from sk_mixup._threads import one_thread, torch_threads
from sk_mixup.vicinity import Pairing

NEEDS_LESS = (
    "a smaller batch_size, fewer or narrower networks (n_estimators, "
    "hidden_layer_sizes) or fewer rows need less"
)
PREDICT_BYTES = 4_000_000
FEWER_ROWS = "give fewer rows at once"
SMALL_TABLE = 20_000


class Snapshot:
    """The attributes of an estimator, to be put back if its fit fails."""

    def __init__(self, estimator: Any) -> None:
        self.estimator, self.attributes = estimator, dict(vars(estimator))

    def restore(self) -> None:
        vars(self.estimator).clear()
        vars(self.estimator).update(self.attributes)


@contextmanager
def all_or_nothing(estimators: Sequence[Any]) -> Iterator[None]:
    """Leave estimators as they were if anything fails inside."""
    before = [Snapshot(estimator) for estimator in estimators]
    try:
        yield
    except BaseException:
        for snapshot in before:
            snapshot.restore()
        raise


def enough_memory(name: str) -> AbstractContextManager[None]:
    """Say in one sentence that memory did not suffice to fit what is named."""
    return memory_errors(f"Fitting {name}", NEEDS_LESS)


class BaseMixup(BaseEstimator, metaclass=ABCMeta):
    """What :class:`MixupClassifier` and :class:`MixupRegressor` share.

    It never asks which of the two it is: pairings, loss, encoding of the targets and
    the form of the predictions are theirs.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="both")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "n_mixed": [Interval(Integral, 2, MOST_MIXED, closed="both")],
        "pairing": [object],  # checked with the names that there are
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
    _flat = False  # whether the only column of predictions comes as a vector

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
    def _target_spec(self, y: Any, start: Start) -> TargetSpec:
        """Check the targets and return what is made of them, and their loss."""

    @abstractmethod
    def _links(self) -> list[nn.Module]:
        """Return the modules that turn a network's outputs into predictions."""

    # Training.

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the networks, with ``warm_start`` from the current weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of real numbers or booleans without missing values. Encode text,
            categories and dates first. With ``module``, of any shape (n_samples, ...).
            Sparse rows are converted to dense rows one minibatch at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Regressor: real targets. Classifier: one class per row, or one column of 0
            and 1 per label (multilabel). One-hot columns count as multilabel targets,
            as in scikit-learn's MLPClassifier, with a warning: pass
            ``y.argmax(axis=1)`` if each row has one class.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows; only their ratios matter. A weight of 0
            excludes the row.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are invalid, or if the loss becomes NaN or
            infinite. The estimator then keeps its earlier state.
        """
        return self._fit(X, y, sample_weight)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        one_epoch: bool = False,
        classes: NDArray[Any] | None = None,
    ) -> Self:
        """Train on the given rows, for one epoch only as a ``partial_fit``."""
        with all_or_nothing([self]), enough_memory(type(self).__name__):
            start = self._start(one_epoch, classes)
            with own_modes(start.dtype):
                task = self._prepare(X, y, sample_weight, start, Memo())
                (net,) = train([task])
                self._adopt(net, task)
        return self

    def _start(
        self, one_epoch: bool = False, classes: NDArray[Any] | None = None
    ) -> Start:
        """Check the parameters; start at the networks at hand if training goes on."""
        self._validate_params()
        check_parameters(self._settings, self._parameter_constraints)
        goes_on = (one_epoch or self.warm_start) and hasattr(self, "net_")
        if not goes_on:
            return Start(one_epoch=one_epoch, classes=classes)
        self._settings.check_unchanged(self._fitted.lasting)
        return Start(self.net_, self._fitted, one_epoch, classes)

    @property
    def _settings(self) -> Settings:
        params = {name: getattr(self, name) for name in self._parameter_constraints}
        return Settings(
            **params, estimator=type(self).__name__, pairings=self._pairings
        )

    @one_thread()
    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, start: Start, memo: Memo
    ) -> Task:
        """Check the data and return what is to be trained."""
        settings = self._settings
        device = resolve_device(self.device)
        table = self._table(X, start, device, memo)
        check_codes(X, settings)
        spec = self._target_spec(y, start)
        if table.shape[0] != len(spec.encoded):
            raise ValueError(
                f"X and y must be of one length, but X has {table.shape[0]} rows and y "
                f"has {len(spec.encoded)}."
            )
        unit = None if start.earlier is None else start.earlier.weight_unit
        rows = memo.get(
            ("rows", spec.loss, device, spec.class_weight),
            (X, y, sample_weight, start.net),
            lambda: weighted_rows(table, spec, sample_weight, unit, device),
        )
        return prepare_task(rows, spec, settings, start, memo)

    def _table(self, X: Any, start: Start, device: torch.device, memo: Memo) -> Table:
        """Check X, learn its features if fresh, and put it on the device once."""
        name, dtype = type(self).__name__, numpy_dtype(torch.get_default_dtype())
        allow_nd = self.module is not None

        def compute() -> Table:
            rows = check_rows(X, dtype, name, allow_nd)
            if start.is_fresh and self.standardize:
                warn_of_lost_digits(X, dtype)
            return as_table(rows, device)

        table = memo.get(("table", device, allow_nd), (X,), compute)
        validate_data(self, X, reset=start.is_fresh, skip_check_array=True)
        if start.net is not None:
            self._check_shape(table.shape[1:], start.net.module_)
        return table

    def _check_shape(self, shape: tuple[int, ...], network: Network) -> None:
        trained = tuple(network.inputs.shift.shape[2:])
        if shape != trained:
            raise ValueError(
                f"X has rows of shape {shape}, but {type(self).__name__} was "
                f"trained on rows of shape {trained}."
            )

    @one_thread()
    def _adopt(self, net: MixupNet, task: Task) -> None:
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
        self.net_ = net
        self._fitted = task.fitted
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

    def _check_rows(self, X: Any, dtype: type[np.floating]) -> Any:
        taker = type(self).__name__
        if sparse.issparse(X):
            check_structure(X, "X")
        else:
            check_quantities(X, "X", taker)
        with np.errstate(over="ignore"):  # of what is infinite then
            X = validate_data(
                self,
                X,
                reset=False,
                accept_sparse="csr",
                dtype=dtype,
                order="C",
                ensure_all_finite=False,  # which would not say where
                allow_nd=self._fitted.lasting["module"] is not None,
            )
        check_finite(X, getattr(self, "feature_names_in_", None), taker)
        self._check_shape(X.shape[1:], self.net_.module_)
        return X

    def _predict_raw(
        self,
        X: Any,
        *,
        exact: bool = False,
        link: Callable[[Tensor], Any] | None = None,
    ) -> NDArray[np.floating]:
        """Return the members' averaged predictions.

        ``exact`` predicts in double precision, in which a row alone has what it has
        among others to 1e-7, and more. ``link`` takes the place of the loss's own.
        """
        check_is_fitted(self)
        doing = f"Predicting by {type(self).__name__}"
        network, link = self.net_.module_, link or self.net_.criterion_.link()
        # The default dtype is that of all threads, some of which may train.
        own = isinstance(network.body, StackedMLP)
        modes = plain_modes() if own else own_modes(network.dtype)
        with modes, memory_errors(doing, FEWER_ROWS), one_thread() as threads:
            network = network.in_double() if exact else network
            return self._predict_in_chunks(network.eval(), X, link, threads)

    def _predict_in_chunks(
        self, network: Network, X: Any, link: Callable[[Tensor], Any], threads: int
    ) -> NDArray[np.floating]:
        device = network.inputs.shift.device
        dtype = numpy_dtype(network.inputs.shift.dtype)
        X = self._check_rows(X, dtype)
        predicted: NDArray[np.floating] = np.empty(0)
        # For few rows threads would only slow down.
        n_threads = threads if X.shape[0] > SMALL_TABLE else 1
        with torch.inference_mode(), torch_threads(n_threads):
            for chunk in gen_batches(X.shape[0], self._chunk_rows(X)):
                rows = X[chunk].toarray() if sparse.issparse(X) else X[chunk]
                raw = torch.from_numpy(without_warning(rows))
                outputs = network(raw.to(device).unsqueeze(0))
                # One by one: the rounding of torch's mean depends on a row's place.
                total = sum(link(outputs).unbind())
                means = (total / network.runs).cpu().numpy()
                if not predicted.size:  # whole at once: parts would litter the heap
                    predicted = np.empty((X.shape[0], means.shape[1]), dtype)
                predicted[chunk] = means
        return predicted

    def _chunk_rows(self, X: Any) -> int:
        hidden = self._fitted.lasting["hidden_layer_sizes"] or ()
        width = max([int(np.prod(X.shape[1:])), *hidden])
        return max(256, PREDICT_BYTES // (4 * width * self.net_.module_.runs))

    @one_thread()
    def to_torch(self) -> nn.Module:
        """Return the fitted ensemble as a plain torch module.

        Returns
        -------
        module : torch.nn.Module
            Maps float32 rows of shape (n, n_features) to the output of
            ``predict_proba`` (classifier) or ``predict`` (regressor), in float32 and in
            the same shape. It includes the standardisation and the average over the
            networks, is on the CPU and in evaluation mode, and can be exported by
            :func:`torch.export.export`.
        """
        check_is_fitted(self)
        with own_modes(self.net_.module_.dtype):
            network = copy.deepcopy(self.net_.module_).cpu()
            module = Predictor(network, self._links(), flat=self._flat)
            return module.eval().requires_grad_(False)

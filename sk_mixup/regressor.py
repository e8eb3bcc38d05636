"""The regressor: real targets, standardised inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sk_mixup._columns import check_quantities, missing
from sk_mixup._estimator import BaseMixup
from sk_mixup._losses import AbsoluteError, HuberLoss, Loss, SquaredError
from sk_mixup._net import MixupNet
from sk_mixup._parameters import LARGEST_NUMBER
from sk_mixup._prediction import Scaling
from sk_mixup._rows import Classes, Values
from sk_mixup._scaling import target_moments
from sk_mixup._sklearn import Interval, StrOptions, _check_y
from sk_mixup._stacks import Problem
from sk_mixup.vicinity import Neighbors, Pairing, RandomPairs, Similar

LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": HuberLoss,
}


class MixupRegressor(RegressorMixin, BaseMixup):
    """Neural network trained on mixtures of rows and of their targets.

    The twin of :class:`MixupClassifier` for real targets, one or several: virtual
    targets are ``lam * y_i + (1 - lam) * y_j`` (arXiv 1710.09412, section 2, calls this
    extension straightforward). Targets are standardised inside.

    Parameters
    ----------
    alpha : float, default=0.4
        Concentration of the Beta distribution of the mixing weights. 0 is empirical
        risk minimisation exactly, 1 draws the weights uniformly, ``numpy.inf`` always
        takes the mean of the two rows.

    loss : {"squared_error", "absolute_error", "huber"}, default="squared_error"
        What is minimised. The Huber loss turns linear beyond one deviation of y. The
        last two give wild targets a bounded say, in that deviation too: it is taken as
        that of a feature (see ``standardize``).

    pairing : {"random", "neighbors", "similar"} or Pairing, default="random"
        How partners are drawn: a permutation of the minibatch, one of the nearest
        neighbours, or rows of similar target (C-Mixup, arXiv 2210.05775); or an object
        of :mod:`sk_mixup.vicinity`.

    bandwidth : float, default=0.5
        Of ``pairing="similar"``, in deviations of y: row j is the partner of row i with
        probability proportional to ``exp(-(y_i - y_j)^2 / (2 bandwidth^2))``.

    n_neighbors : int, default=200
        How many nearest neighbours are candidates, clipped to the rows there are.

    n_mixed : int, default=2
        How many rows make a virtual example, at most 1000; with more than two the
        weights follow a Dirichlet distribution.

    weights_per : {"batch", "example"}, default="batch"
        Draw one set of weights for a minibatch or for each virtual example.

    mix_layer : {"input", "random"}, int or str, default="input"
        Where rows are mixed: 0 or "input" mixes inputs, i the activations of the i-th
        hidden layer, "random" those of a layer drawn for each minibatch. With
        ``module`` given: the name of a submodule, whose output is mixed.

    noise_std : float, default=0.0
        Deviation of Gaussian noise added to the inputs, in units of the standardised
        feature.

    warmup_epochs : int or float, default=0
        First epochs, which do not mix (arXiv 1710.09412, section 3.3); a float is a
        share of ``max_epochs``.

    clean_epochs : int, float or "auto", default="auto"
        Last epochs, which do not mix; a float is a share of ``max_epochs``. "auto" lets
        the first 500 steps mix, but no less than a fifth of the epochs and no more than
        half: large tables, which have many steps an epoch, gain little from longer
        mixing.

    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Units of each hidden layer, with ReLU.

    bias_init : {"data", "uniform"}, default="data"
        Where the biases of the hidden layers begin: "data" lets each unit begin to fire
        at a training row of its own, drawn at random, so that the units divide the rows
        and not empty space (after Steinwart, arXiv 1903.11482); "uniform" is that of
        :class:`torch.nn.Linear`. The weights are the same. Not used with ``module``.

    dropout : float, default=0.0
        Share of hidden units that are dropped in training.

    module : callable, default=None
        A torch module class, or another function that returns a module, to train
        instead of the perceptron. Maps (n, ...) to (n, n_outputs).
        Integers in X may be codes, of which a mean has no meaning: they are refused
        unless ``standardize`` is False, ``noise_std`` is 0, and ``mix_layer`` names a
        submodule or ``alpha`` is 0. If they are quantities, pass ``X.astype(float)``.

    module_params : dict, default=None
        Keyword arguments of ``module``.

    standardize : bool, default=True
        Centre and scale each feature inside the network by the mean and the standard
        deviation of its training rows. Values more than three interquartile ranges
        beyond the quartiles count as if they lay there, where they are at most 4 % of
        the rows (or 20 %, if they all are one value), so that wild cells do not hide a
        feature.

    clip : float or None, default=20.0
        Keep standardised features within (-clip, clip), smoothly: z becomes
        ``z / sqrt(1 + (z / clip)^2)``, which tames outliers (as in RealMLP, arXiv
        2407.04491). Predictions level off beyond about so many deviations; None lets a
        trend go on. Not used with ``standardize=False``.

    optimizer : {"adam", "adamw", "nadam", "rmsprop", "sgd"} or \
            torch.optim.Optimizer class, default="adam"
        Must treat each weight on its own.

    optimizer_params : dict, default=None
        Further keyword arguments of the optimiser.

    lr : float, default=0.002
        Learning rate at the start.

    weight_decay : float, default=0.0
        Weight decay of the optimiser. It applies to weights and biases alike.

    lr_schedule : {"constant", "cosine"}, default="constant"
        Keep the learning rate, or lower it to 0 along half a cosine.

    ema_halflife : float, default=1.0
        Predict with an exponential moving average of the weights (that of the teacher
        in arXiv 1703.01780), in which the share of a step's weights halves within so
        many epochs, or 7 % of the steps taken so far if that is less; epochs are judged
        by it too. 0 takes the last weights. ``partial_fit`` does not average.

    max_epochs : int, default=100
        Epochs; with ``early_stopping`` at most so many.

    batch_size : int, default=64
        Rows of a minibatch.

    early_stopping : bool, default=True
        Stop after ``n_iter_no_change`` epochs without a lower loss on the rows that
        the networks leave out, and take the weights of the best epoch. The networks
        are judged together: each by its own rows, and all by their mean.

    validation_fraction : float, default=0.1
        Fraction of the rows that each network holds out for validation, with
        ``early_stopping``. Equal rows are held out together, and networks take turns:
        of ten that hold out a tenth each of rows that differ, no two hold out the same.

    n_iter_no_change : int, default=20
        Epochs to wait for a lower loss. Any decrease counts, however small.

    n_estimators : int, default=8
        Networks, trained as one program, whose predictions are averaged.

    device : str, default="cpu"
        "cpu", "cuda" or another device of torch; "auto" takes a GPU if there is one.

    callbacks : list, default=None
        Callbacks of skorch, but for those that score, freeze, initialise or load a
        checkpoint. They see the networks as one, ``net.module_``, between epochs with
        averaged weights (``ema_halflife``); their KeyboardInterrupt ends the training.

    net_params : dict, default=None
        Further arguments of :class:`skorch.NeuralNet`: ``callbacks__*``,
        ``torch_load_kwargs`` and ``use_caching``. The estimator sets all others.

    warm_start : bool, default=False
        Let ``fit`` go on with the networks of the last call, from the weights that they
        predict with. The networks, their number and their optimiser cannot change then;
        other parameters may. ``random_state`` counts in the first call.

    verbose : int, default=0
        1 prints a line an epoch, 2 shows a progress bar too. With 0 a fit that takes
        more than a minute says so once, after its first epoch, on a terminal.

    random_state : int, RandomState instance or None, default=None
        Seed of everything. Two estimators that differ only in ``alpha`` share initial
        weights and order of rows.

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.

    n_features_in_ : int
        Number of features seen in ``fit``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    net_ : MixupNet
        The trained skorch net; its ``module_`` holds ``n_estimators`` networks.

    n_iter_ : int
        Epochs of the last call of ``fit`` or ``partial_fit``.

    history_ : skorch.history.History
        One entry for each epoch of all calls since the networks were made: losses,
        durations, and the numbers of minibatches.

    loss_curve_ : list of float
        Mean loss of each of these epochs on what was learnt from: virtual examples, or
        in clean epochs the rows themselves.

    validation_scores_ : ndarray of shape (n_epochs, n_estimators) or None
        Minus the loss on the rows left out, after each epoch judged by them
        (``early_stopping``).

    See Also
    --------
    MixupClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : A perceptron without mixup.

    Notes
    -----
    Sample weights stay right under mixing: each row carries its weight into its share
    of the target. Weights are relative to their mean over the rows (of the first call
    of ``partial_fit``), and the loss is a mean over the rows of a minibatch.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk
       Minimization", ICLR 2018, arXiv 1710.09412.
    .. [2] H. Yao, Y. Wang, L. Zhang, J. Zou, C. Finn, "C-Mixup: Improving
       Generalization in Regression", NeurIPS 2022, arXiv 2210.05775.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sk_mixup import MixupRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MixupRegressor(alpha=0.4, random_state=0).fit(X, y)
    >>> model.predict(X[:3]).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMixup._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "bandwidth": [
            Interval(Real, 1 / LARGEST_NUMBER, LARGEST_NUMBER, closed="both")
        ],
    }
    _pairings: ClassVar[dict[str, type[Pairing]]] = {
        "random": RandomPairs,
        "neighbors": Neighbors,
        "similar": Similar,
    }

    def __init__(
        self,
        alpha: float = 0.4,
        *,
        loss: Literal["squared_error", "absolute_error", "huber"] = "squared_error",
        pairing: str | Pairing = "random",
        bandwidth: float = 0.5,
        n_neighbors: int = 200,
        n_mixed: int = 2,
        weights_per: Literal["batch", "example"] = "batch",
        mix_layer: int | str = "input",
        noise_std: float = 0.0,
        warmup_epochs: float = 0,
        clean_epochs: float | Literal["auto"] = "auto",
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        bias_init: Literal["data", "uniform"] = "data",
        dropout: float = 0.0,
        module: Callable[..., nn.Module] | None = None,
        module_params: dict[str, Any] | None = None,
        standardize: bool = True,
        clip: float | None = 20.0,
        optimizer: str | type[torch.optim.Optimizer] = "adam",
        optimizer_params: dict[str, Any] | None = None,
        lr: float = 2e-3,
        weight_decay: float = 0.0,
        lr_schedule: Literal["constant", "cosine"] = "constant",
        ema_halflife: float = 1.0,
        max_epochs: int = 100,
        batch_size: int = 64,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        n_estimators: int = 8,
        device: str = "cpu",
        callbacks: list[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.alpha = alpha
        self.loss = loss
        self.pairing = pairing
        self.bandwidth = bandwidth
        self.n_neighbors = n_neighbors
        self.n_mixed = n_mixed
        self.weights_per = weights_per
        self.mix_layer = mix_layer
        self.noise_std = noise_std
        self.warmup_epochs = warmup_epochs
        self.clean_epochs = clean_epochs
        self.hidden_layer_sizes = hidden_layer_sizes
        self.bias_init = bias_init
        self.dropout = dropout
        self.module = module
        self.module_params = module_params
        self.standardize = standardize
        self.clip = clip
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.ema_halflife = ema_halflife
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_estimators = n_estimators
        self.device = device
        self.callbacks = callbacks
        self.net_params = net_params
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on the given rows, from where the networks stand.

        Features and targets are standardised by the mean and the deviation of all rows
        seen so far; first and last layers are adjusted to that, so that it alone
        changes no prediction, as far as features are not clipped (a ``module`` is not
        adjusted).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : MixupRegressor
            The estimator, trained further.

        Raises
        ------
        ValueError
            If ``y`` has another number of columns than at first, or as ``fit``.
        """
        self._fit_one_epoch(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Return the predicted targets of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units and the shape of the ``y`` that was learnt, float64.
        """
        check_is_fitted(self)
        return self._predict(X, replace(self._ensemble(), exact=True))

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags

    @property
    def _loss(self) -> type[Loss]:
        return LOSSES[self.loss]

    @property
    def _n_outputs(self) -> int:
        return self.n_outputs_

    @property
    def _scaling(self) -> Scaling:
        moments: Any = self._target_moments
        return moments.mean, moments.deviation

    def _encode(self, y: Any, first: bool, one_epoch: bool) -> NDArray[Any]:
        if y is None:
            raise ValueError(
                "MixupRegressor requires y to be passed, but the target y is None."
            )
        if sparse.issparse(y):
            raise ValueError("MixupRegressor needs a dense y; use y.toarray().")
        who = type(self).__name__
        check_quantities(y, "y", who)
        if pd.isna(y).any():
            raise ValueError(missing("y", [], who))
        y = _check_y(y, multi_output=True, y_numeric=True, estimator=self)
        columns = y.reshape(len(y), -1).astype(np.float64)
        if first:
            self._flat = y.ndim == 1
            self.n_outputs_ = columns.shape[1]
        elif columns.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {columns.shape[1]} columns, but the networks were trained on "
                f"{self.n_outputs_}."
            )
        return columns

    def _targets(
        self,
        encoded: NDArray[Any],
        weights: NDArray[Any] | None,
        unit: float,
        adds_rows: bool,
    ) -> Classes | Values:
        before = self._target_moments if adds_rows else None
        robust = self._loss.robust
        moments = target_moments(encoded, weights, unit, robust, before)
        if before is not None:
            moments = before.joined(moments)
        values = (encoded - moments.mean) / moments.divisor
        dtype = torch.get_default_dtype()
        return Values(torch.as_tensor(values, dtype=dtype), moments)

    def _adopt(self, net: MixupNet, problem: Problem) -> None:
        super()._adopt(net, problem)
        targets: Any = problem.runs[0].training.targets
        self._target_moments = targets.moments

    def _groups(self, targets: Any) -> NDArray[Any]:
        return targets.values.cpu().numpy()

    def _strata(self, targets: Classes | Values) -> None:
        return None

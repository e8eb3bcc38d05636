"""The classifier: labels, class weights and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sk_mixup._data import numpy_dtype
from sk_mixup._estimator import BaseMixup
from sk_mixup._labels import (
    Labels,
    announced_classes,
    check_labels,
    finite_log,
    log_odds,
    warn_of_one_hot,
)
from sk_mixup._losses import BinaryCrossEntropy, Loss, SoftCrossEntropy
from sk_mixup._net import MixupNet
from sk_mixup._rows import Classes, Run, Values
from sk_mixup._sklearn import Interval, StrOptions
from sk_mixup._temperature import fitted_temperature
from sk_mixup.vicinity import (
    Neighbors,
    Pairing,
    RandomPairs,
    SameClass,
    SameClassNeighbors,
)


class MixupClassifier(ClassifierMixin, BaseMixup):
    """Neural network trained on mixtures of rows and of their labels.

    A multi-layer perceptron for tables, trained by *mixup*: in every minibatch each row
    is replaced by ``lam * x_i + (1 - lam) * x_j`` with the label
    ``lam * y_i + (1 - lam) * y_j``, where ``lam ~ Beta(alpha, alpha)`` and row j is
    drawn as ``pairing`` says (arXiv 1710.09412, section 2).

    Parameters
    ----------
    alpha : float, default=0.4
        Concentration of the Beta distribution of the mixing weights. 0 is empirical
        risk minimisation exactly, 1 draws the weights uniformly, ``numpy.inf`` always
        takes the mean of the two rows.

    pairing : {"random", "same_class", "neighbors", "same_class_neighbors"} or \
            Pairing, default="random"
        How partners are drawn: a permutation of the minibatch, a permutation of the
        rows of each class, one of the nearest neighbours, one of the nearest of the
        same class; or an object of :mod:`sk_mixup.vicinity`.

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

    mix_target : {"interpolate", "dominant"}, default="interpolate"
        Mix the labels as the inputs, or keep the label of the heaviest row.

    label_smoothing : float, default=0.0
        Every wrong class gets ``label_smoothing / n_classes`` of probability. A fitted
        ``temperature`` undoes most of what this does to the predicted probabilities.

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

    dropout : float, default=0.2
        Share of hidden units that are dropped in training.

    module : callable, default=None
        A torch module class, or another function that returns a module, to train
        instead of the perceptron. Maps (n, ...) to (n, n_classes) logits.
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

    clip : float or None, default=3.0
        Keep standardised features within (-clip, clip), smoothly: z becomes
        ``z / sqrt(1 + (z / clip)^2)``, which tames outliers (as in RealMLP, arXiv
        2407.04491). Probabilities level off beyond about so many deviations. Not used
        with ``standardize=False``.

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
        Stop after ``n_iter_no_change`` epochs without a lower log loss on the rows that
        the networks leave out, and take the weights of the best epoch. The networks
        are judged together: each by its own rows, and all by their mean.

    validation_fraction : float, default=0.1
        Fraction of the rows that each network holds out for validation, with
        ``early_stopping`` or ``temperature="auto"``. Every class gives its fraction,
        equal rows are held out together, and networks take turns: of ten that hold out
        a tenth each of rows that differ, no two hold out the same.

    n_iter_no_change : int, default=20
        Epochs to wait for a lower loss. Any decrease counts, however small.

    n_estimators : int, default=8
        Networks, trained as one program, whose probabilities are averaged.

    temperature : float or "auto", default="auto"
        What the networks' outputs are divided by when they predict, from 1e-6 to 1e6:
        networks trained on mixtures are less sure than they should be, overfitted ones
        more. "auto" takes the value of the least log loss on the rows that each network
        holds out (arXiv 1706.04599); in ``partial_fit``, which holds none out, the one
        at hand, or 1.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, finite and not negative, multiplied into
        ``sample_weight``; "balanced" gives all classes the same weight in sum,
        ``sample_weight`` included.

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
        other parameters may. ``y`` must have the same classes as in the last call
        (``partial_fit`` takes rows of some of them). ``random_state`` counts in the
        first call.

    verbose : int, default=0
        1 prints a line an epoch, 2 shows a progress bar too. With 0 a fit that takes
        more than a minute says so once, after its first epoch, on a terminal.

    random_state : int, RandomState instance or None, default=None
        Seed of everything. Two estimators that differ only in ``alpha`` share initial
        weights and order of rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; label numbers for multilabel targets.

    n_features_in_ : int
        Number of features seen in ``fit``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    temperature_ : float
        What outputs are divided by.

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
        Minus the log loss on the rows left out, after each epoch judged by them
        (``early_stopping``).

    See Also
    --------
    MixupRegressor : The same for real targets.
    sklearn.neural_network.MLPClassifier : A perceptron without mixup.

    Notes
    -----
    Sample weights stay right under mixing: each row carries its weight into its share
    of the target. Weights are relative to their mean over the rows (of the first call
    of ``partial_fit``), and the loss is a mean over the rows of a minibatch.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk
       Minimization", ICLR 2018, arXiv 1710.09412.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_mixup import MixupClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MixupClassifier(alpha=0.4, random_state=0).fit(X, y)
    >>> model.predict(X[:3])
    array([0, 0, 0])
    >>> model.predict_proba(X[:3]).shape
    (3, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMixup._parameter_constraints,
        "mix_target": [StrOptions({"interpolate", "dominant"})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "temperature": [
            Interval(Real, 1e-6, 1e6, closed="both"),  # which float32 logits survive
            StrOptions({"auto"}),
        ],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _paper_recipe: ClassVar[dict[str, Any]] = {
        **BaseMixup._paper_recipe,
        "label_smoothing": 0.0,
        "mix_target": "interpolate",
        "temperature": 1.0,
    }
    _pairings: ClassVar[dict[str, type[Pairing]]] = {
        "random": RandomPairs,
        "same_class": SameClass,
        "neighbors": Neighbors,
        "same_class_neighbors": SameClassNeighbors,
    }

    def __init__(
        self,
        alpha: float = 0.4,
        *,
        pairing: str | Pairing = "random",
        n_neighbors: int = 200,
        n_mixed: int = 2,
        weights_per: Literal["batch", "example"] = "batch",
        mix_layer: int | str = "input",
        mix_target: Literal["interpolate", "dominant"] = "interpolate",
        label_smoothing: float = 0.0,
        noise_std: float = 0.0,
        warmup_epochs: float = 0,
        clean_epochs: float | Literal["auto"] = "auto",
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        bias_init: Literal["data", "uniform"] = "data",
        dropout: float = 0.2,
        module: Callable[..., nn.Module] | None = None,
        module_params: dict[str, Any] | None = None,
        standardize: bool = True,
        clip: float | None = 3.0,
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
        temperature: float | Literal["auto"] = "auto",
        class_weight: dict[Any, float] | str | None = None,
        device: str = "cpu",
        callbacks: list[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.alpha = alpha
        self.pairing = pairing
        self.n_neighbors = n_neighbors
        self.n_mixed = n_mixed
        self.weights_per = weights_per
        self.mix_layer = mix_layer
        self.mix_target = mix_target
        self.label_smoothing = label_smoothing
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
        self.temperature = temperature
        self.class_weight = class_weight
        self.device = device
        self.callbacks = callbacks
        self.net_params = net_params
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: Any = None,
    ) -> Self:
        """Train for one epoch on the given rows, from where the networks stand.

        Features are standardised by the mean and the deviation of all rows seen so far;
        the first layer is adjusted to that, so that it alone changes no prediction,
        as far as features are not clipped (a ``module`` is not adjusted).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever be seen, in any order or as a set; needed in the
            first call, unless its ``y`` holds them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : MixupClassifier
            The estimator, trained further.

        Raises
        ------
        ValueError
            If ``y`` holds labels that are not among the classes, if ``classes`` is
            empty or holds missing values, with ``class_weight="balanced"``, which needs
            all rows, or as ``fit``.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' needs all rows, of which partial_fit sees "
                "some; give the weight of each class as a dict."
            )
        if classes is not None:
            classes = announced_classes(classes, type(self).__name__)
        if not hasattr(self, "net_"):
            self._announced = classes
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes} are not those of the first call, {self.classes_}."
            )
        try:
            self._fit_one_epoch(X, y, sample_weight)
        finally:
            self.__dict__.pop("_announced", None)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``, float32; for multilabel targets the
            probability of each label.
        """
        check_is_fitted(self)
        return self._predict(X, self._ensemble())

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            As ``predict_proba``; minus infinity where it is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log-odds of the second of two classes, or a score of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes) or \
                (n_samples, n_labels)
            With two classes the logarithm of the odds of ``classes_[1]``, which is
            predicted where it is positive. With more, the logarithm of the probability
            of each class, of which the largest is predicted. For multilabel targets the
            log-odds of each label. Always finite: probabilities below 1e-38 count as
            that.
        """
        check_is_fitted(self)
        exact = replace(self._ensemble(), exact=True)
        if self._multilabel:
            both = self._predict(X, replace(exact, link=_SigmoidWithComplement()))
            return log_odds(*np.split(both, 2, axis=1))
        logs = finite_log(self._predict(X, exact))
        return logs[:, 1] - logs[:, 0] if len(self.classes_) == 2 else logs

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels; for multilabel targets the indicators of labels more probable than
            not.
        """
        proba = self.predict_proba(X)
        if self._multilabel:
            return (proba > 0.5).astype(int)
        return self.classes_[proba.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _needs_validation(self) -> bool:
        return self.early_stopping or self.temperature == "auto"

    def _calibrate(self, net: MixupNet, runs: list[Run]) -> None:
        if self.temperature != "auto":
            self.temperature_ = float(self.temperature)
        elif runs[0].validation is not None:
            self.temperature_ = fitted_temperature(net.module_, net.criterion_, runs)
        else:  # of an epoch of `partial_fit` no rows are left out
            self.temperature_ = getattr(self, "temperature_", 1.0)
        net.module_.temperature = self.temperature_

    @property
    def _loss(self) -> type[Loss]:
        return BinaryCrossEntropy if self._multilabel else SoftCrossEntropy

    @property
    def _n_outputs(self) -> int:
        return len(self.classes_)

    @property
    def _multilabel(self) -> bool:
        return self._labels.multilabel

    def _encode(self, y: Any, first: bool, one_epoch: bool) -> NDArray[Any]:
        given = check_labels(y, self)
        if first:
            announced = getattr(self, "_announced", None)
            self._labels = Labels.learn(given, announced)
            self.classes_ = self._labels.classes
            if given.multilabel and announced is None:
                warn_of_one_hot(given.values)
        elif not one_epoch:
            self._labels.check_same(given)
        return self._labels.encode(given)

    def _class_weights(
        self, encoded: NDArray[Any], sample_weight: NDArray[np.float64] | None
    ) -> NDArray[np.float64] | None:
        return self._labels.weights(self.class_weight, encoded, sample_weight)

    def _targets(
        self,
        encoded: NDArray[Any],
        weights: NDArray[Any] | None,
        unit: float,
        adds_rows: bool,
    ) -> Classes | Values:
        if self._multilabel:
            dtype = numpy_dtype(torch.get_default_dtype())
            return Values(torch.from_numpy(encoded.astype(dtype)))
        return Classes(torch.from_numpy(encoded), len(self.classes_))

    def _groups(self, targets: Classes | Values) -> NDArray[Any]:
        if isinstance(targets, Classes):
            return targets.codes.cpu().numpy()
        labels = targets.values.cpu().numpy()
        return np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)

    def _strata(self, targets: Classes | Values) -> NDArray[Any] | None:
        return self._groups(targets) if isinstance(targets, Classes) else None


class _SigmoidWithComplement(nn.Module):
    """Return the probability of each label, and beside them of its absence."""

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.cat([outputs, -outputs], -1))

"""The regressor: real targets, standardised inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score
from torch import nn

from sk_mixup._data.real_targets import (
    check_positive,
    checked_targets,
    scaled_targets,
    standardized_targets,
)
from sk_mixup._estimator.base import BaseMixup
from sk_mixup._estimator.constraints import LARGEST_NUMBER
from sk_mixup._networks.losses import (
    AbsoluteError,
    GammaDeviance,
    HuberLoss,
    LogLinkLoss,
    Loss,
    PinballLoss,
    PoissonDeviance,
    SquaredError,
)
from sk_mixup._sklearn import Interval, StrOptions
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.target_spec import TargetSpec
from sk_mixup._training.task import Start
from sk_mixup.encodings import Encoding
from sk_mixup.vicinity import Neighbors, Pairing, RandomPairs, Similar

LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": HuberLoss,
    "quantile": PinballLoss,
    "poisson": PoissonDeviance,
    "gamma": GammaDeviance,
}


class MixupRegressor(RegressorMixin, BaseMixup):
    """Neural network regressor for tables, trained by mixup.

    The counterpart of :class:`MixupClassifier` for real targets, one or several: in
    every minibatch each row ``x_i`` is replaced by the virtual example
    ``lam * x_i + (1 - lam) * x_j`` with the target ``lam * y_i + (1 - lam) * y_j``. The
    weight ``lam`` is drawn from ``Beta(alpha, alpha)``, and ``pairing`` chooses the
    partner j (arXiv 1710.09412, section 2). Targets are standardised inside, or divided
    by their mean ("poisson" and "gamma"); predictions are in the unit of y.

    Parameters
    ----------
    alpha : float or sequence of float, default=0.2
        Concentration of the Beta distribution of the mixing weights. The larger
        ``alpha``, the stronger the regularisation: 0 is training without mixing
        (empirical risk minimisation), 1 draws weights uniformly between 0 and 1,
        ``numpy.inf`` averages the rows. The networks take turns with the values of a
        sequence, such as ``(0, 0.2, 0.4, 1)``. On ImageNet the paper found gains for
        0.1 to 0.4 (arXiv 1710.09412, section 3.1).

    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson", \
            "gamma"}, default="squared_error"
        Training loss. "squared_error", "absolute_error" and "huber" are computed on
        standardised targets; the Huber loss is quadratic up to one standard deviation
        of y and linear beyond. "quantile" is the pinball loss of ``quantile``, also on
        standardised targets. "poisson" (counts) and "gamma" (positive targets) are half
        the deviance on targets divided by their mean, and the networks learn the
        logarithm of the mean; "poisson" requires ``y >= 0``, "gamma" ``y > 0``. The
        absolute, Huber and pinball losses are robust to outliers; for them, the mean
        and the standard deviation of y are computed as for a feature (see
        ``standardize``).

    quantile : float or sequence of float, default=None
        Quantile to be estimated with ``loss="quantile"``, between 0 and 1, or several
        in ascending order, as in ``quantile=(0.1, 0.5, 0.9)``. Each network learns all
        of them; its predictions are sorted, so that they never cross. Not used with
        other losses.

    pairing : {"random", "neighbors", "similar"} or Pairing, default="random"
        Choice of partners. "random": a permutation of the minibatch, as in the code of
        the paper's authors. "neighbors": one of the nearest neighbours. "similar": rows
        of similar target (C-Mixup, arXiv 2210.05775). Or an object of
        :mod:`sk_mixup.vicinity`.

    bandwidth : float, default=0.5
        Kernel width of ``pairing="similar"``, in standard deviations of y: row j is the
        partner of row i with probability proportional to ``exp(-(y_i - y_j)^2 / (2
        bandwidth^2))``. The smaller ``bandwidth``, the more similar the partners.

    n_neighbors : int, default=200
        Number of nearest neighbours among which a partner is drawn, if ``pairing`` uses
        neighbours. Tables with fewer other rows use all of them. 200 is the paper's
        number (arXiv 1710.09412, section 3.8).

    n_mixed : int, default=2
        Number of rows in a virtual example, from 2 to 1000. Above 2, the weights follow
        a Dirichlet distribution. The paper found no gain beyond 2 (arXiv 1710.09412,
        section 2).

    weights_per : {"batch", "example"}, default="batch"
        Draw mixing weights once per minibatch, as in the code of the paper's authors,
        or once per virtual example.

    warping : float, default=None
        Kernel width, at least 0.01, of mixing by distance: the farther apart two rows,
        the less they are mixed (arXiv 2311.01434). A weight ``lam`` becomes the
        ``lam``-quantile of ``Beta(k, k)``, where
        ``k = exp(-(d / mean - 1) / (2 warping^2))``. Here d is the squared distance of
        the targets, and ``mean`` its mean over the minibatch. Pairs at the mean
        distance keep their weight; farther pairs have weights nearer to 0 and 1, more
        so for small ``warping``; 0.5 is the default of the authors' code. None leaves
        all weights as drawn. Needs ``n_mixed=2``.

    mix_layer : {"input", "random", "raw"}, int or str, default="input"
        Layer at which rows are mixed. "input" or 0: the inputs, after standardising,
        clipping and encoding. "raw": the features before these steps, with categories
        as one-hot columns. i: the activations of the i-th hidden layer. "random": the
        inputs or one of the hidden layers, drawn for each minibatch (manifold mixup,
        arXiv 1806.05236). With ``module``: "input", or the name of a submodule, whose
        output is mixed.

    mix_features : {"interpolate", "swap", "swap_categories"}, default="interpolate"
        How columns are mixed. "interpolate": the weighted average of every column,
        one-hot columns of categories included (0.3 red and 0.7 blue). "swap": each
        column comes whole from one of the rows, with the weight of the row as
        probability (Feat-Mix, arXiv 2301.02819). "swap_categories": categories are
        swapped, numbers averaged. Labels and targets are mixed by the mean share of
        each row over the columns. Needs ``mix_layer`` to be "input" or "raw".

    noise_std : float, default=0.0
        Standard deviation of Gaussian noise on the inputs, in units of the standardised
        feature.

    warmup_epochs : int or float, default=0
        Number of initial epochs trained without mixing (arXiv 1710.09412, section 3.3);
        a float is a fraction of ``max_epochs``.

    clean_epochs : int, float or "auto", default="auto"
        Number of final epochs trained without mixing; a float is a fraction of
        ``max_epochs``. "auto" mixes for 500 steps, but for at least a fifth and at most
        half of the epochs: large tables, with many steps per epoch, gain little from
        longer mixing.

    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Number of ReLU units in each hidden layer. The default is the paper's network
        for tables (arXiv 1710.09412, section 3.6).

    bias_init : {"data", "uniform"}, default="data"
        Initial biases of the hidden layers. "data" sets each bias so that the unit's
        ReLU kink passes through a training row drawn at random: the kinks lie where the
        data are (after Steinwart, arXiv 1903.11482). "uniform" is the initialisation of
        :class:`torch.nn.Linear`. The initial weights are the same for both. Not used
        with ``module``.

    dropout : float, default=0.0
        Probability of dropping a hidden unit in a training step. Not used with
        ``module``.

    module : callable, default=None
        Network to train instead of the perceptron: a torch module class, or a function
        that returns a module. It maps rows of shape (n, ...) to predictions of shape
        (n, n_outputs), with several quantiles (n, n_outputs * n_quantiles). Integers in
        X may be codes, whose averages are meaningless: they are refused unless
        ``standardize`` is False, ``noise_std`` is 0, and ``mix_layer`` names a
        submodule or ``alpha`` is 0. Pass integer quantities as ``X.astype(float)``.

    module_params : dict, default=None
        Keyword arguments of ``module``.

    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns that are categories: names, positions, or a boolean mask. "from_dtype":
        columns of category dtype and of text; None: no column, and text is refused.
        Each level becomes a one-hot column; missing values count as a level. All other
        columns are numbers (booleans are 0 and 1); missing numbers are replaced by the
        mean of the training rows (weighted by ``sample_weight``). A column with missing
        values in ``fit`` also gets an indicator column. Dates, durations and intervals
        are refused. Not used with ``module`` or sparse rows, which hold numbers only.

    max_categories : int, default=255
        Maximum number of levels of a category: a column with more is refused before
        training. 255 is the limit of scikit-learn's gradient boosting.

    min_frequency : int or float, default=2
        Number, or fraction, of rows that a level needs for a column of its own, as in
        :class:`sklearn.preprocessing.OneHotEncoder`. Rarer levels share a column, which
        unseen levels also use; without rare levels, unseen levels have 0 in all
        columns. By default, levels that occur once share a column: a separate column
        would identify a single row. Rows of weight 0 do not count.

    standardize : bool, default=True
        Centre and scale each feature inside the network, with the mean and the standard
        deviation of its training rows. A few outliers do not inflate these statistics:
        values more than three interquartile ranges beyond the quartiles count as that
        bound, if they make up at most 4 % of the rows (20 % if all are one value, such
        as a code for missing values).

    encoding : {"standardized", "bins"}, Encoding or sequence of those, \
            default=("bins", "standardized")
        Encoding of the numeric features. "standardized": their standardised values.
        "bins": in addition, for each feature with more than two values, eight to
        sixteen piecewise-linear units, which rise from 0 to 1 between quantiles (arXiv
        2203.05556, section 3.2) and make steps easy to learn. Or an object of
        :mod:`sk_mixup.encodings`. The networks take turns with the encodings of a
        sequence. Rows are encoded before they are mixed; "standardized" gives the
        mixing of the paper. Sparse tables, tables for a ``module`` and tables with more
        than 300 such features have no bins.

    clip : float or None, default=20.0
        Smooth bound on standardised features, in standard deviations: z becomes
        ``z / sqrt(1 + (z / clip)^2)``, within (-clip, clip), which limits the effect of
        outliers (as in RealMLP, arXiv 2407.04491). Predictions level off beyond the
        bound; None (no bound) lets a trend continue. Not used with
        ``standardize=False``.

    optimizer : {"adam", "adamw", "nadam", "rmsprop", "sgd"} or \
            torch.optim.Optimizer class, default="adam"
        Optimiser. It must be elementwise (not L-BFGS or Muon), because the networks are
        trained stacked in shared tensors.

    optimizer_params : dict, default=None
        Further keyword arguments of the optimiser.

    lr : float, default=0.002
        Initial learning rate.

    weight_decay : float, default=0.0
        Weight decay of the optimiser, on weights and biases alike.

    lr_schedule : {"constant", "cosine", "step"}, default="constant"
        "constant" keeps the learning rate; "cosine" lowers it to 0 over ``max_epochs``,
        along half a cosine; "step" multiplies it by ``lr_gamma`` at each of
        ``lr_milestones``. With "cosine" and "step", each ``fit`` restarts at ``lr``;
        ``partial_fit`` always uses ``lr``. Early stopping cuts the decay short.

    lr_milestones : sequence of int or float, default=(0.5, 0.75)
        When ``lr_schedule="step"`` lowers the learning rate, as in
        :class:`torch.optim.lr_scheduler.MultiStepLR`. An int counts epochs; a float
        between 0 and 1 is a fraction of ``max_epochs``. A number of epochs beyond
        ``max_epochs`` is never reached. The default is the paper's on CIFAR: after 100
        and 150 of 200 epochs (arXiv 1710.09412, section 3.2).

    lr_gamma : float, default=0.1
        Factor of the learning rate at each of ``lr_milestones``, above 0 and at most 1.

    ema_halflife : float, default=1.0
        Half-life, in epochs, of the exponential moving average of the weights (the
        teacher of arXiv 1703.01780), or 7 % of the steps so far, if that is shorter.
        Validation and prediction use the average; training continues from the last
        weights. 0 uses the last weights throughout. In ``partial_fit`` a call counts as
        an epoch.

    max_epochs : int or "auto", default="auto"
        Number of epochs, or their maximum with ``early_stopping``. "auto": 100, fewer
        for tables of more than 14,000 rows (see ``batch_size``).

    batch_size : int or "auto", default="auto"
        Number of rows in a minibatch. "auto": 64, more for tables of more than 14,000
        rows. With d = max(0, round(log2(n_samples / 10,000))), "auto" means
        ``batch_size`` = 64 * 2^(d/2), ``max_epochs`` = max(10, 100 / 2^(2d/3)) and
        ``n_iter_no_change`` = a fifth of these epochs, all rounded (100,000 rows: 181,
        25 and 5). ``partial_fit`` counts the rows of each call.

    early_stopping : bool, default=True
        Stop training after ``n_iter_no_change`` epochs without a decrease of the
        validation loss, and restore the weights of the best epoch. The validation loss
        is the loss on the validation rows of each network, averaged over the networks:
        all stop together. ``scoring`` names another metric.

    validation_fraction : float, default=0.1
        Fraction of the training rows that each network holds out for validation, with
        ``early_stopping``. Equal rows are held out together. The networks take turns:
        of ten networks that hold out 0.1 of distinct rows, no two hold out the same
        row.

    validation : splitter, list of (training rows, validation rows) or None, \
            default=None
        Which rows each network holds out. None: ``validation_fraction`` of them, in
        whole groups if ``fit`` is given ``groups``. A scikit-learn splitter, such as
        :class:`~sklearn.model_selection.GroupShuffleSplit` or
        :class:`~sklearn.model_selection.TimeSeriesSplit`, or a list of pairs of row
        numbers: the networks take turns with the splits, starting with the last split
        (of a time series split, the one with the most training rows). A network whose
        split has fewer training rows than the largest split visits some of them several
        times per epoch. A splitter without a ``random_state`` uses that of the
        estimator. Row numbers are those of X; a splitter is given the rows with a
        weight above 0. Not used with ``X_val``.

    scoring : str, callable or None, default="loss"
        Metric for early stopping, computed after each epoch on the validation rows of
        each network and averaged over the networks. "loss": the validation loss. The
        name of a scikit-learn scorer, or a callable ``scorer(estimator, X, y)``: it
        receives an estimator that predicts with this one network, at temperature 1, and
        the rows as given to ``fit``; higher is better. None: the ``score`` of the
        estimator. Sample weights are passed to scorers that take ``sample_weight``;
        class weights are not.

    n_iter_no_change : int or "auto", default="auto"
        Patience: number of epochs without a decrease of the validation loss (an
        increase of the score) before training stops. Any change counts, however small.
        "auto": 20, fewer for tables of more than 14,000 rows (see ``batch_size``).

    time_limit : float, default=None
        Seconds that ``fit`` may take, including preparation. Training then ends, even
        within its first epoch, with the weights of the best epoch so far or, without
        one, with the last weights. The learning rate schedule and the mixing epochs
        follow the elapsed fraction of the time once it exceeds the fraction of the
        steps. Results depend on the speed of the machine and are not reproducible.
        Networks that are trained together (by ``fit_many`` or a search) share one limit
        for their whole training; ``partial_fit`` has none.

    n_estimators : int, default=8
        Number of networks in the ensemble, trained as one program; their predictions
        are averaged.

    member_weights : {"uniform", "validation"}, default="uniform"
        Weights of the networks in the average. "uniform": all equal. "validation":
        proportional to ``exp(-0.05 * n * loss)``, where ``loss`` is a network's mean
        loss on its n validation rows; uniform if no rows are held out. ``partial_fit``
        without ``X_val`` keeps the current weights.

    device : str, default="cpu"
        Device of training and prediction: "cpu", "cuda" or another device of torch.
        "auto" uses a GPU if one is usable and the networks give it enough work.

    callbacks : list, default=None
        List of skorch callbacks. Those that score, freeze or initialise parameters, or
        load a checkpoint are refused. All networks are one module, ``net.module_``,
        which holds averaged weights between epochs (``ema_halflife``). A
        KeyboardInterrupt raised by a callback ends the training. scikit-learn callbacks
        (from 1.9 on) are passed to ``set_callbacks``.

    net_params : dict, default=None
        Further arguments of :class:`skorch.NeuralNet`: ``callbacks__*``,
        ``torch_load_kwargs`` and ``use_caching``. The estimator sets all others.

    warm_start : bool, default=False
        Let ``fit`` continue the training of the last call, from the weights used for
        prediction. The network, ``n_estimators``, ``encoding``,
        ``categorical_features``, ``min_frequency``, ``max_categories``, ``loss``,
        ``quantile``, ``standardize``, ``clip``, the optimiser with its parameters and
        ``net_params`` cannot change; other parameters may. ``random_state`` is used in
        the first call only.

    verbose : int, default=0
        Output during training. 1: one line per epoch. 2: a progress bar as well. 0:
        none, but a terminal shows one estimate of the duration if a fit takes more than
        a minute.

    random_state : int, RandomState instance or None, default=None
        Seed of all random draws. Estimators with the same seed that differ only in
        ``alpha`` share initial weights and row order.

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.

    n_features_in_ : int
        Number of features seen in ``fit``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Feature names, if X has any.

    net_ : MixupNet
        Trained skorch net; its ``module_`` holds all ``n_estimators`` networks.

    member_weights_ : ndarray of shape (n_estimators,)
        Weights of the networks in predictions; their sum is 1.

    n_iter_ : int
        Number of whole epochs in the last call of ``fit`` or ``partial_fit``.

    time_limit_reached_ : bool
        Whether ``time_limit`` ended the training of the last fit, which is then not
        reproducible.

    history_ : skorch.history.History
        One entry per epoch of all calls since the networks were created: losses,
        durations in seconds, and numbers of minibatches.

    loss_curve_ : list of float
        Mean training loss of each of these epochs: on virtual examples or, in epochs
        without mixing, on the rows themselves.

    validation_scores_ : ndarray of shape (n_epochs, n_estimators) or None
        Negative loss of each network on its validation rows, or its ``scoring`` metric,
        after each epoch with early stopping; None without such epochs.

    See Also
    --------
    MixupClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : A perceptron without mixup.

    Notes
    -----
    In a mixed target, each row counts in proportion to its mixing weight times its
    sample weight. The loss is a mean over the rows of a minibatch. Sample weights are
    divided by their mean over all rows (of the first call of ``partial_fit``).

    The defaults are those of the classifier, except for ``dropout``, ``clip`` and
    ``member_weights``: ``docs/results/defaults.md`` in the repository reports what each
    choice gains or loses.

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
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like", None],
        "bandwidth": [
            Interval(Real, 1 / LARGEST_NUMBER, LARGEST_NUMBER, closed="both")
        ],
    }
    _predicts_numbers: ClassVar[bool] = True
    _pairings: ClassVar[dict[str, type[Pairing]]] = {
        "random": RandomPairs,
        "neighbors": Neighbors,
        "similar": Similar,
    }

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.2,
        *,
        loss: Literal[
            "squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma"
        ] = "squared_error",
        quantile: float | Sequence[float] | None = None,
        pairing: str | Pairing = "random",
        bandwidth: float = 0.5,
        n_neighbors: int = 200,
        n_mixed: int = 2,
        weights_per: Literal["batch", "example"] = "batch",
        warping: float | None = None,
        mix_layer: int | str = "input",
        mix_features: Literal["interpolate", "swap", "swap_categories"] = "interpolate",
        noise_std: float = 0.0,
        warmup_epochs: float = 0,
        clean_epochs: float | Literal["auto"] = "auto",
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        bias_init: Literal["data", "uniform"] = "data",
        dropout: float = 0.0,
        module: Callable[..., nn.Module] | None = None,
        module_params: dict[str, Any] | None = None,
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        max_categories: int = 255,
        min_frequency: float = 2,
        standardize: bool = True,
        encoding: str | Encoding | Sequence[str | Encoding] = ("bins", "standardized"),
        clip: float | None = 20.0,
        optimizer: str | type[torch.optim.Optimizer] = "adam",
        optimizer_params: dict[str, Any] | None = None,
        lr: float = 2e-3,
        weight_decay: float = 0.0,
        lr_schedule: Literal["constant", "cosine", "step"] = "constant",
        lr_milestones: Sequence[float] = (0.5, 0.75),
        lr_gamma: float = 0.1,
        ema_halflife: float = 1.0,
        max_epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        validation: Any = None,
        scoring: str | Callable[..., float] | None = "loss",
        n_iter_no_change: int | Literal["auto"] = "auto",
        time_limit: float | None = None,
        n_estimators: int = 8,
        member_weights: Literal["uniform", "validation"] = "uniform",
        device: str = "cpu",
        callbacks: list[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.alpha = alpha
        self.loss = loss
        self.quantile = quantile
        self.pairing = pairing
        self.bandwidth = bandwidth
        self.n_neighbors = n_neighbors
        self.n_mixed = n_mixed
        self.weights_per = weights_per
        self.warping = warping
        self.mix_layer = mix_layer
        self.mix_features = mix_features
        self.noise_std = noise_std
        self.warmup_epochs = warmup_epochs
        self.clean_epochs = clean_epochs
        self.hidden_layer_sizes = hidden_layer_sizes
        self.bias_init = bias_init
        self.dropout = dropout
        self.module = module
        self.module_params = module_params
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.min_frequency = min_frequency
        self.standardize = standardize
        self.encoding = encoding
        self.clip = clip
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.lr_milestones = lr_milestones
        self.lr_gamma = lr_gamma
        self.ema_halflife = ema_halflife
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation = validation
        self.scoring = scoring
        self.n_iter_no_change = n_iter_no_change
        self.time_limit = time_limit
        self.n_estimators = n_estimators
        self.member_weights = member_weights
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
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train for one epoch on the given rows, from the current weights.

        Features and targets are standardised by the mean and the standard deviation of
        all rows seen so far. When these statistics change, the first and the last layer
        are adjusted so that no prediction changes (except where features are clipped).
        A ``module`` is not adjusted.

        Predictions use the average of the weights over all calls, whose half-life is
        ``ema_halflife`` calls. Bin edges are learnt again whenever the number of rows
        so far has doubled, from a sample of at most 4,000 rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        X_val : array-like, frame or sparse matrix of shape (n_val, n_features), \
                default=None
            Validation rows of your own, with the columns of X. After the epoch their
            scores join ``validation_scores_`` (with ``early_stopping``), and
            ``member_weights="validation"`` is fitted on them. Losses are in units of
            the standard deviation of all targets so far; name a metric (``scoring``) to
            compare calls.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of X_val.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of X_val; only their ratios matter.

        Returns
        -------
        self : MixupRegressor
            The estimator, trained further.

        Raises
        ------
        ValueError
            If ``y`` has another number of columns than in the first call, or as in
            ``fit``. With ``loss="poisson"``, unlike in ``fit``, all targets may be 0.
        """
        data = FitData(X, y, sample_weight, None, X_val, y_val, sample_weight_val)
        return self._fit(data, one_epoch=True)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the predicted targets of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Also return how much the networks differ: 0 for a single network.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in float64, in the unit and the shape of the ``y`` of ``fit``.
            Several quantiles are along an additional last axis:
            (n_samples, n_quantiles) or (n_samples, n_outputs, n_quantiles).
        y_std : ndarray of the shape of ``y``
            Standard deviation of the predictions of the networks around ``y``, weighted
            by ``member_weights_``. Only returned if ``return_std`` is True. It measures
            disagreement of the networks, not noise of the target.
        """
        self._check_is_fitted()
        return self._predict(X, self._ensemble(exact=True), return_std)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return how good the predictions are: 1 at best, 0 for the best constant.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        score : float
            The coefficient of determination; for several quantiles, the mean of
            :func:`sklearn.metrics.d2_pinball_score`.
        """
        self._check_is_fitted()
        quantiles = self._fitted.lasting["quantile"]
        if not isinstance(quantiles, tuple):
            return super().score(X, y, sample_weight)
        predicted = np.moveaxis(self.predict(X), -1, 0)
        scores = [
            d2_pinball_score(y, own, sample_weight=sample_weight, alpha=quantile)
            for quantile, own in zip(quantiles, predicted, strict=True)
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect of the estimator."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss in ("poisson", "gamma")
        return tags

    def _checked_targets(self, y: Any) -> NDArray[Any]:
        y = checked_targets(y, self)
        if issubclass(LOSSES[self.loss], LogLinkLoss):
            check_positive(_columns(y), self.loss)
        return y

    def _learn_targets(self, checked: NDArray[Any], data: FitData) -> None:
        several = np.asarray(self.quantile).shape if self.loss == "quantile" else ()
        self._row_shape = checked.shape[1:] + several
        self.n_outputs_ = _columns(checked).shape[1]

    def _target_spec(self, checked: NDArray[Any], start: Start) -> TargetSpec:
        loss, earlier = LOSSES[self.loss], start.earlier
        before = None if earlier is None else earlier.target_moments
        quantiles = self._settings.quantiles
        by_mean = issubclass(loss, LogLinkLoss)
        return TargetSpec(
            encoded=self._encoded(checked),
            make=partial(scaled_targets, before=before, goes_on=start.one_epoch)
            if by_mean
            else partial(standardized_targets, robust=loss.robust, before=before),
            loss=loss,
            loss_params=() if quantiles is None else (("quantiles", quantiles),),
            n_outputs=self.n_outputs_ * len(quantiles or (None,)),
        )

    def _encoded(self, checked: NDArray[Any]) -> NDArray[np.float64]:
        columns = _columns(checked)
        if columns.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {columns.shape[1]} columns, but the networks were trained on "
                f"{self.n_outputs_}."
            )
        return columns


def _columns(y: NDArray[Any]) -> NDArray[np.float64]:
    return y.reshape(len(y), -1).astype(np.float64)

"""The classifier: labels, class weights and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from torch import nn

from sk_mixup._data.labels import (
    CheckedLabels,
    Labels,
    announced_classes,
    check_labels,
    class_targets,
    finite_log,
    indicator_targets,
    labels_to_score,
    log_odds,
    warn_of_one_hot,
)
from sk_mixup._estimator.base import BaseMixup
from sk_mixup._estimator.constraints import LARGEST_NUMBER
from sk_mixup._networks.links import SigmoidWithComplement
from sk_mixup._networks.losses import BinaryCrossEntropy, SoftCrossEntropy
from sk_mixup._sklearn import Interval, StrOptions
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.net import MixupNet
from sk_mixup._training.remix import Remix
from sk_mixup._training.target_spec import TargetSpec
from sk_mixup._training.task import Start, Task
from sk_mixup._training.temperature import SHARPER, fitted_temperature
from sk_mixup.encodings import Encoding
from sk_mixup.vicinity import (
    Balanced,
    Neighbors,
    Pairing,
    RandomPairs,
    SameClass,
    SameClassNeighbors,
)


class MixupClassifier(ClassifierMixin, BaseMixup):
    """Neural network classifier for tables, trained by mixup.

    An ensemble of multi-layer perceptrons, trained on weighted averages of rows: in
    every minibatch each row ``x_i`` is replaced by the virtual example
    ``lam * x_i + (1 - lam) * x_j`` with the label ``lam * y_i + (1 - lam) * y_j``. The
    weight ``lam`` is drawn from ``Beta(alpha, alpha)``, and ``pairing`` chooses the
    partner j (arXiv 1710.09412, section 2).

    Parameters
    ----------
    alpha : float or sequence of float, default=0.2
        Concentration of the Beta distribution of the mixing weights. The larger
        ``alpha``, the stronger the regularisation: 0 is training without mixing
        (empirical risk minimisation), 1 draws weights uniformly between 0 and 1,
        ``numpy.inf`` averages the rows. The networks take turns with the values of a
        sequence, such as ``(0, 0.2, 0.4, 1)``. On ImageNet the paper found gains for
        0.1 to 0.4 (arXiv 1710.09412, section 3.1).

    pairing : {"random", "same_class", "neighbors", "same_class_neighbors", \
            "balanced"} or Pairing, default="random"
        Choice of partners. "random": a permutation of the minibatch, as in the code of
        the paper's authors. "same_class": a permutation of the training rows of each
        class. "neighbors": one of the nearest neighbours. "same_class_neighbors": one
        of the nearest neighbours within the class, as in SMOTE. "balanced": a training
        row of a class that is drawn first, with equal probability for all classes
        (arXiv 2109.09850). Or an object of :mod:`sk_mixup.vicinity`.

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
        the standardised inputs, and ``mean`` its mean over the minibatch. Pairs at the
        mean distance keep their weight; farther pairs have weights nearer to 0 and 1,
        more so for small ``warping``; 0.5 is the default of the authors' code. None
        leaves all weights as drawn. Needs ``n_mixed=2``.

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

    mix_target : {"interpolate", "dominant", "remix"}, default="interpolate"
        Label of a virtual example: "interpolate" mixes the labels with the weights of
        the inputs, "dominant" keeps the label of the row with the largest weight.
        "remix" interpolates, except if the class of one row has at least ``kappa``
        times as many rows as that of the other, and the mixing weight of this row is
        below ``tau``: then the label is that of the other row (Remix, arXiv
        2007.03943). The size of a class is its sum of sample weight times class weight.
        Not defined for multilabel targets.

    kappa : float, default=3.0
        Ratio of class sizes from which ``mix_target="remix"`` favours the rarer class.
        The default is the paper's.

    tau : float, default=0.5
        Weight of the row of the larger class, from 0 to 1, below which
        ``mix_target="remix"`` keeps only the label of the rarer class. The default is
        the paper's.

    label_smoothing : float, default=0.0
        Fraction of the label that is spread evenly over all classes: each wrong class
        gets ``label_smoothing / n_classes``. Calibration (``temperature="auto"``)
        undoes most of its effect on the predicted probabilities.

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

    dropout : float, default=0.2
        Probability of dropping a hidden unit in a training step. Not used with
        ``module``.

    module : callable, default=None
        Network to train instead of the perceptron: a torch module class, or a function
        that returns a module. It maps rows of shape (n, ...) to logits of shape
        (n, n_classes). Integers in X may be codes, whose averages are meaningless: they
        are refused unless ``standardize`` is False, ``noise_std`` is 0, and
        ``mix_layer`` names a submodule or ``alpha`` is 0. Pass integer quantities as
        ``X.astype(float)``.

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

    clip : float or None, default=3.0
        Smooth bound on standardised features, in standard deviations: z becomes
        ``z / sqrt(1 + (z / clip)^2)``, within (-clip, clip), which limits the effect of
        outliers (as in RealMLP, arXiv 2407.04491). Probabilities level off beyond the
        bound; None sets no bound. Not used with ``standardize=False``.

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
        is the log loss on the validation rows of each network, averaged over the
        networks: all stop together. ``scoring`` names another metric.

    validation_fraction : float, default=0.1
        Fraction of the training rows that each network holds out for validation, if
        ``early_stopping`` or ``temperature="auto"`` needs validation rows. The split is
        stratified by class and keeps equal rows together. The networks take turns: of
        ten networks that hold out 0.1 of distinct rows, no two hold out the same row.

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
        Number of networks in the ensemble, trained as one program; their probabilities
        are averaged.

    member_weights : {"uniform", "validation"}, default="validation"
        Weights of the networks in the average. "uniform": all equal. "validation":
        proportional to ``exp(-0.05 * n * loss)``, where ``loss`` is a network's mean
        loss on its n validation rows; uniform if no rows are held out. ``partial_fit``
        without ``X_val`` keeps the current weights.

    temperature : float or "auto", default="auto"
        Softmax temperature, from 1e-6 to 1e6: logits are divided by it at prediction.
        Mixup makes networks underconfident, overfitting makes them overconfident.
        "auto" minimises the log loss on the validation rows (temperature scaling, arXiv
        1706.04599), multiplied by 0.9 for an ensemble, because averaging lowers
        confidence; ``partial_fit`` without ``X_val`` keeps the current temperature,
        initially 1.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, finite and non-negative, multiplied by
        ``sample_weight``. "balanced" gives all classes the same total weight,
        ``sample_weight`` included.

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
        ``categorical_features``, ``min_frequency``, ``max_categories``,
        ``standardize``, ``clip``, the optimiser with its parameters and
        ``net_params`` cannot change; other parameters may. ``y`` must have the classes
        of the last call (``partial_fit`` accepts rows of some of them).
        ``random_state`` is used in the first call only.

    verbose : int, default=0
        Output during training. 1: one line per epoch. 2: a progress bar as well. 0:
        none, but a terminal shows one estimate of the duration if a fit takes more than
        a minute.

    random_state : int, RandomState instance or None, default=None
        Seed of all random draws. Estimators with the same seed that differ only in
        ``alpha`` share initial weights and row order.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; column numbers of ``y`` for multilabel targets.

    n_features_in_ : int
        Number of features seen in ``fit``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Feature names, if X has any.

    temperature_ : float
        Softmax temperature used for prediction.

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
        Negative log loss of each network on its validation rows, or its ``scoring``
        metric, after each epoch with early stopping; None without such epochs.

    See Also
    --------
    MixupRegressor : The same for real targets.
    sklearn.neural_network.MLPClassifier : A perceptron without mixup.

    Notes
    -----
    In a mixed label, each row counts in proportion to its mixing weight times its
    sample weight. The loss is a mean over the rows of a minibatch. Sample weights are
    divided by their mean over all rows (of the first call of ``partial_fit``).

    The defaults were chosen in a study that varied one choice at a time over many
    tables: ``docs/results/defaults.md`` in the repository reports what each gains or
    loses.

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
        "mix_target": [StrOptions({"interpolate", "dominant", "remix"})],
        "kappa": [Interval(Real, 1, LARGEST_NUMBER, closed="both")],
        "tau": [Interval(Real, 0, 1, closed="both")],
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
    _predicts_numbers: ClassVar[bool] = False
    _pairings: ClassVar[dict[str, type[Pairing]]] = {
        "random": RandomPairs,
        "same_class": SameClass,
        "neighbors": Neighbors,
        "same_class_neighbors": SameClassNeighbors,
        "balanced": Balanced,
    }

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.2,
        *,
        pairing: str | Pairing = "random",
        n_neighbors: int = 200,
        n_mixed: int = 2,
        weights_per: Literal["batch", "example"] = "batch",
        warping: float | None = None,
        mix_layer: int | str = "input",
        mix_features: Literal["interpolate", "swap", "swap_categories"] = "interpolate",
        mix_target: Literal["interpolate", "dominant", "remix"] = "interpolate",
        kappa: float = 3.0,
        tau: float = 0.5,
        label_smoothing: float = 0.0,
        noise_std: float = 0.0,
        warmup_epochs: float = 0,
        clean_epochs: float | Literal["auto"] = "auto",
        hidden_layer_sizes: int | Sequence[int] = (128, 128),
        bias_init: Literal["data", "uniform"] = "data",
        dropout: float = 0.2,
        module: Callable[..., nn.Module] | None = None,
        module_params: dict[str, Any] | None = None,
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        max_categories: int = 255,
        min_frequency: float = 2,
        standardize: bool = True,
        encoding: str | Encoding | Sequence[str | Encoding] = ("bins", "standardized"),
        clip: float | None = 3.0,
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
        member_weights: Literal["uniform", "validation"] = "validation",
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
        self.warping = warping
        self.mix_layer = mix_layer
        self.mix_features = mix_features
        self.mix_target = mix_target
        self.kappa = kappa
        self.tau = tau
        self.label_smoothing = label_smoothing
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
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train for one epoch on the given rows, from the current weights.

        Features are standardised by the mean and the standard deviation of all rows
        seen so far. When these statistics change, the first layer is adjusted so that
        no prediction changes (except where features are clipped). A ``module`` is not
        adjusted.

        Predictions use the average of the weights over all calls, whose half-life is
        ``ema_halflife`` calls. Bin edges are learnt again whenever the number of rows
        so far has doubled, from a sample of at most 4,000 rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All classes that any call may contain, in any order or as a set. The first
            call needs them, unless its ``y`` has rows of every class.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.
        X_val : array-like, frame or sparse matrix of shape (n_val, n_features), \
                default=None
            Validation rows of your own, with the columns of X. After the epoch their
            scores join ``validation_scores_`` (with ``early_stopping``), and
            ``temperature="auto"`` and ``member_weights="validation"`` are fitted on
            them; without ``X_val`` both are kept.
        y_val : array-like of shape (n_val,) or (n_val, n_labels), default=None
            Targets of X_val.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of X_val; only their ratios matter.

        Returns
        -------
        self : MixupClassifier
            The estimator, trained further.

        Raises
        ------
        ValueError
            If ``y`` has labels outside ``classes``, if ``classes`` is empty or has
            missing values, if ``class_weight`` is "balanced" (which needs all rows at
            once), or as in ``fit``.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' needs all rows, of which partial_fit sees "
                "some; give the weight of each class as a dict."
            )
        if classes is not None:
            classes = announced_classes(classes, type(self).__name__)
            if hasattr(self, "net_") and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={classes} are not those of the first call, "
                    f"{self.classes_}."
                )
        weights = sample_weight, None, X_val, y_val, sample_weight_val
        return self._fit(FitData(X, y, *weights, classes), one_epoch=True)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities in float32, columns in the order of ``classes_``. For
            multilabel targets, the probability of each label: rows do not sum to 1.
        """
        self._check_is_fitted()
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
            The logarithm of ``predict_proba``; minus infinity for a probability of 0.
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
            Two classes: the log-odds of ``classes_[1]``, which is predicted if they are
            positive. More classes: the logarithm of each probability; the class with
            the largest one is predicted. Multilabel targets: the log-odds of each
            label. In float64 and finite: probabilities below 1e-38 are raised to 1e-38.
        """
        self._check_is_fitted()
        exact = self._ensemble(exact=True)
        if self._multilabel:
            both = self._predict(X, replace(exact, link=SigmoidWithComplement()))
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
            Class labels. For multilabel targets, indicators (0 or 1) of the labels with
            a probability above 0.5.
        """
        proba = self.predict_proba(X)
        if self._multilabel:
            return (proba > 0.5).astype(int)
        return self.classes_[proba.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of ``predict``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels, in any form that ``fit`` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Weighted fraction of the rows whose labels are all predicted correctly.
        """
        accuracy: float = super().score(X, labels_to_score(y), sample_weight)
        return accuracy

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect of the estimator."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _checked_targets(self, y: Any) -> CheckedLabels:
        return check_labels(y, self)

    def _learn_targets(self, checked: CheckedLabels, data: FitData) -> None:
        self._labels = Labels.learn(checked, data.classes)
        self.classes_ = self._labels.classes
        if checked.multilabel and data.classes is None:
            warn_of_one_hot(checked.values)

    def _target_spec(self, checked: CheckedLabels, start: Start) -> TargetSpec:
        if not (start.is_fresh or start.one_epoch):
            self._labels.check_same(checked)
        multilabel, n_classes = self._multilabel, len(self.classes_)
        return TargetSpec(
            encoded=self._encoded(checked),
            make=indicator_targets
            if multilabel
            else partial(class_targets, n_classes=n_classes),
            loss=BinaryCrossEntropy if multilabel else SoftCrossEntropy,
            n_outputs=n_classes,
            class_weight=self._labels.class_weight(self.class_weight),
            mix_target=self._mix_target(),
            label_smoothing=self.label_smoothing,
            calibrated=self.temperature == "auto",
        )

    def _encoded(self, checked: CheckedLabels) -> NDArray[Any]:
        return self._labels.encode(checked)

    def _mix_target(self) -> Literal["interpolate", "dominant"] | Remix:
        """Return how labels are mixed."""
        if self.mix_target != "remix":
            return self.mix_target
        if self._multilabel:
            raise ValueError(
                "mix_target='remix' is not defined for multilabel y, whose rows have "
                "no one class; use mix_target='interpolate'."
            )
        return Remix(float(self.kappa), float(self.tau))

    def _calibrate(self, net: MixupNet, task: Task) -> None:
        network, auto = net.module_, self.temperature == "auto"
        has_rows = task.runs[0].validation is not None
        if not auto:
            network.temperature = float(self.temperature)
        elif has_rows:
            network.temperature = fitted_temperature(network, net.criterion_, task.runs)
        else:  # a `partial_fit` without validation rows
            network.temperature = getattr(self, "temperature_", 1.0)
        super()._calibrate(net, task)
        if auto and has_rows and network.runs > 1:
            network.temperature *= SHARPER
        self.temperature_ = network.temperature

    @property
    def _multilabel(self) -> bool:
        return self._labels.multilabel

"""Vicinal distributions: the choice of partners and weights in mixup.

A pairing draws the partners of each row, as row numbers (arXiv 1710.09412, section
3.8). Pairings are frozen values: hashable, equal by their parameters, and independent
of networks and devices. All draws are NumPy's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sk_mixup._kernel import SimilarTargets
from sk_mixup._neighbors import Draw, Rows, draw_from, nearest

__all__ = [
    "Neighbors",
    "Pairing",
    "RandomPairs",
    "SameClass",
    "SameClassNeighbors",
    "Similar",
    "TrainingRows",
]

LARGEST_ALPHA = 1e30


class TrainingRows:
    """The training rows of one network, as the input of a pairing.

    Parameters
    ----------
    standardized : callable returning ndarray of shape (n_rows, n_features)
        Function that computes the standardised rows. It is called at the first use of
        ``X``, and only once.
    y : ndarray
        Classifier: class numbers of shape (n_rows,); for multilabel targets, each
        distinct set of labels is a class. Regressor: standardised targets of shape
        (n_rows, n_outputs).

    Examples
    --------
    Three rows of two features, in two classes:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import TrainingRows
    >>> rows = TrainingRows(lambda: np.zeros((3, 2)), np.array([0, 1, 0]))
    >>> len(rows), rows.X.shape
    (3, (3, 2))
    """

    def __init__(
        self, standardized: Callable[[], NDArray[np.floating]], y: NDArray[Any]
    ) -> None:
        self._standardized = standardized
        self.y = y

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def X(self) -> NDArray[np.floating]:
        """Standardised rows of shape (n_rows, n_features)."""
        return self._standardized()


class Pairing(ABC):
    """Base class of the pairings.

    A subclass is a frozen dataclass with one method, :meth:`fit`.

    Examples
    --------
    A pairing that mixes each row with row 0:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from sk_mixup.vicinity import Pairing, TrainingRows
    >>> @dataclass(frozen=True)
    ... class FirstRow(Pairing):
    ...     def fit(self, rows):
    ...         def draw(order, batch_size, n_partners, generator):
    ...             return np.zeros((len(order), n_partners), dtype=int)
    ...         return draw
    >>> draw = FirstRow().fit(TrainingRows(lambda: np.zeros((3, 2)), np.zeros(3)))
    >>> draw(np.array([2, 0, 1]), 3, 1, np.random.default_rng(0))[:, 0]
    array([0, 0, 0])
    """

    @abstractmethod
    def fit(self, rows: TrainingRows) -> Draw:
        """Return a function that draws partners (not ``self``, as estimators do).

        Parameters
        ----------
        rows : TrainingRows
            Training rows of one network: ``rows.X`` standardised, ``rows.y`` their
            classes or targets.

        Returns
        -------
        draw : callable
            ``draw(order, batch_size, n_partners, generator)``, called once per epoch.
            ``order`` is an array of shape (n_rows,): the numbers of the rows in the
            order of the epoch, in minibatches of ``batch_size`` consecutive rows. The
            function returns an integer array of shape (n_rows, n_partners): the
            numbers, from 0 to n_rows - 1, of each row's partners. All randomness comes
            from ``generator``, a :class:`numpy.random.Generator`.
        """


@dataclass(frozen=True)
class RandomPairs(Pairing):
    """Partners from a random permutation of the minibatch.

    This is the method of the paper's authors, and the default.

    Examples
    --------
    Rows 0 to 5 in two minibatches of three. Partners come from the same minibatch:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import RandomPairs, TrainingRows
    >>> draw = RandomPairs().fit(TrainingRows(lambda: np.zeros((6, 1)), np.zeros(6)))
    >>> partners = draw(np.arange(6), 3, 1, np.random.default_rng(0))
    >>> (partners[:3] < 3).all() and (partners[3:] >= 3).all()
    np.True_
    """

    def fit(self, rows: TrainingRows) -> Draw:
        return _permute_within_batches


def _permute_within_batches(
    order: Rows, batch_size: int, n_partners: int, generator: Generator
) -> Rows:
    whole = len(order) - len(order) % batch_size
    batches = order[:whole].reshape(-1, batch_size)
    columns = [
        np.concatenate(
            [
                generator.permuted(batches, axis=1).reshape(-1),
                generator.permutation(order[whole:]),
            ]
        )
        for _ in range(n_partners)
    ]
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class SameClass(Pairing):
    """Partners from a random permutation of the training rows of each class.

    Examples
    --------
    Each row has the class of its partner:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import SameClass, TrainingRows
    >>> y = np.array([0, 1, 0, 1, 0, 1])
    >>> draw = SameClass().fit(TrainingRows(lambda: np.zeros((6, 1)), y))
    >>> partners = draw(np.arange(6), 3, 1, np.random.default_rng(0))
    >>> y[partners[:, 0]]
    array([0, 1, 0, 1, 0, 1])
    """

    def fit(self, rows: TrainingRows) -> Draw:
        y = _classes(rows, self)
        by_class = np.argsort(y, kind="stable")

        def draw(
            order: Rows, batch_size: int, n_partners: int, generator: Generator
        ) -> Rows:
            partners = np.empty((len(y), n_partners), dtype=np.int64)
            for column in range(n_partners):
                shuffled = np.lexsort((generator.random(len(y)), y))
                partners[by_class, column] = shuffled
            return partners[order]

        return draw


def _classes(rows: TrainingRows, pairing: Pairing) -> NDArray[Any]:
    if rows.y.ndim > 1:
        raise ValueError(
            f"{pairing!r} needs classes, but the targets are real numbers."
        )
    return rows.y


def _check_n_neighbors(number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
        raise ValueError(
            f"n_neighbors must be a whole number of at least 1, got {number!r}."
        )


@dataclass(frozen=True)
class Neighbors(Pairing):
    """Partners among the nearest neighbours of a row.

    All ``n_neighbors`` neighbours are equally likely.

    Parameters
    ----------
    n_neighbors : int, default=200
        Number of candidates, at most all other rows. A single row is its own partner.

    Examples
    --------
    Two pairs of close rows:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import Neighbors, TrainingRows
    >>> X = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> draw = Neighbors(1).fit(TrainingRows(lambda: X, np.zeros(4)))
    >>> draw(np.arange(4), 4, 1, np.random.default_rng(0))[:, 0]
    array([1, 0, 3, 2])
    """

    n_neighbors: int = 200

    def __post_init__(self) -> None:
        _check_n_neighbors(self.n_neighbors)

    def fit(self, rows: TrainingRows) -> Draw:
        return draw_from(nearest(rows.X, [np.arange(len(rows))], self.n_neighbors))


@dataclass(frozen=True)
class SameClassNeighbors(Pairing):
    """Partners among the nearest neighbours of a row within its class, as in SMOTE.

    All ``n_neighbors`` neighbours are equally likely.

    Parameters
    ----------
    n_neighbors : int, default=200
        Number of candidates, at most all other rows of the class. The single row of a
        class is its own partner.

    Examples
    --------
    The partner is the nearest row of the same class, even if rows of the other class
    are nearer:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import SameClassNeighbors, TrainingRows
    >>> X = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> y = np.array([0, 1, 0, 1])
    >>> draw = SameClassNeighbors(1).fit(TrainingRows(lambda: X, y))
    >>> draw(np.arange(4), 4, 1, np.random.default_rng(0))[:, 0]
    array([2, 3, 0, 1])
    """

    n_neighbors: int = 200

    def __post_init__(self) -> None:
        _check_n_neighbors(self.n_neighbors)

    def fit(self, rows: TrainingRows) -> Draw:
        y = _classes(rows, self)
        members = [np.flatnonzero(y == label) for label in np.unique(y)]
        return draw_from(nearest(rows.X, members, self.n_neighbors))


@dataclass(frozen=True)
class Similar(Pairing):
    """Partners with similar targets, for regression (C-Mixup, arXiv 2210.05775).

    Row j is the partner of row i with probability proportional to
    ``exp(-|y_i - y_j|^2 / (2 bandwidth^2))``.

    Parameters
    ----------
    bandwidth : float, default=0.5
        Width of the kernel, in standard deviations of the target. The smaller, the more
        similar the partners.

    Notes
    -----
    The draw is exact and needs memory linear in the number of rows, by rejection
    sampling: the targets are sorted into bins; a bin is proposed with an upper bound of
    its probability and a row of the bin uniformly; the pair is accepted with the ratio
    of its kernel to the bound. The bins are along the first target. With many unrelated
    targets most proposals are rejected, and the draw of an epoch takes time up to the
    square of the number of rows.

    Examples
    --------
    Two pairs of rows with similar targets:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import Similar, TrainingRows
    >>> y = np.array([[-1.0], [-1.01], [1.0], [1.01]])
    >>> draw = Similar(bandwidth=0.1).fit(TrainingRows(lambda: np.zeros((4, 1)), y))
    >>> partners = draw(np.arange(4), 4, 1, np.random.default_rng(0))[:, 0]
    >>> abs(y[partners] - y).max() < 0.1
    np.True_
    """

    bandwidth: float = 0.5

    def __post_init__(self) -> None:
        known = isinstance(self.bandwidth, Real)
        if not known or not 1e-30 <= self.bandwidth <= 1e30:
            raise ValueError(
                "bandwidth must be a positive number from 1e-30 to 1e30, got "
                f"{self.bandwidth!r}."
            )

    def fit(self, rows: TrainingRows) -> Draw:
        y = np.asarray(rows.y, dtype=np.float64).reshape(len(rows), -1)
        return SimilarTargets(y, self.bandwidth).draw


@dataclass(frozen=True)
class Vicinity:
    """Vicinal distribution: pairing, mixing weights, label smoothing and noise.

    Parameters
    ----------
    pairing : Pairing, default=RandomPairs()
        Source of the partners.
    alpha : float, default=1.0
        Concentration of the symmetric Beta (two rows) or Dirichlet (more rows)
        distribution of the weights; 0 disables mixing (empirical risk minimisation),
        inf gives all rows equal weights.
    n_mixed : int, default=2
        Number of rows in a virtual example, at least 2.
    weights_per : {"batch", "example"}, default="batch"
        Draw weights once per minibatch or once per virtual example.
    mix_target : {"interpolate", "dominant"}, default="interpolate"
        Mix the targets with the weights of the inputs, or keep the target of the row
        with the largest weight.
    label_smoothing : float, default=0.0
        Fraction of the label that is spread evenly over all classes.
    noise_std : float, default=0.0
        Standard deviation of Gaussian noise, in units of the standardised feature.

    Examples
    --------
    Weights of four rows in minibatches of two rows: each sums to 1, and the rows of a
    minibatch share one draw. ``alpha=0`` gives each row itself the weight 1:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import Vicinity
    >>> weights = Vicinity(alpha=1.0).draw_weights(4, 2, np.random.default_rng(0))
    >>> weights.shape, bool((weights[0] == weights[1]).all())
    ((4, 2), True)
    >>> Vicinity(alpha=0).draw_weights(4, 2, np.random.default_rng(0))[:, 0]
    array([1., 1., 1., 1.], dtype=float32)
    """

    pairing: Pairing = RandomPairs()
    alpha: float = 1.0
    n_mixed: int = 2
    weights_per: str = "batch"
    mix_target: str = "interpolate"
    label_smoothing: float = 0.0
    noise_std: float = 0.0

    @property
    def n_examples(self) -> int:
        """Number of rows in a virtual example: 1 without mixing (``alpha=0``)."""
        return self.n_mixed if self.alpha > 0 else 1

    def draw_weights(
        self, n_rows: int, batch_size: int, generator: Generator
    ) -> NDArray[np.float32]:
        """Draw convex weights of shape (n_rows, n_examples), one set per row."""
        if self.weights_per == "example":
            return self._convex(n_rows, generator)
        batch_size = min(batch_size, n_rows)
        n_batches = -(-n_rows // batch_size)
        return self._convex(n_batches, generator).repeat(batch_size, axis=0)[:n_rows]

    def _convex(self, n_draws: int, generator: Generator) -> NDArray[np.float32]:
        # NumPy's beta and dirichlet, because normalised float32 gamma draws are biased
        # for small alpha (variance 0.82 of the Beta's at alpha = 0.01). Above
        # LARGEST_ALPHA NumPy's betas become 0; weights are equal long before that.
        if self.n_examples == 1 or self.alpha > LARGEST_ALPHA:
            shape = (n_draws, self.n_examples)
            return np.full(shape, 1 / self.n_examples, dtype=np.float32)
        if self.n_examples == 2:
            weight = generator.beta(self.alpha, self.alpha, size=n_draws)
            return np.stack([weight, 1 - weight], axis=1).astype(np.float32)
        alphas = np.full(self.n_examples, self.alpha)
        return generator.dirichlet(alphas, size=n_draws).astype(np.float32)

    def target_weights(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weights of the targets for given weights of the inputs."""
        if self.mix_target == "interpolate":
            return weights
        heaviest = weights.argmax(axis=1)
        return np.eye(weights.shape[1], dtype=np.float32)[heaviest]

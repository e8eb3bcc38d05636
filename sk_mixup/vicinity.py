"""The vicinities of section 3.8: which rows are mixed, and how (arXiv 1710.09412).

A vicinity is a small frozen value. It draws row numbers and weights with NumPy and
knows nothing of networks or devices.
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
    """What a pairing may look at: the rows that one network is trained on.

    Parameters
    ----------
    standardized : callable returning ndarray of shape (n_rows, n_features)
        Computes the standardised rows; called once, and only if a pairing asks.
    y : ndarray
        Class numbers of shape (n_rows,) for a classifier (for multilabel targets each
        distinct set of labels counts as one class), standardised targets of shape
        (n_rows, n_outputs) for a regressor.

    Examples
    --------
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
        """Standardised rows, of shape (n_rows, n_features)."""
        return self._standardized()


class Pairing(ABC):
    """How the partners of a row are drawn.

    Subclass it, as a frozen dataclass, to write a pairing of your own: the one
    required method is :meth:`fit`.
    """

    @abstractmethod
    def fit(self, rows: TrainingRows) -> Draw:
        """Look at the training rows once and return the function that draws.

        Parameters
        ----------
        rows : TrainingRows
            ``rows.X`` are the standardised rows, ``rows.y`` the classes or targets.

        Returns
        -------
        draw : callable
            ``draw(order, batch_size, n_partners, generator)`` is called once an epoch.
            ``order`` of shape (n_rows,) holds the row numbers in the order in which
            they are visited, cut into minibatches of ``batch_size``; the answer, of
            shape (n_rows, n_partners), holds the row numbers of their partners, from
            0 to n_rows - 1. All randomness must come from ``generator``.
        """


@dataclass(frozen=True)
class RandomPairs(Pairing):
    """A random permutation of the minibatch: the method of the paper's authors.

    Examples
    --------
    Rows 0 to 5 in two minibatches of three: partners come from the same minibatch.

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
    """A random permutation of the training rows of each class.

    Examples
    --------
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
    """One of a row's nearest neighbours among all training rows.

    Parameters
    ----------
    n_neighbors : int, default=200
        Clipped to the number of other rows. A row without any is its own partner.

    Examples
    --------
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
    """One of a row's nearest neighbours among the rows of its class, as SMOTE does.

    Parameters
    ----------
    n_neighbors : int, default=200
        Clipped to the number of other rows of the class. A row without any is its own
        partner.

    Examples
    --------
    The nearest row of the same class, though one of the other class is nearer:

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
    ``exp(-|y_i - y_j|^2 / (2 bandwidth^2))``, drawn exactly and in memory linear in
    the number of rows: the sorted targets are cut into bins, a bin is proposed with
    an upper bound of its probability, a row of it uniformly, and the pair is accepted
    with the ratio of its kernel to the bound. Bins are cut along the first target: with
    many unrelated targets most proposals are refused, and an epoch's draw takes time
    up to the square of the number of rows.

    Parameters
    ----------
    bandwidth : float, default=0.5
        In units of the standardised target.

    Examples
    --------
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
    """The vicinal distribution around the training rows.

    Parameters
    ----------
    pairing : Pairing
        Draws the partners.
    alpha : float
        Concentration of the symmetric Beta (two examples) or Dirichlet (more); 0 keeps
        the rows as they are (empirical risk minimisation), inf weighs all alike.
    n_mixed : int
        How many examples make a virtual one, at least 2.
    weights_per : {"batch", "example"}
        One draw of weights for a whole minibatch or for each virtual example.
    mix_target : {"interpolate", "dominant"}
        Mix the targets too, or keep the target of the heaviest example.
    label_smoothing : float
        Each wrong class gets ``label_smoothing / n_classes``.
    noise_std : float
        Deviation of Gaussian noise, in units of the standardised feature.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_mixup.vicinity import Vicinity
    >>> Vicinity(alpha=1.0).draw_weights(4, 2, np.random.default_rng(0)).shape
    (4, 2)
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
        """How many rows enter a virtual example: 1 for ERM."""
        return self.n_mixed if self.alpha > 0 else 1

    def draw_weights(
        self, n_rows: int, batch_size: int, generator: Generator
    ) -> NDArray[np.float32]:
        """Draw convex weights, of shape (n_rows, n_examples), one row a row."""
        if self.weights_per == "example":
            return self._convex(n_rows, generator)
        batch_size = min(batch_size, n_rows)
        n_batches = -(-n_rows // batch_size)
        return self._convex(n_batches, generator).repeat(batch_size, axis=0)[:n_rows]

    def _convex(self, n_draws: int, generator: Generator) -> NDArray[np.float32]:
        # NumPy's beta and dirichlet, because normalised float32 gamma draws are biased
        # for small alpha (variance 0.82 of the Beta's at alpha = 0.01).
        # Far beyond the precision of weights, and beyond it NumPy's betas become 0.
        if self.n_examples == 1 or self.alpha > LARGEST_ALPHA:
            shape = (n_draws, self.n_examples)
            return np.full(shape, 1 / self.n_examples, dtype=np.float32)
        if self.n_examples == 2:
            weight = generator.beta(self.alpha, self.alpha, size=n_draws)
            return np.stack([weight, 1 - weight], axis=1).astype(np.float32)
        alphas = np.full(self.n_examples, self.alpha)
        return generator.dirichlet(alphas, size=n_draws).astype(np.float32)

    def target_weights(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the weights of the inputs into those of the targets."""
        if self.mix_target == "interpolate":
            return weights
        heaviest = weights.argmax(axis=1)
        return np.eye(weights.shape[1], dtype=np.float32)[heaviest]

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

from sk_mixup._data.kernel import SimilarTargets
from sk_mixup._data.neighbors import Draw, RowNumbers, draw_from, nearest

__all__ = [
    "Balanced",
    "Neighbors",
    "Pairing",
    "RandomPairs",
    "SameClass",
    "SameClassNeighbors",
    "Similar",
    "TrainingRows",
]


class TrainingRows:
    """The training rows of one network, as passed to a pairing.

    Parameters
    ----------
    standardized : callable returning ndarray of shape (n_rows, n_features)
        Function that computes the standardised rows. It is called once, when ``X`` is
        first used.
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
    order: RowNumbers, batch_size: int, n_partners: int, generator: Generator
) -> RowNumbers:
    whole = len(order) - len(order) % batch_size
    # From the minibatch itself, as in the authors' code; the last may be smaller.
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
            order: RowNumbers, batch_size: int, n_partners: int, generator: Generator
        ) -> RowNumbers:
            partners = np.empty((len(y), n_partners), dtype=np.int64)
            for column in range(n_partners):
                # Random keys within the classes: one sort permutes all of them.
                shuffled = np.lexsort((generator.random(len(y)), y))
                partners[by_class, column] = shuffled
            return partners[order]

        return draw


@dataclass(frozen=True)
class Balanced(Pairing):
    """Partners drawn with equal probability from every class, however rare.

    The class of a partner is drawn first, each with the same probability, then a row of
    it: rows in their own frequencies are mixed with class-balanced partners
    (Balanced-MixUp, arXiv 2109.09850; arXiv 2012.02312 balances both). Rows of rare
    classes are drawn often.

    Examples
    --------
    Half of the partners are of the class that has one row in five:

    >>> import numpy as np
    >>> from sk_mixup.vicinity import Balanced, TrainingRows
    >>> y = np.array([0, 0, 0, 0, 1] * 200)
    >>> draw = Balanced().fit(TrainingRows(lambda: np.zeros((1000, 1)), y))
    >>> partners = draw(np.arange(1000), 10, 1, np.random.default_rng(0))
    >>> bool(abs(y[partners].mean() - 0.5) < 0.05)
    True
    """

    def fit(self, rows: TrainingRows) -> Draw:
        y = _classes(rows, self)
        by_class = np.argsort(y, kind="stable")
        _, starts, sizes = np.unique(y[by_class], return_index=True, return_counts=True)

        def draw(
            order: RowNumbers, batch_size: int, n_partners: int, generator: Generator
        ) -> RowNumbers:
            shape = len(order), n_partners
            chosen = generator.integers(len(sizes), size=shape)
            place = starts[chosen] + generator.integers(sizes[chosen])
            return by_class[place]

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

    # The paper's number (section 3.8).
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
    The draw is exact, by rejection sampling, and needs memory linear in the number of
    rows. Targets are sorted into bins, along the first target. A bin is proposed in
    proportion to an upper bound of its probability, and a row of the bin uniformly; the
    pair is accepted with a probability equal to the ratio of its kernel to the bound.
    With many unrelated targets most proposals are rejected, and drawing an epoch takes
    up to quadratic time in the number of rows.

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
        # Squares of it are still numbers in double precision.
        if not known or not 1e-30 <= self.bandwidth <= 1e30:
            raise ValueError(
                "bandwidth must be a positive number from 1e-30 to 1e30, got "
                f"{self.bandwidth!r}."
            )

    def fit(self, rows: TrainingRows) -> Draw:
        y = np.asarray(rows.y, dtype=np.float64).reshape(len(rows), -1)
        return SimilarTargets(y, self.bandwidth).draw

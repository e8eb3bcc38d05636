"""One network to be trained, and how it is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sk_mixup._data.neighbors import Draw, RowNumbers
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.remix import Remix
from sk_mixup._training.warping import Distances, warped

#: Of a network of one run, the higher the better.
Score = Callable[[Network, Loss], float]


@dataclass(frozen=True)
class Run:
    """One network to be trained: its rows, its vicinity and its random streams.

    ``score`` judges it on its validation rows; None stands for minus the loss.
    ``distances`` are those of its rows, if weights are warped by them.
    """

    training: RowSubset
    vicinity: Vicinity
    draw_partners: Draw
    streams: Streams
    validation: RowSubset | None = None
    score: Score | None = None
    distances: Distances | None = None

    def draw_weights(
        self, row_numbers: RowNumbers, vicinity: Vicinity, batch_size: int
    ) -> NDArray[np.float32]:
        """Draw the weights in the inputs of rows, ``(n_draws, examples)``.

        A draw is for each minibatch or for each of the ``row_numbers``.
        """
        n_rows = len(row_numbers)
        weights = vicinity.draw_weights(n_rows, batch_size, self.streams.weights)
        width = vicinity.warping_width
        if self.distances is None or width is None:
            return weights
        apart = self.distances(row_numbers[:, 0], row_numbers[:, 1])
        each = _of_each(weights, n_rows, batch_size)
        return warped(each, apart, batch_size, width)

    def target_weights(
        self, row_numbers: RowNumbers, weights: NDArray[np.float32], batch_size: int
    ) -> NDArray[np.float32]:
        """Return the weights in the targets of rows that are mixed by ``weights``.

        ``row_numbers`` is (n_rows, examples) and ``weights`` (n_draws, examples), for
        each minibatch or for each row, as the result.
        """
        rule = self.vicinity.mix_target
        if not isinstance(rule, Remix) or weights.shape[1] != 2:
            return self.vicinity.target_weights(weights)
        weights = _of_each(weights, len(row_numbers), batch_size)
        return rule.target_weights(weights, self._class_sizes[row_numbers])

    @cached_property
    def _class_sizes(self) -> NDArray[np.float64]:
        """The size of each row's class, in sample weight."""
        classes, weights = self.training.targets.groups(), self.training.weights
        sums = np.bincount(classes, None if weights is None else weights.cpu().numpy())
        return sums[classes].astype(np.float64)


def _of_each(
    weights: NDArray[np.float32], n_rows: int, batch_size: int
) -> NDArray[np.float32]:
    """Return a set of weights for each row, of one for each row or minibatch."""
    if len(weights) == n_rows:
        return weights
    return weights.repeat(batch_size, axis=0)[:n_rows]

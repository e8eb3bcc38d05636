"""Weights that are warped by distance: pairs far apart mix less (arXiv 2311.01434)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betaincinv
from sklearn.utils import gen_batches

from sk_mixup._data.neighbors import RowNumbers
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import CHUNK_NUMBERS
from sk_mixup._networks.input_layers import Standardize

#: Beyond, a weight is 0, 1/2 or 1 in single precision.
LEAST_TAU, LARGEST_TAU = 1e-3, 1e8


def warped(
    weights: NDArray[np.floating],
    distances: NDArray[np.floating],
    batch_size: int,
    width: float,
) -> NDArray[np.float32]:
    """Warp the weights of pairs by the distances of their rows.

    A row's own weight lam becomes the lam-quantile of ``Beta(tau, tau)``, where ``tau``
    is ``exp(-(d / mean - 1) / (2 width^2))`` of the squared distance d and its mean
    over the minibatch (arXiv 2311.01434v3, section 3): at the mean lam stays as it is,
    beyond it comes nearer to 0 or 1, below it nearer to 1/2.

    Parameters
    ----------
    weights : ndarray of shape (n_rows, 2)
        Weights of the rows and of their partners, of sum 1.
    distances : ndarray of shape (n_rows,)
        Squared distances.
    batch_size : int
        Consecutive rows that make a minibatch.
    width : float
        Width of the kernel.

    Examples
    --------
    Pairs of which the second is three times as far apart as the first:

    >>> import numpy as np
    >>> from sk_mixup._training.warping import warped
    >>> weights = np.array([[0.3, 0.7], [0.3, 0.7]])
    >>> warped(weights, np.array([1.0, 3.0]), 2, 0.5).round(2)
    array([[0.38, 0.62],
           [0.16, 0.84]], dtype=float32)
    """
    # NOTE[DIFF]: arXiv 2311.01434 gives the kernel a height too; here it is 1, and
    # alpha says how much a pair at the mean distance is mixed.
    starts = np.arange(0, len(distances), batch_size)
    sizes = np.diff(np.append(starts, len(distances)))
    means = (np.add.reduceat(distances, starts) / sizes).repeat(sizes)
    # Rows that are all alike are at their mean distance.
    relative = np.divide(distances, means, out=np.ones(len(means)), where=means > 0)
    with np.errstate(over="ignore"):
        tau = np.exp((1 - relative) / (2 * width**2)).clip(LEAST_TAU, LARGEST_TAU)
    own = betaincinv(tau, tau, weights[:, 0].astype(np.float64))
    return np.stack([own, 1 - own], axis=1).astype(np.float32)


class Distances:
    """Squared distances of training rows: of their classes' inputs, or real targets.

    Parameters
    ----------
    training : RowSubset
        The rows.
    layer : Standardize
        The input layer of one run, which standardises them.
    """

    def __init__(self, training: RowSubset, layer: Standardize) -> None:
        self._training = training
        # On the CPU, so that weights do not depend on the device.
        self._layer = Standardize(
            layer.shift.cpu(), layer.scale.cpu(), layer.clip, idle=layer.idle
        )

    @cached_property
    def _targets(self) -> NDArray[np.floating] | None:
        targets = self._training.targets.groups()
        return targets if targets.ndim > 1 else None

    def __call__(self, rows: RowNumbers, others: RowNumbers) -> NDArray[np.float64]:
        """Return the distance of each row to the other one beside it."""
        # NOTE[DIFF]: arXiv 2311.01434 measures classifiers' rows where the network has
        # them before its last layer; here they are standardised inputs, as of
        # neighbours: an epoch is drawn before a network sees it. Regressors' rows are
        # measured by their targets, as there.
        if self._targets is not None:
            apart = self._targets[rows] - self._targets[others]
            return np.square(apart, dtype=np.float64).sum(axis=1)
        size = max(1, CHUNK_NUMBERS // self._layer.width)
        parts = [
            self._of_inputs(rows[chunk], others[chunk])
            for chunk in gen_batches(len(rows), size)
        ]
        return np.concatenate(parts)

    def _of_inputs(self, rows: RowNumbers, others: RowNumbers) -> NDArray[np.float64]:
        one, other = (
            self._training.flat_rows(torch.from_numpy(own)) for own in (rows, others)
        )
        if sparse.issparse(one):  # scaled, not clipped, as for neighbours
            scale = self._layer.scale.flatten().numpy()
            apart = (one - other) @ sparse.diags(1 / scale)
            return np.asarray(apart.multiply(apart).sum(axis=1), np.float64).ravel()
        apart = self._standardized(one) - self._standardized(other)
        return np.square(apart, dtype=np.float64).sum(axis=1)

    def _standardized(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        features = self._layer.shift.shape[2:]
        layered = self._layer(torch.from_numpy(rows).view(1, len(rows), *features))
        standardized: NDArray[np.floating] = layered.flatten(2)[0].numpy()
        return standardized

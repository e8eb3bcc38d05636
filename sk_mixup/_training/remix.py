"""Remix: mixed labels that favour the rarer class (arXiv 2007.03943)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Remix:
    """The label rule of Remix (arXiv 2007.03943).

    Parameters
    ----------
    kappa : float, default=3.0
        How many times as many rows a class needs to be the larger one of two.
    tau : float, default=0.5
        The weight of the row of the larger class, below which it has no say in the
        label.

    Examples
    --------
    Rows of a class of 30 rows and of one of 5, mixed by 0.4 and 0.6, and by 0.7 and
    0.3:

    >>> import numpy as np
    >>> from sk_mixup._training.remix import Remix
    >>> weights = np.array([[0.4, 0.6], [0.7, 0.3]])
    >>> Remix().target_weights(weights, np.array([[30, 5], [30, 5]]))
    array([[0. , 1. ],
           [0.7, 0.3]])
    """

    kappa: float = 3.0
    tau: float = 0.5

    def target_weights(
        self, weights: NDArray[np.float32], sizes: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Return the weights of two rows in the label.

        ``weights`` are those in the inputs and ``sizes`` the sizes of the rows'
        classes, both (n_examples, 2).
        """
        mixed = weights.copy()
        for own, other in ((0, 1), (1, 0)):
            larger = sizes[:, own] >= self.kappa * sizes[:, other]
            silent = larger & (weights[:, own] < self.tau)
            mixed[silent, own], mixed[silent, other] = 0, 1
        return mixed

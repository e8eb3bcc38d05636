"""How rows are mixed: with whom, and by which weights (arXiv 1710.09412)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._training.remix import Remix
from sk_mixup.vicinity import Pairing, RandomPairs

#: Above, NumPy's betas become 0; weights are equal long before that.
LARGEST_ALPHA = 1e30


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
    warping : float or None, default=None
        Width of the kernel by whose distances weights are warped; None leaves them.
    mix_features : {"interpolate", "swap", "swap_categories"}, default="interpolate"
        Mix all columns of the inputs by their weights, or take all of them, or
        categories alone, whole from one of the rows.
    mix_target : {"interpolate", "dominant"} or Remix, default="interpolate"
        Mix the targets with the weights of the inputs, or keep the target of the row
        with the largest weight, or follow the rule of Remix, which goes by the rows.
    label_smoothing : float, default=0.0
        Fraction of the label that is spread evenly over all classes.
    noise_std : float, default=0.0
        Standard deviation of Gaussian noise, in units of the standardised feature.

    Examples
    --------
    Weights of six rows in two minibatches: each set sums to 1. ``alpha=0`` gives each
    row itself the weight 1:

    >>> import numpy as np
    >>> from sk_mixup._training.mixing import Vicinity
    >>> weights = Vicinity(alpha=1.0).draw_weights(6, 3, np.random.default_rng(0))
    >>> weights.shape, weights.sum(axis=1).tolist()
    ((2, 2), [1.0, 1.0])
    >>> Vicinity(alpha=0).draw_weights(6, 3, np.random.default_rng(0))[:, 0]
    array([1., 1.], dtype=float32)
    """

    pairing: Pairing = field(default_factory=RandomPairs)
    alpha: float = 1.0
    n_mixed: int = 2
    weights_per: str = "batch"
    warping: float | None = None
    mix_features: str = "interpolate"
    mix_target: str | Remix = "interpolate"
    label_smoothing: float = 0.0
    noise_std: float = 0.0

    @property
    def n_examples(self) -> int:
        """Number of rows in a virtual example: 1 without mixing (``alpha=0``)."""
        return self.n_mixed if self.alpha > 0 else 1

    @property
    def draws_each(self) -> bool:
        """Whether rows of a minibatch differ in their weights."""
        return self.weights_per == "example" and self.n_examples > 1

    @property
    def mixes_each(self) -> bool:
        """Whether they differ in their weights or in those of their targets."""
        by_rows = isinstance(self.mix_target, Remix) and self.n_examples > 1
        return self.draws_each or by_rows or self.warping_width is not None

    @property
    def warping_width(self) -> float | None:
        """Width of the kernel that warps weights, None where nothing is warped."""
        return self.warping if self.n_examples > 1 else None

    def draw_weights(
        self, n_rows: int, batch_size: int, generator: Generator
    ) -> NDArray[np.float32]:
        """Draw convex weights of shape (n_draws, n_examples), one set per draw.

        A draw is for each minibatch of the rows, or for each row.
        """
        n_draws = n_rows if self.draws_each else ceil_div(n_rows, batch_size)
        return self._convex(n_draws, generator)

    def _convex(self, n_draws: int, generator: Generator) -> NDArray[np.float32]:
        # NumPy's beta and dirichlet, because normalised float32 gamma draws are biased
        # for small alpha (variance 0.82 of the Beta's at alpha = 0.01).
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
        if self.mix_target != "dominant":
            return weights
        # Of equal weights the first is taken, that of the row itself.
        heaviest = weights.argmax(axis=1)
        return np.eye(weights.shape[1], dtype=np.float32)[heaviest]

"""Bins as piecewise-linear units, beside the features that they are of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sk_mixup._networks.storage import ArrayModule


class Bins(ArrayModule):
    """Units that rise from 0 to 1 within a bin, with each run's own edges.

    Parameters
    ----------
    columns : Tensor of shape (n_binned,)
        Numbers of the features that have bins.
    low, slope : Tensor of shape (runs, 1, n_binned, n_bins)
        Where each bin begins, and one over its width; a slope of 0 is an unused bin.

    Shape
    -----
    - input: ``(..., runs or 1, rows, features)``
    - output: ``(..., runs, rows, n_binned * n_bins)``

    Examples
    --------
    >>> import torch
    >>> edges = torch.tensor([[0.0, 1.0, 3.0]])
    >>> bins = Bins.between(torch.tensor([0]), edges)
    >>> bins(torch.tensor([[[0.5], [2.0]]]))
    tensor([[[0.5000, 0.0000],
             [1.0000, 0.5000]]])
    """

    columns: Tensor
    low: Tensor
    slope: Tensor

    def __init__(self, columns: Tensor, low: Tensor, slope: Tensor) -> None:
        super().__init__()
        self.register_buffer("columns", columns)
        self.register_buffer("low", low)
        self.register_buffer("slope", slope)

    @staticmethod
    def between(columns: Tensor, edges: Tensor) -> Bins:
        """Return the bins of one run between edges, ``(n_binned, n_bins + 1)``."""
        width = edges.diff(dim=-1)
        slope = torch.where(width > 0, 1 / width, 0.0)
        slope[~slope.isfinite()] = 0.0  # of bins too narrow for their precision
        return Bins(columns, edges[None, None, :, :-1], slope[None, None])

    @property
    def width(self) -> int:
        """Columns of the output."""
        return int(self.low.shape[2] * self.low.shape[3])

    def forward(self, x: Tensor) -> Tensor:
        values = x.index_select(-1, self.columns).unsqueeze(-1)
        return ((values - self.low) * self.slope).clamp_(0, 1).flatten(-2)

    def member(self, run: int) -> Bins:
        """Return one run's bins, of rows without the run axis."""
        return Bins(
            self.columns.clone(), self.low[run].clone(), self.slope[run].clone()
        )

    def select(self, runs: Sequence[int]) -> Bins:
        """Return the bins of the given runs alone."""
        chosen = list(runs)
        return Bins(self.columns, self.low[chosen], self.slope[chosen])

    @staticmethod
    def concatenate(parts: Sequence[Bins]) -> Bins:
        """Return the bins of all runs of ``parts``, which have the same columns."""
        return Bins(
            parts[0].columns,
            torch.cat([part.low for part in parts]),
            torch.cat([part.slope for part in parts]),
        )

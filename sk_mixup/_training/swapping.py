"""Columns that a virtual row takes whole from one of its rows (arXiv 2301.02819)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._networks.input_layers import Standardize
from sk_mixup._training.run import Run


class ColumnShares(NamedTuple):
    """How much each example has in the columns of virtual rows, and in their targets.

    Shape
    -----
    - values: ``(examples, runs, steps, rows or 1, columns or 1)``
    - targets: ``(examples, runs, steps, rows or 1)``
    - units: as values, of the runs that have bins; None where they are all alike
    """

    values: Tensor
    targets: Tensor
    units: Tensor | None = None

    @staticmethod
    def alike(mix_weights: Tensor, target_weights: Tensor) -> ColumnShares:
        """Return shares that all columns of a row have in common."""
        return ColumnShares(mix_weights.unsqueeze(-1), target_weights)

    def of(self, rows: slice) -> ColumnShares:
        """Return the shares in some rows of each step."""

        def part(own: Tensor) -> Tensor:
            return own if own.shape[3] == 1 else own[:, :, :, rows]

        units = None if self.units is None else part(self.units)
        return ColumnShares(part(self.values), part(self.targets), units)

    @staticmethod
    def stack(of_runs: Sequence[ColumnShares]) -> ColumnShares:
        """Return the shares of several runs."""
        units = [own.units for own in of_runs if own.units is not None]
        return ColumnShares(
            torch.stack([own.values for own in of_runs], 1),
            torch.stack([own.targets for own in of_runs], 1),
            torch.stack(units, 1) if units else None,
        )


class Swap:
    """Which columns of a run's virtual rows are taken whole from one of the rows.

    Each of them is taken from an example with the probability of its weight; other
    columns are weighted sums. The targets are mixed by the mean share over the table's
    columns.

    Parameters
    ----------
    run : Run
        The run.
    layer : Standardize
        Its input layer.
    """

    def __init__(self, run: Run, layer: Standardize) -> None:
        table, kind = run.training.table, run.vicinity.mix_features
        self.stream, self.mixes = run.streams.swaps, run.vicinity.n_examples > 1
        sources = np.asarray(table.sources)
        self.n_features = int(sources.max(initial=-1)) + 1
        swapped = {
            "interpolate": np.empty(0, np.int64),
            "swap": np.arange(self.n_features),
            "swap_categories": np.asarray(table.categories, np.int64),
        }[kind]
        self.swapped = torch.from_numpy(swapped).to(layer.shift.device)
        self.of_values = torch.from_numpy(sources).to(layer.shift.device)
        self.of_units = self._of_units(sources, layer)

    def _of_units(
        self, sources: NDArray[np.int64], layer: Standardize
    ) -> Tensor | None:
        if not layer.n_units:
            return None
        columns = layer.bin_columns
        features = sources[columns].repeat(layer.n_units // len(columns))
        return torch.from_numpy(features).to(layer.shift.device)

    def shares(
        self, mix_weights: Tensor, targets: Tensor, n_own: int, shape: tuple[int, int]
    ) -> ColumnShares:
        """Return the shares of the examples in the rows of some steps.

        ``n_own`` of the rows are the run's, the others padding.
        """
        weights = mix_weights.expand(-1, *shape)
        targets = targets.expand(-1, *shape)
        shares = weights.unsqueeze(-1).repeat(1, 1, 1, self.n_features)
        if len(self.swapped) and self.mixes:
            chosen = self._chosen(weights, n_own)
            examples = torch.arange(len(weights), device=chosen.device)
            one_hot = chosen == examples.view(-1, 1, 1, 1)
            shares[..., self.swapped] = one_hot.to(shares.dtype)
            targets = shares.mean(-1)
        of_units = None if self.of_units is None else shares[..., self.of_units]
        return ColumnShares(shares[..., self.of_values], targets, of_units)

    def _chosen(self, weights: Tensor, n_own: int) -> Tensor:
        """Draw the example of each swapped column, ``(steps, rows, swapped)``."""
        steps, size = weights.shape[1:]
        n_drawn = max(0, min(n_own, steps * size))
        uniform = np.zeros((steps * size, len(self.swapped)), np.float32)
        uniform[:n_drawn] = self.stream.random(
            (n_drawn, len(self.swapped)), dtype=np.float32
        )
        at = torch.from_numpy(uniform).to(weights.device).view(steps, size, -1)
        ends = weights.cumsum(0)[:-1].unsqueeze(-1)
        return (at >= ends).sum(0)

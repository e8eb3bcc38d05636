"""Bins as piecewise-linear units of their features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sk_mixup._networks.storage import ArrayModule

#: The outermost units go on beyond the edges, by so many widths of their bins: a trend
#: continues, and a wild value has a bounded effect.
BEYOND = 10.0
#: Smallest deviation by which a unit is divided: units of rare values stay within 10.
LEAST_DEVIATION = 0.1


class Bins(ArrayModule):
    """Units that rise from 0 to 1 within a bin, standardised, with each run's edges.

    The first and the last unit of a feature go on beyond its edges.

    Parameters
    ----------
    columns : Tensor of shape (n_binned,)
        Numbers of the features that have bins.
    runs : tuple of int
        The runs of a stack that have these bins, here each with edges of its own.
    low, slope : Tensor of shape (len(runs), 1, n_binned, n_bins)
        Where each bin begins, and one over its width; a slope of 0 is an unused bin.
    least, most : Tensor of shape (len(runs), 1, n_binned, n_bins)
        Between what each unit is kept: 0 and 1, or farther for the outermost.
    mean, scale : Tensor of shape (len(runs), 1, n_binned, n_bins)
        The mean of each unit, and what it is multiplied with then.

    Shape
    -----
    - input: ``(..., len(runs) or 1, rows, features)``
    - output: ``(..., len(runs), rows, n_binned * n_bins)``

    Examples
    --------
    >>> import torch
    >>> edges = torch.tensor([[0.0, 1.0, 3.0]])
    >>> bins = Bins.between(torch.tensor([0]), edges)
    >>> bins(torch.tensor([[[0.5], [2.0]]]))
    tensor([[[0.5000, 0.0000],
             [1.0000, 0.5000]]])
    """

    BUFFERS = ("low", "slope", "least", "most", "mean", "scale")

    columns: Tensor
    low: Tensor
    slope: Tensor
    least: Tensor
    most: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self, columns: Tensor, runs: tuple[int, ...], *buffers: Tensor
    ) -> None:
        super().__init__()
        self.runs = runs
        self.register_buffer("columns", columns)
        for name, buffer in zip(self.BUFFERS, buffers, strict=True):
            self.register_buffer(name, buffer)

    @staticmethod
    def between(columns: Tensor, edges: Tensor) -> Bins:
        """Return the bins of one run between edges, ``(n_binned, n_bins + 1)``.

        The units are not standardised yet.
        """
        width = edges.diff(dim=-1)
        slope = torch.where(width > 0, 1 / width, 0.0)
        slope[~slope.isfinite()] = 0.0  # of bins too narrow for their precision
        used = slope > 0
        first, last = used.cumsum(-1) == 1, used.flip(-1).cumsum(-1).flip(-1) == 1
        least, most = torch.zeros_like(slope), torch.ones_like(slope)
        least[first & used] = -BEYOND
        most[last & used] = 1 + BEYOND
        # Unused bins begin at 0: a difference may overflow, and 0 times that is NaN.
        low = torch.where(used, edges[:, :-1], 0.0)
        parts = low, slope, least, most, 0 * slope, torch.ones_like(slope)
        return Bins(columns, (0,), *(part[None, None] for part in parts))

    def standardized(self, rows: Tensor, weights: Tensor) -> Bins:
        """Return the bins of one run with the mean and the deviation of its rows.

        ``rows`` is ``(n_rows, features)``.
        """
        # Beside standardised features, and with weights drawn for inputs of one scale,
        # units need that scale too.
        units = self(rows[None]).view(len(rows), *self.low.shape[2:])
        share = (weights / weights.sum()).to(units.dtype)
        mean = torch.einsum("r,rct->ct", share, units)
        # In place: of a wide table the units of some thousand rows are large.
        variance = torch.einsum("r,rct->ct", share, units.sub_(mean).square_())
        scale = 1 / variance.sqrt().clamp(min=LEAST_DEVIATION)
        before = (getattr(self, name) for name in self.BUFFERS[:-2])
        figures = mean[None, None], scale[None, None]
        return Bins(self.columns, self.runs, *before, *figures)

    def has_edges_of(self, other: Bins) -> bool:
        """Tell whether the bins are those of the other, whatever their units' scale."""
        names = "columns", "low", "slope"
        return self.runs == other.runs and all(
            torch.equal(getattr(self, name), getattr(other, name)) for name in names
        )

    @property
    def width(self) -> int:
        """Columns of the output."""
        return int(self.low.shape[2] * self.low.shape[3])

    def forward(self, x: Tensor) -> Tensor:
        values = x.index_select(-1, self.columns).unsqueeze(-1)
        units = (values - self.low).mul_(self.slope)
        if units.requires_grad:
            units = self._clamped(values, units)
        else:
            units.clamp_(self.least, self.most)
        return units.sub_(self.mean).mul_(self.scale).flatten(-2)

    def _clamped(self, values: Tensor, units: Tensor) -> Tensor:
        """Return clamped units, of which each value gives the slope to one only.

        The values of a column of few values are edges, where clamping would add up the
        slopes of both sides. An edge belongs to the unit that it begins.
        """
        used = self.slope > 0
        begun = (values >= self.low) & used
        later = begun.flip(-1).cumsum(-1).flip(-1) > begun
        first = used & (used.cumsum(-1) == 1)
        # Not beyond the outermost units; the others may pass 0 and 1 by rounding.
        near = (units > self.least - 0.5) & (units < self.most + 0.5)
        own = (begun | first) & ~later & near
        clamped = units.detach().clamp(self.least, self.most)
        return clamped + (units - units.detach()) * own

    def _with(self, runs: tuple[int, ...], take: Callable[[Tensor], Tensor]) -> Bins:
        parts = (take(getattr(self, name)) for name in self.BUFFERS)
        return Bins(self.columns.clone(), runs, *parts)

    def member(self, run: int) -> Bins:
        """Return one run's bins, of rows without the run axis."""
        place = self.runs.index(run)
        return self._with((0,), lambda tensor: tensor[place].clone())

    def moved(self, start: int) -> Bins:
        """Return the bins of runs that begin at another number."""
        return self._with(tuple(start + run for run in self.runs), lambda own: own)

    def select(self, runs: Sequence[int]) -> Bins:
        """Return the bins of those of the given runs that have any."""
        places = [self.runs.index(run) for run in runs if run in self.runs]
        numbers = (new for new, run in enumerate(runs) if run in self.runs)
        return self._with(tuple(numbers), lambda tensor: tensor[places])

    @staticmethod
    def concatenate(parts: Sequence[Bins]) -> Bins:
        """Return the bins of all runs of ``parts``, which have the same columns."""
        joined = (
            torch.cat([getattr(part, name) for part in parts]) for name in Bins.BUFFERS
        )
        runs = tuple(run for part in parts for run in part.runs)
        return Bins(parts[0].columns, runs, *joined)

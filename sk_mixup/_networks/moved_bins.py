"""What the weights of bins become when the bins are learnt anew."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from sk_mixup._networks.bins import Bins
from sk_mixup._networks.stacked_mlp import StackedMLP


class MovedBins:
    """Other bins in front of the first layers of a stack.

    What a hidden unit makes of a feature's bins is a piecewise-linear function of the
    feature. It keeps its values at the new edges, and what it was is interpolated
    between them; units of a feature that had no bins begin with the weight 0.

    Parameters
    ----------
    old : Bins or None
        The bins before, if there were any.
    new : Bins
        The bins from now on, of the runs and columns of ``old`` and perhaps more, and
        as many of each or more.
    """

    def __init__(self, old: Bins | None, new: Bins) -> None:
        self.old, self.new = old, new
        if old is not None:
            device, columns = new.low.device, new.columns.tolist()
            runs = [new.runs.index(run) for run in old.runs]
            places = [columns.index(column) for column in old.columns.tolist()]
            #: Where the old runs and columns are among the new ones.
            self.known = (
                torch.tensor(runs, device=device)[:, None],
                torch.tensor(places, device=device),
            )

    def move(self, body: StackedMLP) -> None:
        """Give the networks the weights that go with the new bins."""
        theta = body.theta.detach()
        shape = len(self.new.runs), *self.new.low.shape[2:], body.sizes[1]
        weight = theta.new_zeros(shape)
        if self.old is not None:
            before = body.theta_bins.detach().view(*self._shape_of(self.old), -1)
            rises, start = self._interpolated(before)
            scale, mean = (
                figure[:, 0][self.known][..., None]
                for figure in (self.new.scale, self.new.mean)
            )
            weight[self.known] = rises / scale
            bias = body.layers(theta)[0].bias  # a view
            bias[list(self.old.runs), 0] += start.sum(1) + (rises * mean).sum((1, 2))
        body.see_bins(self.new.runs, weight.flatten(1))

    def moved_state(self, state: Tensor, n_hidden: int) -> Tensor:
        """Return what an optimiser remembers of the old weights for the new ones."""
        if self.old is None:
            return state
        before = state.view(*self._shape_of(self.old), n_hidden)
        after = state.new_zeros(*self._shape_of(self.new), n_hidden)
        if (state >= 0).all():
            # Squared gradients begin at the mean of the others: with 0 the first steps
            # would be large.
            after += before.mean()
        runs, places = self.known
        after[runs, places, : before.shape[2]] = before
        return after.flatten(1)

    @staticmethod
    def _shape_of(bins: Bins) -> tuple[int, ...]:
        return (len(bins.runs), *bins.low.shape[2:])

    def _interpolated(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return by how much each unit's function rises in the new bins, and its start.

        ``weight`` is ``(runs, columns, bins, hidden)``; so are the rises, and the
        start is ``(runs, columns, hidden)``: the value at the first edge.
        """
        low, slope = self.new.low[:, 0][self.known], self.new.slope[:, 0][self.known]
        used = slope > 0
        high = torch.where(used, low + 1 / slope.clamp(min=1e-38), low)
        at_low, at_high = self._values(low, weight), self._values(high, weight)
        rises = torch.where(used[..., None], at_high - at_low, 0.0)
        first = used.int().argmax(-1)[..., None, None]
        first = first.expand(-1, -1, 1, weight.shape[-1])
        return rises, at_low.gather(2, first).squeeze(2)

    def _values(self, points: Tensor, weight: Tensor) -> Tensor:
        """Return the functions of the old bins at ``(runs, columns, points)``."""
        old = cast(Bins, self.old)
        x = points.transpose(1, 2)[..., None]  # (runs, points, columns, 1)
        units = ((x - old.low) * old.slope).clamp(old.least, old.most)
        units = (units - old.mean) * old.scale
        return torch.einsum("rpct,rcth->rcph", units, weight)

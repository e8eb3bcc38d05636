"""A perceptron's forward pass for a row, in NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sk_mixup._networks.bins import Bins
from sk_mixup._networks.input_layers import (
    LARGEST_RATIO,
    EncodedInputs,
    Standardize,
)
from sk_mixup._networks.stacked_mlp import StackedMLP

Numbers = NDArray[np.floating]


class RowPass:
    """What the modules of perceptrons compute, for a row or a few.

    A row has so few numbers that calls take the time, and a call of NumPy takes a third
    of one of torch's. Results differ from the modules' by rounding only. NumPy may warn
    of rows beyond the range of their precision.

    Parameters
    ----------
    inputs : Standardize
        The input layer.
    body : StackedMLP
        The perceptrons.
    modules : iterable of Module
        Whose hooks would not be called: ``hooks`` will hold them.

    Shape
    -----
    - input: ``(rows, n_features)``
    - output: ``(runs, rows, outputs)``
    """

    def __init__(
        self,
        inputs: Standardize,
        body: StackedMLP,
        modules: Iterable[nn.Module],
    ) -> None:
        self.shift, self.scale = inputs.shift.numpy(), inputs.scale.numpy()
        self.idle, self.clip = inputs.idle, inputs.clip
        each = ((m._forward_hooks, m._forward_pre_hooks) for m in modules)
        self.hooks = [hooks for both in each for hooks in both]
        layers = body.layers(body.theta.detach())
        self.layers = [(each.weight.numpy(), each.bias.numpy()) for each in layers]
        # What the inputs would be multiplied by last multiplies their weights once.
        if self.clip is not None and not self.idle:
            weight, bias = self.layers[0]
            self.layers[0] = weight * self.clip, bias
        self.binned = _places(body.binned)
        if isinstance(inputs, EncodedInputs):
            self.columns = inputs.bins.columns.numpy()
            *self.bins, scale = (
                getattr(inputs.bins, name).numpy() for name in Bins.BUFFERS
            )
            own = body.theta_bins.detach().view(-1, body.n_units, body.sizes[1])
            self.of_units = own.numpy() * scale.reshape(len(scale), -1, 1)

    def __call__(self, rows: Numbers) -> Numbers:
        (weight, bias), *others = self.layers
        x = np.matmul(rows[None] if self.idle else self._standardized(rows), weight)
        x += bias
        if self.binned is not None:
            x[self.binned] += np.matmul(self._units(rows), self.of_units)
        for own_weight, own_bias in others:
            x = np.matmul(np.maximum(x, 0, out=x), own_weight)
            x += own_bias
        return x

    def _units(self, rows: Numbers) -> Numbers:
        """Return the units of the bins, centred, ``(binned, rows, units)``."""
        low, slope, least, most, mean = self.bins
        units = (rows[None][..., self.columns, None] - low) * slope
        np.minimum(np.maximum(units, least, out=units), most, out=units)
        units -= mean
        return units.reshape(*units.shape[:2], -1)

    def _standardized(self, rows: Numbers) -> Numbers:
        """Return rows standardised, in units of the limit if there is one."""
        u = (rows - self.shift) / self.scale
        if self.clip is None:
            return u
        u /= self.clip
        np.minimum(np.maximum(u, -LARGEST_RATIO, out=u), LARGEST_RATIO, out=u)
        root = np.square(u)
        root += 1
        u /= np.sqrt(root, out=root)
        return u


def _places(runs: Sequence[int]) -> slice | list[int] | None:
    """Return what picks some runs, evenly spaced ones without a copy; None for none."""
    if not runs:
        return None
    step = runs[1] - runs[0] if len(runs) > 1 else 1
    even = range(runs[0], runs[-1] + 1, step)
    return slice(even.start, even.stop, step) if [*even] == [*runs] else [*runs]

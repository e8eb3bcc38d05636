"""The network around the runs: from raw features to predictions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sk_mixup._copies import StackedCopies
from sk_mixup._moments import Moments
from sk_mixup._stacked import StackedMLP
from sk_mixup._storage import ArrayModule

Body = StackedMLP | StackedCopies

LARGEST_RATIO = 1e18  # whose square is a number in single precision


class SmoothClip(ArrayModule):
    """Keep numbers within (-limit, limit), and change them hardly near 0.

    A module of its own, for tools that take a network apart by its modules.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, z: Tensor) -> Tensor:
        # Exactly rounded operations only: a row's figures do not depend on its place.
        u = (z / self.limit).clamp_(-LARGEST_RATIO, LARGEST_RATIO)
        return u / (1 + u.square()).sqrt_() * self.limit


class Standardize(ArrayModule):
    """Centre and scale each feature, with each run's own figures.

    With ``clip`` the result is kept within (-clip, clip), smoothly, and hardly changed
    near 0 (as in RealMLP, arXiv 2407.04491, section 3.1). With ``idle`` the input is
    left as it is.

    Shape
    -----
    - shift, scale: ``(runs, 1, *features)``
    - input: ``(..., runs or 1, rows, *features)``
    - output: ``(..., runs, rows, *features)``
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        shift: Tensor,
        scale: Tensor,
        clip: float | None = None,
        *,
        idle: bool = False,
    ) -> None:
        super().__init__()
        self.idle = idle
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.clip = clip
        self.within = None if clip is None else SmoothClip(clip)

    def forward(self, x: Tensor) -> Tensor:
        if self.idle:
            return x
        z = (x - self.shift) / self.scale
        return z if self.within is None else self.within(z)

    @staticmethod
    def by(
        moments: Moments | None, features: tuple[int, ...], clip: float | None
    ) -> Standardize:
        """Return the layer of one run for rows of the given shape.

        Without moments the rows are left as they are.
        """
        shape = (1, 1, *features)
        if moments is None:
            return Standardize(torch.zeros(shape), torch.ones(shape), idle=True)
        dtype = torch.get_default_dtype()
        shift, scale = (
            torch.as_tensor(figure, dtype=dtype).view(shape)
            for figure in (moments.mean, moments.divisor)
        )
        return Standardize(shift, scale, clip)

    def select(self, runs: Sequence[int]) -> Standardize:
        """Return the figures of the given runs alone."""
        chosen = list(runs)
        return Standardize(
            self.shift[chosen], self.scale[chosen], self.clip, idle=self.idle
        )

    @staticmethod
    def concatenate(parts: Sequence[Standardize]) -> Standardize:
        """Return the figures of all runs of ``parts``."""
        return Standardize(
            torch.cat([part.shift for part in parts]),
            torch.cat([part.scale for part in parts]),
            parts[0].clip,
            idle=parts[0].idle,
        )


class Rescale(nn.Module):
    """Turn standardised targets into targets.

    Shape
    -----
    - mean, scale: ``(outputs,)``
    - input and output: ``(..., outputs)``
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.mean


class Temperature(nn.Module):
    """Divide the outputs by a number: above 1 the predictions become softer."""

    temperature: Tensor

    def __init__(self, temperature: float) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        self.register_buffer("temperature", torch.tensor(temperature, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x / self.temperature


class Network(ArrayModule):
    """Standardisation and body: what :class:`MixupNet` trains.

    ``temperature`` divides the outputs; it is 1 while the network is trained.

    Shape
    -----
    - input: ``(runs or 1, rows, *features)``
    - output: ``(runs, rows, outputs)``
    """

    def __init__(self, inputs: Standardize, body: Body) -> None:
        super().__init__()
        self.inputs = inputs
        self.body = body
        self.temperature = 1.0

    @property
    def runs(self) -> int:
        return self.body.runs

    @property
    def dtype(self) -> torch.dtype:
        """The precision that it was made in, of what goes in."""
        return self.inputs.shift.dtype

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.body(self.inputs(x))
        return outputs if self.temperature == 1 else outputs / self.temperature

    def in_double(self) -> Network:
        """Return a copy in double precision.

        A module of the user's, which may have tensors of any, stays what it is.
        """
        if not isinstance(self.body, StackedMLP):
            return self
        return copy.deepcopy(self).double()

    def follow_inputs(
        self,
        before: Sequence[Moments | None],
        after: Sequence[Moments | None],
        inputs: Standardize,
    ) -> None:
        """Standardise by other moments and let the first layers make up for it."""
        limit = inputs.clip or np.inf
        for run, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is not None and new is not None:
                self.body.follow_inputs(run, old, new, limit)
        self.inputs = inputs

    def select(self, runs: Sequence[int]) -> Network:
        """Return a network of the given runs alone."""
        return Network(self.inputs.select(runs), self.body.select(runs))

    @staticmethod
    def concatenate(networks: Sequence[Network]) -> Network:
        """Return one network of all runs of ``networks``."""
        inputs = Standardize.concatenate([n.inputs for n in networks])
        bodies: list[Any] = [n.body for n in networks]
        body = bodies[0].concatenate(bodies)
        return Network(inputs, body)


class Predictor(nn.Module):
    """An ensemble as plain torch layers, from rows to averaged predictions.

    Parameters
    ----------
    network : Network
        Whose runs become ``members``.
    links : sequence of torch.nn.Module
        Applied in turn to each member's outputs; the results are averaged.
    flat : bool, default=False
        Return the only output as a vector.

    Shape
    -----
    - input: ``(rows, *features)``
    - output: ``(rows, outputs)``, or ``(rows,)`` if flat
    """

    def __init__(
        self, network: Network, links: Sequence[nn.Module], *, flat: bool = False
    ) -> None:
        super().__init__()
        self.flat = flat
        shift, scale = network.inputs.shift, network.inputs.scale
        self.members = nn.ModuleList(
            nn.Sequential(
                # Copies, because torch.export.save warns of parts of larger tensors.
                Standardize(
                    shift[run].clone(),
                    scale[run].clone(),
                    network.inputs.clip,
                    idle=network.inputs.idle,
                ),
                network.body.member(run),
                Temperature(network.temperature),
                # No module works in two places: what hooks keep would be lost.
                *map(copy.deepcopy, links),
            )
            for run in range(network.runs)
        )

    def forward(self, x: Tensor) -> Tensor:
        # Clones, since a module of the user's may work in place.
        outputs = torch.stack([member(x.clone()) for member in self.members]).mean(0)
        return outputs.squeeze(-1) if self.flat else outputs

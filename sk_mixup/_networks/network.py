"""The network around the runs: from raw features to outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sk_mixup._data.moments import Moments
from sk_mixup._networks.batch import Encoded
from sk_mixup._networks.bins import Bins
from sk_mixup._networks.row_pass import RowPass
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._networks.stacked_modules import StackedCopies
from sk_mixup._networks.storage import ArrayModule
from sk_mixup._networks.torch_modes import plain_modes
from sk_mixup._networks.widen import Widen

Body = StackedMLP | StackedCopies
ModuleT = TypeVar("ModuleT", bound=nn.Module)

#: Of larger networks the twin in double precision is made anew in each call.
LARGEST_TWIN = 10_000_000  # weights, which take 80 MB

LARGEST_RATIO = 1e18  # whose square is a number in single precision


class SmoothClip(ArrayModule):
    """Keep numbers within (-limit, limit), and change them hardly near 0.

    A module of its own, for tools that take a network apart by its modules.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, z: Tensor) -> Tensor:
        # Exactly rounded operations only: a row's numbers do not depend on its place.
        u = (z / self.limit).clamp_(-LARGEST_RATIO, LARGEST_RATIO)
        return u / (1 + u.square()).sqrt_() * self.limit


class Standardize(ArrayModule):
    """Centre and scale each feature by each run's statistics.

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
        # To shift by 0 and scale by 1 would cost as much as to standardise.
        if self.idle:
            return x
        z = (x - self.shift) / self.scale
        return z if self.within is None else self.within(z)

    def encode(self, x: Tensor) -> Encoded:
        """Return rows as the first layers of all runs take them."""
        return Encoded(self(x))

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

    @property
    def width(self) -> int:
        """How many numbers a row becomes, without bins."""
        return math.prod(self.shift.shape[2:])

    @property
    def binned(self) -> tuple[int, ...]:
        """The runs that see bins too."""
        return ()

    @property
    def n_units(self) -> int:
        """How many units of bins a row becomes in the runs that see them."""
        return 0

    @property
    def bin_columns(self) -> NDArray[np.int64]:
        """The columns that have bins, as many units for each."""
        return np.empty(0, np.int64)

    def member(self, run: int) -> Standardize:
        """Return one run's statistics, of rows without the run axis."""
        # Copies, because torch.export.save warns of parts of larger tensors.
        shift, scale = self.shift[run].clone(), self.scale[run].clone()
        return Standardize(shift, scale, self.clip, idle=self.idle)

    def select(self, runs: Sequence[int]) -> Standardize:
        """Return the statistics of the given runs alone."""
        chosen = list(runs)
        return Standardize(
            self.shift[chosen], self.scale[chosen], self.clip, idle=self.idle
        )

    @property
    def runs(self) -> int:
        return len(self.shift)

    @staticmethod
    def concatenate(parts: Sequence[Standardize]) -> Standardize:
        """Return the statistics and bins of all runs of ``parts``."""
        standardize = Standardize(
            torch.cat([part.shift for part in parts]),
            torch.cat([part.scale for part in parts]),
            parts[0].clip,
            idle=parts[0].idle,
        )
        bins, start = [], 0
        for part in parts:
            if isinstance(part, EncodedInputs):
                bins.append(part.bins.moved(start))
            start += part.runs
        if not bins:
            return standardize
        return EncodedInputs(standardize, Bins.concatenate(bins))


class EncodedInputs(Standardize):
    """Standardised features and, side by side with them, bins of what they were.

    Only some of the runs see bins.

    Shape
    -----
    - input: ``(..., runs or 1, rows, features)``
    - output: ``(..., runs, rows, features + bins)``, if all of the runs have bins
    """

    def __init__(self, standardize: Standardize, bins: Bins) -> None:
        super().__init__(
            standardize.shift,
            standardize.scale,
            standardize.clip,
            idle=standardize.idle,
        )
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        values, units = super().forward(x), self.bins(x)
        # Values that are not standardised have no run axis yet.
        values = values.expand(*units.shape[:-1], values.shape[-1])
        return torch.cat([values, units], -1)

    def encode(self, x: Tensor) -> Encoded:
        every = x.shape[-3] == 1 or len(self.binned) == x.shape[-3]
        of_binned = x if every else x[..., list(self.binned), :, :]
        return Encoded(super().forward(x), self.bins(of_binned))

    @property
    def binned(self) -> tuple[int, ...]:
        return self.bins.runs

    @property
    def n_units(self) -> int:
        return self.bins.width

    @property
    def bin_columns(self) -> NDArray[np.int64]:
        return self.bins.columns.cpu().numpy()

    def member(self, run: int) -> Standardize:
        standardize = super().member(run)
        if run not in self.binned:
            return standardize
        return EncodedInputs(standardize, self.bins.member(run))

    def select(self, runs: Sequence[int]) -> Standardize:
        standardize, bins = super().select(runs), self.bins.select(runs)
        return EncodedInputs(standardize, bins) if bins.runs else standardize


class Network(ArrayModule):
    """Input layer and body: what :class:`MixupNet` trains.

    ``temperature`` divides the outputs; it is 1 while the network is trained. ``widen``
    turns the matrix of a table with gaps or categories into what the input layer takes;
    it is None where that is the table itself. ``member_weights`` are those of the runs
    in predictions; None weighs them alike.

    Shape
    -----
    - input: ``(runs or 1, rows, *features)``
    - output: ``(runs, rows, outputs)``
    """

    def __init__(
        self, inputs: Standardize, body: Body, widen: Widen | None = None
    ) -> None:
        super().__init__()
        self.widen = widen
        self.inputs = inputs
        self.body = body
        self.temperature = 1.0
        self.member_weights: tuple[float, ...] | None = None

    @property
    def runs(self) -> int:
        return self.body.runs

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the inputs, in which the network was made."""
        return self.inputs.shift.dtype

    @property
    def device(self) -> torch.device:
        return self.inputs.shift.device

    @property
    def weights_of_members(self) -> Tensor:
        """The weight of each run in predictions, of sum 1."""
        alike = [1 / self.runs] * self.runs
        return torch.tensor(self.member_weights or alike, dtype=torch.float64)

    @property
    def inputs_shape(self) -> tuple[int, ...]:
        """The shape of one row of what is standardised."""
        return tuple(self.inputs.shift.shape[2:])

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of a table."""
        if self.widen is not None:
            return (self.widen.n_features,)
        return self.inputs_shape

    @property
    def largest_width(self) -> int:
        """The most numbers that a row has in any layer, inputs included."""
        inputs = self.inputs
        return max(inputs.width, inputs.n_units, self.body.largest_width)

    @property
    def is_perceptron(self) -> bool:
        """Whether every layer is this package's, none a user's."""
        return isinstance(self.body, StackedMLP)

    def forward(self, x: Tensor) -> Tensor:
        return self.outputs(self.inputs.encode(self.widened(x)))

    def widened(self, x: Tensor) -> Tensor:
        """Return rows of a table as the input layer takes them."""
        return x if self.widen is None else self.widen(x)

    def outputs(self, rows: Encoded) -> Tensor:
        """Return the outputs of rows that are encoded already."""
        outputs = self.body(*rows)
        return outputs if self.temperature == 1 else outputs / self.temperature

    def in_double(self) -> Network:
        """Return the network in double precision, to predict with.

        A user's module, whose tensors may be of any precision, stays as it is.
        """
        if not self.is_perceptron:
            return self
        if cast(StackedMLP, self.body).theta.numel() > LARGEST_TWIN:
            return _in_double(self)
        twin: Network = self._kept("double", _in_double)
        return twin

    def row_pass(self, exact: bool) -> RowPass | None:
        """Return what computes a row's outputs fast, where it can be had.

        It is in double precision if ``exact``, and None if anything looks at what the
        modules do. It neither widens rows nor divides by the temperature.
        """
        if not isinstance(self.body, StackedMLP) or self.device.type != "cpu":
            return None
        if exact and self.body.theta.numel() > LARGEST_TWIN:
            return None
        make = partial(_row_pass_of, exact=exact)
        row_pass: RowPass = self._kept("exact" if exact else "plain", make)
        return None if any(row_pass.hooks) else row_pass

    def _kept(self, name: str, make: Callable[[Network], Any]) -> Any:
        """Return what was made of the network's present numbers, or make it."""
        kept = _kept_of.setdefault(self, {})
        theta, inputs = cast(Tensor, self.body.theta), self.inputs
        state = theta.data_ptr(), theta._version, inputs, self.temperature
        if name not in kept or kept[name][0] != state:
            with plain_modes():  # no tensor of inference mode
                kept[name] = state, make(self)
        return kept[name][1]

    def follow_inputs(
        self,
        before: Sequence[Moments | None],
        after: Sequence[Moments | None],
        inputs: Standardize,
        bodies: Sequence[Body],
    ) -> None:
        """Standardise by other moments; the first layers of ``bodies`` make up for it.

        Those are the body and others that are to take its place.
        """
        # Clipped inputs moved outputs by so many deviations at most: weights need not
        # grow by more.
        limit = inputs.clip or np.inf
        for run, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is not None and new is not None:
                for body in bodies:
                    body.follow_inputs(run, old, new, limit)
        self.inputs = inputs

    def select(self, runs: Sequence[int]) -> Network:
        """Return a network of the given runs alone."""
        # Without temperature and weights of members, which are fitted when all runs of
        # an estimator are together.
        return Network(self.inputs.select(runs), self.body.select(runs), self.widen)

    @staticmethod
    def concatenate(networks: Sequence[Network]) -> Network:
        """Return one network of all runs of ``networks``."""
        inputs = networks[0].inputs.concatenate([n.inputs for n in networks])
        bodies: list[Any] = [n.body for n in networks]
        body = bodies[0].concatenate(bodies)
        return Network(inputs, body, networks[0].widen)


#: By network: what was made of it, with the state that it had, by name. Not among its
#: attributes, which are pickled and copied.
_kept_of: WeakKeyDictionary[Network, dict[str, tuple[Any, Any]]] = WeakKeyDictionary()


def _row_pass_of(network: Network, exact: bool) -> RowPass:
    twin = network.in_double() if exact else network
    body = cast(StackedMLP, twin.body)
    return RowPass(twin.inputs, body, LARGEST_RATIO, network.modules())


def _in_double(module: ModuleT) -> ModuleT:
    """Return a module with tensors in double precision that shares all else.

    It is on the CPU where the device may lack that precision, as Apple's do.
    """
    # Not a deep copy, which would copy what hooks keep.
    twin = object.__new__(type(module))
    vars(twin).update(
        vars(module),
        _parameters={
            k: nn.Parameter(_where_double_is(v).double())
            for k, v in module.named_parameters(recurse=False)
        },
        _buffers={
            # Column numbers of bins stay whole.
            k: own.double() if own.is_floating_point() else own
            for k, v in module.named_buffers(recurse=False)
            for own in [_where_double_is(v)]
        },
        _modules={k: _in_double(v) for k, v in module.named_children()},
    )
    return twin


def _where_double_is(tensor: Tensor) -> Tensor:
    return tensor if tensor.device.type in ("cpu", "cuda") else tensor.cpu()

"""The networks that an estimator trains, as values that build them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from sklearn.utils import gen_batches
from torch import nn

from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.network import Network
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._networks.stacked_modules import StackedCopies, seeded
from sk_mixup._networks.torch_modes import lacks_memory
from sk_mixup._networks.widen import Widen

#: 4 MB of rows at a time: of wide tables a row for each unit would be a large copy.
BLOCK_NUMBERS = 1_000_000


def work_of_step(n_weights: int, batch_size: int, n_networks: int) -> int:
    """Return the floating-point operations of a training step."""
    # A product forward and two backward, each of multiplications and additions.
    return 6 * n_weights * batch_size * n_networks


class NewRun(Protocol):
    """What a network is initialised from."""

    @property
    def training(self) -> RowSubset:
        """The training rows."""

    @property
    def streams(self) -> Streams:
        """The random streams."""


class Architecture(Protocol):
    """Equal by value; builds untrained networks."""

    @property
    def n_weights(self) -> int:
        """Weights of one network, as far as they are known beforehand."""

    @property
    def n_bin_weights(self) -> int:
        """Those of bins, which some networks do not have."""

    def build(
        self,
        standardize: Standardize,
        runs: Sequence[NewRun],
        widen: Widen | None = None,
    ) -> Network:
        """Return untrained networks, each drawn from its run's own stream."""


@dataclass(frozen=True)
class MLPArchitecture:
    """Perceptrons of the given sizes, from inputs to outputs.

    ``bias_init`` says where the biases of the hidden layers begin, ``n_units`` how many
    units of bins some of the networks see beside the inputs.
    """

    sizes: tuple[int, ...]
    bias_init: str = "uniform"
    n_units: int = 0

    @property
    def n_weights(self) -> int:
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return self.n_bin_weights + sum((n_in + 1) * n_out for n_in, n_out in pairs)

    @property
    def n_bin_weights(self) -> int:
        return self.n_units * self.sizes[1]

    def build(
        self,
        standardize: Standardize,
        runs: Sequence[NewRun],
        widen: Widen | None = None,
    ) -> Network:
        body = StackedMLP(len(runs), self.sizes, standardize.binned, self.n_units)
        body.initialize([run.streams.initial for run in runs])
        # After Steinwart (arXiv 1903.11482): with units that begin anywhere the log
        # loss was 0.385, not 0.382 (docs/results/defaults.md, second round).
        if self.bias_init == "data":
            self._place_kinks_at_rows(body, standardize, runs)
        return Network(standardize, body, widen)

    def _place_kinks_at_rows(
        self, body: StackedMLP, standardize: Standardize, runs: Sequence[NewRun]
    ) -> None:
        for number, run in enumerate(runs):
            if _are_alike(run.training):
                continue  # where all units end and none would get a gradient
            own = standardize.select([number])
            # From below: what enters a layer depends on the biases before it.
            for depth, units in enumerate(self.sizes[1:-1]):
                drawn = run.training.draw(units, run.streams.initial)
                for some in gen_batches(units, max(1, BLOCK_NUMBERS // self.sizes[0])):
                    rows = run.training.inputs(drawn[some]).unsqueeze(0)
                    values, bins = own.encode(rows)
                    seen = None if bins is None else bins.squeeze(0).cpu()
                    at = values.squeeze(0).cpu()
                    body.place_kinks_at(number, depth, some, at, seen)


def _are_alike(rows: RowSubset) -> bool:
    numbers = torch.arange(len(rows), device=rows.device)
    first = rows.inputs(numbers[:1])
    size = max(1, BLOCK_NUMBERS // first.numel())
    return all(bool((rows.inputs(some) == first).all()) for some in numbers.split(size))


@dataclass(frozen=True)
class ModuleArchitecture:
    """Copies of a user's module, checked before anything is trained."""

    module: Callable[..., nn.Module]
    sample_shape: tuple[int, ...]
    n_outputs: int
    mix_layer: int | str
    params: dict[str, Any] = field(default_factory=dict)

    n_weights = n_bin_weights = 0

    def build(
        self,
        standardize: Standardize,
        runs: Sequence[NewRun],
        widen: Widen | None = None,
    ) -> Network:
        members = [self._member(run.streams) for run in runs]
        return Network(standardize, StackedCopies(members), widen)

    def _member(self, streams: Streams) -> nn.Module:
        seed = int(streams.initial.integers(2**63))
        # torch's layers draw their weights from its global generators.
        with seeded(seed, torch.device("cpu")):
            member = self._made()
            self._check(member)
        return member

    def _made(self) -> Any:
        try:
            return self.module(**self.params)
        except Exception as error:
            if lacks_memory(error):
                # Left to memory_errors, which says what would need less.
                raise
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"module could not be made of module_params={self.params} "
                f"({type(error).__name__}: {error})."
            ) from error

    def _outputs(self, member: nn.Module) -> Any:
        try:
            with torch.no_grad():
                # Two, since of one row an axis may be squeezed away unseen.
                return member(torch.zeros(2, *self.sample_shape))
        except Exception as error:
            if lacks_memory(error):
                raise
            raise ValueError(
                f"module cannot take rows of shape {self.sample_shape} "
                f"({type(error).__name__}: {error})."
            ) from error

    def _check(self, member: Any) -> None:
        """Try the module on two rows, which also fixes the sizes of lazy layers."""
        if not isinstance(member, nn.Module):
            raise TypeError(
                "module must make a torch.nn.Module, but it made "
                f"{type(member).__name__}."
            )
        # In evaluation mode, or batch norms would take up two rows of zeros.
        outputs = self._outputs(member.eval())
        member.train()
        if not isinstance(outputs, torch.Tensor):
            raise TypeError(
                "module must return a tensor, one row of outputs for each row, but "
                f"returned {type(outputs).__name__}."
            )
        if outputs.shape != (2, self.n_outputs):
            raise ValueError(
                f"module turned 2 rows of shape {self.sample_shape} into shape "
                f"{tuple(outputs.shape)}, but (2, {self.n_outputs}) is needed: one "
                "output for each class or target."
            )
        if not any(parameter.requires_grad for parameter in member.parameters()):
            raise ValueError(
                f"module made a {type(member).__name__} without parameters: there is "
                "nothing to train."
            )
        known = ["input", 0, *(name for name, _ in member.named_modules() if name)]
        if self.mix_layer not in known:
            raise ValueError(
                f"mix_layer={self.mix_layer!r} does not exist; this module has {known}."
            )
        if self.mix_layer not in ("input", 0):
            self._check_mixed(member)

    def _check_mixed(self, member: nn.Module) -> None:
        """Check that the output of the submodule can be mixed."""
        returned: list[Any] = []
        hook = member.get_submodule(str(self.mix_layer)).register_forward_hook(
            lambda module, inputs, output: returned.append(output)
        )
        try:
            self._outputs(member.eval())
        finally:
            hook.remove()
            member.train()
        if not returned:
            raise ValueError(
                f"mix_layer={self.mix_layer!r} is not called by the module, so that "
                "nothing would be mixed; name another submodule."
            )
        for output in returned:
            shape = getattr(output, "shape", None)
            if shape is None or shape[:1] != (2,):
                got = (
                    type(output).__name__ if shape is None else f"shape {tuple(shape)}"
                )
                raise ValueError(
                    f"mix_layer={self.mix_layer!r} must return one tensor with a row "
                    f"for each row, which can be mixed, but for 2 rows returned {got}; "
                    "name another submodule."
                )

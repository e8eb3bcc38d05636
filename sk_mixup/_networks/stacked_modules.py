"""Copies of a user's module, one for each run, trained in a loop."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import RLock
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sk_mixup._data.moments import Moments
from sk_mixup._networks.batch import Batch, Mixture, Step
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.storage import ArrayModule


class StackedCopies(ArrayModule):
    """Independent copies of a user's torch module, one per run, applied in a loop.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each maps ``(rows, *features)`` to ``(rows, outputs)``.

    Shape
    -----
    - input: ``(runs, rows, *features)`` or ``(1, rows, *features)`` for all runs alike
    - output: ``(runs, rows, outputs)``

    Examples
    --------
    >>> import torch
    >>> copies = StackedCopies([torch.nn.Linear(4, 2) for _ in range(3)])
    >>> copies(torch.randn(3, 10, 4)).shape
    torch.Size([3, 10, 2])
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def runs(self) -> int:
        return len(self.members)

    @property
    def largest_width(self) -> int:
        """Units of the largest layer: 0, as those of a user's module are unknown."""
        return 0

    def rows_of(self, run: int) -> list[int | None]:
        """Return no rows: what the parameters of a user's module are is unknown."""
        return []

    def forward(self, x: Tensor, units: None = None) -> Tensor:
        x = x.expand(self.runs, *x.shape[1:])
        # Clones, since a member may work in place.
        return torch.stack(
            [member(x[run].clone()) for run, member in enumerate(self.members)]
        )

    def training_step(
        self, loss: Loss, generators: Sequence[np.random.Generator]
    ) -> Step:
        """Return the function that turns a batch into outputs and gradients."""
        return CopiesStep(self, loss, generators)

    def select(self, runs: Sequence[int]) -> StackedCopies:
        """Return a module of the given runs alone."""
        return StackedCopies([copy.deepcopy(self.members[run]) for run in runs])

    @staticmethod
    def concatenate(modules: Sequence[StackedCopies]) -> StackedCopies:
        """Return one module of all runs of ``modules``."""
        return StackedCopies([member for m in modules for member in m.members])

    def follow_inputs(
        self, run: int, before: Moments, after: Moments, limit: float
    ) -> None:
        """Leave the weights: what a user's module computes from inputs is not known."""

    def follow_targets(self, before: Moments, after: Moments) -> None:
        """Leave the weights: which of them make the outputs is not known."""

    def keep(self, runs: Tensor, best: dict[str, Tensor]) -> None:
        """Copy the state of ``runs``, a boolean mask, into the snapshot ``best``."""
        for name, value in self.members.state_dict().items():
            # Names begin with a member's number, as ModuleList gives them.
            if name not in best or runs[int(name.split(".")[0])]:
                best[name] = value.clone()

    def restore(self, best: dict[str, Tensor]) -> None:
        """Take the state of a snapshot."""
        self.members.load_state_dict(best)

    def member(self, run: int) -> nn.Module:
        """Return a copy of one run's module."""
        return copy.deepcopy(self.members[run])


class CopiesStep:
    """Forward and backward pass of a :class:`StackedCopies`, by autograd.

    What is random inside a member (its dropout, say) is drawn from its own stream, so
    a run never depends on its neighbours and the global generators stay as they are.
    """

    def __init__(
        self,
        module: StackedCopies,
        loss: Loss,
        generators: Sequence[np.random.Generator],
    ) -> None:
        self.module, self.loss, self.generators = module, loss, generators

    def __call__(self, batch: Batch) -> Tensor:
        self.module.zero_grad(set_to_none=True)
        with torch.enable_grad():
            outputs = torch.stack(
                [self._forward(run, batch) for run in range(self.module.runs)]
            )
            # Runs share no weights: the sum has the gradient of each run's own loss.
            self.loss(outputs, batch.targets, batch.weight).sum().backward()
        return outputs.detach()

    def _forward(self, run: int, batch: Batch) -> Tensor:
        member = self.module.members[run]
        x = batch.inputs[run].clone()  # a member may work in place
        # Drawn in each step, for whether a member draws anything is not known.
        seed = int(self.generators[run].integers(2**63))
        one_row = batch.targets.shape[1] == 1
        norms = _running_statistics(member) if one_row else nullcontext()
        with seeded(seed, x.device), _mixing(member, run, batch.mixture), norms:
            if batch.mixture is not None and batch.mixture.layer == 0:
                x = _mix_run(batch.mixture, run, x)
            return member(x)


@contextmanager
def _running_statistics(member: nn.Module) -> Iterator[None]:
    """Let batch norms use their running statistics: one row has no variance."""
    norms = [part for part in member.modules() if isinstance(part, _BatchNorm)]
    norms = [norm for norm in norms if norm.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


@contextmanager
def _mixing(member: nn.Module, run: int, mixture: Mixture | None) -> Iterator[None]:
    """Mix the output of the submodule that the mixture names, while inside."""
    if mixture is None or not isinstance(mixture.layer, str):
        yield
        return
    hook = member.get_submodule(mixture.layer).register_forward_hook(
        lambda module, inputs, output: _mix_run(mixture, run, output)
    )
    try:
        yield
    finally:
        hook.remove()


def _mix_run(mixture: Mixture, run: int, hidden: Tensor) -> Tensor:
    return Mixture(mixture.weights[run, None], mixture.layers)(hidden[None])[0]


_global_generators = RLock()  # stacks are trained on several threads


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators for a while and put them back as they were."""
    # Not torch.manual_seed, which seeds devices that are not put back, too.
    generators = [torch.default_generator, *_generators_of(device)]
    with _global_generators:
        before = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)


def _generators_of(device: torch.device) -> list[Any]:
    """Return the global generator of a device that is not the CPU."""
    if device.type == "cpu":
        return []
    kind = getattr(torch, device.type)
    # By number: `torch.cuda.manual_seed` seeds the current device, which is another.
    if hasattr(kind, "default_generators"):
        return [kind.default_generators[device.index or 0]]
    return [
        SimpleNamespace(  # of Apple's GPU, of which there is one
            get_state=kind.get_rng_state,
            set_state=kind.set_rng_state,
            manual_seed=kind.manual_seed,
        )
    ]

"""torch's elementwise optimisers without the import of its compiler.

torch imports its compiler the first time that an optimiser is made or takes a step, for
nothing unless the step is compiled: most of the time of a process's first fit. The
methods below are torch's own, without the wrappers that import it. No gradient goes
through a step: ``differentiable`` is refused (see `optimizer_arguments`).
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.optim import Optimizer


class _Light(Optimizer):
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)


def _step_of(optimizer: type[Any]) -> Any:
    return torch.no_grad()(inspect.unwrap(optimizer.step))


class Adam(_Light, torch.optim.Adam):
    """:class:`torch.optim.Adam`."""

    step = _step_of(torch.optim.Adam)


class AdamW(_Light, torch.optim.AdamW):
    """:class:`torch.optim.AdamW`."""

    step = _step_of(torch.optim.AdamW)


class NAdam(_Light, torch.optim.NAdam):
    """:class:`torch.optim.NAdam`."""

    step = _step_of(torch.optim.NAdam)


class RMSprop(_Light, torch.optim.RMSprop):
    """:class:`torch.optim.RMSprop`."""

    step = _step_of(torch.optim.RMSprop)


class SGD(_Light, torch.optim.SGD):
    """:class:`torch.optim.SGD`."""

    step = _step_of(torch.optim.SGD)


#: By torch's classes, exactly: a subclass of the user's is taken as it is.
LIGHT: dict[type[Optimizer], type[Optimizer]] = {
    torch.optim.Adam: Adam,
    torch.optim.AdamW: AdamW,
    torch.optim.NAdam: NAdam,
    torch.optim.RMSprop: RMSprop,
    torch.optim.SGD: SGD,
}

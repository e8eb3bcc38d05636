"""How networks and optimisers are written down: as arrays, once, for any device."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sk_mixup._networks.torch_modes import own_modes

#: Made anew by torch; hooks, which often cannot be pickled, are among them.
TORCHS_OWN = frozenset(vars(nn.Module()))


class ArrayModule(nn.Module):
    """A module that is pickled as arrays, and unpickled on the CPU."""

    def __getstate__(self) -> dict[str, Any]:
        """Return arrays and plain attributes; hooks are left out."""
        return {
            "own": {k: own for k, own in vars(self).items() if k not in TORCHS_OWN},
            "parameters": as_arrays(self._parameters),
            "buffers": as_arrays(self._buffers),
            "modules": {k: _on_cpu(module) for k, module in self._modules.items()},
            "training": self.training,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        with own_modes():
            self._set_state(state)

    def _set_state(self, state: dict[str, Any]) -> None:
        # First, since torch registers what is set from here on.
        nn.Module.__init__(self)
        vars(self).update(state["own"])
        for name, array in state["parameters"].items():
            setattr(self, name, nn.Parameter(as_tensor(array)))
        for name, array in state["buffers"].items():
            self.register_buffer(name, as_tensor(array))
        for name, module in state["modules"].items():
            self.add_module(name, module)
        self.training = state["training"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy as torch does, on the device and with the hooks."""
        return deep_copy(self, vars(self), memo)


def deep_copy(original: Any, attributes: dict[str, Any], memo: dict[int, Any]) -> Any:
    """Return a deep copy that has copies of ``attributes`` only."""
    twin = object.__new__(type(original))
    memo[id(original)] = twin
    vars(twin).update(copy.deepcopy(dict(attributes), memo))
    return twin


def _on_cpu(module: nn.Module | None) -> nn.Module | None:
    """Return the module, or a copy of one of torch's that is elsewhere."""
    if module is None or isinstance(module, ArrayModule):
        return module
    elsewhere = any(each.device.type != "cpu" for each in module.state_dict().values())
    return copy.deepcopy(module).cpu() if elsewhere else module


def as_tensor(array: NDArray[Any]) -> Tensor:
    """Return a tensor on the array's memory, or on a copy if that is read-only."""
    return torch.from_numpy(np.require(array, requirements=["W"]))


def as_arrays(value: Any) -> Any:
    """Return nested containers with arrays for tensors of kinds that NumPy knows."""
    if torch.is_tensor(value):
        on_cpu = value.detach().cpu()
        # NumPy has no bfloat16.
        return on_cpu if value.dtype == torch.bfloat16 else on_cpu.numpy()
    if isinstance(value, dict):
        return {key: as_arrays(each) for key, each in value.items()}
    # Not their subclasses: a namedtuple is not made of one sequence.
    if type(value) in (list, tuple):
        return type(value)(map(as_arrays, value))
    return value


def as_tensors(value: Any) -> Any:
    """Return nested containers with tensors for arrays."""
    if isinstance(value, np.ndarray):
        return as_tensor(value)
    if isinstance(value, dict):
        return {key: as_tensors(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(as_tensors, value))
    return value

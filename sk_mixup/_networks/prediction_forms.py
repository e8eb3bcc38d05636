"""Networks as predictions take them: in double precision, and for a row alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from sk_mixup._networks.network import Network
from sk_mixup._networks.row_pass import RowPass
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._networks.torch_modes import plain_modes

ModuleT = TypeVar("ModuleT", bound=nn.Module)

#: Of larger networks the twin in double precision is made anew in each call.
LARGEST_TWIN = 10_000_000  # weights, which take 80 MB
#: By network: what was made of it, with the state that it had, by name. Not among its
#: attributes, which are pickled and copied.
_made: WeakKeyDictionary[Network, dict[str, tuple[Any, Any]]] = WeakKeyDictionary()


def in_double(network: Network) -> Network:
    """Return a network in double precision.

    A user's module, whose tensors may be of any precision, stays as it is.
    """
    if not network.is_perceptron:
        return network
    if cast(StackedMLP, network.body).theta.numel() > LARGEST_TWIN:
        return _doubled(network)
    twin: Network = _once("double", network, _doubled)
    return twin


def row_pass_of(network: Network, exact: bool) -> RowPass | None:
    """Return what computes a row's outputs fast, where it can be had.

    It is in double precision if ``exact``, and None if anything looks at what the
    modules do. It neither widens rows nor divides by the temperature.
    """
    body = network.body
    if not isinstance(body, StackedMLP) or network.device.type != "cpu":
        return None
    if exact and body.theta.numel() > LARGEST_TWIN:
        return None
    make = partial(_row_pass, exact=exact)
    row_pass: RowPass = _once("exact" if exact else "plain", network, make)
    return None if any(row_pass.hooks) else row_pass


def _row_pass(network: Network, exact: bool) -> RowPass:
    twin = in_double(network) if exact else network
    return RowPass(twin.inputs, cast(StackedMLP, twin.body), network.modules())


def _once(name: str, network: Network, make: Callable[[Network], Any]) -> Any:
    """Return what was made of the network's present numbers, or make it."""
    made = _made.setdefault(network, {})
    body, inputs = cast(StackedMLP, network.body), network.inputs
    state: Any = _version(body.theta), inputs, network.temperature
    if body.binned:
        state += (_version(body.theta_bins),)
    if name not in made or made[name][0] != state:
        with plain_modes():  # no tensor of inference mode
            made[name] = state, make(network)
    return made[name][1]


def _version(tensor: Tensor) -> tuple[int, int]:
    """Return what changes with the numbers of a tensor."""
    return tensor.data_ptr(), tensor._version


def _doubled(module: ModuleT) -> ModuleT:
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
        _modules={k: _doubled(v) for k, v in module.named_children()},
    )
    return twin


def _where_double_is(tensor: Tensor) -> Tensor:
    return tensor if tensor.device.type in ("cpu", "cuda") else tensor.cpu()

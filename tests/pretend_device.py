"""A pretended GPU: numbers on the CPU under the discipline of a GPU.

Inside ``with PretendDevice() as gpu`` the device "cuda" exists on a machine without
one. Its tensors say ``device="cuda:0"`` and hold a CPU tensor, so results are right.
Each of their operations passes through here. It is refused if it mixes devices as CUDA
refuses (:class:`MixedDevicesError`), and counted in ``gpu.count``: kernel launches,
uploads and downloads with their bytes, and waits of the host for the device. What only
kernels do (rounding, memory that runs out, time) stays unseen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

aten, CPU, Tag = torch.ops.aten, torch.device("cpu"), torch.Tag
#: Their row numbers may be on the CPU: CUDA moves them by itself.
INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}
#: The host has to wait for what they return.
READS = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten.repeat_interleave.Tensor,
}
#: Kernels of an operation, where they are not one: a bias is copied, then added to.
KERNELS = {
    aten.baddbmm.default: 2,
    aten.nonzero.default: 4,
    aten._local_scalar_dense.default: 0,
    aten._unsafe_view.default: 0,
    aten.detach.default: 0,
    aten.empty.memory_format: 0,
    aten.empty_like.default: 0,
    aten.empty_strided.default: 0,
    aten.lift_fresh.default: 0,
    aten.new_empty.default: 0,
    aten.new_empty_strided.default: 0,
}
FROM_DATA = {torch.tensor, torch.as_tensor, torch.asarray}


class MixedDevicesError(RuntimeError):
    """CUDA would refuse the operation."""


class PretendTensor(torch.Tensor):
    """A CPU tensor, ``held``, that says it is at another ``place``."""

    held: torch.Tensor
    place: torch.device

    @staticmethod
    def __new__(cls, held: torch.Tensor, place: torch.device) -> PretendTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            dtype=held.dtype,
            storage_offset=held.storage_offset(),
            device=CPU,
        )
        made.held, made.place = held, place
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: self.place)
    is_cuda = property(lambda self: self.place.type == "cuda")
    is_cpu = False

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return PretendDevice.current.run(func, args, kwargs or {})

    def to(self, *args, **kwargs):
        return PretendDevice.current.move(self, *args, **kwargs)

    def cpu(self):
        return self.to("cpu")

    def tolist(self):
        return self.cpu().tolist()

    def data_ptr(self):
        return self.held.data_ptr()

    def numpy(self, *_, **__):
        raise TypeError(f"can't convert {self.place} device type tensor to numpy.")

    __array__ = numpy

    def __repr__(self, **_):
        return f"{self.held!r} on {self.place}"

    @property
    def data(self):
        return self.detach()

    @data.setter
    def data(self, new):  # nn.Module.to keeps the parameter and moves its data
        torch.utils.swap_tensors(self, torch.nn.Parameter(new, self.requires_grad))

    # nn.Module.to asks whether there are such methods before it swaps tensors.
    __tensor_flatten__ = __tensor_unflatten__ = None

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = _rebuilt(self.held.clone(), *_traits(self))
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        return _loaded, (self.held.numpy().copy(), *_traits(self))


def _traits(tensor):
    return tensor.place, tensor.requires_grad, getattr(tensor, "_is_param", False)


def _rebuilt(held, place, requires_grad, is_parameter):
    made = PretendTensor(held, place).requires_grad_(requires_grad)
    if is_parameter:
        made._is_param = True
    return made


def _loaded(values, place, *traits):
    """Read a pickled tensor, which needs the device that it was on."""
    world = PretendDevice.current
    if world is None or world.find(place).type == "cpu":
        raise RuntimeError(
            f"Attempting to deserialize object on a {place.type} device but there is "
            "none."
        )
    return _rebuilt(torch.from_numpy(values), place, *traits)


class _Moves(TorchFunctionMode):
    """Catch what makes tensors on the device, and what moves them there."""

    def __init__(self, world: PretendDevice) -> None:
        super().__init__()
        self.world = world

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.to and not isinstance(args[0], PretendTensor):
            return self.world.move(*args, **kwargs)
        place = self.world.find(kwargs.get("device"))
        if place.type != self.world.kind:
            return func(*args, **kwargs)
        return self.world.make(func, place, args, {**kwargs, "device": CPU})


class PretendDevice(ExitStack):
    """A world with devices of a kind that this machine lacks.

    Parameters
    ----------
    kind : str, default="cuda"
        Type of the devices: "cuda", "mps" or "xpu".
    n_devices : int, default=1
        How many there are.
    no_double : bool, default=False
        Refuse float64, as Apple's GPUs do.
    broken : bool, default=False
        The devices are seen, but nothing can be made there.
    """

    current: PretendDevice | None = None

    def __init__(self, kind="cuda", n_devices=1, no_double=False, broken=False):
        super().__init__()
        self.kind, self.n_devices = kind, n_devices
        self.no_double, self.broken = no_double, broken
        self.count: Counter[str] = Counter()
        self.generators = [torch.Generator().manual_seed(i) for i in range(n_devices)]

    def __enter__(self):
        super().__enter__()
        module, own = getattr(torch, self.kind), self.generators

        def generator_of(device=self.kind):
            index = device if isinstance(device, int) else self.find(device).index
            return own[index]

        for name, stand_in in {
            "is_available": lambda: True,
            "device_count": lambda: self.n_devices,
            "current_device": lambda: 0,
            "get_rng_state": lambda at=self.kind: generator_of(at).get_state(),
            "set_rng_state": lambda s, at=self.kind: generator_of(at).set_state(s),
            "manual_seed": lambda seed: own[0].manual_seed(seed),  # the current one's
            "default_generators": own,
        }.items():
            if name == "default_generators" and self.kind == "mps":
                continue  # which has none
            self._replace(module, name, stand_in)
        # Wrappers cannot be views in inference mode.
        self._replace(torch.inference_mode, "__enter__", _without_gradients)
        self._replace(torch.inference_mode, "__exit__", _with_gradients_as_before)
        self.callback(setattr, PretendDevice, "current", PretendDevice.current)
        PretendDevice.current = self
        self.enter_context(_Moves(self))
        return self

    def _replace(self, owner: Any, name: str, stand_in: Any) -> None:
        self.enter_context(mock.patch.object(owner, name, stand_in, create=True))

    def find(self, device: Any) -> torch.device:
        """Return the device with its index, if there is such a one."""
        device = CPU if device is None else torch.device(device)
        if device.type != self.kind:
            return device
        if (device.index or 0) >= self.n_devices:
            raise RuntimeError("CUDA error: invalid device ordinal")
        if self.broken:
            raise RuntimeError("CUDA error: no kernel image is available")
        return torch.device(self.kind, device.index or 0)

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """Give a counter that has, at the end, what happened inside."""
        inside, before = Counter(), Counter(self.count)
        yield inside
        inside.update(self.count)
        inside.subtract(before)

    # What happens on the device.

    def make(self, func, place, args, kwargs):
        """Make a tensor on the device."""
        if any(isinstance(leaf, PretendTensor) for leaf in tree_leaves((args, kwargs))):
            return func(*args, **kwargs)  # like another, and so where that is
        made = func(*args, **kwargs)
        if not isinstance(made, torch.Tensor):
            return made
        self._check_dtype(made.dtype)
        if func in FROM_DATA:
            self._note_copy("uploads", made)
        elif not func.__name__.startswith("empty"):
            self.count["launches"] += 1
        return PretendTensor(made.detach(), place).requires_grad_(made.requires_grad)

    def move(self, tensor, *args, **kwargs):
        """Do as Tensor.to."""
        copy = kwargs.pop("copy", False)
        if args and isinstance(args[0], torch.Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
        source = tensor.device
        place = source if device is None else self.find(device)
        dtype = dtype or tensor.dtype
        if place == source or self.kind not in (place.type, source.type):
            if place.type == self.kind:
                self._check_dtype(dtype)
                return torch.Tensor.to(tensor, dtype=dtype, copy=copy)
            return torch.Tensor.to(tensor, device, dtype, copy=copy)
        held = tensor.held if isinstance(tensor, PretendTensor) else tensor.detach()
        # Copies convert on the CPU, before an upload and after a download.
        moved = held.clone().to(dtype)
        self._note_copy("uploads" if source == CPU else "downloads", moved)
        if place == CPU:
            return moved
        self._check_dtype(dtype)
        return PretendTensor(moved, place)

    def run(self, func, args, kwargs):
        """Check, count and run an operation on tensors some of which are here."""
        leaves = tree_leaves((args, kwargs))
        given = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        if func is aten.copy_.default and len({own.device for own in given[:2]}) > 1:
            return self._copy_across(*args[:2])
        home = self._home(func, args, given)
        self._check_dtype(kwargs.get("dtype"))
        wrappers = {id(t.held): t for t in given if isinstance(t, PretendTensor)}
        random = Tag.nondeterministic_seeded in func.tags
        with self._draws_of(home) if random else nullcontext():
            result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        self._note(func, given, kwargs)

        def wrapped(value):
            if not isinstance(value, torch.Tensor):
                return value
            known = wrappers.get(id(value))
            return PretendTensor(value, home) if known is None else known

        return tree_map(wrapped, result)

    def _home(self, func, args, given):
        """Return where the operation runs, or refuse it."""
        home = next(own.device for own in given if isinstance(own, PretendTensor))
        first = func._schema.arguments[0].alias_info
        written = args[0] if first is not None and first.is_write else None
        for tensor in given:
            if tensor.device == home:
                continue
            scalar = Tag.pointwise in func.tags and not tensor.ndim
            numbers = func in INDEXING and tensor is not args[0]
            if tensor.device != CPU or tensor is written or not (scalar or numbers):
                raise MixedDevicesError(
                    f"{func}: expected all tensors to be on the same device, but found "
                    f"{home} and {tensor.device}"
                )
            if numbers:
                self._note_copy("uploads", tensor)
        return home

    def _check_dtype(self, dtype):
        if self.no_double and dtype == torch.float64:
            raise TypeError(f"{self.kind} does not support float64.")

    @contextmanager
    def _draws_of(self, home):
        """Let random operations draw from the device's generator, not the CPU's."""
        kept, own = torch.default_generator.get_state(), self.generators[home.index]
        torch.default_generator.set_state(own.get_state())
        try:
            yield
        finally:
            own.set_state(torch.default_generator.get_state())
            torch.default_generator.set_state(kept)

    def _copy_across(self, to, source):
        _held(to).copy_(_held(source))
        self._note_copy("uploads" if source.device == CPU else "downloads", to)
        return to

    def _note_copy(self, kind, tensor):
        """Count a copy to or from the host, which waits: its memory is not pinned."""
        n_bytes = tensor.numel() * tensor.element_size()
        self.count.update({kind: 1, f"{kind}_bytes": n_bytes, "waits": 1})

    def _note(self, func, given, kwargs):
        views = [each.alias_info for each in func._schema.returns]
        is_view = bool(views) and all(v is not None and not v.is_write for v in views)
        masks = [own for own in given[1:] if own.dtype == torch.bool]
        masks = masks if func in INDEXING else []
        self.count["waits"] += bool(masks or func in READS)
        kernels = 0 if is_view else KERNELS.get(func, 1)
        if func is aten.baddbmm.default and kwargs.get("beta") == 0:
            kernels = 1  # without a bias
        self.count["launches"] += kernels + 4 * len(masks) * bool(kernels)


def _without_gradients(mode: torch.inference_mode) -> None:
    mode.before = torch.is_grad_enabled()
    torch.set_grad_enabled(not mode.mode)


def _with_gradients_as_before(mode: torch.inference_mode, *_: Any) -> None:
    torch.set_grad_enabled(mode.before)


def _held(value):
    return value.held if isinstance(value, PretendTensor) else value

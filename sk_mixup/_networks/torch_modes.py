"""The modes of torch that a user may have set, and those that the package needs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Lock

import torch


class LentDtype:
    """torch's default dtype, which all threads share, set for a while by some of them.

    The dtype is what the last of those still inside has asked for, and the user's own
    when all have left.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.asked_for: dict[object, torch.dtype] = {}  # by those inside, in order
        self.of_user = torch.get_default_dtype()

    @contextmanager
    def __call__(self, dtype: torch.dtype) -> Iterator[None]:
        """Set the default dtype."""
        me = object()
        with self.lock:
            if not self.asked_for:
                self.of_user = torch.get_default_dtype()
            self.asked_for[me] = dtype
            _set_default(dtype)
        try:
            yield
        finally:
            with self.lock:
                # Threads that overlap leave in any order.
                del self.asked_for[me]
                _set_default([self.of_user, *self.asked_for.values()][-1])

    def users_default(self) -> torch.dtype:
        """Return the dtype that the user has set, whatever threads have for a while."""
        with self.lock:
            return self.of_user if self.asked_for else torch.get_default_dtype()


def _set_default(dtype: torch.dtype) -> None:
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)


_of_training = LentDtype()


def precision() -> torch.dtype:
    """Return the precision that new networks have: torch's default, at least single."""
    is_double = _of_training.users_default() == torch.float64
    return torch.float64 if is_double else torch.float32


@contextmanager
def own_modes(dtype: torch.dtype | None = None) -> Iterator[None]:
    """Set torch's modes as training needs them, and put the user's back.

    As :func:`plain_modes`, and numbers are of ``dtype``, by default those of
    :func:`precision`.
    """
    with plain_modes(), _of_training(dtype or precision()):
        yield


@contextmanager
def plain_modes() -> Iterator[None]:
    """Set the modes that each thread has of its own.

    Gradients can be taken, nothing is cast by ``torch.autocast``, and tensors are made
    on the CPU where no device is given.
    """
    with ExitStack() as stack:
        # A tensor made in inference mode can never have a gradient afterwards.
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if not _makes_on_cpu():  # which slows every call down
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def inference(dtype: torch.dtype | None = None) -> Iterator[None]:
    """Compute without gradients, nothing cast by ``torch.autocast``.

    With a ``dtype`` all modes are those of :func:`own_modes`, which takes as long as a
    row takes in a perceptron.
    """
    casts = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
    if dtype is None and not casts:
        with torch.inference_mode():
            yield
        return
    with own_modes(dtype) if dtype else plain_modes(), torch.inference_mode():
        yield


def _makes_on_cpu() -> bool:
    try:
        return torch.get_default_device().type == "cpu"
    except AttributeError:  # of torch 2.6, where a default device was taken back
        return True


@contextmanager
def memory_errors(doing: str, remedy: str) -> Iterator[None]:
    """Raise a MemoryError of one sentence where torch's allocators have none left."""
    try:
        yield
    # Of which torch.OutOfMemoryError is one, for GPUs.
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        size = re.search(r"allocate (\d[\d.]* \w+)", str(error))
        asked = f" for {size[1]}" if size else ""
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        where = "the GPU" if on_gpu else "this machine"
        raise MemoryError(
            f"{doing} needs more memory than {where} has left{asked}; {remedy}."
        ) from error


def lacks_memory(error: Exception) -> bool:
    """Tell whether an allocator failed; on the CPU torch has no class for that."""
    kinds = MemoryError, torch.OutOfMemoryError
    return isinstance(error, kinds) or "you tried to allocate" in str(error)


def readable_device(device: str) -> torch.device:
    """Return the device on which a stored net was, or with a warning the CPU."""
    try:
        return resolve_device(device)
    except ValueError:
        warnings.warn(
            f"These networks were trained on {device!r}, which cannot be used here; "
            "they are read to the CPU.",
            stacklevel=2,
        )
        return torch.device("cpu")


def resolve_device(device: str) -> torch.device:
    """Return the torch device of ``device``, or say why it cannot be had.

    A GPU has its number, so that "cuda" and "cuda:0" are one device. "auto" is the GPU
    if there is one that can be used.
    """
    if device == "auto":
        if torch.cuda.is_available():
            # A card may be seen, and yet be too old for this build of torch, or full.
            with suppress(ValueError):
                return resolve_device("cuda")
        return torch.device("cpu")
    try:
        made = torch.zeros(1, device=device)
        # And back: torch makes tensors on "meta" too, which hold no numbers.
        made.cpu()
        return made.device
    except Exception as error:  # of many kinds, from the back ends of torch
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={device!r} cannot be used here ({reason}); use 'cpu', or 'auto' "
            "to take a GPU where there is one."
        ) from error

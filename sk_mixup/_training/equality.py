"""Whether two parameters are the same, whatever users put into them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch


def same_value(one: Any, other: Any) -> bool:
    """Tell whether two parameters have one value.

    Containers, arrays and tensors are compared by what they hold, a list being the same
    as a tuple, and NaN is the same as NaN. Objects whose ``==`` gives no answer are
    compared by identity.
    """
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(
            same_value(value, other[key]) for key, value in one.items()
        )
    if torch.is_tensor(one) or torch.is_tensor(other):
        return torch.is_tensor(one) and torch.is_tensor(other) and _alike(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _same_arrays(one, other)
    if _is_sequence(one) and _is_sequence(other):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, partial) and isinstance(other, partial):
        return same_value(_parts(one), _parts(other))
    return _equal(one, other)


def snapshot(value: Any) -> Any:
    """Return the value as it is now: later changes of containers do not reach it."""
    if isinstance(value, dict):
        return {key: snapshot(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(snapshot, value))
    if isinstance(value, np.ndarray):
        return value.copy()
    if torch.is_tensor(value):
        return value.detach().clone()
    # Objects stay themselves: a copy without an == would never equal its original.
    return value


def _same_arrays(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.hasobject or other.dtype.hasobject:
        return all(map(same_value, one.ravel().tolist(), other.ravel().tolist()))
    return _alike(one, other)


def _alike(one: Any, other: Any) -> bool:
    """Compare arrays or tensors number by number."""
    if one.shape != other.shape:
        return False
    if torch.is_tensor(one):
        # Tensors on two devices cannot be compared.
        one, other = one.detach().cpu(), other.detach().cpu()
    alike = (one == other) | ((one != one) & (other != other))
    return bool(alike.all())


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple) or (
        isinstance(value, np.ndarray) and value.ndim > 0
    )


def _parts(call: partial[Any]) -> tuple[Any, ...]:
    return call.func, call.args, call.keywords


def _equal(one: Any, other: Any) -> bool:
    try:
        equal = one == other
        # What else an == may return, as a frame's does, is no answer.
        if isinstance(equal, bool | np.bool_):
            return bool(equal) or bool(one != one and other != other)
    except Exception:  # an == of the user's may do anything
        return False
    return False

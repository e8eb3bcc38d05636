"""How the calls of a search are grouped for workers.

Networks of one shape are trained as one stack, those on the same rows share their
draws, and no worker should wait for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._estimator.base import BaseMixup
from sk_mixup._training.stack_plan import CPU_STACK

Call = Callable[[], list[Any]]

#: Parameters in which the networks of one program may differ.
FREE = frozenset(
    {
        *("alpha", "pairing", "n_neighbors", "bandwidth", "weights_per", "warping"),
        *("mix_features", "mix_target", "kappa", "tau", "label_smoothing", "noise_std"),
        *("validation_fraction", "validation", "scoring"),
        *("class_weight", "temperature", "member_weights"),
        *("random_state", "n_estimators"),
    }
)


def plan_groups(calls: Sequence[Call], n_workers: int) -> list[list[int]]:
    """Cut calls, by number, to groups of whole stacks, the last ones the smallest."""
    stacks = _plan_stacks([_arguments(call) for call in calls], n_workers)
    groups: list[list[int]] = []
    n_left, room = len(calls), 0
    for stack in stacks:
        # In large groups more networks find others of their shape.
        if len(stack) > room:
            groups.append([])
            room = ceil_div(n_left, 2 * n_workers)
        groups[-1] += stack
        n_left, room = n_left - len(stack), room - len(stack)
    return groups


def _plan_stacks(arguments: Sequence[list[Any]], n_workers: int) -> list[list[int]]:
    """Cut calls to stacks, the largest first, so that workers can have equal shares."""
    sizes = list(map(_n_networks, arguments))
    neighbours = _neighbours(arguments)
    if sum(sizes) <= n_workers * CPU_STACK:
        return _cut([number for own in neighbours for number in own], n_workers)
    stacks = _filled(neighbours, sizes)
    n_over = len(stacks) % n_workers
    if n_over:
        rest = [number for stack in stacks[-n_over:] for number in stack]
        stacks[-n_over:] = _cut(rest, n_workers)
    return stacks


def _filled(neighbours: Sequence[list[int]], sizes: Sequence[int]) -> list[list[int]]:
    """Cut lists of too many networks for a stack, and put short ones together."""
    stacks: list[list[int]] = []
    room = 0
    for own in neighbours:
        n_parts = ceil_div(sum(sizes[number] for number in own), CPU_STACK)
        for part in _cut(own, n_parts):
            n_networks = sum(sizes[number] for number in part)
            if n_networks > room:
                stacks.append([])
                room = CPU_STACK
            stacks[-1] += part
            room -= n_networks
    return stacks


def _cut(numbers: list[int], n_parts: int) -> list[list[int]]:
    """Cut to so many parts of one size, or one less; to fewer if they are fewer."""
    n_parts = max(1, min(n_parts, len(numbers)))
    return [part.tolist() for part in np.array_split(numbers, n_parts)]


def _arguments(call: Any) -> list[Any]:
    """Return the arguments of the functions of a joblib call."""
    return [
        value
        for _, args, kwargs in getattr(call, "items", ())
        for value in (*args, *kwargs.values())
    ]


def _neighbours(arguments: Sequence[list[Any]]) -> list[list[int]]:
    """Return the calls, by number, together with those that they profit from most.

    Those whose networks have one shape, as far as parameters tell, follow each other;
    of these the ones with the same rows are one list.
    """
    alike: dict[str, dict[tuple[int, ...], list[int]]] = {}
    for number, own in enumerate(arguments):
        of_shape = alike.setdefault(_shape(own), {})
        of_shape.setdefault(_rows(own), []).append(number)
    return [numbers for of_shape in alike.values() for numbers in of_shape.values()]


def _shape(arguments: Iterable[Any]) -> str:
    return repr(
        [
            (name, value)
            for name, value in _parameters(arguments)
            if name.rpartition("__")[2] not in FREE
        ]
    )


def _rows(arguments: Iterable[Any]) -> tuple[int, ...]:
    return tuple(id(value) for value in arguments if hasattr(value, "shape"))


def _parameters(arguments: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return the parameters that are set before a fit."""
    given = [value for value in arguments if isinstance(value, dict)]
    return [(str(name), value) for each in given for name, value in each.items()]


def _n_networks(arguments: Sequence[Any]) -> int:
    """Return about how many networks are trained side by side."""
    for name, value in _parameters(arguments):
        if name.rpartition("__")[2] == "n_estimators" and isinstance(value, Integral):
            return max(1, int(value))
    # Of several estimators one holds the others, as a search does.
    holders = [value for value in arguments if isinstance(value, BaseEstimator)]
    return max([1, *(_networks_in(holder) for holder in holders)])


def _networks_in(holder: BaseEstimator) -> int:
    parts = [holder, *holder.get_params().values()]
    return sum(part.n_estimators for part in parts if isinstance(part, BaseMixup))

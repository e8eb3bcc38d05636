"""How the calls of a search are grouped for workers.

Networks of one shape are trained as one stack, those on the same rows share their
draws, and no worker should wait for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sk_mixup._base import BaseMixup
from sk_mixup._training.stacks import CPU_STACK

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
    groups = []
    while stacks:
        # In large groups more networks find others of their shape.
        n_stacks = -(-len(stacks) // (2 * n_workers))
        groups.append([number for stack in stacks[:n_stacks] for number in stack])
        stacks = stacks[n_stacks:]
    return groups


def _plan_stacks(arguments: Sequence[list[Any]], n_workers: int) -> list[list[int]]:
    """Cut calls to stacks, as many for each worker."""
    neighbours = _neighbours(arguments)
    n_each = -(-len(arguments) // n_workers)
    most = max(1, CPU_STACK // max(map(_n_networks, arguments)))
    if n_each <= most:
        every = [number for own in neighbours for number in own]
        return _cut(every, min(len(every), n_workers))
    stacks = _filled(neighbours, most)
    while n_over := len(stacks) % n_workers:
        halves = [half for stack in stacks[-n_over:] for half in _halves(stack)]
        if len(halves) == n_over:
            break
        stacks[-n_over:] = halves
    return stacks


def _filled(neighbours: Sequence[list[int]], most: int) -> list[list[int]]:
    """Cut lists that are too long for a stack, and put short ones together."""
    stacks: list[list[int]] = []
    for own in neighbours:
        for part in _cut(own, -(-len(own) // most)):
            if stacks and len(stacks[-1]) + len(part) <= most:
                stacks[-1] += part
            else:
                stacks.append(part)
    return stacks


def _halves(stack: list[int]) -> list[list[int]]:
    return _cut(stack, min(2, len(stack)))


def _cut(numbers: list[int], n_parts: int) -> list[list[int]]:
    """Cut to parts of one size, or one less."""
    return [part.tolist() for part in np.array_split(numbers, n_parts)]


def _arguments(call: Any) -> list[Any]:
    """Return what the functions of one of joblib's calls are given."""
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
        if name.rpartition("__")[2] == "n_estimators" and isinstance(value, int):
            return value
    # Of several estimators one holds the others, as a search does.
    holders = [value for value in arguments if isinstance(value, BaseEstimator)]
    return max([1, *(_networks_in(holder) for holder in holders)])


def _networks_in(holder: BaseEstimator) -> int:
    parts = [holder, *holder.get_params().values()]
    return sum(part.n_estimators for part in parts if isinstance(part, BaseMixup))

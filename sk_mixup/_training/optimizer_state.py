"""What an elementwise optimiser remembers of each of several stacked perceptrons.

Their weights are parameters with an axis of runs. Other modules have a stack of their
own, whose runs all stop at once, so that their states are never split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]
RunState = list[State | None]
"""A state for each parameter, None for those that a run has no part of."""


def state_of_run(
    optimizer: torch.optim.Optimizer, rows: Sequence[int | None]
) -> RunState:
    """Return a run's part of the state.

    ``rows`` are the run's rows in the parameters, None in those without it.
    """
    states = (
        optimizer.state.get(parameter, {}) for parameter in _parameters(optimizer)
    )
    return [
        None if row is None else _some_rows(state, slice(row, row + 1))
        for state, row in zip(states, rows, strict=False)
    ]


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    parameters: list[torch.nn.Parameter] = optimizer.param_groups[0]["params"]
    return parameters


def keep_rows(optimizer: torch.optim.Optimizer, rows: Sequence[Tensor]) -> None:
    """Keep the state of some rows of each parameter."""
    for parameter, own in zip(_parameters(optimizer), rows, strict=True):
        state = optimizer.state.get(parameter, {})
        optimizer.state[parameter] = _some_rows(state, own)


def _some_rows(state: State, rows: slice | Tensor) -> State:
    # What has no axis of runs, as a step's number, is for all.
    return {
        name: value[rows] if _has_run_axis(value) else value
        for name, value in state.items()
    }


def take_states(optimizer: torch.optim.Optimizer, states: Sequence[RunState]) -> None:
    """Give the optimiser the states of runs that have taken equally many steps."""
    # Of networks without bins, the states are fewer.
    of_parameters = zip_longest(*states)
    for parameter, own in zip(_parameters(optimizer), of_parameters, strict=True):
        optimizer.state[parameter] = _joined([each for each in own if each is not None])


def _joined(states: Sequence[State]) -> State:
    return {
        name: torch.cat([state[name] for state in states])
        if _has_run_axis(value)
        else value
        # A clone, because optimisers count their steps in place.
        for name, value in _cloned(states[0]).items()
    }


def put_parameter(
    optimizer: torch.optim.Optimizer,
    old: torch.nn.Parameter | None,
    new: torch.nn.Parameter,
    moved: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Give the optimiser a further parameter, or one for another and its state."""
    if old is None:
        _parameters(optimizer).append(new)
        return
    for group in optimizer.param_groups:
        group["params"] = [new if each is old else each for each in group["params"]]
    optimizer.state[new] = {
        name: moved(value)
        if torch.is_tensor(value) and value.shape == old.shape
        else value
        for name, value in optimizer.state.pop(old, {}).items()
    }


def cloned(states: RunState) -> RunState:
    """Return a copy that further steps leave alone."""
    return [None if state is None else _cloned(state) for state in states]


def _cloned(state: State) -> State:
    return {
        name: value.clone() if torch.is_tensor(value) else value
        for name, value in state.items()
    }


def _has_run_axis(value: Any) -> bool:
    # Adam counts its steps in a tensor without axes.
    return torch.is_tensor(value) and value.ndim > 0

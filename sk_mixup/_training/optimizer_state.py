"""What an elementwise optimiser remembers of each of several stacked perceptrons.

Their weights are one parameter with a run axis. Other modules have a stack of their
own, whose runs all stop at once, so that their states are never parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

State = dict[str, Any]


def state_of_run(optimizer: torch.optim.Optimizer, run: int) -> State:
    """Return a run's part; what has no run axis, as a step's number, is for all."""
    state: State = next(iter(optimizer.state.values()), {})
    return {
        name: value[run : run + 1] if _has_run_axis(value) else value
        for name, value in state.items()
    }


def joined(states: Sequence[State]) -> State:
    """Return one state of runs that have taken equally many steps."""
    return {
        name: torch.cat([state[name] for state in states])
        if _has_run_axis(value)
        else value
        # A clone, because optimisers count their steps in place.
        for name, value in cloned(states[0]).items()
    }


def cloned(state: State) -> State:
    """Return a copy that further steps leave alone."""
    return {
        name: value.clone() if torch.is_tensor(value) else value
        for name, value in state.items()
    }


def _has_run_axis(value: Any) -> bool:
    # Adam counts its steps in a tensor without axes.
    return torch.is_tensor(value) and value.ndim > 0

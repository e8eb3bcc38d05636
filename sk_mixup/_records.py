"""What is recorded of every epoch: kept as it comes, written down as columns.

A model that is trained on by ``partial_fit`` has an epoch for every call. So nothing
here copies past epochs, and a stored epoch takes some tens of bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from skorch.history import History

if TYPE_CHECKING:
    from sk_mixup._recording_net import RecordingNet

RECORDS = ("train_losses_", "valid_losses_", "valid_errors_", "ran_")

#: Types that a column of an array gives back as they were.
PLAIN: dict[Any, Any] = {float: np.float64, bool: np.bool_}


class EpochHistory(History):
    """A :class:`skorch.history.History` that finds an epoch without a list of all."""

    def __getitem__(self, i: Any) -> Any:
        """Return what skorch's history does."""
        return (
            list.__getitem__(self, i) if isinstance(i, int) else super().__getitem__(i)
        )


def packed(history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the number of epochs and a column for each key that any of them has."""
    names = dict.fromkeys(name for epoch in history for name in epoch)
    columns = {name: _column(name, history) for name in names}
    return {"n_epochs": len(history), "columns": columns}


def unpacked(state: dict[str, Any]) -> EpochHistory:
    """Return the history that was packed."""
    history = EpochHistory({} for _ in range(state["n_epochs"]))
    for name, (epochs, values) in state["columns"].items():
        rows = range(len(history)) if epochs is None else epochs.tolist()
        if values is None:
            values = ([] for _ in rows)
        elif isinstance(values, np.ndarray):
            values = values.tolist()
        for row, value in zip(rows, values, strict=True):
            list.__getitem__(history, row)[name] = value
    return history


def _column(name: str, history: Sequence[dict[str, Any]]) -> tuple[Any, Any]:
    """Return the epochs that have the key, None if all, and what they have."""
    rows = [row for row, epoch in enumerate(history) if name in epoch]
    values = [history[row][name] for row in rows]
    epochs = None if len(rows) == len(history) else np.array(rows, dtype=np.int32)
    return epochs, _compact(values)


def _compact(values: list[Any]) -> Any:
    """Return plain numbers as an array, empty lists as None, others as they are."""
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is list and not any(values):
        return None
    if kind is int and not all(abs(value) < 2**31 for value in values):
        return values
    if kind is int:
        return np.array(values, dtype=np.int32)
    return np.array(values, dtype=PLAIN[kind]) if kind in PLAIN else values


def stacked(figures: list[NDArray[Any]]) -> NDArray[Any] | None:
    """Return the epochs' figures as one array, None if there are none."""
    return np.stack(figures) if figures else None


def side_by_side(
    name: str, parts: Sequence[tuple[RecordingNet, range]]
) -> list[NDArray[Any]]:
    """Return the epochs of all runs: NaN or False where a run had none left."""
    epochs = [
        [figures[runs.start : runs.stop] for figures in getattr(net, name)]
        for net, runs in parts
    ]
    nothing = False if name == "ran_" else np.float32(np.nan)
    missing = [np.full(len(runs), nothing) for _, runs in parts]
    joined = []
    for epoch in range(max(map(len, epochs))):
        figures = [
            own[epoch] if epoch < len(own) else none
            for own, none in zip(epochs, missing, strict=True)
        ]
        joined.append(np.concatenate(figures))
    return joined

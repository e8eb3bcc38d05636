"""What is recorded of every epoch: kept as it comes, written down as columns.

A model that is trained on by ``partial_fit`` has an epoch for every call. So nothing
here copies past epochs, and a stored epoch takes some tens of bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.history import History

PerRun = NDArray[Any]

#: What shows a divergence: an error is finite even where the outputs are NaN.
LOSSES = ("train_loss", "valid_loss")

#: What is recorded of a run in an epoch before which it has stopped.
NOTHING: dict[str, Any] = {
    "train_loss": np.float32(np.nan),
    "valid_loss": np.float32(np.nan),
    "valid_error": np.float32(np.nan),
    "valid_score": np.float32(np.nan),
    "ran": False,
}

#: Types that a column of an array gives back as they were.
PLAIN: dict[Any, Any] = {float: np.float64, bool: np.bool_}


class Records:
    """The figures of all runs, an array of shape ``(n_runs,)`` an epoch.

    ``figures`` has a list for each of "train_loss", "valid_loss", "valid_error",
    "valid_score", the higher the better, and "ran", which runs had not stopped.
    """

    def __init__(self) -> None:
        self.figures: dict[str, list[PerRun]] = {key: [] for key in NOTHING}
        self.begin()

    def begin(self) -> None:
        """Note that a training begins here."""
        self.begun = {key: len(epochs) for key, epochs in self.figures.items()}

    def latest(self, key: str) -> list[PerRun]:
        """Return the figures of the last training."""
        return self.figures[key][self.begun[key] :]

    def first_bad_epoch(self) -> int | None:
        """Return the last training's first epoch with a loss that is not finite.

        Epochs are counted from 1 at the first training; runs that have stopped have
        no loss.
        """
        ran = self.latest("ran")
        bad = [
            number
            for key in LOSSES
            for number, losses in enumerate(self.latest(key))
            if not np.isfinite(losses[ran[number]]).all()
        ]
        return self.begun["ran"] + min(bad) + 1 if bad else None

    def copy(self) -> Records:
        """Return records to go on with, which share the figures."""
        twin = Records()
        twin.figures = {key: list(epochs) for key, epochs in self.figures.items()}
        twin.begun = dict(self.begun)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Return one array for each list, None for an empty one."""
        columns = {k: np.stack(v) if v else None for k, v in self.figures.items()}
        return {"columns": columns, "begun": self.begun}

    def __setstate__(self, state: dict[str, Any]) -> None:
        columns = state["columns"].items()
        self.figures = {k: [] if v is None else list(v) for k, v in columns}
        self.begun = state["begun"]


def side_by_side(parts: Sequence[tuple[Records, range]]) -> Records:
    """Return the records of some runs of each part, as far as any of them ran.

    Where a run has no figures any more they are NaN, or False for whether it ran.
    """
    joined = Records()
    for key, nothing in NOTHING.items():
        lists = [records.figures[key] for records, _ in parts]
        for epoch in range(max(map(len, lists))):
            columns = [
                epochs[epoch][runs.start : runs.stop]
                if epoch < len(epochs)
                else np.full(len(runs), nothing)
                for epochs, (_, runs) in zip(lists, parts, strict=True)
            ]
            joined.figures[key].append(np.concatenate(columns))
    # Others in their stacks may have gone on after all of these runs had stopped.
    n_epochs = sum(bool(ran.any()) for ran in joined.figures["ran"])
    for epochs in joined.figures.values():
        del epochs[n_epochs:]
    return joined


class EpochHistory(History):
    """A :class:`skorch.history.History` that finds an epoch without a list of all."""

    # skorch copies the list of all epochs at each look-up, several times an epoch.
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
    # Nearly all keys are in every epoch, whose numbers would be half of the column.
    epochs = None if len(rows) == len(history) else np.array(rows, dtype=np.int32)
    return epochs, _compact(values)


def _compact(values: list[Any]) -> Any:
    """Return plain numbers as an array, empty lists as None, others as they are."""
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is list and not any(values):
        return None
    # A callback may record what an int32 cannot hold.
    if kind is int and not all(abs(value) < 2**31 for value in values):
        return values
    if kind is int:
        return np.array(values, dtype=np.int32)
    return np.array(values, dtype=PLAIN[kind]) if kind in PLAIN else values

"""A net of skorch's that keeps the figures of every run and is written down once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import skorch
from numpy.typing import NDArray
from skorch.utils import get_map_location
from torch import Tensor

from sk_mixup._modes import own_modes
from sk_mixup._modules import Network
from sk_mixup._optimizer_state import State, joined, state_of_run
from sk_mixup._records import (
    RECORDS,
    EpochHistory,
    packed,
    side_by_side,
    stacked,
    unpacked,
)
from sk_mixup._storage import as_arrays, as_tensors, deep_copy

WHILE_TRAINING = ("_step_function", "_progress", "_average", "_streams")


class RecordingNet(skorch.NeuralNet):
    """What a :class:`MixupNet` remembers of its training, and how it is stored.

    Attributes
    ----------
    train_losses_ : list of ndarray of shape (n_runs,)
        Mean loss on virtual examples, one array an epoch.
    valid_losses_, valid_errors_ : list of ndarray of shape (n_runs,)
        Mean loss and share of wrong predictions on clean validation rows, if there
        are any.
    ran_ : list of ndarray of shape (n_runs,)
        Which runs had not stopped.
    """

    module_: Network
    running_: NDArray[np.bool_]

    def initialize_history(self) -> None:
        """Forget the losses of all epochs."""
        if self.history_ is None:
            self.history_: Any = EpochHistory()
        super().initialize_history()
        self._begun = dict.fromkeys(("history_", *RECORDS), 0)
        self._least: dict[str, float] = {}
        self._stopped: dict[int, dict[str, Any]] = {}
        self.ran_: list[NDArray[np.bool_]] = []
        self.train_losses_: list[NDArray[np.float32]] = []
        self.valid_losses_: list[NDArray[np.float32]] = []
        self.valid_errors_: list[NDArray[np.float32]] = []

    def _record(self, key: str, epochs: list[NDArray[Any]], figures: Tensor) -> None:
        """Record an epoch's figures of the runs that have not stopped."""
        own = figures.cpu().numpy()
        epochs.append(np.where(self.running_, own, np.nan).astype(own.dtype))
        self._note(key, float(own[self.running_].mean()))

    def _note(self, key: str, figure: float) -> None:
        """Write a figure of this epoch down, and whether it is the lowest so far."""
        least = self._least.get(key, np.inf)
        self.history.record(key, figure)
        self.history.record(f"{key}_best", figure < least)
        self._least[key] = min(figure, least)

    def latest_epochs(self) -> list[dict[str, Any]]:
        """Return the history of the last training.

        An epoch that a callback has cut short has no loss and does not count.
        """
        new = range(self._begun["history_"], len(self.history))
        return [self.history[n] for n in new if "train_loss" in self.history[n]]

    def first_bad_epoch(self) -> int | None:
        """Return the first epoch, from 1, in which a run's loss was not finite."""
        before = self._begun["ran_"]
        bad = [
            before + number
            for name in ("train_losses_", "valid_losses_")
            for number, losses in enumerate(getattr(self, name)[self._begun[name] :])
            if not np.isfinite(losses[self.ran_[before + number]]).all()
        ]
        return min(bad) + 1 if bad else None

    def take_training_from(self, parts: Sequence[tuple[RecordingNet, range]]) -> None:
        """Take history and optimiser state of the runs that this net was made of."""
        for name in RECORDS:
            setattr(self, name, side_by_side(name, parts))
        n_epochs = sum(bool(ran.any()) for ran in self.ran_)
        for name in RECORDS:
            del getattr(self, name)[n_epochs:]
        for epoch in range(n_epochs):
            self._record_epoch(epoch, parts)
        self._take_optimizer_state(parts)

    def _record_epoch(
        self, epoch: int, parts: Sequence[tuple[RecordingNet, range]]
    ) -> None:
        self.history.new_epoch()
        self.history.record("epoch", epoch + 1)
        for key, name in (
            ("train_loss", "train_losses_"),
            ("valid_loss", "valid_losses_"),
            ("valid_error", "valid_errors_"),
        ):
            losses = getattr(self, name)
            if epoch < len(losses):  # training that diverged ends before it is judged
                self._note(key, float(losses[epoch][self.ran_[epoch]].mean()))
        told = [
            {**net.history[epoch], "runs": len(runs) / net.module_.runs}
            for net, runs in parts
            if epoch < len(net.history)
        ]
        for key in ("train_batch_count", "valid_batch_count"):
            counts = [each[key] for each in told if key in each]
            if counts:
                self.history.record(key, max(counts))
        seconds = [each["dur"] * each["runs"] for each in told if "dur" in each]
        if seconds:
            self.history.record("dur", max(seconds))

    def _take_optimizer_state(
        self, parts: Sequence[tuple[RecordingNet, range]]
    ) -> None:
        """Gather the state of elementwise optimisers, whose tensors have a run axis."""
        states = [net.optimizer_state(run) for net, runs in parts for run in runs]
        parameter = self.optimizer_.param_groups[0]["params"][0]
        self.optimizer_.state[parameter] = joined(states)

    def optimizer_state(self, run: int) -> State:
        """Return a run's part of the optimiser's state, as of its stop."""
        if run in self._stopped:
            return dict(self._stopped[run]["optimizer"])
        return state_of_run(self.optimizer_, run)

    def copy_to_train_on(self) -> RecordingNet:
        """Return a copy whose training leaves this net as it is.

        Records of past epochs are shared: they never change, and after many epochs they
        would take longer to copy than the next epoch to train. Callbacks, which are the
        user's, are shared too.
        """
        records = [self.history, *(getattr(self, name) for name in RECORDS)]
        callbacks = [named_callback(each)[1] for each in self.callbacks]
        shared: dict[int, Any] = {id(each): each for each in callbacks}
        shared |= {id(each): type(each)(each) for each in records}
        history = shared[id(self.history)]
        if history:  # whose last epoch a callback may write to before the next begins
            history[-1] = copy.deepcopy(history[-1])
        return copy.deepcopy(self, shared)

    def __deepcopy__(self, memo: dict[int, Any]) -> RecordingNet:
        """Leave out what a training needs."""
        lasting = {k: own for k, own in vars(self).items() if k not in WHILE_TRAINING}
        twin: RecordingNet = deep_copy(self, lasting, memo)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Return what a net is made of: arrays, each once, and plain values."""
        left_out = {*WHILE_TRAINING, "module", "criterion_", "virtual_params_"}
        state = {k: own for k, own in vars(self).items() if k not in left_out}
        for name in RECORDS:
            state[name] = stacked(state[name])
        state["history_"] = packed(self.history)
        state["device"] = str(self.device)
        state["optimizer_"] = as_arrays(self.optimizer_.state_dict())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        with own_modes(state["module_"].dtype):
            self._set_state(state)

    def _set_state(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"verbose": 0})  # optimisers are made in silence
        self.history_ = unpacked(state["history_"])
        for name in RECORDS:
            setattr(self, name, [] if state[name] is None else list(state[name]))
        self.device = get_map_location(state["device"])  # warns if there is none
        self.module: Network = self.module_
        self.module_.to(self.device)
        self.initialize_criterion()
        self._initialize_virtual_params()
        self._initialize_optimizer()
        self.optimizer_.load_state_dict(as_tensors(state["optimizer_"]))
        self.verbose: int = state["verbose"]


def named_callback(callback: Any) -> tuple[Any, Any]:
    """Return the name, None if there is none, and the callback."""
    return callback if isinstance(callback, tuple) else (None, callback)

"""A skorch net that keeps the figures of every run and is written down once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import skorch
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._networks.moved_bins import MovedBins
from sk_mixup._networks.network import Body, Network
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._networks.storage import as_arrays, as_tensors, deep_copy
from sk_mixup._networks.torch_modes import own_modes, readable_device
from sk_mixup._training.callbacks import named_callback
from sk_mixup._training.optimizer_state import (
    RunState,
    put_parameter,
    state_of_run,
    take_states,
)
from sk_mixup._training.records import (
    EpochHistory,
    Records,
    packed,
    side_by_side,
    unpacked,
)
from sk_mixup._training.weight_average import AverageSoFar

#: Made anew from the rest when a net is read.
DERIVED = ("module", "criterion_", "virtual_params_")


class RecordingNet(skorch.NeuralNet):
    """What a :class:`MixupNet` remembers of its training, and how it is stored.

    Attributes
    ----------
    train_losses_ : list of ndarray of shape (n_runs,)
        Mean loss on virtual examples, one array an epoch.
    valid_losses_, valid_errors_ : list of ndarray of shape (n_runs,)
        Mean loss and share of wrong predictions on clean validation rows, if there
        are any.
    valid_scores_ : list of ndarray of shape (n_runs,)
        What decides on the best epoch, the higher the better: minus the loss, or the
        score that was asked for.
    ran_ : list of ndarray of shape (n_runs,)
        Which runs had not stopped.
    timed_out_ : bool
        Whether the last training ended because its time was over.
    average_ : AverageSoFar or None
        Of the weights over several calls, if it is to go on.
    """

    module_: Network

    @property
    def bodies(self) -> list[Body]:
        """The body, and the one with its last weights if it has averages of more."""
        body, average = self.module_.body, self.average_
        return [body] if average is None else [body, average.last]

    def move_bins(self, moved: MovedBins) -> None:
        """Let first layers and optimiser follow bins that are learnt anew."""
        bodies = cast(list[StackedMLP], self.bodies)  # a user's module has no bins
        before = bodies[0].theta_bins if bodies[0].binned else None
        for each in bodies:
            moved.move(each)
        if bodies[0].theta_bins is not before:
            state = partial(moved.moved_state, n_hidden=bodies[0].sizes[1])
            put_parameter(self.optimizer_, before, bodies[0].theta_bins, state)

    def initialize_history(self) -> None:
        """Forget the losses of all epochs."""
        # Before skorch makes one of its own class, which is slow after many epochs.
        if self.history_ is None:
            self.history_: Any = EpochHistory()
        super().initialize_history()
        self.records_ = Records()
        self._n_epochs_before = 0
        self._lowest: dict[str, float] = {}
        self._stopped: dict[int, RunState] = {}
        self.average_: AverageSoFar | None = None

    @property
    def train_losses_(self) -> list[NDArray[np.floating]]:
        return self.records_.figures["train_loss"]

    @property
    def valid_losses_(self) -> list[NDArray[np.floating]]:
        return self.records_.figures["valid_loss"]

    @property
    def valid_errors_(self) -> list[NDArray[np.floating]]:
        return self.records_.figures["valid_error"]

    @property
    def valid_scores_(self) -> list[NDArray[np.floating]]:
        return self.records_.figures["valid_score"]

    @property
    def ran_(self) -> list[NDArray[np.bool_]]:
        return self.records_.figures["ran"]

    def begin_records(self) -> None:
        """Note that a training begins here."""
        self._n_epochs_before = len(self.history)
        self.timed_out_ = False
        self.records_.begin()

    def record_loss(self, key: str, losses: Tensor, running: NDArray[np.bool_]) -> None:
        """Record an epoch's losses, or errors, of the runs that have not stopped."""
        # Once an epoch and not a minibatch: a GPU is waited for here.
        own = losses.cpu().numpy()
        kept = np.where(running, own, np.nan).astype(own.dtype)
        self.records_.figures[key].append(kept)
        self._note(key, float(own[running].mean()))

    def record_scores(self, scores: NDArray[np.floating], noted: bool) -> None:
        """Record the scores of an epoch, and note their mean if they are no losses."""
        self.valid_scores_.append(scores)
        if noted:
            self._note("valid_score", _mean_of_numbers(scores), sign=-1)

    def _note(self, key: str, figure: float, sign: int = 1) -> None:
        """Write a figure of this epoch down, and whether it is the best so far.

        The lowest is best, or the highest if the sign is -1.
        """
        lowest = self._lowest.get(key, np.inf)
        self.history.record(key, figure)
        is_best = sign * figure < lowest
        self.history.record(f"{key}_best", is_best)
        self._lowest[key] = sign * figure if is_best else lowest

    def latest_epochs(self) -> list[dict[str, Any]]:
        """Return the history of the last training.

        An epoch that a callback has cut short has no loss and does not count.
        """
        new = range(self._n_epochs_before, len(self.history))
        return [self.history[n] for n in new if "train_loss" in self.history[n]]

    def latest(self, key: str) -> list[NDArray[Any]]:
        """Return the figures of every run in the last training, an array an epoch."""
        figures: list[NDArray[Any]] = self.records_.latest(key)
        return figures

    def first_bad_epoch(self) -> int | None:
        """Return the first epoch, from 1, in which a run's loss was not finite."""
        return self.records_.first_bad_epoch()

    def take_training_from(self, parts: Sequence[tuple[RecordingNet, range]]) -> None:
        """Take history and optimiser state of the runs that this net was made of."""
        self.records_ = side_by_side([(net.records_, runs) for net, runs in parts])
        self.timed_out_ = any(net.timed_out_ for net, _ in parts)
        for epoch in range(len(self.ran_)):
            self._record_epoch(epoch, parts)
        self._take_optimizer_state(parts)

    def _record_epoch(
        self, epoch: int, parts: Sequence[tuple[RecordingNet, range]]
    ) -> None:
        self.history.new_epoch()
        self.history.record("epoch", epoch + 1)
        ran = self.ran_[epoch]
        for key in ("train_loss", "valid_loss", "valid_error"):
            losses = self.records_.figures[key]
            if epoch < len(losses):  # a training that diverged ends before validation
                self._note(key, float(losses[epoch][ran].mean()))
        entries = [
            (net.history[epoch], len(runs) / net.module_.runs)
            for net, runs in parts
            if epoch < len(net.history)
        ]
        if any("valid_score" in entry for entry, _ in entries):
            score = _mean_of_numbers(self.valid_scores_[epoch])
            self._note("valid_score", score, sign=-1)
        for key in ("train_batch_count", "valid_batch_count"):
            counts = [entry[key] for entry, _ in entries if key in entry]
            if counts:
                self.history.record(key, max(counts))
        seconds = [
            entry["dur"] * fraction for entry, fraction in entries if "dur" in entry
        ]
        # Stacks may have run at the same time, and runs of one share its seconds.
        if seconds:
            self.history.record("dur", max(seconds))

    def _take_optimizer_state(
        self, parts: Sequence[tuple[RecordingNet, range]]
    ) -> None:
        """Gather the state of elementwise optimisers, whose tensors have a run axis."""
        states = [net.optimizer_state(run) for net, runs in parts for run in runs]
        take_states(self.optimizer_, states)

    def optimizer_state(self, run: int) -> RunState:
        """Return a run's part of the optimiser's state, as of its stop."""
        if run in self._stopped:
            return self._stopped[run]
        return state_of_run(self.optimizer_, self.module_.body.rows_of(run))

    def copy_to_train_on(self) -> RecordingNet:
        """Return a copy whose training leaves this net as it is.

        Records of past epochs are shared: they never change, and after many epochs they
        would take longer to copy than the next epoch to train. Callbacks, which are the
        user's, are shared too.
        """
        callbacks = [named_callback(each)[1] for each in self.callbacks]
        history = EpochHistory(self.history)
        if history:  # whose last epoch a callback may write to before the next begins
            history[-1] = copy.deepcopy(history[-1])
        shared: dict[int, Any] = {id(each): each for each in callbacks}
        shared[id(self.history)] = history
        shared[id(self.records_)] = self.records_.copy()
        return copy.deepcopy(self, shared)

    def on(self, device: torch.device) -> RecordingNet:
        """Return this net, or a copy of it that is on another device."""
        if self.module_.device == device:
            return self
        twin = self.copy_to_train_on()
        twin.__setstate__(twin.__getstate__() | {"device": str(device)})
        return twin

    @property
    def _lasting(self) -> dict[str, Any]:
        """All attributes but that which a training needs while it runs."""
        # A session holds the table, which a checkpoint in mid-training would store.
        return {key: own for key, own in vars(self).items() if key != "session_"}

    def __deepcopy__(self, memo: dict[int, Any]) -> RecordingNet:
        """Leave out what a training needs."""
        twin: RecordingNet = deep_copy(self, self._lasting, memo)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Return what a net is made of: arrays, each once, and plain values."""
        state = {key: own for key, own in self._lasting.items() if key not in DERIVED}
        state["history_"] = packed(self.history)
        state["device"] = str(self.device)
        # Arrays are read on any device, and skops stores them without trusting torch.
        state["optimizer_"] = as_arrays(self.optimizer_.state_dict())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        # The reading process may have another default dtype, or inference mode on.
        with own_modes(state["module_"].dtype):
            self._set_state(state)

    def _set_state(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"verbose": 0})  # optimisers are made in silence
        self.history_ = unpacked(state["history_"])
        self.device = readable_device(state["device"])
        self.module: Network = self.module_
        self.module_.to(self.device)
        self.initialize_criterion()
        # Before the optimiser, which registers its parameters there.
        self._initialize_virtual_params()
        self._initialize_optimizer()
        self.optimizer_.load_state_dict(as_tensors(state["optimizer_"]))
        self.verbose: int = state["verbose"]


def _mean_of_numbers(scores: NDArray[np.floating]) -> float:
    """Return the mean of what is not NaN, NaN if all is."""
    numbers = scores[~np.isnan(scores)]
    return float(numbers.mean()) if len(numbers) else np.nan

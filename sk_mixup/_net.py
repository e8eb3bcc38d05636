"""The skorch net that trains a stack of networks on their virtual examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Event
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochTimer,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)
from torch import Tensor

from sk_mixup._averaging import WeightAverage
from sk_mixup._epoch import Block, Minibatches, ValidationRows
from sk_mixup._log import Bar, QuietLog
from sk_mixup._losses import Loss, SoftCrossEntropy
from sk_mixup._modules import Network
from sk_mixup._optimizer_state import cloned
from sk_mixup._recording_net import WHILE_TRAINING, RecordingNet, named_callback
from sk_mixup._stacked import Batch, Step
from sk_mixup._stopping import BestEpoch, EndOfTraining


class Progress(Protocol):
    """Told of every epoch; may ask the training to stop."""

    stop: Event

    def epoch_done(self, n_runs: int) -> None:
        """Note that so many runs have finished an epoch."""


LR_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
}


class MixupNet(RecordingNet):
    """Train every run of a :class:`Network` by vicinal risk minimisation.

    A :class:`skorch.NeuralNet` whose training data are :class:`Minibatches`. Losses
    stay on the device and are read once an epoch, unless a callback listens to
    batches.

    Parameters
    ----------
    module : Network
        The initialised networks.
    criterion : type of Loss
        The loss of :mod:`sk_mixup._losses`.
    lr_schedule : {"constant", "cosine"}, default="constant"
        Factor of the learning rate as a function of the share of steps taken.
    ema_halflife : float, default=0.0
        Epochs after which a step's share in the average of the weights has halved.
        Epochs are judged, and predictions made, by the average; 0 takes the last
        weights.
    **kwargs
        What :class:`skorch.NeuralNet` takes.
    """

    def __init__(
        self,
        module: Network,
        criterion: type[Loss],
        *,
        lr_schedule: str = "constant",
        ema_halflife: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.lr_schedule = lr_schedule
        self.ema_halflife = ema_halflife
        super().__init__(
            module, criterion=criterion, train_split=None, dataset=None, **kwargs
        )

    def go_on_with(
        self, settings: dict[str, Any], callbacks: list[Any], weight_decay: float | None
    ) -> None:
        """Take settings that may change while training goes on.

        As in skorch, callbacks that stay are not initialised again, and the learning
        rate stays where they have left it unless another one is asked for.
        """
        asked = ("lr", "lr_schedule")
        other_rate = any(settings[name] != getattr(self, name) for name in asked)
        self.set_params(**{k: own for k, own in settings.items() if k != "lr"})
        if other_rate:
            self._begin_at(settings["lr"])
        if not _same_callbacks(callbacks, self.callbacks):
            self.callbacks: list[Any] = callbacks
            self.initialize_callbacks()
        for group in self.optimizer_.param_groups:
            if weight_decay is not None:
                group["weight_decay"] = weight_decay

    def _begin_at(self, lr: float) -> None:
        self.set_params(lr=lr)
        for group in self.optimizer_.param_groups:
            if "initial_lr" in group:  # of which torch's schedules take multiples
                group["initial_lr"] = lr

    def accompany(self, patience: int | None, bar_steps: int | None) -> None:
        """Set the callbacks of the net's own.

        ``patience`` is the number of epochs after which to stop by validation rows,
        ``bar_steps`` the length of an epoch in a progress bar; None goes without.
        """
        given: list[tuple[str, Callback]] = self.callbacks_
        others = [each for each in given if not isinstance(each[1], BestEpoch | Bar)]
        if bar_steps is not None:  # before the line that is printed below it
            bar = Bar(batches_per_epoch=bar_steps).initialize()
            others.insert(-1, ("epoch_bar", bar))
        if patience is not None:
            others.append(("best_epoch", BestEpoch(patience).initialize()))
        self.callbacks_: list[tuple[str, Callback]] = others

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return [("epoch_timer", EpochTimer()), ("print_log", QuietLog())]

    def train(
        self, minibatches: Minibatches, owners: NDArray[np.int64], progress: Progress
    ) -> MixupNet:
        """Train for ``max_epochs`` epochs, from where the net stands.

        Unlike :meth:`skorch.NeuralNet.partial_fit` it lets a KeyboardInterrupt of the
        user's through, and ends early only where a callback asks for it. (While a
        callback of the user's runs, the two cannot be told apart.)
        """
        runs = minibatches.runs
        self._step_function: Step = self.module_.body.training_step(
            self.criterion_, [run.streams.dropout for run in runs]
        )
        self._average = WeightAverage(
            self.module_.body, self.ema_halflife * minibatches.steps
        )
        self.module_.temperature = 1.0
        self.owners_ = owners
        self._streams = [run.streams for run in runs]
        self.running_ = np.ones(len(runs), dtype=bool)
        self._progress = progress
        self._begun = {name: len(getattr(self, name)) for name in self._begun}
        self._steps_taken = 0
        self._steps_planned = max(1, self.max_epochs * minibatches.steps)
        try:
            with suppress(EndOfTraining):
                self.notify("on_train_begin", X=minibatches, y=None)
                self.fit_loop(minibatches)
            self._average.show()
            self._take_best_weights()
            self._rewind()
            with suppress(EndOfTraining):
                self.notify("on_train_end", X=minibatches, y=None)
        finally:
            for name in WHILE_TRAINING:
                delattr(self, name)
            self.module_.zero_grad()  # which takes as much memory as the weights
            self._let_schedules_go()
        return self

    def _let_schedules_go(self) -> None:
        """Drop torch's schedules, which every training makes anew.

        They hold the optimiser, which would be stored a second time with them.
        """
        for _, callback in self.callbacks_:
            if isinstance(callback, LRScheduler):
                callback.lr_scheduler_ = None

    def keep_stopped(self, stopping: NDArray[np.intp]) -> None:
        """Keep streams and optimiser of runs that stop while others go on.

        Else it would matter for the next training beside whom they were trained.
        """
        for run in stopping:
            self._stopped[run] = {
                "streams": self._streams[run].state,
                "optimizer": cloned(self.optimizer_state(run)),
            }

    def _rewind(self) -> None:
        """Take the streams of runs that stopped early back to where they stopped."""
        for run, kept in self._stopped.items():
            self._streams[run].state = kept["streams"]

    def _take_best_weights(self) -> None:
        for _, callback in self.callbacks_:
            if isinstance(callback, BestEpoch):
                callback.restore(self)

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks, which end the training by a KeyboardInterrupt."""
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as interrupt:
            if not self._has_callbacks_of_the_user:
                raise
            raise EndOfTraining from interrupt

    @property
    def _has_callbacks_of_the_user(self) -> bool:
        given = (named_callback(each)[1] for each in self.callbacks)
        return not all(isinstance(each, ProgressBar) for each in given)

    def get_split_datasets(
        self, X: Minibatches, y: None = None, **fit_params: Any
    ) -> tuple[Minibatches, ValidationRows | None]:
        """Return the minibatches and, if every epoch is judged, the validation rows."""
        validation = ValidationRows(X.runs)
        judges = any(isinstance(each, BestEpoch) for _, each in self.callbacks_)
        return X, validation if judges and len(validation) else None

    def forward_iter(self, X: Any, training: bool = False, device: str = "cpu") -> Any:
        """Refuse: it is not said which of the networks would predict."""
        raise NotImplementedError(
            "MixupNet trains networks and predicts nothing: use the estimator, or "
            "net_.module_, which maps (1, rows, features) to (networks, rows, outputs)."
        )

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return the data, which iterate over themselves."""
        return dataset

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **params: Any
    ) -> None:
        """Train on, or judge, one epoch and record its losses.

        Between epochs the module has the averaged weights, for all who look at it.
        """
        if iterator is None:
            return
        if not training:
            self.history.record("valid_batch_count", self._validate(iterator))
            return
        self._set_training(True)
        self._average.hide()
        if self._listens_to_batches:
            steps = self._notified_steps(iterator)
        else:
            steps = self._quiet_steps(iterator)
        taken = list(steps)
        self._average.show()
        n_steps = sum(loss.shape[1] for loss, _ in taken)
        self.history.record("train_batch_count", n_steps)
        self._record_training(taken)

    @property
    def _listens_to_batches(self) -> bool:
        hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
        return any(
            # Checkpoints name their files by the record of the last batch.
            isinstance(callback, Checkpoint | TrainEndCheckpoint)
            or getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in hooks
        )

    def _quiet_steps(self, minibatches: Minibatches) -> Iterator[tuple[Tensor, Tensor]]:
        for block in minibatches.blocks():
            outputs = [self._quiet_step(batch) for batch in block.batches()]
            yield self._whole_loss(outputs, block), block.step_mass

    def _whole_loss(self, outputs: Sequence[Tensor], block: Block) -> Tensor:
        """Return the sums of the losses of a block's rows, ``(runs, steps)``."""
        stacked = torch.stack(list(outputs), 1)
        loss: Tensor = self.criterion_(stacked, block.targets, block.mass)
        return loss * block.step_rows

    def _quiet_step(self, batch: Batch) -> Tensor:
        self._schedule_lr()
        outputs = self._step_function(batch)
        self._update_weights()
        return outputs

    def _update_weights(self) -> None:
        self.optimizer_.step()
        self._average.update()

    def _schedule_lr(self) -> None:
        if self.lr_schedule != "constant":
            factor = LR_SCHEDULES[self.lr_schedule]
            rate = self.lr * factor(self._steps_taken / self._steps_planned)
            for group in self.optimizer_.param_groups:
                group["lr"] = rate
        self._steps_taken += 1

    def _notified_steps(
        self, minibatches: Minibatches
    ) -> Iterator[tuple[Tensor, Tensor]]:
        for block in minibatches.blocks():
            outputs = []
            for batch in block.batches():
                self.notify("on_batch_begin", batch=batch, training=True)
                step = self.train_step(batch)
                self.history.record_batch("train_loss", step["loss"].mean().item())
                self.history.record_batch("train_batch_size", batch.targets.shape[1])
                self.notify("on_batch_end", batch=batch, training=True, **step)
                outputs.append(step["y_pred"])
            yield self._whole_loss(outputs, block), block.step_mass

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Take one optimiser step; tell the callbacks of the gradient."""
        self._schedule_lr()
        step = self.train_step_single(batch)
        self.notify(
            "on_grad_computed",
            named_parameters=list(self.module_.named_parameters()),
            batch=batch,
            training=True,
        )
        self._update_weights()
        return step

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Return each run's loss and outputs; leave the gradients on the parameters."""
        outputs = self._step_function(batch)
        with torch.no_grad():
            loss = self.criterion_(outputs, batch.targets, batch.mass)
        return {"loss": loss, "y_pred": outputs}

    def _record_training(self, steps: list[tuple[Tensor, Tensor]]) -> None:
        losses = torch.cat([loss for loss, _ in steps], dim=1)
        mass = torch.cat([mass for _, mass in steps], dim=1)
        mean = losses.sum(1) / mass.sum(1)
        self.ran_.append(self.running_.copy())
        self._record("train_loss", self.train_losses_, mean)
        self._progress.epoch_done(len(mean))
        nothing_left = not np.isfinite(self.train_losses_[-1]).any()
        if nothing_left or self._progress.stop.is_set():
            raise EndOfTraining

    @torch.no_grad()
    def _validate(self, rows: ValidationRows) -> int:
        """Record the losses on validation rows; return in how many blocks they were."""
        self._set_training(False)
        losses, errors = [], []
        for inputs, targets, mass in rows.blocks():
            outputs = self.module_(inputs)
            losses.append(self.criterion_(outputs, targets, mass))
            errors.append(self._share_wrong(outputs, targets, mass))
        self._record("valid_loss", self.valid_losses_, torch.stack(losses).sum(0))
        if isinstance(self.criterion_, SoftCrossEntropy):
            self._record("valid_error", self.valid_errors_, torch.stack(errors).sum(0))
        return len(losses)

    @staticmethod
    def _share_wrong(outputs: Tensor, targets: Tensor, mass: Tensor) -> Tensor:
        wrong = outputs.argmax(-1) != targets.argmax(-1)
        return (wrong * mass.squeeze(-1)).sum(-1)


def _same_callbacks(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Tell whether two lists hold the same objects under the same names."""
    if len(ours) != len(theirs):
        return False
    pairs = zip(map(named_callback, ours), map(named_callback, theirs), strict=True)
    return all(a[0] == b[0] and a[1] is b[1] for a, b in pairs)

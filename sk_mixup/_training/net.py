"""The skorch net that trains a stack of networks on their virtual examples."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback, EpochTimer
from torch import Tensor

from sk_mixup._networks.batch import Batch, Block, Step
from sk_mixup._networks.losses import Loss, SoftCrossEntropy
from sk_mixup._networks.network import Network
from sk_mixup._training.callbacks import (
    BATCH_HOOKS,
    accompanied,
    any_listens_to_batches,
    any_of_the_user,
    best_epoch,
    forget_schedules,
    same_callbacks,
)
from sk_mixup._training.epoch_draw import EpochDraw
from sk_mixup._training.epoch_loss import EpochLoss
from sk_mixup._training.estimator_means import EstimatorMeans
from sk_mixup._training.fit_hooks import FitHooks
from sk_mixup._training.log import QuietLog
from sk_mixup._training.minibatches import Minibatches
from sk_mixup._training.predicting_net import PredictingNet
from sk_mixup._training.progress import EndOfTraining, Progress
from sk_mixup._training.schedules import Constant, Schedule, set_rate
from sk_mixup._training.session import TrainingSession
from sk_mixup._training.shrinking import Shrinking
from sk_mixup._training.time_limit import TimeLimit
from sk_mixup._training.validation_rows import ValidationRows, error_of
from sk_mixup._training.weight_average import WeightAverage

StepFunction = Callable[[Batch], dict[str, Tensor]]


class MixupNet(PredictingNet):
    """Train every run of a :class:`Network` by vicinal risk minimisation.

    A :class:`skorch.NeuralNet` whose training data are :class:`Minibatches`. Training
    takes skorch's path, ``fit_loop``, ``run_single_epoch``, ``train_step``,
    ``train_step_single``. Losses stay on the device and are read once an epoch, unless
    a callback listens to minibatches.

    Parameters
    ----------
    module : Network
        The initialised networks.
    criterion : type of Loss
        The loss of :mod:`sk_mixup._networks.losses`.
    lr_schedule : Schedule, default=Constant()
        Factor of the learning rate by the fraction of the training that is over.
    ema_halflife : float, default=0.0
        Epochs after which a step's share in the average of the weights has halved.
        Validation and predictions use the average; 0 takes the last weights.
    **kwargs
        What :class:`skorch.NeuralNet` takes.
    """

    def __init__(
        self,
        module: Network,
        criterion: type[Loss],
        *,
        lr_schedule: Schedule = Constant(),  # noqa: B008 - a frozen value
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
        if not same_callbacks(callbacks, self.callbacks):
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
        self.callbacks_: list[tuple[str, Callback]] = accompanied(
            self.callbacks_, patience, bar_steps
        )

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return [("epoch_timer", EpochTimer()), ("print_log", QuietLog())]

    def train(
        self,
        minibatches: Minibatches,
        means: EstimatorMeans,
        progress: Progress,
        limit: TimeLimit,
        one_epoch: bool = False,
        hooks: FitHooks | None = None,
    ) -> MixupNet:
        """Train for ``max_epochs`` epochs or until the limit, from where the net is.

        With ``one_epoch`` the average of the weights goes on from call to call.

        Unlike :meth:`skorch.NeuralNet.partial_fit` it lets a KeyboardInterrupt of the
        user's through, and ends early only where a callback asks for it. (While a
        callback of the user's runs, the two cannot be told apart.)
        """
        self.session_ = self._new_session(minibatches, means, progress, limit, hooks)
        if one_epoch and self.average_ is not None:
            self.session_.average.resume(self.average_)
        self.average_ = None
        # Validation judges the networks' own outputs, also where training goes on.
        self.module_.temperature = 1.0
        self.begin_records()
        try:
            with suppress(EndOfTraining):
                self.notify("on_train_begin", X=minibatches, y=None)
                self.fit_loop(minibatches)
            # Again, for an epoch that a callback has cut short.
            self.session_.average.show()
            if one_epoch:
                self.average_ = self.session_.average.so_far(self.module_.body)
            if (best := best_epoch(self.callbacks_)) is not None:
                # Not in on_train_end, which another callback may cut short.
                best.restore(self)
            # States of the time when their runs stopped come first.
            self._stopped = self.session_.shrinking.put_back() | self._stopped
            self.session_.rewind_streams()
            with suppress(EndOfTraining):
                self.notify("on_train_end", X=minibatches, y=None)
        finally:
            del self.session_
            self.module_.zero_grad()  # which takes as much memory as the weights
            forget_schedules(self.callbacks_)
        return self

    def _new_session(
        self,
        minibatches: Minibatches,
        means: EstimatorMeans,
        progress: Progress,
        limit: TimeLimit,
        hooks: FitHooks | None,
    ) -> TrainingSession:
        average = WeightAverage(
            self.module_.body, self.ema_halflife * minibatches.steps
        )
        return TrainingSession(
            minibatches,
            means,
            progress,
            step=self._step_of(minibatches),
            average=average,
            shrinking=Shrinking(self.module_, self.optimizer_, average),
            named_parameters=list(self.module_.named_parameters()),
            n_steps=max(1, self.max_epochs * minibatches.steps),
            listens=any_listens_to_batches(self.callbacks_),
            limit=limit,
            hooks=hooks,
        )

    def _step_of(self, minibatches: Minibatches) -> Step:
        streams = [run.streams.dropout for run in minibatches.runs]
        return self.module_.body.training_step(self.criterion_, streams)

    def keep_stopped(
        self, stopping: NDArray[np.intp], best: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Keep streams and optimiser of runs that stop while others go on.

        Else the next training would depend on the runs beside them. If enough have
        stopped they leave; returned are the best weights of those that stay.
        """
        session = self.session_
        session.keep_streams(stopping)
        self._stopped |= session.shrinking.states(stopping)
        if session.shrinking.is_due(session.running):
            best = session.shrinking.take_out(session.running, best)
            session.minibatches = session.minibatches_left(self.module_.inputs)
            session.validation = self._validation_rows(session.minibatches)
            session.step = self._step_of(session.minibatches)
        return best

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; those for minibatches only if any listens to them.

        A KeyboardInterrupt that leaves a callback of the user's ends the training.
        """
        if method_name in BATCH_HOOKS and not self.session_.listens:
            return
        hooks = self.session_.hooks
        if hooks is not None:  # before BestEpoch, which ends the training
            hooks.tell(method_name, self)
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as interrupt:
            if any_of_the_user(self.callbacks):
                raise EndOfTraining from interrupt
            raise
        # After the callbacks, which have seen the epoch and validated it.
        if method_name == "on_epoch_end":
            if self.session_.limit.is_over:
                self._end_by_time()
            if hooks is not None and hooks.asks_to_stop:
                raise EndOfTraining

    def _end_by_time(self) -> NoReturn:
        self.timed_out_ = True
        raise EndOfTraining

    def get_split_datasets(
        self, X: Minibatches, y: None = None, **fit_params: Any
    ) -> tuple[Minibatches, ValidationRows | None]:
        """Return the minibatches and, if training may stop early, validation rows."""
        self.session_.validation = self._validation_rows(X)
        return X, self.session_.validation

    def _validation_rows(self, minibatches: Minibatches) -> ValidationRows | None:
        if best_epoch(self.callbacks_) is None:
            return None
        rows = ValidationRows(minibatches.runs, minibatches.inputs)
        return rows if len(rows) else None

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return the data, which make minibatches of their own."""
        return dataset

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **params: Any
    ) -> None:
        """Train one epoch, or validate one, and record its losses."""
        if iterator is None:
            return
        self._set_training(training)
        # Not the iterator, which is of all runs, those that have left included.
        session = self.session_
        if training:
            self._train_epoch(session.minibatches, step_fn)
        elif session.validation is not None:
            self._validate(session.validation, step_fn)

    def _train_epoch(self, minibatches: Minibatches, step_fn: StepFunction) -> None:
        """Take an epoch's steps.

        Between epochs the module has the averaged weights, for all who look at it.
        """
        session = self.session_
        session.average.hide()
        loss = EpochLoss(minibatches.step_rows)
        for block in EpochDraw(minibatches, session.epoch_of_plan).blocks():
            if session.progress.stop.is_set():
                raise EndOfTraining
            loss.add(self._train_block(block, step_fn), block.total_weight)
            self._wait_for_gpu(block.inputs)
            if session.limit.is_over:
                break
        session.average.show()
        if loss.n_steps < minibatches.steps:
            self._cut_epoch(session.shrinking.of_all(loss.mean_of_steps()))
        self.history.record("train_batch_count", minibatches.steps)
        self.ran_.append(session.running.copy())
        mean = session.shrinking.of_all(loss.mean())
        self.record_loss("train_loss", mean, session.running)
        session.finish_epoch()
        # As long as one run is finite, its estimator may need the epochs to come; with
        # one that is not, an estimator of several stacks has failed.
        finite = np.isfinite(self.train_losses_[-1])
        if not (finite.any() if session.means.sees_all else finite.all()):
            raise EndOfTraining

    def _wait_for_gpu(self, tensor: Tensor) -> None:
        """Let a GPU do what it was given, if time is short."""
        # Else steps are taken by the clock of the CPU, far ahead of the card.
        if self.session_.limit.seconds is not None and tensor.is_cuda:
            torch.cuda.synchronize(tensor.device)

    def _cut_epoch(self, losses: Tensor) -> NoReturn:
        """End the training in mid-epoch, which leaves no figures unless it diverged."""
        if not torch.isfinite(losses[torch.from_numpy(self.session_.running)]).all():
            self.ran_.append(self.session_.running.copy())
            self.record_loss("train_loss", losses, self.session_.running)
        del self.history[-1]
        self._end_by_time()

    def _train_block(self, block: Block, step_fn: StepFunction) -> Tensor:
        """Take a block's steps in time and return their losses, ``(runs, steps)``."""
        outputs = []
        for batch in block.steps():
            self.notify("on_batch_begin", batch=batch, training=True)
            step = step_fn(batch)
            self.notify("on_batch_end", batch=batch, training=True, **step)
            outputs.append(step["y_pred"])
            if self.session_.limit.is_over:
                break
        # One loss for the block: its own for each step would be many small calls.
        targets, weight = (
            own[:, : len(outputs)] for own in (block.targets, block.weight)
        )
        losses: Tensor = self.criterion_(torch.stack(outputs, 1), targets, weight)
        return losses

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **step: Any
    ) -> None:
        """Record a minibatch, if a callback listens."""
        self.history.record_batch("train_loss", step["loss"].mean().item())
        self.history.record_batch("train_batch_size", batch.targets.shape[1])

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Take one optimiser step; tell the callbacks of the gradient."""
        session = self.session_
        if not isinstance(self.lr_schedule, Constant):  # which callbacks may set
            set_rate(self.optimizer_, self.lr_schedule, self.lr, session.fraction)
        step = self.train_step_single(batch)
        self.notify(
            "on_grad_computed",
            named_parameters=session.named_parameters,
            batch=batch,
            training=True,
        )
        self.optimizer_.step()
        session.average.update()
        session.steps_taken += 1
        return step

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Return each run's outputs; leave the gradients on the parameters.

        The losses are returned too if a callback listens; else they are computed for
        all minibatches of a block at once.
        """
        step = {"y_pred": self.session_.step(batch)}
        if self.session_.listens:
            step["loss"] = self.criterion_(step["y_pred"], batch.targets, batch.weight)
        return step

    @torch.no_grad()
    def validation_step(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Return each run's loss and outputs on validation rows."""
        outputs = self.module_.outputs(batch.encoded)
        loss = self.criterion_(outputs, batch.targets, batch.weight)
        return {"loss": loss, "y_pred": outputs}

    def _validate(self, rows: ValidationRows, step_fn: StepFunction) -> None:
        losses, errors = [], []
        for batch in rows.batches():
            step = step_fn(batch)
            losses.append(step["loss"])
            errors.append(error_of(step["y_pred"], batch))
        of_all, running = self.session_.shrinking.of_all, self.session_.running
        self.record_loss("valid_loss", of_all(torch.stack(losses).sum(0)), running)
        # Only among classes does one output win.
        if isinstance(self.criterion_, SoftCrossEntropy):
            self.record_loss("valid_error", of_all(torch.stack(errors).sum(0)), running)
        self.history.record("valid_batch_count", len(losses))
        self._score()

    def _score(self) -> None:
        """Record the scores of the epoch, minus the losses where none are asked for."""
        scores = -self.valid_losses_[-1]
        if self.session_.has_scorers:
            scores = scores.astype(np.float64)
            for number, score in self.session_.scores(self.module_, self.criterion_):
                scores[number] = score
        self.record_scores(scores, self.session_.has_scorers)

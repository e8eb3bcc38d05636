"""Lists of callbacks: those of the user and those of the net itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skorch.callbacks import (
    Callback,
    Checkpoint,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)

from sk_mixup._training.best_epoch import BestEpoch
from sk_mixup._training.log import Bar

NamedCallbacks = Sequence[tuple[str, Callback]]

#: Without a listener they are never called: to tell a callback of a loss is to wait for
#: the device in each step.
BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def named_callback(callback: Any) -> tuple[Any, Any]:
    """Return the name, None if there is none, and the callback."""
    return callback if isinstance(callback, tuple) else (None, callback)


def same_callbacks(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Tell whether two lists hold the same objects under the same names."""
    if len(ours) != len(theirs):
        return False
    pairs = zip(map(named_callback, ours), map(named_callback, theirs), strict=True)
    return all(a[0] == b[0] and a[1] is b[1] for a, b in pairs)


def any_of_the_user(given: Sequence[Any]) -> bool:
    """Tell whether callbacks other than progress bars were given."""
    callbacks = (named_callback(each)[1] for each in given)
    return not all(isinstance(each, ProgressBar) for each in callbacks)


def any_listens_to_batches(callbacks: NamedCallbacks) -> bool:
    """Tell whether a callback has a hook for minibatches, or reads their records."""
    return any(
        # Checkpoints name their files by the record of the last batch.
        isinstance(callback, Checkpoint | TrainEndCheckpoint)
        # Every callback has all hooks; those of the skorch base class do nothing.
        or getattr(type(callback), hook) is not getattr(Callback, hook)
        for _, callback in callbacks
        for hook in BATCH_HOOKS
    )


def accompanied(
    callbacks: NamedCallbacks, patience: int | None, bar_steps: int | None
) -> list[tuple[str, Callback]]:
    """Return the callbacks with those of the net's own that a training asks for."""
    others = [each for each in callbacks if not isinstance(each[1], BestEpoch | Bar)]
    if bar_steps is not None:  # before the line that is printed below it
        bar = Bar(batches_per_epoch=bar_steps).initialize()
        others.insert(-1, ("epoch_bar", bar))
    if patience is not None:
        # Last, because it ends the training: others must have seen the epoch by then.
        others.append(("best_epoch", BestEpoch(patience).initialize()))
    return others


def best_epoch(callbacks: NamedCallbacks) -> BestEpoch | None:
    """Return the callback that stops early, None if there is none."""
    for _, callback in callbacks:
        if isinstance(callback, BestEpoch):
            return callback
    return None


def forget_schedules(callbacks: NamedCallbacks) -> None:
    """Drop torch's schedules, which every training makes anew."""
    for _, callback in callbacks:
        if isinstance(callback, LRScheduler):
            # They hold the optimiser, which would be stored a second time with them.
            callback.lr_scheduler_ = None

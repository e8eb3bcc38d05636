"""Fits that leave estimators as they were if they fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from sk_mixup._networks.torch_modes import memory_errors
from sk_mixup._sklearn import end_callbacks

NEEDS_LESS = (
    "a smaller batch_size, fewer or narrower networks (n_estimators, "
    "hidden_layer_sizes) or fewer rows need less"
)


class Snapshot:
    """The attributes of an estimator, to be put back if its fit fails."""

    def __init__(self, estimator: Any) -> None:
        # A shallow copy: fits replace attributes and never change what they hold.
        self.estimator, self.attributes = estimator, dict(vars(estimator))

    def restore(self) -> None:
        try:
            end_callbacks(self.estimator)
        finally:
            vars(self.estimator).clear()
            vars(self.estimator).update(self.attributes)


@contextmanager
def all_or_nothing(estimators: Sequence[Any]) -> Iterator[None]:
    """Leave estimators as they were if anything fails inside."""
    before = [Snapshot(estimator) for estimator in estimators]
    # Stacks: each has its turn, whatever the callbacks of the others raise.
    with ExitStack() as ends:
        try:
            yield
        except BaseException:
            for snapshot in before:
                ends.callback(snapshot.restore)
            raise
        for estimator in estimators:
            ends.callback(end_callbacks, estimator)


def enough_memory(name: str) -> AbstractContextManager[None]:
    """Say in one sentence that memory did not suffice to fit what is named."""
    return memory_errors(f"Fitting {name}", NEEDS_LESS)

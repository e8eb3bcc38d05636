"""What a training tells to those who follow it from outside."""

from __future__ import annotations

from typing import Any, Protocol


class FitHooks(Protocol):
    """Follow a training by the hooks that skorch callbacks have.

    Attributes
    ----------
    asks_to_stop : bool
        Whether the training is to end after this epoch.
    """

    asks_to_stop: bool

    def tell(self, hook: str, net: Any) -> None:
        """Take notice of a hook of the net, as it is called."""

    def tell_of_the_end(self) -> None:
        """Take notice that the estimator is fitted."""

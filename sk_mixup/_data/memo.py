"""Results that estimators fitted together share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class Memo:
    """Results shared by estimators that are prepared together.

    A result belongs to the objects (by identity) that it was computed from, so ten
    candidates on one training fold share its table, its statistics and its neighbours.
    """

    def __init__(self) -> None:
        self._results: dict[tuple[Any, ...], Any] = {}
        self._kept: list[tuple[object, ...]] = []

    def get(
        self,
        name: object,
        sources: tuple[object, ...],
        compute: Callable[[], Result],
    ) -> Result:
        """Return the named result of ``sources``, computed once."""
        key = (name, *map(id, sources))
        if key not in self._results:
            self._results[key] = compute()
            # Held, or a new object could get the id of one that is gone.
            self._kept.append(sources)
        result: Result = self._results[key]
        return result

    def first(
        self, name: object, sources: tuple[object, ...], result: Result
    ) -> Result:
        """Return the first result of this name that was given for ``sources``."""
        return self.get(name, sources, lambda: result)

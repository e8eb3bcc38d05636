"""What a fit is given, as users give it and as it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

from sk_mixup._data.subsets import RowSubset
from sk_mixup._training.run import Score


def check_length(one: str, n_rows: int, other: str, n_others: int) -> None:
    """Check that rows and their targets are as many."""
    if n_rows != n_others:
        raise ValueError(
            f"{one} and {other} must be of one length, but {one} has {n_rows} rows and "
            f"{other} has {n_others}."
        )


@contextmanager
def of_validation_rows() -> Iterator[None]:
    """Mark errors as concerning the validation rows."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"Validation rows (X_val, y_val, sample_weight_val): {error}"
        ) from error


class FitData(NamedTuple):
    """What ``fit`` or ``partial_fit`` was given."""

    X: Any
    y: Any
    sample_weight: Any = None
    groups: Any = None
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    classes: Any = None

    @property
    def n_rows(self) -> int:
        """Number of rows of X, 0 if that is no table."""
        shape = getattr(self.X, "shape", None)
        if shape is None:
            return len(self.X) if isinstance(self.X, Sized) else 0
        # Of Dask's frames it is no number until it is computed.
        return int(shape[0]) if shape and isinstance(shape[0], Integral) else 0

    def check_validation(self) -> None:
        """Check that validation rows and their targets come together."""
        if (self.X_val is None) != (self.y_val is None):
            given, missing = ("X_val", "y_val")[:: 1 if self.y_val is None else -1]
            raise ValueError(
                f"{given} was given without {missing}: validation rows need both."
            )
        if self.X_val is None and self.sample_weight_val is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val.")


@dataclass(frozen=True)
class FitRows:
    """The checked rows of a fit, and what it was given.

    ``validation`` are the user's own validation rows, None if there are none;
    ``scored_on`` returns the score of a network on its validation rows, None where the
    loss is the score.
    """

    rows: RowSubset
    validation: RowSubset | None
    data: FitData
    scored_on: Callable[[RowSubset], Score] | None = None

"""What the statistics over folds and over sets share."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from statsmodels.stats.multitest import multipletests

from benchmarks.quantities import quantity

RESAMPLE = ["dataset", "method", "repeat", "fold"]

# Means over folds that are equal on paper may differ in their last bits; ranks
# and signs are taken of numbers rounded this far, so that ties stay ties.
DECIMALS = 12


def require_columns(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise a ValueError that names the columns which `frame` lacks."""
    missing = [name for name in dict.fromkeys(columns) if name not in frame]
    if missing:
        raise ValueError(f"The frame lacks the columns {missing}.")


def require_one_row_per_fold(frame: pd.DataFrame) -> None:
    """Raise a ValueError where a method has several rows for one fold."""
    repeated = frame[frame.duplicated(RESAMPLE)]
    if len(repeated):
        row = repeated.iloc[0]
        raise ValueError(
            f"{row['method']!r} has several rows for repeat {row['repeat']}, fold "
            f"{row['fold']} of {row['dataset']!r}: give every variant a method name "
            "of its own."
        )


def require_baseline(methods: Iterable[object], baseline: str) -> None:
    """Raise a ValueError unless `baseline` and another method are there."""
    names = list(map(str, methods))
    if baseline not in names:
        raise ValueError(f"The baseline {baseline!r} is none of the methods {names}.")
    if len(names) < 2:
        raise ValueError(f"A comparison needs at least 2 methods; got {len(names)}.")


def holm(p: pd.Series[float]) -> pd.Series[float]:
    """Holm's correction over the tests at hand; missing ones stay missing."""
    tested = p.notna()
    result = p.copy()
    if tested.any():
        result[tested] = multipletests(p[tested], method="holm")[1]
    return result


def gain_sign(metric: str) -> int:
    """Return 1 if more of `metric` is better, else -1."""
    return 1 if quantity(metric).higher_is_better else -1

"""What the comparisons of ERM with mixup over alpha show."""

from __future__ import annotations

import pandas as pd

from benchmarks.experiment import Options
from benchmarks.jobs import Method, alpha_methods
from benchmarks.paper import TABLE_4, set_name
from benchmarks.report import Section
from benchmarks.tables import (
    Table,
    error_table,
    metrics_table,
)

ALPHAS = (0.0, 0.1, 0.2, 0.4, 1.0, 2.0, 8.0, 32.0)


def methods(options: Options) -> tuple[Method, ...]:
    """Compare the values of alpha."""
    return alpha_methods(options.alphas or ())


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate each method on each set, with the paper's figure beside it."""
    metrics = ["error", "log_loss", "fit_seconds"]
    keys = ["dataset", "method"]
    return [metrics_table(frame, keys, metrics, paper=_paper(frame))]


def _paper(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Look the paper's errors up; its mixup is of an alpha that it does not state."""
    pairs = frame[["dataset", "method"]].drop_duplicates()
    index = pd.MultiIndex.from_frame(pairs)
    figures = [
        TABLE_4.get(set_name(name), {}).get("ERM" if method == "ERM" else "mixup")
        for name, method in index
    ]
    if not any(figures):
        return None
    return pd.DataFrame({"error (%)": figures}, index=index)


def report(frame: pd.DataFrame) -> Section:
    """Show levels, differences from ERM, and curves."""
    tables = [
        error_table(part, TABLE_4)
        for protocol, part in frame.groupby("protocol", sort=False)
    ]
    return Section("", (), tuple(tables))

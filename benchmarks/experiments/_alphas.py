"""What the comparisons of ERM with mixup over alpha show."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.experiment import Options
from benchmarks.jobs import Method, alpha_methods
from benchmarks.paper import TABLE_4, PaperTable, set_name
from benchmarks.plots import (
    critical_difference_diagram,
    error_against_alpha,
    reliability,
)
from benchmarks.quantities import quantity
from benchmarks.report import Section, section
from benchmarks.stats import (
    compare_to_baseline,
    friedman_nemenyi,
    wilcoxon_over_sets,
    win_tie_loss,
)
from benchmarks.tables import (
    Table,
    comparison_table,
    error_table,
    metrics_table,
    paper_table,
    plain_table,
)

ALPHAS = (0.0, 0.1, 0.2, 0.4, 1.0, 2.0, 8.0, 32.0)
METRICS = (
    "error",
    "log_loss",
    "brier",
    "ece",
    "auc",
    "fit_seconds",
    "predict_seconds",
)
PAPER_TITLE = "The paper's errors (%), by its own recipe: ten epochs on raw inputs"
#: Reliability curves that can be told apart in one plot.
MOST_CURVES = 4

Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def methods(options: Options) -> tuple[Method, ...]:
    """Compare the values of alpha."""
    return alpha_methods(options.alphas or ())


def show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate each method on each set, and the paper's errors on those it has.

    They stand beside where the paper has all the sets, else in a table of their own.
    """
    metrics = ["error", "log_loss", "fit_seconds"]
    keys = ["dataset", "method"]
    sets = frame["dataset"].drop_duplicates()
    known = [str(name) for name in sets if set_name(str(name)) in TABLE_4]
    beside = _paper(frame) if len(known) == len(sets) else None
    tables = [metrics_table(frame, keys, metrics, paper=beside)]
    if known and beside is None:
        figures: PaperTable = {name: TABLE_4[set_name(name)] for name in known}
        tables.append(paper_table(figures, PAPER_TITLE, ["Data set"]))
    return tables


def _paper(frame: pd.DataFrame) -> pd.DataFrame:
    """Look the paper's errors up; its mixup is of an alpha that it does not state."""
    pairs = frame[["dataset", "method"]].drop_duplicates()
    index = pd.MultiIndex.from_frame(pairs)
    figures = [
        TABLE_4[set_name(name)]["ERM" if method == "ERM" else "mixup"]
        for name, method in index
    ]
    return pd.DataFrame({"error (%)": figures}, index=index)


def report(frame: pd.DataFrame) -> Section:
    """Show levels, differences from ERM, ranks and curves."""
    return section(
        [],
        [
            lambda: error_table(frame, TABLE_4),
            lambda: comparison_table(compare_to_baseline(frame, "ERM")),
            lambda: error_table(frame, metric="log_loss"),
            lambda: comparison_table(compare_to_baseline(frame, "ERM", "log_loss")),
            lambda: metrics_table(
                frame, ["method"], METRICS, over_sets=True, title="Mean over the sets"
            ),
            lambda: over_sets(frame, "error"),
            lambda: over_sets(frame, "log_loss"),
        ],
        {
            "Error against alpha": lambda: error_against_alpha(frame),
            "Log loss against alpha": lambda: error_against_alpha(frame, "log_loss"),
            "Average ranks by error": lambda: critical_difference_diagram(
                friedman_nemenyi(frame)
            ),
            "Average ranks by log loss": lambda: critical_difference_diagram(
                friedman_nemenyi(frame, "log_loss")
            ),
            "Calibration, all sets pooled": lambda: reliability(pooled(frame)),
        },
    )


def over_sets(frame: pd.DataFrame, metric: str) -> Table:
    """Compare each method with ERM over the sets, by verdicts, signs and ranks."""
    counts = win_tie_loss(compare_to_baseline(frame, "ERM", metric))
    ranks = wilcoxon_over_sets(frame, "ERM", metric)
    both = counts.merge(ranks.drop(columns=["statistic", "left_out"]), on="method")
    label = quantity(metric).label
    return plain_table(both, f"Against ERM over the sets, by {label}")


def pooled(frame: pd.DataFrame) -> dict[str, Curve]:
    """Pool the reliability curves of all folds and sets, method by method.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame with its column ``reliability``.

    Returns
    -------
    dict of str to (confidence, accuracy, count)
        For a few methods: all of them could not be told apart in a plot.
    """
    shown = list(dict.fromkeys(frame["method"]))
    shown = shown[:: -(-len(shown) // MOST_CURVES)]
    curves = {}
    for method in shown:
        folds = pd.DataFrame(list(frame.loc[frame["method"] == method, "reliability"]))
        count = np.array(folds["count"].tolist())
        total = count.sum(axis=0)
        means = (
            np.nan_to_num(np.array(folds[name].tolist(), dtype=float))
            for name in ("confidence", "accuracy")
        )
        sums = [(mean * count).sum(axis=0) / np.maximum(total, 1) for mean in means]
        curves[str(method)] = (sums[0], sums[1], total)
    return curves

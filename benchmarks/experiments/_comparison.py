"""Tables and figures that several experiments share: methods compared over sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks import plots, stats, tables
from benchmarks.experiment import Experiment
from benchmarks.paper import TABLE_4, set_name
from benchmarks.quantities import quantity
from benchmarks.tables import Table

SCORES = ("error", "log_loss", "brier", "ece", "auc")
SECONDS = ("fit_seconds", "predict_seconds")
SHARES = ("fit_share", "predict_seconds")
PAPER_TITLE = "The paper's errors (%), by its own recipe: ten epochs on raw inputs"
SHARE_TITLE = "Mean over folds ± standard error (fit: a share of a common program)"
#: Reliability curves that can be told apart in one plot.
MOST_CURVES = 4
#: What is said of experiments whose networks train together.
TEXT = (
    "ERM is alpha 0. The networks of all methods on several folds train together, as "
    "one program; the share of a fit is its wall time divided among them by their "
    "numbers and epochs, and says nothing of how long one would take alone."
)

Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


class View(NamedTuple):
    """Rows of a frame in which every set has every method, and which these are."""

    frame: pd.DataFrame
    also: str = ""


def views(frame: pd.DataFrame) -> list[View]:
    """Part a frame where some methods lack some sets, such as slow ones the large sets.

    The first part has all sets, without these methods; the second one all methods, on
    the sets that lack none. A part without a set or a second method is left out.
    """
    has = pd.crosstab(frame["dataset"], frame["method"]) > 0
    everywhere, complete = has.all(), has.all(axis=1)
    if everywhere.all():
        return [View(frame)]
    partly = [str(name) for name in frame["method"].unique() if not everywhere[name]]
    parts = []
    if everywhere.sum() > 1:
        rows = frame["method"].map(everywhere)
        parts.append(View(frame[rows], f", all sets, without {', '.join(partly)}"))
    if complete.any():
        rows = frame["dataset"].map(complete)
        also = f", the {complete.sum()} sets that {' and '.join(partly)} were run on"
        parts.append(View(frame[rows], also))
    return parts


def in_views(
    table: Callable[[pd.DataFrame, str], Table],
) -> Callable[[pd.DataFrame], list[Table]]:
    """Make a table of each view of a frame, from the view and what its title adds."""

    def tables_of(frame: pd.DataFrame) -> list[Table]:
        return [table(view.frame, view.also) for view in views(frame)]

    return tables_of


def means(
    frame: pd.DataFrame, also: str = "", metrics: Sequence[str] = SCORES + SECONDS
) -> Table:
    """Average each metric over the sets."""
    title = f"Mean over the sets{also}"
    return tables.metrics_table(frame, ["method"], metrics, over_sets=True, title=title)


def merits_table(
    frame: pd.DataFrame, also: str = "", metrics: Sequence[str] = SCORES[:2]
) -> Table:
    """Show each metric's mean and average rank over the sets, and the median fit.

    The median is over folds, then over sets, since some sets are far larger.
    """
    by_set = frame.groupby(["method", "dataset"], sort=False)["fit_seconds"].median()
    seconds = by_set.groupby("method").median()
    merits = stats.merits(frame, metrics)
    merits["median_fit"] = merits["method"].map(seconds)
    return tables.merits_table(merits, f"Means and average ranks{also}")


def differences(frame: pd.DataFrame, metric: str, baseline: str = "ERM") -> Table:
    """Compare each method with ERM, or another baseline, on each set."""
    return tables.comparison_table(stats.compare_to_baseline(frame, baseline, metric))


def over_sets(
    frame: pd.DataFrame, metric: str, baseline: str = "ERM", title: str | None = None
) -> Table:
    """Compare methods with a baseline over the sets, by verdicts, signs and ranks."""
    counts = stats.win_tie_loss(stats.compare_to_baseline(frame, baseline, metric))
    ranks = stats.wilcoxon_over_sets(frame, baseline, metric)
    title = (
        f"{title or f'Against {baseline} over the sets'}, by {quantity(metric).label}"
    )
    ratios = stats.mean_ratios(frame, baseline, metric)
    shown = counts.merge(ranks, on="method").merge(ratios, on="method")
    return tables.plain_table(shown, title)


def ranks(frame: pd.DataFrame, metric: str = "error") -> Figure:
    """Draw average ranks over the sets."""
    ranking = stats.friedman_nemenyi(frame, metric)
    return plots.critical_difference_diagram(ranking)


def times(
    frame: pd.DataFrame, metric: str, name: str
) -> dict[str, Callable[[], Figure]]:
    """Draw means over the sets against the time of a fit, by captions."""
    return {
        f"Mean {name} against the time of a fit{view.also}": partial(
            plots.means_against_time, view.frame, metric
        )
        for view in views(frame)
    }


def _show(frame: pd.DataFrame) -> list[Table]:
    """Tabulate each method on each set, and the paper's errors on those it has.

    They stand beside where the paper has all the sets, else in a table of their own.
    Networks train together, so that the seconds of one are a share.
    """
    metrics = ["error", "log_loss", "fit_share"]
    frame = frame.assign(fit_share=frame["fit_seconds"])
    keys = ["dataset", "method"]
    sets = frame["dataset"].drop_duplicates()
    known = [str(name) for name in sets if set_name(str(name)) in TABLE_4.index]
    beside = _paper(frame) if len(known) == len(sets) else None
    shown = [
        tables.metrics_table(frame, keys, metrics, paper=beside, title=SHARE_TITLE)
    ]
    if known and beside is None:
        figures = TABLE_4.loc[list(map(set_name, known))].set_axis(known)
        shown.append(tables.paper_table(figures, PAPER_TITLE, ["Data set"]))
    return shown


def _means_of_shares(frame: pd.DataFrame) -> Table:
    shares = frame.assign(fit_share=frame["fit_seconds"])
    return means(shares, metrics=SCORES + SHARES)


def _paper(frame: pd.DataFrame) -> pd.DataFrame:
    """Look the paper's errors up; its mixup is of an alpha that it does not state."""
    pairs = frame[["dataset", "method"]].drop_duplicates()
    index = pd.MultiIndex.from_frame(pairs)
    figures = [
        TABLE_4.loc[set_name(name), "ERM" if method == "ERM" else "mixup"]
        for name, method in index
    ]
    return pd.DataFrame({"error (%)": figures}, index=index)


def _figures(frame: pd.DataFrame) -> dict[str, Callable[[], Figure]]:
    by_log_loss = partial(plots.error_against_alpha, frame, "log_loss")
    return {
        "Error against alpha": partial(plots.error_against_alpha, frame),
        "Log loss against alpha": by_log_loss,
        "Average ranks by error": partial(ranks, frame),
        "Average ranks by log loss": partial(ranks, frame, "log_loss"),
        "Calibration, all sets pooled": lambda: plots.reliability(pooled(frame)),
    }


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


#: ERM against mixup at several alphas: levels, differences from ERM, ranks and curves.
of_alphas = partial(
    Experiment,
    show=_show,
    text=TEXT,
    tables=(
        partial(tables.error_table, paper=TABLE_4),
        partial(differences, metric="error"),
        partial(tables.error_table, metric="log_loss"),
        partial(differences, metric="log_loss"),
        _means_of_shares,
        partial(over_sets, metric="error"),
        partial(over_sets, metric="log_loss"),
    ),
    figures=_figures,
)

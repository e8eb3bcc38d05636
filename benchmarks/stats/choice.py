"""The choice of one method over data sets, and how far it hangs on any one set."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.stats.folds import DECIMALS, gain_sign
from benchmarks.stats.sets import ranks_by_set, set_means

METRICS = ("error", "log_loss")


def merits(frame: pd.DataFrame, metrics: Sequence[str] = METRICS) -> pd.DataFrame:
    """Judge methods by their means over sets and their average ranks together.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame. Sets that lack a method are left out.
    metrics : sequence of str, default=("error", "log_loss")
        Columns to judge by, each weighing alike.

    Returns
    -------
    pandas.DataFrame
        One row per method, the best first: ``method``, for each metric ``<metric>``
        (mean over the sets) and ``<metric>_rank`` (average rank), and ``merit``: the
        place of the method in each of these columns, averaged; 1 is the best in all.

    Raises
    ------
    ValueError
        As `benchmarks.stats.set_means`.
    """
    columns = {}
    frame = _complete(frame, metrics)
    for metric in metrics:
        means = set_means(frame, metric)
        columns[metric] = means.mean()
        columns[f"{metric}_rank"] = ranks_by_set(means, metric).mean()
    table = pd.DataFrame(columns)
    places = [
        (sign * table[name]).round(DECIMALS).rank()
        for name in map(str, table)
        for sign in [-gain_sign(name) if name in metrics else 1]
    ]
    table["merit"] = sum(places) / len(places)
    table = table.sort_values("merit", kind="stable")
    return table.rename_axis("method").reset_index()


def leave_one_set_out(
    frame: pd.DataFrame, metrics: Sequence[str] = METRICS
) -> pd.DataFrame:
    """Choose without each set in turn, and judge the choice on that set.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame. Sets that lack a method are left out.
    metrics : sequence of str, default=("error", "log_loss")
        Columns to judge by.

    Returns
    -------
    pandas.DataFrame
        One row per set: ``dataset``, ``chosen`` (the best of `merits` on the other
        sets), and on the set itself for each metric ``<metric>`` of the choice,
        ``<metric>_best`` of the best method there and ``<metric>_place`` of the choice
        among all.

    Raises
    ------
    ValueError
        As `benchmarks.stats.set_means`; three complete sets are needed.
    """
    frame = _complete(frame, metrics)
    by_metric = {metric: set_means(frame, metric) for metric in metrics}
    rows = []
    for name in next(iter(by_metric.values())).index:
        others = frame[frame["dataset"].astype(str) != name]
        chosen = merits(others, metrics)["method"].iloc[0]
        row = {"dataset": name, "chosen": chosen}
        for metric, means in by_metric.items():
            signed = -gain_sign(metric) * means.loc[name]
            row[metric] = means.loc[name, chosen]
            row[f"{metric}_best"] = means.loc[name, signed.idxmin()]
            row[f"{metric}_place"] = signed.rank()[chosen]
        rows.append(row)
    return pd.DataFrame(rows)


def _complete(frame: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Keep the sets on which every method has a value of every metric."""
    by_metric = [set_means(frame, metric).index for metric in metrics]
    common = set.intersection(*map(set, by_metric))
    return frame[frame["dataset"].astype(str).isin(common)]

"""Statistics over data sets, which are independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy import stats as st

from benchmarks.stats.folds import (
    DECIMALS,
    LEVEL,
    RESAMPLE,
    gain_sign,
    holm,
    require_baseline,
    require_columns,
    require_one_row_per_fold,
    summary,
)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The outcome of `friedman_nemenyi`."""

    metric: str
    ranks: pd.Series[float]  # average rank by method, best (lowest) first
    statistic: float  # Friedman's chi-squared, corrected for ties
    p: float
    nemenyi: pd.DataFrame  # p values of every pair, in the order of `ranks`
    critical_difference: float  # average ranks further apart differ at the level 0.05
    n_sets: int  # those that lack no method


def mean_over_sets(
    frame: pd.DataFrame, metric: str, by: Sequence[str] = ("method",)
) -> pd.DataFrame:
    """Mean over data sets of the means over resamples, every set weighing alike.

    The standard error is that of the average over *these* sets: it knows how
    well each set's mean is known, not how other sets would differ. A set that
    lacks a value for any of the groups is left out of all, so that every group
    is averaged over the same sets.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    metric : str
        Column to average.
    by : sequence of str, default=("method",)
        Columns whose values make a group, without ``dataset``.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then ``mean``, ``se`` and ``n_sets``.

    Raises
    ------
    ValueError
        If no set has a value for every group.
    """
    keys = list(by)
    each = summary(frame, metric, ["dataset", *keys])
    each["known"] = each["mean"].notna()
    n_groups = len(each[keys].drop_duplicates())
    complete = each.groupby("dataset", sort=False, observed=True)["known"].sum()
    each = each[each["dataset"].isin(complete.index[complete == n_groups])]
    if each.empty:
        raise ValueError(f"No data set has a value of {metric!r} for every group.")
    each["variance"] = each["se"] ** 2
    groups = each.groupby(keys, sort=False, dropna=False, observed=True)
    result = groups.agg(mean=("mean", "mean"), n_sets=("dataset", "nunique"))
    variance = groups["variance"].agg(lambda values: values.sum(skipna=False))
    result.insert(1, "se", np.sqrt(variance) / result["n_sets"])
    return result.reset_index()


def set_means(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean of a metric by set and method, on the sets that have every method.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    metric : str
        Column to average over the resamples at hand.

    Returns
    -------
    pandas.DataFrame of shape (sets, methods)
        Means on the complete sets; the others are left out.

    Raises
    ------
    ValueError
        If fewer than two methods or two complete sets are left.
    """
    means = _means(frame, metric)
    if means.shape[1] < 2:
        raise ValueError(
            f"A comparison needs at least 2 methods; got {means.shape[1]}."
        )
    complete = means.dropna()
    if len(complete) < 2:
        lacking = [
            f"{name} lacks {', '.join(row.index[row.isna()])}"
            for name, row in means[means.isna().any(axis=1)].iterrows()
        ]
        raise ValueError(_too_few_sets(len(complete), lacking))
    return complete


def wilcoxon_over_sets(
    frame: pd.DataFrame, baseline: str, metric: str = "error"
) -> pd.DataFrame:
    """Test each method against a baseline over sets by Wilcoxon's signed ranks.

    Differences of zero share their ranks between both signs. p is exact but for
    more than 50 sets, or more than 13 with ties.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    baseline : str
        The method that the others are compared with.
    metric : str, default="error"
        Column to compare by its mean on each set.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``method``, ``n_sets``, ``median_difference`` (method
        minus baseline), ``p`` and ``p_holm``, over the sets that have both. The
        test is missing where fewer than two have.

    Raises
    ------
    ValueError
        If the baseline is missing, there is no other method, or no method shares two
        sets with the baseline.
    """
    means = _means(frame, metric)
    require_baseline(means.columns, baseline)
    rows = [
        {"method": method, **_signed_ranks(means[method] - means[baseline])}
        for method in means.columns.drop(baseline)
    ]
    result = pd.DataFrame(rows)
    if result["n_sets"].max() < 2:
        raise ValueError(_too_few_sets(int(result["n_sets"].max()), []))
    return result.assign(p_holm=holm(result["p"]))


def mean_ratios(frame: pd.DataFrame, baseline: str, metric: str) -> pd.DataFrame:
    """Return the geometric mean over the sets of each method's ratio to a baseline.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    baseline : str
        The method that the others are divided by.
    metric : str
        Column to compare by its mean on each set.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``method`` and ``mean_ratio``, over the sets that have both;
        missing where a mean is not positive.

    Raises
    ------
    ValueError
        If the baseline is missing or there is no other method.
    """
    means = _means(frame, metric)
    require_baseline(means.columns, baseline)
    rows = []
    for method in means.columns.drop(baseline):
        both = means[[method, baseline]].dropna()
        positive = (both > 0).all(axis=None)
        ratio = st.gmean(both[method] / both[baseline]) if positive else np.nan
        rows.append({"method": method, "mean_ratio": ratio})
    return pd.DataFrame(rows)


def friedman_nemenyi(frame: pd.DataFrame, metric: str = "error") -> Ranking:
    """Rank methods over sets: Friedman's test, then Nemenyi's of every pair.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame. Sets that lack a method are left out.
    metric : str, default="error"
        Column to rank by its mean on each set.

    Returns
    -------
    Ranking
        Ranks, tests and critical difference.

    Raises
    ------
    ValueError
        As `set_means`.
    """
    ranks = ranks_by_set(set_means(frame, metric), metric)
    average = ranks.mean().sort_values(kind="stable")
    statistic, p = _friedman(ranks)
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(ranks)
    n_sets, n_methods = ranks.shape
    return Ranking(
        metric=metric,
        ranks=average,
        statistic=statistic,
        p=p,
        nemenyi=nemenyi.loc[average.index, average.index],
        critical_difference=critical_difference(n_methods, n_sets),
        n_sets=n_sets,
    )


def critical_difference(n_methods: int, n_sets: int, level: float = LEVEL) -> float:
    """Return Nemenyi's critical difference of average ranks at a level.

    It is ``q * sqrt(n_methods * (n_methods + 1) / (6 * n_sets))`` with q the
    studentised range's quantile divided by the root of two.

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    q = st.studentized_range.ppf(1.0 - level, n_methods, np.inf) / np.sqrt(2.0)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6.0 * n_sets)))


def _means(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    require_columns(frame, [*RESAMPLE, metric])
    require_one_row_per_fold(frame)
    frame = frame.astype({"dataset": str, "method": str})
    means = frame.groupby(["dataset", "method"], sort=False)[metric].mean()
    sets, methods = (means.index.unique(level) for level in means.index.names)
    # Not sort=False, which pandas before 3 answers with values in wrong columns.
    return means.unstack("method").reindex(index=sets, columns=methods)


def ranks_by_set(means: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rank the methods on each set, 1 the best; ties share their ranks."""
    return (-gain_sign(metric) * means).round(DECIMALS).rank(axis=1)


def _friedman(ranks: pd.DataFrame) -> tuple[float, float]:
    """Friedman's chi-squared and its p.

    SciPy's function refuses two methods; this is the same statistic, ties
    included, for any number.
    """
    n_sets, n_methods = ranks.shape
    centred = ranks.to_numpy() - (n_methods + 1) / 2
    spread = (centred**2).sum() / (n_sets * (n_methods - 1))
    if spread == 0.0:
        return 0.0, 1.0
    statistic = n_sets * (centred.mean(axis=0) ** 2).sum() / spread
    return float(statistic), float(st.chi2.sf(statistic, n_methods - 1))


def _signed_ranks(differences: pd.Series[float]) -> dict[str, object]:
    known = differences.dropna().round(DECIMALS)
    p = np.nan
    if len(known) >= 2:
        p = float(st.wilcoxon(known, zero_method="zsplit").pvalue)
    return {"n_sets": len(known), "median_difference": known.median(), "p": p}


def _too_few_sets(count: int, lacking: Sequence[str]) -> str:
    """Say that too few sets are complete, and what the others lack."""
    reason = f" ({'; '.join(lacking)})" if lacking else ""
    return f"A test over data sets needs at least 2 complete sets; got {count}{reason}."

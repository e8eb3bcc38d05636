"""Statistics over data sets, which are independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scikit_posthocs
from numpy.typing import NDArray
from scipy import stats as st

from benchmarks.stats._common import (
    DECIMALS,
    RESAMPLE,
    gain_sign,
    holm,
    require_baseline,
    require_columns,
    require_one_row_per_fold,
)
from benchmarks.stats.folds import summary

_WILCOXON = [
    "method",
    "n_sets",
    "median_difference",
    "statistic",
    "p",
    "p_holm",
    "left_out",
]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The outcome of `friedman_nemenyi`.

    Parameters
    ----------
    metric : str
        The ranked column.
    ranks : pandas.Series
        Average rank by method, best (lowest) first.
    statistic, p : float
        Friedman's chi-squared, corrected for ties, and its p value.
    f_statistic, f_p : float
        Iman and Davenport's less conservative F of the same ranks.
    nemenyi : pandas.DataFrame of shape (methods, methods)
        p values of Nemenyi's test of every pair, in the order of `ranks`.
    critical_difference : float
        Average ranks further apart than this differ at `level`.
    level : float
        Level of significance of `critical_difference`.
    n_sets : int
        Number of sets that entered.
    left_out : dict of str to tuple of str
        Every set that did not enter, with the methods it lacks.
    """

    metric: str
    ranks: pd.Series[float]
    statistic: float
    p: float
    f_statistic: float
    f_p: float
    nemenyi: pd.DataFrame
    critical_difference: float
    level: float
    n_sets: int
    left_out: dict[str, tuple[str, ...]]


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
        The columns of `by`, then ``mean``, ``se``, ``n_sets`` and ``left_out``
        (the names of the sets left out, joined by commas).

    Raises
    ------
    ValueError
        If a column is missing or no set has a value for every group.
    """
    keys = list(by)
    each = summary(frame, metric, ["dataset", *keys])
    each["known"] = each["mean"].notna()
    n_groups = len(each[keys].drop_duplicates())
    complete = each.groupby("dataset", sort=False, observed=True)["known"].sum()
    left_out = list(complete.index[complete < n_groups])
    each = each[~each["dataset"].isin(left_out)]
    if each.empty:
        raise ValueError(f"No data set has a value of {metric!r} for every group.")
    each["variance"] = each["se"] ** 2
    groups = each.groupby(keys, sort=False, dropna=False, observed=True)
    result = groups.agg(mean=("mean", "mean"), n_sets=("dataset", "nunique"))
    variance = groups["variance"].agg(lambda values: values.sum(skipna=False))
    result.insert(1, "se", np.sqrt(variance) / result["n_sets"])
    return result.assign(left_out=", ".join(map(str, left_out))).reset_index()


def set_means(
    frame: pd.DataFrame, metric: str
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Mean of a metric by set and method, on the sets that have every method.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    metric : str
        Column to average over the resamples at hand.

    Returns
    -------
    means : pandas.DataFrame of shape (sets, methods)
        Means on the complete sets.
    left_out : dict of str to tuple of str
        Every other set, with the methods that have no value on it.

    Raises
    ------
    ValueError
        If a column is missing, a fold has several rows of one method, or fewer
        than two methods or two complete sets are left.
    """
    means = _means(frame, metric)
    if means.shape[1] < 2:
        raise ValueError(
            f"A comparison needs at least 2 methods; got {means.shape[1]}."
        )
    missing = means.isna()
    left_out = {
        str(name): tuple(map(str, means.columns[row]))
        for name, row in zip(means.index, missing.to_numpy(), strict=True)
        if row.any()
    }
    complete = means[~missing.any(axis=1)]
    if len(complete) < 2:
        raise ValueError(_too_few_sets(len(complete), left_out))
    return complete, left_out


def average_ranks(frame: pd.DataFrame, metric: str = "error") -> pd.Series[float]:
    """Average over sets of each method's rank, 1 the best, ties shared.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame. Sets that lack a method are left out; `set_means` and
        `friedman_nemenyi` name them.
    metric : str, default="error"
        Column to rank by its mean on each set.

    Returns
    -------
    pandas.Series
        Average rank by method, best first.
    """
    return _average(ranks_by_set(set_means(frame, metric)[0], metric))


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
        minus baseline), ``statistic`` (the smaller sum of ranks), ``p``,
        ``p_holm`` and ``left_out``: the sets that lack either method, joined by
        commas. The test is missing where fewer than two sets have both.

    Raises
    ------
    ValueError
        If a column or the baseline is missing, there is no other method, a fold
        has several rows of one method, or no method shares two sets with the
        baseline.
    """
    means = _means(frame, metric)
    require_baseline(means.columns, baseline)
    rows = [
        {"method": method, **_signed_ranks(means[method] - means[baseline])}
        for method in means.columns.drop(baseline)
    ]
    result = pd.DataFrame(rows)
    if result["n_sets"].max() < 2:
        raise ValueError(_too_few_sets(int(result["n_sets"].max()), {}))
    return result.assign(p_holm=holm(result["p"]))[_WILCOXON]


def friedman_nemenyi(
    frame: pd.DataFrame, metric: str = "error", *, level: float = 0.05
) -> Ranking:
    """Rank methods over sets: Friedman's test, then Nemenyi's of every pair.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame. Sets that lack a method are left out and named.
    metric : str, default="error"
        Column to rank by its mean on each set.
    level : float, default=0.05
        Level of significance of the critical difference.

    Returns
    -------
    Ranking
        Ranks, tests, critical difference and the sets that were left out.

    Raises
    ------
    ValueError
        If a column is missing, a fold has several rows of one method, or fewer
        than two methods or two complete sets are left.
    """
    means, left_out = set_means(frame, metric)
    ranks = ranks_by_set(means, metric)
    average = _average(ranks)
    statistic, p, f_statistic, f_p = _friedman(ranks.to_numpy())
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(ranks)
    n_sets, n_methods = ranks.shape
    return Ranking(
        metric=metric,
        ranks=average,
        statistic=statistic,
        p=p,
        f_statistic=f_statistic,
        f_p=f_p,
        nemenyi=nemenyi.loc[average.index, average.index],
        critical_difference=critical_difference(n_methods, n_sets, level),
        level=level,
        n_sets=n_sets,
        left_out=left_out,
    )


def critical_difference(n_methods: int, n_sets: int, level: float = 0.05) -> float:
    """Return Nemenyi's critical difference of average ranks.

    Parameters
    ----------
    n_methods, n_sets : int
        Numbers of methods and of data sets.
    level : float, default=0.05
        Level of significance.

    Returns
    -------
    float
        ``q * sqrt(n_methods * (n_methods + 1) / (6 * n_sets))`` with q the
        studentised range's quantile divided by the root of two.

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    q = st.studentized_range.ppf(1.0 - level, n_methods, np.inf) / np.sqrt(2.0)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6.0 * n_sets)))


def _means(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean by set (rows) and method (columns), missing where there is none."""
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


def _average(ranks: pd.DataFrame) -> pd.Series[float]:
    """Average rank by method, best first."""
    return ranks.mean().sort_values(kind="stable").rename("average_rank")


def _friedman(ranks: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Friedman's chi-squared and its p, Iman and Davenport's F and its p.

    SciPy's function refuses two methods; this is the same statistic, ties
    included, for any number.
    """
    n_sets, n_methods = ranks.shape
    centred = ranks - (n_methods + 1) / 2
    spread = (centred**2).sum() / (n_sets * (n_methods - 1))
    if spread == 0.0:
        return 0.0, 1.0, 0.0, 1.0
    statistic = n_sets * (centred.mean(axis=0) ** 2).sum() / spread
    p = st.chi2.sf(statistic, n_methods - 1)
    rest = n_sets * (n_methods - 1) - statistic
    # Where all sets agree on the order the rest is zero, but for rounding.
    agreed = rest <= 10.0**-DECIMALS * statistic
    f_statistic = np.inf if agreed else (n_sets - 1) * statistic / rest
    f_p = st.f.sf(f_statistic, n_methods - 1, (n_methods - 1) * (n_sets - 1))
    return float(statistic), float(p), float(f_statistic), float(f_p)


def _signed_ranks(differences: pd.Series[float]) -> dict[str, object]:
    """Wilcoxon's test of one method's differences by set."""
    known = differences.dropna().round(DECIMALS)
    test = (np.nan, np.nan)
    if len(known) >= 2:
        test = st.wilcoxon(known, zero_method="zsplit")
    return {
        "n_sets": len(known),
        "median_difference": known.median(),
        "statistic": float(test[0]),
        "p": float(test[1]),
        "left_out": ", ".join(differences.index[differences.isna()]),
    }


def _too_few_sets(count: int, left_out: dict[str, tuple[str, ...]]) -> str:
    """Say that too few sets are complete, and what the others lack."""
    lacking = [f"{name} lacks {', '.join(names)}" for name, names in left_out.items()]
    reason = f" ({'; '.join(lacking)})" if lacking else ""
    return f"A test over data sets needs at least 2 complete sets; got {count}{reason}."

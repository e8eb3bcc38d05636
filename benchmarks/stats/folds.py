"""Statistics on one data set, over folds that share training rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats as st
from statsmodels.stats.multitest import multipletests

from benchmarks.quantities import quantity

RESAMPLE = ["dataset", "method", "repeat", "fold"]

# Means over folds that are equal on paper may differ in their last bits; ranks
# and signs are taken of numbers rounded this far, so that ties stay ties.
DECIMALS = 12

#: Level of significance of all verdicts.
LEVEL = 0.05


class TTest(NamedTuple):
    """The outcome of `corrected_ttest`; ``p`` is two-sided."""

    difference: float
    se: float
    statistic: float
    dof: int
    p: float


def summary(
    frame: pd.DataFrame, metric: str, by: Sequence[str] = ("dataset", "method")
) -> pd.DataFrame:
    """Mean of a metric over resamples, with its standard error.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    metric : str
        Column to describe; its missing values are left out.
    by : sequence of str, default=("dataset", "method")
        Columns whose values make a group. The rows of one group must be
        resamples of one data set.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then ``mean``; ``se``, the corrected standard error
        ``std * sqrt(1 / count + n_test / n_train)``, missing where there are
        fewer than two values; ``count``. Groups come in the order of their first
        row.

    Raises
    ------
    ValueError
        If a column is missing or a group mixes data sets.
    """
    keys = list(by)
    require_columns(frame, [*keys, "dataset", "n_train", "n_test", metric])
    known = frame[metric].notna()
    frame = frame.assign(
        n_train=frame["n_train"].where(known), n_test=frame["n_test"].where(known)
    )
    groups = frame.groupby(keys, sort=False, dropna=False, observed=True)
    if (groups["dataset"].nunique() > 1).any():
        raise ValueError(
            f"Groups by {keys} mix several data sets: add 'dataset' to by, or use "
            "mean_over_sets."
        )
    result = groups[metric].agg(["mean", "std", "count"])
    overlap = groups["n_test"].sum() / groups["n_train"].sum()
    result["se"] = result["std"] * np.sqrt(1.0 / result["count"] + overlap)
    return result[["mean", "se", "count"]].reset_index()


def corrected_ttest(a: ArrayLike, b: ArrayLike, n_train: float, n_test: float) -> TTest:
    """Corrected resampled t-test of paired scores on one data set [1]_.

    The variance of the mean of J paired differences with variance s**2 is taken
    as ``s**2 * (1 / J + n_test / n_train)``, because the training sets overlap;
    with repeated k-fold cross-validation J counts every fold of every repeat.

    Parameters
    ----------
    a, b : array-like of shape (n_pairs,)
        Scores of two methods on the same splits, finite, two at least.
    n_train, n_test : float
        Rows of a split's training and test part (means where they vary).

    Returns
    -------
    TTest
        Mean difference ``a - b``, its standard error, t, degrees of freedom and
        two-sided p. Differences that are all alike (to rounding) have t = 0 and
        p = 1 where they are zero, else the limit: t infinite and p = 0.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error",
       Machine Learning 52, 2003.

    Examples
    --------
    >>> test = corrected_ttest([0.3, 0.2, 0.4], [0.2, 0.2, 0.2], 100, 50)
    >>> round(test.statistic, 4), test.dof, round(test.p, 4)
    (1.0954, 2, 0.3876)
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    differences = first - second
    count = differences.size
    rounding = 10.0**-DECIMALS * max(np.abs(first).max(), np.abs(second).max())
    mean, deviation = differences.mean(), differences.std(ddof=1)
    mean = 0.0 if abs(mean) <= rounding else float(mean)
    deviation = 0.0 if deviation <= rounding else float(deviation)
    error = deviation * np.sqrt(1.0 / count + n_test / n_train)
    limit = np.copysign(np.inf, mean) if mean else 0.0
    statistic = mean / error if error > 0.0 else limit
    p = 2.0 * st.t.sf(abs(statistic), count - 1)
    return TTest(mean, float(error), float(statistic), count - 1, float(p))


def compare_to_baseline(
    frame: pd.DataFrame, baseline: str, metric: str = "error"
) -> pd.DataFrame:
    """Test every method against a baseline on every set, on paired folds.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    baseline : str
        The method that the others are compared with.
    metric : str, default="error"
        Column to compare. Folds where either method lacks it are left out.

    Returns
    -------
    pandas.DataFrame
        One row per set and method: ``dataset``, ``method``, ``mean`` and
        ``baseline_mean`` (over the paired folds), ``pairs`` (paired folds), the
        fields of `TTest` (``difference`` is method minus baseline), ``p_holm``
        (corrected over all rows), ``verdict``: "win" or "loss" of the method where
        ``p_holm < 0.05``, "tie" where not, "untested" where fewer than two folds
        are paired, as on a set that lacks the baseline; ``baseline`` and ``metric``.

    Raises
    ------
    ValueError
        If a column or the baseline is missing, there is no other method, or a
        fold has several rows of one method.
    """
    paired = _pair_with_baseline(frame, baseline, metric)
    keys = ["dataset", "method"]
    rows = [
        {"dataset": dataset, "method": method, **_test_pairs(group)}
        for (dataset, method), group in paired.groupby(keys, sort=False, observed=True)
    ]
    result = pd.DataFrame(rows)
    p_holm = holm(result["p"])
    won = gain_sign(metric) * result["difference"] > 0
    verdict = np.where(won, "win", "loss")
    verdict = np.where(p_holm < LEVEL, verdict, "tie")
    verdict = np.where(p_holm.isna(), "untested", verdict)
    return result.assign(
        p_holm=p_holm, verdict=verdict, baseline=baseline, metric=metric
    )


def win_tie_loss(comparison: pd.DataFrame) -> pd.DataFrame:
    """Count on how many sets each method beats the baseline.

    Parameters
    ----------
    comparison : pandas.DataFrame
        What `compare_to_baseline` returned.

    Returns
    -------
    pandas.DataFrame
        One row per ``method``: counts of the verdicts, ``win``, ``tie``, ``loss`` and
        ``untested``, and of the signs of the mean differences alone, ``better``,
        ``equal`` and ``worse``.
    """
    signs = [gain_sign(metric) for metric in comparison["metric"]]
    gain = (comparison["difference"] * signs).round(DECIMALS)
    verdict = comparison["verdict"]
    counted = {name: verdict == name for name in ("win", "tie", "loss", "untested")}
    counted |= {"better": gain > 0, "equal": gain == 0, "worse": gain < 0}
    groups = pd.DataFrame(counted).groupby(comparison["method"], sort=False)
    return groups.sum().reset_index()


def _pair_with_baseline(
    frame: pd.DataFrame, baseline: str, metric: str
) -> pd.DataFrame:
    """Put the baseline's score of the same split beside every other score."""
    require_columns(frame, [*RESAMPLE, "n_train", "n_test", metric])
    require_one_row_per_fold(frame)
    frame = frame[[*RESAMPLE, "n_train", "n_test", metric]]
    frame = frame.rename(columns={metric: "score"})
    frame = frame.astype({"dataset": str, "method": str})
    require_baseline(frame["method"].unique(), baseline)
    is_baseline = frame["method"] == baseline
    split = ["dataset", "repeat", "fold"]
    reference = frame.loc[is_baseline, [*split, "score"]]
    return frame[~is_baseline].merge(
        reference.rename(columns={"score": "reference"}), on=split, how="left"
    )


def _test_pairs(group: pd.DataFrame) -> dict[str, float]:
    """Test one method on one set; missing values where it cannot be tested."""
    pairs = group.dropna(subset=["score", "reference"])
    result = {
        "mean": pairs["score"].mean(),
        "baseline_mean": pairs["reference"].mean(),
        "pairs": len(pairs),
    }
    if len(pairs) < 2:
        difference = result["mean"] - result["baseline_mean"]
        test = TTest(difference, np.nan, np.nan, max(len(pairs) - 1, 0), np.nan)
    else:
        sizes = pairs[["n_train", "n_test"]].mean()
        test = corrected_ttest(pairs["score"], pairs["reference"], *sizes)
    return result | test._asdict()


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

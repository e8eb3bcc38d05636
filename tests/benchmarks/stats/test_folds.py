"""Statistics over folds agree with references and keep their laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from hypothesis.extra import numpy as hnp
from scipy import stats as st

from benchmarks import stats

FOLDS = {
    "ERM": [0.30, 0.32, 0.29, 0.31, 0.30],
    "better": [0.10, 0.13, 0.08, 0.11, 0.12],
    "like": [0.31, 0.31, 0.30, 0.30, 0.30],
    "worse": [0.50, 0.53, 0.48, 0.51, 0.55],
}

# Scores with few digits: no difference is lost in rounding.
SCORES = hs.integers(-1000, 1000).map(lambda value: value / 1024)
PAIRS = hnp.arrays(float, hs.tuples(hs.just(2), hs.integers(2, 12)), elements=SCORES)


def by_fold(scores, dataset="iris", metric="error", n_train=90, n_test=10):
    """Make the long frame of one set from every method's scores by fold."""
    rows = [
        {"dataset": dataset, "method": name, "repeat": 0, "fold": i, metric: value}
        for name, values in scores.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(n_train=n_train, n_test=n_test)


def test_summary_of_a_hand_calculation():
    frame = by_fold({"ERM": [0.1, 0.2, 0.3, 0.4]}, n_train=75, n_test=25)
    row = stats.summary(frame, "error").iloc[0]
    variance = (0.15**2 + 0.05**2 + 0.05**2 + 0.15**2) / 3
    assert row["mean"] == pytest.approx(0.25)
    assert row["se"] == pytest.approx(np.sqrt(variance * (1 / 4 + 1 / 3)))
    assert row["count"] == 4


def test_summary_leaves_missing_values_out_and_says_how_many_remain():
    frame = by_fold({"a": [0.1, np.nan, 0.3], "b": [np.nan] * 3, "c": [0.2]})
    table = stats.summary(frame, "error").set_index("method")
    assert list(table["count"]) == [2, 0, 1]
    assert table.loc["a", "mean"] == pytest.approx(0.2)
    assert table.loc["b", ["mean", "se"]].isna().all()
    assert np.isnan(table.loc["c", "se"])


def test_summary_groups_by_any_columns_in_order_of_appearance():
    frame = by_fold({"mixup": [0.1, 0.2, 0.3, 0.4]}).assign(alpha=[8, 8, np.nan, 0.2])
    table = stats.summary(frame, "error", ["dataset", "alpha"])
    assert list(table["mean"]) == pytest.approx([0.15, 0.3, 0.4])
    assert np.array_equal(table["alpha"], [8, np.nan, 0.2], equal_nan=True)


def test_summary_refuses_groups_that_mix_sets():
    frame = pd.concat([by_fold(FOLDS), by_fold(FOLDS, dataset="wine")])
    with pytest.raises(ValueError, match="mix several data sets"):
        stats.summary(frame, "error", ["method"])


@pytest.mark.parametrize("column", ["error", "n_test", "dataset", "method"])
def test_missing_columns_are_named(column):
    frame = by_fold(FOLDS).drop(columns=column)
    with pytest.raises(ValueError, match=rf"lacks the columns \['{column}'\]"):
        stats.summary(frame, "error")


def test_corrected_ttest_of_a_hand_calculation():
    # Differences 1, 2, 3, 4: mean 5/2, variance 5/3; 1/J + n_test/n_train = 1/2.
    test = stats.corrected_ttest([2, 4, 6, 8], [1, 2, 3, 4], n_train=40, n_test=10)
    assert test.difference == pytest.approx(2.5)
    assert test.se == pytest.approx(np.sqrt(5 / 6))
    assert test.statistic == pytest.approx(2.5 / np.sqrt(5 / 6))
    assert test.dof == 3
    # Student's t with 3 degrees of freedom has this distribution in closed form.
    x = test.statistic / np.sqrt(3)
    below = 0.5 + (x / (1 + x**2) + np.arctan(x)) / np.pi
    assert test.p == pytest.approx(2 * (1 - below))


@given(PAIRS)
def test_corrected_ttest_without_overlap_is_the_paired_ttest(pairs):
    differences = pairs[0] - pairs[1]
    if np.ptp(differences) == 0:
        return
    ours = stats.corrected_ttest(*pairs, n_train=1e12, n_test=1e-6)
    reference = st.ttest_rel(*pairs)
    assert ours.statistic == pytest.approx(reference.statistic)
    assert ours.p == pytest.approx(reference.pvalue)
    assert ours.dof == reference.df


@given(PAIRS, hs.floats(0.01, 1.0))
def test_overlap_shrinks_t_by_its_factor(pairs, ratio):
    if np.ptp(pairs[0] - pairs[1]) == 0:
        return
    ours = stats.corrected_ttest(*pairs, n_train=1.0, n_test=ratio)
    factor = np.sqrt(1 + pairs.shape[1] * ratio)
    assert ours.statistic * factor == pytest.approx(st.ttest_rel(*pairs).statistic)


@given(PAIRS, SCORES, hs.sampled_from([0.5, 2.0, 8.0]), hs.randoms())
def test_laws_of_the_corrected_ttest(pairs, shift, scale, random):
    a, b = pairs
    test = stats.corrected_ttest(a, b, 90, 10)
    swapped = stats.corrected_ttest(b, a, 90, 10)
    assert (swapped.statistic, swapped.p) == (-test.statistic, test.p)
    moved = stats.corrected_ttest(scale * a + shift, scale * b + shift, 90, 10)
    assert moved.p == pytest.approx(test.p)
    order = random.sample(range(len(a)), len(a))
    shuffled = stats.corrected_ttest(a[order], b[order], 90, 10)
    assert shuffled.p == pytest.approx(test.p)
    assert 0 <= test.p <= 1


def test_differences_that_are_all_alike():
    scores = np.array([0.1, 0.2, 0.7])
    same = stats.corrected_ttest(scores, scores, 90, 10)
    assert (same.difference, same.se, same.statistic, same.p) == (0, 0, 0, 1)
    # 0.1 + 0.3 - 0.1 and 0.7 + 0.3 - 0.7 differ in their last bits only.
    above = stats.corrected_ttest(scores + 0.3, scores, 90, 10)
    assert (above.se, above.statistic, above.p) == (0, np.inf, 0)
    assert stats.corrected_ttest(scores, scores + 0.3, 90, 10).statistic == -np.inf


def test_comparison_tests_every_method_on_paired_folds():
    frame = by_fold(FOLDS).sample(frac=1, random_state=0)
    table = stats.compare_to_baseline(frame, "ERM").set_index("method")
    for method in ("better", "like", "worse"):
        test = stats.corrected_ttest(FOLDS[method], FOLDS["ERM"], 90, 10)
        row = table.loc[method]
        assert row["p"] == pytest.approx(test.p)
        assert row["difference"] == pytest.approx(test.difference)
        assert row["mean"] == pytest.approx(np.mean(FOLDS[method]))
        assert row["baseline_mean"] == pytest.approx(np.mean(FOLDS["ERM"]))
        assert row["pairs"] == 5
    assert dict(table["verdict"]) == {"better": "win", "like": "tie", "worse": "loss"}


def holm_by_hand(p):
    """Step down: the i-th smallest of m p values times m - i, never decreasing."""
    p = np.asarray(p)
    order = np.argsort(p)
    steps = p[order] * np.arange(len(p), 0, -1)
    result = np.empty(len(p))
    result[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return result


def test_comparison_is_corrected_by_holm():
    rng = np.random.default_rng(0)
    sets = [
        by_fold({f"m{j}": rng.normal(j / 2, 1, 8) for j in range(4)}, dataset=name)
        for name in ("iris", "vehicle", "vowel")
    ]
    tests = stats.compare_to_baseline(pd.concat(sets), "m0")
    assert tests["p_holm"].to_numpy() == pytest.approx(holm_by_hand(tests["p"]))


def test_holm_of_a_known_example():
    by_hand = holm_by_hand([0.01, 0.04, 0.03, 0.005])
    assert by_hand == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_comparison_of_a_metric_where_more_is_better():
    table = stats.compare_to_baseline(by_fold(FOLDS, metric="auc"), "ERM", "auc")
    verdicts = dict(zip(table["method"], table["verdict"], strict=True))
    assert verdicts == {"better": "loss", "like": "tie", "worse": "win"}


def test_comparison_uses_the_folds_that_both_have():
    whole = by_fold({"ERM": FOLDS["ERM"][:3], "better": FOLDS["better"]})
    part = by_fold({name: FOLDS[name][:3] for name in ("ERM", "better")})
    columns = ["mean", "baseline_mean", "difference", "p", "pairs"]
    pd.testing.assert_frame_equal(
        stats.compare_to_baseline(whole, "ERM")[columns],
        stats.compare_to_baseline(part, "ERM")[columns],
    )


def test_what_cannot_be_tested_is_named():
    frame = pd.concat(
        [
            by_fold(FOLDS),
            by_fold({"better": [0.1, 0.2]}, dataset="vowel"),
            by_fold({"ERM": [0.1], "like": [0.2]}, dataset="wine"),
        ]
    )
    table = stats.compare_to_baseline(frame, "ERM").set_index(["dataset", "method"])
    untested = table[table["verdict"] == "untested"]
    assert list(untested.index) == [("vowel", "better"), ("wine", "like")]
    assert list(untested["pairs"]) == [0, 1]
    assert untested[["p", "p_holm"]].isna().all(axis=None)
    alone = stats.compare_to_baseline(by_fold(FOLDS), "ERM")
    assert list(table["p_holm"].dropna()) == list(alone["p_holm"])


def test_wins_ties_and_losses_are_counted():
    frame = pd.concat(
        [
            by_fold(FOLDS),
            by_fold(FOLDS | {"like": FOLDS["ERM"]}, dataset="vowel"),
            by_fold({"better": [0.1, 0.2]}, dataset="wine"),
        ]
    )
    table = stats.win_tie_loss(stats.compare_to_baseline(frame, "ERM"))
    counts = table.set_index("method").T.to_dict("list")
    assert list(table) == [
        *("method", "win", "tie", "loss", "untested", "better", "equal", "worse")
    ]
    assert counts["better"] == [2, 0, 0, 1, 2, 0, 0]
    assert counts["like"] == [0, 2, 0, 0, 0, 2, 0]
    assert counts["worse"] == [0, 0, 2, 0, 0, 0, 2]


def test_comparison_takes_categories():
    frame = by_fold(FOLDS)
    table = stats.compare_to_baseline(frame, "ERM")
    frame = frame.astype({"dataset": "category", "method": "category"})
    pd.testing.assert_frame_equal(stats.compare_to_baseline(frame, "ERM"), table)


@pytest.mark.parametrize(
    ("methods", "message"),
    [(["better", "like"], "'ERM' is none of"), (["ERM"], "at least 2 methods; got 1")],
)
def test_comparison_needs_a_baseline_and_a_rival(methods, message):
    frame = by_fold({name: FOLDS[name] for name in methods})
    with pytest.raises(ValueError, match=message):
        stats.compare_to_baseline(frame, "ERM")


def test_a_fold_with_several_rows_of_one_method_is_named():
    frame = by_fold(FOLDS)
    with pytest.raises(ValueError, match=r"'worse' has several rows .* of 'iris'"):
        stats.compare_to_baseline(pd.concat([frame, frame.tail(1)]), "ERM")

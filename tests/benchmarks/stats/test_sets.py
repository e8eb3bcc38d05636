"""Statistics over data sets agree with references and keep their laws."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as hs
from hypothesis.extra import numpy as hnp
from scipy import stats as st
from statsmodels.stats.multitest import multipletests

from benchmarks import stats

# Demsar (2006), Table 6: AUC of four variants of C4.5 on 14 sets. On the set voting
# (the last but one) the paper ranks the last two, equal to three decimals, 2 and 3.
VARIANTS = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.9749],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
# Its Table 5a: q at 0.05 for 2 to 10 classifiers.
Q_005 = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
Q_010 = [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]

TABLES = hnp.arrays(
    float,
    hs.tuples(hs.integers(2, 9), hs.integers(2, 6)),
    elements=hs.integers(0, 5).map(float),
)


def by_fold(sets):
    """Make the long frame of {set: {method: score by fold}}; no NaN becomes a row."""
    rows = [
        {"dataset": dataset, "method": method, "fold": fold, "error": value}
        for dataset, methods in sets.items()
        for method, values in methods.items()
        for fold, value in enumerate(values)
        if not np.isnan(value)
    ]
    return pd.DataFrame(rows).assign(repeat=0, n_train=90, n_test=10)


def by_set(table, metric="error", methods=None):
    """Make the long frame of one fold per set (rows) and method (columns)."""
    table = np.asarray(table, dtype=float)
    methods = methods or [f"m{j}" for j in range(table.shape[1])]
    scores = {
        f"s{i}": {name: [value] for name, value in zip(methods, line, strict=True)}
        for i, line in enumerate(table)
    }
    return by_fold(scores).rename(columns={"error": metric})


def average_ranks(frame, metric="error"):
    return stats.friedman_nemenyi(frame, metric).ranks


def test_ranks_and_critical_difference_of_demsars_example():
    ranking = stats.friedman_nemenyi(by_set(DEMSAR, "auc", VARIANTS), "auc")
    ranks = ranking.ranks[VARIANTS].round(3)
    assert list(ranks) == [3.143, 2.000, 2.893, 1.964]
    assert list(ranking.ranks.index) == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert round(ranking.critical_difference, 2) == 1.25
    assert round(stats.critical_difference(4, 14, level=0.1), 2) == 1.12
    # Demsar's 9.28 knows no ties: 3 sets tie two methods, one ties all four.
    ties = 1 - (3 * (2**3 - 2) + (4**3 - 4)) / (14 * (4**3 - 4))
    assert round(ranking.statistic * ties, 2) == 9.28
    assert ranking.n_sets == 14


@pytest.mark.parametrize(("level", "table"), [(0.05, Q_005), (0.1, Q_010)])
def test_critical_differences_of_demsars_table(level, table):
    # Printed from tables of three decimals, so its last digit may be off by one.
    q = [
        stats.critical_difference(k, 1, level) / np.sqrt(k * (k + 1) / 6)
        for k in range(2, 11)
    ]
    assert q == pytest.approx(table, abs=1e-3)


def test_wilcoxon_of_demsars_example():
    table = stats.wilcoxon_over_sets(by_set(DEMSAR, "auc", VARIANTS), "C4.5", "auc")
    row = table.set_index("method").loc["C4.5+m"]
    assert row["n_sets"] == 14
    assert row["p"] < 0.05  # the smaller sum of ranks is 12
    assert row["median_difference"] == pytest.approx(0.008)
    holm = multipletests(table["p"], method="holm")[1]
    assert table["p_holm"].to_numpy() == pytest.approx(holm)


@given(TABLES)
def test_friedman_agrees_with_scipy(table):
    ranking = stats.friedman_nemenyi(by_set(table))
    ranks = st.rankdata(table, axis=1)
    if (ranks == ranks[0, 0]).all():
        assert (ranking.statistic, ranking.p) == (0, 1)
    elif table.shape[1] > 2:
        reference = st.friedmanchisquare(*table.T)
        assert ranking.statistic == pytest.approx(reference.statistic)
        assert ranking.p == pytest.approx(reference.pvalue)


@given(TABLES)
def test_friedman_of_two_methods_is_the_sign_test(table):
    first, second = table[:, 0], table[:, 1]
    wins, losses = (first < second).sum(), (first > second).sum()
    ranking = stats.friedman_nemenyi(by_set(table[:, :2]))
    expected = (wins - losses) ** 2 / (wins + losses) if wins + losses else 0
    assert ranking.statistic == pytest.approx(expected)
    assert ranking.p == pytest.approx(st.chi2.sf(expected, 1))


@given(TABLES)
@settings(max_examples=30)
def test_nemenyi_agrees_with_scikit_posthocs_and_the_critical_difference(table):
    ranking = stats.friedman_nemenyi(by_set(table))
    methods = [f"m{j}" for j in range(table.shape[1])]
    ours = ranking.nemenyi.loc[methods, methods].to_numpy()
    reference = scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy()
    assert ours == pytest.approx(reference)
    ranks = ranking.ranks[methods].to_numpy()
    gaps = np.abs(ranks[:, None] - ranks)
    clear = np.abs(gaps - ranking.critical_difference) > 1e-6
    assert ((ours < 0.05) == (gaps > ranking.critical_difference))[clear].all()


@given(TABLES, hs.randoms())
@settings(max_examples=30)
def test_rankings_do_not_depend_on_order_or_on_monotone_changes(table, random):
    frame = by_set(table)
    ranking = stats.friedman_nemenyi(frame)
    shifts = pd.Series({f"s{i}": random.random() for i in range(len(table))})
    changed = frame.sample(frac=1, random_state=random.randrange(1000))
    changed["error"] = np.exp(changed["error"]) + changed["dataset"].map(shifts)
    again = stats.friedman_nemenyi(changed)
    assert again.statistic == pytest.approx(ranking.statistic)
    assert dict(again.ranks) == pytest.approx(dict(ranking.ranks))
    n_methods = table.shape[1]
    assert ranking.ranks.sum() == pytest.approx(n_methods * (n_methods + 1) / 2)
    assert list(ranking.ranks) == sorted(ranking.ranks)


@given(TABLES)
def test_turning_the_metric_round_turns_the_ranks_round(table):
    errors = average_ranks(by_set(table))
    gains = average_ranks(by_set(table, "auc"), "auc")
    total = errors + gains
    assert total.to_numpy() == pytest.approx(table.shape[1] + 1)


def test_ties_that_rounding_broke_stay_ties():
    ranks = average_ranks(by_set([[0.1 + 0.2, 0.3], [0.1 * 3, 0.3]]))
    assert list(ranks) == [1.5, 1.5]
    table = stats.wilcoxon_over_sets(by_set([[0.1 + 0.2, 0.3], [0.1 * 3, 0.3]]), "m0")
    assert table.loc[0, ["median_difference", "p", "p_holm"]].tolist() == [0, 1, 1]


def test_ratios_are_averaged_so_that_turning_them_round_turns_the_mean(rng):
    frame = by_set(rng.uniform(0.1, 2, size=(7, 2)))
    there, back = (stats.mean_ratios(frame, name, "error") for name in ("m0", "m1"))
    assert there["mean_ratio"][0] == pytest.approx(1 / back["mean_ratio"][0])
    twice = by_set([[1, 2, np.nan], [3, 6, 4], [1, 2, 0]])
    ratios = stats.mean_ratios(twice, "m0", "error").set_index("method")["mean_ratio"]
    assert ratios["m1"] == pytest.approx(2)
    assert np.isnan(ratios["m2"])  # one of its means is 0


@pytest.mark.parametrize("n_sets", [2, 5, 6, 10])
def test_wilcoxon_is_exact_where_all_signs_agree(n_sets):
    table = np.column_stack([np.zeros(n_sets), -np.arange(1.0, n_sets + 1)])
    result = stats.wilcoxon_over_sets(by_set(table), "m0")
    assert result.loc[0, "p"] == pytest.approx(2 / 2**n_sets)


@given(
    hnp.arrays(
        float,
        hs.tuples(hs.integers(2, 5), hs.integers(2, 3)),
        elements=hs.integers(0, 5).map(float),
    )
)
@settings(max_examples=10)
def test_wilcoxon_agrees_with_scipy(table):
    result = stats.wilcoxon_over_sets(by_set(table), "m0").set_index("method")
    differences = table[:, 1:] - table[:, :1]
    reference = [st.wilcoxon(d, zero_method="zsplit").pvalue for d in differences.T]
    assert list(result["p"]) == pytest.approx(reference)


def test_wilcoxon_does_not_care_who_is_the_baseline():
    frame = by_set(DEMSAR, "auc", VARIANTS)
    there = stats.wilcoxon_over_sets(frame, "C4.5", "auc").set_index("method")
    back = stats.wilcoxon_over_sets(frame, "C4.5+m", "auc").set_index("method")
    assert there.loc["C4.5+m", "p"] == pytest.approx(back.loc["C4.5", "p"])
    medians = there["median_difference"]["C4.5+m"], back["median_difference"]["C4.5"]
    assert medians[0] == -medians[1]


def test_means_over_folds_are_what_is_ranked():
    frame = by_fold(
        {
            "iris": {"a": [0.1, 0.5], "b": [0.2, 0.2]},
            "wine": {"a": [0.1, 0.1], "b": [0.2, 0.3]},
        }
    )
    means = stats.set_means(frame, "error")
    assert means.loc["iris"].to_dict() == pytest.approx({"a": 0.3, "b": 0.2})
    assert dict(average_ranks(frame)) == {"a": 1.5, "b": 1.5}


def test_incomplete_sets_are_left_out():
    table = [[1, 2, 3], [2, 1, np.nan], [3, 1, 2], [np.nan, np.nan, 1]]
    ranking = stats.friedman_nemenyi(by_set(table))
    complete = stats.friedman_nemenyi(by_set([table[0], table[2]]))
    assert list(stats.set_means(by_set(table), "error").index) == ["s0", "s2"]
    assert ranking.n_sets == 2
    assert dict(ranking.ranks) == dict(complete.ranks)
    assert ranking.p == complete.p


def test_a_metric_that_is_undefined_on_a_set_leaves_it_out():
    frame = by_set([[1, 2], [2, 1], [3, 3]])
    frame.loc[frame["dataset"] == "s1", "error"] = np.nan
    assert list(stats.set_means(frame, "error").index) == ["s0", "s2"]


def test_wilcoxon_pairs_each_method_on_the_sets_it_shares():
    table = np.array([[1, 2, 3], [2, 4, np.nan], [3, 5, 2], [np.nan, 1, 1]])
    result = stats.wilcoxon_over_sets(by_set(table), "m0").set_index("method")
    assert result["n_sets"].to_dict() == {"m1": 3, "m2": 2}
    assert result.loc["m1", "p"] == pytest.approx(2 / 2**3)


def test_wilcoxon_of_a_method_on_one_shared_set_is_missing():
    table = np.array([[1, 2, 3], [2, 4, np.nan], [3, 5, np.nan]])
    result = stats.wilcoxon_over_sets(by_set(table), "m0").set_index("method")
    assert np.isnan(result.loc["m2", "p"])
    assert result.loc["m1", "p_holm"] == result.loc["m1", "p"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[1, 2]], "at least 2 complete sets; got 1"),
        ([[1], [2]], "at least 2 methods; got 1"),
        ([[1, np.nan], [2, 1]], "got 1 .s0 lacks m1."),
    ],
)
def test_too_few_sets_or_methods_is_one_clear_sentence(table, message):
    with pytest.raises(ValueError, match=message):
        stats.friedman_nemenyi(by_set(table))


def test_wilcoxon_of_too_few_sets_is_one_clear_sentence():
    with pytest.raises(ValueError, match="at least 2 complete sets; got 1"):
        stats.wilcoxon_over_sets(by_set([[1, 2], [np.nan, 3]]), "m0")


def test_mean_over_sets_of_a_hand_calculation():
    frame = by_fold(
        {
            "iris": {"a": [0.1, 0.3], "b": [0.2, 0.2]},
            "wine": {"a": [0.4, 0.6], "b": [0.3, 0.5]},
            "vowel": {"a": [0.9, 0.9]},
        }
    )
    table = stats.mean_over_sets(frame, "error").set_index("method")
    assert table["mean"].to_dict() == pytest.approx({"a": 0.35, "b": 0.3})
    each = stats.summary(frame, "error").set_index(["dataset", "method"])["se"]
    expected = np.hypot(each["iris", "a"], each["wine", "a"]) / 2
    assert table.loc["a", "se"] == pytest.approx(expected)
    assert set(table["n_sets"]) == {2}


def test_mean_over_sets_of_one_value_each_has_no_error():
    table = stats.mean_over_sets(by_set([[1, 2], [3, 4]]), "error")
    assert list(table["mean"]) == [2, 3]
    assert table["se"].isna().all()


def test_mean_over_sets_needs_a_complete_set():
    with pytest.raises(ValueError, match="No data set has a value of 'error'"):
        stats.mean_over_sets(by_set([[1, np.nan], [np.nan, 2]]), "error")


@pytest.mark.parametrize(
    ("methods", "message"),
    [(["a", "b"], "'m0' is none of"), (["m0"], "at least 2 methods; got 1")],
)
def test_wilcoxon_needs_a_baseline_and_a_rival(methods, message):
    table = np.arange(3.0 * len(methods)).reshape(3, -1)
    with pytest.raises(ValueError, match=message):
        stats.wilcoxon_over_sets(by_set(table, methods=methods), "m0")


@pytest.mark.parametrize(
    "compare",
    [
        lambda frame: stats.wilcoxon_over_sets(frame, "m0"),
        stats.friedman_nemenyi,
    ],
)
def test_a_fold_with_several_rows_of_one_method_is_named(compare):
    frame = by_set([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"'m1' has several rows .* of 's1'"):
        compare(pd.concat([frame, frame.tail(1)]))


def test_rankings_take_categories():
    frame = by_set(DEMSAR, methods=VARIANTS)
    ranks = average_ranks(frame)
    frame = frame.astype({"dataset": "category", "method": "category"})
    pd.testing.assert_series_equal(average_ranks(frame), ranks)

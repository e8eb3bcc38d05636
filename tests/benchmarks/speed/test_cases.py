"""The cases: what they compare, and that every line of them runs."""

import pytest

from benchmarks.speed.cases import FULL, GROUPS, QUICK, gpu_cases, make_table
from benchmarks.speed.measure import interleaved
from benchmarks.speed.peers import OURS, PEERS

AT_ONCE = [name for name in GROUPS if name not in ("grid", "gpu")]


def cases_of(group):
    return list(GROUPS[group](QUICK))


@pytest.mark.parametrize("group", AT_ONCE)
def test_comparisons_are_of_the_subjects(group):
    for case in cases_of(group):
        names = [subject.name for subject in case.subjects]
        assert len(set(names)) == len(names)
        assert case.comparisons
        for comparison in case.comparisons:
            assert {comparison.subject, comparison.peer} <= set(names)


def test_titles_tell_cases_apart():
    titles = [case.title for group in AT_ONCE for case in cases_of(group)]
    assert len(set(titles)) == len(titles)


def test_single_fits_are_against_all_peers():
    cases = cases_of("fit")
    assert len(cases) == len(QUICK.tables) * len(QUICK.batch_sizes)
    for case in cases:
        assert [subject.name for subject in case.subjects] == list(PEERS)
        assert {comparison.peer for comparison in case.comparisons} == {*PEERS} - {OURS}


def test_full_scale_is_what_the_targets_are_for():
    assert [n_rows for n_rows, _ in FULL.tables] == [1_000, 20_000]
    assert FULL.recipe.epochs == 10
    assert FULL.n_networks == 70


@pytest.mark.parametrize("group", ["ensemble", "rows", "runs", "mixing", "predict"])
def test_every_subject_can_be_measured(group):
    for case in cases_of(group):
        records = list(interleaved(case, 1))
        assert [record["subject"] for record in records] == [
            subject.name for subject in case.subjects
        ]
        assert all(record["value"] > 0 for record in records)


def test_times_are_for_each_row_and_each_network():
    """Not to be compared with anything: only the scales are looked at."""
    growing, (runs,) = cases_of("rows"), cases_of("runs")
    assert [s.measure.scale for rows in growing for s in rows.subjects] == [
        1 / n for _ in growing for n in QUICK.growing_rows
    ]
    assert [s.measure.scale for s in runs.subjects] == [
        1 / n for n in QUICK.growing_runs
    ]


def test_gpu_cases_run_on_any_device():
    for case in gpu_cases(QUICK, device="cpu"):
        assert [record["subject"] for record in interleaved(case, 1)] == ["GPU", "CPU"]


@pytest.mark.gpu
def test_gpu_cases_run_on_a_gpu():
    for case in gpu_cases(QUICK):
        assert all(record["value"] > 0 for record in interleaved(case, 1))


def test_table_is_what_all_peers_take():
    X, y = make_table(50)
    assert X.shape == (50, 20)
    assert X.dtype == "float32"
    assert y.dtype == "int64"
    assert set(y) == {0, 1}

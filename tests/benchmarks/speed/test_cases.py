"""The cases: what they compare, and that every line of them runs."""

import pytest

from benchmarks.speed.cases import FULL, GROUPS, QUICK, gpu_cases, make_table
from benchmarks.speed.measure import interleaved
from benchmarks.speed.peers import OURS, PEERS

# The others start processes.
AT_ONCE = [name for name in GROUPS if name not in ("grid", "search", "gpu")]


def cases_of(group):
    return list(GROUPS[group](QUICK))


@pytest.mark.parametrize("group", AT_ONCE)
def test_comparisons_are_of_the_subjects(group):
    for case in cases_of(group):
        assert case.comparisons
        for comparison in case.comparisons:
            assert {comparison.subject, comparison.peer} <= case.subjects.keys()


def test_titles_tell_cases_apart():
    titles = [case.title for group in AT_ONCE for case in cases_of(group)]
    assert len(set(titles)) == len(titles)


def test_single_fits_are_against_all_peers():
    cases = cases_of("fit")
    assert len(cases) == len(QUICK.tables) * len(QUICK.batch_sizes)
    for case in cases:
        assert list(case.subjects) == list(PEERS)
        assert {comparison.peer for comparison in case.comparisons} == {*PEERS} - {OURS}


def test_full_scale_is_what_the_targets_are_for():
    assert [n_rows for n_rows, _ in FULL.tables] == [1_000, 20_000]
    assert FULL.recipe.epochs == 10
    assert FULL.n_networks == 70


@pytest.mark.parametrize(
    "group", ["ensemble", "rows", "runs", "mixing", "predict", "latency", "limit"]
)
def test_every_subject_can_be_measured(group):
    for case in cases_of(group):
        records = list(interleaved(case, 1))
        assert [record["subject"] for record in records] == list(case.subjects)
        assert all(record["value"] > 0 for record in records)


def test_times_are_for_each_row_and_each_network():
    """Not to be compared with anything: only the scales are looked at."""
    growing, (runs,) = cases_of("rows"), cases_of("runs")
    for case, sizes in [(each, QUICK.growing_rows) for each in growing] + [
        (runs, QUICK.growing_runs)
    ]:
        scales = [timed.args[1] for timed in case.subjects.values()]
        assert scales == [1 / n for n in sizes]


@pytest.mark.slow
def test_large_tables_are_timed_and_judged():
    timed, judged, *_ = cases_of("large")
    assert len(list(interleaved(timed, 2))) == 2 * len(timed.subjects)
    losses = [record["value"] for record in interleaved(judged, 2)]
    assert losses[:2] == losses[2:]
    assert all(0 < loss < 3 for loss in losses)


@pytest.mark.slow
def test_searches_run_on_processes_and_on_clusters():
    titles = []
    for case in cases_of("search"):
        titles.append(case.title)
        records = list(interleaved(case, 1))
        assert [record["subject"] for record in records] == list(case.subjects)
        assert all(record["value"] > 0 for record in records)
    assert len(set(titles)) == 3


@pytest.mark.slow
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

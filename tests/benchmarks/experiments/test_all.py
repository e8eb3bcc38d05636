"""Laws that hold for every experiment, those to come included."""

from __future__ import annotations

import io
from collections import Counter, defaultdict

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from benchmarks import experiments
from benchmarks.console import print_table
from benchmarks.estimators import build, trains_together
from benchmarks.experiment import Options
from benchmarks.report import write
from benchmarks.runner import Workers, run
from benchmarks.store import Store
from benchmarks.work import Runtime
from sk_mixup import MixupClassifier
from tests.benchmarks.experiments.toys import TINY

KNOWN = experiments.load_all()


@pytest.fixture(params=KNOWN)
def experiment(request):
    return KNOWN[request.param]


def test_there_are_those_of_the_paper():
    paper = {
        "uci",
        "corruption",
        "adversarial",
        "ablation",
        "between",
        "surface",
        "gan",
        "images",
        "spectrograms",
    }
    assert paper | {"demo", "members", "regression", "suite"} <= set(KNOWN)


def test_jobs_are_distinct_and_say_whose_they_are(experiment):
    jobs = experiment.jobs(experiment.options())
    assert len(set(jobs)) == len(jobs) > 0
    assert {job.experiment for job in jobs} == {experiment.name}


def test_jobs_on_one_fold_are_paired(experiment):
    seeds = defaultdict(set)
    for job in experiment.jobs(experiment.options()):
        seeds[job.dataset, job.repeat, job.fold].add(job.seed)
    assert all(len(each) == 1 for each in seeds.values())
    per_set = defaultdict(list)
    for (dataset, *_), (seed,) in seeds.items():
        per_set[dataset].append(seed)
    assert all(len(set(each)) == len(each) for each in per_set.values())


def test_every_network_has_parameters_that_there_are(experiment):
    for job in experiment.jobs(experiment.options(datasets=None)):
        if trains_together(job):
            assert set(dict(job.method.params)) <= set(MixupClassifier().get_params())
            build(job)._validate_params()


@pytest.mark.parametrize("alphas", [(0.4, 0.4000001, 0.1 + 0.3), (0, 1e-12, 3, 3.0)])
def test_no_two_alphas_have_one_name(experiment, alphas):
    if experiment.defaults.alphas is None or experiment.name == "ablation":
        pytest.skip("it takes no values of alpha, or one")
    jobs = experiment.jobs(experiment.options(alphas=alphas, repeats=1))
    folds = Counter((job.dataset, job.fold, job.method.name) for job in jobs)
    assert set(folds.values()) == {1}


def test_more_jobs_than_can_be_looked_for_are_refused(experiment):
    with pytest.raises(ValueError, match=r"repeats 1000000000 make .* jobs"):
        experiment.jobs(experiment.options(repeats=10**9))


def test_options_are_kept_or_refused(experiment):
    for name in ("alphas", "folds", "repeats"):
        if getattr(experiment.defaults, name) is None:
            with pytest.raises(ValueError, match=f"--{name} means nothing"):
                experiment.options(**{name: 3})
    assert experiment.options(epochs=7).epochs == 7
    assert isinstance(experiment.options(), Options)


def assert_fits_80_columns(tables):
    out = Console(file=io.StringIO(), width=80)
    for table in tables:
        print_table(out, table)
    text = out.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80, text


def slow_if(name, slow):
    return pytest.param(name, marks=pytest.mark.slow) if name in slow else name


LONG = (
    "ablation",
    "compare",
    "corruption",
    "defaults",
    "members",
    "members_regression",
    "refine",
    "regression",
    "suite",
    "uci",
)


@pytest.mark.parametrize("name", [slow_if(name, LONG) for name in KNOWN])
def test_a_tiny_run_ends_in_tables_and_a_section(name, toys, tmp_path):
    experiment = KNOWN[name]
    jobs = experiment.jobs(experiment.options(**TINY.get(experiment.name, {})))
    store = Store(tmp_path / "store")
    steps = run(jobs, experiment.work, store, Runtime(), Workers())
    assert [failed for _, failed in steps if failed] == []
    assert store.failures(jobs) == {}
    frame = store.frame(jobs)
    tables = experiment.show(frame)
    assert tables
    assert all(len(table.cells) for table in tables)
    assert_fits_80_columns(tables)
    one_set = frame[frame["dataset"] == frame["dataset"].iloc[0]]
    assert all(len(table.cells) for table in experiment.show(one_set))
    section = experiment.report(frame).headed(experiment.name)
    assert not [text for text in section.text if text.startswith("Left out")]
    assert section.tables
    assert all(isinstance(figure, Figure) for figure in section.figures.values())
    report = write("Toys", [section], tmp_path / "report")
    assert report.page.stat().st_size > 1000
    found = report.text.read_text()
    assert "nan" not in found, found

"""Jobs that train together come out as if each had been trained alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import splits, work
from benchmarks.datasets import DatasetUnavailable
from benchmarks.estimators import build
from benchmarks.jobs import Method, alpha_methods
from benchmarks.work import Alone, Failure, Runtime, Training, fit
from tests.benchmarks.test_jobs import job


def iris_jobs(methods, folds=2, **changes):
    return [
        job(dataset="sklearn_iris", method=method, fold=fold, folds=folds, **changes)
        for fold in range(folds)
        for method in methods
    ]


def done(training, jobs):
    return dict(training.do(jobs, Runtime()))


def test_trained_together_is_trained_alone():
    for one, (record,) in done(Training(), iris_jobs(alpha_methods([0, 1, 8]))).items():
        part = splits.split(one)
        model = build(one).fit(part.X_train, part.y_train)
        right = model.predict(part.X_test) == part.y_test
        assert record["error"] == pytest.approx(1 - right.mean())


def test_methods_are_paired_by_weights_and_rows():
    erm, barely = alpha_methods([0, 1e-9])
    records = done(Training(), iris_jobs([erm, barely]))
    losses = [record["log_loss"] for (record,) in records.values()]
    assert losses[0::2] == pytest.approx(losses[1::2], rel=1e-4)


def test_rivals_are_measured_likewise():
    rivals = [Method(name, (), name) for name in ("logistic", "forest")]
    jobs = iris_jobs([*alpha_methods([1]), *rivals])
    records = done(Training(), jobs)
    assert set(records) == set(jobs)
    assert len({frozenset(record[0]) for record in records.values()}) == 1


def test_one_bad_network_does_not_spoil_the_rest():
    bad = Method.mixup("bad", alpha=-1.0)
    results = done(Training(), iris_jobs([*alpha_methods([0]), bad]))
    for one, result in results.items():
        assert isinstance(result, Failure) == (one.method == bad)
    reasons = {r.reason for r in results.values() if isinstance(r, Failure)}
    assert len(reasons) == 1
    assert "alpha" in reasons.pop()


def test_one_bad_rival_does_not_spoil_the_rest():
    bad = Method("bad", (("C", -1.0),), "logistic")
    results = done(Training(), iris_jobs([*alpha_methods([0]), bad]))
    for one, result in results.items():
        assert isinstance(result, Failure) == (one.method == bad)


@pytest.mark.parametrize("kinds", [1, 0])
def test_what_is_done_does_not_wait_for_the_next_rival(monkeypatch, kinds):
    def interrupted(job, part, device):
        raise KeyboardInterrupt

    jobs = iris_jobs([*alpha_methods([0, 1]), Method("forest", (), "forest")], folds=1)
    results = Training(kinds=kinds).do(jobs, Runtime())
    first = next(results)[0]
    monkeypatch.setattr(work, "_fit_alone", interrupted)
    kept = [first]
    with pytest.raises(KeyboardInterrupt):
        kept.extend(job for job, _ in results)
    assert kept == (jobs[:2] if kinds else jobs[:1])


def test_what_prepare_returns_is_what_is_learnt():
    def all_one_class_but_two(job, split):
        y = np.full_like(split.y_train, "virginica", dtype=object)
        y[:2] = ["setosa", "versicolor"]
        return split.with_labels(y)

    def predicted(job, models, split):
        return [
            {"share": np.mean(models[0].model.predict(split.X_test) == "virginica")}
        ]

    training = Training(measure=predicted, prepare=all_one_class_but_two)
    for (record,) in done(training, iris_jobs(alpha_methods([0]), epochs=20)).values():
        assert record["share"] == 1


def beside(one):
    return (
        replace(one, method=Method.mixup("source", alpha=0.0), seed=one.seed + 100),
    )


def test_models_beside_are_trained_once_for_all(monkeypatch):
    seen = []
    monkeypatch.setattr(
        work,
        "fit",
        lambda parts, *options, **named: (
            seen.append(list(parts)) or fit(parts, *options, **named)
        ),
    )

    def same(one, models, split):
        return [{"source": id(models[1].model), "own": id(models[0].model)}]

    jobs = iris_jobs(alpha_methods([0, 1]))
    records = done(Training(measure=same, beside=beside), jobs)
    assert [len(parts) for parts in seen] == [6]
    assert len({record["own"] for (record,) in records.values()}) == 4
    assert len({record["source"] for (record,) in records.values()}) == 2


def test_a_job_fails_with_the_model_that_it_needs():
    def bad_beside(one):
        return (replace(one, method=Method.mixup("bad", alpha=-1.0)),)

    results = done(Training(beside=bad_beside), iris_jobs(alpha_methods([0])))
    assert all(isinstance(result, Failure) for result in results.values())


def test_a_measure_that_fails_is_that_jobs_failure():
    def only_erm(one, models, split):
        if one.method.name != "ERM":
            raise ZeroDivisionError("by alpha")
        return [{}]

    results = done(Training(measure=only_erm), iris_jobs(alpha_methods([0, 1])))
    assert [isinstance(r, Failure) for r in results.values()] == [False, True] * 2
    failure = results[iris_jobs(alpha_methods([0, 1]))[1]]
    assert failure.reason == "ZeroDivisionError: by alpha"
    assert "Traceback" in failure.details


def test_memory_bounds_the_folds_that_are_held(monkeypatch):
    held = []
    monkeypatch.setattr(work, "MAX_BYTES", 2 * 150 * 4 * 4)
    monkeypatch.setattr(
        work,
        "fit",
        lambda parts, *options, **named: (
            held.append({j.fold for j in parts}) or fit(parts, *options, **named)
        ),
    )
    jobs = iris_jobs(alpha_methods([0, 1]), folds=5)
    assert list(done(Training(), jobs)) == jobs
    assert held == [{0, 1}, {2, 3}, {4}]


def test_seconds_are_shared_by_networks_and_epochs():
    one, four = Method.mixup("one"), Method.mixup("four", n_estimators=4)
    long = [replace(job, epochs=3 * job.epochs) for job in iris_jobs([one])]
    records = done(Training(), [*iris_jobs([one, four]), *long])
    seconds = [record["fit_seconds"] for (record,) in records.values()]
    assert seconds[0] > 0
    assert np.array(seconds) / seconds[0] == pytest.approx([1, 4, 3] * 2)


def test_a_missing_set_is_known_as_such():
    assert Failure.of(DatasetUnavailable("no iris")) == Failure(
        "no iris", Failure.of(DatasetUnavailable("no iris")).details, True
    )
    assert not Failure.of(ValueError("no")).no_data


def test_alone_gives_each_jobs_records():
    jobs = iris_jobs(alpha_methods([0, 1]))
    found = done(Alone(lambda one, runtime: [{"method": one.method.name}]), jobs)
    assert [r[0]["method"] for r in found.values()] == ["ERM", "mixup 1"] * 2


def test_networks_that_train_by_themselves_learn_the_same():
    jobs = iris_jobs(alpha_methods([0, 1]))
    found = (done(Training(kinds=kinds), jobs) for kinds in (1, 0))
    for one, other in zip(*(each.values() for each in found), strict=True):
        assert one[0]["log_loss"] == pytest.approx(other[0]["log_loss"], abs=1e-5)


@pytest.mark.parametrize("together", [True, False])
def test_each_fit_gets_its_split_own_arguments(together):
    watched = Method.mixup("watched", n_estimators=1, early_stopping=True)
    one = iris_jobs([watched], epochs=2)[0]
    part = splits.split(one)
    rows = {"X_val": part.X_test, "y_val": part.y_test}
    (given,) = fit({one: replace(part, fit_params=rows)}, together=together).values()
    (plain,) = fit({one: part}, together=together).values()
    losses = [fitted.model.history_[:, "valid_loss"] for fitted in (given, plain)]
    assert losses[0] != losses[1]

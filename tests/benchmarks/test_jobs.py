"""Jobs are values: equal, hashable, readable, and named by what they are."""

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.jobs import Job, Method, alpha_methods, in_groups, items, job_from_dict


def job(**changes):
    fields = {
        "experiment": "uci",
        "dataset": "iris",
        "protocol": "paper",
        "method": Method.mixup("mixup 0.4", alpha=0.4),
        "repeat": 0,
        "fold": 0,
        "folds": 3,
        "seed": 0,
        "epochs": 2,
    }
    return Job(**{**fields, **changes})


CHANGES = {
    "experiment": "demo",
    "dataset": "wine",
    "protocol": "default",
    "method": Method.mixup("mixup 0.4", alpha=0.5),
    "repeat": 1,
    "fold": 1,
    "folds": 4,
    "seed": 1,
    "epochs": 3,
    "fingerprint": "other defaults",
    "extras": (("noise", 0.2),),
}


def test_equal_jobs_are_one_value():
    assert job() == job()
    assert hash(job()) == hash(job())
    assert job().key == job().key


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_makes_another_job_with_another_file(field):
    other = replace(job(), **{field: CHANGES[field]})
    assert other != job()
    assert other.key != job().key


def test_the_repr_makes_the_job_again():
    assert eval(repr(job()), {"Job": Job, "Method": Method}) == job()


@pytest.mark.parametrize("alpha", [0, 0.4, float("inf")])
def test_a_job_survives_json(alpha):
    (method,) = alpha_methods([alpha])
    before = job(method=method, extras=items({"noise": 0.2, "kinds": ["a", "b"]}))
    after = job_from_dict(json.loads(json.dumps(asdict(before))))
    assert after == before
    assert after.key == before.key


def test_a_key_is_a_safe_file_name():
    key = job(method=Method.mixup("mixup 8 + dropout 0.3 / (AC | KNN)")).key
    assert not set(key) & set("/\\|:*?<>() ")
    assert len(key) < 200


def test_an_extra_is_looked_up_by_its_name():
    assert job(extras=items({"noise": 0.2})).extra("noise") == 0.2


def test_columns_hold_parameters_and_extras():
    columns = job(extras=items({"noise": 0.2})).columns()
    assert columns["method"] == "mixup 0.4"
    assert (columns["alpha"], columns["noise"]) == (0.4, 0.2)


def test_alpha_methods_are_named_once_each():
    names = [method.name for method in alpha_methods([0, 1, 1, 0.25])]
    assert names == ["ERM", "mixup 1", "mixup 0.25"]


def folds_of(dataset, n_folds, n_methods, repeat=0):
    methods = alpha_methods(range(n_methods))
    return [
        job(dataset=dataset, fold=fold, repeat=repeat, method=method)
        for fold in range(n_folds)
        for method in methods
    ]


def test_groups_hold_every_job_once_in_order():
    jobs = folds_of("iris", 5, 3) + folds_of("iris", 5, 3, 1) + folds_of("wine", 2, 3)
    groups = in_groups(jobs, 6)
    assert [job for group in groups for job in group] == jobs
    assert [len(group) for group in groups] == [6, 6, 3, 6, 6, 3, 6]


@pytest.mark.parametrize("size", [0, 2])
def test_a_group_is_never_part_of_a_unit(size):
    groups = in_groups(folds_of("iris", 3, 5), size)
    assert [len({job.unit for job in group}) for group in groups] == [1, 1, 1]
    assert [len(group) for group in groups] == [5, 5, 5]


def test_jobs_of_one_fold_are_one_unit_wherever_they_stand():
    one, other = folds_of("iris", 2, 1)
    groups = in_groups([one, other, replace(one, epochs=9)], 1)
    assert groups == [(one, replace(one, epochs=9)), (other,)]

"""The studies try what they say, and their choice is what users get."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.experiments import defaults, members, members_regression, refine
from benchmarks.experiments._study import METRICS, Study, fewer_rows
from benchmarks.splits import Split
from sk_mixup import MixupClassifier, MixupRegressor
from tests.benchmarks.test_jobs import job

ROUNDS = [
    (defaults.STUDY, MixupClassifier),
    (refine.STUDY, MixupClassifier),
    (members.STUDY, MixupClassifier),
    (members_regression.STUDY, MixupRegressor),
]


@pytest.mark.parametrize(("study", "twin"), ROUNDS[2:])
def test_the_choice_is_the_default(study, twin):
    chosen, params = study.recipes[study.choice], twin().get_params()
    different = {name for name, value in chosen.items() if params[name] != value}
    # "auto", which is the same on tables as small as the study's.
    assert different == {"batch_size", "max_epochs", "n_iter_no_change"}


@pytest.mark.parametrize(("study", "twin"), ROUNDS)
def test_no_recipe_is_tried_twice_or_left_to_the_defaults(study, twin):
    recipes = list(study.recipes.values())
    assert all(recipe not in recipes[:n] for n, recipe in enumerate(recipes))
    assert {study.start, study.choice} <= study.recipes.keys()
    spelt_out = set(study.recipes[study.start])
    assert spelt_out <= set(twin().get_params())
    assert all(spelt_out <= recipe.keys() for recipe in recipes)


def test_the_second_round_begins_where_the_first_ended():
    first = defaults.STUDY.recipes[defaults.STUDY.choice]
    assert refine.STUDY.recipes[refine.STUDY.start] == first


def test_the_third_round_begins_where_the_second_ended_with_more_networks():
    second = refine.STUDY.recipes[refine.CHOICE] | refine.CHANGES[refine.STEPS]
    third = members.STUDY.recipes[members.STUDY.start]
    assert third == second | {"n_estimators": MixupClassifier().n_estimators}


@pytest.mark.parametrize("size", [7, 40])
def test_a_sample_is_the_same_for_every_method_and_has_its_labels(size):
    X = np.arange(40.0).reshape(20, 2)
    split = Split(X, X[:, 0], X, X[:, 0], {"n_train": 20, "n_test": 20})
    one = job(extras=(("max_rows", size),))
    first, second = (fewer_rows(one, split) for _ in range(2))
    assert first is second
    assert len(first.y_train) == min(size, 20)
    assert np.array_equal(first.X_train[:, 0], first.y_train)
    assert len(set(first.y_train)) == len(first.y_train)


def test_every_recipe_is_compared_with_the_choice():
    study = Study({}, start="start", choice="choice", text="")
    errors = {"start": 0.5, "choice": 0.1, "another": 0.2}
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"method": method, "dataset": name, "fold": fold}
        | dict.fromkeys(METRICS, error + noise)
        for method, error in errors.items()
        for name in "abcdefg"
        for fold, noise in enumerate(rng.normal(scale=0.01, size=5))
    ).assign(repeat=0, n_train=80, n_test=20, fit_seconds=1.0)
    tables = {
        table.title: table.cells
        for table in study.together("a", "b").report(frame).tables
    }
    for metric in ("error (%)", "log loss"):
        compared = tables[f"Against 'choice', by {metric}"]
        assert list(compared.index) == ["start", "another"]
        assert compared["Worse"].tolist() == ["7", "7"]

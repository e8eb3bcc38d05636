"""Rivals learn from frames as they are, and say what they need."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris

from benchmarks.estimators import RIVALS, build, is_regression, most_rows, names
from benchmarks.jobs import Method
from benchmarks.rivals import CLASSIFIERS, REGRESSORS, SLOW_ROWS
from tests.benchmarks.test_jobs import job

SLOW = {name for name in RIVALS if "catboost" in name or RIVALS[name].most_rows}


def job_of(name, **changes):
    return job(method=Method(name, (), name), **changes)


def cases(wanted):
    """List installed estimators, the slow ones with the slow tests."""
    return [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in names()
        if is_regression(job_of(name)) == wanted
    ]


CLASSES, NUMBERS = cases(False), cases(True)


def test_each_rival_of_classes_has_one_of_real_targets():
    assert len(CLASSIFIERS) == len(REGRESSORS)
    for of_classes, of_numbers in zip(
        CLASSIFIERS.values(), REGRESSORS.values(), strict=True
    ):
        assert of_classes.front is of_numbers.front
        assert of_classes.package == of_numbers.package
        assert of_classes.most_rows == of_numbers.most_rows


def test_only_what_is_slow_has_a_limit():
    limits = {name: most_rows(name) for name in (*RIVALS, "mixup", "regressor")}
    slow = {name for name, most in limits.items() if most is not None}
    assert slow == {name for name in RIVALS if RIVALS[name].package == "pytabkit"}
    assert {limits[name] for name in slow} == {SLOW_ROWS}


@pytest.mark.parametrize("name", CLASSES)
def test_a_classifier_learns_and_is_seeded(name):
    X, y = load_iris(return_X_y=True)
    one = job_of(name, epochs=2)
    first, second = (build(one).fit(X, y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (150, 3)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_regressor_learns_and_is_seeded(name):
    X = load_iris(return_X_y=True)[0].astype("float32")
    one = job_of(name, epochs=40, protocol="default")
    y = 10 + X[:, 2] + X[:, 3]
    first, second = (build(one).fit(X, y).predict(X) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.square(first - y).mean() < 0.1 * y.var()


def beasts(seed, levels):
    """Draw rows with categories, text, gaps and truth values."""
    rng = np.random.default_rng(seed)
    words = pd.Series(rng.choice(["on", "off", "out"], 300))
    return pd.DataFrame(
        {
            "number": np.where(rng.random(300) < 0.2, np.nan, rng.normal(size=300)),
            "kind": pd.Categorical(rng.choice(levels, 300), ["a", "b", "c", "d"]),
            "word, or {none}": words.where(rng.random(300) < 0.9),
            "flag": rng.random(300) < 0.5,
        }
    )


def known_and_new():
    """Draw rows to learn from, and rows some of whose levels are new."""
    X, new = beasts(0, ["a", "b", "c"]), beasts(1, ["a", "b", "c", "d"])
    word = "word, or {none}"
    new[word] = new[word].replace({"out": "never seen"})
    return X, new, new["kind"].ne("d") & new[word].ne("never seen")


@pytest.mark.parametrize(
    ("column", "level"), [("kind", "a"), ("word, or {none}", "on")]
)
@pytest.mark.parametrize("name", CLASSES)
def test_a_classifier_takes_frames_with_gaps_and_unseen_levels(name, column, level):
    X, new, known = known_and_new()
    one = job_of(name, protocol="default", epochs=40)
    model = build(one, frames=True).fit(X, X[column].eq(level))
    proba = model.predict_proba(new)
    assert np.isfinite(proba).all()
    right = model.classes_[proba.argmax(axis=1)] == new[column].eq(level)
    assert right[known].mean() > 0.95


@pytest.mark.parametrize("name", NUMBERS)
def test_a_regressor_takes_frames_with_gaps_and_unseen_levels(name):
    X, new, known = known_and_new()
    one = job_of(name, protocol="default", epochs=60)
    model = build(one, frames=True).fit(X, 5.0 + X["kind"].eq("a"))
    predicted = model.predict(new)
    assert np.isfinite(predicted).all()
    right = (predicted > 5.5) == new["kind"].eq("a")
    assert right[known].mean() > 0.95


def test_this_package_and_boosting_get_no_one_hot_columns():
    X = beasts(0, ["a", "b", "c"])
    ours = build(job(), frames=True)
    assert ours.get_params() == build(job()).get_params()
    made = build(job_of("boosting"), frames=True).fit(X, X["kind"].eq("a"))[-1]
    assert made.n_features_in_ == X.shape[1]
    assert list(made.is_categorical_) == [False, True, True, False]


@pytest.mark.parametrize(
    ("front", "gaps"), [("catboost", True), ("tabm", False), ("lightgbm", True)]
)
def test_categories_stay_categories(front, gaps):
    X, new, _ = known_and_new()
    step = CLASSIFIERS[front].front().fit(X)
    for rows in (X, new):
        shown = step.transform(rows)
        assert set(X.columns) <= set(shown.columns)
        for name in ("kind", "word, or {none}"):
            assert isinstance(shown[name].dtype, pd.CategoricalDtype)
        assert shown["number"].isna().any() == gaps
    if front != "lightgbm":
        others = shown.drop(columns="number")
        assert not others.isna().any(axis=None)


@pytest.mark.parametrize("name", ["catboost", "lightgbm"])
def test_a_rival_has_one_thread_where_torch_has(name, monkeypatch):
    if name not in names():
        pytest.skip(f"{name} is not installed")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    model = build(job_of(name))
    params = model.get_params()
    wanted = {"catboost": "estimator", "lightgbm": "lgbmclassifier__n_jobs"}[name]
    threads = params[wanted]
    if name == "catboost":
        threads = threads.get_params()["thread_count"]
    assert threads == 1


@pytest.mark.parametrize("name", ["catboost", "lightgbm", "tabm", "realmlp_td"])
def test_a_rival_that_is_not_installed_says_what_to_do(name, monkeypatch):
    package = CLASSIFIERS[name].package
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"needs the package {package}: install it"):
        build(job_of(name))

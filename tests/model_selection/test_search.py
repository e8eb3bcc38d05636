"""Searches give what scikit-learn's give, however their networks are trained."""

import gc
import time

import numpy as np
import pytest
import sklearn
import torch
from scipy.stats import uniform
from sklearn import model_selection
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, StratifiedShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._networks.network import Network
from sk_mixup.inspection import adversarial_error
from sk_mixup.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    together,
)
from tests.twins import PLAIN

X, Y = make_classification(90, 6, n_informative=4, n_classes=3, random_state=0)
GRID = {"alpha": [0, 0.4, 2]}


def network(**params):
    settings = {"hidden_layer_sizes": 12, "max_epochs": 8, "random_state": 0, **PLAIN}
    return MixupClassifier(**(settings | params))


def pipeline(**params):
    return Pipeline([("scale", StandardScaler()), ("net", network(**params))])


def assert_same_results(ours, theirs):
    """Compare all but the times: same keys and shapes, scores to 1e-5."""
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        assert np.shape(ours[key]) == np.shape(expected), key
        if "time" in key:
            assert np.all(np.asarray(ours[key]) >= 0)
        elif key == "params":
            assert list(map(str, ours[key])) == list(map(str, expected))
        elif np.asarray(expected).dtype.kind in "fi" and "rank" not in key:
            np.testing.assert_allclose(ours[key], expected, atol=1e-5, err_msg=key)


def assert_same_search(estimator, grid, fit_params=None, X=X, y=Y, **settings):
    ours = GridSearchCV(clone(estimator), grid, **settings)
    theirs = model_selection.GridSearchCV(clone(estimator), grid, **settings)
    ours.fit(X, y, **(fit_params or {}))
    theirs.fit(X, y, **(fit_params or {}))
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    if hasattr(theirs, "best_params_"):
        assert str(ours.best_params_) == str(theirs.best_params_)
    return ours, theirs


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (network(), GRID),
        (network(n_estimators=3), GRID),
        (network(early_stopping=True, validation_fraction=0.3), GRID),
        (network(mix_layer="random"), GRID),
        (network(dropout=0.3), {"batch_size": [8, 16], "hidden_layer_sizes": [4, 8]}),
        (network(), {"pairing": ["random", "same_class", "neighbors"]}),
        (network(), {"class_weight": [None, "balanced"], "lr": [1e-3, 1e-2]}),
        (pipeline(), {"net__alpha": [0, 1], "scale__with_std": [True, False]}),
        (pipeline(), {"scale": [None, StandardScaler()], "net__alpha": [0, 1]}),
        (Pipeline([("inner", pipeline())]), {"inner__net__alpha": [0, 1]}),
        (pipeline(), {"net": [network(), LogisticRegression()]}),
        (LogisticRegression(), {"C": [0.1, 1]}),
        (RandomForestClassifier(5, random_state=0), {"max_depth": [1, 2]}),
    ],
)
def test_grid_search_equals_scikit_learns(estimator, grid):
    ours, theirs = assert_same_search(estimator, grid, cv=3, return_train_score=True)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5
    )


def test_several_scores_and_a_refit_by_one_of_them():
    scoring = {"acc": "accuracy", "ll": "neg_log_loss"}
    assert_same_search(network(), GRID, scoring=scoring, refit="ll", cv=3)


def test_no_refit_leaves_no_best_estimator():
    ours, _ = assert_same_search(network(), GRID, refit=False, cv=3)
    assert not hasattr(ours, "best_estimator_")


def test_groups_reach_the_splitter():
    groups = np.arange(len(Y)) % 5
    assert_same_search(network(), GRID, {"groups": groups}, cv=GroupKFold(3))


def test_folds_of_different_size_are_padded_rightly():
    assert_same_search(network(batch_size=7), GRID, cv=4, X=X[:86], y=Y[:86])


def test_sample_weight_is_routed():
    weight = np.random.default_rng(0).uniform(0, 2, len(Y))
    assert_same_search(network(), GRID, {"sample_weight": weight}, cv=3)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = network().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        estimator = Pipeline([("scale", scaler), ("net", routed)])
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        settings = {"cv": 3, "scoring": scorer}
        weights = {"sample_weight": weight}
        assert_same_search(estimator, {"net__alpha": [0, 1]}, weights, **settings)


def test_regression_and_a_meta_estimator_around_it():
    X, y = make_regression(80, 4, random_state=0)
    regressor = MixupRegressor(hidden_layer_sizes=8, max_epochs=5, random_state=0)
    assert_same_search(regressor, GRID, X=X, y=y, cv=3)
    wrapped = TransformedTargetRegressor(
        regressor, func=np.arcsinh, inverse_func=np.sinh
    )
    assert_same_search(wrapped, {"regressor__alpha": [0, 1]}, X=X, y=y, cv=3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:.*test scores are non-finite:UserWarning")
@pytest.mark.parametrize(
    "bad", [{"alpha": [-1.0, 0.4]}, {"lr": [1e30, 1e-3], "standardize": [False]}]
)
def test_a_candidate_that_fails_is_scored_as_asked_and_the_others_are_not_harmed(bad):
    ours, _ = assert_same_search(network(optimizer="sgd"), bad, cv=3)
    assert np.isnan(ours.cv_results_["mean_test_score"]).sum() == 1
    with pytest.raises(ValueError, match=r"alpha|NaN or infinite"):
        GridSearchCV(network(optimizer="sgd"), bad, error_score="raise").fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:.*test scores are non-finite:UserWarning")
def test_a_module_of_the_wrong_width_fails_alone():
    estimator = network(module=torch.nn.Linear)
    widths = [{"in_features": 6, "out_features": n} for n in (3, 5)]
    ours, _ = assert_same_search(estimator, {"module_params": widths}, cv=3)
    assert np.isnan(ours.cv_results_["mean_test_score"]).tolist() == [False, True]


@pytest.mark.parametrize("max_memory", [1, 20_000, 10**9])
def test_the_result_does_not_depend_on_the_memory(max_memory):
    reference = GridSearchCV(network(n_estimators=2), GRID, cv=3).fit(X, Y)
    search = GridSearchCV(network(n_estimators=2), GRID, cv=3, max_memory=max_memory)
    assert_same_results(search.fit(X, Y).cv_results_, reference.cv_results_)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow), -1])
def test_the_result_does_not_depend_on_the_threads(n_jobs):
    grid = {"alpha": [0, 0.2, 0.4, 1, 2, 8]}  # 18 networks: more than one stack
    reference = model_selection.GridSearchCV(network(), grid, cv=3).fit(X, Y)
    search = GridSearchCV(network(), grid, cv=3, n_jobs=n_jobs).fit(X, Y)
    assert_same_results(search.cv_results_, reference.cv_results_)


def test_randomized_search_equals_scikit_learns():
    space = {"alpha": uniform(0, 2)}
    settings = {"n_iter": 4, "cv": 3, "random_state": 0}
    ours = RandomizedSearchCV(network(), space, **settings).fit(X, Y)
    theirs = model_selection.RandomizedSearchCV(network(), space, **settings).fit(X, Y)
    assert_same_results(ours.cv_results_, theirs.cv_results_)


@pytest.mark.parametrize("estimator", [network(), pipeline(), LogisticRegression()])
def test_cross_validate_equals_scikit_learns(estimator):
    settings = {
        "cv": StratifiedShuffleSplit(4, random_state=0),
        "scoring": ["accuracy", "neg_log_loss"],
        "return_train_score": True,
    }
    ours = cross_validate(estimator, X, Y, return_estimator=True, **settings)
    theirs = model_selection.cross_validate(estimator, X, Y, **settings)
    fitted = ours.pop("estimator")
    assert_same_results(ours, theirs)
    assert [type(model) for model in fitted] == [type(estimator)] * 4
    assert fitted[0].predict(X).shape == Y.shape


def test_cross_validate_returns_indices():
    ours = cross_validate(network(), X, Y, cv=3, return_indices=True)["indices"]
    theirs = model_selection.cross_validate(network(), X, Y, cv=3, return_indices=True)
    for side in ("train", "test"):
        for a, b in zip(ours[side], theirs["indices"][side], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("max_memory", ["much", 0, None])
@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV])
def test_memory_is_a_number_of_bytes(kind, max_memory):
    search = kind(network(), {"alpha": [0]}, max_memory=max_memory)
    with pytest.raises(InvalidParameterError, match="'max_memory' parameter of"):
        search.fit(X, Y)


def test_a_search_can_be_cloned_and_nested():
    search = clone(GridSearchCV(network(), GRID, cv=2, max_memory=10**6))
    assert search.max_memory == 10**6
    nested = model_selection.cross_val_score(search, X, Y, cv=2)
    assert nested.shape == (2,)
    assert cross_validate(search, X, Y, cv=2)["test_score"] == pytest.approx(nested)


def test_verbose_shows_a_progress_bar(capsys):
    GridSearchCV(network(), GRID, cv=2, verbose=1).fit(X, Y)
    shown = capsys.readouterr()
    assert "48/48" in shown.err  # 3 candidates, 2 splits, 8 epochs
    assert "Fitting 2 folds" in shown.out
    GridSearchCV(network(), GRID, cv=2).fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_fit_times_are_equal_shares_of_the_whole():
    start = time.perf_counter()
    scores = cross_validate(network(max_epochs=50), X, Y, cv=6)
    seconds = time.perf_counter() - start
    times = scores["fit_time"]
    assert 0 < np.sum(times) < seconds
    assert np.ptp(times) < np.mean(times)


def test_fit_times_of_nested_searches_are_shares_of_the_whole():
    start = time.perf_counter()
    search = GridSearchCV(network(max_epochs=20), GRID, cv=2)
    times = cross_validate(search, X, Y, cv=4)["fit_time"]
    seconds = time.perf_counter() - start
    assert 0 < np.sum(times) < seconds
    assert np.ptp(times) < np.mean(times)


def test_earlier_steps_may_train_networks_too():
    gaps = X.copy()
    gaps[::7, 2] = np.nan
    own = MixupRegressor(hidden_layer_sizes=4, max_epochs=2, random_state=0, **PLAIN)
    imputer = IterativeImputer(own, max_iter=1, tol=1e9)
    steps = Pipeline([("impute", imputer), ("net", network())])
    assert_same_search(steps, {"net__alpha": [0, 1]}, X=gaps, error_score="raise")


class Restless(MixupClassifier):
    """A classifier whose fit looks at what it has learnt."""

    def fit(self, X, y, sample_weight=None):
        self.epochs_ = super().fit(X, y, sample_weight).n_iter_
        return self


def test_a_subclass_with_a_fit_of_its_own_is_trained_with_the_others():
    own = Restless(hidden_layer_sizes=4, max_epochs=2, random_state=0, **PLAIN)
    with together() as trained:
        assert_same_search(own, {"alpha": [0, 1]}, cv=3, error_score="raise")
    assert trained == [6, 6]  # our search and scikit-learn's


def adversarial_score(estimator, X, y):
    return -adversarial_error(estimator, X, y, epsilon=0.1)


def steps_score(estimator, X, y):
    return estimator[-1].n_iter_


@pytest.mark.parametrize("scoring", [adversarial_score, steps_score])
def test_a_scorer_is_given_the_estimator_itself(scoring):
    ours, theirs = (
        made(pipeline(), X, Y, scoring=scoring, return_estimator=True)
        for made in (cross_validate, model_selection.cross_validate)
    )
    np.testing.assert_allclose(ours["test_score"], theirs["test_score"], atol=1e-5)
    assert not {"fit", "set_params"} & set(vars(ours["estimator"][0]))


def test_what_has_been_scored_is_let_go():
    living = []

    def count(estimator, X, y):
        gc.collect()
        living.append(sum(type(each) is Network for each in gc.get_objects()))
        return 0.0

    settings = {"scoring": count, "refit": False, "cv": 2, "max_memory": 1}
    GridSearchCV(network(), GRID, **settings).fit(X, Y)
    assert max(living) - living[0] <= 1


class Interrupting(DummyClassifier):
    """Press Ctrl-C in the first fit."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).n_fits += 1
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_search():
    with pytest.raises(KeyboardInterrupt):
        cross_validate(Interrupting(), X, Y, cv=10)
    assert Interrupting.n_fits == 1


def test_a_bad_candidate_raises_before_anything_is_trained():
    search = GridSearchCV(network(), {"alpha": [0.4, -1]}, error_score="raise")
    with together() as trained, pytest.raises(ValueError, match="'alpha' parameter"):
        search.fit(X, Y)
    assert trained == []

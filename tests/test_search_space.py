"""The space of parameters that the package offers to searches."""

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mixup import MixupClassifier, MixupRegressor, fit_many, search_space
from sk_mixup.model_selection import RandomizedSearchCV
from tests.twins import TWINS, predicted

twins = pytest.mark.parametrize("make", TWINS)
QUICK = {"max_epochs": 1, "n_estimators": 2, "random_state": 0}


def drawn(space, n_iter):
    return list(ParameterSampler(space, n_iter, random_state=0))


@twins
def test_every_draw_fits(make, data):
    X, y = data
    candidates = drawn(search_space(make()), 12)
    models = [make(**QUICK).set_params(**params) for params in candidates]
    fit_many(models, [X] * 12, [y] * 12)
    assert all(np.isfinite(predicted(model, X)).all() for model in models)


@twins
def test_each_value_of_a_list_fits(make, data):
    X, y = data
    space = search_space(make())
    models = [
        make(**QUICK).set_params(**{name: value})
        for name, values in space.items()
        if isinstance(values, list)
        for value in values
    ]
    fit_many(models, [X] * len(models), [y] * len(models))


@twins
def test_the_defaults_are_in_the_space(make):
    default = make().get_params()
    for name, values in search_space(make()).items():
        if isinstance(values, list):
            assert default[name] in values, name
        elif default[name] > 0:  # no weight decay is not on a logarithmic scale
            assert 0 < values.cdf(default[name]) < 1, name


@twins
def test_parameters_have_the_names_of_what_is_searched(make):
    alone, both = search_space(make()), search_space()
    assert both.keys() <= alone.keys() <= make().get_params().keys()
    name = make.__name__.lower()
    pipeline = make_pipeline(StandardScaler(), make())
    assert search_space(pipeline).keys() == {f"{name}__{own}" for own in alone}
    assert search_space(pipeline).keys() <= pipeline.get_params().keys()


def test_all_that_are_held_are_searched():
    voting = VotingClassifier([("a", MixupClassifier()), ("b", MixupClassifier())])
    names = search_space(voting).keys()
    assert {"a__alpha", "b__alpha"} <= names <= voting.get_params().keys()


@twins
def test_a_space_may_be_changed_without_changing_the_next(make):
    space = search_space(make())
    space["alpha"].append(3.0)
    del space["lr"]
    assert 3.0 not in search_space(make())["alpha"]
    assert "lr" in search_space(make())


@pytest.mark.parametrize("estimator", [Ridge(), MixupClassifier, 3, {}])
def test_nothing_to_search_is_refused(estimator):
    with pytest.raises(ValueError, match="search_space needs a MixupClassifier"):
        search_space(estimator)


@twins
@pytest.mark.parametrize(
    "search", [RandomizedSearchCV, model_selection.RandomizedSearchCV]
)
def test_searches_take_it(make, search, data):
    model = make(**QUICK)
    found = search(model, search_space(model), n_iter=2, cv=2, random_state=0)
    assert found.fit(*data).best_params_.keys() == search_space(model).keys()


def test_twins_differ_where_their_parameters_do():
    classifier, regressor = (
        search_space(MixupClassifier()),
        search_space(MixupRegressor()),
    )
    assert classifier.keys() - regressor.keys() == {"label_smoothing"}
    assert regressor.keys() - classifier.keys() == {"pairing"}

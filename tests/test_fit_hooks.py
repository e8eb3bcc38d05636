"""Callbacks of scikit-learn's, which estimators take by ``set_callbacks``."""

import pickle

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_mixup import MixupClassifier, fit_many
from sk_mixup._estimator.transaction import all_or_nothing
from sk_mixup.model_selection import GridSearchCV
from tests.twins import CONSTANT, TWINS, assert_same_predictions, predicted

callback = pytest.importorskip("sklearn.callback")  # from scikit-learn 1.9 on

twins = pytest.mark.parametrize("make", TWINS)


class Diary:
    """Note what is told, and ask to stop after an epoch."""

    def __init__(self, last_epoch=None):
        self.last_epoch, self.told, self.given, self.fitted = last_epoch, [], {}, []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X, y, metadata, fitted_estimator=None
    ):
        self.told.append(f"end {context.task_name}")
        self.given = {"X": X, "y": y, "metadata": metadata}
        self.fitted.append(fitted_estimator)
        is_epoch = context.task_name == "epoch"
        return is_epoch and len(self.fitted) == self.last_epoch


class Travelling(Diary):
    """A diary that meta-estimators hand on."""

    max_propagation_depth = None


def epochs(number):
    return ["begin epoch", "end epoch"] * number


def fit_of(number):
    return ["begin fit", *epochs(number), "end fit"]


@twins
def test_a_fit_is_a_task_and_so_is_each_epoch(make, data):
    X, y = data
    diary, weights = Diary(), np.ones(len(X))
    model = make(1, **CONSTANT).set_callbacks(diary).fit(X, y, weights)
    assert diary.told == ["setup", *fit_of(3), "teardown"]
    assert diary.given["X"] is X
    assert diary.given["y"] is y
    assert diary.given["metadata"]["sample_weight"] is weights
    assert_same_predictions(model, make(1, **CONSTANT).fit(X, y), X)
    diary.told.clear()
    model.partial_fit(X, y)
    assert diary.told == ["setup", *fit_of(1), "teardown"]


@twins
@pytest.mark.parametrize(
    "params", [{}, {"n_estimators": 2, "member_weights": "validation"}]
)
def test_callbacks_see_what_a_fit_of_so_many_epochs_would_be(make, params, data):
    X, y = data
    params = CONSTANT | params | {"ema_halflife": 1.0}
    diary = Diary()
    make(1, **params).set_callbacks(diary).fit(X, y)
    for n_epochs, seen in enumerate(diary.fitted[:3], 1):
        short = make(1, **params | {"max_epochs": n_epochs}).fit(X, y)
        assert_same_predictions(seen, short, X)
        assert seen.n_iter_ == n_epochs
        np.testing.assert_array_equal(seen.member_weights_, short.member_weights_)


@twins
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_callback_ends_the_training_as_fewer_epochs_do(make, early_stopping, data):
    X, y = data
    params = CONSTANT | {"early_stopping": early_stopping}
    diary = Diary(last_epoch=2)
    model = make(1, **params).set_callbacks(diary).fit(X, y)
    assert diary.told == ["setup", *fit_of(2), "teardown"]
    short = make(1, **params | {"max_epochs": 2}).fit(X, y)
    assert_same_predictions(model, short, X)
    assert model.n_iter_ == 2


@twins
def test_callbacks_of_scikit_learn_and_of_skorch_hear_of_the_same_epochs(make, data):
    class Counter(Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs += 1

    counter, diary = Counter(), Diary()
    model = make(1, callbacks=[counter], early_stopping=True, n_iter_no_change=1)
    model.set_callbacks(diary).fit(*data)
    assert counter.n_epochs == diary.told.count("end epoch") == model.n_iter_


@twins
def test_callbacks_hear_of_the_end_of_a_fit_that_fails(make, data):
    class Failing(Diary):
        def on_fit_task_begin(self, estimator, context):
            super().on_fit_task_begin(estimator, context)
            if context.task_name == "epoch":
                raise RuntimeError("no epochs, please")

    X, y = data
    model = make(1, **CONSTANT).fit(X, y)
    before = predicted(model, X)
    diary = Failing()
    model.set_callbacks(diary)
    with pytest.raises(RuntimeError, match="no epochs"):
        model.fit(X, y)
    assert diary.told == ["setup", "begin fit", "begin epoch", "teardown"]
    np.testing.assert_array_equal(predicted(model, X), before)
    assert not hasattr(model, "_callback_fit_ctx")
    other = clone(model)
    errors = fit_many([model, other.set_callbacks()], [X, X], [y, y], on_error="return")
    assert isinstance(errors[0], RuntimeError)
    assert errors[1] is other
    assert diary.told.count("setup") == diary.told.count("teardown")


@pytest.mark.parametrize("fails", [True, False])
def test_the_end_of_one_keeps_no_other_from_its_own(fails):
    class Failing(Diary):
        def teardown(self, estimator, context):
            super().teardown(estimator, context)
            raise RuntimeError("no end, please")

    diaries = [Failing(), Diary(), Failing()]
    models = [MixupClassifier().set_callbacks(diary) for diary in diaries]

    def fit():
        for model in models:
            model._init_callback_context(max_subtasks=1)
            model.fitted_ = True
        if fails:
            raise KeyError("within")

    with pytest.raises(RuntimeError, match="no end"), all_or_nothing(models):
        fit()
    assert all(diary.told == ["setup", "teardown"] for diary in diaries)
    assert [hasattr(model, "fitted_") for model in models] == [not fails] * 3


@twins
def test_fits_together_are_told_as_fits_alone(make, data):
    X, y = data
    diaries = [Diary(), Diary()]
    models = [make(1, **CONSTANT).set_callbacks(diary) for diary in diaries]
    models.append(make(1, **CONSTANT))
    fit_many(models, [X] * 3, [y] * 3)
    for diary in diaries:
        assert diary.told == ["setup", *fit_of(3), "teardown"]
    assert_same_predictions(models[0], models[2], X)


@twins
def test_searches_and_pipelines_hand_callbacks_on_as_in_scikit_learn(make, data):
    X, y = data
    model = make_pipeline(StandardScaler(), make(1, **CONSTANT))
    grid = {f"{model.steps[1][0]}__alpha": [0, 1]}

    def told_by(search):
        diary = Travelling()
        search(model, grid, cv=2).set_callbacks(diary).fit(X, y)
        return diary.told

    ours = told_by(GridSearchCV)
    # Fits are suspended and trained together: the order alone is another.
    assert sorted(ours) == sorted(told_by(model_selection.GridSearchCV))
    assert ours.count("begin epoch") == (2 * 2 + 1) * 3


@twins
def test_scores_of_epochs_are_those_of_a_monitor(make, data):
    X, y = data
    name = "accuracy" if make is MixupClassifier else "r2"
    monitor = callback.ScoringMonitor(scoring=name)
    model = make(1, **CONSTANT).set_callbacks(monitor).fit(X, y)
    scores = [row[name] for row in monitor.get_logs().data]
    assert len(scores) == 1 + 3
    np.testing.assert_allclose(scores[0], model.score(X, y))
    np.testing.assert_allclose(scores[-1], model.score(X, y))


@twins
def test_fitted_nets_keep_no_hooks(make, data):
    model = make(1, **CONSTANT).set_callbacks(Diary()).fit(*data)
    bare = make(1, **CONSTANT).fit(*data)
    assert vars(model.net_).keys() == vars(bare.net_).keys()
    assert abs(len(pickle.dumps(model.net_)) - len(pickle.dumps(bare.net_))) < 100

"""The context leaves everything but the training as it would be without it."""

import os
import signal
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
import sklearn
import torch
from joblib import Parallel, delayed
from sklearn import model_selection as ms
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sk_mixup import MixupClassifier
from sk_mixup.model_selection import GridSearchCV, cross_validate, together
from sk_mixup.vicinity import RandomPairs
from tests.model_selection.searches import ALPHAS, Failing, network
from tests.twins import SMALL


@contextmanager
def nothing_left_behind():
    """Check that no thread, filter of warnings, method or number of threads is."""
    network().fit(np.eye(4), [0, 1, 0, 1])  # the first fit imports libraries
    fit, filters = MixupClassifier.fit, list(warnings.filters)
    threads, torchs = threading.active_count(), torch.get_num_threads()
    yield
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)  # a thread that has ended its task ends a little later
    assert threading.active_count() == threads
    assert MixupClassifier.fit is fit
    assert list(warnings.filters) == filters
    assert torch.get_num_threads() == torchs


def test_nothing_is_left_behind(blobs):
    with nothing_left_behind(), together(n_jobs=1):
        ms.cross_val_score(network(), *blobs)


def test_an_error_ends_all_tasks(blobs):
    search = ms.GridSearchCV(Failing(**SMALL), ALPHAS, error_score="raise")
    with nothing_left_behind(), together() as trained:
        with pytest.raises(RuntimeError, match="now"):
            search.fit(*blobs)
        assert trained == [15]
        assert ms.cross_val_score(network(), *blobs).shape == (5,)


def test_an_error_of_a_nested_search_is_the_outer_ones_to_handle(blobs):
    inner = ms.GridSearchCV(Failing(**SMALL), ALPHAS, error_score="raise")
    outer = Sometimes(inner, network())
    failed = pytest.warns(FitFailedWarning, match="1 fits failed")
    with nothing_left_behind(), together(), failed:
        scores = ms.cross_val_score(outer, *blobs, cv=[*folds(blobs)])
    assert np.isnan(scores).tolist() == [True, False]


def folds(data):
    rows = np.arange(len(data[1]))
    return (rows[:60], rows[60:]), (rows[:50], rows[50:])


class Sometimes(ClassifierMixin, BaseEstimator):
    """Fit one estimator on sixty rows, else another."""

    def __init__(self, one, other):
        self.one, self.other = one, other

    def fit(self, X, y):
        self.fitted_ = clone(self.one if len(y) == 60 else self.other).fit(X, y)
        self.classes_ = self.fitted_.classes_
        return self

    def predict(self, X):
        return self.fitted_.predict(X)


class Interrupting(MixupClassifier):
    """Press Ctrl-C after the training of the third candidate."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        if self.alpha == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)  # nobody waits for this task any more
            super().fit(X, y, sample_weight)
        return self


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt, which a process in the background of a shell ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_all_tasks(blobs):
    search = ms.GridSearchCV(Interrupting(**SMALL), ALPHAS)
    with nothing_left_behind(), together(), pytest.raises(KeyboardInterrupt):
        search.fit(*blobs)


def test_an_error_while_tasks_are_handed_over_leaves_none_of_them(blobs):
    def tasks():
        for _ in range(100):
            yield delayed(network().fit)(*blobs)
        raise RuntimeError("no more")

    with together() as trained:
        with pytest.raises(RuntimeError, match="no more"):
            Parallel(n_jobs=-1)(tasks())  # of which 64 have been handed over
        ms.cross_val_score(network(), *blobs, cv=3)
    assert trained == [3]


class Quiet(MixupClassifier):
    """Warn where warnings are ignored, after the others have run."""

    def fit(self, X, y, sample_weight=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().fit(X, y, sample_weight)
            warnings.warn("not to be seen", UserWarning, stacklevel=1)
        return self


class Loud(MixupClassifier):
    """Warn where warnings are errors."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        warnings.warn("to be seen", UserWarning, stacklevel=1)
        return self


def test_filters_of_warnings_are_each_tasks_own(blobs):
    estimators = [Quiet(**SMALL), Loud(**SMALL), Quiet(**SMALL)]
    with together() as trained, pytest.warns(UserWarning, match="to be seen") as seen:
        Parallel()(delayed(each.fit)(*blobs) for each in estimators)
    assert trained == [3]
    assert [str(each.message) for each in seen] == ["to be seen"]


def configured(estimator, X, y):
    estimator.fit(X, y)
    return sklearn.get_config()["working_memory"], np.geterr()["over"]


def test_settings_of_scikit_learn_and_numpy_reach_the_tasks(blobs):
    with (
        sklearn.config_context(working_memory=77),
        np.errstate(over="call"),
        together(),
    ):
        found = Parallel()(delayed(configured)(network(), *blobs) for _ in range(2))
    assert found == [(77, "call")] * 2


def test_only_tasks_are_suspended(blobs):
    with together() as trained:
        assert network().fit(*blobs).score(*blobs) > 0
    assert trained == []


def test_tasks_of_the_users_own_are_trained_together(blobs):
    with together() as trained:
        fitted = Parallel()(
            delayed(network(alpha=alpha).fit)(*blobs) for alpha in (0, 0.4, 1)
        )
    assert trained == [3]
    assert [model.alpha for model in fitted] == [0, 0.4, 1]
    for model in fitted:
        alone = clone(model).fit(*blobs)
        np.testing.assert_allclose(
            model.predict_proba(blobs[0]), alone.predict_proba(blobs[0]), atol=1e-5
        )


def refit(estimator, alpha, X, y):
    return estimator.set_params(alpha=alpha).fit(X, y).predict_proba(X)


def test_an_estimator_that_several_tasks_fit_is_fitted_by_one_after_the_other(blobs):
    shared = network()
    expected = [refit(network(), alpha, *blobs) for alpha in (0, 1)]
    with together() as trained:
        found = Parallel()(delayed(twice)(shared, alpha, *blobs) for alpha in (0, 0))
    assert trained == [1, 1, 1, 1]
    np.testing.assert_allclose(found[1], expected[0], atol=1e-5)


def twice(estimator, alpha, X, y):
    refit(estimator, 1, X, y)
    return refit(estimator, alpha, X, y)


@pytest.mark.parametrize(("max_memory", "sizes"), [(1, [1] * 6), (10**9, [6])])
def test_memory_bounds_the_rows_of_those_that_wait(max_memory, sizes, blobs):
    search = ms.RandomizedSearchCV(network(), ALPHAS, n_iter=2, cv=3, refit=False)
    with together(max_memory=max_memory) as trained:
        search.fit(*blobs)
    assert trained == sizes


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_parameters_are_those_of_each_call(n_jobs, blobs):
    X, y = blobs

    def call(model, alpha):
        model.set_params(alpha=alpha)
        model.fit(X, y)
        return model.alpha, model.predict_proba(X)

    shared, alphas = MixupClassifier(**SMALL), (0, 0.4, 5)
    with together():
        found = Parallel(n_jobs)(delayed(call)(shared, alpha) for alpha in alphas)
    for alpha, (kept, proba) in zip(alphas, found, strict=True):
        assert kept == alpha
        np.testing.assert_allclose(proba, call(shared, alpha)[1], atol=1e-6)


def test_generators_are_refused_with_the_remedy(blobs):
    with (
        together(),
        pytest.raises(ValueError, match=r"come at once \(return_as='list'"),
    ):
        Parallel(2, return_as="generator")


def test_memory_bounds_nested_tasks_too(blobs):
    inner = ms.GridSearchCV(network(), ALPHAS, cv=2)
    with together(max_memory=1) as trained:
        scores = ms.cross_val_score(inner, *blobs, cv=2)
    assert trained == [1] * 14
    np.testing.assert_allclose(scores, ms.cross_val_score(inner, *blobs, cv=2))


def test_at_most_256_are_trained_at_a_time(blobs):
    model = network(hidden_layer_sizes=1, max_epochs=1)
    with together() as trained:
        ms.cross_val_score(model, *blobs, cv=ms.ShuffleSplit(260, random_state=0))
    assert trained == [256, 4]


def test_the_outer_settings_hold(blobs):
    with together(max_memory=1) as outer, together(max_memory=10**9) as inner:
        GridSearchCV(network(), ALPHAS, cv=2, refit=False).fit(*blobs)
    assert outer is inner
    assert outer == [1] * 6


def test_searches_of_ours_inside_a_task_train_with_the_others(blobs):
    search = GridSearchCV(network(), ALPHAS, cv=2)
    with together() as trained:
        cross_validate(search, *blobs, cv=3)
    assert trained == [18, 3]


@pytest.mark.parametrize(
    ("name", "value"), [("max_memory", 0), ("n_jobs", 1.5), ("verbose", "much")]
)
def test_bad_parameters_are_refused(name, value):
    with (
        pytest.raises(InvalidParameterError, match=f"'{name}' parameter of together"),
        together(**{name: value}),
    ):
        pass


def thread_name():
    return threading.current_thread().name


def test_what_prefers_threads_keeps_joblibs(blobs):
    with together():
        names = Parallel(n_jobs=2, prefer="threads")(
            delayed(thread_name)() for _ in range(4)
        )
        forest = RandomForestClassifier(5, random_state=0, n_jobs=2).fit(*blobs)
    assert all("ThreadPool" in name or "(worker)" in name for name in names)
    assert forest.score(*blobs) > 0.5


@dataclass(frozen=True)
class Observed(RandomPairs):
    """Note each fit."""

    seen: list = field(default_factory=list, compare=False)

    def fit(self, rows):
        self.seen.append(len(rows))
        return super().fit(rows)

    def __sklearn_clone__(self):
        return self


def test_candidates_share_what_is_prepared_for_a_fold(blobs):
    pairing = Observed()
    steps = Pipeline([("scale", StandardScaler()), ("net", network(pairing=pairing))])
    with together():
        ms.GridSearchCV(steps, {"net__alpha": [1, 2]}, cv=3, refit=False).fit(*blobs)
    assert len(pairing.seen) == 3


def test_steps_are_fitted_once_for_each_candidate_and_split(blobs, tmp_path):
    calls = []
    count = FunctionTransformer(lambda X: (calls.append(len(X)), X)[1])
    steps = Pipeline(
        [("scale", StandardScaler()), ("count", count), ("net", network())]
    )
    with together() as trained:
        ms.GridSearchCV(steps, {"net__alpha": [0, 1]}, cv=3, refit=False).fit(*blobs)
    assert trained == [6]
    assert calls == [60] * 6 + [30] * 6


class Counting(StandardScaler):
    """Count the fits."""

    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)


def test_steps_in_memory_are_fitted_once_for_each_split(blobs, tmp_path):
    Counting.n_fits = 0
    steps = Pipeline([("scale", Counting()), ("net", network())], memory=str(tmp_path))
    with together() as trained:
        ms.GridSearchCV(steps, {"net__alpha": [0, 1]}, cv=3, refit=False).fit(*blobs)
    assert trained == [6]
    assert Counting.n_fits == 3


class Recorder:
    """A callback of scikit-learn's that notes what it is told."""

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, **given):
        self.told.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, **given):
        self.told.append(("end", context.task_name))


class Witness(MixupClassifier):
    """Note whether its fit is part of the search's tree of tasks."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.inside_ = hasattr(self, "_parent_callback_ctx")
        return self


def inside(estimator, X, y):
    return float(estimator.inside_)


def test_callbacks_of_scikit_learn_are_called_once_and_around_the_fit(blobs):
    pytest.importorskip("sklearn.callback")  # scikit-learn 1.9
    told = {}
    for kind in (GridSearchCV, ms.GridSearchCV):
        search = kind(Witness(**SMALL), ALPHAS, cv=2, scoring=inside, refit=False)
        recorder = Recorder()
        search.set_callbacks(recorder).fit(*blobs)
        told[kind] = recorder.told
        assert search.cv_results_["mean_test_score"].tolist() == [1, 1, 1]
    ours, theirs = told.values()
    assert sorted(map(str, ours)) == sorted(map(str, theirs))
    assert ours[0] == theirs[0]
    assert ours[-1] == theirs[-1]

"""The model of TabArena uses what it is handed: rows, seconds, processors.

On a base class that keeps the contract of AutoGluon's, as its guide writes it down, and
on AutoGluon's own where that is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import is_classifier

from sk_mixup import MixupClassifier, MixupRegressor

INSTALLED = importlib.util.find_spec("autogluon") is not None
TASKS = {"binary": 2, "multiclass": 3, "regression": None}
QUICK = {"n_estimators": 2, "max_epochs": 3, "random_state": 0}


class TimeLimitExceeded(Exception):  # noqa: N818 - AutoGluon's name
    """AutoGluon's way to say that a model has no time."""


class WrittenContract:
    """What `AbstractModel` of AutoGluon 1.6 gives to a subclass that is fitted."""

    def __init__(self, problem_type, hyperparameters):
        self.problem_type, self._given = problem_type, hyperparameters
        self.model = None

    def _get_model_params(self):
        return dict(self._given)

    def preprocess(self, X, **kwargs):
        return X

    def predict_proba(self, X):
        if self.problem_type == "regression":
            return self.model.predict(X)
        return self.model.predict_proba(X)


@pytest.fixture
def module(monkeypatch):
    """The adapter's module on the written contract."""
    names = "autogluon", "autogluon.core", "autogluon.core.models"
    for name in (*names, "autogluon.core.utils", "autogluon.core.utils.exceptions"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["autogluon.core.models"].AbstractModel = WrittenContract
    exceptions = sys.modules["autogluon.core.utils.exceptions"]
    exceptions.TimeLimitExceeded = TimeLimitExceeded
    monkeypatch.delitem(sys.modules, "benchmarks.tabarena.model", raising=False)
    yield importlib.import_module("benchmarks.tabarena.model")
    sys.modules.pop("benchmarks.tabarena.model", None)


def rows(task, seed, n=90):
    """Draw a frame with a category and a gap, and a target of the task."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["a", "b", "c"], n)
    X = pd.DataFrame(
        {"number": rng.normal(size=n), "kind": pd.Categorical(kind, ["a", "b", "c"])}
    )
    X.loc[0, "number"] = np.nan
    signal = X["number"].fillna(0) + (kind == "a") * 3
    if task == "regression":
        return X, signal
    return X, pd.Series(pd.qcut(signal, TASKS[task], labels=False))


def fitted(module, task, *, n=90, **handed):
    model = module.MixupModel(task, QUICK)
    model._fit(*rows(task, 0, n), **handed)
    return model


@pytest.mark.parametrize("task", TASKS)
def test_it_fits_what_the_estimator_would(module, task):
    X, y = rows(task, 0)
    model = fitted(module, task)
    make = MixupRegressor if task == "regression" else MixupClassifier
    assert type(model.model) is make
    ours = make(**QUICK).fit(X, y)
    theirs = ours.predict_proba(X) if is_classifier(ours) else ours.predict(X)
    np.testing.assert_array_equal(model.predict_proba(X), theirs)


@pytest.mark.parametrize("task", TASKS)
def test_the_validation_rows_handed_are_those_that_are_used(module, task):
    X_val, y_val = rows(task, 1)
    weight = pd.Series(np.linspace(0, 1, 90))
    model = fitted(module, task, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    alone = type(model.model)(**QUICK).fit(
        *rows(task, 0), X_val=X_val, y_val=y_val, sample_weight_val=weight
    )
    np.testing.assert_array_equal(
        model.model.validation_scores_, alone.validation_scores_
    )
    own = fitted(module, task).model
    assert not np.array_equal(own.validation_scores_, alone.validation_scores_)


def test_weights_are_handed_on(module):
    weight = pd.Series(np.linspace(0.1, 1, 90))
    model = fitted(module, "binary", sample_weight=weight)
    alone = MixupClassifier(**QUICK).fit(*rows("binary", 0), sample_weight=weight)
    X = rows("binary", 0)[0]
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_most_of_the_time_limit_is_handed_on(module):
    model = fitted(module, "binary", time_limit=1000.0).model
    assert 0.9 * 1000 < model.time_limit <= module.SHARE * 1000
    assert fitted(module, "binary").model.time_limit is None
    with pytest.raises(module.TimeLimitExceeded):
        fitted(module, "binary", time_limit=1e-9)


@pytest.fixture
def fits(monkeypatch):
    """What each fit of a classifier was handed: the rows, and torch's threads."""
    seen, fit = [], MixupClassifier.fit

    def noting(self, X, *args, **kwargs):
        seen.append((X, torch.get_num_threads()))
        return fit(self, X, *args, **kwargs)

    monkeypatch.setattr(MixupClassifier, "fit", noting)
    return seen


def test_categories_and_gaps_are_handed_on_as_they_are(module, fits):
    fitted(module, "binary")
    pd.testing.assert_frame_equal(fits[0][0], rows("binary", 0)[0])


def test_training_has_the_processors_handed_and_no_more(module, fits):
    before = torch.get_num_threads()
    for number in (1, 2, None):
        fitted(module, "binary", num_cpus=number)
        assert torch.get_num_threads() == before
    assert [threads for _, threads in fits] == [1, 2, 1]


def test_what_is_declared_is_what_the_guide_asks_for(module):
    declared = vars(module.MixupModel)
    assert declared["_supported_problem_types"] == list(TASKS)
    assert declared["seed_name"] in MixupClassifier().get_params()
    assert declared["ag_key"].startswith("TA-")
    assert declared["ag_name"].startswith("TA-")
    for name in ("supported_problem_types", "get_minimum_resources"):
        assert name not in declared
    cheap = set(declared["cheap_hyperparameters"])
    assert cheap <= set(MixupClassifier().get_params())
    for name in declared["warmup_modules"]:
        importlib.import_module(name)


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="AutoGluon is not installed")
@pytest.mark.filterwarnings("ignore")
def test_autogluon_accepts_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from autogluon.tabular.testing import FitHelper

    from benchmarks.tabarena.model import MixupModel

    FitHelper.verify_model(MixupModel, dict(MixupModel.cheap_hyperparameters))


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("tabarena") is None, reason="TabArena is not installed"
)
@pytest.mark.filterwarnings("ignore")
def test_tabarena_finds_it():
    from tabarena.models import get_model_registry, register_model_info

    from benchmarks.tabarena.info import mixup_info

    register_model_info(mixup_info)
    assert get_model_registry()["Mixup"] is mixup_info
    made = mixup_info.search_space.generate_all_bag_experiments(num_random_configs=2)
    names = [experiment.name for experiment in made]
    assert names[0] == mixup_info.method_metadata.config_default
    assert len(names) == 3


def test_seconds_of_preparation_count(module):
    start = time.monotonic() - 10
    assert 0 < module._remaining(20.0, start) < 10

"""Trainings that end in time, on a clock that advances by the step."""

import math
import pickle

import numpy as np
import pytest
from skorch.callbacks import Callback

from sk_mixup import MixupClassifier, fit_many
from sk_mixup._training import time_limit
from sk_mixup._training.net import MixupNet
from sk_mixup._training.time_limit import TimeLimit, seconds_of_stacks
from sk_mixup.model_selection import GridSearchCV
from tests.twins import (
    CONSTANT,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    predicted,
)

twins = pytest.mark.parametrize("make", TWINS)
STEPS = 6  # of an epoch of 90 rows
LONG = CONSTANT | {"max_epochs": 100}  # which would take ten times as long


class Clock:
    """A clock whose seconds are training steps."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock, step = Clock(), MixupNet.train_step_single

    def timed(self, batch, **params):
        clock.now += 1
        return step(self, batch, **params)

    monkeypatch.setattr(time_limit, "clock", clock)
    monkeypatch.setattr(MixupNet, "train_step_single", timed)
    return clock


@twins
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("seconds", [60, 57, 4, 0.5])
def test_a_training_ends_in_time(make, early_stopping, seconds, clock, data):
    X, y = data
    params = LONG | {"early_stopping": early_stopping, "n_iter_no_change": 1000}
    model = make(time_limit=seconds, **params).fit(X, y)
    assert clock.now == math.ceil(seconds)
    assert model.time_limit_reached_
    n_epochs = int(seconds / STEPS)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_) == n_epochs
    assert np.isfinite(predicted(model, X)).all()
    assert pickle.loads(pickle.dumps(model)).time_limit_reached_


@twins
@pytest.mark.parametrize("n_epochs", [1, 3])
def test_the_weights_are_those_of_a_training_of_as_many_steps(
    make, n_epochs, clock, data
):
    X, y = data
    params = CONSTANT | all_rows(make)
    limited = make(time_limit=n_epochs * STEPS, **params | {"max_epochs": 100})
    short = make(**params | {"max_epochs": n_epochs}).fit(X, y)
    assert_same_predictions(limited.fit(X, y), short, X)
    assert not short.time_limit_reached_


@twins
def test_the_best_weights_so_far_are_taken(make, clock, data):
    X, y = data
    params = CONSTANT | {"early_stopping": True, "n_iter_no_change": 50, "lr": 0.03}
    limited = make(time_limit=20 * STEPS + 2, **params | {"max_epochs": 1000})
    limited.fit(X, y)
    whole = make(**params | {"max_epochs": 20}).fit(X, y)
    assert whole.validation_scores_.argmax() < 19
    assert_same_predictions(limited, whole, X)


@twins
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"lr_schedule": "cosine", "clean_epochs": 2},
        {"lr_schedule": "step", "lr_milestones": (1, 0.9)},
    ],
)
def test_time_that_suffices_changes_nothing(make, params, clock, data):
    X, y = data
    params = CONSTANT | params
    ample = make(time_limit=1e9, **params).fit(X, y)
    assert not ample.time_limit_reached_
    assert_same_predictions(ample, make(**params).fit(X, y), X)


class Rates(Callback):
    """Note the learning rate of each step."""

    def on_train_begin(self, net, **kwargs):
        self.rates = []

    def on_grad_computed(self, net, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])


@twins
def test_a_schedule_decays_by_the_time_if_that_is_shorter(make, clock, data):
    rates, seconds = Rates(), 30
    params = LONG | all_rows(make) | {"lr_schedule": "cosine", "callbacks": [rates]}
    make(time_limit=seconds, lr=0.01, **params).fit(*data)
    of_time = np.arange(seconds) / seconds
    expected = 0.01 * (1 + np.cos(np.pi * of_time)) / 2
    np.testing.assert_allclose(rates.rates, expected, rtol=1e-6)


@twins
def test_steps_are_taken_by_the_time_if_that_is_shorter(make, clock, data):
    rates = Rates()
    steps = {"lr_schedule": "step", "lr_milestones": (50, 0.8)}
    params = LONG | all_rows(make) | steps | {"callbacks": [rates]}
    make(time_limit=30, lr=0.01, **params).fit(*data)
    expected = np.repeat([0.01, 0.001, 0.0001], [15, 9, 6])
    np.testing.assert_allclose(rates.rates, expected, rtol=1e-6)


@twins
def test_the_last_part_of_the_time_is_not_mixed(make, clock, data, monkeypatch):
    from sk_mixup._training.minibatches import Plan

    asked, mixes_in = [], Plan.mixes_in

    def noting(self, epoch):
        asked.append(mixes_in(self, epoch))
        return asked[-1]

    monkeypatch.setattr(Plan, "mixes_in", noting)
    params = LONG | all_rows(make) | {"warmup_epochs": 0.25, "clean_epochs": 0.5}
    make(1, time_limit=8 * STEPS, **params).fit(*data)
    assert asked == [False] * 2 + [True] * 2 + [False] * 4


@twins
def test_a_divergence_in_the_only_epoch_is_named(make, clock, data):
    params = LONG | all_rows(make) | {"lr": 1e30}
    with pytest.raises(ValueError, match="became NaN or infinite in epoch 1"):
        make(time_limit=5, **params).fit(*data)


@twins
def test_preparation_counts(make, clock, data, monkeypatch):
    table = make._learn_table

    def slow(self, *args):
        clock.now += 10
        return table(self, *args)

    monkeypatch.setattr(make, "_learn_table", slow)
    make(time_limit=13, **LONG).fit(*data)
    assert clock.now == 13


@twins
def test_each_fit_has_its_own_time_and_a_partial_fit_has_none(make, clock, data):
    X, y = data
    model = make(time_limit=4 * STEPS, warm_start=True, **LONG | all_rows(make))
    model.fit(X, y).fit(X, y)
    assert clock.now == 8 * STEPS
    assert model.n_iter_ == 4
    model.set_params(time_limit=1).partial_fit(X, y)
    assert clock.now == 9 * STEPS
    assert not model.time_limit_reached_


# Stacks.


@twins
def test_a_stack_ends_when_its_estimators_must(make, clock, data):
    X, y = data
    params = LONG | all_rows(make)
    models = [make(alpha, time_limit=10, **params) for alpha in (0, 1)]
    models.append(make(1, time_limit=20, **params))
    models.append(make(1, **params | {"max_epochs": 5}))
    fit_many(models, [X] * 4, [y] * 4)
    assert clock.now == 10 + 20 + 5 * STEPS
    assert [model.time_limit_reached_ for model in models] == [True] * 3 + [False]


@twins
def test_networks_trained_in_turns_divide_their_time(make, clock, data):
    X, y = data
    params = LONG | all_rows(make) | {"n_estimators": 3}
    model = make(time_limit=30, **params)
    fit_many([model], [X], [y], max_memory=1)
    assert clock.now == 30
    assert model.time_limit_reached_
    assert np.isfinite(predicted(model, X)).all()


def test_a_search_leaves_each_candidate_its_limit(clock, blobs):
    X, y = blobs
    model = MixupClassifier(time_limit=12, temperature=1.0, **LONG)
    GridSearchCV(model, {"alpha": [0, 1]}, cv=2, refit=False).fit(X, y)
    assert clock.now == 12, "all of them are trained together"


def test_seconds_are_divided_among_the_turns_of_a_task():
    stacks = [{0}, {0, 1}, {0}, {2}]
    assert seconds_of_stacks(stacks, [6.0, 5.0, None], 1) == [2.0, 2.0, 2.0, None]
    assert seconds_of_stacks(stacks, [6.0, 1.0, None], 2) == [3.0, 1.0, 3.0, None]


def test_no_limit_is_never_over(clock):
    limit = TimeLimit(None)
    clock.now = 1e9
    assert (limit.left, limit.fraction, limit.is_over) == (None, 0.0, False)


def test_no_time_at_all_is_over_at_once(clock):
    limit = TimeLimit(0.0)
    assert (limit.left, limit.fraction, limit.is_over) == (0.0, 1.0, True)


@pytest.mark.parametrize("seconds", [0, -1, "1"])
def test_a_limit_is_a_positive_number(seconds, blobs):
    with pytest.raises(ValueError, match="time_limit"):
        MixupClassifier(time_limit=seconds, **SMALL).fit(*blobs)

"""The learning rate and the callbacks, over training that goes on."""

import math
import pickle

import numpy as np
import pytest
import skorch
import torch
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.optim import lr_scheduler

from sk_mixup import fit_many
from sk_mixup.model_selection import GridSearchCV
from tests.twins import (
    CONSTANT,
    TWINS,
    all_rows,
    assert_same_predictions,
    complete,
    perceptron,
)


class Rates(Callback):
    """Note the learning rate of every step."""

    def __init__(self):
        self.seen = []

    def on_grad_computed(self, net, **kwargs):
        self.seen += [group["lr"] for group in net.optimizer_.param_groups]


def one_step(make, *callbacks, **params):
    """Make an estimator whose epochs are one step each."""
    common = {**CONSTANT, **all_rows(make), "optimizer": "sgd", "batch_size": 100}
    return make(**common | {"lr": 0.1} | params, callbacks=list(callbacks))


SCHEDULES = {
    "exponential": (lr_scheduler.ExponentialLR, {"gamma": 0.5}),
    "cosine": (lr_scheduler.CosineAnnealingLR, {"T_max": 6}),
    "lambda": (lr_scheduler.LambdaLR, {"lr_lambda": lambda n: 1 / (1 + n)}),
    "restarts": ("WarmRestartLR", {"max_lr": 1.0}),
    "batches": (lr_scheduler.StepLR, {"step_size": 1, "step_every": "batch"}),
    "plateau": (lr_scheduler.ReduceLROnPlateau, {"patience": 0, "threshold": 9.0}),
}


def rates_of_skorch(schedule):
    """Return the rates of six partial fits of a net of skorch's, a step each."""
    policy, params = SCHEDULES[schedule]
    rates = Rates()
    net = skorch.NeuralNetRegressor(
        nn.Linear(4, 1),
        lr=0.1,
        max_epochs=1,
        callbacks=[LRScheduler(policy, **params), rates],
        train_split=None,
        verbose=0,
    )
    for _ in range(6):
        net.partial_fit(np.ones((9, 4), np.float32), np.zeros((9, 1), np.float32))
    return rates.seen


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step")  # torch's, of every restart
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("make", TWINS)
def test_schedules_keep_their_place_over_partial_fits_as_in_skorch(
    make, schedule, data
):
    policy, params = SCHEDULES[schedule]
    rates = Rates()
    model = one_step(make, LRScheduler(policy, **params), rates)
    for _ in range(6):
        model.partial_fit(*data)
    np.testing.assert_allclose(rates.seen, rates_of_skorch(schedule))


@pytest.mark.parametrize("lengths", [(6,), (2, 4), (1, 2, 3)])
@pytest.mark.parametrize("make", TWINS)
def test_a_schedule_does_not_care_how_epochs_are_parted(make, lengths, data):
    rates = Rates()
    halving = LRScheduler(lr_scheduler.ExponentialLR, gamma=0.5)
    model = one_step(make, halving, rates, warm_start=True)
    for length in lengths:
        model.set_params(max_epochs=length).fit(*data)
    np.testing.assert_allclose(rates.seen, 0.1 * 0.5 ** np.arange(6))


@pytest.mark.parametrize("make", TWINS)
def test_a_schedule_keeps_its_place_in_a_copy(make, data):
    rates = Rates()
    halving = LRScheduler(lr_scheduler.ExponentialLR, gamma=0.5)
    model = one_step(make, halving, rates).partial_fit(*data)
    model = pickle.loads(pickle.dumps(model)).partial_fit(*data).partial_fit(*data)
    np.testing.assert_allclose(model.callbacks[1].seen, [0.1, 0.05, 0.025])


class FailOnce(Callback):
    """Let the second training fail after its epoch."""

    n_trainings = 0

    def on_train_end(self, net, **kwargs):
        self.n_trainings += 1
        if self.n_trainings == 2:
            raise RuntimeError


@pytest.mark.parametrize("make", TWINS)
def test_a_failing_fit_leaves_a_schedule_where_it_was(make, data):
    rates = Rates()
    halving = LRScheduler(lr_scheduler.ExponentialLR, gamma=0.5)
    model = one_step(make, halving, rates, FailOnce()).partial_fit(*data)
    with pytest.raises(RuntimeError):
        model.partial_fit(*data)
    model.partial_fit(*data).partial_fit(*data)
    np.testing.assert_allclose(rates.seen, [0.1, 0.05, 0.05, 0.025])


@pytest.mark.parametrize("make", TWINS)
def test_another_rate_counts_from_the_next_fit_on(make, data):
    rates = Rates()
    model = one_step(make, rates).partial_fit(*data).partial_fit(*data)
    model.set_params(lr=0.2).partial_fit(*data).partial_fit(*data)
    np.testing.assert_allclose(rates.seen, [0.1, 0.1, 0.2, 0.2])


@pytest.mark.parametrize("schedule", ["exponential", "lambda"])
@pytest.mark.parametrize("make", TWINS)
def test_another_rate_is_the_new_base_of_a_schedule(make, schedule, data):
    policy, params = SCHEDULES[schedule]
    rates = Rates()
    model = one_step(make, LRScheduler(policy, **params), rates).partial_fit(*data)
    model.set_params(lr=0.2).partial_fit(*data).partial_fit(*data)
    # What is relative to the step before begins at the new rate.
    expected = {"exponential": [0.1, 0.2, 0.2 / 2], "lambda": [0.1, 0.1, 0.2 / 3]}
    np.testing.assert_allclose(rates.seen, expected[schedule])


@pytest.mark.parametrize("make", TWINS)
def test_a_constant_rate_after_a_cosine_is_the_one_asked_for(make, data):
    rates = Rates()
    model = one_step(make, rates, lr_schedule="cosine", warm_start=True, max_epochs=2)
    model.fit(*data).set_params(lr_schedule="constant").fit(*data).partial_fit(*data)
    cosine = [0.1 * (1 + math.cos(math.pi * step / 2)) / 2 for step in range(2)]
    np.testing.assert_allclose(rates.seen, [*cosine, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("make", TWINS)
def test_partial_fit_after_a_cosine_has_the_rate_asked_for(make, data):
    rates = Rates()
    model = one_step(make, rates, lr_schedule="cosine", max_epochs=2).fit(*data)
    model.partial_fit(*data).partial_fit(*data)
    np.testing.assert_allclose(rates.seen[2:], [0.1, 0.1])


MILESTONES = [(2,), (1, 3), (3, 1), (2, 2), (0.5,), (0.25, 3), np.array([0.25, 0.5])]


def in_epochs(milestones, n_epochs):
    """Return milestones as torch takes them."""
    return sorted(int(m if m >= 1 else m * n_epochs) for m in milestones)


@pytest.mark.parametrize("milestones", MILESTONES, ids=str)
@pytest.mark.parametrize("make", TWINS)
def test_steps_are_those_of_torch(make, milestones, data):
    rates, rates_of_torch = Rates(), Rates()
    common = {"max_epochs": 4, "batch_size": 32}
    model = one_step(
        make, rates, lr_schedule="step", lr_milestones=milestones, **common
    )
    torch_s = LRScheduler(
        lr_scheduler.MultiStepLR, milestones=in_epochs(milestones, 4), gamma=0.1
    )
    other = one_step(make, torch_s, rates_of_torch, **common).fit(*data)
    assert_same_predictions(model.fit(*data), other, data[0], atol=1e-6)
    np.testing.assert_allclose(rates.seen, rates_of_torch.seen)
    assert len(set(np.round(rates.seen, 12))) > 1


@pytest.mark.parametrize(
    "params",
    [
        {"lr_gamma": 1.0},
        {"lr_milestones": (4,)},
        {"lr_schedule": "constant", "lr_milestones": (1,), "lr_gamma": 0.5},
    ],
)
@pytest.mark.parametrize("make", TWINS)
def test_steps_that_are_none_leave_the_rate(make, params, data):
    X, y = data
    model = one_step(make, **{"lr_schedule": "step", "max_epochs": 4} | params)
    assert_same_predictions(model.fit(X, y), one_step(make, max_epochs=4).fit(X, y), X)


@pytest.mark.parametrize("make", TWINS)
def test_steps_of_a_module_have_the_same_rates(make, data):
    seen = []
    for params in ({}, {"module": perceptron}):
        rates = Rates()
        steps = {"lr_schedule": "step", "lr_milestones": (1, 0.5), "max_epochs": 4}
        one_step(make, rates, **steps | complete(make, params)).fit(*data)
        seen.append(rates.seen)
    np.testing.assert_allclose(*seen)
    np.testing.assert_allclose(seen[0], [0.1, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("make", TWINS)
def test_steps_begin_again_with_each_fit_and_partial_fit_has_none(make, data):
    rates = Rates()
    steps = {"lr_schedule": "step", "lr_milestones": (0.5,), "max_epochs": 2}
    steps |= {"batch_size": 45, "warm_start": True}
    model = one_step(make, rates, **steps).fit(*data).fit(*data).partial_fit(*data)
    falling = [0.1, 0.1, 0.01, 0.01]
    np.testing.assert_allclose(rates.seen, [*falling, *falling, 0.1, 0.1])
    model.set_params(lr_gamma=0.5).fit(*data)
    np.testing.assert_allclose(rates.seen[10:], [0.1, 0.1, 0.05, 0.05])


@pytest.mark.parametrize("make", TWINS)
def test_steps_go_on_in_a_copy(make, data):
    X, y = data
    steps = {"lr_schedule": "step", "lr_milestones": (1,), "max_epochs": 3}
    model = one_step(make, warm_start=True, **steps).fit(X, y)
    again = pickle.loads(pickle.dumps(model)).fit(X, y)
    assert_same_predictions(again, model.fit(X, y), X)


STEPS_OF_MANY = [
    {"lr_milestones": (1,)},
    {"lr_milestones": (0.25,)},
    {"lr_milestones": (1,), "alpha": 1.0},
    {"lr_milestones": (1, 2)},
    {"lr_milestones": (1,), "lr_gamma": 0.5},
]


@pytest.mark.parametrize("make", TWINS)
def test_steps_of_many_are_those_of_each(make, data):
    X, y = data
    steps = {"lr_schedule": "step", "max_epochs": 4, "n_estimators": 2}
    made = [one_step(make, **steps | params) for params in STEPS_OF_MANY]
    alone = [one_step(make, **steps | params).fit(X, y) for params in STEPS_OF_MANY]
    fitted = fit_many(made, [X] * len(made), [y] * len(made))
    for one, other in zip(fitted, alone, strict=True):
        assert_same_predictions(one, other, X, atol=1e-5)


@pytest.mark.parametrize("make", TWINS)
def test_a_search_tries_steps(make, data):
    X, y = data
    grid = {"lr_milestones": [(1,), (2,)], "lr_gamma": [0.1, 0.5]}
    model = one_step(make, lr_schedule="step")
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert set(search.best_params_) == set(grid)
    again = one_step(make, lr_schedule="step", **search.best_params_).fit(X, y)
    assert_same_predictions(search.best_estimator_, again, X, atol=1e-5)


class CountInitialized(Callback):
    def __init__(self):
        self.n_times = 0

    def initialize(self):
        self.n_times += 1
        return self


@pytest.mark.parametrize("verbose", [0, 2])
@pytest.mark.parametrize("make", TWINS)
def test_callbacks_that_stay_are_initialised_once(make, verbose, data, capfd):
    counting = CountInitialized()
    model = one_step(make, ("count", counting), verbose=verbose, warm_start=True)
    model.partial_fit(*data).fit(*data).partial_fit(*data)
    assert counting.n_times == 1
    assert model.net_.callbacks_[1][1] is counting
    other = CountInitialized()
    model.set_params(callbacks=[other]).partial_fit(*data)
    assert (counting.n_times, other.n_times) == (1, 1)
    capfd.readouterr()


@pytest.mark.parametrize("make", TWINS)
def test_a_progress_bar_appears_and_goes_while_training_goes_on(make, data, capfd):
    X, y = data
    model = one_step(make, warm_start=True, batch_size=10).fit(X, y)
    model.set_params(verbose=2).fit(X, y)
    assert "/9 [" in capfd.readouterr().err
    model.set_params(verbose=0).fit(X[:40], y[:40])
    assert capfd.readouterr() == ("", "")
    model.set_params(verbose=2).fit(X[:40], y[:40])
    assert "/4 [" in capfd.readouterr().err


@pytest.mark.parametrize("make", TWINS)
def test_a_schedule_is_not_stored_with_the_optimiser(make, data):
    """It would hold the weights a second time."""
    halving = LRScheduler(lr_scheduler.ExponentialLR, gamma=0.5)
    model = one_step(make, halving, hidden_layer_sizes=(64, 64), optimizer="adam")
    plain = one_step(make, hidden_layer_sizes=(64, 64), optimizer="adam")
    sizes = [len(pickle.dumps(m.partial_fit(*data))) for m in (model, plain)]
    assert sizes[0] < sizes[1] + 2000
    assert_same_predictions(model, plain, data[0])


def test_torch_sees_the_rate_that_is_set(blobs):
    model = one_step(TWINS[0]).partial_fit(*blobs)
    model.set_params(lr=0.3).partial_fit(*blobs)
    (group,) = model.net_.optimizer_.param_groups
    assert group["lr"] == model.net_.lr == 0.3
    assert isinstance(model.net_.optimizer_, torch.optim.SGD)

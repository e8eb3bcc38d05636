"""Parameters: refusals that are true, bounds that numbers survive."""

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    BatchScoring,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    PrintLog,
)

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup._estimator.net_param_checks import REFUSED_NET_PARAMS
from sk_mixup._training.mixing import Vicinity
from sk_mixup.vicinity import Neighbors, SameClassNeighbors, Similar
from tests.twins import CONSTANT, SMALL, TWINS

both = pytest.mark.parametrize("make", TWINS)


def refuse(model, message, *data, error=ValueError):
    before = dict(vars(model))
    with pytest.raises(error, match=message) as caught:
        model.fit(*data)
    assert vars(model) == before
    assert "\n" not in str(caught.value)


# What is handed on to skorch.


@both
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("compile", "this package's own training steps, which are not compiled"),
        ("iterator_train__num_workers", "without a DataLoader and its workers"),
        ("iterator_valid", "without a DataLoader and its workers"),
        ("dataset", "without a DataLoader"),
        ("num_workers", "which skorch's NeuralNet does not take; it may hold torch_lo"),
        ("history", "which skorch's NeuralNet does not take"),
        ("criterion", "the estimator sets the loss"),
        ("criterion__reduction", "the estimator sets the loss"),
        ("train_split", "early_stopping and validation_fraction hold rows out"),
        ("predict_nonlinearity", "the estimator predicts"),
        ("max_epochs", "use the estimator's parameters"),
        ("module__bias", "use the estimator's parameters"),
        ("callbacks__nobody__sink", "no callback 'nobody' is among .*print_log"),
    ],
)
def test_net_params_say_why_they_refuse(make, name, message, data):
    model = make(net_params={name: 1}, **SMALL)
    refuse(model, rf"net_params cannot set \['{name}'\].*{message}", *data)


@both
def test_what_is_said_to_be_a_parameter_of_the_estimator_is_one(make):
    own = [
        k for k, why in REFUSED_NET_PARAMS.items() if "estimator's parameters" in why
    ]
    assert own
    assert set(own) <= set(make().get_params())


@both
@pytest.mark.parametrize("kind", [EpochScoring, BatchScoring])
def test_scoring_callbacks_are_refused(make, kind, data):
    message = rf"callbacks cannot hold {kind.__name__}, which scores the data sets of"
    refuse(make(callbacks=[kind("accuracy")], **SMALL), message, *data)


@both
@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([1], "callbacks must hold callbacks of skorch or pairs of a name and a"),
        ([int], "callbacks must hold callbacks"),
        ([("a",)], "callbacks must hold callbacks"),
        ([("a", EpochTimer(), 3)], "callbacks must hold callbacks"),
        ([(1, EpochTimer())], "callbacks must hold callbacks .* with the name 1"),
    ],
)
def test_callbacks_are_callbacks(make, callbacks, message, data):
    refuse(make(callbacks=callbacks, **SMALL), message, *data, error=TypeError)


@both
def test_callbacks_are_told_apart_by_name(make, data):
    clip = [("clip", GradientNormClipping(1)), ("clip", GradientNormClipping(2))]
    refuse(make(callbacks=clip, **SMALL), "several of the name 'clip'", *data)
    timer = [("epoch_timer", EpochTimer())]
    refuse(make(callbacks=timer, **SMALL), "several of the name 'epoch_t", *data)
    refuse(make(callbacks=[Freezer("x")], **SMALL), "cannot hold Freezer, which", *data)
    make(callbacks=[EpochTimer, EpochTimer()], **SMALL).fit(*data)


@both
@pytest.mark.parametrize(
    "params",
    [
        {"optimizer_params": {"betas": 3}},
        {"optimizer_params": {"amsgrad": "x", "foreach": 1, "fused": True}},
        {"optimizer_params": {"params": []}},
        {"optimizer_params": {"momentum": 0.9}},
        {"optimizer": torch.optim.Optimizer},
    ],
)
def test_an_optimizer_is_tried_before_the_training(make, params, data):
    message = "optimizer=.* cannot train with these optimizer_params"
    refuse(make(**SMALL | params), message, *data)


@both
@pytest.mark.parametrize("betas", [(0.5, 0.9), [0.5, 0.9]])
def test_arguments_that_an_optimizer_takes_are_taken(make, betas, data):
    model = make(optimizer_params={"betas": betas}, **SMALL).fit(*data)
    assert tuple(model.net_.optimizer_.param_groups[0]["betas"]) == (0.5, 0.9)


def too_narrow():
    return torch.nn.Linear(5, 2)


@both
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"module_params": {"in_features": 4}}, "could not be made of module_params={"),
        (
            {"module_params": {"in_features": -4, "out_features": 2}},
            r"could not be made of module_params=.* \(RuntimeError: ",
        ),
        ({"module": too_narrow}, r"module cannot take rows of shape \(4,\) \(Runtime"),
    ],
)
def test_errors_of_a_module_say_where_they_are_from(make, params, message, data):
    model = make(**SMALL | {"module": torch.nn.Linear} | params)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(*data)


# Bounds.


@both
def test_more_rows_than_make_sense_are_not_mixed(make, data):
    model = make(n_mixed=10**6, **SMALL)
    refuse(model, r"'n_mixed' parameter .* range \[2, 1000\]", *data)
    for train in (
        model.partial_fit,
        lambda *rows: fit_many([model], *zip(rows, strict=True)),
    ):
        with pytest.raises(ValueError, match="'n_mixed' parameter"):
            train(*data)
    make(**SMALL | {"n_mixed": 1000, "max_epochs": 1}).fit(*data)


@both
@pytest.mark.parametrize("name", ["batch_size", "n_iter_no_change", "max_epochs"])
def test_sizes_fit_32_bits(make, name, data):
    largest = 2**31 - 1
    refuse(make(**SMALL | {name: largest + 1}), rf"'{name}' parameter", *data)
    if name != "max_epochs":
        make(**SMALL | {name: largest}).fit(*data)


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
@pytest.mark.parametrize("several", [False, True])
def test_probabilities_survive_every_temperature(temperature, several, blobs):
    X, y = blobs
    y = np.column_stack([y > 0, y > 1]) if several else y
    model = MixupClassifier(temperature=temperature, **CONSTANT).fit(X, y)
    proba = model.predict_proba(1e6 * X)
    assert np.isfinite(proba).all()
    assert model.to_torch()(torch.tensor(1e6 * X).float()).isfinite().all()


@pytest.mark.parametrize("temperature", [1e-40, 0.9e-6, 1.1e6, np.inf, np.nan, True])
def test_temperatures_that_single_precision_loses_are_refused(temperature, blobs):
    with pytest.raises((ValueError, TypeError), match="temperature"):
        MixupClassifier(temperature=temperature, **SMALL).fit(*blobs)


@pytest.mark.parametrize("n_mixed", [2, 3])
@pytest.mark.parametrize("alpha", [1e31, 1e308, np.inf])
def test_a_huge_alpha_weighs_all_rows_alike(n_mixed, alpha, rng):
    weights = Vicinity(alpha=alpha, n_mixed=n_mixed).draw_weights(20, 4, rng)
    np.testing.assert_array_equal(weights, np.float32(1 / n_mixed))


@pytest.mark.parametrize("kind", [Neighbors, SameClassNeighbors])
@pytest.mark.parametrize("number", [0, 2.5, True, "2", None, np.array([1, 2])])
def test_neighbours_are_counted_in_whole_numbers(kind, number):
    with pytest.raises(ValueError, match="n_neighbors must be a whole number of at"):
        kind(number)


@pytest.mark.parametrize("bandwidth", [0, -1.0, 1e-320, 1e308, np.nan, "1", None])
def test_bandwidths_are_positive_numbers(bandwidth, line):
    with pytest.raises(ValueError, match="bandwidth must be a positive number"):
        Similar(bandwidth)
    with pytest.raises(ValueError, match="'bandwidth' parameter"):
        MixupRegressor(bandwidth=bandwidth, pairing="similar").fit(*line)


# Weights of classes.


@pytest.mark.parametrize("weight", [np.inf, np.nan, -1, "x", None, 10**400])
def test_weights_of_classes_are_blamed_on_class_weight(weight, blobs):
    model = MixupClassifier(class_weight={0: weight}, **SMALL)
    refuse(model, "class_weight must hold finite numbers and no negative", *blobs)


def test_products_of_weights_are_blamed_on_both(blobs):
    X, y = blobs
    model = MixupClassifier(class_weight={0: 1e200}, **SMALL)
    refuse(model, "sample_weight times class_weight is too", X, y, np.full(90, 1e200))


def test_an_unknown_class_is_blamed_on_class_weight(blobs):
    model = MixupClassifier(class_weight={0: 1, 7: 2}, **SMALL)
    refuse(
        model, r"class_weight={0: 1, 7: 2} names labels .* classes \[0 1 2\]", *blobs
    )


@both
@pytest.mark.parametrize("name", ["noise_std", "weight_decay"])
def test_a_loss_that_is_lost_is_blamed_on_what_was_set(make, name, data):
    model = make(**SMALL | {name: 1e30, "optimizer": "sgd"})
    refuse(model, rf"NaN or infinite in epoch \d; try .*other {name} \(now 1e", *data)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"callbacks__print_log": 3}, "print_log.* must be a callback"),
        ({"callbacks__epoch_timer__foo": 1}, "'epoch_timer' has no parameter 'foo'"),
        ({"callbacks__EpochTimer_3__foo": 1}, "no callback 'EpochTimer_3'"),
        ({"callbacks__EpochTimer_0__foo": 1}, "no callback 'EpochTimer_0'"),
    ],
)
@pytest.mark.parametrize("make", TWINS)
def test_parameters_of_callbacks_are_looked_at(make, params, message, data):
    callbacks = [EpochTimer(), EpochTimer()]
    with pytest.raises((TypeError, ValueError), match=message):
        make(net_params=params, callbacks=callbacks, **SMALL).fit(*data)


@pytest.mark.parametrize("make", TWINS)
def test_callbacks_of_one_kind_are_numbered_as_by_skorch(make, data):
    callbacks = [PrintLog(sink=len), PrintLog(sink=len)]
    params = {"callbacks__PrintLog_2__floatfmt": ".1f"}
    model = make(net_params=params, callbacks=callbacks, **SMALL).fit(*data)
    formats = [log.floatfmt for log in callbacks]
    assert formats == [".4f", ".1f"]
    assert model.n_iter_ == 3

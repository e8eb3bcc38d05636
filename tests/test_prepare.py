"""From an estimator and its data to a training: weights, going on, bad input."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochScoring,
    Freezer,
    InputShapeSetter,
    LoadInitState,
)
from torch import nn

from sk_mixup.vicinity import Pairing, SameClass
from tests.twins import (
    CONSTANT,
    DRAWING,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    complete,
    label,
    perceptron,
    predicted,
)

pytestmark = pytest.mark.parametrize("make", TWINS)


# Weights of rows.


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("standardize", [True, False])
def test_weights_equal_repeated_rows(make, standardize, data, rng):
    X, y = data
    weights = rng.integers(4, size=90)
    params = {**CONSTANT, **all_rows(make), "batch_size": 1000, "lr": 0.01}
    params["standardize"] = standardize
    weighted = make(0, **params).fit(X, y, weights)
    repeated = make(0, **params).fit(X.repeat(weights, 0), y.repeat(weights))
    assert_same_predictions(weighted, repeated, X, atol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_)


@pytest.mark.parametrize("params", DRAWING[:3], ids=label)
def test_a_row_of_weight_0_is_left_out(make, params, data):
    X, y = data
    weights = np.arange(90) % 3 > 0
    zero = make(1, **SMALL | params).fit(X, y, weights.astype(float))
    without = make(1, **SMALL | params).fit(X[weights], y[weights])
    assert_same_predictions(zero, without, X, atol=1e-5)


@pytest.mark.parametrize("factor", [1e-6, 3, 1e6])
def test_only_ratios_of_weights_matter(make, factor, data, rng):
    X, y = data
    weights = rng.random(90)
    one, other = (make(1, **SMALL).fit(X, y, f * weights) for f in (1, factor))
    assert_same_predictions(one, other, X, atol=1e-5)


def test_even_weights_are_no_weights(make, data):
    X, y = data
    one, other = (make(1, **SMALL).fit(X, y, w) for w in (None, np.full(90, 2.0)))
    assert_same_predictions(one, other, X, atol=1e-5)


def test_weights_matter(make, data):
    X, y = data
    one, other = (make(1, **SMALL).fit(X, y, w) for w in (None, np.arange(90.0)))
    assert (abs(predicted(one, X) - predicted(other, X)) > 1e-4).any()


# Going on.


GOING_ON = [
    {},
    {"n_estimators": 3, "dropout": 0.2, "noise_std": 0.1},
    {"mix_layer": "random"},
    {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}},
    {"module": perceptron, "module_params": {"dropout": 0.2}},
]


@pytest.mark.parametrize("params", GOING_ON, ids=label)
def test_two_warm_fits_equal_a_long_one(make, params, data):
    X, y = data
    params = {**CONSTANT, **complete(make, params)}
    warm = make(1, warm_start=True, **params).fit(X, y).fit(X, y)
    long = make(1, **{**params, "max_epochs": 6}).fit(X, y)
    assert_same_predictions(warm, long, X)
    assert warm.loss_curve_ == long.loss_curve_
    assert (warm.n_iter_, len(warm.history_)) == (3, 6)


@pytest.mark.parametrize("params", GOING_ON, ids=label)
def test_partial_fits_equal_epochs(make, params, data):
    X, y = data
    params = {**CONSTANT, **all_rows(make), **complete(make, params)}
    parts = make(1, **params)
    for _ in range(3):
        assert parts.partial_fit(X, y) is parts
    assert_same_predictions(parts, make(1, **params).fit(X, y), X)
    assert (parts.n_iter_, len(parts.history_)) == (1, 3)


def test_a_partial_fit_leaves_no_row_out_to_stop_by(make, data):
    X, y = data
    stopping = make(1, **CONSTANT | {"early_stopping": True, "n_iter_no_change": 1})
    plain = make(1, **CONSTANT)
    for _ in range(3):
        stopping.partial_fit(X, y)
        plain.partial_fit(X, y)
    assert_same_predictions(stopping, plain, X)
    assert stopping.validation_scores_ is None


def test_a_single_row_cannot_be_left_out(make, data):
    X, y = data
    model = make(**SMALL | {"early_stopping": True})
    with pytest.raises(ValueError, match=r"at least 2 rows .*, but got n_samples=1"):
        model.fit(X, y, np.arange(90) == 3)


def test_a_cold_fit_forgets(make, data):
    X, y = data
    model = make(**SMALL).fit(X[:40], y[:40]).fit(X, y)
    assert_same_predictions(model, make(**SMALL).fit(X, y), X)
    assert model.n_iter_ == 3


def test_parts_may_have_weights_and_other_sizes(make, data):
    X, y = data
    model = make(**CONSTANT).partial_fit(X, y, sample_weight=np.arange(90.0))
    model.partial_fit(X[:7], y[:7]).partial_fit(X[:1], y[:1])
    assert len(model.loss_curve_) == 3


FAILURES = {
    "infinity": ({}, lambda X, y: (X + np.inf, y)),
    "features": ({}, lambda X, y: (X[:, :2], y)),
    "alpha": ({"alpha": -1}, lambda X, y: (X, y)),
    "loss": ({"lr": 1e30}, lambda X, y: (X, y)),
}


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_refit_leaves_the_old_fit(make, warm, failure, data):
    X, y = data
    params, spoil = FAILURES[failure]
    if not warm and failure == "features":
        pytest.skip("a cold fit may have other features")
    model = make(**CONSTANT, warm_start=warm).fit(X, y)
    twin = make(**CONSTANT, warm_start=warm).fit(X, y)
    good = {name: getattr(model, name) for name in params}
    model.set_params(**params)
    with pytest.raises(ValueError, match=failure):
        model.fit(*spoil(X, y))
    model.set_params(**good)
    assert_same_predictions(model, twin, X)
    assert model.loss_curve_ == twin.loss_curve_
    assert model.n_features_in_ == 4
    # Streams, too, stand where they stood.
    assert_same_predictions(model.partial_fit(X, y), twin.partial_fit(X, y), X)


class CountEpochs(Callback):
    def __init__(self):
        self.n_epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1


def test_settings_may_change_while_training_goes_on(make, data, capsys):
    X, y = data
    counting = CountEpochs()
    model = make(warm_start=True, **CONSTANT).fit(X, y)
    model.set_params(callbacks=[counting], verbose=1).fit(X, y)
    assert counting.n_epochs == 3
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_equal_settings_are_no_change(make, data):
    X, y = data
    params = {"clip": 3.0, "hidden_layer_sizes": np.array([8, 6])}
    model = make(warm_start=True, **CONSTANT | params).fit(X, y)
    same = {"clip": 3, "hidden_layer_sizes": (8, 6), "n_estimators": np.int64(1)}
    assert model.set_params(**same, standardize=np.True_).fit(X, y).n_iter_ == 3


def test_a_module_may_not_change_behind_ones_back(make, data):
    params = complete(make, {"module": perceptron})
    model = make(warm_start=True, **CONSTANT | params).fit(*data)
    model.module_params["dropout"] = 0.5
    with pytest.raises(ValueError, match="module_params cannot change"):
        model.fit(*data)


class Annotate(Callback):
    """Write to the last epoch of the training before, and then fail."""

    def on_train_begin(self, net, **kwargs):
        if net.history:
            net.history.record("note", "changed")
            raise RuntimeError


def test_a_failing_callback_leaves_the_old_history(make, data):
    model = make(warm_start=True, callbacks=[Annotate()], **CONSTANT).fit(*data)
    with pytest.raises(RuntimeError):
        model.fit(*data)
    assert "note" not in model.history_[-1]


def test_weight_decay_may_change_while_training_goes_on(make, data):
    X, y = data
    free, decayed = (
        make(warm_start=True, optimizer="adamw", **CONSTANT).fit(X, y) for _ in "ab"
    )
    decayed.set_params(weight_decay=10.0)
    sizes = [m.fit(X, y).net_.module_.body.theta.abs().sum() for m in (free, decayed)]
    assert sizes[1] < sizes[0]


# Bad input.


def huge(X):
    X = X.copy()
    X[3, 1] = np.inf
    return X


BAD_DATA = {
    "infinity": (lambda X, y: (huge(X), y, None), "infinity or a value too large"),
    "sparse NaN": (lambda X, y: (sparse.csr_matrix(X * np.nan), y, None), "NaN"),
    "empty": (lambda X, y: (X[:0], y[:0], None), r"0 sample.*required by Mixup"),
    "no features": (lambda X, y: (X[:, :0], y, None), r"0 feature.*required by Mixup"),
    "one dimension": (lambda X, y: (X[:, 0], y, None), "Expected 2D array"),
    "images": (lambda X, y: (X[:, None], y, None), "dim 3.*expected|dim <= 2"),
    "complex": (lambda X, y: (X * 1j, y, None), "Complex data not supported"),
    "days": (lambda X, y: (X.astype("M8[D]"), y, None), "X hold dates"),
    "other length": (lambda X, y: (X, y[:50], None), "90 rows and y has 50"),
    "no y": (lambda X, y: (X, None, None), "requires y to be passed"),
    "NaN in y": (lambda X, y: (X, np.full(90, np.nan), None), "y contains NaN"),
    "complex y": (lambda X, y: (X, y * 1j, None), "Complex data not supported"),
    "negative weights": (lambda X, y: (X, y, -np.ones(90)), "Negative values"),
    "zero weights": (lambda X, y: (X, y, np.zeros(90)), "weight"),
    "NaN weights": (lambda X, y: (X, y, np.full(90, np.nan)), "weight contains NaN"),
    "weights of other length": (lambda X, y: (X, y, np.ones(5)), r"shape == \(5,\)"),
}


def assert_refused(model, error, message, *data):
    """Check that fit raises and that nothing else is changed by it."""
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        model.fit(*data)
    assert vars(model) == before


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_refused(make, case, data):
    spoil, message = BAD_DATA[case]
    assert_refused(make(**SMALL), ValueError, message, *spoil(*data))


def test_the_error_for_gaps_says_what_to_do(make, data):
    X = sparse.csr_matrix(data[0] * np.nan)
    with pytest.raises(ValueError, match=rf"NaN.*{make.__name__}.*impu"):
        make(**SMALL).fit(X, data[1])


BAD_PARAMETERS = [
    ({"alpha": -0.1}, "'alpha' parameter"),
    ({"alpha": np.nan}, "'alpha' parameter"),
    ({"alpha": "0.4"}, "'alpha' parameter"),
    ({"batch_size": 0}, "'batch_size' parameter"),
    ({"batch_size": 2.5}, "'batch_size' parameter"),
    ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be positive"),
    ({"hidden_layer_sizes": 0}, "'hidden_layer_sizes' parameter"),
    ({"hidden_layer_sizes": (8.5,)}, "hidden_layer_sizes must be positive"),
    ({"max_epochs": 0}, "'max_epochs' parameter"),
    ({"lr": 0.0}, "'lr' parameter"),
    ({"dropout": 1.0}, "'dropout' parameter"),
    ({"clip": 0.0}, "'clip' parameter"),
    ({"n_estimators": 0}, "'n_estimators' parameter"),
    ({"random_state": "seed"}, "'random_state' parameter"),
    ({"optimizer": "adamax"}, r"'optimizer' parameter.*'adam'"),
    ({"lr_schedule": "linear"}, r"'lr_schedule' parameter.*'cosine'"),
    ({"lr_milestones": (0.5, 1.0)}, r"lr_milestones must be .*, got \(0.5, 1.0\)"),
    ({"lr_milestones": (0, 2)}, r"lr_milestones must be .*, got \(0, 2\)"),
    ({"lr_milestones": [[1, 2]]}, "lr_milestones must be"),
    ({"lr_milestones": ()}, "lr_milestones must be"),
    ({"lr_milestones": (True,)}, "lr_milestones must be"),
    ({"lr_milestones": 0.5}, "'lr_milestones' parameter"),
    ({"lr_gamma": 0.0}, "'lr_gamma' parameter"),
    ({"lr_gamma": 2.0}, "'lr_gamma' parameter"),
    ({"weights_per": "row"}, r"'weights_per' parameter.*'example'"),
    ({"noise_std": -1.0}, "'noise_std' parameter"),
    ({"n_mixed": 1}, r"'n_mixed' parameter.*\[2"),
    ({"n_neighbors": 0}, "'n_neighbors' parameter"),
    ({"pairing": "nearest"}, r"'nearest' is unknown; it is one of \['random', "),
    ({"pairing": ["random"]}, r"\['random'\] is unknown"),
    ({"pairing": SameClass}, "is unknown"),
    ({"mix_layer": 3}, r"3 does not exist; .*\['input', 'random', 'raw', 0, 1, 2\]"),
    ({"mix_layer": "output"}, "'output' does not exist; .*'input'"),
    ({"mix_layer": -1}, "'mix_layer' parameter"),
    ({"warmup_epochs": 2, "clean_epochs": 2}, "more than max_epochs=3"),
    ({"device": "cuda:77"}, "'cuda:77' cannot be used here .*use 'cpu', or 'auto'"),
    ({"device": "toaster"}, "'toaster' cannot be used here"),
    ({"device": "meta"}, "'meta' cannot be used here"),
    ({"net_params": {"lr": 1}}, r"net_params cannot set \['lr'\]"),
    ({"net_params": {"ema_halflife": 1}}, r"net_params cannot set \['ema_halflife'\]"),
    ({"net_params": {"optimizer__lr": 1.0}}, r"net_params cannot set \['optimizer__lr"),
    ({"optimizer": torch.optim.LBFGS}, "LBFGS does not treat each weight on its own"),
    ({"callbacks": [EpochScoring]}, "callbacks cannot hold EpochScoring"),
    ({"callbacks": [("still", Freezer)]}, "callbacks cannot hold Freezer"),
    ({"callbacks": [LoadInitState]}, "callbacks cannot hold LoadInitState to load"),
    ({"net_params": {"dataset__length": 3}}, r"net_params cannot set \['dataset__l"),
    ({"callbacks": [InputShapeSetter]}, "callbacks cannot hold InputShapeSetter"),
    ({"optimizer_params": {"lr": 0.9}}, "cannot set 'lr'; use the parameter lr"),
    ({"optimizer_params": {"differentiable": True}}, "cannot set 'differentiable'"),
    (
        {"optimizer": torch.optim.Rprop, "weight_decay": 0.1},
        "weight_decay=0.1 cannot be used: Rprop has no",
    ),
    ({"lr": 1e30, "optimizer": "sgd"}, "NaN or infinite in epoch 1; try a lower lr"),
]


@pytest.mark.parametrize(("params", "message"), BAD_PARAMETERS, ids=str)
def test_bad_parameters_are_refused(make, params, message, data):
    assert_refused(make(**SMALL | params), ValueError, message, *data)


def test_a_checkpoint_that_loads_is_refused(make, data):
    model = make(**SMALL, callbacks=[("best", Checkpoint(load_best=True))])
    assert_refused(model, ValueError, "cannot hold Checkpoint to load", *data)


@dataclass
class Thawed(Pairing):
    """A pairing that is no value."""

    def fit(self, rows):
        raise NotImplementedError


class Recurrent(nn.Module):
    """A cell that returns its state too, and a layer that nobody calls."""

    def __init__(self, n_outputs):
        super().__init__()
        self.cell, self.out = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, n_outputs)
        self.idle = nn.Linear(4, 4)

    def forward(self, x):
        return self.out(self.cell(x[..., None])[0][:, -1])


class NotTrained(nn.Module):
    """A module without parameters."""

    def __init__(self, n_outputs):
        super().__init__()
        self.n_outputs = n_outputs

    def forward(self, x):
        return x[:, : self.n_outputs]


BAD_MODULES = [
    ({"module": lambda: 3}, TypeError, "must make a torch.nn.Module"),
    ({"module": nn.Linear(4, 3)}, ValueError, "is a Linear itself"),
    ({"module": lambda: nn.LSTM(4, 3)}, TypeError, "return a tensor.* returned tuple"),
    ({"module": lambda: nn.Linear(4, 7)}, ValueError, r"shape \(2, 7\), but \(2, \d\)"),
    ({"module": lambda: nn.Flatten(0)}, ValueError, r"shape \(8,\), but \(2, \d\)"),
    ({"module": perceptron, "mix_layer": "9"}, ValueError, r"'9' does not .*'0', '1'"),
    ({"module": perceptron, "mix_layer": 1}, ValueError, "mix_layer=1 does not exist"),
    ({"module": Recurrent, "mix_layer": "cell"}, ValueError, "2 rows returned tuple"),
    ({"module": Recurrent, "mix_layer": "idle"}, ValueError, "'idle' is not called"),
    ({"module": NotTrained}, ValueError, "NotTrained without parameters"),
    ({"module": perceptron, "mix_layer": "random"}, ValueError, "'random' does not"),
    ({"optimizer": int}, TypeError, "a class of torch.optim, got"),
    ({"pairing": Thawed()}, TypeError, r"Thawed\(\) must be hashable, as a frozen"),
]


@pytest.mark.parametrize(("params", "error", "message"), BAD_MODULES)
def test_bad_modules_are_refused(make, params, error, message, data):
    if params.get("module") in (perceptron, Recurrent, NotTrained):
        params = complete(make, params)
    assert_refused(make(**SMALL, **params), error, message, *data)


def test_a_diverging_run_among_others_is_named(make, data):
    """The loss of one member of an ensemble is enough."""
    X, y = data
    model = make(lr=1e30, optimizer="sgd", **SMALL | {"n_estimators": 3})
    assert_refused(model, ValueError, "NaN or infinite in epoch 1", X, y)


@pytest.mark.parametrize("name", ["predict", "to_torch", "score", "predict_proba"])
def test_unfitted_models_say_so(make, name, data):
    model = make()
    if not hasattr(model, name):
        pytest.skip("a regressor has no probabilities")
    arguments = {"predict": data[:1], "predict_proba": data[:1], "score": data}
    with pytest.raises(NotFittedError, match=f"This {make.__name__} instance is not"):
        getattr(model, name)(*arguments.get(name, ()))


def test_rows_of_other_width_are_refused(make, data):
    model = make(**SMALL).fit(*data)
    with pytest.raises(
        ValueError, match=r"3 features, but Mixup.* expecting 4 features"
    ):
        model.predict(data[0][:, :3])


GONE_ON = [
    ({"n_estimators": 2}, "n_estimators cannot change from 1 to 2"),
    ({"hidden_layer_sizes": (3,)}, r"cannot change from \(8, 6\) to \(3,\)"),
    ({"optimizer": "sgd"}, r"optimizer cannot change from .*\.Adam to .*\.SGD"),
    ({"optimizer_params": {"amsgrad": True}}, "optimizer_params cannot change"),
    ({"standardize": False}, "standardize cannot change from True to False"),
    ({"clip": 2.0}, "clip cannot change from None to 2.0"),
    ({"module": perceptron, "hidden_layer_sizes": (8, 6)}, "cannot change from"),
    ({"net_params": {"torch_load_kwargs": {}}}, "net_params cannot change"),
]


@pytest.mark.parametrize(("params", "message"), GONE_ON)
def test_a_network_cannot_change_while_training_goes_on(make, params, message, data):
    model = make(**SMALL).partial_fit(*data).set_params(**params)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*data)

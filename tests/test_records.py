"""Records of epochs: what they hold, and that many of them cost little."""

import copy
import io
import pickle
import sys
import tracemalloc

import joblib
import numpy as np
import pytest
import skorch
import torch
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch.callbacks import Callback
from skorch.history import History
from torch import nn

from sk_mixup import MixupClassifier
from sk_mixup._training.records import (
    LOSSES,
    NOTHING,
    EpochHistory,
    Records,
    packed,
    side_by_side,
    unpacked,
)
from tests.twins import (
    CONSTANT,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    complete,
    perceptron,
)

# What is recorded.


def reference(make, **params):
    """Return scikit-learn's perceptron for the same targets."""
    kind = MLPClassifier if make is MixupClassifier else MLPRegressor
    return kind(max_iter=3, random_state=0, **params)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("calls", ["fff", "ppp", "fpf", "pfp"])
@pytest.mark.parametrize("make", TWINS)
def test_epochs_are_counted_as_scikit_learn_does(make, calls, data):
    X, y = data
    ours, theirs = make(**SMALL, warm_start=True), reference(make, warm_start=True)
    for number, call in enumerate(calls):
        first = call == "p" and number == 0 and make is MixupClassifier
        classes = {"classes": [0, 1, 2]} if first else {}
        for model in (ours, theirs):
            (model.fit if call == "f" else model.partial_fit)(X, y, **classes)
        assert ours.n_iter_ == theirs.n_iter_
        assert len(ours.loss_curve_) == len(theirs.loss_curve_)
    assert len(ours.history_) == len(ours.loss_curve_)


@pytest.mark.parametrize("make", TWINS)
def test_a_cold_fit_begins_a_new_history(make, data):
    model = make(**SMALL).fit(*data).partial_fit(*data).fit(*data)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_) == 3


@pytest.mark.parametrize("make", TWINS)
def test_batches_are_counted_as_in_skorch(make, data):
    X, y = data
    model = make(**SMALL | all_rows(make) | {"early_stopping": True}).fit(X, y)
    net = skorch.NeuralNetRegressor(nn.Linear(4, 1), max_epochs=3, verbose=0)
    net.fit(X.astype(np.float32), y[:, None].astype(np.float32))
    expected = {key for key in net.history[-1] if key.endswith("_batch_count")}
    assert {key for key in model.history_[-1] if "count" in key} == expected
    assert model.history_[:, "train_batch_count"] == [-(-81 // 16)] * 3
    assert model.history_[:, "valid_batch_count"] == [1] * 3
    model.partial_fit(X[:50], y[:50])
    assert model.history_[-1]["train_batch_count"] == 4
    assert "valid_batch_count" not in model.history_[-1]


class Listen(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


def test_batches_that_are_listened_to_are_counted_too(blobs):
    model = MixupClassifier(**SMALL, callbacks=[Listen()]).fit(*blobs)
    counts = [len(epoch["batches"]) for epoch in model.history_]
    assert model.history_[:, "train_batch_count"] == counts


# Many epochs.


def lengthened(model, n_epochs):
    """Return a copy that has as many epochs as after so many partial fits."""
    model = copy.deepcopy(model)
    net = model.net_
    for records in (net.history, net.train_losses_, net.ran_):
        records.extend([records[-1]] * (n_epochs - len(records)))
    return model


def work_of_a_call(model, X, y):
    """Count the calls of functions, those written in C included."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        model.partial_fit(X, y)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("make", TWINS)
def test_a_partial_fit_is_as_much_work_after_many(make, data):
    model = make(**SMALL).partial_fit(*data).partial_fit(*data)
    few, many = (lengthened(model, n) for n in (2, 10_000))
    work_of_a_call(copy.deepcopy(few), *data)  # imports and caches
    assert work_of_a_call(many, *data) < 1.05 * work_of_a_call(few, *data)


@pytest.mark.parametrize("make", TWINS)
def test_a_partial_fit_takes_a_few_bytes_for_each_epoch_before(make, data):
    model = make(**SMALL).partial_fit(*data).partial_fit(*data)
    peaks = []
    for n_epochs in (2, 100_000):
        longer = lengthened(model, n_epochs).partial_fit(*data)  # lists have room now
        tracemalloc.start()
        longer.partial_fit(*data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50 * 100_000  # pointers to what is not copied


@pytest.mark.parametrize("make", TWINS)
def test_a_call_adds_tens_of_bytes_to_a_pickle(make, data):
    model = make(**SMALL | all_rows(make))
    sizes = []
    for _ in range(2):
        for _ in range(20):
            model.partial_fit(*data)
        sizes.append(len(pickle.dumps(model)))
    assert sizes[1] - sizes[0] < 20 * 60


class Stop(Callback):
    """End the third training in its epoch, after all is recorded."""

    n_trainings = 0

    def on_train_begin(self, net, **kwargs):
        self.n_trainings += 1
        if net.history:
            net.history.record("note", self.n_trainings)

    def on_epoch_end(self, net, **kwargs):
        if self.n_trainings == 3:
            raise RuntimeError


@pytest.mark.parametrize("make", TWINS)
def test_a_failing_fit_leaves_the_records(make, data):
    model = make(**SMALL, callbacks=[Stop()], warm_start=True).fit(*data).fit(*data)
    net, history = model.net_, copy.deepcopy(list(model.history_))
    losses = copy.deepcopy(net.train_losses_)
    with pytest.raises(RuntimeError):
        model.fit(*data)
    assert model.net_ is net
    assert model.history_ == history
    np.testing.assert_array_equal(net.train_losses_, losses)
    assert len(net.ran_) == len(losses)
    assert len(model.fit(*data).history_) == 9


# Figures of runs.


def make_records(n_runs, n_epochs, seed=0):
    """Draw losses and errors of epochs in which all runs ran."""
    rng = np.random.default_rng(seed)
    records = Records()
    for key, epochs in records.figures.items():
        for _ in range(n_epochs):
            own = rng.random(n_runs).astype(np.float32)
            epochs.append(np.ones(n_runs, dtype=bool) if key == "ran" else own)
    return records


def test_records_side_by_side_hold_those_of_each_part():
    long, short = make_records(3, 5, seed=1), make_records(4, 2, seed=2)
    joined = side_by_side([(long, range(1, 3)), (short, range(4))])
    for key, nothing in NOTHING.items():
        epochs = np.stack(joined.figures[key])
        np.testing.assert_array_equal(epochs[:, :2], np.stack(long.figures[key])[:, 1:])
        np.testing.assert_array_equal(epochs[:2, 2:], np.stack(short.figures[key]))
        np.testing.assert_array_equal(epochs[2:, 2:], np.full((3, 4), nothing))


def test_records_side_by_side_end_with_the_last_run_that_ran():
    stopped = make_records(2, 6)
    for epoch in range(6):
        stopped.figures["ran"][epoch] = np.array([True, epoch < 4])
    joined = side_by_side([(stopped, range(1, 2))])
    assert {len(epochs) for epochs in joined.figures.values()} == {4}


@pytest.mark.parametrize("key", LOSSES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_bad_epoch_is_of_the_last_training_and_of_runs_that_ran(key, bad):
    records = make_records(2, 6)
    records.figures[key][1][0] = bad  # of an earlier training
    records.begin()
    assert records.first_bad_epoch() is None
    for name, epochs in make_records(2, 3).figures.items():
        records.figures[name] += epochs
    assert records.first_bad_epoch() is None
    records.figures[key][7][1] = bad
    assert records.first_bad_epoch() == 8
    records.figures["ran"][7][1] = False
    assert records.first_bad_epoch() is None


def test_records_to_go_on_with_leave_the_first_as_they_are():
    records = make_records(2, 3)
    other = records.copy()
    other.begin()
    other.figures["train_loss"].append(np.zeros(2))
    assert len(records.figures["train_loss"]) == 3
    assert records.latest("train_loss") == records.figures["train_loss"]
    assert len(other.latest("train_loss")) == 1


# Histories as columns.


HISTORIES = {
    "none": [],
    "one": [{"batches": [], "epoch": 1, "train_loss": 0.5, "train_loss_best": True}],
    "gaps": [{"a": 1.0}, {"b": True}, {"a": float("inf"), "b": False}],
    "types": [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": None}, {"a": np.float32(1)}],
    "large": [{"a": 2**40}, {"a": 2**80}, {"a": -1}],
    "texts": [{"note": "x"}, {"note": "y"}],
    "batches": [{"batches": [{"loss": 1.0}]}, {"batches": []}],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_unpacked_as_it_was(name):
    history = EpochHistory(HISTORIES[name])
    again = unpacked(packed(history))
    assert list(again) == list(history)
    for one, other in zip(again, history, strict=True):
        assert {k: type(v) for k, v in one.items()} == {
            k: type(v) for k, v in other.items()
        }


def test_unpacked_epochs_share_nothing():
    again = unpacked(packed([{"batches": []}, {"batches": []}]))
    again[0]["batches"].append(1)
    assert again[1] == {"batches": []}


@pytest.mark.parametrize(
    "key",
    [0, -1, slice(1, None), (slice(None), "a"), (-1, ("a", "b")), (0, "batches", 0)],
    ids=str,
)
def test_a_history_is_read_as_that_of_skorch(key):
    epochs = [{"a": n, "b": -n, "batches": [{"x": n}]} for n in range(3)]
    assert EpochHistory(epochs)[key] == History(epochs)[key]


# Storage.


STORED = [{}, {"n_estimators": 3, "early_stopping": True}, {"module": perceptron}]


@pytest.mark.parametrize("params", STORED)
@pytest.mark.parametrize("make", TWINS)
def test_a_stored_model_goes_on_as_the_one_in_memory(make, params, data):
    X, y = data
    model = make(**SMALL | complete(make, params), warm_start=True).fit(X, y)
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    model.partial_fit(X, y).fit(X, y)
    for other in copies:
        again = pickle.loads(pickle.dumps(other.partial_fit(X, y))).fit(X, y)
        assert_same_predictions(again, model, X)
        assert again.loss_curve_ == model.loss_curve_
        assert again.n_iter_ == model.n_iter_
        assert again.net_.module is again.net_.module_


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "nadam"])
@pytest.mark.parametrize("make", TWINS)
def test_weights_and_moments_are_stored_once(make, optimizer, data):
    params = {**SMALL, "optimizer": optimizer, "hidden_layer_sizes": (128, 128)}
    model = make(**params | {"n_estimators": 2, "ema_halflife": 1.0}).fit(*data)
    net = model.net_
    tensors = [*net.module_.state_dict().values()]
    for state in net.optimizer_.state.values():
        tensors += [value for value in state.values() if torch.is_tensor(value)]
    needed = sum(tensor.nbytes for tensor in tensors)
    assert len(pickle.dumps(model)) < 1.2 * needed
    assert len(pickle.dumps(copy.deepcopy(model))) < 1.2 * needed
    assert len(pickle.dumps(pickle.loads(pickle.dumps(model)))) < 1.2 * needed


@pytest.mark.parametrize("params", STORED)
@pytest.mark.parametrize("make", TWINS)
def test_no_gradient_is_kept(make, params, data):
    model = make(**SMALL | complete(make, params)).fit(*data).partial_fit(*data)
    assert all(each.grad is None for each in model.net_.module_.parameters())


def test_a_module_of_the_users_is_stored_once(blobs):
    model = MixupClassifier(**SMALL | {"module": wide, "n_estimators": 2}).fit(*blobs)
    weights = sum(each.nbytes for each in model.net_.module_.parameters())
    assert len(pickle.dumps(model)) < 1.2 * 3 * weights  # and two moments


def wide():
    return nn.Sequential(nn.Linear(4, 256), nn.Linear(256, 128), nn.Linear(128, 3))


@pytest.mark.parametrize("params", STORED[:2])
@pytest.mark.parametrize("make", TWINS)
def test_a_read_only_memory_map_is_read_and_trained_on(make, params, data, tmp_path):
    X, y = data
    model = make(**SMALL | params).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert_same_predictions(mapped, model, X)
    assert_same_predictions(mapped.partial_fit(X, y), model.partial_fit(X, y), X)


@pytest.mark.parametrize("params", STORED[::2])
@pytest.mark.parametrize("make", TWINS)
def test_skorch_saves_and_loads_parameters(make, params, data):
    X, y = data
    params = complete(make, params)
    one, other = (
        make(**SMALL | params | {"random_state": n}).fit(X, y) for n in (0, 1)
    )
    files = {name: io.BytesIO() for name in ("f_params", "f_optimizer", "f_criterion")}
    one.net_.save_params(**files)
    for file in files.values():
        file.seek(0)
    other = pickle.loads(pickle.dumps(other))
    other.net_.load_params(**files)
    bodies = [model.net_.module_.body for model in (one, other)]
    rows = torch.from_numpy(X).float().unsqueeze(0)
    assert torch.equal(*(body(rows) for body in bodies))


@pytest.mark.parametrize("make", TWINS)
def test_a_loaded_net_takes_rates_as_others_do(make, data):
    model = pickle.loads(pickle.dumps(make(**CONSTANT, verbose=0).fit(*data)))
    model.net_.set_params(lr=0.5)
    assert [group["lr"] for group in model.net_.optimizer_.param_groups] == [0.5]


def test_reading_a_talkative_model_prints_nothing(blobs, capfd):
    stored = pickle.dumps(MixupClassifier(**SMALL, verbose=1).fit(*blobs))
    capfd.readouterr()
    assert pickle.loads(stored).net_.verbose == 1
    assert capfd.readouterr() == ("", "")

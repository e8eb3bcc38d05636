"""Training and prediction on a GPU, most of it pretended."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import make_classification
from torch import nn

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks import torch_modes
from sk_mixup._training import dropout_masks, epoch_draw, stacks
from sk_mixup._training.net import MixupNet
from sk_mixup._training.run_rows import EncodedRows
from sk_mixup._training.settings import Settings
from tests.pretend_device import MixedDevicesError, PretendDevice, PretendTensor
from tests.twins import TWINS, complete, label, perceptron

SMALL = {
    "hidden_layer_sizes": (8, 6),
    "max_epochs": 3,
    "batch_size": 32,
    "n_estimators": 2,
    "random_state": 0,
}


CONFIGURATIONS = [
    {},
    {"n_estimators": 1},
    {"alpha": 0},
    {"alpha": (0.2, 1.0), "encoding": "bins"},
    {"encoding": "standardized", "clip": None, "dropout": 0.0},
    {"standardize": False},
    {"mix_layer": "random", "clean_epochs": 0},
    {"mix_layer": 1, "clean_epochs": 0},
    {"mix_layer": "raw", "clean_epochs": 0},
    {"mix_features": "swap", "clean_epochs": 0},
    {"n_mixed": 3, "clean_epochs": 0},
    {"weights_per": "example", "clean_epochs": 0},
    {"warping": 0.5, "clean_epochs": 0},
    {"noise_std": 0.1},
    {"pairing": "neighbors"},
    {"optimizer": "sgd"},
    {"optimizer": "rmsprop"},
    {"early_stopping": False},
    {"n_iter_no_change": 1, "max_epochs": 6},
    {"ema_halflife": 0.0, "lr_schedule": "constant", "warmup_epochs": 1},
    {"member_weights": "uniform"},
    {"bias_init": "uniform"},
    {"batch_size": 200},
]
OF_CLASSIFIER = [
    {"label_smoothing": 0.1},
    {"class_weight": "balanced"},
    {"temperature": 1.0},
]
OF_REGRESSOR = [
    {"loss": "huber"},
    {"loss": "absolute_error"},
    {"loss": "quantile", "quantile": 0.9},
]


@pytest.fixture
def gpu():
    with PretendDevice() as world:
        yield world


def assert_bitwise(here, there, X):
    """Assert that two estimators, the second on a device, are the same networks."""
    assert there.net_.module_.device.type == "cuda"
    np.testing.assert_array_equal(here.predict(X), there.predict(X))
    if hasattr(here, "predict_proba"):
        np.testing.assert_array_equal(here.predict_proba(X), there.predict_proba(X))
    assert here.loss_curve_ == there.loss_curve_


def on_both(make, params, train):
    """Train on the CPU and on the device."""
    models = [make(**{**SMALL, **params}, device=device) for device in ("cpu", "cuda")]
    for model in models:
        train(model)
    return models


# What holds for every configuration.


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("params", CONFIGURATIONS, ids=label)
def test_a_device_computes_what_the_cpu_does(gpu, make, params, data):
    assert_bitwise(*on_both(make, params, lambda m: m.fit(*data)), data[0])


@pytest.mark.parametrize("params", OF_CLASSIFIER, ids=label)
def test_a_device_classifies_as_the_cpu_does(gpu, params, blobs):
    assert_bitwise(*on_both(MixupClassifier, params, lambda m: m.fit(*blobs)), blobs[0])


@pytest.mark.parametrize("params", OF_REGRESSOR, ids=label)
def test_a_device_regresses_as_the_cpu_does(gpu, params, line):
    assert_bitwise(*on_both(MixupRegressor, params, lambda m: m.fit(*line)), line[0])


@pytest.mark.parametrize("make", TWINS)
def test_defaults_are_the_cpus_on_a_device(gpu, make, data):
    params = {name: getattr(make(), name) for name in SMALL}
    params |= {"max_epochs": 2, "random_state": 0}
    assert_bitwise(*on_both(make, params, lambda m: m.fit(*data)), data[0])


def test_the_papers_recipe_is_the_cpus_on_a_device(gpu, blobs):
    here, there = (
        MixupClassifier.paper(0.4, max_epochs=2, random_state=0, device=device)
        for device in ("cpu", "cuda")
    )
    assert_bitwise(here.fit(*blobs), there.fit(*blobs), blobs[0])


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("params", [{}, {"mix_layer": "random"}], ids=label)
def test_sparse_rows_are_the_cpus_on_a_device(gpu, make, params, data):
    X, y = sparse.csr_matrix(data[0]), data[1]
    assert_bitwise(*on_both(make, params, lambda m: m.fit(X, y)), X)


@pytest.mark.parametrize("make", TWINS)
def test_weights_are_the_cpus_on_a_device(gpu, make, data, rng):
    weights = rng.integers(0, 3, len(data[0]))
    assert_bitwise(
        *on_both(make, {}, lambda m: m.fit(*data, sample_weight=weights)), data[0]
    )


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize(
    "params", [{}, {"mix_features": "swap_categories"}, {"mix_layer": "raw"}], ids=label
)
def test_frames_with_gaps_are_the_cpus_on_a_device(gpu, make, params, data):
    X = pd.DataFrame(data[0], columns=list("abcd"))
    X["kind"] = pd.Categorical(np.array(["x", "y", "z"])[np.arange(len(X)) % 3])
    X.loc[::7, "a"] = np.nan
    assert_bitwise(*on_both(make, params, lambda m: m.fit(X, data[1])), X)


def test_labels_are_the_cpus_on_a_device(gpu, blobs):
    X, y = blobs
    labels = np.stack([y > 0, y > 1], 1).astype(int)
    assert_bitwise(*on_both(MixupClassifier, {}, lambda m: m.fit(X, labels)), X)


@pytest.mark.parametrize("make", TWINS)
def test_further_epochs_are_the_cpus_on_a_device(gpu, make, data):
    def train(model):
        model.partial_fit(*data).partial_fit(*data)

    assert_bitwise(*on_both(make, {}, train), data[0])


@pytest.mark.parametrize("make", TWINS)
def test_a_warm_start_is_the_cpus_on_a_device(gpu, make, data):
    params = {"warm_start": True}
    assert_bitwise(*on_both(make, params, lambda m: m.fit(*data).fit(*data)), data[0])


@pytest.mark.parametrize("make", TWINS)
def test_estimators_side_by_side_are_the_cpus_on_a_device(gpu, make, data):
    fitted = [
        fit_many(
            [make(alpha, device=device, **SMALL) for alpha in (0, 0.5, 1)],
            [data[0]] * 3,
            [data[1]] * 3,
        )
        for device in ("cpu", "cuda")
    ]
    for here, there in zip(*fitted, strict=True):
        assert_bitwise(here, there, data[0])


@pytest.mark.parametrize("make", TWINS)
def test_a_module_trains_as_on_the_cpu(gpu, make, data):
    params = complete(make, {"module": perceptron})
    assert_bitwise(*on_both(make, params, lambda m: m.fit(*data)), data[0])


@pytest.mark.parametrize("make", TWINS)
def test_a_copy_of_plain_layers_is_on_the_cpu(gpu, make, data):
    here, there = on_both(make, {}, lambda m: m.fit(*data))
    rows = torch.from_numpy(data[0]).float()
    assert torch.equal(here.to_torch()(rows), there.to_torch()(rows))


# Budgets: they may fall, and nothing may raise them.


def counted(monkeypatch, owner, name, gpu):
    """Return a list of what each call of a method does on the device."""
    counts, method = [], getattr(owner, name)

    def spy(*args, **kwargs):
        with gpu.counted() as inside:
            result = method(*args, **kwargs)
        counts.append(inside)
        return result

    monkeypatch.setattr(owner, name, spy)
    return counts


@pytest.mark.parametrize(
    ("params", "launches"),
    [
        ({"encoding": "standardized"}, 24),
        ({}, 28),  # bins of half of the networks
        ({"encoding": "standardized", "alpha": 0}, 24),
        ({"mix_features": "swap", "encoding": "standardized"}, 24),
        ({"mix_layer": "raw", "encoding": "standardized"}, 24),
        ({"ema_halflife": 0.0, "encoding": "standardized"}, 23),
    ],
    ids=str,
)
def test_a_step_launches_little_and_waits_for_nothing(
    gpu, monkeypatch, params, launches, blobs
):
    steps = counted(monkeypatch, MixupNet, "train_step", gpu)
    MixupClassifier(device="cuda", max_epochs=3, random_state=0, **params).fit(*blobs)
    later = steps[1:]  # the first makes the optimiser's state
    assert max(step["launches"] for step in later) <= launches
    assert not any(step["waits"] or step["uploads"] for step in later)


@pytest.mark.parametrize("n_runs", [2, 8, 32])
@pytest.mark.parametrize(
    "params", [{}, {"mix_layer": "random", "noise_std": 0.1, "n_mixed": 3}], ids=label
)
def test_a_block_costs_alike_for_any_number_of_networks(
    gpu, monkeypatch, params, n_runs, blobs
):
    blocks = counted(monkeypatch, epoch_draw.EpochDraw, "_block", gpu)
    params = {**SMALL, **params, "n_estimators": n_runs, "max_epochs": 2}
    MixupClassifier(device="cuda", clean_epochs=0, **params).fit(*blobs)
    assert max(block["launches"] for block in blocks) <= 50
    assert max(block["uploads"] for block in blocks) <= 2


def test_an_epoch_sends_up_little(gpu, monkeypatch):
    X, y = make_classification(2_000, 8, random_state=0)
    epochs = counted(monkeypatch, MixupNet, "_train_epoch", gpu)
    MixupClassifier(device="cuda", max_epochs=2, clean_epochs=0).fit(X, y)
    bytes_a_row = epochs[-1]["uploads_bytes"] / len(X)
    assert 100_000 * bytes_a_row <= 30e6


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("encoding", ["standardized", "bins"])
def test_no_rows_come_down_from_the_device(gpu, make, encoding):
    params = {**SMALL, "encoding": encoding, "bias_init": "uniform"}
    downloads = []
    for n_features in (10, 40):
        X, y = make_classification(300, n_features, random_state=0)
        with gpu.counted() as inside:
            make(device="cuda", **params).fit(X, y)
        downloads.append(inside["downloads_bytes"])
    # Targets, outputs and losses come down, and the numbers of binned columns.
    assert downloads[1] - downloads[0] < 4 * len(X)


# A forgotten move is noticed.


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (dropout_masks, "_bounds"),
        (EncodedRows, "targets"),
        (EncodedRows, "inputs"),
        (RowSubset, "weight"),
    ],
    ids=str,
)
def test_a_forgotten_move_is_noticed(gpu, monkeypatch, owner, name, blobs, rng):
    method = getattr(owner, name)

    def at_home(value):
        if torch.is_tensor(value):
            return value.cpu()
        return type(value)(*map(at_home, value)) if hasattr(value, "_fields") else value

    def forgetful(*args):
        made = method(*args)
        if torch.is_tensor(made) or hasattr(made, "_fields"):
            return at_home(made)
        return (at_home(each) for each in made)

    monkeypatch.setattr(owner, name, forgetful)
    model = MixupClassifier(device="cuda", **SMALL)
    with pytest.raises(MixedDevicesError, match="cuda:0 and cpu"):
        model.fit(*blobs, sample_weight=rng.random(len(blobs[0])))


# Devices come and go.


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize(
    "params",
    [{}, {"warm_start": True}, {"module": perceptron}, {"n_iter_no_change": 1}],
    ids=label,
)
def test_what_a_gpu_has_trained_is_read_without_one(make, params, data):
    params = complete(make, params)
    with PretendDevice():
        model = make(device="cuda", **{**SMALL, **params}).fit(*data)
        expected, stored = model.predict(data[0]), pickle.dumps(model)
    with pytest.warns(UserWarning, match="'cuda:0', which cannot be used here"):
        read = pickle.loads(stored)
    np.testing.assert_array_equal(read.predict(data[0]), expected)
    read.set_params(device="cpu").partial_fit(*data)


@pytest.mark.parametrize("make", TWINS)
def test_a_pickle_is_read_to_its_device_where_that_is(gpu, make, data):
    model = make(device="cuda", **SMALL).fit(*data)
    read = pickle.loads(pickle.dumps(model))
    assert_bitwise(model, read, data[0])
    assert_bitwise(model.partial_fit(*data), read.partial_fit(*data), data[0])


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")], ids=str)
@pytest.mark.parametrize("params", [{}, {"module": perceptron}], ids=label)
def test_a_training_goes_on_on_another_device(make, method, devices, params, data):
    params = {**SMALL, **complete(make, params), "warm_start": True}
    stays = getattr(make(**params), method)(*data)
    getattr(stays, method)(*data)
    with PretendDevice():
        moves = make(device=devices[0], **params)
        for device in devices:
            getattr(moves.set_params(device=device), method)(*data)
        assert moves.net_.module_.device.type == devices[1]
        np.testing.assert_array_equal(moves.predict(data[0]), stays.predict(data[0]))


@pytest.mark.parametrize("make", TWINS)
def test_a_device_without_double_precision_is_enough(make, data):
    with PretendDevice("mps", no_double=True):
        model = make(device="mps", **SMALL).fit(*data)
        predicted = model.predict(data[0])
        assert model.net_.module_.device.type == "mps"
    expected = make(**SMALL).fit(*data).predict(data[0])
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)


def test_one_device_has_one_name(gpu, monkeypatch, blobs):
    plans, plan = [], stacks.plan_stacks
    monkeypatch.setattr(
        stacks, "plan_stacks", lambda *a: plans.append(plan(*a)) or plans[-1]
    )
    models = [MixupClassifier(device=d, **SMALL) for d in ("cuda", "cuda:0")]
    fit_many(models, [blobs[0]] * 2, [blobs[1]] * 2)
    assert len(plans[-1]) == 1


def device_of(n_rows=100, **params):
    params = MixupClassifier(**params).get_params()
    return Settings(pairings={}, **params).for_rows(n_rows).torch_device


def test_auto_takes_a_gpu_that_can_be_used_for_enough_networks(gpu):
    assert device_of(device="auto").type == "cuda"
    assert device_of(device="auto", n_estimators=1).type == "cpu"
    assert device_of(10**6, device="auto", n_estimators=1).type == "cuda"
    assert device_of(device="auto", n_estimators=1, module=perceptron).type == "cuda"
    assert device_of(device="cuda", n_estimators=1).type == "cuda"


def test_auto_leaves_a_card_that_cannot_be_used(blobs):
    with PretendDevice(broken=True):
        assert torch_modes.resolve_device("auto").type == "cpu"
        with pytest.raises(ValueError, match="device='cuda' cannot be used here"):
            MixupClassifier(device="cuda", **SMALL).fit(*blobs)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("number", [0, 1])
def test_two_cards_train_alike(make, number, data):
    with PretendDevice(n_devices=2):
        model = make(device=f"cuda:{number}", **SMALL).fit(*data)
        assert model.net_.module_.device.index == number
        predicted = model.predict(data[0])
    np.testing.assert_array_equal(predicted, make(**SMALL).fit(*data).predict(data[0]))


# What a user's module draws.


class Watched(nn.Module):
    """A module with dropout that notes which units it drops."""

    dropped: list[bytes] = []  # noqa: RUF012 - of the class, since copies train

    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Dropout(0.5))
        self.last = nn.Linear(32, 3)

    def forward(self, x):
        hidden = self.hidden(x)
        if self.training and len(x) == SMALL["batch_size"]:
            own = hidden.held if isinstance(hidden, PretendTensor) else hidden
            self.dropped.append((own.detach() == 0).cpu().numpy().tobytes())
        return self.last(hidden)


def assert_draws_are_its_own(device, X, y, generators):
    """Assert that masks differ, repeat with the seed, and touch no global generator."""
    params = {**SMALL, "module": Watched, "temperature": 1.0, "device": device}
    drawn = []
    for seed in (0, 1):  # of the user's own draws
        for generator in generators:
            generator.manual_seed(seed)
        before = [generator.get_state() for generator in generators]
        Watched.dropped.clear()
        MixupClassifier(**params).fit(X, y)
        drawn.append(list(Watched.dropped))
        after = [generator.get_state() for generator in generators]
        assert all(torch.equal(*states) for states in zip(before, after, strict=True))
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == len(drawn[0]) > 10


@pytest.mark.parametrize(
    ("kind", "device"),
    [("cuda", "cuda"), ("cuda", "cuda:1"), ("xpu", "xpu:1"), ("mps", "mps")],
)
def test_a_module_draws_anew_in_each_step_on_any_device(kind, device, blobs):
    with PretendDevice(kind, n_devices=1 if kind == "mps" else 2) as world:
        assert_draws_are_its_own(device, *blobs, world.generators)


# On a card, where there is one.


@pytest.mark.gpu
@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("params", [{}, *CONFIGURATIONS], ids=label)
def test_a_card_computes_what_the_cpu_does(make, params, data):
    here, there = on_both(make, params, lambda m: m.fit(*data))
    scale = 1 if make is MixupClassifier else np.std(data[1])
    predict = "predict_proba" if make is MixupClassifier else "predict"
    one, other = (getattr(model, predict)(data[0]) / scale for model in (here, there))
    np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("make", TWINS)
def test_the_defaults_on_a_card_are_the_cpus(make, data):
    here, there = (make(random_state=0, device=d).fit(*data) for d in ("cpu", "cuda"))
    assert here.score(*data) == pytest.approx(there.score(*data), abs=0.02)


@pytest.mark.gpu
def test_a_step_on_a_card_waits_for_nothing(monkeypatch, blobs):
    step, n_steps = MixupNet.train_step, []

    def strict(self, batch, **params):
        n_steps.append(1)
        torch.cuda.set_sync_debug_mode("error" if len(n_steps) > 1 else "default")
        try:
            return step(self, batch, **params)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(MixupNet, "train_step", strict)
    MixupClassifier(device="cuda", max_epochs=3, random_state=0).fit(*blobs)
    assert len(n_steps) > 3


@pytest.mark.gpu
def test_a_cards_pickle_is_read_without_it(tmp_path, blobs):
    X, y = blobs
    model = MixupClassifier(device="cuda", **SMALL).fit(X, y)
    np.savez(tmp_path / "rows.npz", X=X, expected=model.predict_proba(X))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    code = (
        "import pickle, numpy, torch\n"
        "assert not torch.cuda.is_available()\n"
        "model = pickle.load(open('model.pkl', 'rb'))\n"
        "rows = numpy.load('rows.npz')\n"
        "found = model.predict_proba(rows['X'])\n"
        "numpy.testing.assert_allclose(found, rows['expected'], atol=1e-5)\n"
    )
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(Path.cwd())}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=hidden, check=True)


@pytest.mark.gpu
@pytest.mark.parametrize("number", [0, 1])
def test_a_module_on_a_card_draws_anew_in_each_step(number, blobs):
    if torch.cuda.device_count() <= number:
        pytest.skip("needs a second card")
    torch.cuda.init()
    assert_draws_are_its_own(f"cuda:{number}", *blobs, torch.cuda.default_generators)

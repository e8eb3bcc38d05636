"""Every parameter takes an odd value, or refuses it in a sentence that names it."""

import warnings

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EpochTimer

from sk_mixup import MixupRegressor
from sk_mixup.vicinity import Neighbors
from tests.twins import SMALL, TWINS

ODD = [
    None,
    True,
    np.True_,
    -1,
    0,
    1,
    2,
    0.5,
    1e-320,
    1e300,
    10**30,
    -(10**30),
    10**400,
    np.nan,
    np.inf,
    -np.inf,
    1j,
    np.int64(2),
    np.float32(0.5),
    np.array(2),
    np.array([1, 2]),
    np.array([[1.5]]),
    "",
    "x",
    "auto",
    "random",
    b"x",
    (),
    (True,),
    (10**30,),
    [1],
    ["x"],
    [None],
    [("a",)],
    [(1, Callback())],
    [("epoch_timer", EpochTimer())],
    [int],
    {},
    {1: 2},
    {"x": 1},
    {0: np.inf},
    {0: "x"},
    {0: 10**400},
    {0, 1},
    object(),
    int,
    print,
    torch.device("cpu"),
    torch.optim.Optimizer,
    np.random.default_rng(0),
]
MORE = {
    "net_params": [
        {"history": 1},
        {"compile": True},
        {"num_workers": 2},
        {"iterator_train__num_workers": 2},
        {"use_caching": "x"},
        {"torch_load_kwargs": 3},
        {"callbacks": []},
        {"callbacks__nobody__sink": print},
        {"callbacks__nobody": None},
        {"callbacks__": None},
        {"callbacks__print_log": None},
        {"callbacks__print_log__sink": str},
    ],
    "optimizer_params": [
        {"betas": 3},
        {"betas": (2, 2)},
        {"betas": np.array([0.9, 0.99])},
        {"betas": [0.9, 0.99]},
        {"amsgrad": "x"},
        {"params": []},
        {"eps": 10**400},
        {"eps": None},
        {"foreach": True, "fused": True},
        {"lr": 1},
    ],
    "hidden_layer_sizes": [(2.0,), ((2,),), range(1, 3), [np.int64(2)], {2: 3}, "22"],
    "pairing": [Neighbors, Neighbors(2), np.array(["random"]), ("random",)],
    "optimizer": [torch.optim.SGD, torch.optim.RAdam, torch.optim.SparseAdam, "SGD"],
    "device": ["cpu:7", "cuda:-1", "mps", "xla", "hpu", "CPU", "cpu\0"],
    "module_params": [{"self": 1}],
    "class_weight": [{0: -1}, {0: True}, {0: None}, {0: [1]}, {5: 1}, {0: 1e308}],
}
TINY = {**SMALL, "max_epochs": 1, "hidden_layer_sizes": 2, "batch_size": 8}


def linear(**sizes):
    return torch.nn.Linear(2, 2, **sizes)


# Without which the parameter would not be looked at; two targets, for two outputs.
BESIDE = {"module_params": {"module": linear}}
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 2)), np.arange(12) % 2


def targets(make, name):
    two = make is MixupRegressor and name in BESIDE
    return np.column_stack([y, y]) if two else y


CASES = [(make, name) for make in TWINS for name in make().get_params()]


@pytest.mark.parametrize(("make", "name"), CASES)
def test_an_odd_value_works_or_is_named(make, name):
    for value in ODD + MORE.get(name, []):
        model = make(**TINY | BESIDE.get(name, {})).set_params(**{name: value})
        before = dict(vars(model))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                predicted = model.fit(X, targets(make, name)).predict(X)
        except (ValueError, TypeError) as error:
            message = str(error)
            assert name in message, (value, message)
            assert message.endswith("."), (value, message)
            assert "\n" not in message, (value, message)
            assert vars(model) == before
        else:
            assert np.isfinite(predicted).all(), value

"""All peers train what this package trains."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss
from torch.nn import functional as F

from benchmarks.speed.cases import make_table
from benchmarks.speed.peers import (
    ALPHAS,
    LOOP,
    MLP,
    OURS,
    PEERS,
    SKORCH,
    Recipe,
    TorchLoop,
    ours,
    perceptron,
)

WEAK = Recipe(epochs=4, alpha=1e-3)
STRONG = Recipe(epochs=4, alpha=10.0)


@pytest.fixture(scope="module")
def table():
    return make_table(400)


def training_loss(name, recipe, table):
    """Fit and return the log loss on the training rows themselves."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the plain skorch net draws from it
    X, y = table
    return log_loss(y, PEERS[name](recipe).fit(X, y).predict_proba(X))


@pytest.mark.parametrize("name", [SKORCH, MLP, LOOP])
def test_without_mixing_all_reach_the_same_loss(name, table):
    expected = training_loss(OURS, WEAK, table)
    assert training_loss(name, WEAK, table) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("name", [SKORCH, LOOP])
def test_those_that_mix_reach_the_same_loss(name, table):
    weak, strong = (training_loss(OURS, r, table) for r in (WEAK, STRONG))
    assert strong > 1.5 * weak
    assert training_loss(name, STRONG, table) == pytest.approx(strong, rel=0.25)


@pytest.mark.parametrize("name", ALPHAS)
def test_strength_of_mixing_can_be_searched(name):
    model = clone(PEERS[name](Recipe(alpha=0.3)))
    assert model.get_params()[ALPHAS[name]] == 0.3
    model.set_params(**{ALPHAS[name]: 0.7})
    assert clone(model).get_params()[ALPHAS[name]] == 0.7


@pytest.mark.parametrize("name", [OURS, SKORCH, MLP])
def test_recipe_is_handed_over(name, table):
    recipe = Recipe(epochs=3, batch_size=50, hidden=(5, 6))
    model = PEERS[name](recipe).fit(*table)
    weights = {
        OURS: lambda: model.to_torch().parameters(),
        SKORCH: lambda: model.module_.parameters(),
        MLP: lambda: [*model.coefs_, *model.intercepts_],
    }
    n_weights = sum(np.prod(weight.shape) for weight in weights[name]())
    n_outputs = 1 if name == MLP else 2  # one logit does for two classes
    assert n_weights == 21 * 5 + 6 * 6 + 7 * n_outputs
    epochs = model.n_iter_ if name != SKORCH else len(model.history)
    assert epochs == 3


def test_loop_visits_all_rows_in_every_epoch(table, monkeypatch):
    sizes, cross_entropy = [], F.cross_entropy

    def counting(outputs, targets):
        sizes.append(len(outputs))
        return cross_entropy(outputs, targets)

    monkeypatch.setattr(F, "cross_entropy", counting)
    TorchLoop(Recipe(epochs=2, batch_size=128)).fit(*table)
    assert sizes == 2 * [128, 128, 128, 16]


def test_perceptron_is_the_one_that_is_trained():
    shapes = [tuple(p.shape) for p in perceptron((128, 128)).parameters()]
    expected = ours(Recipe(epochs=1)).fit(*make_table(20)).to_torch().parameters()
    assert shapes == [tuple(p.shape) for p in expected]

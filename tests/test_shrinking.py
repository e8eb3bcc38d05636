"""Estimators that have stopped leave their stack, and nothing else changes."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._training.optimizer_state import keep_rows
from sk_mixup._training.shrinking import Shrinking
from sk_mixup._training.weight_average import WeightAverage
from tests.twins import TWINS, assert_same_predictions, label

STOPPING = {
    "hidden_layer_sizes": (8, 6),
    "batch_size": 16,
    "max_epochs": 12,
    "n_estimators": 2,
    "n_iter_no_change": 1,
    "lr": 0.02,
}
VARIANTS = [
    {},
    {"ema_halflife": 0.0, "noise_std": 0.1, "optimizer": "sgd"},
    {"mix_layer": "random", "lr_schedule": "cosine", "n_iter_no_change": 2},
    {"encoding": "standardized", "weights_per": "example", "optimizer": "nadam"},
]
CANDIDATES = [(alpha, seed) for alpha in (0, 0.4) for seed in (0, 1)]


@pytest.fixture
def sizes(monkeypatch):
    """Note how many networks are left whenever some have left."""
    noted, take_out = [], Shrinking.take_out

    def note(self, *args):
        best = take_out(self, *args)
        noted.append(self.network.runs)
        return best

    monkeypatch.setattr(Shrinking, "take_out", note)
    return noted


def candidates(make, **params):
    # One random layer a step is drawn for all, from the same seed.
    alike = params.get("mix_layer") == "random"
    return [
        make(alpha, random_state=7 if alike else seed, **STOPPING | params)
        for alpha, seed in CANDIDATES
    ]


def folds(X, y):
    """Cut a training set for each candidate, of sizes that differ by one.

    Every other one has targets of chance, for which training soon stops.
    """
    mixed = np.random.default_rng(0).permutation(y)
    return [(X[k % 2 :], (mixed if k % 2 else y)[k % 2 :]) for k in range(4)]


def targets(make, blobs):
    X, y = blobs
    return X, (y if make is MixupClassifier else X[:, 0] + y)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("params", VARIANTS, ids=label)
def test_whoever_leaves_or_stays_equals_a_fit_alone(make, params, blobs, sizes):
    X, y = targets(make, blobs)
    rows = folds(X, y)
    models = fit_many(candidates(make, **params), *zip(*rows, strict=True))
    assert sizes
    assert max(sizes) < len(models) * 2
    for model, data in zip(models, rows, strict=True):
        alone = clone(model).fit(*data)
        assert_same_predictions(model, alone, X, atol=1e-4)
        assert model.n_iter_ == alone.n_iter_
        np.testing.assert_allclose(model.loss_curve_, alone.loss_curve_, atol=1e-4)
        np.testing.assert_allclose(
            model.validation_scores_, alone.validation_scores_, atol=1e-4
        )
        assert len(model.history_) == len(alone.history_)
        np.testing.assert_allclose(model.member_weights_, alone.member_weights_, 1e-3)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("params", VARIANTS, ids=label)
@pytest.mark.parametrize("way", ["warm_start", "partial_fit"])
def test_training_goes_on_as_from_a_fit_alone(make, params, way, blobs, sizes):
    X, y = targets(make, blobs)
    models = candidates(make, warm_start=way == "warm_start", **params)
    rows = folds(X, y)
    fit_many(models, *zip(*rows, strict=True))
    assert sizes
    for model, data in zip(models, rows, strict=True):
        alone = clone(model).fit(*data)
        for each in (model, alone):
            each.fit(*data) if way == "warm_start" else each.partial_fit(*data)
        assert_same_predictions(model, alone, X, atol=1e-3)


def test_sparse_and_weighted_rows_leave_too(blobs, rng, sizes):
    X, y = blobs
    weights = [None, rng.random(90), np.arange(90) % 3, None]
    rows = [X, sparse.csr_matrix(X), X, sparse.csr_matrix(X)]
    models = candidates(MixupClassifier, encoding="standardized")
    fit_many(models, rows, [y] * 4, weights)
    assert sizes
    for model, X_own, weight in zip(models, rows, weights, strict=True):
        assert_same_predictions(model, clone(model).fit(X_own, y, weight), X, 1e-4)


def test_one_estimator_never_leaves_itself(line, sizes):
    MixupRegressor(random_state=0, **STOPPING).fit(*line)
    assert sizes == []


def test_few_that_have_stopped_do_not_leave():
    shrinking = Shrinking(stack(9), torch.optim.SGD([torch.zeros(1)]), None)
    running = np.ones(9, dtype=bool)
    running[:2] = False
    assert not shrinking.is_due(running)
    running[2] = False
    assert shrinking.is_due(running)


def stack(runs):
    """Make what has the attributes of a network that are asked for."""
    body = StackedMLP(runs, [2, 1])
    body.inputs = None
    return body


def test_an_optimiser_keeps_the_state_of_some_rows_and_what_is_for_all():
    weights = torch.nn.Parameter(torch.arange(4.0)[:, None])
    optimizer = torch.optim.Adam([weights])
    weights.grad = torch.arange(4.0)[:, None]
    optimizer.step()
    before = dict(optimizer.state[weights])
    keep_rows(optimizer, [torch.tensor([2, 0])])
    after = optimizer.state[weights]
    assert torch.equal(after["exp_avg"], before["exp_avg"][[2, 0]])
    assert after["step"] is before["step"]


@pytest.mark.parametrize("halflife", [0.0, 3.0])
def test_an_average_goes_on_with_some_runs(halflife):
    """It is the average of the same steps without the others."""
    steps = torch.randn(6, 4, 2, generator=torch.Generator().manual_seed(0))
    kept = torch.tensor([3, 1])
    body, few = StackedMLP(4, [1, 1]), StackedMLP(2, [1, 1])
    average, alone = WeightAverage(body, halflife), WeightAverage(few, halflife)
    for number, weights in enumerate(steps):
        if number == 3:
            average.show()
            body.become(body.select(kept.tolist()))
            average.keep_rows([kept])
            average.hide()
        body.theta.data.copy_(weights if number < 3 else weights[kept])
        few.theta.data.copy_(weights[kept])
        average.update()
        alone.update()
    average.show()
    alone.show()
    torch.testing.assert_close(body.theta, few.theta)

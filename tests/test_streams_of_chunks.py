"""Chunks in turn: what partial_fit learns from all of them."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import r2_score

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._data.reservoir import QUANTILE_ROWS, Reservoir
from sk_mixup._networks.bins import Bins
from sk_mixup._networks.moved_bins import MovedBins
from sk_mixup._networks.stacked_mlp import StackedMLP
from tests.twins import (
    CONSTANT,
    TWINS,
    all_rows,
    assert_same_predictions,
    linear,
    predicted,
)

both = pytest.mark.parametrize("make", TWINS)
BINNED = {**CONSTANT, "encoding": ("bins", "standardized"), "n_estimators": 2}
AVERAGED = {**BINNED, "ema_halflife": 1.0}


def labelled(make, n_rows=300, seed=0):
    """Three features, of which the last is 0 or 1, and targets."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3)) * [1, 20, 1] + [5, 0, 0]
    X[:, 2] = X[:, 2] > 0
    y = np.abs(X[:, 0] - 5) + X[:, 2]
    return X, y if make is MixupRegressor else (y > 1).astype(int)


def in_chunks(model, X, y, ends, **params):
    for start, end in zip([0, *ends], [*ends, len(y)], strict=True):
        own = {name: each[start:end] for name, each in params.items()}
        if isinstance(model, MixupClassifier):
            own["classes"] = [0, 1]
        model.partial_fit(X[start:end], y[start:end], **own)
    return model


def bins_of(model):
    return getattr(model.net_.module_.inputs, "bins", None)


# One chunk of all rows.


@both
@pytest.mark.parametrize("params", [{}, {"module": linear}, {"dropout": 0.2}])
@pytest.mark.parametrize("n_calls", [1, 3])
def test_calls_with_all_rows_are_epochs_of_a_fit(make, params, n_calls):
    X, y = labelled(make)
    params = AVERAGED | all_rows(make) | params
    if "module" in params:
        n_outputs = 2 if make is MixupClassifier else 1
        params |= {"module": lambda: torch.nn.Linear(3, n_outputs)}
    parts = make(1, **params)
    for _ in range(n_calls):
        parts.partial_fit(X, y)
    whole = make(1, **params | {"max_epochs": n_calls}).fit(X, y)
    assert_same_predictions(parts, whole, X, atol=1e-5)


@both
def test_chunks_with_weights_are_chunks_with_repeated_rows(make):
    X, y = labelled(make, 60)
    counts = np.tile([1, 2, 3], 20)
    repeated = np.repeat(np.arange(60), counts)
    params = CONSTANT | all_rows(make) | {"encoding": "bins"}
    weighted = in_chunks(make(0, **params), X, y, [30], sample_weight=counts)
    copies = in_chunks(make(0, **params), X[repeated], y[repeated], [60])
    torch.testing.assert_close(bins_of(weighted).low, bins_of(copies).low)
    torch.testing.assert_close(bins_of(weighted).mean, bins_of(copies).mean)


# Bins that are learnt from all chunks.


@both
def test_bins_come_after_a_first_chunk_of_one_row(make):
    X, y = labelled(make)
    model = in_chunks(make(**BINNED), X, y, [1])
    whole = make(**BINNED, **all_rows(make)).fit(X, y)
    torch.testing.assert_close(bins_of(model).low, bins_of(whole).low)
    assert bins_of(model).runs == bins_of(whole).runs == (0,)
    again = pickle.loads(pickle.dumps(model))
    assert_same_predictions(again, model, X)
    assert_same_predictions(again.partial_fit(X, y), model.partial_fit(X, y), X)


@both
def test_bins_follow_rows_that_come_in_order(make):
    X, y = labelled(make, 800)
    order = np.argsort(X[:, 0])
    model = in_chunks(make(**BINNED), X[order], y[order], [100, 200, 400])
    whole = make(**BINNED, **all_rows(make)).fit(X, y)
    # The first chunk has a long tail, and so the table more bins than the whole needs.
    n_bins = bins_of(whole).low.shape[-1]
    for name in ("low", "slope", "mean"):
        own, all_at_once = (getattr(bins_of(each), name) for each in (model, whole))
        torch.testing.assert_close(own[..., :n_bins], all_at_once)
        assert not own[..., n_bins:].any()


@both
def test_bins_are_learnt_again_when_rows_have_doubled(make):
    X, y = labelled(make)
    model = make(**BINNED)
    in_chunks(model, X[:100], y[:100], [])
    first = bins_of(model).low.clone()
    model.partial_fit(X[100:199], y[100:199])
    torch.testing.assert_close(bins_of(model).low, first, rtol=0, atol=0)
    model.partial_fit(X[199:], y[199:])
    assert not torch.equal(bins_of(model).low, first)


@both
def test_the_bins_of_a_fit_stay(make):
    X, y = labelled(make)
    model = make(**BINNED).fit(X, y)
    before = bins_of(model).low.clone()
    for _ in range(3):
        model.partial_fit(3 * X + 1, y)
    assert torch.equal(bins_of(model).low, before)


def random_bins(rng, n_runs=2, n_bins=4):
    edges = np.sort(rng.normal(size=(n_runs, 2, n_bins + 1)))
    rows, weights = torch.randn(50, 3), torch.ones(50)
    columns = torch.tensor([0, 2])
    parts = (
        Bins.between(columns, torch.tensor(own, dtype=torch.float32))
        .standardized(rows, weights)
        .moved(run)
        for run, own in enumerate(edges)
    )
    return Bins.concatenate(list(parts))


def test_functions_keep_their_values_at_new_edges():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    before, after = random_bins(rng), random_bins(rng)
    body = StackedMLP(2, [3, 5, 2], before.runs, before.width)
    body.initialize([np.random.default_rng(n) for n in range(2)])
    # Both features at an edge; the third is a number without bins.
    low = after.low[:, 0]
    x = torch.stack([low[:, 0], torch.rand(2, 4), low[:, 1]], 2)
    wanted = first_layer(body, x, before)
    MovedBins(before, after).move(body)
    torch.testing.assert_close(
        first_layer(body, x, after), wanted, rtol=1e-4, atol=1e-4
    )


def first_layer(body, x, bins):
    hidden = body.layers(body.theta.detach())[0](x)
    return body.bins(body.theta_bins.detach()).add_to(hidden, bins(x)).clone()


@both
def test_new_bins_hardly_move_predictions(make):
    X, y = labelled(make, 1000)
    params = BINNED | {"clip": 3.0, "n_estimators": 1, "encoding": "bins", "lr": 1e-2}
    model = in_chunks(make(**params), X, y, [400])
    for _ in range(20):
        model.partial_fit(X, y)
    before = predicted(model, X)
    still = clone(model)
    still.__dict__.update(pickle.loads(pickle.dumps(model)).__dict__)
    # So small a rate trains nothing: what moves is the input layer alone.
    still.set_params(lr=1e-12)
    while bins_of(still).has_edges_of(bins_of(model)):
        still.partial_fit(1.05 * X, y)
    after = predicted(still, X)
    assert r2_score(before.reshape(-1), after.reshape(-1)) > 0.95


def test_a_reservoir_is_a_fair_sample():
    rng = np.random.default_rng(0)

    def chunk(start, n_rows):
        rows = np.arange(start, start + n_rows, dtype=np.float32)[:, None]
        kept = np.sort(rng.permutation(n_rows)[:QUANTILE_ROWS])
        ones = np.ones(len(kept))
        return Reservoir(rows[kept], kept, ones, n_rows, n_rows)

    reservoir, seen = chunk(0, 3_000), 3_000
    for n_rows in (5_000, 1, 20_000, 12_000):
        reservoir = reservoir.joined(chunk(seen, n_rows), entropy=7)
        seen += n_rows
        assert reservoir.n_seen == seen
        assert len(reservoir.rows) == min(seen, QUANTILE_ROWS)
        shares = np.quantile(reservoir.rows, [0.25, 0.5, 0.75]) / seen
        np.testing.assert_allclose(shares, [0.25, 0.5, 0.75], atol=0.03)
        assert len(np.unique(reservoir.rows)) == len(reservoir.rows)


@both
def test_sparse_chunks_have_no_bins(make):
    X, y = labelled(make)
    model = in_chunks(make(**AVERAGED), sparse.csr_matrix(X), y, [1, 100])
    dense = in_chunks(make(**AVERAGED | {"encoding": "standardized"}), X, y, [1, 100])
    assert bins_of(model) is None
    assert_same_predictions(model, dense, X, atol=1e-3)


# Weights that are averaged over the calls.


@both
def test_averages_reach_over_calls(make):
    X, y = labelled(make)
    params = CONSTANT | all_rows(make) | {"batch_size": 50, "n_estimators": 2}
    long = make(**params).set_params(ema_halflife=1e9)
    last = make(**params)
    weights = []
    for rows in np.split(np.arange(300), 6):
        long.partial_fit(X[rows], y[rows], **classes_of(make))
        last.partial_fit(X[rows], y[rows], **classes_of(make))
        weights.append(last.net_.module_.body.theta.detach().clone())
    assert not torch.allclose(weights[-1], weights[0])
    del weights
    # The last weights go on as if there were no average.
    torch.testing.assert_close(
        long.net_.average_.last.theta,
        last.net_.module_.body.theta,
        rtol=1e-5,
        atol=1e-5,
    )
    assert not torch.allclose(
        long.net_.module_.body.theta, last.net_.module_.body.theta
    )
    # Stored with the estimator.
    again = pickle.loads(pickle.dumps(long)).partial_fit(X, y)
    assert_same_predictions(again, long.partial_fit(X, y), X)


def classes_of(make):
    return {"classes": [0, 1]} if make is MixupClassifier else {}


@both
def test_a_fit_ends_the_average_of_calls(make):
    X, y = labelled(make)
    model = make(**AVERAGED, warm_start=True).partial_fit(X, y)
    assert model.net_.average_ is not None
    assert model.fit(X, y).net_.average_ is None

"""The temperature, and the rows that networks leave out for it."""

import io
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_multilabel_classification
from torch.nn import functional as F

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._data.holdout import held_out, n_held_out
from sk_mixup._data.memo import Memo
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import DenseTable
from sk_mixup._data.targets import Classes
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.losses import SoftCrossEntropy
from sk_mixup._networks.network import Network
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.member_weights import RATE
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.run import Run
from sk_mixup._training.temperature import SHARPER, fitted_temperature
from sk_mixup.model_selection import GridSearchCV
from tests.twins import CONSTANT, SMALL, TWINS, label, perceptron

CPU = torch.device("cpu")
LEARNT = {**SMALL, "max_epochs": 20, "lr": 0.02, "validation_fraction": 0.15}
GRID = np.exp(np.arange(-2.5, 2.5, 0.001))


def entropy_of(model):
    return int(np.random.RandomState(model.random_state).randint(2**31 - 1))


def cross_entropy(logits, y):
    """Return the loss of each row, for classes or for indicators of labels."""
    if y.ndim == 1:
        return F.cross_entropy(logits, torch.as_tensor(y), reduction="none")
    targets = torch.as_tensor(y).double()
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return losses.sum(1)


def by_brute_force(outputs, targets, weights=None):
    """Return the best temperature of a grid: least loss of the rows and the prior.

    Lists hold an entry for each network, of the rows that it has left out. Rows of a
    network weigh as many as they are, whatever their weights.
    """
    total = np.log(GRID) ** 2 / 2
    weights = weights or [np.ones(len(y)) for y in targets]
    for logits, y, weight in zip(outputs, targets, weights, strict=True):
        share = torch.as_tensor(weight / np.mean(weight))
        total += [
            float(cross_entropy(logits.double() / t, y) @ share.double()) for t in GRID
        ]
    return GRID[total.argmin()]


# The rows that are left out.


SIZES = {
    "n_rows": st.integers(2, 150),
    "fraction": st.floats(0.01, 0.9),
    "entropy": st.integers(0, 2**31 - 1),
}


@given(**SIZES, member=st.integers(0, 300))
def test_every_member_leaves_out_as_many_rows(n_rows, fraction, entropy, member):
    mask = held_out(n_rows, fraction, entropy, member, None)
    assert mask.shape == (n_rows,)
    assert mask.sum() == max(1, int(n_rows * fraction)) < n_rows


@given(**SIZES, n_strata=st.integers(0, 5), turn=st.integers(0, 3))
def test_no_row_is_left_out_twice_in_a_round(n_rows, fraction, entropy, n_strata, turn):
    strata = np.arange(n_rows) ** 2 % n_strata if n_strata else None
    alone = 0 if strata is None else (np.bincount(strata) == 1).sum()
    free = n_rows - alone or n_rows
    turns = max(1, free // n_held_out(n_rows, fraction, strata))
    times = sum(
        held_out(n_rows, fraction, entropy, turn * turns + member, strata).astype(int)
        for member in range(turns)
    )
    assert times.max() == 1


def test_every_place_of_the_order_has_its_turn_first():
    strata = np.repeat([0, 1], [5, 45])
    masks = [held_out(50, 0.1, entropy, 0, strata) for entropy in range(40)]
    shares = np.mean(masks, axis=0)
    assert 0 < shares[:5].mean() < 0.4


def test_the_only_row_of_a_class_is_never_left_out():
    strata = np.r_[0, np.ones(9, int), 2]
    masks = [held_out(11, 0.5, 0, member, strata) for member in range(12)]
    assert not np.any([mask[[0, -1]] for mask in masks])
    assert {mask.sum() for mask in masks} == {5}


@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=6),
    fraction=SIZES["fraction"],
    entropy=SIZES["entropy"],
    member=st.integers(0, 30),
)
def test_every_stratum_gives_its_share_within_a_row(counts, fraction, entropy, member):
    strata = np.random.default_rng(0).permutation(np.repeat(range(len(counts)), counts))
    mask = held_out(len(strata), fraction, entropy, member, strata)
    counts = np.array(counts)
    free = np.where(counts > 1, counts, 0) if max(counts) > 1 else counts
    given_up = np.bincount(strata[mask], minlength=len(counts))
    assert (abs(given_up - free * mask.sum() / free.sum()) < 2).all()
    assert (given_up < counts)[counts > 1].all()


def test_ten_tenths_are_all_rows():
    masks = [held_out(90, 0.1, 7, member, np.arange(90) % 3) for member in range(10)]
    np.testing.assert_array_equal(np.sum(masks, axis=0), 1)


@pytest.mark.parametrize("strata", [None, np.arange(100) % 3])
def test_another_round_and_another_seed_shuffle_anew(strata):
    first, second, other_seed = (
        {held_out(100, 0.2, seed, member, strata).tobytes() for member in members}
        for seed, members in ((1, range(5)), (1, range(5, 10)), (2, range(5)))
    )
    assert len(first | second | other_seed) == 15
    again = {held_out(100, 0.2, 1, member, strata).tobytes() for member in range(5)}
    assert again == first


def test_a_class_of_a_single_row_stops_no_fit(blobs):
    """Of ten networks one leaves that row out and knows the class by name only."""
    X, y = blobs[0], np.where(np.arange(90) == 5, 7, blobs[1])
    for early_stopping in (False, True):
        params = {"n_estimators": 10, "early_stopping": early_stopping}
        model = MixupClassifier(**SMALL | params).fit(X, y)
        assert model.predict_proba(X).shape == (90, 4)
        assert model.temperature_ > 0


@pytest.mark.parametrize("validation_fraction", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("n_rows", [2, 3, 90])
def test_any_share_of_any_number_of_rows_is_left_out(
    n_rows, validation_fraction, blobs
):
    X, y = blobs[0][:n_rows], np.arange(n_rows) % 2
    model = MixupClassifier(
        **SMALL | {"n_estimators": 3}, validation_fraction=validation_fraction
    )
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()
    assert 0 < model.temperature_ < np.inf


def test_rows_are_left_out_for_auto_alone(blobs):
    """The means of the features tell which rows a network has learnt from."""
    X, y = blobs
    kept = ~held_out(90, 0.15, entropy_of(MixupClassifier(**LEARNT)), 0, y)
    for temperature, expected in ((2.0, X), ("auto", X[kept])):
        model = MixupClassifier(**LEARNT, temperature=temperature).fit(X, y)
        means = model.net_.module_.inputs.shift.flatten()
        np.testing.assert_allclose(means, expected.mean(axis=0), rtol=1e-5)


# The best temperature.


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_estimators": 3, "alpha": 2},
        {"early_stopping": True, "n_estimators": 2},
        {"module": perceptron, "module_params": {"dropout": 0.5}},
    ],
    ids=label,
)
def test_auto_is_the_minimiser_over_the_rows_left_out(params, weighted, blobs, rng):
    X, y = blobs
    weights = rng.random(90) + 0.1 if weighted else None
    model = MixupClassifier(**LEARNT | {"alpha": 0} | params).fit(X, y, weights)
    entropy = entropy_of(model)
    masks = [
        held_out(90, 0.15, entropy, member, y) for member in range(model.n_estimators)
    ]
    members = zip(model.to_torch().members, masks, strict=True)
    expected = by_brute_force(
        [member[:2](torch.from_numpy(X[mask]).float()) for member, mask in members],
        [y[mask] for mask in masks],
        [weights[mask] for mask in masks] if weighted else None,
    )
    factor = 1 if model.n_estimators == 1 else SHARPER
    assert model.temperature_ == pytest.approx(factor * expected, rel=2e-3)
    assert model.net_.module_.temperature == model.temperature_


def test_members_are_weighed_at_the_temperature_of_one(blobs):
    """The average is sharpened after that."""
    X, y = blobs
    params = LEARNT | {"n_estimators": 3, "member_weights": "validation"}
    model = MixupClassifier(2, **params).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    rows = torch.from_numpy(X[60:]).float()
    of_one = model.temperature_ / SHARPER
    losses = [
        cross_entropy(member[:2](rows) / of_one, y[60:]).mean().item()
        for member in model.to_torch().members
    ]
    expected = np.exp(-RATE * 30 * np.array(losses))
    expected /= expected.sum()
    np.testing.assert_allclose(model.member_weights_, expected, rtol=1e-5)


def test_several_labels_have_one_temperature():
    X, y = make_multilabel_classification(90, 5, n_classes=3, random_state=0)
    model = MixupClassifier(0, **LEARNT | {"n_estimators": 2}).fit(X, y)
    masks = [held_out(90, 0.15, entropy_of(model), member, None) for member in (0, 1)]
    members = zip(model.to_torch().members, masks, strict=True)
    expected = by_brute_force(
        [member[:2](torch.from_numpy(X[mask]).float()) for member, mask in members],
        [y[mask] for mask in masks],
    )
    assert model.temperature_ == pytest.approx(SHARPER * expected, rel=2e-3)


def make_network(n_runs):
    body = StackedMLP(n_runs, (4, 6, 3))
    body.initialize([np.random.default_rng([3, run]) for run in range(n_runs)])
    return Network(Standardize(torch.zeros(1, 1, 4), torch.full((1, 1, 4), 0.1)), body)


def make_run(X, codes, weights=None):
    weights = None if weights is None else torch.as_tensor(weights).float()
    rows = RowSubset(DenseTable(X, CPU), Classes(codes, 3), None, weights)
    return Run(rows, Vicinity(alpha=0), None, Streams(0, 0), rows)


def some_rows(n_rows, rng):
    X = rng.normal(size=(n_rows, 4)).astype(np.float32)
    return X, torch.from_numpy(rng.integers(3, size=n_rows))


def fitted(network, *runs):
    return fitted_temperature(network, SoftCrossEntropy(), list(runs))


@pytest.mark.parametrize("n_rows", [1, 5, 9000])  # more than are judged at a time
def test_few_rows_and_many_are_fitted(n_rows, rng):
    """Of networks that are twice as sure as they should be."""
    network = make_network(1)
    X, _ = some_rows(n_rows, rng)
    with torch.no_grad():
        logits = network(torch.from_numpy(X)[None])[0]
    chances = (logits / 2).softmax(1)
    codes = torch.from_numpy(
        (chances.numpy().cumsum(1) < rng.random((n_rows, 1))).sum(1)
    )
    found = fitted(network, make_run(X, codes))
    assert found == pytest.approx(by_brute_force([logits], [codes]), rel=2e-3)


def test_weights_equal_as_many_repeated_rows(rng):
    """Together they are as many rows, so the prior is worth the same."""
    X, codes = some_rows(12, rng)
    weights = rng.multinomial(12, np.ones(12) / 12)
    repeated = torch.from_numpy(np.repeat(np.arange(12), weights))
    one = fitted(make_network(1), make_run(X, codes, weights))
    other = fitted(make_network(1), make_run(X[repeated], codes[repeated]))
    assert one == pytest.approx(other, rel=1e-4)
    assert one != pytest.approx(fitted(make_network(1), make_run(X, codes)), rel=1e-2)


def test_only_ratios_of_weights_matter(rng):
    X, codes = some_rows(12, rng)
    weights = rng.random(12)
    one, other = (
        fitted(make_network(1), make_run(X, codes, factor * weights))
        for factor in (1, 1000)
    )
    assert one == pytest.approx(other, rel=1e-4)


def test_a_prior_keeps_a_single_row_from_certainty(rng):
    """Without it the best temperature of one row, rightly judged, would be 0."""
    network = make_network(1)
    X, _ = some_rows(1, rng)
    codes = network(torch.from_numpy(X)[None])[0].argmax(1)
    assert 0.1 < fitted(network, make_run(X, codes)) < 1


def test_networks_that_learn_noise_by_heart_are_cooled_and_mixed_ones_heated(rng):
    X, y = make_blobs(200, n_features=4, centers=3, random_state=0)
    noise = rng.integers(3, size=200)
    params = {**LEARNT, "n_estimators": 2, "max_epochs": 60, "hidden_layer_sizes": 64}
    too_sure = MixupClassifier(0, **params).fit(X, noise)
    not_sure = MixupClassifier(8, **params).fit(X, y)
    assert not_sure.temperature_ < 0.9
    assert too_sure.temperature_ > 1.1


# What it divides.


@pytest.mark.parametrize("temperature", [0.3, 2, np.float32(1.7)])
@pytest.mark.parametrize("n_estimators", [1, 3])
def test_a_number_divides_every_networks_outputs(temperature, n_estimators, blobs):
    X, y = blobs
    params = {**SMALL, "n_estimators": n_estimators}
    one, other = (
        MixupClassifier(temperature=t, **params).fit(X, y) for t in (1.0, temperature)
    )
    assert other.temperature_ == temperature
    rows = torch.from_numpy(X).float()
    probas = [
        (member[:2](rows) / temperature).softmax(1) for member in one.to_torch().members
    ]
    for member, proba in zip(other.to_torch().members, probas, strict=True):
        assert torch.equal(member(rows), proba)
    np.testing.assert_allclose(
        other.predict_proba(X), torch.stack(probas).mean(0), atol=1e-6
    )


@pytest.mark.parametrize("temperature", ["auto", 0.3, 4.0])
@pytest.mark.parametrize("params", [{"n_estimators": 3}, {"module": perceptron}])
def test_to_torch_predicts_the_same_at_any_temperature(temperature, params, blobs):
    X, y = blobs
    model = MixupClassifier(0, **LEARNT | params, temperature=temperature).fit(X, y)
    assert model.temperature_ != 1
    module, rows = model.to_torch(), torch.from_numpy(X).float()
    np.testing.assert_allclose(module(rows), model.predict_proba(X), atol=2e-6)
    other = clone(model).set_params(temperature=1.0).fit(-X, y).to_torch()
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(rows), module(rows))


def test_one_network_predicts_the_same_class_at_any_temperature(blobs):
    X, y = blobs
    cold, plain, hot = (
        MixupClassifier(**LEARNT, temperature=t).fit(X, y) for t in (0.2, 1.0, 9.0)
    )
    for other in (cold, hot):
        np.testing.assert_array_equal(other.predict(X), plain.predict(X))
    confidence = [m.predict_proba(X).max(axis=1) for m in (hot, plain, cold)]
    assert (np.diff(confidence, axis=0) >= 0).all()


def test_it_has_no_part_in_the_training(blobs):
    """Nor in what early stopping judges, also where the training goes on."""
    params = {**SMALL, "early_stopping": True, "n_estimators": 2, "warm_start": True}
    one, other = (
        MixupClassifier(1, **params, temperature=t).fit(*blobs) for t in (5.0, "auto")
    )
    for train in (MixupClassifier.fit, MixupClassifier.partial_fit):
        train(one, *blobs)
        train(other, *blobs)
        assert one.temperature_ != other.temperature_
        assert one.loss_curve_ == other.loss_curve_
        bodies = [model.net_.module_.body for model in (one, other)]
        assert torch.equal(bodies[0].theta, bodies[1].theta)
        np.testing.assert_array_equal(one.validation_scores_, other.validation_scores_)


# Going on, copies and searches.


def test_partial_fits_start_at_1_and_keep_what_a_fit_has_found(blobs):
    X, y = blobs
    model = MixupClassifier(0, **LEARNT).partial_fit(X, y)
    assert model.temperature_ == 1
    found = model.fit(X, y).temperature_
    assert found != 1
    assert model.partial_fit(X, y).temperature_ == found
    assert model.net_.module_.temperature == found
    model.set_params(temperature=3.0).partial_fit(X, y)
    assert model.temperature_ == model.net_.module_.temperature == 3


def test_a_cold_fit_forgets_the_temperature(blobs):
    X, y = blobs
    fresh = MixupClassifier(**LEARNT).fit(X, y)
    again = MixupClassifier(**LEARNT).fit(X, 2 - y).fit(X, y)
    assert again.temperature_ == fresh.temperature_
    np.testing.assert_array_equal(again.predict_proba(X), fresh.predict_proba(X))


def test_a_fit_that_fails_leaves_the_temperature(blobs):
    X, y = blobs
    model = MixupClassifier(**LEARNT).fit(X, y)
    before = model.temperature_, model.predict_proba(X)
    model.set_params(lr=1e30, optimizer="sgd", temperature=7.0)
    with pytest.raises(ValueError, match="NaN or infinite"):
        model.fit(X, y)
    assert model.temperature_ == before[0]
    np.testing.assert_array_equal(model.predict_proba(X), before[1])


def test_stored_models_keep_it(blobs):
    X, y = blobs
    model = MixupClassifier(**LEARNT).fit(X, y)
    stored = pickle.loads(pickle.dumps(model))
    assert stored.temperature_ == model.temperature_
    np.testing.assert_array_equal(stored.predict_proba(X), model.predict_proba(X))
    assert stored.partial_fit(X, y).temperature_ == model.temperature_


def test_a_search_over_it_equals_scikit_learns(blobs):
    X, y = blobs
    grid = {"temperature": [0.3, 1.0, "auto", 3.0], "alpha": [0, 1]}
    settings = {"cv": 3, "scoring": "neg_log_loss"}
    model = MixupClassifier(**LEARNT | {"n_estimators": 2})
    ours, theirs = (
        search(model, grid, **settings).fit(X, y)
        for search in (GridSearchCV, model_selection.GridSearchCV)
    )
    scores, expected = (s.cv_results_["mean_test_score"] for s in (ours, theirs))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert len(np.unique(scores.round(6))) == 8
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, "warm", None])
def test_other_temperatures_are_refused(temperature, blobs):
    model = MixupClassifier(**SMALL, temperature=temperature)
    with pytest.raises(ValueError, match=r"'temperature' parameter.*'auto'"):
        model.fit(*blobs)


# Epochs as shares.


@pytest.mark.parametrize(
    ("n_rows", "max_epochs", "warmup", "mixed"),
    [
        (16, 100, 0, 50),  # one step an epoch: half of the epochs
        (16 * 20, 100, 0, 25),  # 500 steps
        (16 * 20, 100, 80, 20),  # what the warm-up leaves
        (16 * 1000, 100, 0, 20),  # a fifth of the epochs
        (16 * 1000, 3, 0, 1),
        (16, 1, 0, 1),
    ],
)
def test_clean_epochs_may_follow_from_the_steps(n_rows, max_epochs, warmup, mixed):
    X = np.arange(n_rows * 2.0).reshape(n_rows, 2)
    params = SMALL | {"max_epochs": max_epochs, "warmup_epochs": warmup}
    model = MixupClassifier(1, clean_epochs="auto", **_without(params, "clean_epochs"))
    model.set_params(temperature=1.0)
    task = model._prepare(FitData(X, X[:, 0] > 9), model._start(), Memo())
    plan = task.recipe.plan
    mixing = [epoch for epoch in range(max_epochs) if plan.mixes_in(epoch)]
    assert mixing == list(range(warmup, warmup + mixed))


def _without(params, name):
    return {key: value for key, value in params.items() if key != name}


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("name", ["clean_epochs", "warmup_epochs"])
@pytest.mark.parametrize(
    ("share", "max_epochs", "epochs"),
    [(0.5, 4, 2), (0.5, 5, 2), (0.25, 4, 1), (0.0, 3, 0), (1.0, 3, 3), (0.3, 3, 0)],
)
def test_a_share_of_the_epochs_is_their_number(
    make, name, share, max_epochs, epochs, data
):
    one, other = (
        make(1, **CONSTANT | {"max_epochs": max_epochs, name: number}).fit(*data)
        for number in (share, epochs)
    )
    assert one.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(one.predict(data[0]), other.predict(data[0]))


def test_one_epoch_is_not_all_of_them(line):
    whole, one = (
        MixupRegressor(1, **SMALL | {"clean_epochs": number}).fit(*line)
        for number in (1.0, 1)
    )
    assert whole.loss_curve_ != one.loss_curve_


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"warmup_epochs": 0.7, "clean_epochs": 0.7}, "more than max_epochs=10"),
        ({"warmup_epochs": 6, "clean_epochs": 0.5}, "more than max_epochs=10"),
        ({"clean_epochs": 1.1}, "'clean_epochs' parameter"),
        ({"warmup_epochs": -0.1}, "'warmup_epochs' parameter"),
    ],
)
def test_more_epochs_than_there_are_cannot_be_unmixed(make, shares, message, data):
    with pytest.raises(ValueError, match=message):
        make(**SMALL | {"max_epochs": 10} | shares).fit(*data)

"""Quantiles, counts, positive targets, and how much networks differ."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import d2_pinball_score
from torch import nn

from sk_mixup import MixupRegressor, fit_many
from sk_mixup._data.subsets import weighted_rows
from sk_mixup._data.tables import DenseTable
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.task import Start
from sk_mixup.model_selection import GridSearchCV
from tests.test_regressor import LINEAR
from tests.twins import CONSTANT, SMALL, target_scaling

QUANTILES = 0.1, 0.5, 0.9
SEVERAL = {"loss": "quantile", "quantile": QUANTILES}
ONE = {"loss": "quantile", "quantile": 0.7}
DEVIANCES = [{"loss": "poisson"}, {"loss": "gamma"}]
NEW = [ONE, SEVERAL, *DEVIANCES]
all_new = pytest.mark.parametrize("params", NEW, ids=str)


@pytest.fixture
def positive(line):
    """Rows (90, 4) and positive targets (90,), some of them alike."""
    X, y = line
    return X, np.exp(y / y.std()).round(1) + 0.1


# What is estimated.


@pytest.mark.parametrize(
    ("params", "location"),
    [
        (SEVERAL, lambda y: np.quantile(y, QUANTILES)),
        (ONE, lambda y: np.quantile(y, 0.7)),
        ({"loss": "poisson"}, np.mean),
        ({"loss": "gamma"}, np.mean),
    ],
    ids=["quantiles", "quantile", "poisson", "gamma"],
)
def test_each_loss_finds_what_it_is_for(params, location, rng):
    """Without features that tell anything."""
    y = rng.exponential(size=301)
    X = np.ones((301, 1))
    alone = {**LINEAR, "batch_size": 301, "max_epochs": 500}
    model = MixupRegressor(0, **alone | params).fit(X, y)
    np.testing.assert_allclose(model.predict(X)[0], location(y), atol=0.03)


def test_quantiles_of_known_noise_cover_what_they_say(rng):
    X = rng.uniform(-2, 2, size=(3000, 2))
    noise = (0.2 + 0.4 * abs(X[:, 1])) * rng.normal(size=3000)
    y = np.sin(2 * X[:, 0]) + noise
    model = MixupRegressor(**SEVERAL, n_estimators=1, max_epochs=30, random_state=0)
    low, _, high = model.fit(X[:1000], y[:1000]).predict(X[1000:]).T
    inside = (low <= y[1000:]) & (y[1000:] <= high)
    assert 0.74 < inside.mean() < 0.86
    # For rows of little noise and of much.
    calm = abs(X[1000:, 1]) < 1
    assert 0.7 < inside[calm].mean() < 0.9
    assert (high - low)[calm].mean() < 0.7 * (high - low)[~calm].mean()


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_mean_that_is_exponential_is_learnt_without_hidden_layers(loss, rng):
    X = rng.normal(size=(400, 2))
    mean = np.exp(X @ [0.5, -0.3] + 1)
    y = rng.poisson(mean) if loss == "poisson" else rng.gamma(5, mean / 5)
    model = MixupRegressor(0, **LINEAR | {"loss": loss, "lr": 0.01}).fit(X, y)
    assert np.corrcoef(np.log(model.predict(X)), np.log(mean))[0, 1] > 0.98
    assert (model.predict(X) > 0).all()


def test_the_median_is_the_least_absolute_error(line):
    """Whose loss is twice as large."""
    plain = {**SMALL, "optimizer": "sgd"}
    median = MixupRegressor(loss="quantile", quantile=0.5, lr=0.1, **plain)
    absolute = MixupRegressor(loss="absolute_error", lr=0.05, **plain)
    X, y = line
    np.testing.assert_allclose(
        median.fit(X, y).predict(X), absolute.fit(X, y).predict(X), rtol=1e-4
    )
    np.testing.assert_allclose(
        2 * np.array(median.loss_curve_), absolute.loss_curve_, rtol=1e-4
    )


@pytest.mark.parametrize("lr", [1e-30, 0.3])
def test_quantiles_never_cross(lr, line):
    """Neither of networks that have learnt nothing, nor of some that have too much."""
    X, y = line
    targets = np.column_stack([y, -y])
    model = MixupRegressor(**{**SMALL, **SEVERAL, "lr": lr}).fit(X, targets)
    predictions = [model.predict(X), model.to_torch()(torch.tensor(X).float()).numpy()]
    for predicted in predictions:
        assert (np.diff(predicted, axis=-1) >= 0).all()


@pytest.mark.parametrize("params", DEVIANCES, ids=str)
@pytest.mark.parametrize("pairing", ["random", "similar"])
def test_the_unit_of_positive_targets_does_not_matter(params, pairing, positive):
    X, y = positive
    one, other = (
        MixupRegressor(1, pairing=pairing, **SMALL, **params).fit(X, unit * y)
        for unit in (1, 8)
    )
    np.testing.assert_allclose(other.predict(X), 8 * one.predict(X), rtol=1e-4)
    np.testing.assert_allclose(other.loss_curve_, one.loss_curve_, rtol=1e-4)


@pytest.mark.parametrize("params", [ONE, SEVERAL], ids=str)
def test_quantiles_are_in_the_unit_of_the_target(params, line):
    X, y = line
    one, other = (
        MixupRegressor(1, **SMALL, **params).fit(X, t) for t in (y, 8 * y + 1000)
    )
    expected = 8 * one.predict(X) + 1000
    np.testing.assert_allclose(other.predict(X), expected, atol=1e-4 * y.std())


@pytest.mark.parametrize("params", DEVIANCES, ids=str)
def test_pairings_see_standardised_targets(params, positive):
    X, y = positive
    model = MixupRegressor(**params)
    targets = model._checked_targets(np.column_stack([y, 5 * y]))
    model._learn_targets(targets, FitData(X, targets))
    spec = model._target_spec(targets, Start())
    table = DenseTable(X.astype(np.float32), torch.device("cpu"))
    rows = weighted_rows(table, spec, None, None, torch.device("cpu"))
    seen = rows.targets.groups()
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(seen.std(axis=0), 1, rtol=1e-5)


# Shapes.


@pytest.mark.parametrize("shape", [(90,), (90, 1), (90, 2)])
@pytest.mark.parametrize(
    ("quantile", "last"), [(0.7, ()), ((0.7,), (1,)), (np.array(QUANTILES), (3,))]
)
def test_several_quantiles_have_an_axis_of_their_own(quantile, last, shape, line):
    X, y = line
    targets = np.resize(y, shape)
    params = {**SMALL, "loss": "quantile", "quantile": quantile, "n_estimators": 2}
    model = MixupRegressor(**params).fit(X, targets)
    predicted, std = model.predict(X, return_std=True)
    module = model.to_torch()
    rows = torch.from_numpy(X).float()
    assert predicted.shape == std.shape == module(rows).shape == shape + last
    np.testing.assert_allclose(module(rows), predicted, rtol=1e-4, atol=1e-3)
    exported = torch.export.export(module, (rows,)).module()
    assert exported(rows).shape == shape + last
    assert model.n_outputs_ == (1 if len(shape) == 1 else shape[1])


def test_a_target_in_reverse_has_its_quantiles_in_reverse(line):
    X, y = line
    targets = np.column_stack([y, -2 * y])
    params = {**LINEAR, **SEVERAL, "batch_size": 90, "lr": 0.01}
    one, other = np.moveaxis(
        MixupRegressor(0, **params).fit(X, targets).predict(X), 1, 0
    )
    np.testing.assert_allclose(other, -2 * one[:, ::-1], atol=0.1 * y.std())


def quantile_module(n_outputs):
    return nn.Linear(4, n_outputs)


def test_a_module_has_an_output_for_each_quantile(line):
    X, y = line
    params = {**SMALL, **SEVERAL, "module": quantile_module}
    model = MixupRegressor(module_params={"n_outputs": 3}, **params).fit(X, y)
    assert model.predict(X).shape == (90, 3)


# As any other loss.


@all_new
def test_fits_at_once_are_those_alone(params, positive):
    """Training sets of several sizes are padded."""
    X, y = positive
    rows = [(X[k % 2 :], y[k % 2 :]) for k in range(4)]
    models = [MixupRegressor(a, **SMALL, **params) for a in (0, 0.4, 1, np.inf)]
    for model, own in zip(
        fit_many(models, *zip(*rows, strict=True)), rows, strict=True
    ):
        alone = clone(model).fit(*own)
        np.testing.assert_allclose(model.predict(X), alone.predict(X), rtol=1e-3)
        np.testing.assert_allclose(model.loss_curve_, alone.loss_curve_, rtol=1e-4)


def test_fits_of_other_quantiles_do_not_disturb_each_other(line):
    X, y = line
    models = [
        MixupRegressor(loss="quantile", quantile=q, **SMALL) for q in (0.1, 0.9, (0.1,))
    ]
    fit_many(models, [X] * 3, [y] * 3)
    np.testing.assert_allclose(models[2].predict(X)[:, 0], models[0].predict(X))
    assert models[0].predict(X).mean() < models[1].predict(X).mean()


@all_new
def test_a_weight_of_2_is_a_row_given_twice(params, line):
    X, y = line
    y = 5 + y / y.std()
    twice = np.r_[np.arange(90), np.arange(10)]
    weights = np.where(np.arange(90) < 10, 2.0, 1.0)
    whole = {**SMALL, "batch_size": 200, "max_epochs": 20, **params}
    weighted = MixupRegressor(0, **whole).fit(X, y, weights)
    repeated = MixupRegressor(0, **whole).fit(X[twice], y[twice])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-3)


@all_new
def test_later_rows_change_the_unit_and_no_prediction(params, positive):
    X, y = positive
    model = MixupRegressor(**CONSTANT, **params).fit(X, y)
    before = model.predict(X)
    model.set_params(lr=1e-30, standardize=True).partial_fit(X, 50 * y)
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-3)
    assert (target_scaling(model)[1] > 2 * y.std()).all()


@all_new
def test_copies_and_pickles_predict_alike_and_train_on_alike(params, positive):
    X, y = positive
    model = MixupRegressor(**SMALL, **params, warm_start=True).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    np.testing.assert_array_equal(twin.fit(X, y).predict(X), model.fit(X, y).predict(X))


@all_new
def test_a_row_alone_has_the_prediction_it_has_among_others(params, positive):
    X, y = positive
    model = MixupRegressor(**SMALL, **params).fit(X, y)
    among = model.predict(X)
    for row in range(5):
        np.testing.assert_allclose(model.predict(X[[row]])[0], among[row], rtol=1e-7)


@all_new
def test_epochs_are_chosen_by_the_loss_on_validation_rows(params, positive):
    X, y = positive
    params = {**SMALL, **params, "early_stopping": True, "max_epochs": 5}
    model = MixupRegressor(**params).fit(X, y)
    assert np.isfinite(model.validation_scores_).all()
    assert (model.validation_scores_ <= 0).all()


def test_a_search_chooses_among_losses(line):
    X, y = line
    grid = {"loss": ["squared_error", "quantile"], "alpha": [0, 1]}
    search = GridSearchCV(MixupRegressor(**SMALL, quantile=0.5), grid, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# Scores.


def test_the_score_of_several_quantiles_is_the_mean_of_each(line):
    X, y = line
    weights = np.arange(90.0)
    model = MixupRegressor(**SMALL, **SEVERAL).fit(X, y)
    each = [
        d2_pinball_score(y, own, sample_weight=weights, alpha=quantile)
        for quantile, own in zip(QUANTILES, model.predict(X).T, strict=True)
    ]
    assert model.score(X, y, weights) == pytest.approx(np.mean(each))


def test_the_score_of_one_quantile_is_that_of_any_prediction(line):
    X, y = line
    model = MixupRegressor(**SMALL, **ONE).fit(X, y)
    residual = ((y - model.predict(X)) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert model.score(X, y) == pytest.approx(1 - residual)


# How much networks differ.


@pytest.mark.parametrize("params", [{}, *NEW], ids=str)
@pytest.mark.parametrize("member_weights", ["uniform", "validation"])
def test_the_spread_is_that_of_the_networks(member_weights, params, positive):
    X, y = positive
    more = {"n_estimators": 3, "early_stopping": True, "random_state": 0}
    model = MixupRegressor(
        member_weights=member_weights, **{**SMALL, **more, **params}
    ).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    rows = torch.from_numpy(X).float()
    shape = mean.shape[1:]
    members = np.stack(
        [m(rows).numpy().reshape(-1, *shape) for m in model.to_torch().members]
    )
    weights = model.member_weights_
    np.testing.assert_array_equal(mean, model.predict(X))
    expected = np.average((members - mean) ** 2, axis=0, weights=weights) ** 0.5
    np.testing.assert_allclose(std, expected, rtol=1e-3, atol=1e-4)
    assert (std > 0).any()


def test_a_single_network_agrees_with_itself(line):
    X, y = line
    _, std = MixupRegressor(**SMALL).fit(X, y).predict(X, return_std=True)
    np.testing.assert_array_equal(std, np.zeros(90))


# Bad input.


@pytest.mark.parametrize(
    ("loss", "bad", "message"),
    [
        ("poisson", -1.0, "requires non-negative y and sum.* 1 of 90 .* negative"),
        ("gamma", 0.0, "requires strictly positive y, but 1 of 90"),
        ("gamma", -1.0, "requires strictly positive y, but 1 of 90"),
    ],
)
def test_targets_without_a_deviance_are_refused(loss, bad, message, positive):
    X, y = positive
    model = MixupRegressor(**CONSTANT, loss=loss).fit(X, y)
    before = dict(vars(model))
    spoilt = np.where(np.arange(90) == 3, bad, y)
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            fit(X, spoilt)
    assert vars(model) == before


def test_counts_that_are_all_0_are_refused_at_first(positive):
    X, y = positive
    counts = np.column_stack([y, np.zeros(90)])
    with pytest.raises(ValueError, match=r"sum\(y\) > 0, but all targets"):
        MixupRegressor(**SMALL, loss="poisson").fit(X, counts)
    few = (np.arange(90) > 60) * y
    with pytest.raises(ValueError, match=r"sum\(y\) > 0, but all targets"):
        MixupRegressor(**SMALL, loss="poisson").fit(X, few, np.arange(90) < 60)
    model = MixupRegressor(**CONSTANT, loss="poisson").partial_fit(X, y)
    model.partial_fit(X, np.zeros(90))
    assert np.isfinite(model.predict(X)).all()


BAD = [None, 0.0, 1.0, (), (0.9, 0.1), (0.1, 0.1), (0.5, 1.0), ("a",), (np.nan,), 2]


@pytest.mark.parametrize("quantile", BAD, ids=repr)
def test_quantiles_that_are_none_are_refused(quantile, line):
    with pytest.raises(ValueError, match=r"quantile.*(needs quantile|parameter)"):
        MixupRegressor(**SMALL, loss="quantile", quantile=quantile).fit(*line)


@pytest.mark.parametrize("other", [0.6, (0.7,)])
def test_quantiles_cannot_change_in_a_continued_training(other, line):
    model = MixupRegressor(**SMALL, **ONE, warm_start=True).fit(*line)
    with pytest.raises(ValueError, match=r"quantile cannot change from 0\.7"):
        model.set_params(quantile=other).fit(*line)


def test_another_loss_does_not_look_at_quantile(line):
    X, y = line
    one, other = (
        MixupRegressor(**SMALL, quantile=q).fit(X, y) for q in (None, (0.9, 0.1))
    )
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("unit", [1e-3, 1e5])
@pytest.mark.parametrize("zeros", [0, [0, 1]])
def test_a_first_chunk_of_zeros_waits_for_counts(zeros, unit, line, rng):
    """Their mean is no unit: the unit of later counts does not matter."""
    X, y = line[0], rng.poisson(5.0, (90, 2)) + 1.0
    first = y.copy()
    first[:, zeros] = 0
    params = CONSTANT | {"loss": "poisson", "ema_halflife": 0.0, "lr": 0.01}
    one, other = (
        MixupRegressor(**params).partial_fit(X, scale * first) for scale in (1, unit)
    )
    for _ in range(5):
        one.partial_fit(X, y)
        other.partial_fit(X, unit * y)
        np.testing.assert_allclose(other.predict(X) / unit, one.predict(X), rtol=1e-3)
    assert 0.5 < one.predict(X).mean() / y.mean() < 2

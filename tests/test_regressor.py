"""The regressor: units of the targets, losses, partners with similar targets."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_regression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.preprocessing import StandardScaler

from sk_mixup import MixupRegressor
from sk_mixup.vicinity import SameClass, SameClassNeighbors
from tests.twins import CONSTANT, PLAIN, SMALL

LINEAR = {
    **PLAIN,
    "hidden_layer_sizes": (),
    "max_epochs": 300,
    "batch_size": 30,
    "lr": 0.05,
    "random_state": 0,
}


@pytest.fixture
def two_lines():
    """A linear relation without noise: X (90, 4), y (90, 2), both float64."""
    return make_regression(90, n_features=4, n_targets=2, random_state=0)


# Targets.


def test_predictions_have_the_shape_and_units_of_the_targets(line, two_lines):
    X, y = line
    model = MixupRegressor(**SMALL)
    assert model.fit(X, y).predict(X).shape == (90,)
    assert model.predict(X).dtype == np.float64
    assert model.fit(X, y[:, None]).predict(X).shape == (90, 1)
    assert model.fit(*two_lines).predict(X).shape == (90, 2)
    assert model.n_outputs_ == 2


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize("pairing", ["random", "similar"])
def test_units_of_the_targets_do_not_matter(loss, pairing, line):
    X, y = line
    params = {**SMALL, "loss": loss, "pairing": pairing}
    plain, other = (MixupRegressor(1, **params).fit(X, t) for t in (y, 8 * y + 1000))
    expected = 8 * plain.predict(X) + 1000
    np.testing.assert_allclose(other.predict(X), expected, atol=1e-4 * y.std())


def test_a_column_is_the_vector_it_holds(line):
    X, y = line
    vector, column = (MixupRegressor(**SMALL).fit(X, t) for t in (y, y[:, None]))
    np.testing.assert_array_equal(vector.predict(X), column.predict(X)[:, 0])


@pytest.mark.parametrize("kind", [list, pd.Series, np.float32, np.asarray])
def test_targets_of_every_kind_are_taken(kind, line):
    X, y = line
    model = MixupRegressor(**SMALL).fit(X, kind(y.round()))
    expected = MixupRegressor(**SMALL).fit(X, y.round()).predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)


def test_whole_numbers_are_numbers(blobs):
    X, y = blobs
    model = MixupRegressor(**SMALL).fit(X, y)
    assert (model.predict(X) != model.predict(X).round()).any()


def test_a_constant_target_is_learnt(line):
    X = line[0]
    model = MixupRegressor(1, **LINEAR).fit(X, np.full(90, 5.0))
    np.testing.assert_allclose(model.predict(X), 5, atol=0.05)


def test_weighted_targets_are_standardised_by_their_weights(line):
    X, y = line
    weights = (np.arange(90) < 45).astype(float)
    y = np.where(weights, y, 1e9)
    model = MixupRegressor(**SMALL).fit(X, y, weights)
    assert abs(model.predict(X)).max() < 1e6


# Learning.


@pytest.mark.parametrize("alpha", [0, 0.4, 1, np.inf])
@pytest.mark.parametrize("n_mixed", [2, 3])
def test_a_linear_target_without_noise_loses_nothing_by_mixing(
    alpha, n_mixed, two_lines
):
    """Mixtures of rows of a linear relation obey it themselves."""
    X, y = two_lines
    model = MixupRegressor(alpha, n_mixed=n_mixed, **LINEAR).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-3 * y.std())
    linear = model.to_torch().members[0][1][0]
    expected = LinearRegression().fit(StandardScaler().fit_transform(X), y)
    np.testing.assert_allclose(
        linear.weight.numpy() * y.std(axis=0)[:, None],
        expected.coef_,
        atol=1e-3 * y.std(),
    )


def test_mixing_shrinks_the_slope_of_a_noisy_relation_not_at_all(line):
    X, y = line
    slopes = []
    for alpha in (0, 1):
        params = {**LINEAR, "batch_size": 90, "n_estimators": 3}
        model = MixupRegressor(alpha, **params).fit(X, y)
        members = model.to_torch().members
        slopes.append(sum(member[1][0].weight for member in members) / 3)
    torch.testing.assert_close(slopes[1], slopes[0], atol=0.03, rtol=0)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize("pairing", ["random", "neighbors", "similar"])
def test_a_relation_is_learnt(loss, pairing, line):
    params = {**SMALL, "max_epochs": 60, "lr": 0.01, "batch_size": 8}
    model = MixupRegressor(0.4, loss=loss, pairing=pairing, n_neighbors=10, **params)
    assert cross_val_score(model, *line, cv=3).mean() > 0.9


def test_a_nonlinear_relation_is_learnt(rng):
    X = rng.uniform(-2, 2, size=(200, 1))
    y = np.sin(2 * X[:, 0])
    params = {"max_epochs": 100, "lr": 0.01, "random_state": 0}
    model = MixupRegressor(0.2, pairing="similar", bandwidth=0.1, **params)
    assert model.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize(
    ("loss", "location"),
    [("squared_error", np.mean), ("absolute_error", np.median)],
)
def test_each_loss_finds_its_location(loss, location, rng):
    """Without features that tell anything."""
    y = rng.exponential(size=301)
    X = np.ones((301, 1))
    params = {**LINEAR, "batch_size": 301, "max_epochs": 500}
    model = MixupRegressor(0, loss=loss, **params).fit(X, y)
    np.testing.assert_allclose(model.predict(X), location(y), atol=0.02)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_robust_losses_mind_outliers_less(loss, line):
    X, y = line
    spoilt = np.where(np.arange(90) % 10, y, 20 * abs(y).max())
    errors = {
        name: abs(MixupRegressor(0, loss=name, **LINEAR).fit(X, spoilt).predict(X) - y)
        for name in ("squared_error", loss)
    }
    assert np.median(errors[loss]) < np.median(errors["squared_error"]) / 2


def test_outputs_are_learnt_side_by_side(two_lines):
    """Without hidden layers they do not see each other."""
    X, y = two_lines
    together = MixupRegressor(0, **LINEAR).fit(X, y).predict(X)
    apart = MultiOutputRegressor(MixupRegressor(0, **LINEAR)).fit(X, y).predict(X)
    np.testing.assert_allclose(together, apart, atol=1e-3 * y.std())


# Partners with similar targets.


def test_a_tiny_bandwidth_mixes_a_row_with_itself(line):
    """All targets differ, so the nearest similar row is the row: this is ERM."""
    X, y = line
    similar = MixupRegressor(1, pairing="similar", bandwidth=1e-9, **SMALL).fit(X, y)
    erm = MixupRegressor(0, **SMALL).fit(X, y)
    np.testing.assert_allclose(similar.predict(X), erm.predict(X), atol=1e-4 * y.std())


def test_similar_targets_of_several_columns(two_lines):
    X, y = two_lines
    model = MixupRegressor(1, pairing="similar", **SMALL).fit(X, y)
    assert model.predict(X).shape == (90, 2)


# Going on and bad input.


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "log"}, "'loss' parameter.*'huber'"),
        ({"bandwidth": 0.0}, "'bandwidth' parameter"),
        ({"pairing": "same_class"}, r"one of \['random', 'neighbors', 'similar'\]"),
        ({"pairing": SameClass()}, r"SameClass\(\) needs classes"),
        ({"pairing": SameClassNeighbors(3)}, r"SameClassNeighbors.* needs classes"),
    ],
)
def test_what_needs_classes_is_refused(params, message, line):
    model = MixupRegressor(**SMALL, **params)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(*line)
    assert vars(model) == before


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_no_numbers_are_refused(bad, line):
    X, y = line
    with pytest.raises(ValueError, match="Input y contains"):
        MixupRegressor().fit(X, np.where(np.arange(90) == 3, bad, y))


@pytest.mark.parametrize(
    "values", [np.longdouble("1e400") * np.arange(90), [10**400 * n for n in range(90)]]
)
def test_targets_beyond_double_precision_are_said_to_be(values, line):
    with pytest.raises(ValueError, match=r"Input y contains .* too large for dtype"):
        MixupRegressor().fit(line[0], values)


def test_other_numbers_of_outputs_are_refused_later(line, two_lines):
    model = MixupRegressor(**CONSTANT).partial_fit(*line)
    with pytest.raises(ValueError, match=r"2 columns, but the networks .* on 1"):
        model.partial_fit(*two_lines)


def test_targets_may_be_transformed(line):
    X, y = line
    model = TransformedTargetRegressor(
        MixupRegressor(**SMALL), func=np.exp, inverse_func=np.log, check_inverse=False
    )
    assert model.fit(X, y / y.std()).predict(X).shape == (90,)


def test_a_sparse_target_is_refused(line):
    X, y = line
    with pytest.raises(ValueError, match="needs a dense y"):
        MixupRegressor(**SMALL).fit(X, sparse.csr_matrix(y[:, None]))


@pytest.mark.parametrize("shape", [(90,), (90, 1), (90, 2)])
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_to_torch_gives_the_shape_that_predict_gives(n_estimators, shape, line):
    X, y = line
    targets = np.resize(y, shape)
    model = MixupRegressor(**SMALL | {"n_estimators": n_estimators}).fit(X, targets)
    rows = torch.from_numpy(X).float()
    module = model.to_torch()
    assert module(rows).shape == model.predict(X).shape == shape
    np.testing.assert_allclose(module(rows), model.predict(X), rtol=1e-4, atol=1e-3)
    exported = torch.export.export(module, (rows,)).module()
    assert exported(rows).shape == shape


@pytest.mark.parametrize("kind", [np.asarray, list, lambda y: y[:, None]])
def test_missing_targets_are_told_with_the_remedy(kind, line):
    X, y = line[0], line[1].copy()
    y[3] = np.nan
    with pytest.raises(ValueError, match=r"y contains NaN, but .* leave out the rows"):
        MixupRegressor(**SMALL).fit(X, kind(y))

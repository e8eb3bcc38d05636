"""Mean and deviation: of ordinary columns, of wild cells, and of rows in turn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup._data.moments import Moments
from sk_mixup._data.statistics import feature_moments, target_moments
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import DenseTable, SparseTable
from sk_mixup._data.targets import Classes
from tests.twins import (
    CONSTANT,
    PLAIN,
    SMALL,
    TWINS,
    all_rows,
    predicted,
    target_scaling,
)

CPU = torch.device("cpu")
twins = pytest.mark.parametrize("make", TWINS)


def subset(X, weights=None):
    table = SparseTable(X, CPU) if sparse.issparse(X) else DenseTable(X, CPU)
    targets = Classes(torch.zeros(X.shape[0], dtype=torch.int64), 2)
    weights = None if weights is None else torch.as_tensor(weights, dtype=torch.float64)
    return RowSubset(table, targets, None, weights)


def assert_same_moments(one, other, rtol=1e-6):
    assert_allclose(one.mean, other.mean, rtol=rtol, atol=rtol)
    assert_allclose(one.deviation, other.deviation, rtol=rtol)
    assert one.weight == pytest.approx(other.weight)


def with_wild_cells(X, share, value, rng):
    wild = X.copy()
    wild[: max(1, int(share * len(X)))] = value
    return wild


# Features.


@pytest.mark.parametrize("kind", ["normal", "uniform", "one-hot", "binary", "rare"])
def test_ordinary_columns_have_their_mean_and_deviation(kind, rng):
    X = {
        "normal": rng.normal(3, 5, (200, 3)),
        "uniform": rng.random((200, 3)),
        "one-hot": np.eye(3)[rng.integers(3, size=200)],
        "binary": rng.random((200, 3)) < 0.5,
        "rare": rng.random((200, 3)) < 0.05,
    }[kind].astype(float)
    scaler = StandardScaler().fit(X)
    moments = feature_moments(subset(X))
    assert_allclose(moments.mean, scaler.mean_, atol=1e-12)
    assert_allclose(moments.deviation, scaler.scale_, rtol=1e-12)


@given(
    share=st.floats(0, 0.15),
    value=st.sampled_from([-9999.0, 1e6, -1e30, 1e30]),
    factor=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_wild_cells_do_not_hide_a_feature(share, value, factor):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * factor
    moments = feature_moments(subset(with_wild_cells(X, share, value * factor, rng)))
    assert (abs(moments.mean) < 1.5 * factor).all()
    assert (moments.deviation > 0.8 * factor).all()
    assert (moments.deviation < 3 * factor).all()


def test_wild_cells_of_several_values_do_not_either(rng):
    X = rng.normal(size=(1000, 1))
    X[:15, 0], X[15:30, 0] = rng.normal(size=(2, 15)) * 1e6
    assert feature_moments(subset(X)).deviation[0] < 3


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.24])
def test_what_a_column_is_about_is_not_squeezed(share, rng):
    """A machine that is idle most of the time: its few active rows tell the most."""
    active = rng.random((2000, 1)) < share
    X = np.where(active, rng.normal(5, 1, (2000, 1)), rng.normal(0, 0.01, (2000, 1)))
    assert_allclose(feature_moments(subset(X)).deviation, X.std(axis=0), rtol=0.2)


@pytest.mark.parametrize("period", [2, 3])
def test_alternating_rows_are_all_looked_at(period, rng):
    kind = np.arange(12_000) % period == 1
    X = np.where(kind, rng.normal(5, 1, 12_000), rng.normal(0, 0.01, 12_000))[:, None]
    assert_allclose(feature_moments(subset(X)).deviation, X.std(axis=0), rtol=0.1)


@pytest.mark.filterwarnings("ignore:Feature 5 of X:UserWarning")
@pytest.mark.parametrize("clip", [None, 3.0])
@pytest.mark.parametrize("size", [1e-38, 1e-40, 1e-45])
@pytest.mark.parametrize("make", TWINS)
def test_columns_too_small_to_divide_by_are_taken(make, size, clip, data, rng):
    """A classifier's probability of a rare class is one, but for a few rows."""
    X, y = data
    tiny = np.where(np.arange(90) < 3, 0.9, size * rng.integers(2, size=90))
    X = np.column_stack([X, tiny, size * rng.integers(2, size=90)])
    model = make(**SMALL | {"clip": clip}).fit(X, y)
    assert np.isfinite(predicted(model, X)).all()
    model.partial_fit(X, y).partial_fit(X + size, y)
    assert np.isfinite(predicted(model, X)).all()


def test_mostly_constant_columns_keep_what_varies(rng):
    X = np.where(rng.random((1000, 1)) < 0.9, 0, rng.exponential(size=(1000, 1)))
    X[:5] = 1e9
    moments = feature_moments(subset(X))
    assert 0.1 < moments.deviation[0] < 2


def test_weights_equal_repeated_rows(rng):
    X = with_wild_cells(rng.normal(size=(60, 3)), 0.05, 1e6, rng)
    times = rng.integers(1, 5, size=60)
    assert_same_moments(
        feature_moments(subset(X, times)),
        feature_moments(subset(X.repeat(times, axis=0))),
    )


@pytest.mark.parametrize("offset", [0, 1000])
def test_sparse_rows_have_the_moments_of_dense_ones(offset, rng):
    """With the offset a 0 is a wild cell, which is not even stored."""
    X = rng.normal(size=(200, 4)) + offset
    X[:4] = 0
    X[4:6] = 1e7
    X[:, 3] = np.where(rng.random(200) < 0.97, 0, X[:, 3])
    assert_same_moments(
        feature_moments(subset(sparse.csr_matrix(X))), feature_moments(subset(X))
    )


@given(first=st.integers(1, 99), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_rows_in_turn_have_the_moments_of_all(first, scale, seed):
    rng = np.random.default_rng(seed)
    X, weights = rng.uniform(-scale, scale, (100, 2)) + 5, rng.random(100) + 0.1
    parts = [
        target_moments(X[part], weights[part], 2.0, robust=False)
        for part in (slice(first), slice(first, None))
    ]
    whole = target_moments(X, weights, 2.0, robust=False)
    assert_same_moments(parts[0].joined(parts[1]), whole, rtol=1e-9)


@twins
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n_wild", [1, 10])
def test_a_few_wild_cells_cost_little(make, kind, n_wild, rng):
    X = rng.normal(size=(1000, 4))
    signal = X @ [2, 1, 0, 0]
    y = (signal > 0 if make is MixupClassifier else signal)[:500]
    params = PLAIN | {"clip": 3.0, "max_epochs": 20, "random_state": 0, "lr": 0.01}
    wild = X[:500].copy()
    wild[:n_wild, 0] = -9999 if n_wild > 1 else 1e6
    score = make(**params).fit(kind(wild), y).score(X[500:], _half(make, signal))
    assert score > 0.93


def _half(make, signal):
    return (signal > 0 if make is MixupClassifier else signal)[500:]


def test_the_papers_recipe_leaves_rows_as_they_are(blobs):
    model = MixupClassifier.paper(0.2, max_epochs=1, random_state=0).fit(*blobs)
    assert model.net_.module_.inputs.idle


# Targets.


@given(
    exponent=st.integers(-300, 300),
    offset=st.sampled_from([0.0, 1.0, 1e3]),
    robust=st.booleans(),
)
def test_targets_of_every_size_are_standardised_alike(exponent, offset, robust):
    y = np.random.default_rng(0).normal(size=(50, 1)) + offset
    small = target_moments(y, None, 1.0, robust)
    scaled = target_moments(np.ldexp(y, exponent), None, 1.0, robust)
    assert_allclose(np.ldexp(scaled.mean, -exponent), small.mean, rtol=1e-12)
    assert_allclose(np.ldexp(scaled.deviation, -exponent), small.deviation, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-170, 1e-30, 1e30, 1e160])
def test_units_of_the_targets_do_not_matter(factor, line):
    X, y = line
    plain, scaled = (
        MixupRegressor(**SMALL).fit(X, target) for target in (y, y * factor)
    )
    expected = plain.predict(X) / y.std()
    assert_allclose(scaled.predict(X) / factor / y.std(), expected, atol=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_a_wild_target_does_not_hide_the_others(loss, rng):
    X = rng.normal(size=(1000, 3))
    y = X @ [2, 1, 0]
    train = y[:500].copy()
    train[7] = 1e6
    params = PLAIN | {"max_epochs": 30, "lr": 0.01, "random_state": 0}
    model = MixupRegressor(loss=loss, **params).fit(X[:500], train)
    assert abs(model.predict(X[500:]) - y[500:]).mean() < 0.3


def test_the_mean_is_what_a_squared_error_is_about(rng):
    """A loss in which a wild target has no bounded say goes by plain moments."""
    y = with_wild_cells(rng.normal(size=(100, 1)), 0.01, 1e6, rng)
    X = rng.normal(size=(100, 2))
    model = MixupRegressor(**SMALL).fit(X, y[:, 0])
    assert_allclose(target_scaling(model), (y.mean(axis=0), y.std(axis=0)))


@pytest.mark.parametrize("value", [0.0, 1e-6, -7.0, 1e30])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_a_constant_target_is_predicted_exactly(value, loss, line):
    X, y = line
    constant = np.full(90, value)
    weights = np.arange(90.0)
    make = MixupRegressor(loss=loss, **SMALL)
    for model in (
        make.fit(X, constant),
        make.fit(X, constant, weights),
        MixupRegressor(**SMALL).partial_fit(X[:20], constant[:20]),
        fit_many([MixupRegressor(**SMALL)], [X], [constant])[0],
    ):
        np.testing.assert_array_equal(model.predict(X), constant)
    two = MixupRegressor(**SMALL).fit(X, np.column_stack([constant, y]))
    np.testing.assert_array_equal(two.predict(X)[:, 0], constant)
    exported = MixupRegressor(**SMALL).fit(X, constant).to_torch()
    assert (exported(torch.from_numpy(X).float()) == np.float32(value)).all()


@pytest.mark.parametrize("bias_init", ["data", "uniform"])
def test_what_was_constant_may_vary_later(bias_init, line):
    X, y = line
    params = SMALL | {"lr": 0.01, "batch_size": 8, "bias_init": bias_init}
    model = MixupRegressor(**params).partial_fit(X[:1], [y.mean()])
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9


def test_a_target_that_is_about_few_rows_is_learnt(rng):
    active = rng.random(1000) < 0.2
    y = np.where(active, rng.normal(5, 1, 1000), rng.normal(0, 1e-3, 1000))
    plain = target_moments(y[:, None], None, 1.0, robust=False)
    assert_same_moments(target_moments(y[:, None], None, 1.0, robust=True), plain, 0.2)


def test_targets_of_the_largest_size_are_standardised(rng):
    y = rng.uniform(-1, 1, (50, 1))
    largest = target_moments(y * 1.7e308, None, 1.0, robust=False)
    plain = target_moments(y, None, 1.0, robust=False)
    assert_allclose(largest.mean / 1.7e308, plain.mean, rtol=1e-9)
    assert_allclose(largest.deviation / 1.7e308, plain.deviation, rtol=1e-9)


def test_going_on_over_a_constant_target_wrecks_nothing(line):
    X, y = line
    params = SMALL | {"warm_start": True, "lr": 0.01, "max_epochs": 30}
    model = MixupRegressor(**params).fit(X, 1e6 * y)
    np.testing.assert_array_equal(model.fit(X, np.zeros(90)).predict(X), 0)
    assert model.fit(X, 1e6 * y).score(X, 1e6 * y) > 0.9


@pytest.mark.parametrize("clip", [{}, {"clip": None}], ids=["default", "None"])
def test_a_trend_goes_on_beyond_the_training_rows(clip):
    years = np.arange(2000, 2017.0).repeat(10)[:, None]
    y = 2 * (years[:, 0] - 2000)
    params = {"n_estimators": 2, "max_epochs": 200, "early_stopping": False}
    model = MixupRegressor(lr=0.01, random_state=0, **params, **clip).fit(years, y)
    assert abs(model.predict([[2030.0]])[0] - 60) < 6


# Rows in turn.


@twins
def test_partial_fit_goes_by_all_rows_seen(make, data):
    X, y = data
    parts = np.array_split(np.arange(90), [1, 11, 40])
    model = make(**SMALL)
    kwargs = {"classes": np.unique(y)} if make is MixupClassifier else {}
    for part in parts:
        model.partial_fit(X[part] * 7 + 3, y[part], **kwargs)
    scaler = StandardScaler().fit(X * 7 + 3)
    inputs = model.net_.module_.inputs
    assert_allclose(inputs.shift.flatten(), scaler.mean_, rtol=1e-4, atol=1e-4)
    assert_allclose(inputs.scale.flatten(), scaler.scale_, rtol=0.05)
    if make is MixupRegressor:
        scaler = StandardScaler().fit(y.reshape(-1, 1))
        assert_allclose(target_scaling(model)[0], scaler.mean_, rtol=1e-6)


@twins
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("more", ["partial_fit", "fit"])
def test_other_moments_alone_change_no_prediction(make, weighted, more, data):
    """With a vanishing rate a further training changes nothing but the moments."""
    X, y = data
    model = make(**CONSTANT, **all_rows(make)).fit(X, y)
    before = predicted(model, X) if make is MixupClassifier else model.predict(X)
    model.set_params(lr=1e-30, warm_start=True)
    weights = np.arange(1.0, 91) if weighted else None
    other = y if make is MixupClassifier else 3 * y + 20
    getattr(model, more)(2 * X + 5, other, sample_weight=weights)
    after = predicted(model, X) if make is MixupClassifier else model.predict(X)
    assert_allclose(after, before, atol=1e-4 * abs(before).max())
    assert abs(model.net_.module_.inputs.shift).min() > 0.5


@twins
@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.slow), 5, 19, 20, 100]
)
def test_a_wild_cell_hides_nothing_from_parts_of_any_size(make, size, rng):
    X = rng.normal(size=(600, 3))
    y = X[:, 0] > 0 if make is MixupClassifier else X[:, 0]
    X[99::100, 0] = -9999
    model = make(**CONSTANT)
    kwargs = {"classes": [False, True]} if make is MixupClassifier else {}
    for start in range(0, 600, size):
        model.partial_fit(X[start : start + size], y[start : start + size], **kwargs)
    assert model.net_.module_.inputs.scale.max() < 5


@pytest.mark.parametrize("size", [10, 50])
def test_a_wild_target_hides_nothing_from_parts(size, rng):
    X = rng.normal(size=(300, 3))
    y = X[:, 0].copy()
    y[150] = 1e6
    model = MixupRegressor(loss="absolute_error", **CONSTANT)
    for start in range(0, 300, size):
        model.partial_fit(X[start : start + size], y[start : start + size])
    assert target_scaling(model)[1][0] < 5


@twins
def test_weights_of_any_size_may_come_in_parts(make, data):
    X, y = data
    model = make(**CONSTANT)
    for _ in range(2):
        model.partial_fit(X, y, sample_weight=np.full(90, 1e306))
    alike = make(**CONSTANT).partial_fit(X, y).partial_fit(X, y)
    assert_allclose(predicted(model, X), predicted(alike, X), atol=1e-4)
    with pytest.raises(ValueError, match=r"sample_weight is .* times as large as"):
        model.partial_fit(X, y, sample_weight=np.full(90, 1e-200))


@twins
def test_more_of_the_same_rows_changes_no_moments(make, data):
    model = make(**CONSTANT, warm_start=True).fit(*data)
    shift = model.net_.module_.inputs.shift
    assert torch.equal(model.fit(*data).net_.module_.inputs.shift, shift)


def test_a_stream_whose_scale_grows_is_learnt(rng):
    scale = np.exp(np.linspace(0, 5, 2000))[:, None]
    X = rng.normal(size=(2000, 2)) * scale
    y = (X.sum(axis=1) > 0).astype(int)
    model = MixupClassifier(n_estimators=1, random_state=0, lr=0.01)
    for part in np.array_split(np.arange(2000), 20):
        model.partial_fit(X[part], y[part], classes=[0, 1])
    fresh = rng.normal(size=(500, 2)) * scale[::4]
    assert model.score(fresh, fresh.sum(axis=1) > 0) > 0.9


@twins
def test_a_first_call_of_one_row_spoils_nothing(make, rng):
    X = rng.normal(size=(400, 3)) * [100, 1, 0.01] + 5
    signal = (X - 5) @ [0.01, 1, 0]
    y = (signal > 0).astype(int) if make is MixupClassifier else signal
    model = make(n_estimators=1, random_state=0, lr=0.01)
    kwargs = {"classes": [0, 1]} if make is MixupClassifier else {}
    model.partial_fit(X[:1], y[:1], **kwargs)
    for _ in range(30):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9


class FirstGradient(Callback):
    """Note the gradient of the first layer's biases."""

    def on_grad_computed(self, net, **kwargs):
        body = net.module_.body
        self.bias = body.layers(body.theta.grad)[0].bias.clone()


@twins
def test_units_learn_even_where_all_rows_are_one(make, data):
    X, y = data
    gradient = FirstGradient()
    model = make(**SMALL | {"bias_init": "data"}, callbacks=[gradient])
    model.partial_fit(X[[0, 0, 0]], y[[0, 1, 2]])
    assert gradient.bias.abs().max() > 0


def test_moments_of_equal_parts_are_theirs():
    part = Moments(3.0, np.array([1.0]), np.array([2.0]))
    assert_same_moments(
        part.joined(part), Moments(6.0, np.array([1.0]), np.array([2.0]))
    )

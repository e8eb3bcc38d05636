"""Encodings, and members that differ in them and in alpha."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from torch import nn

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup._networks.bins import Bins
from sk_mixup._training.settings import ENCODINGS
from sk_mixup.encodings import Encoding, QuantileBins, Standardized
from tests import twins
from tests.twins import TWINS, all_rows, perceptron, predicted, target_scaling

SMALL = {name: value for name, value in twins.SMALL.items() if name != "encoding"}
CONSTANT = SMALL | {"lr_schedule": "constant"}

both = pytest.mark.parametrize("make", TWINS)

FOUR = {**SMALL, "n_estimators": 4, "early_stopping": False}
DIFFERING = {"alpha": (0, 1), "encoding": ("standardized", "bins")}
EDGES = torch.tensor([[0.0, 1.0, 3.0], [-1.0, 0.0, 0.0]])


def outputs_of(model, X):
    """Return the outputs of each network, (n_rows, n_networks, n_outputs)."""
    return model.net_.forward(X.astype(np.float32)).numpy()


# Bins.


def test_a_unit_rises_from_0_to_1_within_its_bin():
    bins = Bins.between(torch.tensor([2, 0]), EDGES)
    x = torch.tensor([[-1.0, 9.0, 0.5], [-0.5, 9.0, 2.0], [0.0, 9.0, 3.0]])
    expected = [[0.5, 0, 0, 0], [1, 0.5, 0.5, 0], [1, 1, 1, 0]]
    assert bins(x[None])[0].tolist() == expected


def test_units_of_all_bins_sum_to_the_place_among_the_edges(rng):
    edges = np.sort(rng.normal(size=(3, 6)), axis=1)
    bins = Bins.between(torch.arange(3), torch.from_numpy(edges))
    X = rng.normal(size=(50, 3))
    total = bins(torch.from_numpy(X)[None])[0].view(50, 3, 5).sum(-1).numpy()
    for column in range(3):
        inside = (X[:, column] > edges[column, 0]) & (X[:, column] < edges[column, -1])
        place = np.interp(X[inside, column], edges[column], np.arange(6))
        np.testing.assert_allclose(total[inside, column], place)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_at_and_beside_an_edge_is_that_of_one_side(dtype, rng):
    edges = torch.from_numpy(np.sort(rng.normal(size=6))).float()
    bins = Bins.between(torch.tensor([0]), edges[None]).to(dtype)
    heights = torch.from_numpy(rng.normal(size=5)).to(dtype)
    slopes = heights / edges.diff()
    at = edges.to(dtype)
    below = torch.nextafter(at, torch.tensor(-np.inf, dtype=dtype))
    for places, expected in [
        (at, torch.cat([slopes, slopes[-1:]])),
        (below, torch.cat([slopes[:1], slopes])),
        (at - 30 * edges.diff().max(), torch.zeros(6)),
    ]:
        x = places[None, :, None].clone().requires_grad_()
        units = bins(x)
        (units @ heights).sum().backward()
        np.testing.assert_allclose(x.grad.flatten(), expected, rtol=1e-3)
        np.testing.assert_allclose(units.detach(), bins(x.detach()), atol=1e-6)


@pytest.mark.parametrize("make", TWINS)
def test_gradients_at_training_rows_are_those_beside_them(make, rng):
    X = rng.integers(0, 6, size=(200, 3)).astype(float)
    y = (X[:, 0] > X[:, 1]).astype(int)
    params = SMALL | {"encoding": "bins", "clip": None, "hidden_layer_sizes": ()}
    module = make(1, **params).fit(X, y).to_torch()
    # Of a model of one layer, what enters the link is linear within each bin.
    outputs = torch.nn.Sequential(*list(module.members[0])[:2])
    rows = torch.from_numpy(X).float().requires_grad_()
    outputs(rows)[:, -1].sum().backward()
    beside = (rows.detach() + 1e-3).requires_grad_()
    outputs(beside)[:, -1].sum().backward()
    np.testing.assert_allclose(rows.grad, beside.grad, rtol=1e-3, atol=1e-5)


def test_runs_can_be_selected_and_joined():
    parts = [Bins.between(torch.tensor([0, 1]), EDGES + n).moved(n) for n in (0, 1)]
    joined = Bins.concatenate(parts)
    x = torch.randn(2, 5, 2)
    for run, part in enumerate(parts):
        alone = part(x[run, None])[0]
        for other in (joined.select([run])(x[run, None])[0], joined(x)[run]):
            torch.testing.assert_close(other, alone, rtol=0, atol=0)
        torch.testing.assert_close(joined.member(run)(x[run]), alone, rtol=0, atol=0)


@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_units_go_on_beyond_the_edges_for_a_while(scale):
    edges = torch.tensor([[0.0, 1.0, 1.0, 2.0, 2.0]]) * scale
    x = torch.tensor([-2.0, 4.0, -1e7, 1e7])[None, :, None] * scale
    units = Bins.between(torch.tensor([0]), edges)(x)[0]
    expected = [[-2, 0, 0, 0], [1, 0, 3, 0], [-10, 0, 0, 0], [1, 0, 11, 0]]
    torch.testing.assert_close(units, torch.tensor(expected).float())


# Edges.


def test_quantile_bins_hold_equally_many_rows(rng):
    X = rng.normal(size=(800, 2)) ** 3
    edges = QuantileBins(8, tail_bins=0).edges(X, X[:, 0], np.ones(800))
    for column, own in zip(X.T, edges, strict=True):
        counts = np.histogram(column, own)[0]
        assert (abs(counts - 100) <= 1).all()


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_frequent_value_takes_one_bin_from_the_others(place, share, rng):
    others = rng.normal(size=800)
    value = {"first": others.min() - 1, "middle": 0.0, "last": others.max() + 1}[place]
    x = np.r_[others, np.full(round(800 * share / (1 - share)), value)]
    (edges,) = QuantileBins(8, tail_bins=0).edges(x[:, None], x, np.ones(len(x)))
    assert (np.diff(edges) > 0).all()
    counts = np.histogram(others, edges)[0]
    assert len(counts[counts > 0]) >= 7
    assert counts.max() <= 2 * 800 / 7
    assert edges[[0, -1]].tolist() == [x.min(), x.max()]


def test_each_of_few_values_is_an_edge(rng):
    x = rng.choice(9, size=500, p=[0.6, *[0.05] * 8]).astype(float)
    (edges,) = QuantileBins(8, tail_bins=1).edges(x[:, None], x, np.ones(500))
    assert edges.tolist() == list(range(9))
    (edges,) = QuantileBins(10, tail_bins=0).edges(x[:, None], x, np.ones(500))
    assert edges.tolist() == [*range(9), 8, 8]


TAILS = {  # and how often the lowest and the highest bin are halved
    "none": (lambda x: x, 0, 0),
    "one": (lambda x: np.exp(2 * x), 0, 4),
    "two": (np.sinh, 4, 4),
    "outliers": (lambda x: np.where(x > np.sort(x)[-3], 1e6, x), 0, 0),
    "few": (lambda x: np.where(x < 0.8, 0, np.exp(3 * x)), 0, 2),
}


@pytest.mark.parametrize("tails", TAILS)
def test_the_outermost_bins_of_long_tails_are_halved(tails, rng):
    make, n_low, n_high = TAILS[tails]
    x = make(rng.normal(size=2000))
    bins, halved = (
        np.unique(QuantileBins(8, tail).edges(x[:, None], x, np.ones(2000)))
        for tail in (0, 4)
    )
    assert set(bins) <= set(halved)
    assert (halved < bins[1]).sum() - 1 == n_low
    assert (halved > bins[-2]).sum() - 1 == n_high
    last = (x > bins[-2]) & (x < bins[-1])
    for number, edge in enumerate(np.sort(halved[halved > bins[-2]])[:-1], 1):
        assert (x[last] > edge).mean() == pytest.approx(0.5**number, abs=0.02)
    mirrored = QuantileBins(8, 4).edges(-x[:, None], x, np.ones(2000))
    assert len(np.unique(mirrored)) == len(halved)


def test_bins_that_no_feature_uses_cost_nothing(rng):
    X = rng.uniform(-2, 2, size=(300, 3))
    for rows, n_bins in [(X, 8), (np.exp(3 * X), 12)]:
        model = MixupRegressor(n_estimators=1, max_epochs=1, encoding="bins")
        bins = model.fit(rows, X[:, 0]).net_.module_.inputs.bins
        assert bins.low.shape[-1] == n_bins


def test_a_tail_that_comes_late_gets_bins(rng):
    X = rng.uniform(-2, 2, size=(200, 2))
    model = MixupRegressor(n_estimators=2, random_state=0, encoding="bins")
    model.partial_fit(X, X[:, 0])
    assert model.net_.module_.inputs.bins.low.shape[-1] == 8
    for _ in range(2):
        model.partial_fit(np.exp(3 * X), X[:, 0])
    assert model.net_.module_.inputs.bins.low.shape[-1] == 12
    model.partial_fit(X, X[:, 0])
    assert model.net_.module_.inputs.bins.low.shape[-1] == 12
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("values", [60, 4])
@pytest.mark.parametrize("tail", [1, 4])
def test_weights_place_edges_as_repeated_rows(values, tail, rng):
    X, weights = rng.normal(size=(60, 2)), np.arange(60)
    X[:, 1] = np.minimum(X[:, 1], np.sort(X[:, 1])[values - 1])
    X = np.sinh(tail * X)
    encoding = QuantileBins(2, tail)
    repeated = encoding.edges(X.repeat(weights, 0), np.zeros(1770), np.ones(1770))
    for own in (weights.astype(float), weights / np.float32(weights.mean())):
        weighted = encoding.edges(X, X[:, 0], own)  # one row has the weight 0
        np.testing.assert_array_equal(weighted, repeated)


@pytest.mark.parametrize("values", [[0], [0, 1], [0] * 50 + [7]])
def test_columns_of_one_or_two_values_have_their_edges(values):
    x = np.resize(np.array(values, dtype=float), 102)
    (edges,) = QuantileBins().edges(x[:, None], x, np.ones(102))
    assert set(edges) == set(values)


def test_members_need_not_see_all_of_a_columns_values(rng):
    """Rare values may all be among the rows that a member holds out."""
    X = rng.normal(size=(60, 30))
    X[:, 1:] = 0
    X[rng.integers(60, size=29), range(1, 30)] = 1
    X[rng.integers(60, size=29), range(1, 30)] = 2
    model = MixupRegressor(max_epochs=1, random_state=0).fit(X, X[:, 0])
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_named_encoding_places_ascending_edges(name, rng):
    X, weights = rng.normal(size=(60, 2)), rng.integers(1, 4, size=60)
    X[:, 1] = X[:, 1].round()
    y = rng.integers(2, size=60)
    edges = ENCODINGS[name].edges(X, y, weights.astype(float))
    assert edges.shape[0] == 2
    assert np.isfinite(edges).all()
    assert (np.diff(edges, axis=1) >= 0).all()
    times = X.repeat(weights, 0), y.repeat(weights), np.ones(weights.sum())
    np.testing.assert_array_equal(edges, ENCODINGS[name].edges(*times))


@pytest.mark.parametrize("n_bins", [1, 0, 2.0, True, 1001])
def test_the_number_of_bins_is_checked(n_bins):
    with pytest.raises(ValueError, match="n_bins must be a whole number from 2"):
        QuantileBins(n_bins)


@pytest.mark.parametrize("tail_bins", [-1, 2.0, True, 101])
def test_the_number_of_bins_of_a_tail_is_checked(tail_bins):
    with pytest.raises(ValueError, match="tail_bins must be a whole number from 0"):
        QuantileBins(8, tail_bins)


# What members see.


@both
def test_encodings_matter_and_standardized_has_no_bins(make, data):
    X, y = data
    plain, binned = (
        make(1, encoding=e, **SMALL).fit(X, y) for e in ("standardized", "bins")
    )
    assert plain.net_.module_.inputs.n_units == 0
    assert binned.net_.module_.inputs.n_units == 4 * 8
    assert abs(predicted(plain, X) - predicted(binned, X)).max() > 1e-3
    same = make(1, encoding=Standardized(), **SMALL).fit(X, y)
    np.testing.assert_array_equal(predicted(plain, X), predicted(same, X))


@both
def test_columns_of_two_values_have_no_bins(make, data):
    X, y = data
    X = np.column_stack([X, X[:, 0] > 0, np.ones(90)])
    model = make(1, encoding="bins", **SMALL).fit(X, y)
    assert model.net_.module_.inputs.n_units == 4 * 8


@both
@pytest.mark.parametrize("kind", ["sparse", "module", "wide"])
def test_some_tables_have_no_bins(make, kind, data):
    X, y = data
    params = {}
    if kind == "sparse":
        X = sparse.csr_matrix(X)
    elif kind == "module":
        n_outputs = 3 if make is MixupClassifier else 1
        params = {"module": perceptron, "module_params": {"n_outputs": n_outputs}}
    else:
        X = np.tile(X, 76)
    plain, binned = (
        make(1, encoding=e, **SMALL | params).fit(X, y)
        for e in ("standardized", "bins")
    )
    np.testing.assert_array_equal(predicted(plain, X), predicted(binned, X))


@both
def test_members_take_turns_with_alphas(make, data):
    X, y = data
    several = make((0, 1), encoding="bins", **FOUR | all_rows(make)).fit(X, y)
    for alpha in (0, 1):
        alone = make(alpha, encoding="bins", **FOUR | all_rows(make)).fit(X, y)
        members = slice(alpha, None, 2)
        np.testing.assert_allclose(
            outputs_of(several, X)[:, members],
            outputs_of(alone, X)[:, members],
            atol=1e-6,
        )


@both
def test_members_take_turns_with_encodings(make, data):
    X, y = data
    params = FOUR | all_rows(make)
    several = make(1, encoding=("standardized", "bins"), **params).fit(X, y)
    assert several.net_.module_.inputs.binned == (1, 2)
    for encoding, members in (("bins", [1, 2]), ("standardized", [0, 3])):
        alone = make(1, encoding=encoding, **params).fit(X, y)
        np.testing.assert_allclose(
            outputs_of(several, X)[:, members],
            outputs_of(alone, X)[:, members],
            atol=1e-6,
        )


def test_eight_members_meet_every_pair_of_alpha_and_encoding():
    model = MixupClassifier((0.2, 0.4, 0, 1), encoding=("bins", "standardized"))
    settings = model._settings
    pairs = {(settings.alpha_of(n), settings.encoding_of(n)) for n in range(8)}
    assert len(pairs) == 8
    assert len({settings.encoding_of(n) for n in range(4)}) == 2


@both
@pytest.mark.parametrize("params", [{}, {"mix_layer": 1, "dropout": 0.2}])
def test_members_that_differ_train_beside_others_as_alone(make, params, data):
    X, y = data
    model = make(**DIFFERING, **FOUR | params)
    models = [model, clone(model).set_params(alpha=0.4), clone(model)]
    together = fit_many(models, [X] * 3, [y] * 3)
    alone = [clone(each).fit(X, y) for each in models]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(predicted(one, X), predicted(other, X), atol=1e-5)


@both
def test_further_epochs_keep_the_bins(make, data):
    X, y = data
    params = CONSTANT | all_rows(make) | {"encoding": "bins"}
    parts = make(1, **params)
    for _ in range(3):
        parts.partial_fit(X, y)
    whole = make(1, **params).fit(X, y)
    np.testing.assert_allclose(predicted(parts, X), predicted(whole, X), atol=1e-6)


@both
def test_the_encoding_cannot_change_in_a_warm_start(make, data):
    X, y = data
    model = make(1, encoding="bins", warm_start=True, **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="encoding cannot change"):
        model.set_params(encoding="standardized").fit(X, y)


@both
def test_exports_have_the_bins_and_the_weights(make, data):
    X, y = data
    model = make(**DIFFERING, member_weights="validation", **FOUR)
    model.set_params(early_stopping=True).fit(X, y)
    rows = torch.from_numpy(X).float()
    exported = torch.export.export(model.to_torch(), (rows,)).module()
    expected = model.predict_proba(X) if make is MixupClassifier else model.predict(X)
    for module in (model.to_torch(), exported):
        np.testing.assert_allclose(module(rows).numpy(), expected, atol=1e-5)


# Own encodings, and bad ones.


@dataclass(frozen=True)
class Placed(Encoding):
    """Places the same edges for each feature."""

    own: tuple[float, ...]

    def edges(self, X, y, sample_weight):
        return np.tile(self.own, (X.shape[1], 1))


@both
def test_own_encodings_take_part(make, data):
    X, y = data
    model = make(1, encoding=(Placed((-1.0, 0.0, 1.0)), "bins"), **FOUR).fit(X, y)
    assert model.net_.module_.inputs.n_units == 4 * 8
    assert model.net_.module_.inputs.bins.low[0, 0, 0, :2].tolist() == [-1, 0]


@both
@pytest.mark.parametrize(
    ("edges", "message"),
    [((1.0, 0.0), "in ascending order"), ((0.0, np.nan), "finite edges")],
)
def test_edges_are_checked(make, edges, message, data):
    with pytest.raises(ValueError, match=message):
        make(1, encoding=Placed(edges), **SMALL).fit(*data)


@both
@pytest.mark.parametrize("encoding", ["bin", (), ("bins", 3), [["bins"]]])
def test_unknown_encodings_are_refused(make, encoding, data):
    with pytest.raises(ValueError, match="encoding"):
        make(1, encoding=encoding, **SMALL).fit(*data)


@both
@pytest.mark.parametrize("alpha", [(), (0.4, -1), (0.4, np.nan), ("0.4",), (True,)])
def test_bad_alphas_are_refused(make, alpha, data):
    with pytest.raises(ValueError, match="alpha must be a number from 0"):
        make(alpha, **SMALL).fit(*data)


# Weights of members.


@both
def test_members_are_weighed_by_their_validation_losses(make, data):
    X, y = data
    params = FOUR | {"early_stopping": True, "member_weights": "validation"}
    model = make(**DIFFERING, **params).fit(X, y)
    weights = model.member_weights_
    assert weights.sum() == pytest.approx(1)
    assert len(set(weights)) == 4
    link = nn.Softmax(-1) if make is MixupClassifier else nn.Identity()
    members = link(torch.from_numpy(outputs_of(model, X))).numpy()
    mean = np.einsum("nmo,m->no", members, weights)
    got = predicted(model, X)
    if make is MixupRegressor:
        got = (got - target_scaling(model)[0] / target_scaling(model)[1])[:, None]
    np.testing.assert_allclose(got, mean, atol=1e-5)


@both
def test_without_validation_rows_all_members_count_alike(make, data):
    params = FOUR | all_rows(make) | {"member_weights": "validation"}
    model = make(**DIFFERING, **params).fit(*data)
    np.testing.assert_array_equal(model.member_weights_, 0.25)
    assert make(1, **SMALL).fit(*data).member_weights_.tolist() == [1.0]


@both
def test_a_further_epoch_keeps_the_weights(make, data):
    params = FOUR | {"early_stopping": True, "member_weights": "validation"}
    model = make(**DIFFERING, **params).fit(*data)
    before = model.member_weights_
    model.partial_fit(*data)
    np.testing.assert_array_equal(model.member_weights_, before)
    model.set_params(member_weights="uniform").partial_fit(*data)
    np.testing.assert_array_equal(model.member_weights_, 0.25)

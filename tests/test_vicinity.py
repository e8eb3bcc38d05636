"""Pairings and weights: what is drawn, and with which probabilities."""

import tracemalloc
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from sk_mixup._data import neighbors
from sk_mixup._training.mixing import Vicinity
from sk_mixup.vicinity import (
    Balanced,
    Neighbors,
    RandomPairs,
    SameClass,
    SameClassNeighbors,
    Similar,
    TrainingRows,
)

PAIRINGS = [
    RandomPairs(),
    SameClass(),
    Neighbors(3),
    SameClassNeighbors(3),
    Similar(0.5),
    Balanced(),
]
SIGNIFICANCE = 1e-4  # of tests whose seeds are fixed: they pass always or never


def rows(X=None, y=None):
    """Make the training rows that a pairing looks at."""
    y = np.zeros(len(X), dtype=int) if y is None else np.asarray(y)
    return TrainingRows(lambda: np.asarray(X, dtype=np.float32), y)


def many_partners(pairing, training_rows, row, n_draws, rng):
    """Draw the partner of one row many times."""
    order = np.full(n_draws, row)
    return pairing.fit(training_rows)(order, 16, 1, rng)[:, 0]


# Weights.


@pytest.mark.parametrize("weights_per", ["batch", "example"])
@given(
    alpha=st.one_of(st.floats(0.001, 1e3), st.sampled_from([0, np.inf])),
    n_mixed=st.integers(2, 5),
    n_rows=st.integers(1, 40),
    batch_size=st.integers(1, 50),
)
def test_weights_are_convex(weights_per, alpha, n_mixed, n_rows, batch_size):
    vicinity = Vicinity(alpha=alpha, n_mixed=n_mixed, weights_per=weights_per)
    rng = np.random.default_rng(0)
    weights = vicinity.draw_weights(n_rows, batch_size, rng)
    n_draws = n_rows if vicinity.draws_each else -(-n_rows // batch_size)
    assert weights.shape == (n_draws, n_mixed if alpha else 1)
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("n_mixed", [2, 3, 6])
@pytest.mark.parametrize("alpha", [0.01, 0.02, 0.1, 0.4, 1, 8, 100])
def test_weights_have_the_moments_of_the_dirichlet(alpha, n_mixed, rng):
    n = 200_000
    vicinity = Vicinity(alpha=alpha, n_mixed=n_mixed, weights_per="example")
    weights = vicinity.draw_weights(n, 16, rng).astype(np.float64)
    variance = (n_mixed - 1) / (n_mixed**2 * (n_mixed * alpha + 1))
    square = (weights - 1 / n_mixed) ** 2
    error = 5 * square.std(axis=0) / np.sqrt(n)
    assert (abs(square.mean(axis=0) - variance) < error).all()
    error = 5 * np.sqrt(variance / n)
    np.testing.assert_allclose(weights.mean(axis=0), 1 / n_mixed, atol=error)


@pytest.mark.parametrize("n_mixed", [2, 3])
@pytest.mark.parametrize("alpha", [0.6, 1, 4])  # float32 rounds to 1 at less
def test_each_weight_follows_a_beta(alpha, n_mixed, rng):
    vicinity = Vicinity(alpha=alpha, n_mixed=n_mixed, weights_per="example")
    beta = stats.beta(alpha, (n_mixed - 1) * alpha)
    for weight in vicinity.draw_weights(20_000, 16, rng).T:
        assert stats.kstest(weight, beta.cdf).pvalue > SIGNIFICANCE


@given(n_rows=st.integers(1, 40), batch_size=st.integers(1, 50))
def test_each_minibatch_has_a_draw_of_its_own(n_rows, batch_size):
    rng = np.random.default_rng(0)
    weights = Vicinity(alpha=1, weights_per="batch").draw_weights(
        n_rows, batch_size, rng
    )
    n_batches = len(range(0, n_rows, batch_size))
    assert len(np.unique(weights[:, 0])) == len(weights) == n_batches


def test_weights_per_example_differ(rng):
    weights = Vicinity(alpha=1, weights_per="example").draw_weights(64, 16, rng)
    assert len(np.unique(weights[:, 0])) == 64


def test_alpha_0_keeps_the_row_and_draws_nothing(rng):
    before = rng.bit_generator.state
    weights = Vicinity(alpha=0, n_mixed=3).draw_weights(7, 2, rng)
    np.testing.assert_array_equal(weights, np.ones((4, 1)))
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("n_mixed", [2, 4])
def test_alpha_infinity_weighs_all_alike(n_mixed, rng):
    weights = Vicinity(alpha=np.inf, n_mixed=n_mixed).draw_weights(7, 2, rng)
    np.testing.assert_array_equal(weights, np.full((4, n_mixed), 1 / n_mixed, "f4"))


def test_interpolated_targets_take_the_weights_of_the_inputs(rng):
    weights = rng.dirichlet(np.ones(3), size=9).astype(np.float32)
    vicinity = Vicinity(n_mixed=3, mix_target="interpolate")
    np.testing.assert_array_equal(vicinity.target_weights(weights), weights)


def test_dominant_targets_are_those_of_the_heaviest_row(rng):
    weights = rng.dirichlet(np.ones(3), size=9).astype(np.float32)
    shares = Vicinity(n_mixed=3, mix_target="dominant").target_weights(weights)
    np.testing.assert_array_equal(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares == 1, weights == weights.max(1)[:, None])


# Pairings.


@pytest.mark.parametrize("pairing", PAIRINGS, ids=repr)
@given(
    n_rows=st.integers(1, 30),
    batch_size=st.integers(1, 40),
    n_partners=st.integers(1, 3),
)
def test_partners_are_rows_of_the_table(pairing, n_rows, batch_size, n_partners):
    rng = np.random.default_rng(n_rows)
    draw = pairing.fit(rows(rng.normal(size=(n_rows, 2)), rng.integers(3, size=n_rows)))
    order = rng.permutation(n_rows)
    partners = draw(order, batch_size, n_partners, rng)
    assert partners.shape == (n_rows, n_partners)
    assert np.issubdtype(partners.dtype, np.integer)
    assert ((partners >= 0) & (partners < n_rows)).all()


@pytest.mark.parametrize("pairing", PAIRINGS, ids=repr)
def test_partners_come_from_the_generator_alone(pairing, rng):
    draw = pairing.fit(rows(rng.normal(size=(20, 2)), rng.integers(3, size=20)))
    order = np.arange(20)
    once, again, other = (
        draw(order, 8, 2, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


@pytest.mark.parametrize("pairing", PAIRINGS, ids=repr)
def test_partners_of_one_row_are_drawn_apart(pairing, rng):
    draw = pairing.fit(rows(rng.normal(size=(60, 2)), rng.integers(3, size=60)))
    partners = draw(rng.permutation(60), 20, 2, rng)
    assert (partners[:, 0] != partners[:, 1]).any()


@given(n_rows=st.integers(1, 40), batch_size=st.integers(1, 50))
def test_random_pairs_permute_each_minibatch(n_rows, batch_size):
    rng = np.random.default_rng(0)
    order = rng.permutation(n_rows)
    draw = RandomPairs().fit(rows(np.zeros((n_rows, 1))))
    partners = draw(order, batch_size, 2, rng)
    for start in range(0, n_rows, batch_size):
        batch = slice(start, start + batch_size)
        for column in partners[batch].T:
            np.testing.assert_array_equal(np.sort(column), np.sort(order[batch]))


@pytest.mark.parametrize("batch_size", [4, 100])  # whole minibatches, and the last
def test_random_pairs_are_uniform(batch_size, rng):
    draw = RandomPairs().fit(rows(np.zeros((4, 1))))
    partners = [draw(np.arange(4), batch_size, 1, rng)[0, 0] for _ in range(2000)]
    counts = np.bincount(partners, minlength=4)
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


@given(y=st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_same_class_permutes_each_class(y):
    rng = np.random.default_rng(0)
    y = np.array(y)
    order = rng.permutation(len(y))
    partners = SameClass().fit(rows(y=y))(order, 8, 2, rng)
    for column in partners.T:
        np.testing.assert_array_equal(y[column], y[order])
        np.testing.assert_array_equal(np.sort(column), np.arange(len(y)))


def test_same_class_is_uniform_over_the_class(rng):
    y = np.array([0, 1, 0, 1, 0, 0])
    draw = SameClass().fit(rows(y=y))
    partners = np.stack([draw(np.arange(6), 2, 1, rng)[0, 0] for _ in range(4000)])
    counts = np.bincount(partners, minlength=6)[y == 0]
    assert counts.sum() == 4000
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("y", [[0] * 9 + [1], [2, 2, 2, 0, 4, 4]])
def test_balanced_partners_are_of_all_classes_alike(y, rng):
    """And rows of one class are alike."""
    y = np.array(y)
    drawn = many_partners(Balanced(), rows(y=y), 0, 6000, rng)
    expected = 1 / np.bincount(y)[y] / len(np.unique(y))
    counts = np.bincount(drawn, minlength=len(y))
    assert stats.chisquare(counts, 6000 * expected).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("k", [1, 3, 7])
def test_neighbors_are_all_and_only_the_nearest(k, rng):
    X = rng.normal(size=(25, 3))
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    draw, order = Neighbors(k).fit(rows(X)), rng.permutation(25)
    partners = draw(order, 8, 60 * k, rng)
    for row, found in zip(order, partners, strict=True):
        assert set(found) == set(distances[row].argsort()[:k])


@pytest.mark.parametrize("k", [1, 3, 200])
def test_same_class_neighbors_are_the_nearest_of_the_class(k, rng):
    X, y = rng.normal(size=(25, 3)), np.arange(25) % 3
    distances = np.where(y[:, None] == y, cdist(X, X), np.inf)
    np.fill_diagonal(distances, np.inf)
    draw, order = SameClassNeighbors(k).fit(rows(X, y)), rng.permutation(25)
    partners = draw(order, 8, 200, rng)
    for row, found in zip(order, partners, strict=True):
        kept = min(k, np.isfinite(distances[row]).sum())
        assert set(found) == set(distances[row].argsort()[:kept])


def test_neighbors_of_repeated_rows_are_at_the_nearest_distances(rng):
    X = np.repeat(rng.normal(size=(6, 2)), 4, axis=0)
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    partners = Neighbors(5).fit(rows(X))(np.arange(24), 8, 50, rng)
    for row, found in enumerate(partners):
        assert distances[row, found].max() <= np.sort(distances[row])[4] + 1e-6


def test_neighbors_are_drawn_evenly(rng):
    X = rng.normal(size=(12, 2))
    partners = many_partners(Neighbors(5), rows(X), 3, 5000, rng)
    counts = np.unique(partners, return_counts=True)[1]
    assert len(counts) == 5
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE


def test_n_neighbors_is_clipped_to_the_other_rows(rng):
    partners = Neighbors(200).fit(rows(rng.normal(size=(4, 2))))(
        np.arange(4), 4, 100, rng
    )
    for row, found in enumerate(partners):
        assert set(found) == set(range(4)) - {row}


def test_a_row_without_others_is_its_own_partner(rng):
    lonely = rows(np.zeros((3, 1)), [0, 1, 1])
    partners = SameClassNeighbors(5).fit(lonely)(np.arange(3), 2, 4, rng)
    np.testing.assert_array_equal(partners, [[0] * 4, [2] * 4, [1] * 4])
    alone = Neighbors(5).fit(rows(np.zeros((1, 1))))
    np.testing.assert_array_equal(alone(np.arange(1), 2, 2, rng), [[0, 0]])


def test_standardised_rows_are_computed_only_for_a_pairing_that_looks(rng):
    def refuse():
        raise AssertionError("the rows were asked for")

    training_rows = TrainingRows(refuse, np.arange(6) % 2)
    for pairing in (RandomPairs(), SameClass(), Similar()):
        pairing.fit(training_rows)
    with pytest.raises(AssertionError, match="asked for"):
        Neighbors().fit(training_rows)


def kernel(y, row, bandwidth):
    """Return the probabilities of C-Mixup's partners of one row."""
    y = np.asarray(y, dtype=float).reshape(len(y), -1)
    squares = ((y - y[row]) ** 2).sum(axis=1)
    weights = np.exp(-squares / (2 * bandwidth**2))
    return weights / weights.sum()


def assert_drawn_from(probabilities, counts):
    """Compare counts by a chi-square test; those expected to be rare as one."""
    expected = probabilities * counts.sum()
    rare = expected < 10
    assert counts[rare].sum() < 5 * expected[rare].sum() + 10
    result = stats.chisquare(counts[~rare], expected[~rare], sum_check=False)
    assert rare.sum() == len(rare) - 1 or result.pvalue > SIGNIFICANCE


@pytest.mark.parametrize("bandwidth", [0.2, 0.5, 3.0])
@pytest.mark.parametrize("row", [0, 4, 11])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_similar_draws_from_the_kernel_of_c_mixup(bandwidth, row, n_outputs):
    rng = np.random.default_rng([row, n_outputs])
    y = rng.normal(size=(12, n_outputs)) * 0.5
    partners = many_partners(Similar(bandwidth), rows(y=y), row, 40_000, rng)
    assert_drawn_from(kernel(y, row, bandwidth), np.bincount(partners, minlength=12))


def test_similar_is_exact_where_bins_hold_several_rows(rng):
    y = np.sort(rng.normal(size=2000))
    partners = many_partners(Similar(0.3), rows(y=y), 700, 50_000, rng)
    bins = np.linspace(0, 2000, 21).astype(int)
    probabilities = np.add.reduceat(kernel(y, 700, 0.3), bins[:-1])
    assert_drawn_from(probabilities, np.histogram(partners, bins)[0])


def test_similar_with_a_tiny_bandwidth_takes_equal_targets(rng):
    y = rng.integers(5, size=300)
    partners = Similar(1e-6).fit(rows(y=y))(np.arange(300), 32, 1, rng)
    np.testing.assert_array_equal(y[partners[:, 0]], y)
    assert (partners[:, 0] != np.arange(300)).any()


def test_similar_takes_memory_linear_in_the_rows(rng):
    y, order = rng.normal(size=20_000), np.arange(20_000)
    tracemalloc.start()
    Similar().fit(rows(y=y))(order, 32, 1, rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000 * 1000  # a matrix of all pairs would take 160,000 a row


# Values.


@pytest.mark.parametrize("value", [*PAIRINGS, Vicinity(alpha=0.4)], ids=repr)
def test_values_are_frozen_equal_and_honest(value):
    twin = eval(repr(value))
    assert twin == value
    assert hash(twin) == hash(value)
    with pytest.raises(FrozenInstanceError):
        value.alpha = 2


@pytest.mark.parametrize("make", [Neighbors, SameClassNeighbors, Similar])
@pytest.mark.parametrize("value", [0, -1])
def test_values_that_cannot_be_are_refused(make, value):
    with pytest.raises(ValueError, match="must be"):
        make(value)


OF_CLASSES = [SameClass(), SameClassNeighbors(3), Balanced()]


@pytest.mark.parametrize("pairing", OF_CLASSES, ids=repr)
def test_real_targets_have_no_classes(pairing, rng):
    with pytest.raises(ValueError, match=r"\) needs classes"):
        pairing.fit(rows(rng.normal(size=(9, 2)), rng.normal(size=(9, 1))))


def test_other_parameters_make_another_value():
    assert Neighbors(3) != Neighbors(4)
    assert Neighbors(3) != SameClassNeighbors(3)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n_features", [3, 20])  # by a tree, and by comparing all
@pytest.mark.parametrize("distinct", [True, False])
def test_neighbors_found_in_parts_are_those_found_at_once(
    kind, n_features, distinct, rng, monkeypatch
):
    X = rng.normal(size=(6000, n_features)).astype(np.float32)
    X = kind(X if distinct else X.round())
    monkeypatch.setattr(neighbors, "FOUND_NUMBERS", 1)
    assert neighbors._searched_at_a_time(k=30) < 6000
    found, _ = neighbors.nearest(X, [np.arange(6000)], 30)
    once = NearestNeighbors(n_neighbors=30).fit(X).kneighbors(return_distance=False)
    np.testing.assert_array_equal(found, once)


def test_neighbors_are_kept_once(rng, monkeypatch):
    X = rng.normal(size=(12_000, 3)).astype(np.float32)
    monkeypatch.setattr(neighbors, "FOUND_NUMBERS", 1)
    tracemalloc.start()
    found, _ = neighbors.nearest(X, [np.arange(12_000)], 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * found.nbytes

"""Timings of the hot paths: ``pytest benchmarks/speed --benchmark-only``."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.speed.cases import Table, make_table
from benchmarks.speed.peers import Recipe, ours
from sk_mixup import fit_many
from sk_mixup.model_selection import cross_validate
from sk_mixup.vicinity import (
    Neighbors,
    Pairing,
    RandomPairs,
    SameClass,
    SameClassNeighbors,
    TrainingRows,
)

PAIRINGS = [RandomPairs(), SameClass(), Neighbors(50), SameClassNeighbors(50)]


@pytest.fixture(scope="module")
def table() -> Table:
    """Make a thousand rows."""
    return make_table(1_000)


@pytest.mark.parametrize("alpha", [0.0, 0.4])
@pytest.mark.parametrize("batch_size", [16, 128])
def test_fit(
    benchmark: BenchmarkFixture, table: Table, batch_size: int, alpha: float
) -> None:
    """Train one network."""
    model = ours(Recipe(2, batch_size, alpha))
    benchmark(model.fit, *table)


@pytest.mark.parametrize("members", [2, 8, 16, 64])
def test_fit_ensemble(benchmark: BenchmarkFixture, table: Table, members: int) -> None:
    """Train networks side by side."""
    model = ours(Recipe(2), n_estimators=members)
    benchmark(model.fit, *table)


def test_fit_with_everything(benchmark: BenchmarkFixture, table: Table) -> None:
    """Train with what adds work to a step."""
    model = ours(
        Recipe(2), standardize=True, dropout=0.2, noise_std=0.1, early_stopping=True
    )
    benchmark(model.fit, *table)


def test_fit_on_hidden_mixtures(benchmark: BenchmarkFixture, table: Table) -> None:
    """Mix the activations of a layer that is drawn for each minibatch."""
    benchmark(ours(Recipe(2), mix_layer="random").fit, *table)


def test_fit_many(benchmark: BenchmarkFixture, table: Table) -> None:
    """Prepare, stack and take apart many estimators that hardly train."""
    X, y = table
    models = [ours(Recipe(1, 500, alpha)) for alpha in np.linspace(0, 1, 32)]
    benchmark(fit_many, models, [X] * len(models), [y] * len(models))


def test_cross_validate(benchmark: BenchmarkFixture, table: Table) -> None:
    """Split, train and score."""
    benchmark(cross_validate, ours(Recipe(1, 128)), *table, cv=10)


@pytest.mark.parametrize("n_rows", [1, 1_000, 100_000])
def test_predict_proba(benchmark: BenchmarkFixture, table: Table, n_rows: int) -> None:
    """Predict."""
    model = ours(Recipe(1)).fit(*table)
    X = np.resize(table[0], (n_rows, table[0].shape[1]))
    benchmark(model.predict_proba, X)


@pytest.mark.parametrize("pairing", PAIRINGS, ids=lambda p: type(p).__name__)
def test_draw_partners(
    benchmark: BenchmarkFixture, table: Table, pairing: Pairing
) -> None:
    """Draw an epoch's partners."""
    X, y = table
    draw = pairing.fit(TrainingRows(lambda: X, y))
    generator = np.random.default_rng(0)
    benchmark(partial(draw, generator.permutation(len(X)), 16, 1, generator))

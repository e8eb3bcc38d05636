"""Sets that need no OpenML."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris

from benchmarks import datasets
from benchmarks.datasets import _local

LOCAL = [
    source.name
    for sources in (_local.DEMO, _local.REGRESSION, _local.TOY, (_local.CHIRPS,))
    for source in sources
]


def same(one: datasets.Dataset, other: datasets.Dataset) -> bool:
    return (
        one.X.equals(other.X)
        and np.array_equal(one.y, other.y)
        and (one.name, one.task, one.source) == (other.name, other.task, other.source)
    )


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_set_is_sound_and_the_same_each_time(name):
    data = datasets.load(name)
    assert data.name == name
    assert len(data.X) == len(data.y) == datasets.n_rows(name) > 100
    assert np.isfinite(data.X.to_numpy(dtype=float)).all()
    assert same(data, datasets.load(name))
    if data.task == "regression":
        assert data.y.dtype == np.float64
        assert len(np.unique(data.y)) > 100
    else:
        assert np.unique(data.y, return_counts=True)[1].min() > 25


def test_the_demonstration_is_scikit_learns():
    for name, loader in [("iris", load_iris), ("digits", load_digits)]:
        X, y = loader(return_X_y=True)
        data = datasets.load(f"sklearn_{name}")
        assert np.array_equal(data.X, X)
        assert np.array_equal(data.y, y)


@pytest.mark.parametrize("name", datasets.group("toy"))
def test_a_toy_set_has_two_features_and_equal_classes(name):
    data = datasets.load(name)
    assert data.X.shape[1] == 2
    assert np.ptp(np.bincount(data.y)) == 0


def test_every_point_is_nearest_to_its_own_spiral():
    data = datasets.load("spirals")
    x1, x2 = np.where(data.y, -1, 1) * data.X.to_numpy().T  # both on the first
    radius, angle = np.hypot(x1, x2), np.arctan2(x2, x1)
    ahead = radius > 1  # where the noise is small beside the radius
    gap = np.angle(np.exp(1j * (np.pi * radius - angle)))[ahead]
    assert np.abs(gap).max() < np.pi / 2  # halfway to the other spiral


def test_repeated_rows_are_counted_with_their_target():
    X = pd.DataFrame({"a": [1, 1, 1, 2, np.nan, np.nan], "b": list("xxxxyy")})
    y = np.array([0, 0, 1, 0, 1, 1])
    data = datasets.Dataset("some", X, y, "classification", "here")
    assert data.n_duplicates == 2

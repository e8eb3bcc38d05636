"""Arrays of named sets and of the user's own files."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.datasets import DatasetUnavailable, OwnArrays

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3, 5))
y = np.arange(8) % 2


def written(tmp_path, name="sounds.npz", **content):
    path = tmp_path / name
    np.savez(path, **content)
    return OwnArrays(path)


@pytest.mark.parametrize("name", ["sklearn_digits", "chirps"])
def test_a_named_set_has_the_values_of_its_table(name):
    data = datasets.load(name)
    arrays = datasets.as_arrays(data)
    assert arrays.X.ndim == 4
    np.testing.assert_allclose(arrays.X.reshape(len(data.y), -1), data.X, rtol=1e-6)
    assert np.array_equal(arrays.y, data.y)


def test_all_sets_of_arrays_have_a_shape():
    for kind in ("images", "spectrograms"):
        assert set(datasets.group(kind)) <= set(datasets._arrays.SHAPES)


def test_rising_chirps_rise():
    data = datasets.load("chirps")
    arrays = datasets.as_arrays(data)
    loudest = arrays.X[:, 0].argmax(axis=1)  # frequency by time
    late = loudest[:, 16:].mean(axis=1) - loudest[:, :16].mean(axis=1)
    assert late[arrays.y == "rise"].mean() > 1 > -1 > late[arrays.y == "fall"].mean()


def test_a_file_holds_what_was_written(tmp_path):
    arrays = written(tmp_path, X=X, y=y).load()
    np.testing.assert_allclose(arrays.X[:, 0], X, rtol=1e-6)
    assert np.array_equal(arrays.y, y)
    assert arrays.n_test == 0
    of_channels = written(tmp_path, X=X[:, None].repeat(3, 1), y=y).load()
    assert of_channels.X.shape == (8, 3, 3, 5)


def test_rows_to_test_by_come_last(tmp_path):
    arrays = written(tmp_path, X=X, y=y, X_test=X[:3] + 9, y_test=y[:3]).load()
    assert arrays.n_test == 3
    np.testing.assert_allclose(arrays.X[-3:, 0], X[:3] + 9, rtol=1e-6)


def test_another_content_is_another_name(tmp_path):
    names = {
        written(tmp_path, X=X, y=y).name,
        written(tmp_path, X=X + 1, y=y).name,
        written(tmp_path, "my sounds!.npz", X=X, y=y).name,
    }
    assert len(names) == 3
    assert {datasets.short_name(name) for name in names} == {
        "sounds.npz",
        "my-sounds-.npz",
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"y": y}, r"no array 'X' \(its arrays: y\)"),
        ({}, r"no array 'X' \(its arrays: none\)"),
        ({"X": X, "y": y, "X_test": X}, "no array 'y_test'"),
        ({"X": X[:, 0], "y": y}, r"X has the shape \(8, 5\); make it"),
        ({"X": X[:0], "y": y[:0]}, r"X has the shape \(0, 3, 5\)"),
        ({"X": X, "y": y[:4]}, r"y has the shape \(4,\), but X has 8 rows"),
        ({"X": X * np.nan, "y": y}, "X holds more than finite numbers"),
        ({"X": X.astype(str), "y": y}, "X holds more than finite numbers"),
        ({"X": X, "y": y / 2}, "y holds no labels but float64"),
        ({"X": X, "y": y * 0}, r"y has one class only \(0\)"),
        ({"X": X, "y": (np.arange(8) > 6)}, "class True has one row"),
        (
            {"X": X, "y": y, "X_test": X[:, :2], "y_test": y},
            r"differ in shape \(\(8, 1, 3, 5\) and \(8, 1, 2, 5\)\)",
        ),
        ({"X": X, "y": y.astype(object)}, "it cannot be read .*; write it by"),
    ],
)
def test_a_bad_file_is_one_sentence(content, said, tmp_path):
    own = written(tmp_path, **content)
    with pytest.raises(DatasetUnavailable, match=said) as caught:
        own.load()
    message = str(caught.value)
    assert message.startswith("sounds.npz cannot be loaded: ")
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"1,2\n3,4"])
def test_a_damaged_file_is_one_sentence(content, tmp_path):
    path = tmp_path / "sounds.npz"
    path.write_bytes(content)
    with pytest.raises(DatasetUnavailable, match="it is no NPZ file; write it by"):
        OwnArrays(path).load()


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    own = OwnArrays(tmp_path / "no.npz")
    for ask in (own.load, lambda: own.name):
        with pytest.raises(DatasetUnavailable, match=r"no\.npz cannot be loaded: "):
            ask()


def test_a_file_is_read_once_until_it_changes(tmp_path):
    own = written(tmp_path, X=X, y=y)
    first = own.load()
    assert own.load() is first
    assert first.name == own.name
    changed = written(tmp_path, X=X + 1, y=y).load()
    np.testing.assert_allclose(changed.X[:, 0], X + 1, rtol=1e-6)
    assert changed.name != first.name

"""Sets that need no OpenML."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import _california_housing, load_digits, load_iris

from benchmarks import datasets

LOCAL = [
    name
    for kind in ("demo", "regression", "toy", "spectrograms")
    for name in datasets.group(kind)
    if name != "california_housing"
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
    assert len(data.X) == len(data.y) > 100
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


@pytest.mark.parametrize("folder", ["absent", "damaged", "a_file"])
def test_california_housing_without_a_network_is_one_sentence(
    folder, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    if folder == "a_file":
        home.write_text("")
    if folder == "damaged":
        home.mkdir()
        (home / "cal_housing_py3.pkz").write_bytes(b"no pickle")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    for proxy in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # where nobody listens
    with pytest.raises(datasets.DatasetUnavailable) as caught:
        datasets.load("california_housing", timeout=1)
    message = str(caught.value)
    assert message.startswith("california_housing (scikit-learn) cannot be loaded: ")
    assert "\n" not in message
    hint = {
        "absent": "Connection refused",
        "damaged": "delete",
        "a_file": "SCIKIT_LEARN",
    }
    assert hint[folder] in message


@pytest.fixture
def houses(tmp_path, monkeypatch):
    """An archive such as scikit-learn fetches, on a server that can be shut down."""
    rows = np.random.default_rng(0).uniform(1, 100, (30, 9))
    text = io.BytesIO()
    np.savetxt(text, rows, delimiter=",")
    archive = tmp_path / "cal_housing.tgz"
    with tarfile.open(archive, "w:gz") as file:
        entry = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
        entry.size = text.tell()
        text.seek(0)
        file.addfile(entry, text)
    handler = partial(QuietHandler, directory=tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    fetched = _california_housing.ARCHIVE._replace(
        url=f"http://127.0.0.1:{server.server_port}/{archive.name}",
        checksum=hashlib.sha256(archive.read_bytes()).hexdigest(),
    )
    monkeypatch.setattr(_california_housing, "ARCHIVE", fetched)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    yield rows, server
    server.shutdown()
    server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_california_housing_is_fetched_once(houses):
    rows, server = houses
    data = datasets.load("california_housing", timeout=10)
    assert data.X.shape == (30, 8)
    np.testing.assert_allclose(data.y, rows[:, 8] / 100_000)
    server.shutdown()
    server.server_close()
    again = datasets.load("california_housing", timeout=10)
    pd.testing.assert_frame_equal(again.X, data.X)

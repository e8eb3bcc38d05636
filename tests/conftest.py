"""Data and generators shared by the tests."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs, make_regression

from sk_mixup import MixupClassifier
from tests.twins import label


def pytest_make_parametrize_id(config, val, argname):
    """Name parameters alike in every process: by their names, not their addresses."""
    return label(val) if isinstance(val, dict) else None


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def blobs():
    """Three overlapping classes: X (90, 4) float64, y (90,) int."""
    return make_blobs(90, n_features=4, centers=3, cluster_std=4.0, random_state=0)


@pytest.fixture
def frame(blobs):
    """The blobs as a pandas frame with feature names, and labels as strings."""
    X, y = blobs
    names = ["width", "height", "depth", "mass"]
    return pd.DataFrame(X, columns=names), np.array(["ant", "bee", "cat"])[y]


@pytest.fixture
def line():
    """A noisy linear relation: X (90, 4) float64, y (90,) float64."""
    return make_regression(90, n_features=4, noise=5.0, random_state=0)


@pytest.fixture
def data(make, blobs, line):
    """X (90, 4) float64 and y (90,): classes or real targets, as ``make`` needs."""
    return blobs if make is MixupClassifier else line


@pytest.fixture
def double():
    """Make torch's default precision double for a test."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def _card(request, monkeypatch):
    """Skip tests of a GPU where there is none, and let a GPU multiply as the CPU."""
    if request.node.get_closest_marker("gpu") is None:
        return
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    # TF32 rounds products to 10 bits.
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)

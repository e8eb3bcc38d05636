"""Fitted classifiers and a drawing board that is wiped after each test."""

import matplotlib.pyplot as plt
import pytest
from sklearn.datasets import make_blobs

from sk_mixup import MixupClassifier
from tests.twins import PLAIN


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def overlapping():
    """Three overlapping classes in features of unlike units: X (90, 4), y (90,)."""
    X, y = make_blobs(90, n_features=4, centers=3, cluster_std=4.0, random_state=0)
    return X * [1.0, 10.0, 0.1, 1.0], y


@pytest.fixture(scope="session")
def model(overlapping):
    """Two networks on all rows of the overlapping classes; not to be changed."""
    params = {**PLAIN, "n_estimators": 2, "temperature": 1.5}
    model = MixupClassifier(**params, max_epochs=20, random_state=0)
    return model.fit(*overlapping)

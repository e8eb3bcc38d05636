"""Small stand-ins for data sets, and options that make every experiment short."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
from sklearn.datasets import make_blobs

from benchmarks import datasets
from benchmarks.datasets import Dataset
from benchmarks.datasets._arrays import SHAPES

TWO = {"datasets": ("vehicle", "vowel"), "epochs": 2, "folds": 2}
TINY = {
    "ablation": {**TWO, "datasets": ("vowel",)},
    "adversarial": {**TWO, "alphas": (0.0, 1.0)},
    "averages": {**TWO, "datasets": ("vowel",)},
    "between": {**TWO, "alphas": (0.0, 1.0)},
    "compare": {"epochs": 2, "folds": 2, "rivals": ("logistic",)},
    "corruption": {**TWO, "datasets": ("vowel",)},
    "defaults": {**TWO, "datasets": ("vehicle", "vowel", "glass")},
    "demo": {**TWO, "datasets": ("iris", "wine"), "alphas": (0.0, 1.0)},
    "gan": {"quick": True, "epochs": 20},
    "images": {"epochs": 2, "repeats": 1},
    "members": {**TWO, "datasets": ("vehicle", "vowel", "glass")},
    "members_regression": {**TWO, "datasets": ("auto_mpg", "wind", "pollen")},
    "refine": {**TWO, "datasets": ("vehicle", "vowel", "glass")},
    "regression": {
        **TWO,
        "datasets": ("friedman1", "auto_mpg"),
        "rivals": ("ridge", "boosting"),
    },
    "spectrograms": {"epochs": 2, "repeats": 1, "alphas": (0.0, 0.2)},
    "suite": {**TWO, "alphas": (0.0, 0.4), "rivals": ("logistic", "boosting")},
    "surface": {"epochs": 2, "datasets": ("two_moons",)},
    "uci": {**TWO, "datasets": ("iris", "phishing"), "alphas": (0.0, 1.0, 8.0)},
}


def load(name, cache=None):
    """Make a small set that is the same for each name.

    It has two features, for pictures, or those of an array. The sets of the group
    "regression" have real targets, all others classes.
    """
    seed = zlib.crc32(name.encode())
    centers = 2 if name == "two_moons" else 3
    n_features = int(np.prod(SHAPES.get(name, 2)))
    X, y = make_blobs(
        60, n_features, centers=centers, cluster_std=3.0, random_state=seed % 2**32
    )
    if name in datasets.group("regression"):
        y = X.sum(axis=1)
        return Dataset(name, pd.DataFrame(X), y, "regression", "made for a test")
    return Dataset(name, pd.DataFrame(X), y, "classification", "made for a test")

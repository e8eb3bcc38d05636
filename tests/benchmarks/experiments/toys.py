"""Small stand-ins for data sets, and options that make every experiment short."""

from __future__ import annotations

import zlib

import pandas as pd
from sklearn.datasets import make_blobs

from benchmarks import datasets
from benchmarks.datasets import Dataset

TWO = {"datasets": ("vehicle", "vowel"), "epochs": 2, "folds": 2}
TINY = {
    "ablation": {**TWO, "datasets": ("vowel",)},
    "adversarial": {**TWO, "alphas": (0.0, 1.0)},
    "between": {**TWO, "alphas": (0.0, 1.0)},
    "compare": {"epochs": 2, "folds": 2, "rivals": ("logistic",)},
    "corruption": {**TWO, "datasets": ("vowel",)},
    "defaults": {**TWO, "datasets": ("vehicle", "vowel", "glass")},
    "demo": {**TWO, "datasets": ("iris", "wine"), "alphas": (0.0, 1.0)},
    "gan": {"quick": True, "epochs": 20},
    "refine": {**TWO, "datasets": ("vehicle", "vowel", "glass")},
    "regression": {
        **TWO,
        "datasets": ("friedman1", "auto_mpg"),
        "rivals": ("ridge", "boosting"),
    },
    "suite": {**TWO, "alphas": (0.0, 0.4), "rivals": ("logistic", "boosting")},
    "surface": {"epochs": 2, "datasets": ("two_moons",)},
    "uci": {**TWO, "datasets": ("iris", "phishing"), "alphas": (0.0, 1.0, 8.0)},
}


def load(name, cache=None):
    """Make a small set that is the same for each name; two features, for pictures.

    The sets of the group "regression" have real targets, all others classes.
    """
    seed = zlib.crc32(name.encode())
    centers = 2 if name == "two_moons" else 3
    X, y = make_blobs(
        60, 2, centers=centers, cluster_std=3.0, random_state=seed % 2**32
    )
    if name in datasets.group("regression"):
        y = X.sum(axis=1)
        return Dataset(name, pd.DataFrame(X), y, "regression", "made for a test")
    return Dataset(name, pd.DataFrame(X), y, "classification", "made for a test")

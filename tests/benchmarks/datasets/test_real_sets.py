"""OpenML's real sets, where they are at hand.

Skipped unless the environment variable SK_MIXUP_OPENML_CACHE names the root of a
cache of the openml client: the folder that holds org/openml/www.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import datasets
from benchmarks.datasets import _registry
from benchmarks.datasets._openml_sets import OpenMLSet
from sk_mixup import MixupClassifier, MixupRegressor
from tests.benchmarks.datasets.disk import photograph
from tests.benchmarks.datasets.iris import shelf_in

#: Rows, features, classes or levels of the target, and repeated rows of OpenML's sets.
SHAPES = {
    "abalone": (4177, 8, 28, 0),
    "arcene": (200, 10000, 2, 0),
    "arrhythmia": (452, 279, 13, 0),
    "htru2": (17898, 8, 2, 0),
    "iris": (150, 4, 3, 1),
    "phishing": (1353, 9, 3, 629),
    "phishing_websites": (11055, 30, 2, 5206),
    "vehicle": (846, 18, 4, 0),
    "credit_g": (1000, 20, 2, 0),
    "ionosphere": (351, 34, 2, 1),
    "sonar": (208, 60, 2, 0),
    "glass": (214, 9, 6, 1),
    "vowel": (990, 11, 11, 0),  # of 13: OpenML says to ignore the speaker and split
    "segment": (2310, 19, 7, 224),
    "diabetes": (768, 8, 2, 0),
    "car": (1728, 6, 4, 0),
    "spambase": (4601, 57, 2, 391),
    "optdigits": (5620, 64, 10, 0),
    "letter": (20000, 16, 26, 1332),
    "wine": (178, 13, 3, 0),
    "adult": (48842, 14, 2, 52),
    "magic_telescope": (19020, 10, 2, 115),
    "anneal": (898, 38, 5, 12),
    "autos": (205, 25, 6, 0),
    "colic": (368, 21, 2, 12),
    "credit_approval": (690, 15, 2, 0),
    "dermatology": (366, 34, 6, 0),
    "sick": (3772, 28, 2, 61),
    "heart_c": (303, 13, 2, 1),
    "hepatitis": (155, 19, 2, 0),
    "hypothyroid": (3772, 28, 4, 61),
    "eucalyptus": (736, 19, 5, 0),
    "cylinder_bands": (540, 36, 2, 0),
    "connect_4": (67557, 42, 3, 0),
    "auto_mpg": (398, 7, 129, 0),
    "auto_price": (159, 15, 145, 0),
    "puma8nh": (8192, 8, 8192, 0),
    "cpu_small": (8192, 12, 56, 0),
    "mv": (40768, 10, 39029, 0),
    "wind": (6574, 14, 779, 0),
    "pollen": (3848, 4, 3784, 0),
    "houses": (20640, 8, 3842, 0),
    "no2": (500, 7, 385, 0),
    "bodyfat": (252, 14, 176, 0),
    "ladata": (508, 10, 365, 0),
    "swd": (1000, 10, 4, 720),
    "bng_pw_linear": (177147, 10, 176025, 0),
    "kin8nm": (8192, 8, 8191, 0),
}
#: The sets by their names.
SOURCES = {
    source.name: source
    for group in ("suite", "regression")
    for source in _registry._GROUPS[group]
    if isinstance(source, OpenMLSet)
}


@pytest.fixture
def real_cache(monkeypatch):
    """The root of a filled cache of openml.org, with nobody to ask for more."""
    root = os.environ.get("SK_MIXUP_OPENML_CACHE")
    if not root:
        pytest.skip("SK_MIXUP_OPENML_CACHE names no cache of the openml client")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return Path(root)


@pytest.mark.parametrize("name", SOURCES)
def test_the_sets_of_openml(name, real_cache, tmp_path):
    source = SOURCES[name]
    shelf = shelf_in(Path(), source.id)
    if not (real_cache / shelf).is_dir():
        pytest.skip(f"the cache at hand has no {name}")
    shutil.copytree(real_cache / shelf, tmp_path / shelf, copy_function=shutil.copyfile)
    before = photograph(tmp_path)
    data = datasets.load(name, tmp_path)
    rows, features, classes, repeated = SHAPES[name]
    assert data.X.shape == (rows, features)
    assert data.y.shape == (rows,)
    assert datasets.n_rows(name) == rows
    assert data.task == source.task
    assert len(np.unique(data.y)) == classes
    assert data.n_duplicates == repeated
    assert not set(source.without) & set(data.X)
    few = np.random.default_rng(0).permutation(rows)[:500]
    make = MixupClassifier if data.task == "classification" else MixupRegressor
    make(n_estimators=1, max_epochs=1).fit(data.X.iloc[few], data.y[few])
    assert photograph(tmp_path) == before
    matrix = datasets.preprocessing().fit_transform(data.X)
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix).all()


def test_every_set_of_openml_has_a_shape():
    assert list(SHAPES) == list(SOURCES)
    assert len(SHAPES) == 34 + 14

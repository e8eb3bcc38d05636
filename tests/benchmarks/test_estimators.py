"""What learns is seeded, paired, and set up as its protocol says."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from benchmarks import estimators
from benchmarks.estimators import (
    PROTOCOLS,
    build,
    fingerprint,
    names,
    trains_together,
)
from benchmarks.jobs import Method
from sk_mixup import MixupClassifier
from tests.benchmarks.test_jobs import job


def test_the_paper_protocol_is_that_of_section_3_6():
    params = build(job(epochs=10)).get_params()
    paper = MixupClassifier.paper(alpha=0.4, random_state=0).get_params()
    assert params == paper
    assert params["hidden_layer_sizes"] == (128, 128)
    assert params["max_epochs"] == PROTOCOLS["paper"].epochs == 10
    assert (params["batch_size"], params["lr"]) == (16, 1e-3)
    assert (params["standardize"], params["lr_schedule"]) == (False, "constant")
    assert params["weights_per"] == "batch"


def test_the_default_protocol_is_the_default():
    epochs = PROTOCOLS["default"].epochs
    one = build(job(protocol="default", epochs=epochs, seed=3))
    assert one.get_params() == MixupClassifier(alpha=0.4, random_state=3).get_params()


def test_a_method_has_the_last_word():
    method = Method.mixup("odd", batch_size=8, dropout=0.5, alpha=0.1)
    params = build(job(method=method, seed=7), "auto").get_params()
    assert (params["batch_size"], params["dropout"], params["alpha"]) == (8, 0.5, 0.1)
    assert (params["random_state"], params["device"]) == (7, "auto")


@pytest.mark.parametrize("name", names())
def test_every_estimator_learns_and_is_seeded(name):
    X, y = load_iris(return_X_y=True)
    one = job(method=Method(name, (), name), epochs=2)
    first, second = (build(one).fit(X, y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (150, 3)


def beasts(seed, levels):
    """Draw rows with categories, text, gaps and truth values."""
    rng = np.random.default_rng(seed)
    words = pd.Series(rng.choice(["on", "off", "out"], 300))
    return pd.DataFrame(
        {
            "number": np.where(rng.random(300) < 0.2, np.nan, rng.normal(size=300)),
            "kind": pd.Categorical(rng.choice(levels, 300), ["a", "b", "c", "d"]),
            "word": words.where(rng.random(300) < 0.9),
            "flag": rng.random(300) < 0.5,
        }
    )


@pytest.mark.parametrize(("column", "level"), [("kind", "a"), ("word", "on")])
@pytest.mark.parametrize("name", names())
def test_every_estimator_takes_frames_with_gaps_and_unseen_levels(name, column, level):
    X, new = beasts(0, ["a", "b", "c"]), beasts(1, ["a", "b", "c", "d"])
    new["word"] = new["word"].replace({"out": "never seen"})
    one = job(protocol="default", method=Method(name, (), name), epochs=40)
    model = build(one, frames=True).fit(X, X[column].eq(level))
    proba = model.predict_proba(new)
    assert np.isfinite(proba).all()
    right = model.classes_[proba.argmax(axis=1)] == new[column].eq(level)
    known = new["kind"].ne("d") & new["word"].ne("never seen")
    assert right[known].mean() > 0.95


def test_this_package_and_boosting_get_no_one_hot_columns():
    X = beasts(0, ["a", "b", "c"])
    ours = build(job(), frames=True)
    assert ours.get_params() == build(job()).get_params()
    boosting = build(job(method=Method("boosting", (), "boosting")), frames=True)
    made = boosting.fit(X, X["kind"].eq("a"))[-1]
    assert made.n_features_in_ == X.shape[1]
    assert list(made.is_categorical_) == [False, True, True, False]


def test_a_rival_that_is_not_installed_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytabkit", None)
    with pytest.raises(ImportError, match="needs the package pytabkit: install it"):
        build(job(method=Method("RealMLP", (), "realmlp")))


NETWORKS = Method.mixup("ERM", alpha=0.0)
SEARCH = Method("best", (), "mixup_search")


@pytest.mark.parametrize(
    ("protocol", "method", "changes"),
    [
        ("default", NETWORKS, True),
        ("default", SEARCH, True),
        ("default", Method.mixup("rate", lr=0.5), False),
        ("paper", NETWORKS, False),
        ("plain", NETWORKS, False),
        ("default", Method("forest", (), "forest"), False),
    ],
)
def test_a_fingerprint_changes_with_the_defaults_that_a_job_takes(
    protocol, method, changes, monkeypatch
):
    one = job(protocol=protocol, method=method)
    before = fingerprint(one)
    monkeypatch.setitem(MixupClassifier.__init__.__kwdefaults__, "lr", 0.5)
    assert (fingerprint(one) != before) == changes


def test_a_fingerprint_knows_among_what_is_searched(monkeypatch):
    before = fingerprint(job(method=SEARCH))
    assert before == fingerprint(job(method=SEARCH))
    monkeypatch.setattr(estimators, "ALPHAS_TO_TRY", (0.1, 0.2))
    assert fingerprint(job(method=SEARCH)) != before


def test_only_networks_of_this_package_train_together():
    assert trains_together(job())
    assert not trains_together(job(method=Method("forest", (), "forest")))

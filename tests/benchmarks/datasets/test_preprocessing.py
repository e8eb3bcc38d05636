"""From raw frames to float matrices."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from benchmarks import datasets


def mixed_frame(n: int, seed: int) -> pd.DataFrame:
    """Columns of every kind that the openml client gives."""
    rng = np.random.default_rng(seed)
    kinds = pd.Categorical(rng.choice(["low", "high", "none"], n), ordered=True)
    flags = pd.Categorical(rng.random(n) < 0.5, [True, False], ordered=True)
    return pd.DataFrame(
        {
            "real": rng.normal(1e3, 1, n),
            "gaps": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "bytes": rng.integers(0, 256, n).astype("uint8"),
            "constant": np.ones(n, dtype="uint8"),
            "nothing": np.full(n, np.nan),
            "kinds": pd.Series(kinds).where(rng.random(n) < 0.8),
            "flags": pd.Series(flags).where(rng.random(n) < 0.8),
            "bools": rng.random(n) < 0.5,
            "words": pd.Series(rng.choice(["a", "b"], n)).where(rng.random(n) < 0.8),
        }
    )


@settings(max_examples=20)
@given(n=st.integers(4, 40), share=st.floats(0.2, 0.8), seed=st.integers(0, 2**32 - 1))
def test_preprocessing_learns_from_the_training_rows_only(n, share, seed):
    frame = mixed_frame(n, seed)
    cut = max(1, int(share * n))
    train, test = frame[:cut], frame[cut:]
    fitted = datasets.preprocessing().fit(train)
    for rows in (train, test):
        matrix = fitted.transform(rows)
        assert matrix.dtype == np.float32
        assert isinstance(matrix, np.ndarray)
        assert matrix.shape == (len(rows), len(fitted.get_feature_names_out()))
        assert np.isfinite(matrix).all()
    blocks = {name.partition("_")[0] for name in fitted.get_feature_names_out()}
    assert blocks == set(frame)  # no column is lost
    got = pd.DataFrame(fitted.transform(test), columns=fitted.get_feature_names_out())
    for name in ("real", "bytes", "constant"):
        assert np.array_equal(got[name], test[name].astype("float32"))
    mean = train["gaps"].mean() if train["gaps"].notna().any() else 0
    filled = test["gaps"].fillna(mean)
    assert np.array_equal(got["gaps"], filled.astype("float32"))
    assert not got["nothing"].any()


def test_categories_are_one_hot_and_unseen_ones_are_nothing():
    seen = pd.DataFrame({"c": pd.Categorical(["x", "y", None, "x"])})
    unseen = pd.DataFrame({"c": pd.Categorical(["z", "y"])})
    fitted = datasets.preprocessing().fit(seen)
    known = fitted.transform(seen)
    assert known.shape == (4, 3)
    assert np.array_equal(known.sum(axis=1), np.ones(4))
    assert np.array_equal(fitted.transform(unseen).sum(axis=1), [0, 1])


def test_preprocessing_works_in_folds_clones_and_pickles():
    frame = mixed_frame(60, 0)
    frame.loc[:29, "gaps"] = np.nan  # the second of two folds learns from no value
    y = frame["bytes"] / 255.0
    scores = cross_val_score(
        make_pipeline(datasets.preprocessing(), Ridge()), frame, y, cv=2
    )
    assert np.isfinite(scores).all()
    fitted = clone(datasets.preprocessing()).fit(frame)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(fitted.transform(frame), again.transform(frame))


@settings(max_examples=20)
@given(n=st.integers(4, 40), share=st.floats(0.2, 0.8), seed=st.integers(0, 2**32 - 1))
def test_encoding_marks_gaps_and_is_finite(n, share, seed):
    frame = mixed_frame(n, seed)
    cut = max(1, int(share * n))
    train, test = frame[:cut], frame[cut:]
    fitted = datasets.encoding().fit(train)
    names = fitted.get_feature_names_out()
    for rows in (train, test):
        got = pd.DataFrame(fitted.transform(rows), rows.index, names)
        assert (got.dtypes == np.float32).all()
        assert np.isfinite(got).all(axis=None)
        assert np.array_equal(got["real"], rows["real"].astype("float32"))
        if train["gaps"].isna().any():
            marks = got["missingindicator_gaps"]
            assert np.array_equal(marks, rows["gaps"].isna())


def test_rare_levels_share_a_column_with_unseen_ones():
    frame = pd.DataFrame({"c": [*"xxxyyyab", None, None]})
    fitted = datasets.encoding().fit(frame)
    known = fitted.transform(frame)
    assert known.shape == (10, 4)  # x, y, gaps, and both rare ones
    assert np.array_equal(known.sum(axis=1), np.ones(10))
    rare = fitted.transform(pd.DataFrame({"c": ["a"]}))
    for level in ("b", "never seen"):
        other = fitted.transform(pd.DataFrame({"c": [level]}))
        assert np.array_equal(other, rare)


def test_text_becomes_categories_and_nothing_else_changes():
    frame = mixed_frame(30, 0)
    made = datasets.text_as_categories().fit_transform(frame)
    assert made["words"].dtype == "category"
    assert np.array_equal(made["words"].isna(), frame["words"].isna())
    assert list(made["words"].dropna()) == list(frame["words"].dropna())
    pd.testing.assert_frame_equal(
        made.drop(columns="words"), frame.drop(columns="words")
    )


@pytest.mark.parametrize(
    ("columns", "plain"),
    [
        (["real", "bytes", "constant"], True),
        (["real", "gaps"], False),
        (["real", "kinds"], False),
        (["real", "bools"], False),
        (["real", "words"], False),
    ],
)
def test_numbers_without_gaps_are_plain(columns, plain):
    X = mixed_frame(40, 0)[columns]
    y = np.arange(40) % 2
    data = datasets.Dataset("toy", X, y, "classification", "made")
    assert data.is_plain == plain

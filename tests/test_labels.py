"""Labels keep their kind; label columns hold 0 and 1; all else is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sk_mixup import MixupClassifier, fit_many
from tests.twins import CONSTANT, SMALL

# Searches are left out: scikit-learn's splits and scores look at labels before.
WAYS = {
    "fit": lambda X, y: MixupClassifier(**SMALL).fit(X, y),
    "partial_fit": lambda X, y: MixupClassifier(**SMALL).partial_fit(X, y),
    "fit_many": lambda X, y: fit_many([MixupClassifier(**SMALL)], [X], [y])[0],
}


# One label a row.

numbers, truths = [0, 1, 2], [False, True, True]
KINDS = {
    "Int64": (numbers, lambda y: pd.Series(y, dtype="Int64"), "i"),
    "UInt8": (numbers, lambda y: pd.Series(y, dtype="UInt8"), "i"),
    "objects": (numbers, lambda y: np.array(y, dtype=object), "i"),
    "series of objects": (numbers, lambda y: pd.Series(y, dtype=object), "i"),
    "category": (numbers, pd.Categorical, "i"),
    "frame": (numbers, lambda y: pd.Series(y, dtype="Int64").to_frame(), "i"),
    "polars": (numbers, pl.Series, "i"),
    "boolean": (truths, lambda y: pd.Series(y, dtype="boolean"), "b"),
    "objects of truths": (truths, lambda y: pd.Series(y, dtype=object), "b"),
    "category of truths": (truths, pd.Categorical, "b"),
    "string": (["a", "b", "c"], lambda y: pd.Series(y, dtype="string"), "O"),
    "category of text": (["a", "b", "c"], pd.Categorical, "O"),
    "list": (["a", "b", "c"], list, "U"),
    "Float64": ([0.0, 1.0, 2.0], lambda y: pd.Series(y, dtype="Float64"), "f"),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_of_the_kind_of_the_labels(way, kind, blobs):
    X, codes = blobs
    values, make, numpy_kind = KINDS[kind]
    labels = [values[code] for code in codes]
    model = WAYS[way](X, make(labels))
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    assert model.classes_.dtype.kind in numpy_kind
    assert model.predict(X).dtype == model.classes_.dtype
    alike = WAYS[way](X, np.array(labels))
    np.testing.assert_array_equal(model.predict(X), alike.predict(X))


@pytest.mark.parametrize("kind", ["objects", "series of objects", "objects of truths"])
def test_objects_are_scored_as_what_they_are(kind, blobs):
    X, codes = blobs
    values, make, _ = KINDS[kind]
    labels = [values[code] for code in codes]
    y, plain = make(labels), np.array(labels)
    model = MixupClassifier(**SMALL).fit(X, plain)
    assert model.score(X, y) == model.score(X, plain)
    scores = [
        MixupClassifier(**SMALL | {"early_stopping": True, "scoring": "accuracy"})
        .fit(X, own)
        .validation_scores_
        for own in (y, plain)
    ]
    np.testing.assert_array_equal(*scores)


def test_labels_of_pandas_are_scored_as_others(blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL).fit(X, pd.Series(y, dtype="Int64"))
    assert model.score(X, pd.Series(y, dtype="Int64")) == model.score(X, y)


NO_LABELS = {
    "None": ([None, *[0, 1] * 44, 1], "y contains NaN: 1 of 90 labels are missing"),
    "None and text": ([None, *["a", "b"] * 44, "a"], "y contains NaN: 1 of 90"),
    "NaN and text": ([np.nan, *["a", "b"] * 44, "a"], "y contains NaN: 1 of 90"),
    "NaN": ([np.nan, *[0, 1] * 44, 1], "y contains NaN: 1 of 90"),
    "NA": (
        pd.Series([None, *[0, 1] * 44, 1], dtype="Int64"),
        "y contains NaN: 1 of 90",
    ),
    "NaT": (pd.Series([pd.NaT, *[pd.Timestamp(0)] * 89]), "y contains NaN: 1 of 90"),
    "category": (pd.Categorical([None, *["a", "b"] * 44, "a"]), "y contains NaN: 1 of"),
    "cut": (
        pd.cut(np.arange(90), 3),
        r"labels of type Interval, such as Interval\(-0.*y.astype\(str\)",
    ),
    "periods": (pd.period_range("2020", periods=3).repeat(30), "of type Period, such"),
    "stamps": ([pd.Timestamp(0), pd.Timestamp(1)] * 45, "labels of type Timestamp"),
    "mixed": (
        np.array([0, "a"] * 45, dtype=object),
        "labels of type int and str, such",
    ),
    "mixed list": ([0, "a"] * 45, "labels of type int and str, such"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", NO_LABELS)
def test_labels_that_cannot_be_told_apart_are_refused(way, kind, blobs):
    y, message = NO_LABELS[kind]
    with pytest.raises(ValueError, match=message) as caught:
        WAYS[way](blobs[0], y)
    assert "\n" not in str(caught.value)


def test_intervals_are_learnt_as_text(blobs):
    """The remedy that is named is one."""
    y = pd.cut(blobs[0][:, 0], 3).astype(str)
    assert MixupClassifier(**SMALL).fit(blobs[0], y).classes_.dtype.kind in "OU"


# Several labels a row.


@pytest.fixture
def several(rng):
    """Indicators of three labels, (90, 3), some rows with none and some with two."""
    return rng.integers(2, size=(90, 3))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (lambda y: y + 1, r"hold 1, 2: if 2 means .* give \(y == 2\).astype\(int\)"),
        (lambda y: 2 * y - 1, r"hold -1, 1: .* \(y == 1\).astype\(int\)"),
        (lambda y: 2 * y, r"hold 0, 2: .* \(y == 2\).astype\(int\)"),
        (lambda y: sparse.csr_array(2 * y), "hold 0, 2: "),
        (lambda y: y + np.arange(3), "hold 0, 1, 2, 3: .*MultiOutputClassifier"),
        (lambda y: y * 0.5, r"hold 0.0, 0.5: "),
        (lambda y: np.array(["n", "y"])[y], "hold n, y: "),
        (lambda y: np.array(["0", "1"])[y], "hold 0, 1: "),
        (lambda y: np.full((90, 2), 3), "hold 3: "),
    ],
)
def test_label_columns_hold_0_and_1(way, code, message, several, rng):
    with pytest.raises(ValueError, match=f"a column of 0 and 1 for each .*{message}"):
        WAYS[way](rng.normal(size=(90, 4)), code(several))


def test_a_later_part_is_checked_too(several, rng):
    X = rng.normal(size=(90, 4))
    model = MixupClassifier(**CONSTANT).partial_fit(X, several)
    with pytest.raises(ValueError, match="hold -1, 1: "):
        model.partial_fit(X, 2 * several - 1)


@pytest.mark.parametrize(
    "kind",
    [
        lambda y: y == 1,
        lambda y: y.astype(float),
        lambda y: y.astype(object),
        lambda y: pd.DataFrame(y),
        lambda y: pd.DataFrame(y, dtype="Int64"),
        lambda y: pd.DataFrame(y == 1, dtype="boolean"),
        lambda y: pl.DataFrame(y),
        lambda y: sparse.csc_matrix(y),
        lambda y: y.tolist(),
    ],
)
def test_label_columns_of_every_kind_give_one_result(kind, several, rng):
    X = rng.normal(size=(90, 4))
    one, two = (MixupClassifier(**SMALL).fit(X, y) for y in (several, kind(several)))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_one_hot_rows_are_several_labels_and_said_to_be(kind, blobs):
    X, y = blobs
    one_hot = kind(np.eye(3, dtype=int)[y])
    with pytest.warns(UserWarning, match=r"do not exclude .* y.argmax\(axis=1\)"):
        model = MixupClassifier(**SMALL).fit(X, one_hot)
    assert model.predict(X).shape == (90, 3)
    with pytest.warns(ConvergenceWarning):
        peer = MLPClassifier(max_iter=1).fit(X, np.eye(3)[y])
    assert peer.predict(X).shape == (90, 3)


def test_one_hot_parts_are_no_news_once_labels_are_known(several, blobs):
    model = MixupClassifier(**CONSTANT).partial_fit(blobs[0], several)
    model.partial_fit(blobs[0], np.eye(3)[blobs[1]])
    announced = MixupClassifier(**CONSTANT)
    announced.partial_fit(blobs[0], np.eye(3)[blobs[1]], classes=[0, 1, 2])


# Classes that are announced, and those of a fit that goes on.


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], r"classes must be a list of all classes, got \[\]"),
        (set(), "classes must be a list of all classes"),
        (3, "classes must be a list of all classes, got 3"),
        ("abc", "classes must be a list of all classes, got 'abc'"),
        ([[0, 1, 2]], "classes must be a list of all classes"),
        ([0, 1, None], "Input classes contains NaN: 1 of 3"),
        ([0, 1, np.nan], "Input classes contains NaN: 1 of 3"),
        ([0, 1, pd.NA], "Input classes contains NaN: 1 of 3"),
        ([0, 1, "a"], "classes holds labels of type int and str"),
        ({0, "a"}, "classes holds labels of type int and str"),
        (
            ["0", "1", "2"],
            r"y has labels \[0 1 2\] that are not among the classes \['0",
        ),
        ([1], "but classes has 1 class"),
    ],
    ids=str,
)
@pytest.mark.parametrize("later", [False, True])
def test_announced_classes_are_checked_as_labels_are(classes, message, later, blobs):
    model = MixupClassifier(**CONSTANT)
    if later:
        model.partial_fit(*blobs)
        message += "|are not those of the first call"
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*blobs, classes=classes)
    assert vars(model) == before


@pytest.mark.parametrize(
    "classes",
    [
        {2, 0, 1},
        frozenset([0, 1, 2]),
        {0: "a", 1: "b", 2: "c"}.keys(),
        (2, 1, 0),
        range(3),
        pd.Series([0, 1, 2], dtype="Int64"),
        pd.Index([0, 1, 2]),
        np.array([0, 1, 2, 2], dtype=object),
    ],
)
def test_classes_may_be_announced_in_every_form(classes, blobs):
    model = MixupClassifier(**CONSTANT).partial_fit(*blobs, classes=classes)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    assert model.classes_.dtype.kind == "i"


def test_a_warm_fit_needs_the_classes_of_the_one_before(blobs):
    X, y = blobs
    model = MixupClassifier(warm_start=True, **CONSTANT).fit(X, y)
    before = model.predict_proba(X)
    few = y < 2
    message = r"warm_start can only be .* same classes .* got \[0 1 2\], .* has \[0 1\]"
    with pytest.raises(ValueError, match=message):
        model.fit(X[few], y[few])
    with pytest.raises(ValueError, match=message):
        fit_many([model], [X[few]], [y[few]])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.partial_fit(X[few], y[few]).fit(X, y)
    model.set_params(warm_start=False).fit(X[few], y[few])
    np.testing.assert_array_equal(model.classes_, [0, 1])

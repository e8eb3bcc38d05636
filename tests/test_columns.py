"""Columns of no use are refused by name; numbers of every kind are taken alike."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.model_selection import KFold
from sklearn.preprocessing import OrdinalEncoder
from torch import nn

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup.model_selection import GridSearchCV
from tests.twins import SMALL, TWINS, assert_same_predictions, outputs_of, predicted


def objects(*values):
    return pd.Series(values, dtype=object)


DAYS = pd.date_range("2020-01-31", periods=90)
WORDS = ["low", "high", "mid"] * 30
ENCODERS = "OneHotEncoder or OrdinalEncoder.*TableVectorizer"
NOT_NUMBERS = {
    "text": (WORDS, rf"text \(could not convert .* float: 'low'\).*: .*{ENCODERS}"),
    "text with gaps": ([*WORDS[:89], None], "text .*TableVectorizer"),
    "nullable text": (pd.array(WORDS, dtype="string"), "text .*TableVectorizer"),
    "bytes": (objects(*[b"low"] * 90), r"bytes: .*str.decode\('utf-8'\)"),
    "text and numbers": (
        objects(*range(89), "unknown"),
        r"text, such as 'unknown', beside numbers: .*astype\(str\).*pd.to_numeric",
    ),
    "digits": (
        ["1", "2", "30"] * 30,
        "written as text, such as '1'.*: .*pd.to_numeric",
    ),
    "categories": (
        pd.Categorical(WORDS),
        r"categories.*: .*OneHotEncoder.*astype\(floa",
    ),
    "categories of digits": (pd.Categorical(["1", "2", "3"] * 30), "categories"),
    "categories of numbers": (pd.Categorical([1, 2, 3] * 30), "categories"),
    "categories with gaps": (pd.Categorical([*WORDS[:89], None]), "categories"),
    "dates": (DAYS, "dates: .*days since"),
    "dates with a zone": (DAYS.tz_localize("UTC"), "dates"),
    "objects of dates": (objects(*DAYS.date), "dates"),
    "months": (pd.period_range("2020-01", periods=90, freq="M"), "dates"),
    "durations": (DAYS - DAYS[0], r"durations: .*dt.total_seconds\(\)"),
    "intervals": (pd.interval_range(0, 90), "intervals: .*middles"),
    "times": (pd.Series([datetime.time(1)] * 90), "times of day"),
    "missing": (
        [None] * 90,
        r"Input X contains NaN in column 'odd'.*SimpleImputer\(\)",
    ),
    "NaN": ([np.nan, *range(89)], "contains NaN in column 'odd', but Mixup.* does not"),
    "NA": (
        pd.array([None, *range(88), None], dtype="Int64"),
        "contains NaN in column 'odd'",
    ),
    "NA of booleans": (pd.array([None, *[True] * 89], dtype="boolean"), "contains NaN"),
    "objects and NA": (objects(pd.NA, *range(89)), "contains NaN"),
    "objects and None": (objects(None, *range(89)), "contains NaN"),
    "infinity": ([np.inf, *range(89)], "contains infinity or .* in column 'odd'"),
    "too large": ([1e39, *range(89)], r"too large for dtype\('float32'\) in column"),
}
GAPS = {kind for kind, (_, message) in NOT_NUMBERS.items() if "NaN" in message}
CATEGORIES = {
    *("text", "text with gaps", "nullable text", "digits", "categories"),
    *("categories of digits", "categories of numbers", "categories with gaps"),
}
WAYS = {
    "fit": lambda model, X, y: model.fit(X, y),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y),
    "fit_many": lambda model, X, y: fit_many([model], [X], [y]),
    "search": lambda model, X, y: GridSearchCV(
        model, {"alpha": [0, 1]}, cv=2, error_score="raise"
    ).fit(X, y),
}


def with_column(X, values):
    frame = pd.DataFrame(X, columns=["width", "height", "depth", "mass"])
    frame.insert(2, "odd", values)
    return frame


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", sorted(NOT_NUMBERS.keys() - GAPS))
def test_a_column_that_holds_no_numbers_is_named(make, kind, data):
    X, y = data
    values, message = NOT_NUMBERS[kind]
    features = None if kind in CATEGORIES else "from_dtype"
    model = make(**SMALL, categorical_features=features)
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(with_column(X, values), y)
    assert caught.match("olumn 'odd'")
    assert "\n" not in str(caught.value)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_a_module_takes_numbers_only(make, kind, data):
    X, y = data
    values, message = NOT_NUMBERS[kind]
    model = make(**SMALL, module=lambda: nn.Linear(5, outputs_of(make)))
    with pytest.raises(ValueError, match=message.partition(", but")[0]) as caught:
        model.fit(with_column(X, values), y)
    if kind in GAPS | CATEGORIES:
        assert caught.match(", but a module takes numbers only: ")


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_train_passes_the_same_check(make, way, data):
    X, y = data
    with pytest.raises(ValueError, match="Column 'odd' of X holds dates"):
        WAYS[way](make(**SMALL), with_column(X, DAYS), y)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", sorted(NOT_NUMBERS.keys() - GAPS - {"too large"}))
def test_predict_passes_the_same_check(make, kind, data):
    X, y = data
    model = make(**SMALL).fit(with_column(X, np.arange(90.0)), y)
    values, message = NOT_NUMBERS[kind]
    with pytest.raises(ValueError, match=message):
        model.predict(with_column(X, values))


def test_several_columns_are_named_together():
    frame = pd.DataFrame({name: ["u", "v"] * 10 for name in "abcde"})
    with pytest.raises(ValueError, match="Columns 'a', 'b', 'c' and 2 more of X hold"):
        MixupClassifier(**SMALL, categorical_features=None).fit(
            frame, np.arange(20) % 2
        )


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (np.array([["1", "2"]] * 20), "Columns 0 and 1 of X hold numbers that are wri"),
        ([[1.5, "a"]] * 20, "Column 1 of X holds text"),
        ([["1", 2]] * 20, "Column 0 of X holds numbers that are written as text"),
        (sparse.csr_array([[1, np.nan]] * 20), "contains NaN in column 1,"),
        (sparse.csc_matrix([[np.inf, 1]] * 20), "infinity .* in column 0,"),
        (np.array([["2020", "2021"]] * 20, dtype="M8[D]"), "0 and 1 of X hold dates"),
        (pl.DataFrame({"a": ["u"] * 20, "b": [1] * 20}), "Column 'a' of X holds text"),
        (pl.DataFrame({"a": DAYS[:20]}), "Column 'a' of X holds dates"),
        (pl.DataFrame({"a": DAYS[:20] - DAYS[0]}), "Column 'a' of X holds durations"),
        (
            pl.DataFrame({"a": ["u", "v"] * 10}, schema={"a": pl.Categorical}),
            "Column 'a' of X holds text",
        ),
        (
            pd.DataFrame({"a": [0.0, 1] * 10}, dtype=pd.SparseDtype(float)),
            r"Column 'a' of X is sparse with the fill value nan, .*sparse.to_dense\(\)",
        ),
        (
            pd.DataFrame(np.ones((20, 2)), columns=["a", "a"]),
            "several columns named 'a'",
        ),
    ],
    ids=str,
)
def test_tables_of_every_kind_are_checked(rows, where):
    model = MixupClassifier(**SMALL, categorical_features=None)
    with pytest.raises(ValueError, match=where):
        model.fit(rows, np.arange(20) % 2)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            pd.DataFrame({"a": [1.0] * 20, 0: 1}),
            r"of the types int and str: .*astype\(",
        ),
        (pl.LazyFrame({"a": [1.0] * 20}), r"of a LazyFrame give X.collect\(\)"),
        (
            pa.RecordBatch.from_pydict({"a": [1.0] * 20}),
            r"of a RecordBatch give X.to_pandas\(\)",
        ),
        ({"a": [1.0] * 20}, "an array or a frame, got a dict"),
        (
            np.array([[1, {}]] * 20, dtype=object),
            "Column 1 of X holds objects, not numbers",
        ),
    ],
    ids=["names", "lazy", "batch", "dict", "object"],
)
def test_what_is_no_table_is_refused(table, message):
    with pytest.raises(TypeError, match=message):
        MixupClassifier(**SMALL).fit(table, np.arange(20) % 2)


def test_a_frame_of_dask_is_refused_with_the_remedy():
    frames = pytest.importorskip("dask.dataframe")
    table = frames.from_pandas(pd.DataFrame({"a": [1.0] * 20}), npartitions=2)
    for train in (MixupClassifier().fit, MixupClassifier().partial_fit):
        with pytest.raises(TypeError, match=r"of Dask's DataFrame give X.compute\(\)"):
            train(table, np.arange(20) % 2)


NUMBERS = {
    "Int64": lambda v: pd.array(v, dtype="Int64"),
    "Float64": lambda v: pd.array(v, dtype="Float64"),
    "objects": lambda v: objects(*map(int, v)),
    "mixed objects": lambda v: objects(float(v[0]), *map(int, v[1:])),
    "decimals": lambda v: objects(*(Decimal(int(each)) for each in v)),
    "small integers": lambda v: v.astype(np.int8),
    "sparse": lambda v: pd.arrays.SparseArray(v.astype(float)),
}


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns found")
@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_every_kind_give_one_result(make, kind, data):
    X, y = data
    values = np.arange(90) % 7
    plain = make(**SMALL).fit(with_column(X, values), y)
    other = make(**SMALL).fit(with_column(X, NUMBERS[kind](values)), y)
    same = predicted(plain, with_column(X, values))
    np.testing.assert_array_equal(same, predicted(other, with_column(X, values)))
    of_kind = with_column(X, NUMBERS[kind](values))
    np.testing.assert_array_equal(same, predicted(plain, of_kind))


TRUTHS = {
    "bool": lambda v: v,
    "boolean": lambda v: pd.array(v, dtype="boolean"),
    "objects": lambda v: v.astype(object),
}


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", TRUTHS)
def test_truth_values_are_0_and_1(make, kind, data):
    X, y = data
    values = np.arange(90) % 3 == 0
    plain = make(**SMALL).fit(with_column(X, values.astype(float)), y)
    other = make(**SMALL).fit(with_column(X, TRUTHS[kind](values)), y)
    table = with_column(X, values)
    np.testing.assert_array_equal(predicted(plain, table), predicted(other, table))


def test_frames_of_polars_and_pandas_give_one_result(frame):
    X, y = frame
    other = pl.DataFrame({name: X[name].to_numpy() for name in X})
    one = MixupClassifier(**SMALL).fit(X, y)
    two = MixupClassifier(**SMALL).fit(other, y)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(other))


# Sparse matrices that do not fit their shape.


SPARSE = [
    sparse.csr_array,
    sparse.csr_matrix,
    sparse.csc_array,
    sparse.bsr_array,
    sparse.coo_matrix,
]


def damaged(kind):
    X = kind(sparse.random_array((20, 4), density=0.5, format="csr", rng=0))
    parts = [X.row, X.col] if X.format == "coo" else [X.indices]
    parts[-1].setflags(write=True)
    parts[-1][0] = 1_000_000
    return X


@pytest.mark.parametrize(
    "kind",
    SPARSE,
)
def test_a_sparse_matrix_is_checked_before_it_is_followed(kind):
    y = np.arange(20) % 2
    with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
        MixupClassifier(**SMALL).fit(damaged(kind), y)
    good = sparse.random_array((20, 4), density=0.5, format="csr", rng=0)
    model = MixupClassifier(**SMALL).fit(good, y)
    with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
        model.predict(damaged(kind))
    with pytest.raises(ValueError, match="y is a damaged sparse matrix"):
        MixupClassifier(**SMALL).fit(good, damaged(kind))


# Targets of the regressor.


NO_TARGETS = {
    "dates": (pd.Series(DAYS), "y holds dates: .*days since"),
    "timestamps": (list(DAYS), "y holds dates"),
    "datetime64": (DAYS.to_numpy(), "y holds dates"),
    "nanoseconds": (DAYS.to_numpy().astype("datetime64[ns]"), "y holds dates"),
    "timedelta64": (np.arange(90).astype("timedelta64[ns]"), "y holds durations"),
    "frame": (pd.DataFrame({"when": DAYS}), "Column 'when' of y holds dates"),
    "durations": (pd.Series(DAYS - DAYS[0]), "y holds durations: .*seconds"),
    "digits": (["1", "2", "3"] * 30, "y holds numbers that are written as text"),
    "words": (WORDS, "y holds text .* use MixupClassifier"),
    "categories": (pd.Categorical([1, 2] * 45), r"y holds categories: .*astype\(float"),
    "cut": (pd.cut(np.arange(90), 3), "y holds categories"),
    "None": (np.array([None, *range(88), None]), "Input y contains NaN.*for every row"),
    "NA": (pd.array([None, *range(88), None], dtype="Int64"), "Input y contains NaN"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", NO_TARGETS)
def test_targets_that_are_no_quantities_are_refused(way, kind, line):
    y, message = NO_TARGETS[kind]
    with pytest.raises(ValueError, match=message):
        WAYS[way](MixupRegressor(**SMALL), line[0], y)


@pytest.mark.parametrize("values", [DAYS, DAYS - DAYS[0], ["1"] * 90])
def test_targets_of_polars_are_checked_too(values, line):
    with pytest.raises(ValueError, match=r"y holds (dates|durations|numbers that)"):
        MixupRegressor(**SMALL).fit(line[0], pl.Series(values))


@pytest.mark.parametrize(
    "kind",
    [
        lambda y: pd.array(y, dtype="Int64"),
        lambda y: pd.Series(y, dtype="Float64"),
        lambda y: y.astype(object),
        lambda y: [Decimal(int(each)) for each in y],
        pl.Series,
        list,
    ],
)
def test_targets_of_every_kind_give_one_result(kind, line):
    y = np.arange(90)
    one, two = (MixupRegressor(**SMALL).fit(line[0], own) for own in (y, kind(y)))
    np.testing.assert_array_equal(one.predict(line[0]), two.predict(line[0]))


# Codes that a module of the user's takes.


class Embed(nn.Module):
    """Look codes up; as a module does that has tables of categories."""

    def __init__(self, n_outputs):
        super().__init__()
        self.table = nn.Embedding(90, 8)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, x):
        return self.head(self.table(x[:, 0].long()))


CODES = {"module": Embed, "standardize": False, "mix_layer": "table", "lr": 0.1}


def codes_of(kind):
    codes = np.arange(90)[:, None]
    return kind(codes)


KINDS = {
    "int64": np.asarray,
    "uint8": lambda codes: codes.astype(np.uint8),
    "frame": lambda codes: pd.DataFrame(codes, columns=["code"]),
    "Int64": lambda codes: pd.DataFrame(codes, columns=["code"], dtype="Int64"),
    "polars": lambda codes: pl.DataFrame({"code": codes[:, 0]}),
    "list": lambda codes: codes.tolist(),
    "sparse": sparse.csr_array,
}


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"mix_layer": "input"}, "mix_layer='input' with alpha=0.4 would"),
        ({"mix_layer": 0}, "mix_layer=0 with alpha=0.4 would"),
        ({"standardize": True}, "which standardize=True would"),
        ({"noise_std": 0.1}, "which noise_std=0.1 would"),
    ],
)
def test_codes_are_not_changed_before_a_module_takes_them(make, kind, changed, named):
    params = SMALL | CODES | {"module_params": {"n_outputs": 2}} | changed
    model = make(0.4, **params)
    remedies = r".*standardize=False, .*mix_layer .*alpha=0.*X.astype\(float\)"
    for train in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=named + remedies):
            train(codes_of(KINDS[kind]), np.arange(90) % 2)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changed", [{}, {"alpha": 0, "mix_layer": "input"}])
def test_codes_reach_a_module_as_they_are(make, kind, changed):
    """Each code is a row with a target of its own, which mixtures would not tell."""
    n_outputs = 2 if make is MixupClassifier else 1
    longer = {"max_epochs": 60, "module_params": {"n_outputs": n_outputs}}
    model = make(**SMALL | CODES | longer | changed)
    X, y = codes_of(KINDS[kind]), np.arange(90) % 2
    assert model.fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("make", TWINS)
def test_quantities_may_be_whole_numbers(make, data):
    X, y = data
    whole, outputs = X.round().astype(int), outputs_of(make)
    make(**SMALL).fit(whole, y)  # a perceptron takes no codes
    make(**SMALL, module=lambda: nn.Linear(4, outputs)).fit(whole.astype(float), y)


# The remedies that are named.


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (pd.Series(["1", "2", "3"] * 30), pd.to_numeric),
        (pd.Series(pd.Categorical([1, 2, 3] * 30)), lambda c: c.astype(float)),
        (pd.Series(DAYS), lambda c: (c - c.min()).dt.days),
        (pd.Series(DAYS - DAYS[0]), lambda c: c.dt.total_seconds()),
        (pd.Series(pd.interval_range(0, 90)), lambda c: c.array.mid),
        (pd.Series(WORDS), lambda c: OrdinalEncoder().fit_transform(c.to_frame())),
    ],
    ids=["digits", "categories", "dates", "durations", "intervals", "words"],
)
def test_the_remedy_is_one(make, values, remedy, data):
    X, y = data
    model = make(**SMALL, categorical_features=None)
    with pytest.raises(ValueError, match="olumn 'odd'"):
        model.fit(with_column(X, values), y)
    model.fit(with_column(X, remedy(values)), y)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("cell", [0.0, "x", None])
def test_rows_of_another_shape_are_refused_by_their_shape(make, cell):
    y = np.arange(6) % 2
    for shape, words in (((6,), "got 1D array"), ((6, 2, 2), "array with dim 3")):
        with pytest.raises(ValueError, match=words) as caught:
            make(**SMALL).fit(np.full(shape, cell, dtype=object), y)
        assert "reshape" in str(caught.value)


@pytest.mark.parametrize("params", [{}, {"standardize": False}], ids=str)
@pytest.mark.parametrize("dtype", [float, np.int64, bool])
@pytest.mark.parametrize("make", TWINS)
def test_a_frame_of_sparse_columns_is_a_sparse_matrix(make, dtype, params, data):
    X, y = data
    rows = sparse.csr_matrix((X > 0).astype(dtype))
    frame = pd.DataFrame.sparse.from_spmatrix(rows)
    assert isinstance(frame.dtypes[0], pd.SparseDtype)
    model = make(**SMALL | params).fit(rows, y)
    assert_same_predictions(make(**SMALL | params).fit(frame, y), model, rows)
    assert_same_predictions(model, model, frame)
    assert model.to_numeric(frame).dtype == np.float32
    stopping = SMALL | {"early_stopping": True} | params
    judged = [
        make(**stopping).fit(rows, y, X_val=own, y_val=y).validation_scores_
        for own in (rows, frame, frame.sparse.to_dense())
    ]
    np.testing.assert_allclose(judged[1:], judged[:1] * 2, rtol=1e-5)
    gappy = frame.sparse.to_dense().astype(float)
    gappy.iloc[::5, 0] = np.nan
    model = make(**SMALL | params).fit(gappy, y)
    dense = frame.sparse.to_dense()
    np.testing.assert_array_equal(model.to_numeric(frame), model.to_numeric(dense))
    model.partial_fit(frame, y)


@pytest.mark.parametrize("make", TWINS)
def test_targets_may_be_columns_of_arrow(make, data):
    X, y = data
    table = pa.table({"y": y})
    expected = make(**SMALL).fit(X, y)
    for column in (table["y"], table["y"].combine_chunks()):
        assert_same_predictions(make(**SMALL).fit(X, column), expected, X)


@pytest.mark.parametrize("kind", ["coo", "csc", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("make", TWINS)
def test_sparse_rows_of_every_format_can_be_held_out(make, kind, data):
    X, y = data
    weights = np.r_[0, np.ones(89)]
    for params in ({"scoring": None}, {"validation": KFold(3)}):
        own = SMALL | {"early_stopping": True} | params
        one, other = (
            make(**own).fit(rows, y, weights)
            for rows in (sparse.csr_matrix(X), sparse.csr_matrix(X).asformat(kind))
        )
        np.testing.assert_array_equal(one.validation_scores_, other.validation_scores_)


@pytest.mark.parametrize("make", TWINS)
def test_missing_values_of_sparse_rows_are_named(make):
    X, y = np.eye(6), np.arange(6) % 2
    model = make(**SMALL).fit(sparse.csr_matrix(X), y)
    X[3, 1] = np.nan
    message = r"column 1, but Mixup\w+ only accepts sparse"
    for train in (model.fit, model.partial_fit, lambda X, y: model.predict(X)):
        with pytest.raises(ValueError, match=message):
            train(sparse.csr_matrix(X), y)

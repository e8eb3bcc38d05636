"""Frames as they are: gaps and categories are those of a hand-made pipeline."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup.inspection import between_examples, fgsm
from sk_mixup.model_selection import GridSearchCV
from tests.twins import (
    PLAIN,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    predicted,
)

NUMBERS, CATEGORIES = ["width", "whole", "sunny"], ["colour", "code"]
BOTH = pytest.mark.parametrize("make", TWINS)
FORMS = pytest.mark.parametrize("form", ["pandas", "polars"])


def table(n_rows=120, seed=0):
    """Numbers, truth values and categories, two columns with gaps."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "width": rng.normal(size=n_rows),
            "colour": rng.choice(["red", "green", "blue"], n_rows).astype(object),
            "whole": rng.integers(0, 50, n_rows),
            "code": pd.Categorical(rng.choice(["1", "2", "10"], n_rows)),
            "sunny": rng.random(n_rows) > 0.5,
        }
    )
    signal = frame.width + (frame.colour == "red") + frame.sunny
    frame.loc[rng.random(n_rows) < 0.2, "width"] = np.nan
    frame.loc[rng.random(n_rows) < 0.2, "colour"] = None
    frame.loc[0, "colour"] = "rare"
    return frame, signal


@pytest.fixture
def mixed(make):
    """A table with targets of the estimator."""
    X, signal = table()
    return X, signal if make is MixupRegressor else np.digitize(signal, [0.5, 1.5])


def in_form(frame, form):
    if form == "pandas":
        return frame
    return pl.DataFrame(
        {
            name: frame[name].astype(object).where(frame[name].notna(), None).to_list()
            for name in frame
        }
    )


def by_hand(numbers=NUMBERS, categories=CATEGORIES, min_frequency=2):
    """What a user writes to make numbers of such a table."""
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=min_frequency,
        sparse_output=False,
    )
    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return make_column_transformer((imputer, numbers), (encoder, categories))


def for_hand(frame, categories=CATEGORIES):
    """Return a frame with levels as objects, whose gaps are None."""
    other = frame.copy()
    for name in frame:
        values = frame[name].astype(object).where(frame[name].notna(), None)
        other[name] = values if name in categories else values.astype(float)
    return other


@FORMS
@BOTH
@pytest.mark.parametrize(
    "params", [{}, {"standardize": False}, {"pairing": "neighbors"}, {"alpha": 0}]
)
def test_a_frame_equals_the_pipeline_made_by_hand(make, form, params, mixed):
    X, y = mixed
    new = table(seed=1)[0].assign(colour="violet")
    model = make(max_epochs=4, random_state=0, **params)
    hand = make_pipeline(by_hand(), clone(model)).fit(for_hand(X), y)
    model.fit(in_form(X, form), y)
    for rows in (X, new):
        np.testing.assert_allclose(
            predicted(model, in_form(rows, form)),
            predicted_by(hand, for_hand(rows)),
            atol=1e-6,
        )


def predicted_by(pipeline, X):
    return predicted(pipeline[-1], pipeline[:-1].transform(X))


@BOTH
def test_the_paper_s_recipe_takes_frames(make, mixed):
    X, y = mixed
    model = make.paper(0.2, random_state=0).fit(X, y)
    hand = make_pipeline(by_hand(), clone(model)).fit(for_hand(X), y)
    np.testing.assert_allclose(
        predicted(model, X), predicted_by(hand, for_hand(X)), atol=1e-6
    )


@BOTH
def test_the_torch_module_takes_the_numeric_rows(make, mixed):
    X, y = mixed
    model = make(max_epochs=3, random_state=0).fit(X, y)
    new = table(seed=1)[0].assign(colour="violet")
    rows = torch.from_numpy(model.to_numeric(new))
    assert (rows.shape, rows.dtype) == (new.shape, torch.float32)
    module = model.to_torch()
    exported = torch.export.export(module, (rows,)).module()
    wanted = model.predict(new) if make is MixupRegressor else model.predict_proba(new)
    for each in (module, exported):
        np.testing.assert_allclose(each(rows).numpy(), wanted, rtol=1e-5, atol=1e-6)


@BOTH
def test_a_gap_where_training_rows_had_none_is_the_mean(make, data):
    X, y = data
    model = make(**SMALL).fit(X, y)
    holed, filled = X.copy(), X.copy()
    holed[:5, 1], filled[:5, 1] = np.nan, X[:, 1].mean()
    np.testing.assert_allclose(
        predicted(model, holed), predicted(model, filled), atol=1e-5
    )
    np.testing.assert_allclose(model.to_numeric(holed)[:5, 1], X[:, 1].mean(), 1e-5)
    np.testing.assert_array_equal(holed[:5, 1], np.nan)


@BOTH
def test_stacked_equals_looped(make, mixed):
    X, y = mixed
    models = [make(**SMALL, min_frequency=n) for n in (1, 2, 2)]
    models[2].set_params(alpha=0)
    alone = [clone(model).fit(X, y) for model in models]
    fit_many(models, [X] * 3, [y] * 3)
    for one, other in zip(models, alone, strict=True):
        np.testing.assert_allclose(predicted(one, X), predicted(other, X), atol=1e-6)


@BOTH
@pytest.mark.usefixtures("double")
def test_weights_equal_repeated_rows(make, mixed):
    X, y = mixed
    X, y = X[1:].reset_index(drop=True), np.asarray(y)[1:]
    weights = np.arange(len(X)) % 3
    X.loc[weights == 0, "code"] = "1"
    X.loc[weights == 0, "whole"] = np.nan  # of no row that counts
    whole = {"batch_size": 1000, "max_epochs": 20}
    model = make(0, random_state=0, **PLAIN | whole | all_rows(make))
    one = clone(model).fit(X, y, weights)
    other = model.fit(X.loc[X.index.repeat(weights)], np.repeat(y, weights))
    np.testing.assert_allclose(predicted(one, X), predicted(other, X), atol=1e-6)


SAME = {
    "category": lambda f: f.assign(colour=f.colour.astype("category")),
    "levels in another order": lambda f: f.assign(
        code=f.code.cat.reorder_categories(["10", "1", "2"])
    ),
    "levels without a row": lambda f: f.assign(code=f.code.cat.add_categories(["7"])),
    "strings": lambda f: f.assign(code=f.code.astype(str)),
    "nullable strings": lambda f: f.assign(colour=f.colour.astype("string")),
    "floats": lambda f: f.assign(whole=f.whole.astype(float)),
    "nullable": lambda f: f.assign(
        width=f.width.astype("Float64"), whole=f.whole.astype("Int64")
    ),
    "arrow": lambda f: f.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda f: f.astype(object).where(f.notna(), None),
    "objects and NA": lambda f: f.astype(object).where(f.notna(), pd.NA),
    "truth values as numbers": lambda f: f.assign(sunny=f.sunny.astype(int)),
    "array": lambda f: f.astype(object).to_numpy(),
    "polars": lambda f: in_form(f, "polars"),
    "categories of polars": lambda f: in_form(f, "polars").with_columns(
        pl.col("code").cast(pl.Enum(["2", "1", "10"])),
        pl.col("colour").cast(pl.Categorical),
    ),
}


@pytest.mark.filterwarnings("ignore:X .* feature names")
@BOTH
@pytest.mark.parametrize("kind", SAME)
def test_the_same_table_in_other_types_gives_the_same_predictions(make, kind, mixed):
    X, y = mixed
    one, two = make(**SMALL).fit(X, y), make(**SMALL).fit(SAME[kind](X), y)
    wanted = predicted(one, X)
    for model, rows in ((one, SAME[kind](X)), (two, SAME[kind](X)), (two, X)):
        np.testing.assert_array_equal(predicted(model, rows), wanted)


WAYS_TO_NAME = {
    "name": ["whole"],
    "position": [2],
    "mask": [False, False, True, False, False],
    "array": np.array([2]),
}


@BOTH
@pytest.mark.parametrize("kind", WAYS_TO_NAME)
def test_integers_can_be_named_as_categories(make, kind, mixed):
    X, y = mixed
    X = X.assign(colour=np.arange(120.0), code=1.0)
    named = make(**SMALL, categorical_features=WAYS_TO_NAME[kind]).fit(X, y)
    category = X.assign(whole=X.whole.astype("category"))
    wanted = predicted(make(**SMALL).fit(category, y), category)
    np.testing.assert_array_equal(predicted(named, X), wanted)
    as_floats = X.assign(whole=X.whole.astype(float))
    np.testing.assert_array_equal(predicted(named, as_floats), wanted)


@BOTH
def test_training_goes_on_with_the_columns_of_the_first_call(make, mixed):
    X, y = mixed
    model = make(**SMALL).partial_fit(X, y)
    before = model.to_numeric(X)
    later = X[:40].assign(colour="violet", whole=np.nan)
    model.partial_fit(later, y[:40])
    np.testing.assert_array_equal(model.to_numeric(X), before)
    rare = model.to_numeric(X)[0, 1]
    assert (model.to_numeric(later)[:, 1] == rare).all()
    np.testing.assert_allclose(model.to_numeric(later)[:, 2], X.whole.mean(), 1e-6)
    again = make(**SMALL, warm_start=True).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(again.to_numeric(X), before)
    with pytest.raises(ValueError, match="min_frequency cannot change from 2 to 3"):
        again.set_params(min_frequency=3).fit(X, y)


@BOTH
def test_copies_predict_alike(make, mixed):
    X, y = mixed
    model = make(**SMALL).fit(X, y)
    for twin in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        np.testing.assert_array_equal(predicted(twin, X), predicted(model, X))


@BOTH
def test_a_search_over_pipelines_takes_frames(make, mixed):
    X, y = mixed
    pipeline = make_pipeline("passthrough", make(**SMALL))
    name = f"{make.__name__.lower()}__alpha"
    search = GridSearchCV(pipeline, {name: [0, 1]}, cv=3).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


REFUSED = {
    "too many levels": (
        lambda f: f.assign(colour=[f"level {n}" for n in range(120)]),
        {"max_categories": 100},
        r"'colour' of X has 120 levels, .*=100: .*skrub.tabular_pipeline .*out\.$",
    ),
    "intervals": (
        lambda f: f.assign(code=pd.cut(f.whole, 3)),
        {},
        "Column 'code' of X holds intervals: ",
    ),
    "categories of dates": (
        lambda f: f.assign(code=pd.Categorical(pd.date_range("2020", periods=120))),
        {},
        "Column 'code' of X holds dates: ",
    ),
    "nested": (
        lambda f: in_form(f, "polars").with_columns(pl.struct("whole").alias("code")),
        {},
        "Column 'code' of X holds objects, not numbers",
    ),
    "infinity": (
        lambda f: f.assign(whole=np.inf),
        {},
        "contains infinity .* in column 'whole'",
    ),
}


WRONG_NAMES = {
    "names 'weight', which is no column of X": ["weight"],
    "names column 5, but X has 5 columns": [5],
    "a mask of 1 columns, but X has 5": [True],
}
for message, features in WRONG_NAMES.items():
    REFUSED[message] = (lambda f: f, {"categorical_features": features}, message)


@BOTH
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_of_no_use_is_refused_in_one_sentence(make, kind, mixed):
    X, y = mixed
    change, params, message = REFUSED[kind]
    model = make(**SMALL, **params)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        model.fit(change(X), y)
    assert "\n" not in str(caught.value)
    assert not hasattr(model, "n_features_in_")


NO_LONGER_THE_SAME = {
    "another order": (lambda f: f[f.columns[::-1]], "feature names should"),
    "a column less": (lambda f: f.drop(columns="code"), "feature names should"),
    "text where numbers were": (
        lambda f: f.assign(whole="ten"),
        "Column 'whole' of X holds text .*, but was a column of numbers in fit: ",
    ),
}


@BOTH
@pytest.mark.parametrize("kind", NO_LONGER_THE_SAME)
def test_columns_are_known_again(make, kind, mixed):
    X, y = mixed
    model = make(**SMALL).fit(X, y)
    change, message = NO_LONGER_THE_SAME[kind]
    with pytest.raises(ValueError, match=message):
        model.predict(change(X))


@BOTH
@pytest.mark.parametrize("empty", [None, pd.NA, pl.Null], ids=str)
def test_a_column_without_values_is_a_category_without_levels(make, empty, mixed):
    X, y = mixed
    if empty is pl.Null:
        frame = in_form(X, "polars")
        X, other = (frame.with_columns(none=pl.lit(v)) for v in (None, "new"))
    else:
        none = pd.Series([empty] * len(X), X.index, dtype=object)
        X, other = X.assign(none=none), X.assign(none="new")
    model = make(**SMALL).fit(X, y)
    # A level for gaps; whatever comes later was never seen.
    assert set(model.to_numeric(X)[:, -1]) == {0.0}
    assert set(model.to_numeric(other)[:, -1]) == {-1.0}


@BOTH
def test_missing_numbers_alone_stay_numbers(make, mixed):
    X, y = mixed
    for values in (np.full(len(X), np.nan), pd.array([None] * len(X), "boolean")):
        model = make(**SMALL).fit(X.assign(none=values), y)
        with pytest.raises(ValueError, match=r"'none' .* was a column of numbers in"):
            model.predict(X.assign(none="text"))


@BOTH
def test_a_level_is_known_by_its_name(make, mixed):
    X, y = mixed
    X = X.assign(code=X.code.astype(str).astype(int))
    model = make(**SMALL, categorical_features=["code", "colour"]).fit(X, y)
    wanted = predicted(model, X)
    for form in (str, float, "category", object):
        np.testing.assert_array_equal(
            predicted(model, X.astype({"code": form})), wanted
        )
    # Beside a level that there was not, the others stay what they are.
    other = X.astype({"code": str})
    other.loc[0, "code"] = "none such"
    with pytest.warns(UserWarning, match="'code' .* holds text, such as 'none such'"):
        found = predicted(model, other)
    np.testing.assert_array_equal(found[1:], wanted[1:])


@pytest.mark.parametrize("inspect", [between_examples, lambda *a: fgsm(*a, 0.1)])
def test_what_looks_between_rows_needs_numbers(inspect):
    X, signal = table()
    y = (signal > 1).astype(int)
    model = MixupClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="must hold numbers without gaps"):
        inspect(model, X, y)


# Whatever a table holds: the numbers of the pipeline made by hand, or a refusal.


LEVELS = st.sampled_from(["a", "b", "1", "10", "2", None])
COLUMNS = {
    "floats": st.one_of(st.none(), st.integers(-50, 50).map(lambda n: n / 4)),
    "integers": st.integers(0, 9),
    "truths": st.booleans(),
    "levels": LEVELS,
    "text": st.sampled_from([f"level {n}" for n in range(12)]),
}
TYPES = {
    "floats": ["float64", "float32", "Float64", object],
    "integers": ["int64", "Int64", "float64", object],
    "truths": ["bool", "boolean", object],
    "levels": ["category", "string", object],
    "text": ["category", "string", object],
}


@st.composite
def frames(draw):
    """Return columns of some kinds, each in some type, and what each is."""
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=4))
    n_rows = draw(st.integers(12, 24))
    columns, place = {}, {}
    for number, kind in enumerate(kinds):
        cells = st.lists(COLUMNS[kind], min_size=n_rows, max_size=n_rows)
        values = pd.Series(draw(cells), dtype=object)
        columns[f"c{number}"] = values.astype(draw(st.sampled_from(TYPES[kind])))
        place[f"c{number}"] = kind in ("levels", "text")
    return pd.DataFrame(columns), place


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_any_frame_is_its_numeric_table_or_refused(drawn, min_frequency, random):
    frame, is_category = drawn
    half = len(frame) // 2
    known, new = frame[:half], frame[half:]
    categories = [name for name in frame if is_category[name]]
    numbers = [name for name in frame if not is_category[name]]
    assume(not any(known[name].isna().all() for name in categories))
    y = np.arange(half) % 2
    model = MixupClassifier(**SMALL, min_frequency=min_frequency, max_categories=8)
    if any(known[name].nunique() > 8 for name in categories):
        with pytest.raises(ValueError, match=r"has \d+ levels, more than max_categ"):
            model.fit(known, y)
        return
    encoder = by_hand(numbers, categories, min_frequency)
    table = encoder.fit_transform(for_hand(known, categories))
    plain = MixupClassifier(**SMALL).fit(table, y)
    model.fit(known, y)
    shuffled = random.sample(range(len(new)), len(new))
    for rows in (known, new, new.iloc[shuffled]):
        wanted = plain.predict_proba(encoder.transform(for_hand(rows, categories)))
        np.testing.assert_allclose(model.predict_proba(rows), wanted, atol=1e-6)


@BOTH
def test_a_range_beyond_single_precision_is_refused(make, mixed):
    X, y = mixed
    width = np.linspace(-3.3e38, 3.3e38, len(X))
    tables = (
        lambda width: X.assign(width=width),
        lambda width: pd.DataFrame({"width": width}),
        lambda width: width[:, None],
    )
    for of in tables:
        with pytest.raises(ValueError, match=r"too large .* column (0|'width'), which"):
            make(**SMALL).fit(of(width), y)
        half = of(np.abs(width))
        assert np.isfinite(predicted(make(**SMALL).fit(half, y), half)).all()


# Levels that are numbers, and rows that are none.


@pytest.mark.parametrize(
    "levels",
    [np.array([0.1, 0.2], "float32"), np.array([2**53, 2**53 + 1])],
    ids=["single", "large"],
)
def test_numbers_of_any_precision_name_one_level(levels):
    y = np.arange(40) % 2
    X = pd.DataFrame({"size": levels[y]})
    model = MixupClassifier(categorical_features=["size"], **SMALL).fit(X, y)
    assert set(model.to_numeric(X)[:, 0]) == {0, 1}
    if levels.dtype.kind == "f":
        wide = X.astype("float64")
        np.testing.assert_array_equal(model.to_numeric(wide), model.to_numeric(X))


@pytest.mark.parametrize("fitted", ["float64", "float32", "float16"])
@pytest.mark.parametrize("given", ["float64", "float32", "float16"])
def test_levels_are_compared_in_the_coarsest_precision(fitted, given):
    y, levels = np.arange(40) % 2, np.array([1, 2]) / 3
    X = levels[y][:, None]
    model = MixupClassifier(categorical_features=[0], **SMALL)
    model.fit(X.astype(fitted), y)
    np.testing.assert_array_equal(model.to_numeric(X.astype(given))[:, 0], y)
    assert model.to_numeric([[0.5]])[0, 0] == -1


def test_levels_that_a_coarser_precision_cannot_tell_apart_are_unseen():
    y, levels = np.arange(40) % 2, np.array([1, 1 + 1e-12]) / 3
    X = levels[y][:, None]
    model = MixupClassifier(categorical_features=[0], **SMALL).fit(X, y)
    np.testing.assert_array_equal(model.to_numeric(X)[:, 0], y)
    assert set(model.to_numeric(X.astype("float32"))[:, 0]) == {-1}


FORMS = {
    "pandas": lambda ids, kind: pd.DataFrame({"id": pd.array(ids, dtype=kind)}),
    "polars": lambda ids, kind: pl.DataFrame(
        {"id": pl.Series(ids, dtype=getattr(pl, kind))}
    ),
    "arrow": lambda ids, kind: pa.table({"id": pa.array(ids, kind.lower())}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("least", "kind"), [(2**53, "Int64"), (2**63, "UInt64")])
def test_large_integers_beside_gaps_stay_what_they_are(form, least, kind):
    y = np.arange(40) % 2
    X = FORMS[form]([None, None, *(least + np.uint64(y[2:])).tolist()], kind)
    model = MixupClassifier(categorical_features=["id"], **SMALL).fit(X, y)
    found = model.to_numeric(X)[:, 0]
    np.testing.assert_array_equal(found, [2, 2, *y[2:]])


def test_dictionaries_of_arrow_are_categories_in_every_frame():
    y = np.arange(40) % 2
    codes = pa.array([None, None, *(100 * y[2:]).tolist()])
    table = pa.table({"code": codes.dictionary_encode()})
    forms = [table, table.to_pandas(), table.to_pandas(types_mapper=pd.ArrowDtype)]
    models = [MixupClassifier(**SMALL).fit(form, y) for form in forms]
    for model in models:
        for form in forms:
            found = model.to_numeric(form)[:, 0]
            np.testing.assert_array_equal(found, [2, 2, *y[2:]])


@pytest.mark.parametrize("make", TWINS)
def test_a_mask_is_no_list_of_positions(make, data):
    _, y = data
    X = np.stack([np.arange(90) % 3, np.arange(90) // 30], 1).astype(float)
    features = [[0, 1], [False, True], [True, False]]
    features += [list(np.array(own)) for own in features]
    models = [make(categorical_features=own, **SMALL) for own in features]
    alone = [clone(model).fit(X, y) for model in models]
    fit_many(models, [X] * 6, [y] * 6)
    for one, other in zip(models, alone, strict=True):
        assert_same_predictions(one, other, X, atol=1e-6)
    assert_same_predictions(alone[1], alone[4], X)
    with pytest.raises(ValueError, match="categorical_features cannot change"):
        models[0].set_params(categorical_features=features[1]).partial_fit(X, y)


def test_names_may_be_strings_of_numpy():
    X = pd.DataFrame({"size": np.arange(40) % 3})
    model = MixupClassifier(categorical_features=list(np.array(["size"])), **SMALL)
    assert set(model.fit(X, np.arange(40) % 2).to_numeric(X)[:, 0]) == {0, 1, 2}


def test_gaps_are_filled_whatever_is_assumed():
    X, y = np.arange(40.0)[:, None], np.arange(40) % 2
    X[::5] = np.nan
    model = MixupClassifier(**SMALL).fit(X, y)
    with config_context(assume_finite=True):
        assert_same_predictions(MixupClassifier(**SMALL).fit(X, y), model, X)
        assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("rows", [["a", 1.0], [1.0, 2.0], None, np.zeros((2, 2, 2))])
def test_what_is_no_table_of_rows_is_refused_in_one_sentence(rows):
    X = pd.DataFrame({"a": list("ab") * 20, "b": np.arange(40.0)})
    model = MixupClassifier(**SMALL).fit(X, np.arange(40) % 2)
    for wrong in (rows, X[:0], X.iloc[0]):
        with pytest.raises(ValueError, match=r"2D array|minimum of 1"):
            model.predict(wrong)


def test_targets_may_be_a_frame():
    X, y = np.arange(40.0)[:, None], pd.DataFrame({"u": np.arange(40.0), "v": 1.0})
    model = MixupRegressor(**SMALL).fit(X, y)
    assert model.predict(X).shape == (40, 2)

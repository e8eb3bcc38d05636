"""The rows that judge: the user's own, groups kept together, splitters."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    TimeSeriesSplit,
    check_cv,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mixup import MixupClassifier, MixupRegressor, fit_many, model_selection
from sk_mixup._data.holdout import groups_held_out
from sk_mixup._data.memo import Memo
from sk_mixup._training.fit_data import FitData
from sk_mixup.regressor import LOSSES
from tests.twins import (
    PLAIN,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    outputs_of,
    predicted,
    target_scaling,
)

twins = pytest.mark.parametrize("make", TWINS)
STOPPING = SMALL | {"early_stopping": True, "max_epochs": 5}
GROUPS = np.arange(90) // 10


def theta(model):
    return model.net_.module_.body.theta.detach().numpy()


def runs_of(model, X, y, *weights, **params):
    return model._prepare(
        FitData(X, y, *weights, **params), model._start(), Memo()
    ).runs


def row_numbers(subset, n_rows=90):
    numbers = subset.row_numbers
    return np.arange(n_rows) if numbers is None else numbers.numpy()


def own_score(model, X, y, weights=None):
    """Return minus the loss that the estimator trains, in its own units."""
    if is_classifier(model):
        labels = model.classes_
        return -log_loss(
            y, model.predict_proba(X), sample_weight=weights, labels=labels
        )
    scale = target_scaling(model)[1][0]
    error = mean_squared_error(y, model.predict(X), sample_weight=weights)
    return -error / scale**2 / 2


# The user's own rows.


@twins
def test_validation_rows_never_move_a_weight(make, data):
    X, y = data
    params = SMALL | {"n_estimators": 2, "member_weights": "validation"}
    without = make(1, **params, **all_rows(make)).fit(X, y)
    for X_val, y_val in [(X[:7], y[:7]), (X[60:] * 9, y[60:][::-1])]:
        judged = make(1, **params).fit(X, y, X_val=X_val, y_val=y_val)
        np.testing.assert_array_equal(theta(judged), theta(without))


@twins
def test_the_best_epoch_of_the_users_rows_is_that_of_a_shorter_training(make, data):
    X, y = data
    params = STOPPING | {"max_epochs": 30, "lr": 0.02, **all_rows(make)}
    model = make(1, **params).fit(X, y, X_val=X[::-3], y_val=y[::3])
    best = int(model.validation_scores_.mean(axis=1).argmax()) + 1
    assert best < model.n_iter_
    short = make(1, **params | {"early_stopping": False, "max_epochs": best})
    np.testing.assert_array_equal(theta(model), theta(short.fit(X, y)))


@twins
@pytest.mark.parametrize("encoding", ["standardized", "bins"])
def test_rows_given_by_hand_are_as_good_as_rows_held_out(make, encoding, data):
    X, y = data
    params = STOPPING | {"encoding": encoding, "validation_fraction": 1 / 9}
    training, validation = map(row_numbers, sides(runs_of(make(1, **params), X, y)[0]))
    if make is not MixupClassifier:  # both sides of which have one mean and deviation
        y = np.empty(90)
        y[training], y[validation] = (np.resize([-1.0, 1.0], n) for n in (80, 10))
    held_out = make(1, **params).fit(X, y)
    by_hand = make(1, **params).fit(
        X[training], y[training], X_val=X[validation], y_val=y[validation]
    )
    assert_same_predictions(held_out, by_hand, X, atol=1e-5)
    np.testing.assert_allclose(
        held_out.validation_scores_, by_hand.validation_scores_, atol=1e-5
    )


def sides(run):
    return run.training, run.validation


def as_frame(X):
    levels = np.array(["a", "b", "c"])[np.arange(len(X)) % 3]
    frame = pd.DataFrame(np.where(X > 3, np.nan, X)).rename(columns="x{}".format)
    return frame.assign(kind=levels)


FORMS = {"array": np.asarray, "frame": as_frame, "sparse": sparse.csr_matrix}


@twins
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_estimators", [1, 3])
def test_validation_rows_are_read_as_rows_to_predict(make, form, n_estimators, data):
    X, y = data
    rows, own = FORMS[form](X[:70]), FORMS[form](X[70:])
    params = STOPPING | {"max_epochs": 1, "n_estimators": n_estimators}
    model = make(1, **params, **all_rows(make))
    model.fit(rows, y[:70], X_val=own, y_val=y[70:])
    assert model.validation_scores_.shape == (1, n_estimators)
    if n_estimators == 1:
        expected = own_score(model, own, y[70:])
        np.testing.assert_allclose(model.validation_scores_[0], expected, rtol=1e-5)


@twins
def test_weights_of_validation_rows_equal_repeated_rows(make, data, rng):
    X, y = data
    weights = rng.integers(4, size=30)
    params = STOPPING | all_rows(make)
    given = {"X_val": X[60:], "y_val": y[60:]}
    weighted = make(1, **params).fit(X[:60], y[:60], **given, sample_weight_val=weights)
    repeated = {name: rows.repeat(weights, 0) for name, rows in given.items()}
    other = make(1, **params).fit(X[:60], y[:60], **repeated)
    np.testing.assert_allclose(
        weighted.validation_scores_, other.validation_scores_, rtol=1e-5
    )
    assert_same_predictions(weighted, other, X)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 3.0, 2: 0.5}])
def test_classes_of_validation_rows_weigh_as_those_of_training_rows(
    class_weight, blobs
):
    X, y = blobs
    rows = np.r_[:20, 30:60]
    sizes = np.bincount(y[rows])
    own = class_weight
    if class_weight == "balanced":
        own = dict(enumerate(len(rows) / (3 * sizes)))
    params = STOPPING | {"max_epochs": 1, "temperature": 1.0}
    model = MixupClassifier(1, **params, class_weight=class_weight)
    model.fit(X[rows], y[rows], X_val=X[60:], y_val=y[60:])
    weights = np.array([own[label] for label in y[60:]])
    expected = own_score(model, X[60:], y[60:], weights)
    np.testing.assert_allclose(model.validation_scores_[0], expected, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_targets_of_validation_rows_are_in_the_units_of_the_training(loss, line):
    X, y = line
    y, quantile = np.abs(y) + 1, 0.3 if loss == "quantile" else None
    (run,) = runs_of(
        MixupRegressor(**STOPPING, loss=loss, quantile=quantile),
        X,
        y,
        X_val=X[40:],
        y_val=y[40:],
    )
    assert torch.equal(run.validation.targets.values, run.training.targets.values[40:])


@twins
def test_a_warm_start_takes_other_validation_rows(make, data):
    X, y = data
    model = make(1, warm_start=True, **STOPPING)
    model.fit(X[:60], y[:60], X_val=X[60:80], y_val=y[60:80])
    model.fit(X[:60], y[:60], X_val=X[80:], y_val=y[80:])
    assert len(model.validation_scores_) == 10


BAD = {
    "X_val was given without y_val": {"y_val": None},
    "y_val was given without X_val": {"X_val": None},
    r"Validation rows .* X has 3 features, but": {"X_val": np.ones((4, 3))},
    r"Validation rows .* X and y must be of one length": {"X_val": np.ones((5, 4))},
    r"Validation rows .* infinity": {"X_val": np.full((4, 4), np.inf)},
    r"Validation rows .* one non-zero number": {"sample_weight_val": np.zeros(4)},
    r"Validation rows .* y": {"y_val": np.array(list("abcd"))},
}


@twins
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("message", BAD)
def test_bad_validation_rows_are_named_and_leave_the_old_fit(
    make, method, message, data
):
    X, y = data
    model = getattr(make(1, **STOPPING), method)(X, y)
    before = predicted(model, X)
    given = {"X_val": X[:4], "y_val": y[:4]} | BAD[message]
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, y, **given)
    np.testing.assert_array_equal(predicted(model, X), before)


@twins
def test_validation_rows_of_no_use_are_refused(make, data):
    X, y = data
    with pytest.raises(ValueError, match="nothing is validated on them"):
        make(**SMALL, **all_rows(make)).fit(X, y, X_val=X, y_val=y)


# Rows beside the parts of a table.


@twins
def test_validation_rows_of_a_part_never_move_a_weight(make, data):
    X, y = data
    params = SMALL | {"n_estimators": 2, "encoding": "bins", "early_stopping": True}
    judged, without = (make(1, **params) for _ in range(2))
    for part in (slice(0, 30), slice(30, 60)):
        judged.partial_fit(X[part], y[part], X_val=X[60:], y_val=y[60:])
        without.partial_fit(X[part], y[part])
        np.testing.assert_array_equal(theta(judged), theta(without))
        judged.partial_fit(X[part], y[part])
        without.partial_fit(X[part], y[part])
    np.testing.assert_array_equal(theta(judged), theta(without))
    assert judged.validation_scores_.shape == (2, 2)
    assert without.validation_scores_ is None


@twins
def test_a_part_is_scored_by_the_weights_that_predict_after_it(make, data):
    X, y = data
    model = make(1, **STOPPING | all_rows(make) | {"ema_halflife": 1.0})
    for n_calls, part in enumerate((slice(0, 30), slice(30, 60)), 1):
        model.partial_fit(X[part], y[part], X_val=X[60:], y_val=y[60:])
        expected = own_score(model, X[60:], y[60:])
        assert len(model.validation_scores_) == n_calls
        np.testing.assert_allclose(model.validation_scores_[-1], expected, rtol=1e-5)


def test_a_part_is_scored_by_the_metric_that_was_asked_for(blobs):
    X, y = blobs
    model = MixupClassifier(1, **STOPPING, scoring="accuracy")
    model.partial_fit(X[:60], y[:60], classes=[0, 1, 2], X_val=X[60:], y_val=y[60:])
    assert model.validation_scores_[-1] == model.score(X[60:], y[60:])


def test_temperature_and_members_weights_stay_until_rows_come_again(blobs):
    X, y = blobs
    params = SMALL | {"n_estimators": 3, "member_weights": "validation"}
    model = MixupClassifier(1, **params | {"early_stopping": True})
    known = {"classes": [0, 1, 2], "X_val": X[60:], "y_val": y[60:]}
    model.partial_fit(X[:60], y[:60], **known)
    temperature, weights = model.temperature_, model.member_weights_
    assert temperature != 1
    assert len(set(weights)) == 3
    model.partial_fit(X[:60], y[:60])
    assert model.temperature_ == temperature
    np.testing.assert_array_equal(model.member_weights_, weights)
    model.partial_fit(X[:60], y[:60], **known)
    assert model.temperature_ != temperature


def test_members_judged_by_the_rows_of_one_class_are_told_all_classes(blobs):
    X, y = blobs
    model = MixupClassifier(1, **STOPPING)
    own = {"X_val": X[y == 2], "y_val": y[y == 2]}
    with pytest.raises(ValueError, match=r"Validation rows .*2"):
        model.partial_fit(X[y < 2], y[y < 2], **own)
    model.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2], **own)
    assert model.validation_scores_.shape == (1, 1)


# Groups.


@given(
    times=st.lists(st.integers(1, 30), min_size=2, max_size=12),
    fraction=st.floats(0.02, 0.9),
    entropy=st.integers(0, 10**6),
    member=st.integers(0, 12),
    n_classes=st.integers(0, 3),
)
def test_a_group_never_stands_on_both_sides(
    times, fraction, entropy, member, n_classes
):
    order = np.random.default_rng(entropy).permutation(sum(times))
    groups = np.repeat(np.arange(len(times)), times)[order]
    strata = order % n_classes if n_classes else None
    mask = groups_held_out(groups, fraction, entropy, member, strata)
    assert 0 < mask.sum() < len(mask)
    assert not np.intersect1d(groups[mask], groups[~mask]).size


def test_members_hold_groups_out_in_turn():
    groups = np.repeat(np.arange(10), 7)
    masks = [groups_held_out(groups, 0.1, 5, member, None) for member in range(10)]
    np.testing.assert_array_equal(np.sum(masks, axis=0), 1)


@twins
@pytest.mark.parametrize("validation", [None, GroupKFold(3), GroupShuffleSplit(4)])
def test_groups_of_a_fit_are_kept_together(make, validation, data):
    X, y = data
    names = np.array(["anna", "bob", "cleo"])[np.arange(90) % 3]
    for groups in (GROUPS, names, list(names)):
        model = make(1, **STOPPING | {"n_estimators": 5}, validation=validation)
        runs = runs_of(model, X, y, groups=groups)
        held_out = set()
        for run in runs:
            training, validated = map(row_numbers, sides(run))
            assert not set(training) & set(validated)
            both = set(np.array(groups)[training]) & set(np.array(groups)[validated])
            assert not both
            held_out |= set(np.array(groups)[validated])
        assert len({len(run.training) for run in runs}) == 1
        assert len(held_out) > 1
        model.fit(X, y, groups=groups)


@twins
def test_rows_of_one_group_or_of_none_are_refused(make, data):
    X, y = data
    model = make(**STOPPING)
    with pytest.raises(ValueError, match="groups has one group only"):
        model.fit(X, y, groups=np.zeros(90))
    with pytest.raises(ValueError, match="groups has no value for 90 rows"):
        model.fit(X, y, groups=np.full(90, np.nan))
    with pytest.raises(ValueError, match="groups must have one value"):
        model.fit(X, y, groups=GROUPS[:-1])


# Splitters.


@twins
def test_members_take_turns_with_the_splits_the_last_first(make, data):
    X, y = data
    model = make(1, **STOPPING | {"n_estimators": 5}, validation=KFold(4))
    folds = [validation for _, validation in KFold(4).split(X)]
    runs = runs_of(model, X, y)
    for run, fold in zip(runs, [3, 2, 1, 0, 3], strict=True):
        np.testing.assert_array_equal(row_numbers(run.validation), folds[fold])


@twins
@pytest.mark.parametrize("n_estimators", [1, 4])
def test_a_splitter_by_time_never_validates_by_the_past(make, n_estimators, data):
    X, y = data
    params = STOPPING | {"n_estimators": n_estimators}
    runs = runs_of(make(1, **params, validation=TimeSeriesSplit(3)), X, y)
    for run in runs:
        assert row_numbers(run.training).max() < row_numbers(run.validation).min()
    assert row_numbers(runs[0].validation).max() == 89
    # Networks side by side take as many steps, with rows of their own splits.
    assert len({len(run.training) for run in runs}) == 1
    model = make(1, **params, validation=TimeSeriesSplit(3))
    if make is MixupClassifier:
        y = np.arange(90) % 3
    assert model.fit(X, y).validation_scores_.shape == (5, n_estimators)


@twins
def test_pairs_of_row_numbers_are_a_splitter(make, data):
    X, y = data
    pairs = list(KFold(3).split(X))
    masks = [tuple(np.isin(np.arange(90), side) for side in pair) for pair in pairs]
    fits = [
        make(1, **STOPPING, validation=each).fit(X, y)
        for each in (KFold(3), pairs, masks)
    ]
    for other in fits[1:]:
        assert_same_predictions(fits[0], other, X)


@twins
def test_rows_of_weight_0_are_in_no_split(make, data):
    X, y = data
    weights = (np.arange(90) % 3 > 0).astype(float)
    kept = weights > 0
    zero = make(1, **STOPPING, validation=KFold(3)).fit(X, y, weights)
    without = make(1, **STOPPING, validation=KFold(3)).fit(X[kept], y[kept])
    assert_same_predictions(zero, without, X, atol=1e-5)
    pairs = [(np.arange(60), np.arange(60, 90))]
    run = runs_of(make(1, **STOPPING, validation=pairs), X, y, weights)[0]
    np.testing.assert_array_equal(
        row_numbers(run.validation), np.flatnonzero(kept)[40:]
    )


FIXED = [(np.r_[0:60, 80:90], np.arange(60, 80))]
IS_HELD_OUT = (np.arange(90) >= 60) & (np.arange(90) < 80)
POSITIONS = {
    "list": FIXED,
    "check_cv": check_cv(FIXED),
    "PredefinedSplit": PredefinedSplit(np.where(IS_HELD_OUT, 0, -1)),
}


@twins
@pytest.mark.parametrize("kind", POSITIONS)
def test_row_numbers_are_those_of_x_whatever_has_weight(make, kind, data):
    X, y = data
    model = make(1, **STOPPING, validation=POSITIONS[kind])
    run = runs_of(model, X, y, np.arange(90) >= 30)[0]
    np.testing.assert_array_equal(row_numbers(run.validation), np.arange(60, 80))
    training = np.unique(row_numbers(run.training))
    np.testing.assert_array_equal(training, np.r_[30:60, 80:90])


@twins
def test_a_splitter_without_a_seed_has_the_estimators(make, data):
    X, y = data
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global generator
    splitter = ShuffleSplit(3)
    one, same, other = (
        make(1, **STOPPING | {"random_state": seed}, validation=splitter).fit(X, y)
        for seed in (0, 0, 1)
    )
    assert_same_predictions(one, same, X)
    assert (predicted(one, X) != predicted(other, X)).any()
    assert splitter.random_state is None
    now = np.random.get_state()[1]  # noqa: NPY002 - the global generator
    np.testing.assert_array_equal(now, state)


BAD_SPLITS = {
    "3 rows on both sides": [(np.arange(60), np.arange(57, 90))],
    "row numbers from 0 to 89": [(np.arange(60), np.arange(57, 99))],
    "needs? some": [(np.arange(60), np.arange(0))],
    "list of pairs": [np.arange(60)],
    "gave no split": [],
}


@twins
@pytest.mark.parametrize("message", BAD_SPLITS)
def test_bad_splits_are_refused(make, message, data):
    with pytest.raises(ValueError, match=message):
        make(**STOPPING, validation=BAD_SPLITS[message]).fit(*data)


# Pipelines, searches, many at once.


@twins
@pytest.mark.parametrize("search", [GridSearchCV, model_selection.GridSearchCV])
def test_validation_rows_reach_the_steps_of_a_search(make, search, data):
    X, y = data
    params = STOPPING | {"standardize": False}
    with config_context(enable_metadata_routing=True):
        model = make(1, **params).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        grid = {f"{type(model).__name__.lower()}__alpha": [0, 1]}
        found = search(pipeline, grid, cv=2, refit=True)
        found.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    scale = StandardScaler().fit(X[:60])
    alone = clone(model).set_params(**found.best_estimator_[-1].get_params())
    alone.fit(
        scale.transform(X[:60]),
        y[:60],
        X_val=scale.transform(X[60:]),
        y_val=y[60:],
    )
    assert_same_predictions(alone, found.best_estimator_[-1], X, atol=1e-5)


@pytest.mark.parametrize("search", [GridSearchCV, model_selection.GridSearchCV])
def test_groups_reach_the_splitter_and_the_networks(search, blobs):
    X, y = blobs
    seen = []

    class Recording(GroupKFold):
        def split(self, X, y=None, groups=None):
            seen.append(np.unique(groups))
            return super().split(X, y, groups)

    with config_context(enable_metadata_routing=True):
        model = MixupClassifier(1, **STOPPING, validation=Recording(2))
        model.set_fit_request(groups=True)
        found = search(model, {"alpha": [0, 1]}, cv=GroupKFold(3), refit=False)
        found.fit(X, y, groups=GROUPS)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert {len(groups) for groups in seen} == {6}, "two thirds of the groups"


@twins
def test_many_fits_have_validation_rows_of_their_own(make, data):
    X, y = data
    params = [
        {"X_val": X[60:], "y_val": y[60:]},
        {"groups": GROUPS[:60]},
        None,
        {"X_val": X[60:], "y_val": y[60:], "sample_weight_val": np.arange(30.0)},
    ]
    models = [make(alpha, **STOPPING) for alpha in (0, 1, 1, 1)]
    alone = [
        clone(model).fit(X[:60], y[:60], **own or {})
        for model, own in zip(models, params, strict=True)
    ]
    fit_many(models, [X[:60]] * 4, [y[:60]] * 4, fit_params=params)
    for one, other in zip(models, alone, strict=True):
        assert_same_predictions(one, other, X, atol=1e-4)
        np.testing.assert_allclose(
            one.validation_scores_, other.validation_scores_, atol=1e-4
        )


def with_gaps(X):
    gappy = X.copy()
    gappy[::3, 0] = np.nan
    return gappy


def last_validation_score(model, X, y):
    return model.validation_scores_[-1].mean()


@twins
def test_gaps_of_shared_validation_rows_are_filled_by_each_fit(make, data):
    X, y = data
    given = {"X_val": with_gaps(X[60:]), "y_val": y[60:]}
    tables = [X[:60], X[:60] + 100]
    alone = [make(1, **STOPPING).fit(own, y[:60], **given) for own in tables]
    together = [make(1, **STOPPING) for _ in tables]
    fit_many(together, tables, [y[:60]] * 2, fit_params=[given] * 2)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(
            one.validation_scores_, other.validation_scores_, rtol=1e-4
        )


@twins
def test_searches_fill_gaps_of_validation_rows_fold_by_fold(make, data):
    X, y = data
    given = {"X_val": with_gaps(X[60:]), "y_val": y[60:]}
    params = {"cv": KFold(3), "refit": False, "scoring": last_validation_score}
    scores = [
        search(make(1, **STOPPING), {"alpha": [0, 1]}, **params)
        .fit(X[:60] + 9 * (np.arange(60) < 20)[:, None], y[:60], **given)
        .cv_results_
        for search in (GridSearchCV, model_selection.GridSearchCV)
    ]
    for fold in range(3):
        key = f"split{fold}_test_score"
        np.testing.assert_allclose(scores[0][key], scores[1][key], rtol=1e-4)


@twins
def test_a_module_refuses_gaps_that_another_estimator_fills(make, data):
    X, y = data
    given = {"X_val": with_gaps(X[60:]), "y_val": y[60:]}
    module = {"module": torch.nn.Linear, "module_params": {"in_features": 4}}
    module["module_params"]["out_features"] = outputs_of(make)
    models = [make(1, **STOPPING), make(1, **STOPPING, **module)]
    with pytest.raises(ValueError, match="NaN"):
        fit_many(models, [X[:60]] * 2, [y[:60]] * 2, fit_params=[given] * 2)


def test_arguments_that_fit_does_not_take_are_refused(blobs):
    X, y = blobs
    with pytest.raises(TypeError, match="fit_params may hold groups"):
        fit_many([MixupClassifier(**PLAIN)], [X], [y], fit_params=[{"x_val": X}])
    with pytest.raises(ValueError, match="0 fit_params"):
        fit_many([MixupClassifier(**PLAIN)], [X], [y], fit_params=[])


@twins
@pytest.mark.parametrize("splitter", [GroupKFold(3), GroupShuffleSplit(2)])
def test_splitters_by_groups_ask_for_groups(make, splitter, data):
    model = make(validation=splitter, **STOPPING)
    with pytest.raises(ValueError, match=r"^validation=Group.* as groups=\.\.\."):
        model.fit(*data)
    model.fit(*data, groups=np.arange(90) // 10)


@twins
def test_splits_that_cannot_be_made_name_the_parameter(make, data):
    with pytest.raises(ValueError, match=r"^validation=KFold.* cannot split the rows"):
        make(validation=KFold(91), **STOPPING).fit(*data)


@twins
def test_a_class_is_no_splitter(make, data):
    with pytest.raises(TypeError, match=r"the class KFold: give KFold\(\.\.\.\)"):
        make(validation=KFold, **STOPPING).fit(*data)

"""The metric that decides on the best epoch."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.metrics import (
    accuracy_score,
    get_scorer,
    get_scorer_names,
    make_scorer,
    max_error,
    r2_score,
)

from sk_mixup import MixupClassifier, MixupRegressor, fit_many
from sk_mixup._training.scorer_checks import scores_numbers
from sk_mixup.model_selection import GridSearchCV
from tests.twins import (
    CONSTANT,
    TWINS,
    all_rows,
    assert_same_predictions,
    perceptron,
    predicted,
    target_scaling,
)

twins = pytest.mark.parametrize("make", TWINS)
STOPPING = CONSTANT | {"early_stopping": True, "max_epochs": 8, "lr": 0.02}
OF_CLASSES = ["accuracy", "f1", "roc_auc", "neg_log_loss", "rand_score"]
OF_NUMBERS = ["r2", "neg_mean_squared_error", "neg_mean_poisson_deviance"]
LOSSES = {MixupClassifier: "neg_log_loss", MixupRegressor: "neg_mean_squared_error"}


def own_rows(X, y, n_rows=60):
    return {"X_val": X[n_rows:], "y_val": y[n_rows:]}


@twins
@pytest.mark.parametrize("n_estimators", [1, 3])
def test_the_loss_as_a_scorer_is_the_loss(make, n_estimators, data):
    X, y = data
    params = STOPPING | {"n_estimators": n_estimators}
    default = make(1, **params).fit(X, y)
    scored = make(1, scoring=LOSSES[make], **params).fit(X, y)
    scale = 1 if make is MixupClassifier else 2 * target_scaling(default)[1] ** 2
    np.testing.assert_allclose(
        scored.validation_scores_, default.validation_scores_ * scale, rtol=1e-4
    )
    assert_same_predictions(scored, default, X)


FORMS = {
    "array": np.asarray,
    "frame": lambda X: pd.DataFrame(np.where(X > 3, np.nan, X), columns=list("abcd")),
    "sparse": sparse.csr_matrix,
}
SCORERS = ["r2", "neg_median_absolute_error", None]
CLASS_SCORERS = ["accuracy", "roc_auc_ovr", "f1_macro", "neg_brier_score", None]


@twins
@pytest.mark.parametrize("form", FORMS)
def test_the_best_epoch_has_the_score_of_the_fitted_estimator(make, form, data):
    X, y = data
    params = STOPPING | all_rows(make)
    if make is MixupClassifier:
        y = np.array(["ant", "bee", "cat"])[y]
    for scoring in CLASS_SCORERS if make is MixupClassifier else SCORERS:
        rows, own = FORMS[form](X[:60]), FORMS[form](X[60:])
        model = make(1, scoring=scoring, **params)
        model.fit(rows, y[:60], X_val=own, y_val=y[60:])
        score = model.score if scoring is None else get_scorer(scoring)
        given = (own, y[60:]) if scoring is None else (model, own, y[60:])
        np.testing.assert_allclose(
            model.validation_scores_.max(), score(*given), rtol=1e-5
        )
        best = model.validation_scores_.mean(axis=1).argmax() + 1
        short = make(1, **params | {"early_stopping": False, "max_epochs": int(best)})
        assert_same_predictions(model, short.fit(rows, y[:60]), rows)


@twins
def test_members_are_scored_on_the_rows_that_each_leaves_out(make, data):
    X, y = data
    seen = []

    def scorer(estimator, X, y):
        seen.append(X[:, 0])
        assert len(X) == len(y) == len(estimator.predict(X))
        return 0.0

    params = STOPPING | {"n_estimators": 3, "max_epochs": 1}
    make(1, scoring=scorer, **params).fit(X, y)
    assert len(seen) == 3
    assert len(np.unique(np.concatenate(seen))) == sum(map(len, seen))
    assert set(np.concatenate(seen)) <= set(X[:, 0])


@twins
def test_a_scorer_is_given_an_estimator_that_predicts_as_it_will(make, data):
    X, y = data
    kinds = set()

    def scorer(estimator, X, y):
        kinds.add(type(estimator))
        other = estimator.predict(np.array(X))
        np.testing.assert_array_equal(other, estimator.predict(X))
        if is_classifier(estimator):
            assert estimator.predict_proba(X).shape == (30, len(estimator.classes_))
            np.testing.assert_allclose(
                estimator.decision_function(X),
                np.log(estimator.predict_proba(X)),
                atol=1e-4,
            )
        return estimator.score(X, y)

    model = make(1, scoring=scorer, **STOPPING).fit(X[:60], y[:60], **own_rows(X, y))
    assert kinds == {make}
    assert not hasattr(model.net_, "session_")


@twins
def test_weights_reach_scorers_that_take_them(make, data):
    X, y = data
    got = []

    def weighted(estimator, X, y, sample_weight=None):
        got.append(sample_weight)
        return 1.0

    weights = np.arange(90) % 4.0
    params = STOPPING | {"max_epochs": 1}
    make(1, scoring=weighted, **params).fit(X, y, weights)
    make(1, scoring=weighted, **params).fit(
        X[:60], y[:60], **own_rows(X, y), sample_weight_val=weights[60:]
    )
    make(1, scoring=weighted, **params).fit(X[:60], y[:60], **own_rows(X, y))
    assert (got[0] > 0).all()
    np.testing.assert_array_equal(got[1], weights[60:][weights[60:] > 0])
    assert got[2] is None
    metric = accuracy_score if make is MixupClassifier else r2_score
    for scoring in (make_scorer(metric), make_scorer(max_error)):  # which takes none
        model = make(1, scoring=scoring, **params)
        model.fit(X[:60], y[:60], weights[:60], **own_rows(X, y))
        assert np.isfinite(model.validation_scores_).all()


@twins
def test_scores_that_are_never_numbers_are_refused(make, data):
    X, y = data
    model = make(1, **STOPPING).fit(X, y)
    before = predicted(model, X)
    model.set_params(scoring=lambda *given: np.nan, n_iter_no_change=3)
    with pytest.raises(
        ValueError, match="for 1 of 1 networks, so that none is the best"
    ):
        model.fit(X, y)
    np.testing.assert_array_equal(predicted(model, X), before)
    other = make(1, **STOPPING)
    errors = fit_many([clone(model), other], [X] * 2, [y] * 2, on_error="return")
    assert "scoring=" in str(errors[0])
    assert errors[1] is other


@twins
def test_a_network_that_is_never_scored_is_counted(make, data):
    """Early stopping goes by the mean, which is then no number."""
    X, y = data
    n_calls = iter(range(100))
    scores = [np.nan, 1.0, 2.0]
    model = make(1, scoring=lambda *given: scores[next(n_calls) % 3], **STOPPING)
    with pytest.raises(ValueError, match="for 1 of 3 networks"):
        model.set_params(n_estimators=3).fit(X, y)


@twins
def test_a_score_may_become_a_number_later(make, data):
    X, y = data
    n_calls = iter(range(100))
    scores = [np.nan, -np.inf, 1.0, 2.0, 0.0, np.nan, 1.0, 1.0]
    model = make(1, scoring=lambda *given: scores[next(n_calls)], **STOPPING)
    best = make(1, **STOPPING | {"early_stopping": False, "max_epochs": 4})
    best.set_params(**all_rows(make))
    rows = {"X_val": X[60:], "y_val": y[60:]}
    model.set_params(**all_rows(make)).fit(X[:60], y[:60], **rows)
    assert_same_predictions(model, best.fit(X[:60], y[:60]), X)
    flags = [epoch["valid_score_best"] for epoch in model.history_]
    assert flags == [False, False, True, True, False, False, False, False]


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc"])
@pytest.mark.filterwarnings("ignore:Only one class:UserWarning")
def test_validation_rows_that_lack_a_class_are_named(scoring, blobs):
    X, y = blobs[0], (blobs[1] > 0).astype(int)
    own = {"X_val": X[y == 1], "y_val": y[y == 1]}
    model = MixupClassifier(1, scoring=scoring, temperature=1.0, **STOPPING)
    with pytest.raises(ValueError, match=f"scoring='{scoring}' .*lack a class, hold"):
        model.fit(X, y, **own)
    assert not hasattr(model, "net_")
    model.set_params(scoring="loss").fit(X, y, **own)


@twins
@pytest.mark.parametrize("scoring", ["no_scorer", 3])
def test_unknown_scorers_are_refused(make, scoring, data):
    with pytest.raises(ValueError, match="scoring"):
        make(scoring=scoring, **STOPPING).fit(*data)


@twins
def test_a_slip_of_the_pen_is_answered_by_the_right_name(make, data):
    name = "accuracy" if make is MixupClassifier else "neg_max_error"
    slip = name.replace("r", "", 1)
    with pytest.raises(ValueError, match=f"did you mean '{name}'") as info:
        make(scoring=slip, **STOPPING).fit(*data)
    assert len(str(info.value)) < 300


@twins
@pytest.mark.parametrize("early_stopping", [False, True])
def test_scorers_of_the_other_twin_are_refused(make, early_stopping, data):
    """Such as r2 of class numbers, which scikit-learn computes."""
    wrong = OF_CLASSES if make is MixupRegressor else OF_NUMBERS
    for scoring in wrong:
        model = make(scoring=scoring, **STOPPING | {"early_stopping": early_stopping})
        with pytest.raises(ValueError, match=f"'{scoring}' scores .* choose a scorer"):
            model.fit(*data)


def test_all_scorers_of_real_targets_score_a_regressor(line):
    of_numbers = {name for name in get_scorer_names() if scores_numbers(name)}
    assert set(OF_NUMBERS) <= of_numbers
    assert not set(OF_CLASSES) & of_numbers
    X, y = line[0], np.abs(line[1]) + 1
    params = STOPPING | {"max_epochs": 1, "loss": "poisson"}
    models = [MixupRegressor(scoring=name, **params) for name in sorted(of_numbers)]
    fit_many(models, [X] * len(models), [y] * len(models))


@twins
def test_an_error_of_a_scorer_leaves_the_old_fit(make, data):
    X, y = data
    model = make(1, **STOPPING).fit(X, y)
    before = predicted(model, X)
    model.set_params(scoring=lambda *given: "good")
    with pytest.raises(ValueError, match="scoring must return one number"):
        model.fit(X, y)
    np.testing.assert_array_equal(predicted(model, X), before)


@twins
def test_a_module_is_scored_too(make, data):
    X, y = data
    outputs = 3 if make is MixupClassifier else 1
    params = STOPPING | {"module": perceptron, "module_params": {"n_outputs": outputs}}
    model = make(1, scoring=None, **params)
    model.fit(X[:60], y[:60], **own_rows(X, y))
    best = model.validation_scores_.max()
    np.testing.assert_allclose(best, model.score(X[60:], y[60:]), rtol=1e-5)


@twins
@pytest.mark.parametrize("gaps", [False, True])
def test_estimators_with_other_scorers_share_a_stack(make, gaps, data):
    X, y = data
    if gaps:  # which a scorer's rows have, and those of a stack no longer
        X = X.copy()
        X[::7, 1] = np.nan
    models = [make(1, **STOPPING, scoring=scoring) for scoring in ("loss", None)]
    alone = [make(1, **STOPPING, scoring=scoring) for scoring in ("loss", None)]
    fit_many(models, [X] * 2, [y] * 2)
    for one, other in zip(models, alone, strict=True):
        assert_same_predictions(one, other.fit(X, y), X, atol=1e-5)
        np.testing.assert_allclose(
            one.validation_scores_, other.validation_scores_, rtol=1e-4
        )
    assert "valid_score" in models[1].history_[0]


def test_a_search_may_choose_the_metric(blobs):
    search = GridSearchCV(
        MixupClassifier(1, **STOPPING), {"scoring": ["loss", "accuracy"]}, cv=2
    )
    search.fit(*blobs)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_multilabel_targets_are_scored(blobs):
    X, y = blobs
    labels = np.column_stack([y > 0, y > 1]).astype(int)
    model = MixupClassifier(1, scoring="f1_macro", temperature=1.0, **STOPPING)
    model.fit(X[:60], labels[:60], X_val=X[60:], y_val=labels[60:])
    score = get_scorer("f1_macro")(model, X[60:], labels[60:])
    np.testing.assert_allclose(model.validation_scores_.max(), score)


def test_real_targets_that_are_objects_are_scored_as_numbers(line):
    X, y = line
    params = STOPPING | {"scoring": "r2"}
    objects = np.array([Decimal(str(each)) for each in y], dtype=object)
    one, other = (MixupRegressor(**params).fit(X, own) for own in (y, objects))
    np.testing.assert_allclose(
        one.validation_scores_, other.validation_scores_, rtol=1e-4
    )

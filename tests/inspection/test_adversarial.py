"""Attacks keep to their ball, and errors are those on the examples they make."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, top_k_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from sk_mixup import MixupClassifier
from sk_mixup.inspection import adversarial_error, fgsm, iterated_fgsm
from tests.twins import PLAIN

QUICK = MixupClassifier(**PLAIN, temperature=1.0, max_epochs=10, random_state=0)


@settings(max_examples=30)
@given(
    epsilon=hs.floats(0, 5),
    n_iter=hs.integers(1, 5),
    step_size=hs.none() | hs.floats(0, 5),
)
def test_no_feature_leaves_the_ball(model, overlapping, epsilon, n_iter, step_size):
    X, y = overlapping
    scale = np.array([1.0, 10.0, 0.1, 1.0])
    attacked = iterated_fgsm(
        model, X, y, epsilon, n_iter, step_size=step_size, scale=scale
    )
    limit = epsilon * scale
    assert (np.abs(attacked - X) <= limit + 1e-12 * (limit + np.abs(X))).all()


def test_one_step_is_fgsm(model, overlapping):
    np.testing.assert_array_equal(
        iterated_fgsm(model, *overlapping, 0.3, n_iter=1),
        fgsm(model, *overlapping, 0.3),
    )


def test_attacks_raise_the_loss(model, overlapping):
    X, y = overlapping

    def loss(rows):
        return -np.log(model.predict_proba(rows)[np.arange(len(y)), y]).mean()

    once, often = fgsm(model, X, y, 0.5), iterated_fgsm(model, X, y, 0.5)
    assert loss(X) < loss(once) <= loss(often)


@pytest.mark.parametrize("method", ["fgsm", "iterated_fgsm"])
def test_no_change_gives_the_clean_error(method, model, overlapping):
    X, y = overlapping
    error = adversarial_error(model, X, y, 0, method=method)
    assert error == pytest.approx(1 - model.score(X, y))


@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("method", ["fgsm", "iterated_fgsm"])
def test_white_box_is_judged_on_its_own_examples(method, top_k, model, overlapping):
    X, y = overlapping
    examples = (fgsm if method == "fgsm" else iterated_fgsm)(model, X, y, 0.4)
    proba = model.predict_proba(examples)
    expected = 1 - top_k_accuracy_score(y, proba, k=top_k)
    error = adversarial_error(model, X, y, 0.4, method=method, top_k=top_k)
    assert error == pytest.approx(expected)


@pytest.mark.parametrize(
    "judge",
    [
        RandomForestClassifier(5, random_state=0),
        SVC(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, cv=2),
    ],
    ids=lambda judge: type(judge).__name__,
)
def test_black_box_is_judged_on_the_examples_of_its_source(judge, model, overlapping):
    X, y = overlapping
    judge.fit(X, y)
    examples = fgsm(model, X, y, 0.4)
    error = adversarial_error(judge, X, y, 0.4, source=model)
    assert error == pytest.approx(1 - judge.score(examples, y))
    top_2 = adversarial_error(judge, X, y, 0.4, source=model, top_k=2)
    assert top_2 <= error


def test_pipelines_are_attacked_behind_their_first_steps(overlapping):
    X, y = overlapping
    source = make_pipeline(StandardScaler(), QUICK).fit(X, y)
    judge = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    rows = StandardScaler().fit_transform(X)
    examples = fgsm(source, X, y, 0.4)
    assert np.abs(examples - rows).max() == pytest.approx(0.4, rel=1e-5)
    for estimator in (source, judge):
        expected = 1 - accuracy_score(y, estimator[-1].predict(examples))
        found = adversarial_error(estimator, X, y, 0.4, source=source)
        assert found == pytest.approx(expected)


def test_black_box_must_see_the_rows_that_its_source_sees(overlapping):
    X, y = overlapping
    source = make_pipeline(StandardScaler(), QUICK).fit(X, y)
    for other in (MinMaxScaler(), FunctionTransformer(lambda X: X[:, :2])):
        judge = make_pipeline(other, LogisticRegression()).fit(X, y)
        with pytest.raises(ValueError, match="see different rows"):
            adversarial_error(judge, X, y, 0.1, source=source)


def test_frames_and_names_of_classes(frame):
    X, y = frame
    X = X.set_index(np.arange(len(X))[::-1])
    model = MixupClassifier(max_epochs=10, random_state=0).fit(X, y)
    examples = iterated_fgsm(model, X, y, 0.2)
    assert examples.columns.equals(X.columns)
    assert examples.index.equals(X.index)
    error = adversarial_error(model, X, y, 0.2, method="iterated_fgsm")
    assert error == pytest.approx(1 - model.score(examples, y))


def test_columns_in_another_order_are_refused(frame):
    X, y = frame
    model = MixupClassifier(max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="feature names"):
        fgsm(model, X[X.columns[::-1]], y, 0.1)


def test_unknown_labels(model, overlapping):
    X, y = overlapping
    with pytest.raises(ValueError, match=r"labels \[7 8\]"):
        fgsm(model, X, np.where(y == 2, 7, y + 6 * (y == 1) + y), 0.1)


@pytest.mark.parametrize("epsilon", [-0.1, np.nan, np.inf])
def test_bad_epsilon(epsilon, model, overlapping):
    with pytest.raises(ValueError, match="epsilon must be finite and at least 0"):
        fgsm(model, *overlapping, epsilon)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("method", "pgd"), ("n_iter", 0), ("top_k", 0), ("top_k", 3), ("scale", 0)],
)
def test_bad_argument(argument, value, model, overlapping):
    arguments = {"method": "iterated_fgsm", argument: value}
    with pytest.raises(ValueError, match=argument):
        adversarial_error(model, *overlapping, 0.1, **arguments)


def test_wrong_number_of_features(model, overlapping):
    X, y = overlapping
    with pytest.raises(ValueError, match="3 features"):
        fgsm(model, X[:, :3], y, 0.1, scale=1.0)

"""The classifier: labels, probabilities, class weights, several labels a row."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_mixup import MixupClassifier
from tests.twins import CONSTANT, SMALL

LONGER = {**SMALL, "max_epochs": 30, "lr": 0.01}


@pytest.fixture
def labelled():
    """X (90, 5) and indicators of three labels, (90, 3)."""
    return make_multilabel_classification(
        90, n_features=5, n_classes=3, allow_unlabeled=True, random_state=0
    )


# Labels.


@pytest.mark.parametrize(
    "labels",
    [
        ["ant", "bee", "cat"],
        [-3, 7, 100],
        [0.0, 1.0, 2.0],
        np.array(["x", "yy", "zzz"], dtype=object),
        pd.Categorical(["low", "mid", "high"]),
    ],
    ids=str,
)
def test_labels_of_every_kind_come_back(labels, blobs):
    X, codes = blobs
    y = labels[codes] if hasattr(labels, "dtype") else np.array(labels)[codes]
    model = MixupClassifier(**LONGER).fit(X, y)
    expected = np.unique(np.asarray(y))
    np.testing.assert_array_equal(model.classes_, expected)
    assert set(model.predict(X)) == set(expected)
    assert model.score(X, np.asarray(y)) > 0.8


@pytest.mark.parametrize("names", [[False, True], ["no", "yes"], [0, 1]])
def test_two_classes_have_two_probabilities(names, blobs):
    X, y = blobs[0], np.array(names)[(blobs[1] > 0).astype(int)]
    model = MixupClassifier(**LONGER).fit(X, y)
    assert model.predict_proba(X).shape == (90, 2)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) > 0.8


def test_labels_only_name_the_classes(blobs):
    X, y = blobs
    numbers = MixupClassifier(1, **SMALL).fit(X, y)
    words = MixupClassifier(1, **SMALL).fit(X, np.array(["a", "b", "c"])[y])
    np.testing.assert_array_equal(numbers.predict_proba(X), words.predict_proba(X))


def test_lists_and_series_of_labels_are_taken(frame):
    X, y = frame
    expected = MixupClassifier(**SMALL).fit(X, y).predict_proba(X)
    for kind in (list, pd.Series):
        model = MixupClassifier(**SMALL).fit(X, kind(y))
        np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 50])
@pytest.mark.parametrize("pairing", ["random", "same_class", "same_class_neighbors"])
def test_any_number_of_classes_is_learnt(n_classes, pairing, rng):
    X, y = rng.normal(size=(150, 4)), np.arange(150) % n_classes
    model = MixupClassifier(1, pairing=pairing, **SMALL).fit(X, y)
    proba = model.predict_proba(X)
    assert proba.shape == (150, n_classes)
    assert proba.dtype == np.float32
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), proba.argmax(axis=1))


@pytest.mark.parametrize("alpha", [0, 0.4, 1])
def test_iris_is_learnt(alpha):
    X, y = load_iris(return_X_y=True)
    model = MixupClassifier(alpha, random_state=0, max_epochs=50)
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9


# Vicinities.


@pytest.mark.parametrize("pairing", ["same_class", "same_class_neighbors"])
def test_partners_of_ones_class_leave_the_label_hard(pairing, blobs):
    """Both kinds of target are then the same."""
    one, other = (
        MixupClassifier(1, pairing=pairing, mix_target=target, **SMALL)
        .fit(*blobs)
        .predict_proba(blobs[0])
        for target in ("interpolate", "dominant")
    )
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_mixing_within_the_class_differs_from_mixing_at_random(blobs):
    one, other = (
        MixupClassifier(1, pairing=pairing, **SMALL).fit(*blobs).predict_proba(blobs[0])
        for pairing in ("same_class", "random")
    )
    assert (abs(one - other) > 1e-3).any()


def test_smoothing_limits_confidence(blobs):
    X, y = blobs
    params = {**LONGER, "max_epochs": 100, "temperature": 1.0}
    plain, smooth = (
        MixupClassifier(0, label_smoothing=s, **params).fit(X, y).predict_proba(X)
        for s in (0.0, 0.3)
    )
    assert plain.max() > 0.99
    assert np.quantile(smooth.max(axis=1), 0.9) < 0.9


def test_mixing_limits_confidence(blobs):
    X, y = blobs
    params = {**LONGER, "max_epochs": 100, "temperature": 1.0}
    entropy = [
        log_loss(proba.argmax(1), proba)
        for alpha in (0, 0.4, np.inf)
        for proba in [MixupClassifier(alpha, **params).fit(X, y).predict_proba(X)]
    ]
    assert entropy == sorted(entropy)


TABLE_5 = {  # the methods of arXiv 1710.09412, Table 5
    "ERM": {"alpha": 0},
    "mixup, AC + RP": {"alpha": 1},
    "mixup, AC + KNN": {"alpha": 1, "pairing": "neighbors"},
    "mixed latent representations": {"alpha": 1, "mix_layer": 1},
    "inputs only, SC + KNN (SMOTE)": {
        "alpha": 1,
        "pairing": "same_class_neighbors",
        "mix_target": "dominant",
    },
    "inputs only, AC + KNN": {
        "alpha": 1,
        "pairing": "neighbors",
        "mix_target": "dominant",
    },
    "inputs only, SC + RP": {
        "alpha": 1,
        "pairing": "same_class",
        "mix_target": "dominant",
    },
    "inputs only, AC + RP": {"alpha": 1, "mix_target": "dominant"},
    "label smoothing": {"alpha": 0, "label_smoothing": 0.1},
    "inputs only + label smoothing": {
        "alpha": 1,
        "mix_target": "dominant",
        "label_smoothing": 0.1,
    },
    "Gaussian noise": {"alpha": 0, "noise_std": 0.1},
}


@pytest.mark.parametrize("method", TABLE_5)
def test_each_method_of_table_5_is_one_line(method, blobs):
    model = MixupClassifier(**TABLE_5[method], **LONGER, temperature=1.0).fit(*blobs)
    assert model.score(*blobs) > 0.8


def test_the_methods_of_table_5_are_all_different(blobs):
    probas = [
        MixupClassifier(**params, **SMALL).fit(*blobs).predict_proba(blobs[0])
        for params in TABLE_5.values()
    ]
    assert len(np.unique(np.stack(probas), axis=0)) == 11


def test_log_probabilities_are_those_of_the_probabilities(blobs):
    model = MixupClassifier(**SMALL).fit(*blobs)
    logarithms = model.predict_log_proba(blobs[0])
    np.testing.assert_array_equal(logarithms, np.log(model.predict_proba(blobs[0])))


# Weights of classes.

# Nothing tells these rows apart, so a class's probability is its share of the weights.
alike, halves = np.zeros((60, 1)), np.arange(60) % 2
UNHURRIED = SMALL | {"hidden_layer_sizes": (), "lr": 0.05, "temperature": 1.0}


@pytest.mark.parametrize("class_weight", [{0: 1, 1: 5, 2: 0.5}, "balanced"])
@pytest.mark.parametrize("weighted_rows", [False, True])
def test_class_weight_multiplies_into_the_rows(class_weight, weighted_rows, blobs, rng):
    X, y = blobs[0][:80], blobs[1][:80]
    rows = rng.random(80) if weighted_rows else None
    factors = [1, 5, 0.5]
    if class_weight == "balanced":
        factors = 1 / np.bincount(y, rows)
    product = np.take(factors, y) * (1 if rows is None else rows)
    one = MixupClassifier(1, class_weight=class_weight, **SMALL).fit(X, y, rows)
    other = MixupClassifier(1, **SMALL).fit(X, y, product)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_balanced_classes_take_no_notice_of_rows_without_weight(blobs):
    X, y = blobs
    weights = np.where((y == 1) & (np.arange(len(y)) % 3 > 0), 0, 1)
    kept = weights > 0
    one, other = (
        MixupClassifier(1, class_weight="balanced", **SMALL).fit(*data)
        for data in ((X, y, weights), (X[kept], y[kept]))
    )
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_balanced_classes_count_a_row_by_its_weight(blobs):
    X, y = blobs
    twice = np.where(y == 1, 2, 1)
    whole = {"class_weight": "balanced", "temperature": 1.0, "batch_size": 200}
    one, other = (
        MixupClassifier(0, **SMALL | whole).fit(*data)
        for data in ((X, y, twice), (X.repeat(twice, axis=0), y.repeat(twice)))
    )
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-5)


def test_training_goes_on_from_balanced_classes_with_weights_of_the_same_size(blobs):
    common = {**UNHURRIED, "optimizer": "sgd", "max_epochs": 1}
    balanced = MixupClassifier(0, class_weight="balanced", **common).fit(*blobs)
    ones = MixupClassifier(0, class_weight=dict.fromkeys(range(3), 1), **common)
    balanced.set_params(class_weight=ones.class_weight).partial_fit(*blobs)
    ones.fit(*blobs).partial_fit(*blobs)  # the blobs are balanced as they are
    np.testing.assert_allclose(balanced.loss_curve_, ones.loss_curve_, rtol=1e-5)


def test_classes_cannot_be_balanced_by_some_of_the_rows(blobs):
    model = MixupClassifier(class_weight="balanced", **SMALL)
    with pytest.raises(ValueError, match="'balanced' needs all rows, of which"):
        model.partial_fit(*blobs)


def test_class_weight_names_the_labels(frame):
    X, y = frame
    weight = {"ant": 1, "bee": 5, "cat": 0.5}
    model = MixupClassifier(class_weight=weight, **SMALL).fit(X, y)
    rows = np.array([weight[label] for label in y])
    other = MixupClassifier(**SMALL).fit(X, y, rows)
    np.testing.assert_allclose(
        model.predict_proba(X), other.predict_proba(X), atol=1e-6
    )


def test_a_heavy_class_is_predicted_more_often(blobs):
    often, seldom = (
        (MixupClassifier(class_weight=w, **LONGER).fit(*blobs).predict(blobs[0]) == 0)
        for w in ({0: 20, 1: 1, 2: 1}, {0: 0.05, 1: 1, 2: 1})
    )
    assert often.sum() > 30 > seldom.sum()


# Several labels a row.


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("mix_layer", ["input", 1])
def test_several_labels_are_learnt(kind, mix_layer, labelled):
    X, y = labelled
    params = {**LONGER, "max_epochs": 100, "mix_layer": mix_layer, "lr": 0.03}
    model = MixupClassifier(0.1, **params).fit(X, kind(y))
    proba = model.predict_proba(X)
    assert proba.shape == (90, 3)
    np.testing.assert_array_equal(model.predict(X), proba > 0.5)
    assert (model.predict(X) == y).mean() > 0.8
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


def test_several_labels_are_trained_by_binary_cross_entropy(labelled):
    X, y = labelled
    model = MixupClassifier(0, **SMALL, lr=1e-30, temperature=1.0).fit(X, y)
    proba = model.predict_proba(X).astype(float)
    expected = sum(log_loss(y[:, k], proba[:, k]) for k in range(3))
    np.testing.assert_allclose(model.loss_curve_, expected, rtol=1e-5)


def test_one_label_alone_is_a_linear_logistic_regression(labelled):
    """Without hidden layers labels do not see each other."""
    X, y = labelled
    params = {**CONSTANT, "hidden_layer_sizes": (), "max_epochs": 400, "lr": 0.05}
    params |= {"batch_size": 90, "temperature": 1.0}
    both = MixupClassifier(0, weight_decay=0.01, **params).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    for label in range(3):
        alone = LogisticRegression(C=1 / 0.9).fit(scaled, y[:, label])
        np.testing.assert_allclose(
            both.predict_proba(X)[:, label],
            alone.predict_proba(scaled)[:, 1],
            atol=0.02,
        )


@pytest.mark.parametrize(
    "params",
    [
        {"pairing": "same_class"},
        {"pairing": "same_class_neighbors"},
        {"pairing": "balanced"},
        {"label_smoothing": 0.1, "mix_target": "dominant"},
        {"n_estimators": 2, "early_stopping": True},
    ],
)
def test_several_labels_are_mixed_in_every_way(params, labelled):
    X, y = labelled
    model = MixupClassifier(1, **SMALL | params).fit(X, y)
    assert model.predict(X).shape == (90, 3)
    assert model.to_torch()(torch.from_numpy(X).float()).shape == (90, 3)


def test_a_row_of_several_labels_may_be_weighted_and_added(labelled):
    X, y = labelled
    model = MixupClassifier(**CONSTANT).partial_fit(X[:50], y[:50])
    model.partial_fit(X[50:], y[50:], sample_weight=np.arange(40))
    assert len(model.loss_curve_) == 2


# Going on with classes.


def test_classes_may_be_announced(blobs):
    X, y = blobs
    model = MixupClassifier(**CONSTANT)
    model.partial_fit(X[y < 2], y[y < 2], classes=[3, 2, 1, 0])
    np.testing.assert_array_equal(model.classes_, [0, 1, 2, 3])
    model.partial_fit(X, y).partial_fit(X, y, classes=[0, 1, 2, 3])
    assert model.predict_proba(X).shape == (90, 4)
    assert not hasattr(model, "_announced")


def test_label_columns_are_announced_by_their_numbers(labelled):
    X, indicators = labelled
    numbers = range(indicators.shape[1])
    model = MixupClassifier(**CONSTANT).partial_fit(X, indicators, classes=numbers)
    model.partial_fit(X, indicators, classes=numbers)
    assert len(model.loss_curve_) == 2
    with pytest.raises(ValueError, match="label columns, whose classes are their num"):
        MixupClassifier(**CONSTANT).partial_fit(X, indicators, classes=["a", "b"])


def test_labels_are_numbered_among_the_announced_ones(blobs):
    X, y = blobs
    few = MixupClassifier(**CONSTANT, lr=0.05)
    for _ in range(20):
        few.partial_fit(X[y > 0], 2 * y[y > 0] + 1, classes=[0, 1, 3, 4, 5])
    proba = few.predict_proba(X[y > 0])
    assert few.score(X[y > 0], 2 * y[y > 0] + 1) > 0.8
    assert proba[:, [0, 1, 3]].max() < proba[:, [2, 4]].max()


# Bad input.


def refuse(message, model, X, y, weights=None):
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, weights)
    assert vars(model) == before


def test_a_single_class_is_refused(blobs):
    refuse(
        "at least 2 classes, but y has 1 class", MixupClassifier(), blobs[0], [1] * 90
    )


def test_real_targets_are_refused(blobs):
    refuse("Unknown label type", MixupClassifier(), blobs[0], blobs[0][:, 0])


def test_several_classes_a_row_are_refused(blobs):
    y = np.column_stack([blobs[1], blobs[1]])
    refuse("1d array", MixupClassifier(), blobs[0], y)


@pytest.mark.parametrize(("batch_size", "max_epochs"), [(1, 10), (7, 60), (60, 400)])
def test_weights_count_across_minibatches(batch_size, max_epochs):
    times = {"batch_size": batch_size, "max_epochs": max_epochs}
    model = MixupClassifier(0, lr_schedule="cosine", **UNHURRIED | times)
    model.fit(alike, halves, np.where(halves == 1, 9, 1))
    np.testing.assert_allclose(model.predict_proba(alike[:1]), [[0.1, 0.9]], atol=0.02)


def test_a_minibatch_of_one_class_keeps_its_weight():
    model = MixupClassifier(0, class_weight={1: 9}, **UNHURRIED | {"lr": 0.01})
    for step in range(200):
        rows = halves == step % 2
        model.partial_fit(alike[rows], halves[rows], classes=[0, 1])
    np.testing.assert_allclose(model.predict_proba(alike[:1]), [[0.1, 0.9]], atol=0.03)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_weights_may_be_the_largest_numbers(class_weight, blobs):
    X, y = blobs
    large, plain = (
        MixupClassifier(class_weight=class_weight, **SMALL).fit(X, y, weights)
        for weights in (np.full(len(y), 1e307), np.ones(len(y)))
    )
    np.testing.assert_array_equal(large.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({0: -1, 1: 1, 2: 1}, "no negative weights"),
        ({0: np.nan, 1: 1, 2: 1}, "class_weight must hold"),
        ({0: 0, 1: 0, 2: 0}, "Every row has the weight 0"),
        ({"ant": 1}, "names labels that are not among the classes"),
        ("even", "'class_weight' parameter"),
    ],
)
def test_bad_class_weights_are_refused(class_weight, message, blobs):
    refuse(message, MixupClassifier(class_weight=class_weight), *blobs)


def test_weights_of_several_labels_are_refused(labelled):
    refuse(
        "not defined for multilabel",
        MixupClassifier(class_weight="balanced"),
        *labelled,
    )


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0, np.nan])
def test_smoothing_outside_0_to_1_is_refused(label_smoothing, blobs):
    model = MixupClassifier(label_smoothing=label_smoothing)
    refuse(r"'label_smoothing' parameter.*\[0.0, 1.0\)", model, *blobs)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"mix_target": "both"}, "'mix_target' parameter.*'dominant'"),
        (
            {"pairing": "similar"},
            r"\['random', 'same_class', 'neighbors', 'same_class_n",
        ),
    ],
)
def test_unknown_names_list_the_known_ones(params, message, blobs):
    refuse(message, MixupClassifier(**params), *blobs)


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        (
            [0, 1, 2, 3, 4],
            None,
            r"labels \[3 4\] that are not among the classes \[0 1 2\]",
        ),
        ([0, 1, 2, 0, 1], [0, 1], r"classes=\[0 1\] are not those of the first call"),
        (np.eye(5, dtype=int), None, "5 label columns, but .* the classes"),
    ],
)
def test_unseen_labels_are_refused_later(y, classes, message, blobs):
    model = MixupClassifier(**CONSTANT).partial_fit(*blobs)
    before = model.predict_proba(blobs[0])
    with pytest.raises(ValueError, match=message):
        model.partial_fit(blobs[0][:5], y, classes=classes)
    np.testing.assert_array_equal(model.predict_proba(blobs[0]), before)


def test_labels_that_were_not_announced_are_refused(blobs):
    model = MixupClassifier(**CONSTANT)
    with pytest.raises(ValueError, match=r"labels \[2\] that are not among"):
        model.partial_fit(*blobs, classes=[0, 1])
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "_announced")


def test_one_label_a_row_is_refused_after_several(labelled):
    X, y = labelled
    model = MixupClassifier(**CONSTANT).partial_fit(X, y)
    with pytest.raises(ValueError, match="trained on 3 label columns"):
        model.partial_fit(X, y[:, 0])


def test_one_output_for_two_classes_is_too_few(blobs):
    model = MixupClassifier(module=lambda: nn.Linear(4, 1), **SMALL)
    refuse(r"\(2, 1\), but \(2, 2\) is needed", model, blobs[0], blobs[1] > 0)

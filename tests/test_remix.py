"""Remix: labels of the rarer class where a larger one has little weight."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.base import clone

from sk_mixup import MixupClassifier, fit_many
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import DenseTable
from sk_mixup._data.targets import Classes
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._training.epoch_draw import EpochDraw
from sk_mixup._training.minibatches import Minibatches, Plan, draw_rows
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.remix import Remix
from sk_mixup._training.run import Run
from sk_mixup.vicinity import Balanced, TrainingRows
from tests.twins import SMALL, assert_same_predictions

CPU = torch.device("cpu")
FEW = {**SMALL, "mix_target": "remix", "alpha": 1, "weights_per": "example"}


def by_the_paper(lam, n_i, n_j, kappa, tau):
    """Return the weight of label i as the paper states it, case by case."""
    if n_i / n_j >= kappa and lam < tau:
        return 0
    if n_i / n_j <= 1 / kappa and 1 - lam < tau:
        return 1
    return lam


@given(
    lam=st.floats(0, 1),
    n_i=st.integers(1, 100),
    n_j=st.integers(1, 100),
    kappa=st.sampled_from([1.5, 3, 10]),
    tau=st.sampled_from([0, 0.3, 0.5, 1]),
)
@example(lam=0.4, n_i=30, n_j=10, kappa=3, tau=0.5)
@example(lam=0.6, n_i=10, n_j=30, kappa=3, tau=0.5)
def test_the_label_is_the_paper_s(lam, n_i, n_j, kappa, tau):
    weights = np.array([[lam, 1 - lam]])
    label = Remix(kappa, tau).target_weights(weights, np.array([[n_i, n_j]]))
    expected = by_the_paper(lam, n_i, n_j, kappa, tau)
    np.testing.assert_allclose(label, [[expected, 1 - expected]], atol=1e-12)


@given(lam=st.floats(0, 1), n_i=st.integers(1, 100), n_j=st.integers(1, 100))
def test_the_order_of_the_rows_does_not_matter(lam, n_i, n_j):
    weights, sizes = np.array([[lam, 1 - lam]]), np.array([[n_i, n_j]])
    one = Remix().target_weights(weights, sizes)
    other = Remix().target_weights(weights[:, ::-1], sizes[:, ::-1])
    np.testing.assert_array_equal(one, other[:, ::-1])


def make_run(y, rule="interpolate", row_weights=None, per="example"):
    X = np.zeros((len(y), 2), dtype=np.float32)
    weights = None if row_weights is None else torch.tensor(row_weights)
    targets = Classes(torch.from_numpy(y), 3)
    training = RowSubset(DenseTable(X, CPU), targets, None, weights)
    vicinity = Vicinity(Balanced(), alpha=1.0, weights_per=per, mix_target=rule)
    draw = vicinity.pairing.fit(TrainingRows(lambda: X, y))
    return Run(training, vicinity, draw, Streams(3, 0))


@pytest.mark.parametrize("row_weights", [None, "of the rare class"])
@pytest.mark.parametrize("per", ["batch", "example"])
def test_minibatches_have_the_labels_of_the_rule(per, row_weights):
    """Classes are as large as the weight of their rows."""
    y = np.repeat([0, 1, 2], [24, 6, 2])
    own = np.ones(32) if row_weights is None else np.where(y == 2, 12.0, 1.0)
    sizes = np.bincount(y, own)
    given_weights = None if row_weights is None else own.astype(np.float32)
    plan = Plan(batch_size=8, max_epochs=1)
    standardize = Standardize(torch.zeros(1, 1, 2), torch.ones(1, 1, 2))
    run = make_run(y, Remix(), given_weights, per)
    minibatches = Minibatches([run], plan, standardize)
    labels = torch.cat(
        [
            batch.targets[0]
            for block in EpochDraw(minibatches, 0).blocks()
            for batch in block.steps()
        ]
    )
    numbers, weights = draw_rows(make_run(y), run.vicinity, 8)
    if len(weights) < len(y):
        weights = weights.repeat(8, axis=0)
    for label, (i, j), (lam, _) in zip(labels, numbers, weights, strict=True):
        share = by_the_paper(lam, sizes[y[i]], sizes[y[j]], 3.0, 0.5)
        expected = (
            share * own[i] * np.eye(3)[y[i]] + (1 - share) * own[j] * np.eye(3)[y[j]]
        )
        np.testing.assert_allclose(label, expected / expected.sum(), atol=1e-6)


def test_classes_of_one_size_are_mixed_as_ever(blobs):
    one, other = (
        MixupClassifier(**{**FEW, "mix_target": rule}).fit(*blobs)
        for rule in ("remix", "interpolate")
    )
    assert_same_predictions(one, other, blobs[0])


@pytest.fixture
def unequal(blobs):
    X, y = blobs
    kept = np.flatnonzero((y < 2) | (np.arange(90) % 10 == 0))
    return X[kept], y[kept]


def test_remix_predicts_rare_classes_more_often(unequal):
    X, y = unequal
    params = {**FEW, "max_epochs": 60, "lr": 0.01}
    rare = [
        MixupClassifier(**{**params, "mix_target": rule}).fit(X, y).predict_proba(X)
        for rule in ("remix", "interpolate")
    ]
    assert rare[0][:, 2].mean() > 1.1 * rare[1][:, 2].mean()


def test_balanced_classes_leave_nothing_to_remix(unequal):
    """A class is as large as its rows weigh, by class_weight too."""
    one, other = (
        MixupClassifier(
            **{**FEW, "mix_target": rule}, class_weight="balanced", temperature=1.0
        ).fit(*unequal)
        for rule in ("remix", "interpolate")
    )
    assert_same_predictions(one, other, unequal[0], atol=1e-6)


def test_fits_at_once_follow_each_its_own_rule(unequal):
    X, y = unequal
    models = [
        MixupClassifier(**FEW),
        MixupClassifier(**FEW, kappa=30.0),
        MixupClassifier(**FEW, tau=0.1),
        MixupClassifier(**{**FEW, "mix_target": "dominant"}),
        MixupClassifier(**{**FEW, "alpha": 0}),
    ]
    fit_many(models, [X] * 5, [y] * 5)
    for model in models:
        assert_same_predictions(model, clone(model).fit(X, y), X, atol=1e-5)


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"n_mixed": 3}, np.tile([0, 1, 2], 30), "a rule for two rows"),
        ({}, np.eye(3, dtype=int)[np.tile([0, 1], 45)], "not defined for multilabel"),
        ({"kappa": 0.5}, np.tile([0, 1, 2], 30), "'kappa' parameter"),
        ({"tau": 1.5}, np.tile([0, 1, 2], 30), "'tau' parameter"),
    ],
)
@pytest.mark.filterwarnings("ignore:Each row of y has 1:UserWarning")
def test_what_the_rule_does_not_cover_is_refused(params, y, message, blobs):
    model = MixupClassifier(**{**FEW, **params})
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(blobs[0], y)
    assert vars(model) == before

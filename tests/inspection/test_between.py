"""What is found between rows equals a loop over the pairs."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sk_mixup import MixupClassifier
from sk_mixup.inspection import BetweenExamplesDisplay, between_examples
from sk_mixup.inspection._between import _draw_pairs
from sk_mixup.inspection._subject import private_generator

LAMS = [0, 0.3, 0.5, 1]


@pytest.mark.parametrize("gradient_of", ["log_proba", "proba"])
def test_equals_brute_force(gradient_of, model, overlapping):
    X, y = overlapping
    pairs = list(zip(*_draw_pairs(90, 20, private_generator(3)), strict=True))
    module = model.to_torch()
    units = X.std(axis=0)

    def outputs(x):
        proba = module(x.unsqueeze(0)).squeeze(0)
        return proba.log() if gradient_of == "log_proba" else proba

    found = between_examples(
        model, X, y, lams=LAMS, n_pairs=20, gradient_of=gradient_of, random_state=3
    )
    for place, lam in enumerate(LAMS):
        missed, norms = 0, []
        for i, j in pairs:
            x = lam * X[i] + (1 - lam) * X[j]
            missed += model.predict(x[None])[0] not in (y[i], y[j])
            x = torch.tensor(x, dtype=torch.float32)
            jacobian = torch.autograd.functional.jacobian(outputs, x)
            norms.append(np.linalg.norm(jacobian.numpy() * units))
        assert found.miss_rate[place] == pytest.approx(missed / 20)
        assert found.gradient_norm[place] == pytest.approx(np.mean(norms), rel=1e-3)


def test_pairs_are_uniform_over_different_rows():
    first, second = _draw_pairs(5, 100_000, np.random.default_rng(0))
    counts = np.zeros((5, 5))
    np.add.at(counts, (first, second), 1)
    assert np.trace(counts) == 0
    off_diagonal = counts[~np.eye(5, dtype=bool)]
    deviation = np.sqrt(100_000 / 20)
    assert np.abs(off_diagonal - 100_000 / 20).max() < 5 * deviation


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(3),
        GaussianNB(),
        SVC(),
        make_pipeline(StandardScaler(), SVC()),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
def test_any_classifier_frames_and_names_of_classes(classifier, frame):
    X, y = frame
    classifier.fit(X, y)
    found = between_examples(classifier, X, y, n_pairs=30, random_state=0)
    assert ((found.miss_rate >= 0) & (found.miss_rate <= 1)).all()
    assert np.isnan(found.gradient_norm).all()


def test_missing_values_are_left_to_the_classifier(overlapping):
    X, y = overlapping
    X = np.where(np.arange(X.size).reshape(X.shape) % 7 == 0, np.nan, X)
    classifier = HistGradientBoostingClassifier(max_iter=3).fit(X, y)
    assert np.isfinite(between_examples(classifier, X, y, n_pairs=30).miss_rate).all()


def test_categories_are_mixed_as_the_last_step_sees_them():
    X = pd.DataFrame({"animal": ["ant", "bee", "cat"] * 10})
    y = X["animal"].str.upper()
    classifier = make_pipeline(
        OneHotEncoder(sparse_output=True), KNeighborsClassifier(1)
    ).fit(X, y)
    found = between_examples(classifier, X, y, lams=[0, 0.4, 1], random_state=0)
    np.testing.assert_array_equal(found.miss_rate, 0)


def test_one_who_memorises_never_misses_at_the_ends(overlapping):
    X, y = overlapping
    classifier = KNeighborsClassifier(1).fit(X, y)
    found = between_examples(classifier, X, y, lams=[0, 1], random_state=0)
    np.testing.assert_array_equal(found.miss_rate, 0)


def test_a_constant_prediction_misses_everywhere_alike(overlapping):
    X, y = overlapping
    classifier = DummyClassifier(strategy="constant", constant=2).fit(X, y)
    found = between_examples(classifier, X, y, n_pairs=20_000, random_state=0)
    expected = (60 * 59) / (90 * 89)
    assert np.ptp(found.miss_rate) == 0
    assert found.miss_rate[0] == pytest.approx(expected, abs=0.02)


def test_default_places_and_the_frame_of_the_result(model, overlapping):
    frame = pd.DataFrame(between_examples(model, *overlapping, n_pairs=5))
    assert list(frame) == ["lam", "miss_rate", "gradient_norm"]
    np.testing.assert_allclose(frame["lam"], np.arange(11) / 10)


def test_same_seed_same_pairs_another_seed_others(model, overlapping):
    norms = [
        between_examples(
            model, *overlapping, n_pairs=5, random_state=seed
        ).gradient_norm
        for seed in (0, np.random.RandomState(0), 1)
    ]
    np.testing.assert_array_equal(norms[0], norms[1])
    assert (norms[0] != norms[2]).all()


def test_norms_do_not_depend_on_the_unit_of_a_feature(overlapping):
    X, y = overlapping
    norms = []
    for factor in (1.0, 1000.0):
        model = MixupClassifier(max_epochs=5, random_state=0).fit(X * factor, y)
        result = between_examples(model, X * factor, y, n_pairs=50, random_state=0)
        norms.append(result.gradient_norm)
    np.testing.assert_allclose(*norms, rtol=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"lams": [0.5, 1.1]},
        {"lams": [-0.1]},
        {"lams": [np.nan]},
        {"lams": []},
        {"lams": [[0.5]]},
        {"n_pairs": 0},
        {"gradient_of": "logits"},
        {"scale": 0},
    ],
    ids=str,
)
def test_bad_argument(arguments, model, overlapping):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        between_examples(model, *overlapping, **arguments)


def test_one_row_has_no_pair(model, overlapping):
    X, y = overlapping
    with pytest.raises(ValueError, match="at least 2 rows"):
        between_examples(model, X[:1], y[:1])


@pytest.mark.parametrize("kind", ["miss_rate", "gradient_norm"])
def test_display_draws_what_was_computed(kind, model, overlapping):
    arguments = {"lams": LAMS, "n_pairs": 20, "random_state": 0}
    result = between_examples(model, *overlapping, **arguments)
    display = BetweenExamplesDisplay.from_estimator(
        model, *overlapping, kind=kind, color="red", **arguments
    )
    np.testing.assert_array_equal(
        display.line_.get_xydata(), np.column_stack([LAMS, result[kind]])
    )
    assert display.line_.get_color() == "red"
    assert display.line_.get_label() == "MixupClassifier"
    assert display.line_ in display.ax_.lines
    assert display.ax_.figure is display.figure_


def test_two_displays_share_their_axes(model, overlapping):
    arguments = {"lams": LAMS, "n_pairs": 5}
    first = BetweenExamplesDisplay.from_estimator(
        model, *overlapping, name="one", **arguments
    )
    second = BetweenExamplesDisplay.from_estimator(
        model, *overlapping, name="two", ax=first.ax_, **arguments
    )
    assert second.plot(first.ax_, name="three") is second
    texts = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert texts == ["one", "two", "three"]


def test_a_higher_curve_is_not_cut_off():
    axes = None
    for height in (0.1, 1.0, 0.5):
        display = BetweenExamplesDisplay(
            lam=np.array([0.0, 1.0]),
            miss_rate=np.array([0.0, height]),
            gradient_norm=np.full(2, np.nan),
        ).plot(axes)
        axes = display.ax_
    bottom, top = axes.get_ylim()
    assert bottom == 0
    assert top > 1


def test_display_without_gradients(overlapping):
    classifier = GaussianNB().fit(*overlapping)
    with pytest.raises(ValueError, match="no gradient norms"):
        BetweenExamplesDisplay.from_estimator(
            classifier, *overlapping, kind="gradient_norm"
        )
    with pytest.raises(ValueError, match="kind must be one of"):
        BetweenExamplesDisplay.from_estimator(classifier, *overlapping, kind="norm")

"""Learning curves are those that the estimator kept."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.inspection import HistoryDisplay


def drawn(display):
    return [line.get_ydata() for line in display.lines_]


def labels(display):
    return [line.get_label() for line in display.lines_]


def test_training_loss(model):
    display = HistoryDisplay.from_estimator(model, color="red")
    np.testing.assert_array_equal(drawn(display), [model.loss_curve_])
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), np.arange(1, 21))
    assert labels(display) == ["MixupClassifier: train loss"]
    assert display.lines_[0].get_color() == "red"
    assert display.ax_.figure is display.figure_


def test_validation_loss_and_error(overlapping):
    model = MixupClassifier(early_stopping=True, max_epochs=5, random_state=0)
    model.fit(*overlapping)
    display = HistoryDisplay.from_estimator(model)
    valid = -model.validation_scores_.mean(axis=1)
    np.testing.assert_allclose(drawn(display), [model.loss_curve_, valid], rtol=1e-6)
    assert display.plot(display.ax_, quantity="error", name="second") is display
    assert labels(display) == ["second: valid error"]
    np.testing.assert_array_equal(
        drawn(display), [[epoch["valid_error"] for epoch in model.history_]]
    )


def test_inside_of_searches_and_pipelines(line):
    X, y = line
    model = MixupRegressor(max_epochs=2, early_stopping=False)
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {"mixupregressor__alpha": [0, 1]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    display = HistoryDisplay.from_estimator(search)
    np.testing.assert_array_equal(
        drawn(display), [search.best_estimator_[-1].loss_curve_]
    )


def test_perceptrons_of_scikit_learn(overlapping):
    perceptron = MLPClassifier(tol=1e9, n_iter_no_change=3, random_state=0)
    perceptron.fit(*overlapping)
    display = HistoryDisplay.from_estimator(perceptron)
    np.testing.assert_array_equal(drawn(display), [perceptron.loss_curve_])


class Recorded(BaseEstimator):
    """An estimator that is born fitted."""

    history_ = (
        {"epoch": 1, "train_loss": 2.0, "batches": [], "valid_loss_best": True},
        {"epoch": 2, "train_loss": 1.0, "valid_loss": 3.0, "train_batch_count": 7},
    )

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True


def test_figures_that_some_epochs_lack():
    display = HistoryDisplay.from_estimator(Recorded())
    assert list(display.curves) == ["train_loss", "valid_loss"]
    np.testing.assert_array_equal(drawn(display), [[2, 1], [np.nan, 3]])


def test_a_training_without_a_whole_epoch_has_nothing_to_draw(overlapping):
    model = MixupClassifier(time_limit=1e-9).fit(*overlapping)
    with pytest.raises(ValueError, match="no epoch was finished"):
        HistoryDisplay.from_estimator(model)


def test_nothing_to_draw(model, overlapping):
    with pytest.raises(ValueError, match=r"no 'accuracy'; it has \['train_loss'"):
        HistoryDisplay.from_estimator(model, quantity="accuracy")
    with pytest.raises(TypeError, match="GaussianNB has no history_"):
        HistoryDisplay.from_estimator(GaussianNB().fit(*overlapping))

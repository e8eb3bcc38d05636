"""Inspection leaves what it looks at, and the world around it, as they were."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.pipeline import Pipeline
from skorch import NeuralNetClassifier
from torch import nn

from sk_mixup import MixupClassifier, inspection
from sk_mixup.inspection import (
    BetweenExamplesDisplay,
    HistoryDisplay,
    ReliabilityDisplay,
    adversarial_error,
    between_examples,
    fgsm,
    iterated_fgsm,
    loss_gradient,
    memorization_error,
)


def memorization(model, X, y):
    return memorization_error(model, X, y, y, np.zeros(len(y), dtype=bool))


PROBES = [
    between_examples,
    loss_gradient,
    lambda model, X, y: fgsm(model, X, y, 0.1),
    lambda model, X, y: iterated_fgsm(model, X, y, 0.1),
    lambda model, X, y: adversarial_error(model, X, y, 0.1, top_k=2),
    memorization,
    BetweenExamplesDisplay.from_estimator,
    ReliabilityDisplay.from_estimator,
    lambda model, X, y: HistoryDisplay.from_estimator(model),
]


def noisy_module():
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)
    )


def state(module):
    """List all that a probe could change in a module."""
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    flags = [part.training for part in module.modules()]
    needs = [parameter.requires_grad for parameter in module.parameters()]
    gradients = [parameter.grad.clone() for parameter in module.parameters()]
    return weights, flags, needs, gradients


def world():
    """List the global states that a probe could change."""
    numpy_state = np.random.get_state()  # noqa: NPY002 - what others may rely on
    return torch.get_rng_state(), numpy_state[1].copy(), torch.is_grad_enabled()


def assert_same(before, after):
    torch.testing.assert_close(before, after, rtol=0, atol=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("module", [None, noisy_module])
@pytest.mark.parametrize("probe", PROBES)
def test_nothing_is_changed(probe, module, training, overlapping, fitted):
    model = fitted[module]
    model.net_.module_.train(training)
    before = state(model.net_.module_), world()
    probe(model, *overlapping)
    after = state(model.net_.module_), world()
    assert_same(before, after)


@pytest.fixture(scope="module")
def fitted(overlapping):
    """The package's perceptron and a user's module, with gradients left over."""
    models = {}
    for module in (None, noisy_module):
        model = MixupClassifier(module=module, max_epochs=2, random_state=0)
        models[module] = model.fit(*overlapping)
        for parameter in model.net_.module_.parameters():
            parameter.grad = torch.ones_like(parameter)
    return models


@pytest.mark.parametrize("probe", PROBES)
def test_what_is_not_fitted_is_refused(probe, overlapping):
    with pytest.raises(NotFittedError):
        probe(MixupClassifier(), *overlapping)


def test_sparse_rows_are_looked_at_as_dense_ones(model, overlapping):
    X, y = overlapping
    np.testing.assert_array_equal(
        fgsm(model, sparse.csr_array(X), y, 0.1), fgsm(model, X, y, 0.1)
    )


def test_single_precision_stays_single(overlapping):
    X, y = overlapping[0].astype(np.float32), overlapping[1]
    source = MixupClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert fgsm(source, X, y, 0.1).dtype == np.float32
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))
    net = NeuralNetClassifier(module, max_epochs=2, verbose=0).fit(X, y)
    assert between_examples(net, X, y, n_pairs=5).miss_rate.max() <= 1
    assert adversarial_error(net, X, y, 0.1, source=source) <= 1
    assert len(HistoryDisplay.from_estimator(net, quantity="acc").lines_) == 1


def test_lists_are_rows_too(model, overlapping):
    X, y = overlapping
    lists = X.tolist(), y.tolist()
    np.testing.assert_array_equal(fgsm(model, *lists, 0.1), fgsm(model, X, y, 0.1))
    found = between_examples(model, *lists, n_pairs=5, random_state=0)
    expected = between_examples(model, X, y, n_pairs=5, random_state=0)
    np.testing.assert_array_equal(found.miss_rate, expected.miss_rate)


def test_pipeline_of_one_step_is_that_step(model, overlapping):
    X, y = overlapping
    alone = Pipeline([("model", model)])
    np.testing.assert_array_equal(fgsm(alone, X, y, 0.1), fgsm(model, X, y, 0.1))


def test_matplotlib_is_needed_for_drawing_alone(model, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.setitem(sys.modules, name, None)
    for file in Path(inspection.__file__).parent.glob("*.py"):
        runpy.run_path(str(file))
    with pytest.raises(ImportError, match=r"HistoryDisplay.plot requires matplotlib"):
        HistoryDisplay.from_estimator(model)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_surfaces_are_drawn_by_scikit_learn(n_classes, frame):
    X, y = frame
    kept = np.isin(y, np.unique(y)[:n_classes])
    X = X.loc[kept, ["width", "height"]]
    model = MixupClassifier(max_epochs=2, random_state=0).fit(X, y[kept])
    display = DecisionBoundaryDisplay.from_estimator(
        model,
        X,
        response_method="predict_proba",
        plot_method="pcolormesh",
        grid_resolution=5,
    )
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    proba = model.predict_proba(X.iloc[:0].reindex(range(25)).fillna(0) + grid)
    expected = proba[:, 1] if n_classes == 2 else proba
    np.testing.assert_allclose(display.response.reshape(expected.shape), expected)

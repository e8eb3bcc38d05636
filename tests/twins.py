"""What the tests of both estimators share."""

import numpy as np
from sklearn.base import is_classifier
from torch import nn

from sk_mixup import MixupClassifier, MixupRegressor

TWINS = [MixupClassifier, MixupRegressor]
# A single network, each of whose epochs is like the others, whatever the defaults are.
PLAIN = {
    "n_estimators": 1,
    "dropout": 0.0,
    "clip": None,
    "encoding": "standardized",
    "bias_init": "uniform",
    "ema_halflife": 0.0,
    "warmup_epochs": 0,
    "clean_epochs": 0,
    "early_stopping": False,
}
SMALL = {
    **PLAIN,
    "hidden_layer_sizes": (8, 6),
    "max_epochs": 3,
    "batch_size": 16,
    "random_state": 0,
}
CONSTANT = {**SMALL, "lr_schedule": "constant"}


def all_rows(make):
    """Let no row be left out for the temperature, which only classifiers have."""
    return {"temperature": 1.0} if make is MixupClassifier else {}


def target_scaling(model):
    """Return the mean and the deviation by which the targets were standardised."""
    moments = model._fitted.target_moments
    return moments.mean, moments.deviation


def predicted(model, X):
    """Return probabilities, or predictions in deviations of the targets."""
    if is_classifier(model):
        return model.predict_proba(X)
    return model.predict(X) / target_scaling(model)[1]


def assert_same_predictions(one, other, X, atol=0):
    np.testing.assert_allclose(
        predicted(one, X), predicted(other, X), rtol=0, atol=atol
    )


def label(params):
    """Name parameters for a test's id, which must be the same in every process."""
    named = {k: getattr(v, "__name__", v) for k, v in params.items()}
    return ", ".join(f"{k}={v}" for k, v in named.items()) or "defaults"


def outputs_of(make):
    """Return how many outputs a module needs for the data of the tests."""
    return 3 if make is MixupClassifier else 1


def complete(make, params):
    """Give a module as many outputs as the estimator needs."""
    if "module" in params:
        own = params.get("module_params", {})
        return {**params, "module_params": {**own, "n_outputs": outputs_of(make)}}
    return params


def perceptron(n_features=4, n_outputs=3, dropout=0.0):
    return nn.Sequential(
        nn.Linear(n_features, 6),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(6, n_outputs),
    )


def linear(n_outputs):
    return nn.Sequential(nn.Linear(4, 5), nn.Linear(5, n_outputs))


# Parameters under which much is drawn.
DRAWING = [
    {},
    {"dropout": 0.3, "noise_std": 0.2, "weights_per": "example"},
    {"mix_layer": "random", "n_mixed": 3},
    {"pairing": "neighbors", "early_stopping": True, "n_estimators": 2},
    {"encoding": ("bins", "standardized"), "n_estimators": 2},
    {"module": perceptron},
]

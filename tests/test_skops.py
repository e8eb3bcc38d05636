"""Fitted estimators are stored by skops, which runs no code when it reads."""

import copy

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mixup import MixupClassifier
from sk_mixup.vicinity import Neighbors
from tests.twins import SMALL, TWINS, all_rows, assert_same_predictions

sio = pytest.importorskip("skops.io")

#: Besides the package's own classes: what a net of skorch's is made of.
KNOWN = ("sk_mixup.", "skorch.", "torch.optim.", "torch.utils.data.", "builtins.print")


def stored(model):
    """Write a model down and read it again, trusting no more than is needed."""
    written = sio.dumps(model)
    types = sio.get_untrusted_types(data=written)
    assert all(name.startswith(KNOWN) for name in types), types
    return sio.loads(written, trusted=types)


PARAMS = [
    {},
    {"n_estimators": 3, "early_stopping": True, "clip": 3.0, "dropout": 0.1},
    {"pairing": Neighbors(5), "optimizer": "sgd", "lr_schedule": "cosine"},
    {"lr_schedule": "step", "lr_milestones": [1, 0.9]},
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("make", TWINS)
def test_a_stored_model_predicts_and_goes_on(make, params, data):
    X, y = data
    model = make(**SMALL | all_rows(make) | params, warm_start=True).fit(X, y)
    again = stored(model)
    assert_same_predictions(again, model, X)
    assert list(again.history_) == list(model.history_)
    assert again.get_params() == model.get_params()
    for each in (model, again):
        each.partial_fit(X, y).fit(X, y)
    assert_same_predictions(again, model, X)
    assert again.loss_curve_ == model.loss_curve_


def test_labels_and_steps_are_stored(frame):
    X, y = frame
    model = make_pipeline(StandardScaler(), MixupClassifier(**SMALL)).fit(X, y)
    again = stored(model)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_several_labels_are_stored(blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL).fit(X, np.eye(3, dtype=int)[y][:, :2])
    assert_same_predictions(stored(model), model, X)


@pytest.mark.parametrize("make", TWINS)
def test_weights_and_moments_are_stored_once(make, data):
    wide = {"hidden_layer_sizes": (256, 256), "n_estimators": 2}
    model = make(**SMALL | wide).fit(*data)
    weights = model.net_.module_.body.theta.nbytes
    small = len(sio.dumps(make(**SMALL | {"n_estimators": 2}).fit(*data)))
    assert len(sio.dumps(model)) < small + 1.1 * 3 * weights
    assert len(sio.dumps(copy.deepcopy(model))) < small + 1.1 * 3 * weights

"""What predicts is what was fitted, not what parameters say by now."""

import numpy as np
import pytest
import torch
from torch import nn

from sk_mixup import MixupClassifier
from sk_mixup.inspection import between_examples, fgsm, loss_gradient
from tests.twins import SMALL, TWINS, complete, perceptron

KINDS = [{}, {"n_estimators": 2, "standardize": False}, {"module": perceptron}]


def answers(model, X):
    """Return all that a fitted estimator says of some rows."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    told = [getattr(model, name)(X) for name in methods if hasattr(model, name)]
    return [*told, model.to_torch()(torch.from_numpy(X).float()).numpy()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", TWINS)
def test_predictions_do_not_look_at_parameters(make, kind, data):
    X, y = data
    model = make(**SMALL | complete(make, kind)).fit(X, y)
    before = answers(model, X)
    model.set_params(**dict.fromkeys(model.get_params(deep=False), object()))
    for then, now in zip(before, answers(model, X), strict=True):
        np.testing.assert_array_equal(now, then)


def test_multilabel_predictions_do_not_look_at_parameters(blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL).fit(X, np.eye(3, dtype=int)[y][:, :2])
    before = answers(model, X)
    model.set_params(**dict.fromkeys(model.get_params(deep=False), object()))
    for then, now in zip(before, answers(model, X), strict=True):
        np.testing.assert_array_equal(now, then)


def test_inspection_does_not_look_at_parameters(blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL).fit(X, y)

    def inspected():
        between = between_examples(model, X, y, n_pairs=20, random_state=0)
        gradient = loss_gradient(model, X, y)
        return [*between.values(), gradient, fgsm(model, X, y, epsilon=0.1)]

    before = inspected()
    model.set_params(**dict.fromkeys(model.get_params(deep=False), object()))
    for then, now in zip(before, inspected(), strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("make", TWINS)
def test_the_shape_of_rows_is_that_of_the_fit(make, data):
    X, y = data
    images = X.reshape(-1, 2, 2)
    params = {"module": flat, "module_params": {"n_outputs": 3}}
    params["module_params"]["n_outputs"] = 3 if make is MixupClassifier else 1
    model = make(**SMALL, **params).fit(images, y).set_params(module=None)
    assert len(model.predict(images)) == 90
    plain = make(**SMALL).fit(X, y).set_params(module=flat)
    with pytest.raises(ValueError, match="dim 3"):
        plain.predict(images)


def flat(n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, n_outputs))


# What may not change while training goes on.


ADAM = {"optimizer": "adam"}
LONG = np.arange(10_000.0)


def scaled(scale, n_outputs):
    return nn.Sequential(nn.Linear(4, n_outputs))


SAME = [
    ("optimizer_params", {"eps": 1e-8}, {"eps": np.float64(1e-8)}),
    ("optimizer_params", {"betas": (0.9, 0.99)}, {"betas": [0.9, 0.99]}),
    ("module_params", {"scale": LONG}, {"scale": LONG.copy()}),
    ("module_params", {"scale": float("nan")}, {"scale": np.nan}),
]


@pytest.mark.parametrize(("name", "first", "then"), SAME, ids=range(len(SAME)))
@pytest.mark.parametrize("make", TWINS)
def test_parameters_of_one_value_are_no_change(make, name, first, then, data):
    first, then = (
        {**ADAM, **_with_module(make, {name: each})} for each in (first, then)
    )
    model = make(**SMALL | first, warm_start=True).partial_fit(*data)
    assert model.set_params(**then).fit(*data).partial_fit(*data) is model


@pytest.mark.parametrize("how", ["in place", "anew"])
@pytest.mark.parametrize("make", TWINS)
def test_a_change_in_the_middle_of_an_array_is_seen(make, how, data):
    scale = LONG.copy()
    params = _with_module(make, {"module_params": {"scale": scale}})
    model = make(**SMALL | params).partial_fit(*data)
    if how == "anew":
        params = _with_module(make, {"module_params": {"scale": scale.copy()}})
        model.set_params(**params)
    model.module_params["scale"][5000] = -1
    with pytest.raises(ValueError, match="module_params cannot change"):
        model.partial_fit(*data)


def _with_module(make, params):
    if "module_params" not in params:
        return params
    n_outputs = 3 if make is MixupClassifier else 1
    own = {**params["module_params"], "n_outputs": n_outputs}
    return {"module": scaled, "module_params": own}

"""SHAP explains exported networks."""

import numpy as np
import pytest
import torch
from torch import nn

from sk_mixup import MixupClassifier
from tests.twins import SMALL, TWINS

shap = pytest.importorskip("shap")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # SHAP's, of modules that are linear
    pytest.mark.parametrize("make", TWINS),
]


@pytest.fixture
def smooth_clip_known(monkeypatch):
    from shap.explainers._deep import deep_pytorch

    rule = deep_pytorch.nonlinear_1d
    monkeypatch.setitem(deep_pytorch.op_handler, "SmoothClip", rule)


def exported(make, data, **params):
    module = make(**SMALL | {"n_estimators": 3} | params).fit(*data).to_torch()
    rows = torch.from_numpy(data[0]).float()
    if make is MixupClassifier:
        return module, rows
    return nn.Sequential(module, nn.Unflatten(0, (-1, 1))), rows


def assert_sums(make, data, clip):
    module, rows = exported(make, data, clip=clip)
    values = shap.DeepExplainer(module, rows[:50]).shap_values(rows[50:60])
    difference = module(rows[50:60]) - module(rows[:50]).mean(0)
    np.testing.assert_allclose(values.sum(1), difference, rtol=1e-3, atol=1e-4)


def test_deep_values_sum_to_the_prediction(make, data):
    assert_sums(make, data, clip=None)


@pytest.mark.usefixtures("smooth_clip_known")
def test_deep_values_of_clipped_features_do_so_by_the_rule_in_the_guide(make, data):
    assert_sums(make, data, clip=3.0)


def test_gradients_are_explained(make, data):
    module, rows = exported(make, data)
    explainer = shap.GradientExplainer(module, rows[:50])
    values = explainer.shap_values(rows[50:52], nsamples=10, rseed=0)
    assert values.shape == (2, 4, 3 if make is MixupClassifier else 1)

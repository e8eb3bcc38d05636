"""Convolutional networks take arrays of any size, and are trained as any module is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.convnets import VGG11, LeNet, PreActResNet18, SmallConvNet
from sk_mixup import MixupClassifier, MixupRegressor

NETWORKS = [SmallConvNet, PreActResNet18, LeNet, VGG11]


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 8, 8), (3, 9, 33)], ids=str)
@pytest.mark.parametrize("network", NETWORKS)
def test_arrays_of_any_size_make_logits(network, shape):
    made = network(shape, 4, width=2)
    assert all(part.training for part in made.modules())
    logits = made(torch.randn(5, *shape))
    assert logits.shape == (5, 4)
    logits.sum().backward()
    assert all(weight.grad is not None for weight in made.parameters())


def test_rows_do_not_move_each_other_in_prediction():
    X = torch.randn(6, 1, 8, 8)
    for network in NETWORKS:
        made = network((1, 8, 8), 3, width=2).eval()
        alone = torch.cat([made(row[None]) for row in X])
        torch.testing.assert_close(made(X), alone, rtol=1e-4, atol=1e-5)


def test_the_resnet_has_eighteen_layers_and_the_vgg_ten():
    for made, number in (
        (PreActResNet18((3, 8, 8), 2, 2), 18),
        (VGG11((3, 8, 8), 2, 2), 10),
    ):
        weighted = [
            part
            for part in made.modules()
            if isinstance(part, torch.nn.Linear | torch.nn.Conv2d)
            and getattr(part, "kernel_size", 0) != (1, 1)  # of short cuts
        ]
        assert len(weighted) == number


@pytest.mark.parametrize("make", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_estimators_train_them_in_steps(make, network):
    X = np.random.default_rng(0).normal(size=(30, 1, 4, 4)).astype(np.float32)
    y = np.arange(30) % 2
    n_outputs = 2 if make is MixupClassifier else 1
    own = {"shape": (1, 4, 4), "n_outputs": n_outputs, "width": 2}
    recipe = {"optimizer": "sgd", "lr": 0.01, "lr_schedule": "step", "max_epochs": 4}
    model = make.paper(1.0, **recipe, module=network, module_params=own, random_state=0)
    model.fit(X, y)
    assert model.net_.optimizer_.param_groups[0]["lr"] == pytest.approx(0.0001)
    assert np.isfinite(model.predict(X)).all()

"""Optimisers without torch's compiler are torch's own."""

import subprocess
import sys

import pytest
import torch

from sk_mixup._training.light_optimizers import LIGHT

FIT = """
import pickle, sys
from sk_mixup import MixupRegressor
for optimizer in "adam", "adamw", "nadam", "rmsprop", "sgd":
    model = MixupRegressor(max_epochs=2, optimizer=optimizer, lr_schedule="cosine")
    model.fit([[0.0], [1.0]] * 20, [0.0, 1.0] * 20)
    pickle.loads(pickle.dumps(model)).partial_fit([[2.0]], [2.0]).predict([[0.5]])
print("torch._dynamo" in sys.modules)
"""


def test_no_compiler_is_imported_to_fit_pickle_and_go_on():
    run = [sys.executable, "-c", FIT]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("torchs", LIGHT, ids=lambda own: own.__name__)
def test_steps_and_states_are_those_of_torch(torchs):
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3)) for _ in "ab"]
    both = zip((torchs, LIGHT[torchs]), weights, strict=True)
    optimizers = [own([weight], lr=0.1, weight_decay=0.1) for own, weight in both]
    for _ in range(3):
        for weight, optimizer in zip(weights, optimizers, strict=True):
            weight.grad = weight.detach().square()
            optimizer.step()
            optimizer.load_state_dict(optimizer.state_dict())
    assert torch.equal(*weights)
    kept, light = (optimizer.state_dict() for optimizer in optimizers)
    torch.testing.assert_close(light["state"], kept["state"], rtol=0, atol=0)
    assert light["param_groups"] == kept["param_groups"]


@pytest.mark.parametrize("light", LIGHT.values(), ids=lambda own: own.__name__)
def test_hooks_of_torch_are_called(light):
    weight, calls = torch.nn.Parameter(torch.ones(1)), []
    optimizer = light([weight], lr=0.1)
    optimizer.register_step_post_hook(lambda *args: calls.append(args))
    weight.grad = torch.ones(1)
    optimizer.step()
    assert len(calls) == 1

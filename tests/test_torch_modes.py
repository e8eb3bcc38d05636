"""Modes of torch that a user has set make no difference and are put back."""

import pickle
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from sk_mixup import MixupClassifier, fit_many
from sk_mixup._networks.torch_modes import own_modes, precision
from sk_mixup.inspection import fgsm, loss_gradient
from sk_mixup.model_selection import GridSearchCV, cross_validate
from tests.twins import (
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    complete,
    perceptron,
    predicted,
)


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def no_gradients():
    torch.set_grad_enabled(False)
    try:
        yield
    finally:
        torch.set_grad_enabled(True)


MODES = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "set_grad_enabled": no_gradients,
    "half": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "meta": lambda: default_device("meta"),
    "meta inside": lambda: torch.device("meta"),
    "cpu": lambda: default_device("cpu"),
}
PRECISIONS = {**MODES, "double": lambda: default_dtype(torch.float64)}
KINDS = [{}, {"n_estimators": 2, "early_stopping": True}, {"module": perceptron}]

each_kind = pytest.mark.parametrize("kind", KINDS)
each_twin = pytest.mark.parametrize("make", TWINS)


def modes_now():
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
    )


@each_kind
@pytest.mark.parametrize("mode", MODES)
@each_twin
def test_a_fit_does_not_see_modes(make, mode, kind, data):
    params = SMALL | complete(make, kind)
    plain = make(**params).fit(*data)
    with MODES[mode]():
        before = modes_now()
        model = make(**params).fit(*data)
        assert modes_now() == before
    assert_same_predictions(model, plain, data[0])


@each_kind
@pytest.mark.parametrize("mode", PRECISIONS)
@each_twin
def test_going_on_does_not_see_modes(make, mode, kind, data):
    params = SMALL | complete(make, kind) | {"warm_start": True}
    plain, model = (make(**params).fit(*data) for _ in "ab")
    plain.partial_fit(*data).fit(*data)
    with PRECISIONS[mode]():
        model.partial_fit(*data)
        model = pickle.loads(pickle.dumps(model)).fit(*data)
    assert_same_predictions(model, plain, data[0])


@each_kind
@pytest.mark.parametrize("mode", PRECISIONS)
@each_twin
def test_predictions_do_not_see_modes(make, mode, kind, data):
    X, _ = data
    model = make(**SMALL | complete(make, kind)).fit(*data)
    before = predicted(model, X)
    with PRECISIONS[mode]():
        now = predicted(model, X)
    assert now.dtype == before.dtype
    np.testing.assert_array_equal(now, before)


@each_kind
@pytest.mark.parametrize("mode", PRECISIONS)
@each_twin
def test_to_torch_does_not_see_modes(make, mode, kind, data):
    model = make(**SMALL | complete(make, kind)).fit(*data)
    rows = torch.from_numpy(data[0]).float()
    before = model.to_torch()(rows)
    with PRECISIONS[mode]():
        module = model.to_torch()
    outputs = module(rows.requires_grad_())
    assert torch.equal(outputs, before)
    outputs.sum().backward()


@pytest.mark.parametrize("mode", MODES)
def test_modes_do_not_reach_many_fits_nor_searches(mode, blobs):
    X, y = blobs
    grid = {"alpha": [0, 1]}

    def fitted():
        many = fit_many([MixupClassifier(a, **SMALL) for a in (0, 1)], [X] * 2, [y] * 2)
        search = GridSearchCV(MixupClassifier(**SMALL), grid, cv=2).fit(X, y)
        scores = cross_validate(MixupClassifier(**SMALL), X, y, cv=2)["test_score"]
        proba = [model.predict_proba(X) for model in many]
        return [*proba, search.cv_results_["mean_test_score"], scores]

    plain = fitted()
    with MODES[mode]():
        for now, then in zip(fitted(), plain, strict=True):
            np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("mode", PRECISIONS)
def test_inspection_does_not_see_modes(mode, blobs):
    model = MixupClassifier(**SMALL).fit(*blobs)
    plain = loss_gradient(model, *blobs), fgsm(model, *blobs, epsilon=0.1)
    with PRECISIONS[mode]():
        now = loss_gradient(model, *blobs), fgsm(model, *blobs, epsilon=0.1)
    np.testing.assert_array_equal(now, plain)


@pytest.mark.parametrize("mode", PRECISIONS)
@each_twin
def test_modes_are_put_back_after_an_error(make, mode, data):
    with PRECISIONS[mode]():
        before = modes_now()
        with pytest.raises(ValueError, match="infinity"):
            make(**SMALL).fit(data[0] + np.inf, data[1])
        assert modes_now() == before


@pytest.mark.parametrize("first", [0, 1])
def test_of_those_that_overlap_the_last_restores_the_precision(first):
    stacks = ExitStack(), ExitStack()
    with default_dtype(torch.float16):
        for stack in stacks:
            stack.enter_context(own_modes())
        stacks[first].close()
        assert torch.get_default_dtype() == torch.float32
        stacks[1 - first].close()
        assert torch.get_default_dtype() == torch.float16


def test_what_is_lent_inside_gives_back_what_was_lent_outside():
    """A callback may read or export a model of another precision."""
    with default_dtype(torch.float16):
        with own_modes(torch.float64):
            with own_modes(torch.float32):
                assert torch.get_default_dtype() == torch.float32
            assert torch.get_default_dtype() == torch.float64
            assert precision() == torch.float32  # the user's
        assert torch.get_default_dtype() == torch.float16


@pytest.mark.parametrize("first", [0, 1])
def test_those_that_overlap_have_what_the_later_of_them_needs(first):
    stacks, needed = (ExitStack(), ExitStack()), (torch.float64, torch.float32)
    for stack, dtype in zip(stacks, needed, strict=True):
        stack.enter_context(own_modes(dtype))
    stacks[first].close()
    assert torch.get_default_dtype() == needed[1 - first]
    stacks[1 - first].close()


@each_twin
def test_double_precision_is_trained_in_where_it_is_the_default(make, data):
    with default_dtype(torch.float64):
        model = make(**SMALL).fit(*data)
    assert model.net_.module_.dtype == torch.float64
    assert model.partial_fit(*data).net_.module_.dtype == torch.float64


@each_twin
def test_each_is_trained_in_its_own_precision(make, data):
    X, y = data
    old, alone = (make(**SMALL, warm_start=True).fit(X, y) for _ in range(2))
    with default_dtype(torch.float64):
        _, new = fit_many([old, make(**SMALL)], [X, X], [y, y])
    assert old.net_.module_.dtype == torch.float32
    assert new.net_.module_.dtype == torch.float64
    assert_same_predictions(old, alone.fit(X, y), X)


@each_twin
def test_all_or_none_are_fitted_whatever_their_precision(make, data):
    X, y = data
    old = make(**SMALL, warm_start=True).fit(X, y)
    before = predicted(old, X)
    with default_dtype(torch.float64), pytest.raises(ValueError, match="lr"):
        fit_many([old, make(**SMALL | {"lr": -1})], [X, X], [y, y])
    np.testing.assert_array_equal(predicted(old, X), before)
    assert len(old.history_) == 3


@each_twin
def test_predictions_leave_the_default_dtype_alone(make, data):
    """It is that of all threads, some of which may train."""
    seen = []
    with default_dtype(torch.float64):
        model = make(**SMALL).fit(*data)
    model.net_.module_.register_forward_pre_hook(
        lambda *_: seen.append(torch.get_default_dtype())
    )
    model.predict(data[0])
    assert seen
    assert set(seen) == {torch.float32}


# Memory.


class Greedy(nn.Linear):
    """A layer that asks for more memory than a processor can address."""

    when = True  # while training, or else while predicting

    def forward(self, x):
        if self.training is self.when and len(x) > 2:
            torch.empty(10**15)
        return super().forward(x)


class GreedyLater(Greedy):
    when = False


class OnTheGPU(nn.Linear):
    def forward(self, x):
        if self.training:
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 20.00 GiB"
            )
        return super().forward(x)


def outputs(make, module):
    n_outputs = 3 if make is MixupClassifier else 1
    return {
        "module": module,
        "module_params": {"in_features": 4, "out_features": n_outputs},
    }


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Greedy, "than this machine has left for 4000000000000000 bytes; a smaller "),
        (OnTheGPU, "than the GPU has left for 20.00 GiB; a smaller batch_size, "),
    ],
)
@each_twin
def test_too_little_memory_to_train_is_said_in_a_sentence(
    make, module, message, method, data
):
    model = make(**SMALL | outputs(make, module))
    with pytest.raises(MemoryError, match=f"^Fitting {make.__name__} needs.*{message}"):
        getattr(model, method)(*data)
    assert not hasattr(model, "net_")


@each_twin
def test_too_little_memory_to_predict_is_said_in_a_sentence(make, data):
    params = SMALL | all_rows(make) | outputs(make, GreedyLater)
    model = make(**params).fit(*data)
    with pytest.raises(
        MemoryError, match=r"^Predicting by .*; give fewer rows at once"
    ):
        model.predict(data[0])


def test_too_little_memory_for_one_of_many_is_returned(blobs):
    X, y = blobs
    models = [
        MixupClassifier(**SMALL | extra)
        for extra in ({}, outputs(MixupClassifier, Greedy))
    ]
    good, error = fit_many(models, [X] * 2, [y] * 2, on_error="return")
    assert good.predict(X).shape == (90,)
    assert isinstance(error, MemoryError)
    assert "MixupClassifier needs more memory" in str(error)


def huge(n_outputs):
    return nn.Linear(10**8, 10**7)


def greedy_with_two(n_outputs):
    return nn.Sequential(nn.Unflatten(1, (4, 1)), nn.Upsample(10**15))


@pytest.mark.parametrize("module", [huge, greedy_with_two])
@each_twin
def test_a_module_too_large_for_the_memory_is_said_in_a_sentence(make, module, data):
    params = {"module": module, "module_params": {"n_outputs": 1}}
    with pytest.raises(
        MemoryError, match=f"^Fitting {make.__name__} needs more memory"
    ):
        make(**SMALL | params).fit(*data)


class Wrong(nn.Linear):
    def forward(self, x):
        if len(x) > 2:
            raise RuntimeError("something else")
        return super().forward(x)


@each_twin
def test_other_errors_of_a_module_stay_what_they_are(make, data):
    with pytest.raises(RuntimeError, match="something else"):
        make(**SMALL | outputs(make, Wrong)).fit(*data)

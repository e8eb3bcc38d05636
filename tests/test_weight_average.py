"""The average of the weights: its shares, and who sees it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skorch.callbacks import Callback, EarlyStopping
from torch import nn

from sk_mixup import MixupClassifier
from sk_mixup._training.weight_average import WeightAverage
from tests.twins import (
    CONSTANT,
    TWINS,
    outputs_of,
    predicted,
)


def averaged(path, halflife):
    """Lead a weight along a path and return its average."""
    module = nn.Linear(1, 1, bias=False)
    average = WeightAverage(module, halflife)
    for value in path:
        nn.init.constant_(module.weight, value)
        average.update()
    average.show()
    return module.weight.item()


@pytest.mark.parametrize("halflife", [1, 5, 40])
def test_what_is_long_past_counts_half_after_a_halflife(halflife):
    path = [0.0] * 1000 + [1.0] * halflife
    assert averaged(path, halflife) == pytest.approx(0.5, rel=1e-4)


@given(
    st.floats(0.1, 100),
    st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=50),
)
def test_the_average_lies_within_the_path_and_forgets_where_it_began(halflife, path):
    assert min(path) - 1e-5 <= averaged(path, halflife) <= max(path) + 1e-5
    assert averaged([1e6, *path], halflife) < 1e6


def test_no_halflife_is_the_last_weight():
    assert averaged([1.0, 2.0, 3.0], 0) == 3.0


def test_a_young_average_reaches_back_a_tenth_of_its_steps():
    """Of a straight path the average lags behind by what it reaches back."""
    steps = 1000
    lag = 1 - averaged(np.arange(steps) / steps, halflife=1e9)
    assert lag == pytest.approx(1 / 11, rel=0.05)


def test_what_is_hidden_again_is_what_was_shown_over():
    module = nn.Linear(2, 1)
    average = WeightAverage(module, 3)
    average.hide()
    for _ in range(5):
        nn.init.normal_(module.weight)
        average.update()
    last = module.weight.clone()
    for _ in range(2):
        average.show()
        assert not torch.equal(module.weight, last)
    for _ in range(2):
        average.hide()
        assert torch.equal(module.weight, last)


def test_statistics_of_batch_norms_are_averaged_with_the_weights():
    module = nn.BatchNorm1d(1)
    average = WeightAverage(module, 2)
    for mean in (0.0, 0.0, 8.0):
        module.running_mean.fill_(mean)
        average.update()
    average.show()
    assert 0 < module.running_mean.item() < 8
    assert module.num_batches_tracked == 0


class Masked(nn.Module):
    """Has state that cannot be averaged."""

    def __init__(self, n_outputs):
        super().__init__()
        self.register_buffer("mask", torch.tensor([0.0, 0.0, 0.0, -torch.inf]))
        self.register_buffer("shared", torch.ones(1).expand(4))
        self.linear = nn.Linear(4, n_outputs)
        self.frozen = nn.Parameter(torch.full((1,), torch.inf), requires_grad=False)

    def get_extra_state(self):
        return {"anything": None}

    def set_extra_state(self, state):
        pass

    def forward(self, x):
        return self.linear(x * self.mask.exp() * self.shared)


@pytest.mark.parametrize("make", TWINS)
def test_state_that_is_not_trained_stays_as_it_is(make, data):
    params = CONSTANT | {"ema_halflife": 1.0, "module": Masked}
    params["module_params"] = {"n_outputs": outputs_of(make)}
    model = make(1, **params).fit(*data)
    assert np.isfinite(predicted(model, data[0])).all()


class Path(Callback):
    """Remembers the weights after every step."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_batch_end(self, net, training=False, **kwargs):
        self.seen.append(net.module_.body.theta.detach().clone())


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_networks_end_with_the_average_of_their_path(n_estimators, blobs):
    path = Path()
    params = CONSTANT | {"n_estimators": n_estimators, "ema_halflife": 0.5}
    model = MixupClassifier(1, callbacks=[path], lr=0.05, **params).fit(*blobs)
    steps = len(path.seen)
    assert steps == 3 * 6
    newest = 1 - 0.5 ** (1 / 3)  # half of six steps
    mean = torch.zeros_like(path.seen[0])
    for step, theta in enumerate(path.seen, start=1):
        share = max(newest, 10 / (9 + step))
        mean = (1 - share) * mean + share * theta
    torch.testing.assert_close(model.net_.module_.body.theta.detach(), mean)


class AtEpochEnd(Callback):
    """Remembers the weights that it sees."""

    def on_epoch_end(self, net, **kwargs):
        self.seen = net.module_.body.theta.detach().clone()


def test_callbacks_see_the_averages_between_epochs(blobs):
    params = CONSTANT | {"ema_halflife": 0.5, "lr": 0.05}
    eyes = AtEpochEnd()
    model = MixupClassifier(1, callbacks=[eyes], **params).fit(*blobs)
    assert torch.equal(model.net_.module_.body.theta.detach(), eyes.seen)


def test_the_best_weights_of_a_callback_are_the_averages_of_its_epoch(blobs):
    best = EarlyStopping(monitor="valid_loss", patience=50, load_best=True)
    params = CONSTANT | {"ema_halflife": 0.5, "lr": 0.3, "max_epochs": 15}
    params |= {"early_stopping": True, "n_iter_no_change": 15, "n_estimators": 1}
    with_it = MixupClassifier(1, callbacks=[best], **params).fit(*blobs)
    without = MixupClassifier(1, **params).fit(*blobs)
    X, _ = blobs
    np.testing.assert_array_equal(with_it.predict_proba(X), without.predict_proba(X))


@pytest.mark.parametrize("make", TWINS)
def test_averaging_changes_nothing_but_the_weights_taken(make, data):
    """Training itself goes on from the last weights: its losses stay the same."""
    last, mean = (
        make(1, **CONSTANT | {"ema_halflife": h, "max_epochs": 6}).fit(*data)
        for h in (0.0, 2.0)
    )
    assert last.loss_curve_ == mean.loss_curve_
    assert not np.allclose(predicted(last, data[0]), predicted(mean, data[0]))

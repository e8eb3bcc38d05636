"""Training: against plain torch loops, and what callbacks and the history see."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import log_loss, mean_squared_error
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    GradientNormClipping,
    LRScheduler,
    PassthroughScoring,
    TrainEndCheckpoint,
)
from torch import nn
from torch.nn import functional as F

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._data.holdout import held_out
from sk_mixup._data.streams import Streams
from sk_mixup._training.log import QuietLog
from sk_mixup._training.net import MixupNet
from tests.twins import PLAIN

SMALL = {
    **PLAIN,
    "hidden_layer_sizes": (8, 6),
    "max_epochs": 4,
    "batch_size": 16,
    "random_state": 3,
}
CONSTANT = {**SMALL, "lr_schedule": "constant"}


def streams(member=0):
    """Make the streams of one network of an estimator with SMALL's seed."""
    entropy = np.random.RandomState(SMALL["random_state"]).randint(2**31 - 1)
    return Streams(int(entropy), member)


def initial_layers(sizes, generator):
    """Draw weights and biases as ``nn.Linear`` does, each with a leading axis."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        uniform = generator.random((n_in + 1, n_out), dtype=np.float32)
        both = torch.from_numpy((2 * uniform - 1) / np.float32(math.sqrt(n_in)))[None]
        layers.append((both[:, :-1].clone(), both[:, -1:].clone()))
    return layers


def erm_by_primitives(X, y, sizes, n_epochs, batch_size):
    """Train by plain empirical risk minimisation and return the probabilities."""
    own, X, one_hot = streams(), torch.from_numpy(X), torch.eye(sizes[-1])[y]
    layers = initial_layers(sizes, own.initial)
    adam = torch.optim.Adam([p for layer in layers for p in layer], fused=True)

    def forward(x):
        entered = [x[None]]
        for weight, bias in layers:
            x = torch.baddbmm(bias, entered[-1], weight)
            entered.append(x.relu())
        return entered[:-1], x

    for _ in range(n_epochs):
        for rows in torch.from_numpy(own.order.permutation(len(X))).split(batch_size):
            entered, logits = forward(X[rows])
            gradient = (logits.softmax(-1) - one_hot[rows]) * (1 / len(rows))
            for (weight, bias), x in zip(layers[::-1], entered[::-1], strict=True):
                weight.grad = x.mT.bmm(gradient)
                bias.grad = gradient.sum(1, keepdim=True)
                gradient = gradient.bmm(weight.mT) * (x > 0)
            adam.step()
    return forward(X)[1].softmax(-1)[0].numpy()


def erm_by_autograd(X, y, sizes, n_epochs, batch_size):
    """Do the same with the layers, the loss and the gradients of torch."""
    own, X, y = streams(), torch.from_numpy(X), torch.from_numpy(y)
    parts = []
    for weight, bias in initial_layers(sizes, own.initial):
        linear = nn.Linear(*weight.shape[1:])
        linear.weight.data, linear.bias.data = weight[0].T.clone(), bias.flatten()
        parts += [linear, nn.ReLU()]
    module = nn.Sequential(*parts[:-1])
    adam = torch.optim.Adam(module.parameters())
    for _ in range(n_epochs):
        for rows in torch.from_numpy(own.order.permutation(len(X))).split(batch_size):
            adam.zero_grad()
            F.cross_entropy(module(X[rows]), y[rows]).backward()
            adam.step()
    return module(X).softmax(-1).detach().numpy()


@pytest.mark.parametrize("n_rows", [90, 89, 81, 7])  # full, odd, one-row, few rows
def test_alpha_0_is_a_plain_loop_of_erm(n_rows, blobs):
    X, y = blobs[0][:n_rows].astype(np.float32) / 10, blobs[1][:n_rows]
    params = {**CONSTANT, "standardize": False, "temperature": 1.0}
    model = MixupClassifier(0, lr=1e-3, **params)  # of torch's Adam
    arguments = X, y, (4, 8, 6, 3), 4, 16
    proba = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba, erm_by_primitives(*arguments), rtol=1e-5)
    np.testing.assert_allclose(proba, erm_by_autograd(*arguments), rtol=1e-5)


# Losses and history.


def test_train_loss_is_the_mean_loss_of_the_rows(blobs, rng):
    """With a vanishing rate the networks stay as they are during the epoch."""
    X, y = blobs
    weights = rng.random(90) + 0.1
    model = MixupClassifier(0, **{**SMALL, "lr": 1e-30}, temperature=1.0)
    model.fit(X, y, weights)
    expected = log_loss(y, model.predict_proba(X), sample_weight=weights)
    np.testing.assert_allclose(model.loss_curve_, expected, rtol=1e-5)


def test_train_loss_of_real_targets_is_half_the_squared_error(line):
    X, y = line
    model = MixupRegressor(0, **{**SMALL, "lr": 1e-30}).fit(X, y)
    expected = mean_squared_error(y, model.predict(X)) / 2 / y.var()
    np.testing.assert_allclose(model.loss_curve_, expected, rtol=1e-5)


def test_an_unmixed_epoch_has_the_loss_of_erm(blobs):
    lazy = {**SMALL, "lr": 1e-30}
    erm = MixupClassifier(0, **lazy).fit(*blobs).loss_curve_
    lazy |= {"warmup_epochs": 1, "clean_epochs": 2}
    curve = MixupClassifier(1, **lazy).fit(*blobs).loss_curve_
    unmixed = np.isclose(curve, erm, rtol=1e-5)
    assert unmixed.tolist() == [True, False, True, True]


def test_history_has_an_entry_an_epoch(blobs):
    two = {**SMALL, "early_stopping": True, "n_estimators": 2}
    model = MixupClassifier(**two).fit(*blobs)
    assert model.n_iter_ == len(model.history_) == len(model.loss_curve_) == 4
    for key in ("train_loss", "valid_loss", "valid_error", "dur"):
        assert len(model.history_[:, key]) == 4
    np.testing.assert_allclose(
        -model.validation_scores_.mean(axis=1), model.history_[:, "valid_loss"]
    )
    per_run = np.array(model.net_.train_losses_)
    assert per_run.shape == model.validation_scores_.shape == (4, 2)
    np.testing.assert_allclose(per_run.mean(axis=1), model.loss_curve_, rtol=1e-6)


# The learning rate.


class Rates(Callback):
    """Note the learning rate of every step."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_grad_computed(self, net, **kwargs):
        self.seen += [group["lr"] for group in net.optimizer_.param_groups]


def test_cosine_rate_falls_from_lr_to_zero(blobs):
    rates = Rates()
    cosine = {**SMALL, "lr_schedule": "cosine"}
    MixupClassifier(lr=0.01, callbacks=[rates], **cosine).fit(*blobs)
    n = 4 * 6
    expected = [0.01 * (1 + math.cos(math.pi * step / n)) / 2 for step in range(n)]
    np.testing.assert_allclose(rates.seen, expected)


def test_constant_rate_stays(blobs):
    rates = Rates()
    MixupClassifier(lr=0.01, callbacks=[rates], **CONSTANT).fit(*blobs)
    assert rates.seen == [0.01] * 24


# Callbacks of the user's.


class Listener(Callback):
    """Note what is told, and how large the gradients are."""

    def __init__(self):
        self.calls = []
        self.norms = []

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.calls.append("begin")

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.calls.append("gradient")
        squares = sum(p.grad.square().sum() for _, p in named_parameters)
        self.norms.append(float(squares) ** 0.5)

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        self.calls.append("end")
        assert loss.shape == (net.module_.runs,)
        assert y_pred.shape == batch.targets.shape

    def on_epoch_end(self, net, **kwargs):
        self.calls.append("epoch")


def small_module(n_features=4, n_classes=3):
    return nn.Sequential(nn.Linear(n_features, 5), nn.ReLU(), nn.Linear(5, n_classes))


@pytest.mark.parametrize("module", [None, small_module])
def test_listening_to_batches_changes_nothing(module, blobs):
    listener = Listener()
    common = {**SMALL, "module": module, "n_estimators": 2, "dropout": 0.1}
    quiet = MixupClassifier(1, **common).fit(*blobs)
    heard = MixupClassifier(1, callbacks=[listener], **common).fit(*blobs)
    assert listener.calls == (["begin", "gradient", "end"] * 6 + ["epoch"]) * 4
    assert heard.loss_curve_ == quiet.loss_curve_
    np.testing.assert_array_equal(
        heard.predict_proba(blobs[0]), quiet.predict_proba(blobs[0])
    )


@pytest.mark.parametrize("callbacks", [None, [Listener()]])
def test_every_minibatch_takes_the_hooks_of_skorch(callbacks, blobs, monkeypatch):
    taken = []

    def noting(hook):
        original = getattr(MixupNet, hook)

        def note(*args, **kwargs):
            taken.append(hook)
            return original(*args, **kwargs)

        return note

    for hook in ("run_single_epoch", "train_step", "train_step_single"):
        monkeypatch.setattr(MixupNet, hook, noting(hook))
    net = MixupClassifier(callbacks=callbacks, **SMALL).fit(*blobs).net_
    steps = ["train_step", "train_step_single"] * 6
    assert taken == (["run_single_epoch", *steps, "run_single_epoch"]) * 4
    assert not hasattr(net, "session_")  # nothing is left of the training


def test_batch_records_reach_the_history(blobs):
    class Record(Callback):
        def on_batch_end(self, net, loss, **kwargs):
            net.history.record_batch("batch_loss", loss.mean().item())

    scoring = PassthroughScoring("batch_loss", on_train=True)
    model = MixupClassifier(callbacks=[Record(), scoring], **SMALL).fit(*blobs)
    assert [len(epoch["batches"]) for epoch in model.history_] == [6] * 4
    np.testing.assert_allclose(
        model.history_[:, "batch_loss"], model.loss_curve_, rtol=1e-5
    )


@pytest.mark.parametrize("early_stopping", [False, True])
def test_checkpoints_are_written(early_stopping, blobs, tmp_path):
    last = TrainEndCheckpoint(dirname=tmp_path / "last", f_pickle="net.pkl")
    best = Checkpoint(
        monitor="valid_loss_best" if early_stopping else "train_loss_best",
        f_params="params_{last_epoch[epoch]}.pt",
        dirname=tmp_path / "best",
    )
    params = SMALL | {"early_stopping": early_stopping}
    model = MixupClassifier(callbacks=[last, best], **params).fit(*blobs)
    assert (tmp_path / "last" / "train_end_params.pt").exists()
    net = pickle.loads((tmp_path / "last" / "train_end_net.pkl").read_bytes())
    assert torch.equal(net.module_.body.theta, model.net_.module_.body.theta)
    key = "valid_loss" if early_stopping else "train_loss"
    losses = np.array(model.history_[:, key])
    lowest = losses <= np.minimum.accumulate(losses)
    assert model.history_[:, f"{key}_best"] == lowest.tolist()
    names = {f"params_{epoch + 1}.pt" for epoch in np.flatnonzero(lowest)}
    assert names == {path.name for path in (tmp_path / "best").glob("params_*")}


@pytest.mark.parametrize("module", [None, small_module])
def test_a_net_predicts_what_its_estimator_does(module, blobs):
    X, y = blobs
    model = MixupClassifier(**SMALL | {"module": module, "n_estimators": 2}).fit(X, y)
    proba = model.predict_proba(X)
    for rows in (X, sparse.csr_matrix(X), torch.from_numpy(X)):
        np.testing.assert_allclose(model.net_.predict(rows), proba, atol=1e-6)
    outputs = model.net_.forward(X)
    assert outputs.shape == (90, 2, 3)
    mean = np.einsum("nmo,m->no", outputs.softmax(-1), model.member_weights_)
    np.testing.assert_allclose(mean, proba, atol=1e-6)


def test_a_net_predicts_standardised_targets(line):
    X, y = line
    model = MixupRegressor(**SMALL).fit(X, y)
    scaled = model.net_.predict(X)[:, 0] * y.std() + y.mean()
    np.testing.assert_allclose(scaled, model.predict(X), rtol=1e-5, atol=1e-5)


def test_predictions_of_a_net_can_be_differentiated_in_training_mode(blobs):
    net = MixupClassifier(**SMALL).fit(*blobs).net_
    net.forward(blobs[0], training=True).sum().backward()
    assert net.module_.body.theta.grad.isfinite().all()


def test_gradients_are_clipped(blobs):
    clipping, listener = GradientNormClipping(0.01), Listener()
    MixupClassifier(callbacks=[clipping, listener], **SMALL).fit(*blobs)
    assert max(listener.norms) <= 0.01 * (1 + 1e-5)


def test_skorch_early_stopping_ends_the_training(blobs):
    stopping = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    model = MixupClassifier(callbacks=[stopping], **{**SMALL, "max_epochs": 30})
    assert model.fit(*blobs).n_iter_ == 1 + 2
    assert model.predict(blobs[0]).shape == (90,)


def test_skorch_early_stopping_may_watch_the_validation_rows(blobs):
    stopping = EarlyStopping(monitor="valid_loss", patience=2, threshold=10.0)
    model = MixupClassifier(callbacks=[stopping], **SMALL | {"early_stopping": True})
    assert model.fit(*blobs).n_iter_ == 1 + 2


def test_skorch_schedule_sets_the_rate(blobs):
    schedule = LRScheduler(torch.optim.lr_scheduler.ExponentialLR, gamma=0.1)
    rates = Rates()
    MixupClassifier(lr=0.01, callbacks=[schedule, rates], **CONSTANT).fit(*blobs)
    np.testing.assert_allclose(rates.seen[::6], [1e-2, 1e-3, 1e-4, 1e-5])


class Spoil(Callback):
    """Spoil the weights of one member after the first epoch."""

    def on_epoch_end(self, net, **kwargs):
        with torch.no_grad():
            net.module_.body.theta[1] = np.nan


def test_one_member_that_diverges_is_enough_for_an_error(blobs):
    model = MixupClassifier(callbacks=[Spoil()], **SMALL | {"n_estimators": 3})
    with pytest.raises(ValueError, match="NaN or infinite in epoch 2; try a lower lr"):
        model.fit(*blobs)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_begin"])
def test_an_epoch_that_a_callback_cuts_short_does_not_count(hook, blobs):
    def end_in_third(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt

    end = type("EndInThird", (Callback,), {hook: end_in_third})()
    ended = MixupClassifier(callbacks=[end], **SMALL).fit(*blobs)
    whole = MixupClassifier(**SMALL).fit(*blobs)
    assert ended.n_iter_ == 2
    assert ended.loss_curve_ == whole.loss_curve_[:2]


def test_a_callback_may_end_training_before_it_begins(blobs):
    def end(self, net, **kwargs):
        raise KeyboardInterrupt

    before = type("EndBefore", (Callback,), {"on_train_begin": end})()
    params = SMALL | {"early_stopping": True}
    assert MixupClassifier(callbacks=[before], **params).fit(*blobs).n_iter_ == 0


def test_a_callback_cannot_prevent_the_best_weights(blobs):
    def end(self, net, **kwargs):
        raise KeyboardInterrupt

    at_end = type("EndAtEnd", (Callback,), {"on_train_end": end})()
    params = SMALL | {"early_stopping": True, "lr": 0.3, "max_epochs": 20}
    ended = MixupClassifier(callbacks=[at_end], **params).fit(*blobs)
    plain = MixupClassifier(**params).fit(*blobs)
    X, _ = blobs
    np.testing.assert_array_equal(ended.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("verbose", [0, 2])
def test_keyboard_interrupt_gets_through_between_epochs(verbose, blobs, monkeypatch):
    def press(self, net, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(QuietLog, "on_epoch_end", press)
    with pytest.raises(KeyboardInterrupt):
        MixupClassifier(verbose=verbose, **SMALL).fit(*blobs)


class Interrupt(nn.Linear):
    """A module during whose forward pass the user presses Ctrl-C."""

    def forward(self, x):
        if self.training:
            raise KeyboardInterrupt
        return super().forward(x)


def test_keyboard_interrupt_gets_through_and_leaves_nothing(blobs):
    model = MixupClassifier(
        module=Interrupt, module_params={"in_features": 4, "out_features": 3}, **SMALL
    )
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*blobs)
    assert vars(model) == before


# Output.


@pytest.mark.parametrize("make", [MixupClassifier, MixupRegressor])
def test_silence_is_the_default(make, blobs, capfd):
    make(**SMALL).fit(*blobs)
    assert capfd.readouterr() == ("", "")


def test_verbose_1_prints_a_line_an_epoch(blobs, capfd):
    MixupClassifier(verbose=1, **SMALL | {"early_stopping": True}).fit(*blobs)
    printed = capfd.readouterr()
    assert len(printed.out.splitlines()) == 2 + 4
    assert printed.out.split()[:5] == [
        "epoch",
        "train_loss",
        "valid_error",
        "valid_loss",
        "dur",
    ]
    assert "\x1b" not in printed.out  # colours are for terminals
    assert printed.err == ""


def test_log_lines_go_to_a_sink_however_quiet(blobs, capfd):
    lines = []
    net_params = {"callbacks__print_log__sink": lines.append}
    MixupClassifier(net_params=net_params, **SMALL).fit(*blobs)
    assert len(lines) == 2 + SMALL["max_epochs"]  # under two lines of headings
    assert not capfd.readouterr().out


def test_verbose_2_shows_a_progress_bar_too(blobs, capfd):
    MixupClassifier(verbose=2, **SMALL).fit(*blobs)
    printed = capfd.readouterr()
    assert len(printed.out.splitlines()) >= 2 + 4
    assert "0/6" in printed.err


# Early stopping.


STOPPING = {
    **CONSTANT,
    "early_stopping": True,
    "validation_fraction": 0.3,
    "lr": 0.1,
    "max_epochs": 12,
    "n_iter_no_change": 12,
}


def validation_rows(y, member):
    entropy = streams(member).entropy
    return np.flatnonzero(held_out(len(y), 0.3, entropy, member, strata=y))


@pytest.mark.parametrize("ema_halflife", [0, 0.5])
def test_members_are_judged_on_their_own_clean_rows_at_the_best_epoch_of_all(
    ema_halflife, blobs
):
    X, y = blobs
    params = {**STOPPING, "n_estimators": 3, "temperature": 1.0}
    params["ema_halflife"] = ema_halflife
    model = MixupClassifier(1, **params).fit(X, y)
    best = int(model.validation_scores_.mean(axis=1).argmax())
    assert set(model.validation_scores_.argmax(axis=0)) != {best}
    for member, module in enumerate(model.to_torch().members):
        rows = validation_rows(y, member)
        proba = module(torch.from_numpy(X[rows]).float()).double().numpy()
        expected = -log_loss(y[rows], proba / proba.sum(axis=1, keepdims=True))
        reached = model.validation_scores_[best, member]
        assert reached == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("ema_halflife", [0, 0.2])
def test_the_best_epochs_weights_are_those_of_a_training_that_ends_there(
    ema_halflife, blobs
):
    X, y = blobs
    fast = {**STOPPING, "lr": 0.3, "ema_halflife": ema_halflife}
    long = MixupClassifier(1, **fast).fit(X, y)
    best = int(long.validation_scores_.argmax()) + 1
    assert 1 < best < 12
    short = MixupClassifier(1, **{**fast, "max_epochs": best}).fit(X, y)
    np.testing.assert_array_equal(long.predict_proba(X), short.predict_proba(X))


def test_training_waits_n_iter_no_change_epochs_for_a_better_one(blobs):
    patient = {**STOPPING, "max_epochs": 100, "n_iter_no_change": 3}
    model = MixupClassifier(1, **patient).fit(*blobs)
    assert model.n_iter_ == model.validation_scores_.argmax() + 1 + 3


def test_real_targets_are_judged_too(line):
    model = MixupRegressor(1, **STOPPING).fit(*line)
    assert model.validation_scores_.shape == (12, 1)
    assert "valid_error" not in model.history_[-1]


def test_no_early_stopping_has_no_scores(blobs):
    assert MixupClassifier(**SMALL).fit(*blobs).validation_scores_ is None


def test_going_on_is_judged_by_what_is_asked_for_now(blobs):
    patient = {**STOPPING, "max_epochs": 40, "lr": 0.3, "warm_start": True}
    model = MixupClassifier(1, **patient).partial_fit(*blobs)
    model.set_params(n_iter_no_change=2).fit(*blobs)
    judged = len(model.validation_scores_)
    assert judged < 40
    model.set_params(early_stopping=False).fit(*blobs)
    assert model.n_iter_ == 40

"""Training many estimators at once gives what training each alone gives."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event
from time import perf_counter

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from skorch.callbacks import Callback
from torch import nn

from sk_mixup import (
    MixupClassifier,
    MixupRegressor,
    _fit_many,
    fit_many,
)
from sk_mixup._data.features import numeric_rows
from sk_mixup._estimator import reading
from sk_mixup._networks.torch_threads import rounds_denormals, torch_threads
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.memory import MAX_MEMORY
from sk_mixup._training.progress import Progress
from sk_mixup.vicinity import Pairing, RandomPairs
from tests.twins import PLAIN, TWINS

SHORT = {  # 48 steps on the blobs
    **PLAIN,
    "hidden_layer_sizes": (8, 6),
    "max_epochs": 8,
    "batch_size": 16,
}
VARIANTS = [
    {},
    {"lr_schedule": "constant", "optimizer": "rmsprop"},
    {"dropout": 0.3, "clip": 2.0},
    {"noise_std": 0.3},
    {"mix_layer": 1, "weights_per": "example"},
    {"mix_layer": "random", "dropout": 0.3},
    {"n_mixed": 3, "mix_layer": 2, "noise_std": 0.1},
    {"pairing": "neighbors", "n_neighbors": 5},
    {"early_stopping": True, "validation_fraction": 0.2},
    {"early_stopping": True, "n_iter_no_change": 1, "lr": 0.1},
    {"n_estimators": 3, "warmup_epochs": 2, "clean_epochs": 2},
    {"n_estimators": 2, "early_stopping": True, "n_iter_no_change": 2, "lr": 0.05},
]


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def threads(request):
    """Let torch use so many threads for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def predicted(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


def assert_same_fit(one, other, X, atol=1e-5):
    """Compare predictions and what is remembered of the training."""
    np.testing.assert_allclose(
        predicted(one, X), predicted(other, X), rtol=0, atol=atol
    )
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, atol=atol)
    assert one.n_iter_ == other.n_iter_
    if one.validation_scores_ is not None:
        np.testing.assert_allclose(
            one.validation_scores_, other.validation_scores_, atol=atol
        )


def candidates(make, **params):
    """Make ten estimators that can be trained as one program."""
    alphas = [0, 0.4, 1, np.inf, 0.2]
    return [
        make(alpha, random_state=seed, **SHORT | params)
        for seed in (0, 1)
        for alpha in alphas
    ]


def folds(X, y, n):
    """Cut n training sets whose sizes differ by one."""
    return [(X[k % 2 :], y[k % 2 :]) for k in range(n)]


@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_a_run_trained_beside_nine_others_equals_it_alone(params, blobs, threads):
    X, y = blobs
    rows = folds(X, y, 10)
    together = fit_many(candidates(MixupClassifier, **params), *zip(*rows, strict=True))
    for model, data in zip(together, rows, strict=True):
        alone = clone(model).fit(*data)
        assert_same_fit(model, alone, X)


@pytest.mark.parametrize("params", [{}, {"pairing": "similar"}, {"loss": "huber"}])
def test_the_same_goes_for_real_targets(params, line):
    X, y = line
    y = y / y.std()
    rows = folds(X, y, 10)
    together = fit_many(candidates(MixupRegressor, **params), *zip(*rows, strict=True))
    for model, data in zip(together, rows, strict=True):
        alone = clone(model).fit(*data)
        assert_same_fit(model, alone, X)


@pytest.mark.parametrize("make", TWINS)
def test_tables_train_together_whatever_columns_have_bins(make, blobs):
    """A feature of two values has no bins: these tables have as many, but others."""
    X, y = blobs
    tables = [X.copy() for _ in range(3)]
    for column, table in enumerate(tables):
        table[:, column] = table[:, column] > 0
    params = SHORT | {"encoding": "bins", "early_stopping": True, "n_estimators": 2}
    models = [make(random_state=0, **params) for _ in tables]
    fit_many(models, tables, [y] * 3)
    for model, table in zip(models, tables, strict=True):
        assert_same_fit(model, clone(model).fit(table, y), table)


def test_weighted_rows_train_beside_unweighted_ones(blobs, rng):
    X, y = blobs
    weights = [None, rng.random(90), np.arange(90) % 3, None]
    models = [MixupClassifier(1, random_state=0, **SHORT) for _ in weights]
    models[3].set_params(class_weight="balanced")
    fit_many(models, [X] * 4, [y] * 4, weights)
    for model, weight in zip(models, weights, strict=True):
        assert_same_fit(model, clone(model).fit(X, y, weight), X)


def test_estimators_of_every_kind_train_at_once(blobs, line):
    X, y = blobs
    jobs = [
        (MixupClassifier(**SHORT), X, y),
        (MixupRegressor(**SHORT), *line),
        (MixupClassifier(**SHORT | {"batch_size": 7}), X, y),
        (MixupClassifier(**SHORT | {"hidden_layer_sizes": ()}), X, y),
        (MixupClassifier(**SHORT | {"max_epochs": 3}), X[:50], y[:50]),
        (MixupClassifier(**SHORT), sparse.csr_matrix(X), y),
        (MixupClassifier(**SHORT), X, np.tri(3, dtype=int)[y]),
        (MixupClassifier(module=small_module, **SHORT), X, y),
    ]
    for model, _, _ in jobs:
        model.set_params(random_state=0)
    fit_many(*zip(*jobs, strict=True))
    for model, rows, targets in jobs:
        alone = clone(model).fit(rows, targets)
        atol = 1e-5 * np.abs(targets).max()
        np.testing.assert_allclose(
            predicted(model, X), predicted(alone, X), rtol=0, atol=atol
        )


def small_module(width=64):
    return nn.Sequential(
        nn.Linear(4, width), nn.Dropout(0.5), nn.ReLU(), nn.Linear(width, 3)
    )


def test_modules_that_draw_do_so_apart_on_several_threads(blobs, threads):
    X, y = blobs
    width = {"width": 600}  # slow enough for threads to meet
    models = [
        MixupClassifier(
            module=small_module, module_params=width, random_state=s, **SHORT
        )
        for s in range(4)
    ]
    state = torch.get_rng_state()
    fit_many(models, [X] * 4, [y] * 4)
    assert torch.equal(torch.get_rng_state(), state)
    for model in models:
        np.testing.assert_array_equal(
            model.predict_proba(X), clone(model).fit(X, y).predict_proba(X)
        )


@pytest.mark.parametrize("max_memory", [1, 10**5, 10**9])
@pytest.mark.parametrize("mix_layer", ["input", "random"])
def test_memory_decides_how_many_at_a_time_and_nothing_else(
    max_memory, mix_layer, blobs
):
    X, y = blobs
    models = candidates(MixupClassifier, n_estimators=2, mix_layer=mix_layer)
    fit_many(models, [X] * 10, [y] * 10, max_memory=max_memory)
    for model in models[::4]:
        assert_same_fit(model, clone(model).fit(X, y), X)


def test_fitting_leaves_the_number_of_threads(blobs, threads):
    X, y = blobs
    fit_many(candidates(MixupClassifier), [X] * 10, [y] * 10)
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == threads


@pytest.mark.parametrize("n_estimators", [2, 5, 20])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"dropout": 0.2}])
def test_a_member_does_not_depend_on_how_many_there_are(n_estimators, params, blobs):
    X, y = blobs
    rows = torch.from_numpy(X).float()
    params = {**SHORT, "temperature": 1.0, **params}  # else they share a fitted one
    few, many = (
        MixupClassifier(1, random_state=0, **params | {"n_estimators": n})
        .fit(X, y)
        .to_torch()
        .members
        for n in (2, n_estimators)
    )
    for one, other in zip(few, many, strict=False):
        torch.testing.assert_close(one(rows), other(rows), rtol=0, atol=1e-5)


def test_members_differ_and_are_averaged(blobs):
    X, y = blobs
    model = MixupClassifier(random_state=0, **SHORT | {"n_estimators": 4}).fit(X, y)
    rows = torch.from_numpy(X).float()
    probas = torch.stack([member(rows) for member in model.to_torch().members])
    assert (probas.std(0) > 0).all()
    mean = np.einsum("mno,m->no", probas.numpy(), model.member_weights_)
    np.testing.assert_allclose(model.predict_proba(X), mean, atol=1e-6)


STOPPING_APART = {
    "early_stopping": True, "n_iter_no_change": 1, "lr": 0.1, "n_estimators": 2,
    "dropout": 0.1, "noise_std": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [{}, {"n_estimators": 20}, {"early_stopping": True}, STOPPING_APART],
    ids=str,
)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_goes_on_from_a_stack_as_from_a_fit(params, optimizer, blobs):
    """Weights, moments and streams are those of the end of the estimator's own part."""
    X, y = blobs
    params = {"warm_start": True, "optimizer": optimizer, **params}
    models = [
        MixupClassifier(1, random_state=seed, **SHORT | params) for seed in range(3)
    ]
    fit_many(models, [X] * 3, [y] * 3)
    for model in models:
        alone = clone(model).fit(X, y).fit(X, y)
        assert_same_fit(model.fit(X, y), alone, X, atol=1e-4)


# What is shared, and what goes wrong.


def test_an_array_given_often_is_checked_once(blobs, monkeypatch):
    checked = []

    def count(X, *args, **kwargs):
        checked.append(X)
        return numeric_rows(X, *args, **kwargs)

    monkeypatch.setattr(reading, "numeric_rows", count)
    X, y = blobs
    models = fit_many(candidates(MixupClassifier), [X] * 10, [y] * 10)
    assert len(checked) == 1
    assert {model.n_features_in_ for model in models} == {4}


def test_lengths_must_agree(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match="1 estimators, 2 X, 1 y, 1 sample_w"):
        fit_many([MixupClassifier()], [X, X], [y])


def some_wrong(blobs):
    """List jobs of which the second and the last cannot be done."""
    X, y = blobs
    return [
        (MixupClassifier(random_state=0, **SHORT), X, y),
        (MixupClassifier(alpha=-1, random_state=0), X, y),
        (MixupClassifier(random_state=1, **SHORT), X, y),
        (MixupClassifier(lr=1e30, optimizer="sgd", random_state=0, **SHORT), X, y),
    ]


def test_an_error_is_raised_and_no_estimator_changes(blobs):
    jobs = some_wrong(blobs)
    jobs[2][0].fit(blobs[0], blobs[1])
    before = [dict(vars(model)) for model, _, _ in jobs]
    with pytest.raises(ValueError, match="alpha"):
        fit_many(*zip(*jobs, strict=True))
    assert [vars(model) for model, _, _ in jobs] == before


def test_errors_are_returned_in_place_if_asked_for(blobs):
    jobs = some_wrong(blobs)
    fitted = fit_many(*zip(*jobs, strict=True), on_error="return")
    for index, message in ((1, "alpha"), (3, "NaN or infinite in epoch 1")):
        assert isinstance(fitted[index], ValueError)
        assert message in str(fitted[index])
        assert not hasattr(jobs[index][0], "net_")
    for index in (0, 2):
        assert fitted[index] is jobs[index][0]
        alone = clone(fitted[index]).fit(*blobs)
        assert_same_fit(fitted[index], alone, blobs[0])


@dataclass(frozen=True)
class Failing(Pairing):
    """Pairs rows in some fits, and in others fails while networks are trained."""

    fails: bool

    def fit(self, rows):
        return self._raise if self.fails else RandomPairs().fit(rows)

    def _raise(self, *args):
        raise ValueError("no partners")


def test_an_error_does_not_end_what_is_trained_next(blobs):
    progress, params = Progress(), SHORT | {"n_estimators": 40}
    for fails in (True, False):
        model = MixupClassifier(random_state=0, pairing=Failing(fails), **params)
        request = _fit_many.FitRequest(model, FitData(*blobs))
        errors = _fit_many.fit_requests([request], MAX_MEMORY, True, progress)
        assert list(errors) == [0] * fails
    assert model.n_iter_ == SHORT["max_epochs"]


def test_epochs_on_several_threads_last_no_longer_than_the_fit(blobs, threads):
    model = MixupClassifier(random_state=0, **SHORT | {"n_estimators": 20})
    begin = perf_counter()
    model.fit(*blobs)
    assert sum(model.history_[:, "dur"]) < perf_counter() - begin


class Interrupted(nn.Linear):
    """A module during whose training the user presses Ctrl-C."""

    def forward(self, x):
        if self.training:
            raise KeyboardInterrupt
        return super().forward(x)


def test_an_interrupt_stops_the_others_too(blobs, threads):
    X, y = blobs
    sizes = {"in_features": 4, "out_features": 3}
    endless = {**SHORT, "max_epochs": 10**6}
    models = [
        MixupClassifier(module=Interrupted, module_params=sizes, **SHORT),
        MixupClassifier(**endless),
        MixupClassifier(**endless, lr=0.01),
    ]
    before = [dict(vars(model)) for model in models]
    with pytest.raises(KeyboardInterrupt):
        fit_many(models, [X] * 3, [y] * 3)
    assert [vars(model) for model in models] == before


def test_nothing_to_fit_is_fine():
    assert fit_many([], [], []) == []


def test_a_progress_bar_is_shown_if_asked_for(blobs, capfd):
    X, y = blobs
    models = [MixupClassifier(**SHORT) for _ in range(3)]
    fit_many(models[:1], [X], [y])
    assert capfd.readouterr().err == ""
    fit_many(models, [X] * 3, [y] * 3, verbose=1)
    assert "24/24" in capfd.readouterr().err


@pytest.mark.slow
def test_scores_after_long_training_agree_within_the_spread_of_seeds(blobs):
    X, y = blobs
    train, test = (X[:60], y[:60]), (X[60:], y[60:])
    models = [MixupClassifier(1, random_state=seed) for seed in range(10)]
    together = fit_many(models, [train[0]] * 10, [train[1]] * 10)
    beside, alone = (
        np.array([log_loss(test[1], model.predict_proba(test[0])) for model in fitted])
        for fitted in (together, [clone(model).fit(*train) for model in models])
    )
    assert abs(beside - alone).max() < alone.std()


@pytest.mark.gpu
@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_a_gpu_trains_as_the_cpu_does(params, blobs):
    X, y = blobs
    on_cpu, on_gpu = (
        fit_many(candidates(MixupClassifier, device=d, **params), [X] * 10, [y] * 10)
        for d in ("cpu", "cuda")
    )
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert_same_fit(one, other, X, atol=1e-4)


def test_estimators_that_diverge_side_by_side_are_named(blobs):
    wild = {"clip": None, "optimizer": "sgd", "lr": 1e5, "max_epochs": 3}
    models = [MixupClassifier(n_estimators=2, random_state=i, **wild) for i in (0, 1)]
    good = MixupClassifier(n_estimators=2, max_epochs=3, random_state=0)
    fitted = fit_many(
        [*models, good], [blobs[0]] * 3, [blobs[1]] * 3, on_error="return"
    )
    assert [type(each) for each in fitted] == [ValueError, ValueError, MixupClassifier]
    assert all("became NaN or infinite in epoch" in str(each) for each in fitted[:2])


def test_what_cannot_be_fitted_together_is_refused(blobs):
    X, y = blobs
    model = MixupClassifier(**SHORT)
    with pytest.raises(TypeError, match=r"fits MixupClassifier .* got LogisticRegr"):
        fit_many([LogisticRegression()], [X], [y])
    with pytest.raises(ValueError, match="given several times"):
        fit_many([model, model], [X] * 2, [y] * 2)
    with pytest.raises(ValueError, match=r"on_error must be .* got 'retrun'"):
        fit_many([model], [X], [y], on_error="retrun")


def test_overlapping_threads_leave_torchs_number_of_threads(threads):
    first_in, second_in, first_out = Event(), Event(), Event()

    def first():
        with torch_threads(1):
            first_in.set()
            second_in.wait()
        first_out.set()

    def second():
        first_in.wait()
        with torch_threads(1):
            second_in.set()
            first_out.wait()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == threads


class Watching(Callback):
    """Remembers whether numbers next to 0 are rounded to 0, and may fail."""

    def __init__(self, fails=False):
        self.fails, self.seen = fails, []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(rounds_denormals())
        if self.fails:
            raise RuntimeError("as planned")


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_numbers_next_to_0_are_0_while_networks_are_trained(before, fails, blobs):
    watching = Watching(fails)
    torch.set_flush_denormal(before)
    try:
        with pytest.raises(RuntimeError) if fails else nullcontext():
            MixupClassifier(callbacks=[watching], **SHORT).fit(*blobs)
        assert rounds_denormals() == before
    finally:
        torch.set_flush_denormal(False)
    assert watching.seen == [True] * (1 if fails else 8)


@pytest.mark.parametrize(
    ("name", "value"), [("max_memory", "x"), ("max_memory", 0), ("verbose", "a")]
)
def test_bad_parameters_are_refused(name, value, blobs):
    X, y = blobs
    with pytest.raises(ValueError, match=f"'{name}' parameter of fit_many"):
        fit_many([MixupClassifier(**SHORT)], [X], [y], **{name: value})

"""Networks of one estimator stop together, in whatever stacks they are trained."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup._training import stack_plan, stacks
from sk_mixup._training.estimator_means import (
    MeansAcrossStacks,
    MeansInStack,
    Meeting,
)
from sk_mixup._training.progress import EndOfTraining
from tests.test_fit_many import assert_same_fit
from tests.twins import TWINS

LASTING = {  # until it stops by its validation rows
    "hidden_layer_sizes": (8, 6),
    "max_epochs": 60,
    "batch_size": 16,
    "n_iter_no_change": 3,
    "lr": 0.05,
    "n_estimators": 7,
    "random_state": 0,
}


def test_a_run_is_judged_by_the_mean_of_its_estimator():
    in_stack = MeansInStack(np.array([0, 0, 1, 2, 2, 2]))
    means = in_stack.of(np.array([1.0, 3, 7, 0, 3, 6]))
    np.testing.assert_array_equal(means, [2, 2, 7, 3, 3, 3])


def test_stacks_that_share_an_estimator_are_judged_as_one(rng):
    scores = rng.random((50, 8))
    # Epochs of equal scores in another order are no better and no worse.
    scores[1::2] = rng.permuted(scores[::2], axis=1)
    meeting, parts = Meeting(3), np.array_split(np.arange(8), 3)

    def train(number):
        across = MeansAcrossStacks(meeting, number)
        means = [across.of(epoch[parts[number]]) for epoch in scores]
        across.close()
        return np.array(means)

    with ThreadPoolExecutor(3) as pool:
        columns = pool.map(train, range(3), timeout=60)
        together = np.concatenate([*columns], axis=1)
    alone = MeansInStack(np.zeros(8, dtype=np.int64))
    np.testing.assert_array_equal(together, [*map(alone.of, scores)])
    np.testing.assert_array_equal(together[1::2], together[::2])
    np.testing.assert_allclose(together[:, 0], scores.mean(1), rtol=1e-14)


def test_nobody_waits_for_a_stack_that_has_left():
    meeting = Meeting(2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(MeansAcrossStacks(meeting, 0).of, np.ones(1))
        MeansAcrossStacks(meeting, 1).close()
        with pytest.raises(EndOfTraining):
            waiting.result(timeout=60)


def test_leaving_takes_nothing_from_those_who_have_met():
    """The first to know that all have stopped leaves while others still wait."""
    for _ in range(100):
        meeting, start = Meeting(2), Barrier(2)

        def train(number, meeting=meeting, start=start):
            means = MeansAcrossStacks(meeting, number)
            start.wait()
            mean = means.of(np.array([float(number)]))
            means.close()
            return mean

        with ThreadPoolExecutor(2) as pool:
            assert [*pool.map(train, range(2), timeout=60)] == [[0.5], [0.5]]


@pytest.fixture
def parted(monkeypatch):
    """Part even small estimators; list of how many stacks each training was."""
    counts, original = [], stacks._train_stacks

    def counted(planned, *args):
        counts.append(len(planned))
        return original(planned, *args)

    monkeypatch.setattr(stack_plan, "WORK_PER_MEETING", 1)
    monkeypatch.setattr(stack_plan, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(stacks, "_train_stacks", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield counts
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "params",
    [{}, {"n_estimators": 8, "encoding": "bins"}, {"n_iter_no_change": 1}],
    ids=str,
)
@pytest.mark.parametrize("make", TWINS)
def test_an_estimator_on_several_threads_is_that_on_one(make, params, blobs, parted):
    X, y = blobs
    model = make(**LASTING | params).fit(X, y)
    torch.set_num_threads(1)
    alone = clone(model).fit(X, y)
    assert parted == [3, 1]
    assert_same_fit(model, alone, X)
    assert model.n_iter_ < model.max_epochs
    np.testing.assert_allclose(
        model.validation_scores_, alone.validation_scores_, atol=1e-5
    )


def test_a_metric_that_stops_is_that_of_all_networks(blobs, parted):
    X, y = blobs
    params = LASTING | {"n_estimators": 8, "scoring": "accuracy"}
    model = MixupClassifier(**params).fit(X, y)
    torch.set_num_threads(1)
    assert_same_fit(model, clone(model).fit(X, y), X)
    assert parted == [3, 1]


def test_training_goes_on_from_several_threads(blobs, parted):
    X, y = blobs
    model = MixupClassifier(**LASTING, warm_start=True).fit(X, y)
    torch.set_num_threads(1)
    assert_same_fit(model.fit(X, y), clone(model).fit(X, y).fit(X, y), X, atol=1e-4)
    assert parted == [3, 1, 1, 1]


def test_time_that_is_over_ends_all_parts(blobs, parted):
    X, y = blobs
    patient = LASTING | {"n_iter_no_change": 10_000, "max_epochs": 10_000}
    model = MixupRegressor(**patient, time_limit=0.3).fit(X, y)
    assert parted == [3]
    assert model.time_limit_reached_
    scores = model.validation_scores_
    assert scores.shape[1] == 7
    assert np.isfinite(scores[:-1]).all()  # a part may be an epoch ahead
    assert np.isfinite(model.predict(X)).all()


def test_divergence_of_a_part_is_reported_as_of_all(blobs, parted):
    X, y = blobs
    wild = LASTING | {"optimizer": "sgd", "lr": 1e30, "max_epochs": 10**6}
    wild["n_iter_no_change"] = 10**6
    with pytest.raises(ValueError, match="became NaN or infinite in epoch 1"):
        MixupClassifier(**wild).fit(X, y)
    assert parted == [3]


def test_an_error_of_a_part_ends_the_others(blobs, parted, monkeypatch):
    X, y = blobs
    original = stacks._train_stack

    def train(stack, *args):
        if stack.parts[0][1].start:
            raise OSError("the last one cannot be trained")
        return original(stack, *args)

    monkeypatch.setattr(stacks, "_train_stack", train)
    patient = LASTING | {"n_iter_no_change": 10**6, "max_epochs": 10**6}
    with pytest.raises(OSError, match="the last one"):
        MixupClassifier(**patient).fit(X, y)


def test_fits_that_do_not_stop_early_are_not_parted(blobs, parted):
    X, y = blobs
    MixupRegressor(**LASTING | {"early_stopping": False, "max_epochs": 2}).fit(X, y)
    assert parted == [1]


@pytest.mark.parametrize("params", [{"verbose": 1}, {"n_estimators": 5}], ids=str)
def test_what_is_watched_or_small_is_not_parted(params, blobs, parted, capsys):
    X, y = blobs
    MixupClassifier(**LASTING | params).fit(X, y)
    assert parted == [1]


def test_nobody_waits_for_a_stack_that_an_interrupt_keeps_from_running(
    blobs, parted, monkeypatch
):
    """The first of several stacks is interrupted as the second is to be submitted."""
    X, y = blobs
    begun, original = Event(), stacks._train_stack

    def train(*args):
        begun.set()
        return original(*args)

    class Interrupted(ThreadPoolExecutor):
        def submit(self, *args):
            if begun.is_set():
                raise KeyboardInterrupt
            future = super().submit(*args)
            assert begun.wait(60)
            return future

    monkeypatch.setattr(stacks, "_train_stack", train)
    monkeypatch.setattr(stacks, "ThreadPoolExecutor", Interrupted)
    with ThreadPoolExecutor(1) as pool:
        fitted = pool.submit(MixupClassifier(**LASTING).fit, X, y)
        with pytest.raises(KeyboardInterrupt):
            fitted.result(timeout=60)

"""Memory is bounded before it is taken: parts of ensembles, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sk_mixup import fit_many
from sk_mixup._data.memo import Memo
from sk_mixup._training import memory, stacks
from sk_mixup._training.fit_data import FitData
from sk_mixup._training.memory import (
    LEAST_TOGETHER,
    available_bytes,
    bytes_in_training,
    bytes_of_weights,
    runs_together,
)
from sk_mixup._training.stack_plan import plan_stacks
from tests.twins import SMALL, TWINS, all_rows, assert_same_predictions, predicted

twins = pytest.mark.parametrize("make", TWINS)
STOPPING = SMALL | {"early_stopping": True, "max_epochs": 4}
CPU = torch.device("cpu")


def task_of(make, X, y, n_estimators, **params):
    model = make(**STOPPING | {"n_estimators": n_estimators} | params)
    return model._prepare(FitData(X, y), model._start(), Memo())


@twins
@pytest.mark.parametrize("n_estimators", [12, 20, 25, 64])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_large_ensemble_is_parted_so_that_its_parts_fit(
    make, n_estimators, threads, data
):
    task = task_of(make, *data, n_estimators)
    each = bytes_in_training(task)
    for fitting in (10, 16, 1000):
        planned = plan_stacks([task], threads, fitting * each)
        sizes = [len(runs) for stack in planned for _, runs in stack.parts]
        assert sum(sizes) == n_estimators
        if fitting >= n_estimators:
            assert sizes == [n_estimators]
        else:
            assert max(sizes) <= max(2 * LEAST_TOGETHER - 1, fitting // threads)
            assert min(sizes) >= max(LEAST_TOGETHER, max(sizes) - 1)
        covered = [run for stack in planned for _, runs in stack.parts for run in runs]
        assert covered == list(range(n_estimators))


@twins
def test_as_few_as_stop_together_by_default_are_never_parted(make, data):
    task = task_of(make, *data, LEAST_TOGETHER)
    assert runs_together(task, 1, 1) == LEAST_TOGETHER
    (stack,) = plan_stacks([task], 2, 1)
    assert stack.parts == ((0, range(LEAST_TOGETHER)),)


@twins
def test_what_prints_or_calls_back_is_not_parted(make, data):
    task = replace(task_of(make, *data, 20), alone=True)
    assert runs_together(task, 1, 1) == 20


@twins
def test_parts_train_their_networks_as_the_whole_does(make, data):
    X, y = data
    # A patience that no part runs out of: all of them have the same best epoch's place.
    params = STOPPING | {"n_estimators": 16, "lr": 1e-3, "n_iter_no_change": 50}
    parted, whole = make(1, **params), make(1, **params)
    fit_many([parted], [X], [y], max_memory=1)
    whole.fit(X, y)
    np.testing.assert_allclose(
        parted.validation_scores_, whole.validation_scores_, rtol=1e-4
    )
    assert parted.net_.module_.runs == 16


@twins
def test_each_part_stops_by_its_own_mean(make, data):
    X, y = data
    params = STOPPING | all_rows(make)
    params |= {"n_estimators": 16, "max_epochs": 40, "lr": 0.05, "n_iter_no_change": 2}
    parted = make(1, **params)
    fit_many([parted], [X], [y], max_memory=1)
    first = make(1, **params | {"n_estimators": 8}).fit(X, y)
    scores = parted.validation_scores_
    ended = np.isfinite(scores[:, :8]).all(axis=1).sum()
    assert ended == first.n_iter_
    np.testing.assert_allclose(scores[:ended, :8], first.validation_scores_, rtol=1e-3)
    assert np.isfinite(predicted(parted, X)).all()


# What is refused.


@pytest.fixture
def small_machine(monkeypatch):
    """A machine of 50 kB, all of which counts."""
    monkeypatch.setattr(memory, "MAX_MEMORY", 1000)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 50_000)


@twins
@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize(
    "params", [{"n_estimators": 5000}, {"hidden_layer_sizes": 2000}], ids=str
)
def test_what_cannot_fit_is_refused_with_its_bytes(make, params, data, monkeypatch):
    X, y = data
    model = make(**SMALL).fit(X, y)
    before = predicted(model, X)
    taken = []
    monkeypatch.setattr(stacks, "_train_stack", lambda *args: taken.append(args))
    with pytest.raises(MemoryError, match=r"at least [\d,]{6,} bytes.* 50,000 left"):
        model.set_params(**params).fit(X, y)
    assert not taken
    np.testing.assert_array_equal(predicted(model, X), before)


@twins
@pytest.mark.usefixtures("small_machine")
def test_wide_tables_are_refused_too(make, rng):
    X, y = rng.normal(size=(20, 2000)), np.arange(20) % 2
    with pytest.raises(MemoryError, match="networks of up to 16,"):
        make(**SMALL).fit(X, y)


@pytest.mark.usefixtures("small_machine")
@twins
def test_only_what_holds_rows_out_is_charged_for_them(make, data):
    X, y = data
    model = make(**SMALL | {"n_estimators": 20, "early_stopping": True})
    with pytest.raises(MemoryError):
        model.fit(X, y)
    assert model.partial_fit(X, y).net_.module_.runs == 20


@pytest.mark.usefixtures("small_machine")
@twins
def test_those_that_fit_are_fitted_beside_those_that_do_not(make, data):
    X, y = data
    models = [make(**SMALL), make(**SMALL | {"n_estimators": 5000})]
    fitted = fit_many(models, [X] * 2, [y] * 2, on_error="return")
    assert isinstance(fitted[1], MemoryError)
    assert_same_predictions(fitted[0], make(**SMALL).fit(X, y), X)


@pytest.mark.usefixtures("small_machine")
@twins
def test_many_that_fit_one_by_one_are_refused_together(make, data):
    X, y = data
    models = [make(**SMALL) for _ in range(100)]
    with pytest.raises(MemoryError, match="100 networks"):
        fit_many(models, [X] * 100, [y] * 100)


# What is left.


def test_a_machine_has_memory():
    left = available_bytes(CPU)
    assert (left is None) == (not memory.MEMINFO.exists())
    assert left is None or 10**6 < left < 10**15


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    assert available_bytes(CPU) is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 7 kB\n")
    assert available_bytes(CPU) == 7 * 1024
    for name, text in {
        "memory.max": "5000\n",
        "memory.current": "3000\n",
        "memory.stat": "anon 1000\ninactive_file 500\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert available_bytes(CPU) == 2500
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(CPU) == 7 * 1024


def test_other_devices_are_not_asked():
    assert available_bytes(torch.device("meta")) is None


@twins
@pytest.mark.parametrize("encoding", ["standardized", "bins", ("bins", "standardized")])
def test_the_bytes_of_a_step_are_those_of_the_weights_that_there_are(
    make, encoding, data
):
    task = task_of(make, *data, 5, encoding=encoding, ema_halflife=0)
    network = task.recipe.architecture.build(task.inputs, task.runs)
    n_weights = sum(own.numel() for own in network.parameters())
    # Weights, gradients and two moments.
    expected = 4 * 4 * n_weights / 5
    assert bytes_of_weights(task) == pytest.approx(expected, abs=17)

"""Workers give what this process gives, wherever they are and whatever befalls them."""

import heapq
import os
import pickle
import signal
import threading
import warnings
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from joblib import Parallel, delayed
from scipy import sparse
from sklearn import model_selection as ms
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline

from sk_mixup import MixupClassifier
from sk_mixup._data.memo import Memo
from sk_mixup._training.fit_data import FitData
from sk_mixup.model_selection import GridSearchCV, cross_validate, together
from sk_mixup.model_selection._groups import FREE, plan_groups
from sk_mixup.model_selection._workers import (
    LARGE_BYTES,
    CannotBeSent,
    Workers,
    pack,
    unpack,
)
from tests.model_selection.searches import ALPHAS, Failing, network
from tests.twins import SMALL, TWINS

FOLDS = ms.KFold(4)


def scores(search, X, y):
    results = search.fit(X, y).cv_results_
    return np.array([results[f"split{fold}_test_score"] for fold in range(4)])


def process_score(estimator, X, y):
    return float(os.getpid())


def threads_score(estimator, X, y):
    return float(torch.get_num_threads())


# Where searches run.


@pytest.mark.parametrize("make", TWINS)
def test_processes_give_what_this_process_gives(make, blobs):
    model = make(**SMALL | {"early_stopping": True, "n_estimators": 2})
    here, away = (
        scores(GridSearchCV(model, ALPHAS, cv=FOLDS, refit=False, n_jobs=n), *blobs)
        for n in (1, 2)
    )
    np.testing.assert_allclose(away, here, atol=1e-5)


@pytest.mark.parametrize(
    ("backend", "elsewhere"), [("loky", True), ("threading", False)]
)
@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_n_jobs_and_the_backend_say_where_tasks_run(backend, elsewhere, n_jobs, blobs):
    search = GridSearchCV(
        network(), ALPHAS, cv=FOLDS, refit=False, n_jobs=n_jobs, scoring=process_score
    )
    with joblib.parallel_config(backend):
        found = scores(search, *blobs)
    away = elsewhere and n_jobs == 2
    assert (found != os.getpid()).all() == away
    assert (found == os.getpid()).all() == (not away)


def test_a_configuration_stands_for_n_jobs(blobs):
    search = GridSearchCV(
        network(), ALPHAS, cv=FOLDS, refit=False, scoring=process_score
    )
    with joblib.parallel_config(n_jobs=2):
        assert (scores(search, *blobs) != os.getpid()).all()


@pytest.mark.parametrize(
    ("backend", "n_jobs", "threads"),
    [("loky", 1, 1), ("loky", 2, 1), ("threading", 1, 1), ("threading", 2, 2)],
)
def test_processes_train_on_one_thread_each(backend, n_jobs, threads, blobs):
    search = GridSearchCV(
        network(), ALPHAS, cv=FOLDS, refit=False, n_jobs=n_jobs, scoring=threads_score
    )
    with joblib.parallel_config(backend):
        assert (scores(search, *blobs) == threads).all()


def test_what_scikit_learn_fits_is_sent_to_workers_too(blobs):
    expected = ms.cross_val_predict(network(), *blobs, cv=FOLDS)
    with together(n_jobs=2) as trained:
        found = ms.cross_val_predict(network(), *blobs, cv=FOLDS)
    assert sum(trained) == 4
    np.testing.assert_array_equal(found, expected)


def test_nested_searches_train_in_their_workers(blobs):
    inner = ms.GridSearchCV(network(), ALPHAS, cv=2)
    expected = ms.cross_val_score(inner, *blobs, cv=FOLDS)
    with together(n_jobs=2) as trained:
        found = ms.cross_val_score(inner, *blobs, cv=FOLDS)
    assert sum(trained) == 4 * (3 * 2 + 1)
    assert len(trained) == 4  # the inner fits of a worker, and its refits
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_search_in_a_worker_of_scikit_learns_stays_there(blobs):
    search = GridSearchCV(network(), ALPHAS, cv=2, n_jobs=2)
    expected = ms.cross_val_score(search.set_params(n_jobs=1), *blobs, cv=2)
    search.set_params(n_jobs=2)
    found = ms.cross_val_score(search, *blobs, cv=2, n_jobs=2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_errors_in_workers_are_scored_or_raised(blobs):
    search = GridSearchCV(Failing(**SMALL), ALPHAS, cv=FOLDS, refit=False, n_jobs=2)
    with (
        pytest.warns(FitFailedWarning, match="4 fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        found = scores(search, *blobs)
    assert np.isnan(found).all(axis=0).tolist() == [False, True, False]
    with pytest.raises(RuntimeError, match="now"):
        search.set_params(error_score="raise").fit(*blobs)


def holding(lock):
    return lambda estimator, X, y: float(lock is not None)


def test_what_cannot_be_sent_runs_here_and_says_so(blobs):
    scoring = holding(threading.Lock())
    search = GridSearchCV(
        network(), ALPHAS, cv=FOLDS, refit=False, n_jobs=2, scoring=scoring
    )
    with pytest.warns(UserWarning, match="workers cannot be sent .*n_jobs=1"):
        assert (scores(search, *blobs) == 1).all()


@pytest.mark.slow
def test_a_bar_counts_fits(blobs, capsys):
    GridSearchCV(network(), ALPHAS, cv=FOLDS, n_jobs=2, verbose=1, refit=False).fit(
        *blobs
    )
    assert "12/12" in capsys.readouterr().err


# How tasks are cut.


def fit(estimator, X, y, parameters=None):
    raise NotImplementedError("only looked at")


def calls(parameters, n_folds, estimator=None):
    """Make what joblib hands over: candidates in turn, each with all folds."""
    rows = [np.arange(9) for _ in range(n_folds)]
    return [
        joblib.parallel.BatchedCalls(
            [(fit, (estimator or network(), X, X), {"parameters": own})], (None, 1)
        )
        for own, X in product(parameters, rows)
    ]


@pytest.mark.parametrize("n_workers", [1, 2, 3, 64])
@pytest.mark.parametrize("n_estimators", [1, 8, 100])
@pytest.mark.parametrize("n_candidates", [1, 4, 50])
def test_groups_have_every_call_once(n_workers, n_estimators, n_candidates):
    made = calls([{"alpha": 1}] * n_candidates, 5, network(n_estimators=n_estimators))
    groups = plan_groups(made, n_workers)
    assert sorted(n for group in groups for n in group) == list(range(len(made)))
    assert len(groups) >= min(n_workers, len(made))
    assert all(groups)


@pytest.mark.parametrize(
    ("n_candidates", "n_folds", "n_workers", "n_estimators"),
    [(4, 5, 2, 8), (28, 7, 6, 1), (9, 4, 3, 3), (40, 5, 6, 1), (50, 5, 2, 8)],
)
def test_no_worker_waits_for_long(n_candidates, n_folds, n_workers, n_estimators):
    grid = [{"alpha": alpha} for alpha in range(n_candidates)]
    made = calls(grid, n_folds, network(n_estimators=n_estimators))
    busy = [0] * n_workers
    for group in plan_groups(made, n_workers):  # each goes to who is free first
        heapq.heapreplace(busy, busy[0] + len(group))
    assert max(busy) <= 1.05 * n_candidates * n_folds / n_workers + 1


@pytest.mark.parametrize("n_workers", [1, 2, 6])
def test_a_large_candidate_leaves_the_small_ones_together(n_workers):
    made = calls([{"n_estimators": n} for n in [*[1] * 30, 0, 100]], 5)
    groups = plan_groups(made, n_workers)
    assert sorted(n for group in groups for n in group) == list(range(len(made)))
    assert len(groups) <= 4 * n_workers + 2


def test_few_small_networks_are_one_stack_a_worker():
    made = calls([{"alpha": alpha} for alpha in range(4)], 5)
    assert list(map(len, plan_groups(made, 2))) == [10, 10]


def test_candidates_of_one_shape_share_their_folds():
    made = calls([{"net__alpha": alpha} for alpha in range(4)], 5)
    first, _ = plan_groups(made, 2)
    assert first == [0, 5, 10, 15, 1, 6, 11, 16, 2, 7]


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_a_fold_is_parted_only_for_a_worker_without(n_workers):
    made = calls([{"alpha": alpha} for alpha in range(4)], 5, network(n_estimators=8))
    folds = [[n % 5 for n in group] for group in plan_groups(made, n_workers)]
    assert all(len(set(own)) * 4 == len(own) for own in folds if len(own) >= 4)
    of_worker = 20 // n_workers
    assert max(map(len, folds)) <= of_worker
    assert len([own for own in folds if len(own) < 4]) == (2 if n_workers == 2 else 0)


def test_folds_of_one_shape_stay_together():
    made = calls([{"net__lr": lr} for lr in (0.1, 0.2)], 4)
    assert plan_groups(made, 2) == [[0, 1, 2, 3], [4, 5, 6, 7]]


# What is sent.


def tables(n_rows):
    X = np.arange(4.0 * n_rows).reshape(n_rows, 4)
    return {
        "array": X,
        "frame": pd.DataFrame(X),
        "series": pd.Series(X[:, 0]),
        "polars": pl.DataFrame(X),
        "sparse": sparse.csr_matrix(X),
        "text": np.array([["a", "b"]] * n_rows, dtype=object),
    }


def plain(value):
    value = value.toarray() if sparse.issparse(value) else value
    return np.asarray(value).tolist()


@pytest.mark.parametrize("kind", tables(1))
@pytest.mark.parametrize("n_rows", [3, LARGE_BYTES // 4])
def test_a_large_table_is_sent_once_and_a_small_one_along(kind, n_rows):
    table, sent = tables(n_rows)[kind], {}
    parcels = [pack([(n, table), (n, table)], sent) for n in range(3)]
    assert len(sent) == (n_rows > 3)
    received = pickle.loads(pickle.dumps(sent))
    for number, (parcel, keys) in enumerate(parcels):
        assert len(parcel) < LARGE_BYTES
        assert list(sent) == keys
        (n, one), (_, other) = unpack(parcel, received)
        assert (n, type(one)) == (number, type(table))
        assert one is other
        assert plain(one) == plain(table)


def test_nothing_runs_if_a_call_cannot_be_sent():
    workers = Workers(None, 2, 1, 0)
    with pytest.raises(CannotBeSent, match="pickle"):
        workers.run([int, threading.Lock().acquire], [])


# A cluster.


class Killed(TransformerMixin, BaseEstimator):
    """Kill the first process that fits it, and only that."""

    def __init__(self, mark):
        self.mark = mark

    def fit(self, X, y=None):
        try:
            Path(self.mark).touch(exist_ok=False)
        except FileExistsError:
            return self
        os.kill(os.getpid(), signal.SIGKILL)
        return self

    def transform(self, X):
        return X


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            protocol="tcp",
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_a_cluster_gives_what_this_process_gives(client, blobs):
    search = GridSearchCV(network(n_estimators=8), ALPHAS, cv=FOLDS, refit=False)
    here = scores(search, *blobs)
    with joblib.parallel_config("dask", client=client):
        away = scores(search, *blobs)
        processes = scores(search.set_params(scoring=process_score), *blobs)
    np.testing.assert_allclose(away, here, atol=1e-5)
    assert len(np.unique(processes)) == 2
    assert os.getpid() not in processes


def test_a_killed_worker_costs_no_results(client, tmp_path):
    X = np.random.default_rng(0).normal(size=(LARGE_BYTES // 16, 4))  # sent apart
    y = (X[:, 0] > 0).astype(int)
    mark = tmp_path / "killed"
    steps = make_pipeline(Killed(str(mark)), network(max_epochs=1, n_estimators=8))
    grid = {"mixupclassifier__alpha": [0, 1]}
    search = GridSearchCV(steps, grid, cv=FOLDS, refit=False, error_score="raise")
    with joblib.parallel_config("dask", client=client):
        away = scores(search, X, y)
    assert mark.exists()
    np.testing.assert_allclose(away, scores(search, X, y), atol=1e-5)


def fitted(model, X, y):
    return model.fit(X, y)


@pytest.mark.slow
def test_networks_come_back_whole(blobs):
    model = network(early_stopping=True, n_estimators=2, warm_start=True)
    with together(n_jobs=2):
        away = Parallel()(delayed(fitted)(model, *blobs) for _ in range(2))
    here = network(early_stopping=True, n_estimators=2, warm_start=True).fit(*blobs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for each in (*away, here):
            each.fit(*blobs)  # optimiser and streams travel too
    for each in away:
        np.testing.assert_allclose(
            each.predict_proba(blobs[0]), here.predict_proba(blobs[0]), atol=1e-4
        )


# Which fits profit from each other.


OTHERS = {
    "alpha": 0.7,
    "pairing": "neighbors",
    "n_neighbors": 3,
    "bandwidth": 0.5,
    "weights_per": "example",
    "warping": 0.5,
    "mix_features": "swap",
    "mix_target": "dominant",
    "kappa": 5.0,
    "tau": 0.3,
    "label_smoothing": 0.1,
    "noise_std": 0.1,
    "validation_fraction": 0.3,
    "validation": ms.ShuffleSplit(1, test_size=0.1, random_state=0),
    "scoring": process_score,
    "class_weight": "balanced",
    "temperature": 2.0,
    "member_weights": "uniform",
    "random_state": 1,
    "n_estimators": 3,
}


def recipe(make, data, **params):
    model = make(**SMALL | {"early_stopping": True} | params)
    return model._prepare(FitData(*data), model._start(), Memo()).recipe


def test_all_free_parameters_are_tried():
    assert OTHERS.keys() == FREE


@pytest.mark.parametrize("name", sorted(FREE))
@pytest.mark.parametrize("make", TWINS)
def test_networks_of_one_program_may_differ_in_free_parameters(make, name, data):
    if name not in make().get_params():
        pytest.skip("a parameter of the other twin")
    # Beside other validation rows an epoch of smaller minibatches has other steps.
    one, other = (
        recipe(make, data, batch_size=90, **params)
        for params in ({}, {name: OTHERS[name]})
    )
    assert one == other


def test_workers_have_the_precision_of_this_process(double, blobs):
    X, y = blobs
    found = [
        cross_validate(
            MixupClassifier(**SMALL), X, y, cv=2, n_jobs=n_jobs, return_estimator=True
        )["estimator"][0].predict_proba(X)
        for n_jobs in (1, 2)
    ]
    assert {own.dtype for own in found} == {np.dtype(np.float64)}
    np.testing.assert_allclose(*found, atol=1e-12)

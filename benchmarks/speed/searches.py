"""Searches over alpha, as scikit-learn does them and on clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import joblib
from joblib.externals.loky import get_reusable_executor
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import make_classification

from benchmarks.speed.measure import Case, Comparison, Reading, seconds
from benchmarks.speed.peers import OURS
from sk_mixup import MixupClassifier
from sk_mixup.model_selection import GridSearchCV

THEIRS: Final = "scikit-learn's search"
ONE, TWO = "1 worker", "2 workers"
TRIMMING: Final = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
Tables = Mapping[str, Callable[[], tuple[Any, Any]]]

#: What is searched with, and the largest ratio that is aimed at.
SEARCHED: Final[Mapping[str, tuple[Mapping[str, Any], float]]] = {
    "defaults": ({}, 0.8),
    "1 network, 10 epochs": ({"n_estimators": 1, "max_epochs": 10}, 0.4),
}


def searches(tables: Tables, params: Mapping[str, Any]) -> Iterator[Case]:
    """Time searches on two workers, against scikit-learn's and against one worker.

    ``params`` are of all estimators.
    """
    for name, load in tables.items():
        for recipe, (own, target) in SEARCHED.items():
            title = f"search, {name}, {recipe}"
            yield _against_theirs(title, load(), {**own, **params}, target)
    get_reusable_executor().shutdown()
    if find_spec("distributed") is not None:
        name, load = next(iter(tables.items()))
        yield _against_one(f"search, {name}, Dask", load(), params)


def _against_theirs(
    title: str,
    table: tuple[Any, Any],
    params: Mapping[str, Any],
    target: float,
) -> Case:
    kinds = {OURS: GridSearchCV, THEIRS: model_selection.GridSearchCV}
    made = {name: _search(kind, params, 2) for name, kind in kinds.items()}
    for search in made.values():  # whose processes have imported all from then on
        _briefly(search)
    subjects = {
        name: partial(seconds, partial(search.fit, *table), elsewhere=True)
        for name, search in made.items()
    }
    return Case(title, subjects, [Comparison(title, OURS, THEIRS, target)])


def _search(kind: type, params: Mapping[str, Any], n_jobs: int | None) -> Any:
    return kind(
        MixupClassifier(random_state=0, **params),
        {"alpha": [0, 0.2, 0.4, 1]},
        cv=5,
        n_jobs=n_jobs,
        refit=False,
        scoring="neg_log_loss",
        error_score="raise",
    )


def _briefly(search: Any) -> None:
    X, y = make_classification(100, random_state=0)
    clone(search).set_params(estimator__max_epochs=1).fit(X, y)


def _against_one(title: str, table: tuple[Any, Any], params: Mapping[str, Any]) -> Case:
    search = _search(GridSearchCV, params, None)
    subjects = {
        name: partial(_on_cluster, search, table, number)
        for name, number in ((TWO, 2), (ONE, 1))
    }
    return Case(title, subjects, [Comparison(title, TWO, ONE, 0.6)])


def _on_cluster(search: Any, table: tuple[Any, Any], n_workers: int) -> Reading:
    """Time a search on a cluster whose workers have imported all."""
    import dask
    import distributed

    with (
        # As the guide says: else each large tensor is new memory, cleared page by page.
        dask.config.set({TRIMMING: None}),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        joblib.parallel_config("dask", client=client),
    ):
        _briefly(search)
        return seconds(partial(search.fit, *table), elsewhere=True)

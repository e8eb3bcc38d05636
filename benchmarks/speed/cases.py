"""What is measured, group by group.

Each group is a generator of cases: data are made when its turn comes, and are gone when
it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import make_classification
from torch import nn

from benchmarks.speed.measure import (
    Case,
    Comparison,
    ImportTime,
    PeakMemory,
    Reading,
    Seconds,
    Subject,
)
from benchmarks.speed.peers import (
    MLP,
    OURS,
    PEERS,
    SKORCH,
    Recipe,
    ours,
    perceptron,
)
from sk_mixup import MixupClassifier
from sk_mixup.model_selection import GridSearchCV

N_FEATURES = 20

Table = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Scale:
    """How large the cases are.

    Parameters
    ----------
    tables : tuple of (int, int)
        Rows and epochs of single fits; the first is the small table of all groups.
    batch_sizes : tuple of int
        Minibatches of single fits.
    folds : int
        Folds of the grid.
    alphas : tuple of float
        Candidates of the grid.
    members : int
        Networks of the ensemble.
    growing_rows : tuple of int
        Rows whose time per row is compared.
    growing_runs : tuple of int
        Networks whose time per network is compared.
    predicted_rows : int
        Rows to predict.
    large_table : (int, int)
        Rows and features of the table whose fit's memory is measured.
    """

    tables: tuple[tuple[int, int], ...] = ((1_000, 10), (20_000, 2))
    batch_sizes: tuple[int, ...] = (16, 128)
    folds: int = 10
    alphas: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0)
    members: int = 8
    growing_rows: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    growing_runs: tuple[int, ...] = (1, 4, 16, 64, 256)
    predicted_rows: int = 1_000_000
    large_table: tuple[int, int] = (1_000_000, 100)

    @property
    def recipe(self) -> Recipe:
        """The recipe for the small table."""
        return Recipe(self.tables[0][1], self.batch_sizes[0])

    @property
    def n_networks(self) -> int:
        """Networks of the grid."""
        return self.folds * len(self.alphas)

    def small_table(self) -> Table:
        """Make the small table."""
        return make_table(self.tables[0][0])


FULL: Final = Scale()
#: Large enough to run every line, too small to say anything.
QUICK: Final = Scale(
    tables=((160, 2), (200, 1)),
    folds=2,
    alphas=(0.2, 1.0),
    members=2,
    growing_rows=(50, 100),
    growing_runs=(1, 2),
    predicted_rows=1_000,
    large_table=(2_000, 100),
)

#: The largest ratios aimed at in single fits, by peer and minibatch.
FIT_TARGETS: Final[Mapping[tuple[str, int], float]] = MappingProxyType(
    {(SKORCH, 16): 0.4, (MLP, 16): 0.85, (SKORCH, 128): 0.6, (MLP, 128): 0.6}
)
#: The same of the grid, against fits one after the other.
LOOP_TARGETS: Final[Mapping[str, float]] = MappingProxyType({SKORCH: 0.1, MLP: 0.25})
#: And against scikit-learn's GridSearchCV with two processes.
SEARCH_TARGETS: Final[Mapping[str, float]] = MappingProxyType({SKORCH: 0.2, OURS: 0.6})


def make_table(n_rows: int) -> Table:
    """Make a table of two classes.

    Parameters
    ----------
    n_rows : int
        Rows.

    Returns
    -------
    X : ndarray of shape (n_rows, 20)
        Float32 rows.
    y : ndarray of shape (n_rows,)
        Classes 0 and 1.
    """
    X, y = make_classification(n_rows, N_FEATURES, n_informative=10, random_state=0)
    return X.astype(np.float32), y.astype(np.int64)


def _single_fits(scale: Scale) -> Iterator[Case]:
    """Time single fits, against the peers."""
    for (n_rows, epochs), size in product(scale.tables, scale.batch_sizes):
        table, recipe = make_table(n_rows), Recipe(epochs, size)
        title = f"one fit, {n_rows:,} rows, batch {size}"
        yield Case(
            title,
            tuple(_one_fit(name, recipe, table) for name in PEERS),
            tuple(
                Comparison(title, OURS, name, FIT_TARGETS.get((name, size)))
                for name in PEERS
                if name != OURS
            ),
        )


def _one_fit(name: str, recipe: Recipe, table: Table) -> Subject:
    seconds = Seconds(partial(_fit, name, [recipe], table), single_thread=name != OURS)
    return Subject(name, seconds, PEERS[name].package)


def _fit(name: str, recipes: Sequence[Recipe], table: Table) -> None:
    for recipe in recipes:
        PEERS[name].make(recipe).fit(*table)


def _grid(scale: Scale) -> Iterator[Case]:
    """Time a grid search, against scikit-learn's and against fits in a loop."""
    table, title = scale.small_table(), f"grid of {scale.n_networks}"
    own = Seconds(partial(_search(GridSearchCV, OURS, scale).fit, *table))
    loops = [_loop(name, scale, table) for name in LOOP_TARGETS]
    searches = [_workers(name, scale, table) for name in SEARCH_TARGETS]
    yield Case(
        title,
        (Subject(OURS, own), *loops, *searches),
        (
            *_against(loops, f"{title}, a loop", LOOP_TARGETS),
            *_against(searches, title, SEARCH_TARGETS),
        ),
    )
    get_reusable_executor().shutdown()


def _against(
    others: Sequence[Subject], title: str, targets: Mapping[str, float]
) -> Iterator[Comparison]:
    for other, target in zip(others, targets.values(), strict=True):
        yield Comparison(title, OURS, other.name, target)


def _search(search: type, name: str, scale: Scale) -> Any:
    model = PEERS[name].make(scale.recipe)
    alphas = {PEERS[name].alpha: list(scale.alphas)}
    cv = model_selection.StratifiedKFold(scale.folds)
    return search(model, alphas, cv=cv, n_jobs=2, refit=False, error_score="raise")


def _workers(name: str, scale: Scale, table: Table) -> Subject:
    """Let scikit-learn search, on processes that have imported what they need."""
    search = _search(model_selection.GridSearchCV, name, scale)
    few = model_selection.StratifiedShuffleSplit(2, train_size=20, test_size=20)
    clone(search).set_params(cv=few).fit(*table)
    seconds = Seconds(partial(search.fit, *table), elsewhere=True)
    return Subject(f"GridSearchCV of {name}", seconds, PEERS[name].package)


def _loop(name: str, scale: Scale, table: Table) -> Subject:
    """Fit one fold for each candidate; the time is that of all folds."""
    X, y = table
    cv = model_selection.StratifiedKFold(scale.folds)
    train, _ = next(iter(cv.split(X, y)))
    recipes = [replace(scale.recipe, alpha=alpha) for alpha in scale.alphas]
    action = partial(_fit, name, recipes, (X[train], y[train]))
    seconds = Seconds(action, scale.folds, single_thread=True)
    return Subject(name, seconds, PEERS[name].package)


def _ensemble(scale: Scale) -> Iterator[Case]:
    """Time an ensemble, against one network."""
    title = f"ensemble of {scale.members}"
    one, many = _networks(scale, 1), _networks(scale, scale.members)
    yield Case(title, (one, many), (Comparison(title, many.name, one.name, 3.0),))


def _runs(scale: Scale) -> Iterator[Case]:
    """Time fits of more and more networks, per network."""
    subjects = [_networks(scale, runs, 1 / runs) for runs in scale.growing_runs]
    first = subjects[0].name
    compared = zip(scale.growing_runs[1:], subjects[1:], strict=True)
    yield Case(
        "time per network",
        tuple(subjects),
        tuple(
            Comparison(f"{runs} networks, each", subject.name, first)
            for runs, subject in compared
        ),
    )


def _networks(scale: Scale, runs: int, times: float = 1.0) -> Subject:
    """Fit so many networks on the small table."""
    model = ours(scale.recipe, n_estimators=runs)
    name = "fit of 1 network" if runs == 1 else f"fit of {runs} networks"
    return Subject(name, Seconds(partial(model.fit, *scale.small_table()), times))


def _rows(scale: Scale) -> Iterator[Case]:
    """Time fits of more and more rows, per row and at as many epochs."""
    models = {
        "": ours(Recipe(2, scale.batch_sizes[0])),
        ", defaults": MixupClassifier(max_epochs=2, random_state=0),
    }
    names = {n_rows: f"fit of {n_rows:,} rows" for n_rows in scale.growing_rows}
    for which, model in models.items():
        yield Case(
            f"time per row{which}",
            tuple(
                Subject(
                    name, Seconds(partial(model.fit, *make_table(n_rows)), 1 / n_rows)
                )
                for n_rows, name in names.items()
            ),
            tuple(
                Comparison(
                    f"{more:,} rows, each{which}", names[more], names[fewer], 1.05
                )
                for fewer, more in pairwise(names)
            ),
        )


def _mixing(scale: Scale) -> Iterator[Case]:
    """Time fits on random pairs, against fits on the rows themselves."""
    table = make_table(scale.tables[-1][0])
    epochs = scale.tables[-1][1]
    for size in scale.batch_sizes:
        title = f"random pairs, batch {size}"
        subjects = [
            Subject(name, Seconds(partial(ours(Recipe(epochs, size, a)).fit, *table)))
            for name, a in (("mixup", 0.4), ("ERM", 0.0))
        ]
        yield Case(title, tuple(subjects), (Comparison(title, "mixup", "ERM", 1.1),))


def _prediction(scale: Scale) -> Iterator[Case]:
    """Time predictions, against the network's bare forward pass."""
    model = ours(scale.recipe).fit(*scale.small_table())
    X = np.random.default_rng(0).random(
        (scale.predicted_rows, N_FEATURES), dtype=np.float32
    )
    tensor = torch.from_numpy(X)
    network = nn.Sequential(perceptron(scale.recipe.hidden), nn.Softmax(-1))
    bare = {"forward pass": len(X), "forward pass in chunks": 8192}
    title = "predict_proba"
    yield Case(
        title,
        (
            Subject(OURS, Seconds(partial(model.predict_proba, X))),
            *(
                Subject(name, Seconds(partial(_forward, network, tensor, size)))
                for name, size in bare.items()
            ),
        ),
        tuple(Comparison(title, OURS, name, 1.2) for name in bare),
    )


def _forward(network: nn.Module, X: torch.Tensor, size: int) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([network(rows) for rows in X.split(size)])


def _memory(scale: Scale) -> Iterator[Case]:
    """Measure the memory of a fit beyond its table, against the table."""
    title, n_bytes = "peak memory", 4 * int(np.prod(scale.large_table))
    yield Case(
        title,
        (
            Subject(OURS, PeakMemory(*scale.large_table)),
            Subject("the table", partial(Reading, n_bytes / 1e6)),
        ),
        (Comparison(title, OURS, "the table", 2.0),),
        unit="MB",
    )


def _imports(scale: Scale) -> Iterator[Case]:
    """Time the import, against those of what the package stands on."""
    title, others = "import", ("torch", "skorch", "sklearn.neural_network")
    yield Case(
        title,
        tuple(Subject(f"import {name}", ImportTime(name)) for name in (OURS, *others)),
        tuple(Comparison(title, f"import {OURS}", f"import {name}") for name in others),
    )


def gpu_cases(scale: Scale, device: str = "cuda") -> Iterator[Case]:
    """Time the grid and ensembles on a GPU, against the CPU.

    Parameters
    ----------
    scale : Scale
        Sizes.
    device : str, default="cuda"
        The device.

    Yields
    ------
    case : Case
        For the grid and for each number of networks.
    """
    table = scale.small_table()
    search = _search(GridSearchCV, OURS, scale)
    title = f"grid of {scale.n_networks}"
    yield _on_both(title, search, "estimator__device", device, table)
    for runs in sorted({scale.members, *scale.growing_runs}):
        model = ours(scale.recipe, n_estimators=runs)
        yield _on_both(f"ensemble of {runs}", model, "device", device, table)


def _on_both(
    title: str, estimator: Any, parameter: str, device: str, table: Table
) -> Case:
    """Fit on the device and on the CPU."""
    subjects = [
        Subject(name, Seconds(partial(_clone(estimator, parameter, to).fit, *table)))
        for name, to in (("GPU", device), ("CPU", "cpu"))
    ]
    title = f"{title}, GPU"
    return Case(title, tuple(subjects), (Comparison(title, "GPU", "CPU"),))


def _clone(estimator: Any, parameter: str, value: Any) -> Any:
    return clone(estimator).set_params(**{parameter: value})


GROUPS: Final[Mapping[str, Callable[[Scale], Iterator[Case]]]] = MappingProxyType(
    {
        "fit": _single_fits,
        "grid": _grid,
        "ensemble": _ensemble,
        "rows": _rows,
        "runs": _runs,
        "mixing": _mixing,
        "predict": _prediction,
        "memory": _memory,
        "import": _imports,
        "gpu": gpu_cases,
    }
)

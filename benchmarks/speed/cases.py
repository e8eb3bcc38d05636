"""What is measured, group by group.

Each group is a generator of cases: data are made when its turn comes, and are gone when
it is over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, pairwise, product
from typing import Any, Final

import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    make_classification,
)
from torch import nn

from benchmarks.speed.large import large_tables
from benchmarks.speed.measure import (
    Case,
    Comparison,
    Reading,
    import_time,
    peak_memory,
    seconds,
)
from benchmarks.speed.peers import (
    ALPHAS,
    MLP,
    OURS,
    PEERS,
    SKORCH,
    Recipe,
    ours,
    perceptron,
)
from benchmarks.speed.searches import searches
from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.model_selection import GridSearchCV

N_FEATURES = 20
CALLS = 500  # of a row, which takes a tenth of a millisecond

Table = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Scale:
    """How large the cases are."""

    tables: tuple[tuple[int, int], ...] = ((1_000, 10), (20_000, 2))  # rows, epochs
    batch_sizes: tuple[int, ...] = (16, 128)
    folds: int = 10
    alphas: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0)
    members: int = 8
    growing_rows: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    growing_runs: tuple[int, ...] = (1, 4, 16, 64, 256)
    predicted_rows: int = 1_000_000
    large_table: tuple[int, int] = (1_000_000, 100)  # rows, features
    very_large: tuple[int, ...] = (100_000, 1_000_000)
    time_limit: float = 5.0  # seconds
    searched: Mapping[str, Callable[[], Any]] = field(
        default_factory=lambda: {
            "breast cancer": partial(load_breast_cancer, return_X_y=True),
            "digits": partial(load_digits, return_X_y=True),
        }
    )
    search_params: Mapping[str, Any] = field(default_factory=dict)

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
    very_large=(200,),
    time_limit=0.2,
    searched={"iris": partial(load_iris, return_X_y=True)},
    search_params={"max_epochs": 1, "n_estimators": 1},
)

#: The largest ratios aimed at in single fits, by peer and minibatch.
FIT_TARGETS: Final[Mapping[tuple[str, int], float]] = {
    (SKORCH, 16): 0.4,
    (MLP, 16): 0.85,
    (SKORCH, 128): 0.6,
    (MLP, 128): 0.6,
}
#: The same of the grid, against fits one after the other.
LOOP_TARGETS: Final[Mapping[str, float]] = {SKORCH: 0.1, MLP: 0.25}
#: And against scikit-learn's GridSearchCV with two processes.
SEARCH_TARGETS: Final[Mapping[str, float]] = {SKORCH: 0.2, OURS: 0.6}


def make_table(n_rows: int) -> Table:
    """Make a table of 20 features, float32, and classes 0 and 1."""
    X, y = make_classification(n_rows, N_FEATURES, n_informative=10, random_state=0)
    return X.astype(np.float32), y.astype(np.int64)


def _fit(name: str, recipes: Sequence[Recipe], table: Table) -> None:
    for recipe in recipes:
        PEERS[name](recipe).fit(*table)


def _timed(estimator: Any, table: Table, scale: float = 1.0) -> Callable[[], Reading]:
    return partial(seconds, partial(estimator.fit, *table), scale)


def _single_fits(scale: Scale) -> Iterator[Case]:
    """Time single fits, against the peers."""
    for (n_rows, epochs), size in product(scale.tables, scale.batch_sizes):
        table, recipe = make_table(n_rows), Recipe(epochs, size)
        title = f"one fit, {n_rows:,} rows, batch {size}"
        subjects = {
            name: partial(
                seconds,
                partial(_fit, name, [recipe], table),
                single_thread=name != OURS,
            )
            for name in PEERS
        }
        others = [name for name in PEERS if name != OURS]
        targets = [FIT_TARGETS.get((name, size)) for name in others]
        yield Case(title, subjects, _against(title, OURS, others, targets))


def _against(
    title: str, subject: str, peers: Sequence[str], targets: Sequence[float | None]
) -> list[Comparison]:
    pairs = zip(peers, targets, strict=True)
    return [Comparison(title, subject, peer, target) for peer, target in pairs]


def _grid(scale: Scale) -> Iterator[Case]:
    """Time a grid search, against scikit-learn's and against fits in a loop."""
    table, title = scale.small_table(), f"grid of {scale.n_networks}"
    own = _search(GridSearchCV, OURS, scale)
    subjects: dict[str, Callable[[], Reading]] = {
        OURS: partial(seconds, partial(own.fit, *table), elsewhere=True)
    }
    subjects |= {name: _loop(name, scale, table) for name in LOOP_TARGETS}
    searches = {name: f"GridSearchCV of {name}" for name in SEARCH_TARGETS}
    for name, search in searches.items():
        subjects[search] = _workers(name, scale, table)
    loop, targets = f"{title}, a loop", list(SEARCH_TARGETS.values())
    yield Case(
        title,
        subjects,
        _against(loop, OURS, list(LOOP_TARGETS), list(LOOP_TARGETS.values()))
        + _against(title, OURS, list(searches.values()), targets),
    )
    get_reusable_executor().shutdown()


def _search(search: type, name: str, scale: Scale) -> Any:
    model, alphas = PEERS[name](scale.recipe), {ALPHAS[name]: list(scale.alphas)}
    cv = model_selection.StratifiedKFold(scale.folds)
    return search(model, alphas, cv=cv, n_jobs=2, refit=False, error_score="raise")


def _workers(name: str, scale: Scale, table: Table) -> Callable[[], Reading]:
    """Let scikit-learn search, on processes that have imported what they need."""
    search = _search(model_selection.GridSearchCV, name, scale)
    few = model_selection.StratifiedShuffleSplit(2, train_size=20, test_size=20)
    clone(search).set_params(cv=few).fit(*table)
    return partial(seconds, partial(search.fit, *table), elsewhere=True)


def _loop(name: str, scale: Scale, table: Table) -> Callable[[], Reading]:
    """Fit one fold for each candidate; the time is that of all folds."""
    X, y = table
    train, _ = next(iter(model_selection.StratifiedKFold(scale.folds).split(X, y)))
    recipes = [replace(scale.recipe, alpha=alpha) for alpha in scale.alphas]
    action = partial(_fit, name, recipes, (X[train], y[train]))
    return partial(seconds, action, scale.folds, single_thread=True)


def _searches(scale: Scale) -> Iterator[Case]:
    """Time searches on two workers, against scikit-learn's and against one worker."""
    yield from searches(scale.searched, scale.search_params)


def _ensemble(scale: Scale) -> Iterator[Case]:
    """Time an ensemble, against one network."""
    title, table = f"ensemble of {scale.members}", scale.small_table()
    one, many = "fit of 1 network", f"fit of {scale.members} networks"
    subjects = {
        one: _timed(ours(scale.recipe, n_estimators=1), table),
        many: _timed(ours(scale.recipe, n_estimators=scale.members), table),
    }
    yield Case(title, subjects, [Comparison(title, many, one, 3.0)])


def _runs(scale: Scale) -> Iterator[Case]:
    """Time fits of more and more networks, per network."""
    table = scale.small_table()
    names = {
        runs: f"fit of {runs} network{'s' * (runs > 1)}" for runs in scale.growing_runs
    }
    first, *others = names
    yield Case(
        "time per network",
        {
            name: _timed(ours(scale.recipe, n_estimators=runs), table, 1 / runs)
            for runs, name in names.items()
        },
        [
            Comparison(f"{runs} networks, each", names[runs], names[first])
            for runs in others
        ],
    )


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
            {
                name: _timed(model, make_table(n_rows), 1 / n_rows)
                for n_rows, name in names.items()
            },
            [
                Comparison(f"{more:,} rows, each{which}", names[more], names[few], 1.05)
                for few, more in pairwise(names)
            ],
        )


def _mixing(scale: Scale) -> Iterator[Case]:
    """Time fits on random pairs, against fits on the rows themselves."""
    n_rows, epochs = scale.tables[-1]
    table = make_table(n_rows)
    for size in scale.batch_sizes:
        title = f"random pairs, batch {size}"
        subjects = {
            name: _timed(ours(Recipe(epochs, size, alpha)), table)
            for name, alpha in (("mixup", 0.4), ("ERM", 0.0))
        }
        yield Case(title, subjects, [Comparison(title, "mixup", "ERM", 1.1)])


def _prediction(scale: Scale) -> Iterator[Case]:
    """Time predictions, against the network's bare forward pass."""
    model = ours(scale.recipe).fit(*scale.small_table())
    shape = (scale.predicted_rows, N_FEATURES)
    X = np.random.default_rng(0).random(shape, dtype=np.float32)
    network = nn.Sequential(perceptron(scale.recipe.hidden), nn.Softmax(-1))
    bare = {"forward pass": len(X), "forward pass in chunks": 8192}
    title = "predict_proba"
    subjects = {OURS: partial(seconds, partial(model.predict_proba, X))}
    for name, size in bare.items():
        forward = partial(_forward, network, torch.from_numpy(X), size)
        subjects[name] = partial(seconds, forward)
    yield Case(title, subjects, [Comparison(title, OURS, name, 1.2) for name in bare])


def _latency(scale: Scale) -> Iterator[Case]:
    """Time the prediction of a row, against the bare products of its networks."""
    table = scale.small_table()
    params: dict[str, Any] = {"max_epochs": 1, "random_state": 0}
    params["n_estimators"] = scale.members
    for make, method in (
        (MixupClassifier, "predict_proba"),
        (MixupRegressor, "predict"),
    ):
        model = make(**params).fit(*table)
        row, title = table[0][:1], f"{method} of a row"
        bare = _bare_products(model.to_torch(), torch.from_numpy(row))
        one, products = f"{method}, one row", f"products of {method}"
        subjects = {
            one: _many_times(partial(getattr(model, method), row)),
            products: _many_times(bare),
        }
        yield Case(title, subjects, [Comparison(title, one, products, 3.0)])


def _many_times(action: Callable[[], Any]) -> Callable[[], Reading]:
    def repeated() -> None:
        for _ in range(CALLS):
            action()

    return partial(seconds, repeated, 1 / CALLS, single_thread=True)


def _bare_products(predictor: Any, row: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Return the networks' forward pass for a row that is encoded already."""
    # Networks of several encodings have first layers of several widths.
    members = sorted(predictor.members, key=lambda own: own.body[0].in_features)
    groups = [list(own) for _, own in groupby(members, lambda m: m.body[0].in_features)]
    encoded = [torch.stack([own.standardize(row) for own in group]) for group in groups]
    firsts = [_stacked([own.body[0] for own in group]) for group in groups]
    linear = [[p for p in own.body if isinstance(p, nn.Linear)][1:] for own in members]
    others = [_stacked(layer) for layer in zip(*linear, strict=True)]

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            parts = [
                torch.baddbmm(bias, x, weight)
                for x, (bias, weight) in zip(encoded, firsts, strict=True)
            ]
            x = torch.cat(parts) if len(parts) > 1 else parts[0]
            for bias, weight in others:
                x = torch.baddbmm(bias, x.relu_(), weight)
            return x

    return forward


def _stacked(layers: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    bias = torch.stack([each.bias for each in layers]).unsqueeze(1)
    return bias, torch.stack([each.weight.T for each in layers]).contiguous()


def _forward(network: nn.Module, X: torch.Tensor, size: int) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([network(rows) for rows in X.split(size)])


def _memory(scale: Scale) -> Iterator[Case]:
    """Measure the memory of a fit beyond its table, against the table."""
    n_rows, n_features = scale.large_table
    table, title = "the table", "peak memory"
    subjects: dict[str, Callable[[], Reading]] = {
        OURS: partial(peak_memory, n_rows, n_features),
        table: lambda: (4 * n_rows * n_features / 1e6, math.nan),
    }
    yield Case(title, subjects, [Comparison(title, OURS, table, 2.0)], unit="MB")


def _limits(scale: Scale) -> Iterator[Case]:
    """Time fits that must end in time, against the limit and a second more."""
    limit = scale.time_limit
    table, given = make_table(scale.tables[-1][0]), f"time_limit={limit}"
    for name, stops in (("all epochs", False), ("early stopping", True)):
        model = MixupClassifier(
            max_epochs=100_000,
            n_iter_no_change=100_000,
            early_stopping=stops,
            time_limit=limit,
            random_state=0,
        )
        subjects: dict[str, Callable[[], Reading]] = {
            name: _timed(model, table),
            given: lambda: (limit, math.nan),
        }
        target = (limit + 1) / limit
        yield Case(
            f"time limit, {name}", subjects, [Comparison(given, name, given, target)]
        )


def _imports(scale: Scale) -> Iterator[Case]:
    """Time the import, against those of what the package stands on."""
    names = [OURS, "torch", "skorch", "sklearn.neural_network"]
    subjects = {f"import {name}": partial(import_time, name) for name in names}
    own, *others = subjects
    compared = [Comparison("import", own, other) for other in others]
    yield Case("import", subjects, compared)


def gpu_cases(scale: Scale, device: str = "cuda") -> Iterator[Case]:
    """Time the grid and ensembles on a device, against the CPU."""
    table, members = scale.small_table(), {scale.members, *scale.growing_runs}
    search = _search(GridSearchCV, OURS, scale)
    title = f"grid of {scale.n_networks}"
    yield _on_both(title, search, "estimator__device", device, table)
    for runs in sorted(members):
        model = ours(scale.recipe, n_estimators=runs)
        yield _on_both(f"ensemble of {runs}", model, "device", device, table)


def _on_both(
    title: str, estimator: Any, parameter: str, device: str, table: Table
) -> Case:
    subjects = {
        name: _timed(clone(estimator).set_params(**{parameter: where}), table)
        for name, where in (("GPU", device), ("CPU", "cpu"))
    }
    title = f"{title}, GPU"
    return Case(title, subjects, [Comparison(title, "GPU", "CPU")])


GROUPS: Final[Mapping[str, Callable[[Scale], Iterator[Case]]]] = {
    "fit": _single_fits,
    "grid": _grid,
    "search": _searches,
    "ensemble": _ensemble,
    "rows": _rows,
    "runs": _runs,
    "mixing": _mixing,
    "predict": _prediction,
    "latency": _latency,
    "memory": _memory,
    "limit": _limits,
    "large": lambda scale: large_tables(scale.very_large),
    "import": _imports,
    "gpu": gpu_cases,
}

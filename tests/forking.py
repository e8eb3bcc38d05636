"""What happens around a fork, told line by line; run as a program of its own.

Threads of OpenMP stay where they once were started, so the process in which the tests
run cannot tell.
"""

import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import sk_mixup
from sk_mixup import MixupClassifier, fit_many
from sk_mixup._networks.ensemble import ONE_THREAD_ROWS
from sk_mixup.inspection import loss_gradient
from sk_mixup.model_selection import GridSearchCV

LIMIT_S = 20  # what hangs does so for ever


def n_threads():
    return len(list(Path("/proc/self/task").iterdir()))


def ends(work):
    """Tell whether work that is done in a forked process comes to an end."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(LIMIT_S)
    if process.exitcode is None:
        process.kill()
    return process.exitcode == 0


def perceptron(n_outputs):
    return nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, n_outputs))


def works(make, X, y):
    """Name what a process may do with an estimator, and how."""
    params = {"max_epochs": 2, "random_state": 0}
    module = {
        "module": perceptron,
        "module_params": {"n_outputs": 1 + (make is MixupClassifier)},
    }
    fitted = make(**params).fit(X, y)
    small = {
        "fit": lambda: make(**params).fit(X, y),
        "predict": lambda: fitted.predict(X),
        "partial_fit": lambda: make(**params).partial_fit(X, y).partial_fit(X, y),
        "fit of a module": lambda: make(**params, **module).fit(X, y).predict(X),
        "to_torch": fitted.to_torch,
        "fit_many": lambda: fit_many(
            [make(alpha, **params) for alpha in (0, 1)], [X] * 2, [y] * 2
        ),
        "search": lambda: GridSearchCV(make(**params), {"alpha": [0, 1]}, cv=2).fit(
            X, y
        ),
    }
    if make is MixupClassifier:
        small["gradient"] = lambda: loss_gradient(fitted, X, y)
    many = np.tile(X, (1 + ONE_THREAD_ROWS // len(X), 1))
    wide = {"hidden_layer_sizes": 512, "batch_size": 512}
    large = {
        "predict of many rows": lambda: fitted.predict(many),
        "fit of wide networks": lambda: make(**params, **wide).fit(X, y),
    }
    return small, large


def main():
    torch.set_num_threads(2)
    name = sys.argv[1]
    make = getattr(sk_mixup, name)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 20))
    y = (X[:, 0] > 0) if make is MixupClassifier else X[:, 0]
    before = n_threads()
    small, large = works(make, X, y)
    for work in small.values():
        work()
    outcome = {"more threads": n_threads() - before}
    for what, work in (small | large).items():
        outcome[what] = ends(work)
    before = n_threads()  # of which some end at a fork
    for work in large.values():
        work()
    outcome["more threads after large work"] = n_threads() - before
    for what in ("fit", "predict", *large):
        outcome[f"{what}, after large work"] = ends((small | large)[what])
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()

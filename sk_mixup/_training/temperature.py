"""The temperature: one number that makes probabilities as sure as they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._training.minibatches import ValidationRows
from sk_mixup._training.run import Run

LARGEST = 20.0
MOST_ROWS = 20_000


def fitted_temperature(network: Network, loss: Loss, runs: list[Run]) -> float:
    """Return the temperature of the least loss on the rows that each run left out.

    The logarithm of the temperature has a normal prior of mean 0 and deviation 1, which
    weighs as much as a row or two and decides where almost no rows were left out. Of
    many rows some are enough for one number.
    """
    rows = ValidationRows([_thinned(run, MOST_ROWS // len(runs)) for run in runs])
    n_rows = sum(len(portion) for portion in rows.portions)
    with torch.inference_mode():
        judged = [
            (
                network.outputs(batch.inputs).double(),
                batch.targets.double(),
                batch.weight.double(),
            )
            for batch in rows.batches()
        ]

        def objective(log_temperature: float) -> float:
            temperature = float(np.exp(log_temperature))
            losses = [
                loss(outputs / temperature, targets, weight).mean()
                for outputs, targets, weight in judged
            ]
            return float(sum(losses)) * n_rows + log_temperature**2 / 2

        if not np.isfinite(objective(0.0)):
            raise ValueError(
                "The networks' outputs are NaN or infinite on rows that were left out; "
                "try standardize=True or a look at extreme values in X."
            )
        bound = np.log(LARGEST)
        found = minimize_scalar(objective, bounds=(-bound, bound), method="bounded")
    return float(np.exp(found.x))


def _thinned(run: Run, size: int) -> Run:
    """Return the run with at most so many rows left out, evenly spread."""
    portion = run.validation
    if portion is None or len(portion) <= size:
        return run
    numbers = torch.linspace(0, len(portion) - 1, size, device=portion.device)
    return replace(run, validation=portion.subset(numbers.long()))

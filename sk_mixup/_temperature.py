"""The temperature: one number that makes probabilities as sure as they should be."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from sk_mixup._epoch import ValidationRows
from sk_mixup._losses import Loss
from sk_mixup._modules import Network
from sk_mixup._rows import Run

LARGEST = 20.0


def fitted_temperature(network: Network, loss: Loss, runs: list[Run]) -> float:
    """Return the temperature of the least loss on the rows that each run left out.

    The logarithm of the temperature has a normal prior of mean 0 and deviation 1, which
    weighs as much as a row or two and decides where almost no rows were left out.
    """
    rows = ValidationRows(runs)
    n_rows = sum(len(portion) for portion in rows.portions)
    with torch.inference_mode():
        judged = [
            (network(inputs).double(), targets.double(), mass.double())
            for inputs, targets, mass in rows.blocks()
        ]

        def objective(log_temperature: float) -> float:
            temperature = float(np.exp(log_temperature))
            losses = [
                loss(outputs / temperature, targets, mass).mean()
                for outputs, targets, mass in judged
            ]
            return float(sum(losses)) * n_rows + log_temperature**2 / 2

        bound = np.log(LARGEST)
        found = minimize_scalar(objective, bounds=(-bound, bound), method="bounded")
    return float(np.exp(found.x))

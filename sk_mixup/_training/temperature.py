"""The temperature: one number that calibrates the probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._training.run import Run
from sk_mixup._training.validation_rows import ValidationRows

#: The bounded search needs an interval; its ends, 20 and 1/20, lie three deviations of
#: the prior away.
LARGEST = 20.0
#: The mean of networks that differ is less sure than each, and more often right.
#: NOTE[DIFF]: arXiv 2007.08792 fits a temperature of the mean, for which all networks
#: must leave the same rows out; they do with rows of the user's own alone, and have the
#: same factor then. The best one hardly differs between two and eight networks
#: (`python -m benchmarks averages`).
SHARPER = 0.9
#: One number does not need more rows, and each trial of the search visits them all.
MOST_ROWS = 20_000
#: Of the outputs of these rows, which are held in double precision: 160 MB.
MOST_NUMBERS = 10_000_000


def fitted_temperature(network: Network, loss: Loss, runs: list[Run]) -> float:
    """Return the temperature of the least loss on the rows that each run left out.

    That is of a network on its own: ``SHARPER`` is for several that are averaged.
    """
    most = min(MOST_ROWS, MOST_NUMBERS // runs[0].training.targets.width)
    thinned = [_thinned(run, max(1, most // len(runs))) for run in runs]
    rows = ValidationRows(thinned, network.inputs)
    n_rows = sum(len(subset) for subset in rows.subsets)
    with torch.inference_mode():
        judged = [
            (
                # Near the minimum, sums differ in digits that single precision lacks.
                # On the CPU: some GPUs have no double precision, and each trial of the
                # search would wait for others.
                network.outputs(batch.encoded).cpu().double(),
                batch.targets.cpu().double(),
                batch.weight.cpu().double(),
            )
            for batch in rows.batches()
        ]

        def objective(log_temperature: float) -> float:
            temperature = float(np.exp(log_temperature))
            losses = [
                loss(outputs / temperature, targets, weight).mean()
                for outputs, targets, weight in judged
            ]
            # A normal prior of the logarithm, of mean 0 and deviation 1: it weighs as
            # much as a row or two, and decides where almost no rows were held out.
            return float(sum(losses)) * n_rows + log_temperature**2 / 2

        # The search would end at some number all the same.
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
    subset = run.validation
    if subset is None or len(subset) <= size:
        return run
    # Evenly spread: rows may be sorted, by class or by time.
    numbers = torch.linspace(0, len(subset) - 1, size, device=subset.device)
    return replace(run, validation=subset.subset(numbers.long()))

"""The recorded quantities: how each is called, scaled and judged.

One place for what statistics, tables and plots must agree on: whether more is
better, the unit a reader sees and how many decimals mean anything.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """How a recorded column is shown and judged."""

    label: str  # what a heading or an axis says, unit included
    scale: float = 1.0  # times this is what is shown: 100 for percent
    decimals: int = 3
    higher_is_better: bool = False
    is_exact: bool = False  # a mean that is shown without its standard error


_QUANTITIES = {
    "error": Quantity("error (%)", scale=100.0, decimals=1),
    "best_error": Quantity("best test error (%)", scale=100.0, decimals=1),
    "last_error": Quantity("last test error (%)", scale=100.0, decimals=1),
    "train_real": Quantity("training error, real labels (%)", scale=100.0, decimals=1),
    "train_corrupted": Quantity(
        "training error, corrupted labels (%)", scale=100.0, decimals=1
    ),
    "log_loss": Quantity("log loss"),
    "brier": Quantity("Brier score"),
    "ece": Quantity("calibration error"),
    "auc": Quantity("area under the ROC curve", higher_is_better=True),
    "rmse": Quantity("error (deviations)"),
    "r2": Quantity("R²", higher_is_better=True),
    "fit_seconds": Quantity("fit (s)", decimals=2),
    "fit_share": Quantity("share of fit (s)", decimals=2, is_exact=True),
    "median_fit": Quantity("median fit (s)", decimals=2),
    "predict_seconds": Quantity("predict (s)", decimals=4),
    "miss_rate": Quantity("miss rate (%)", scale=100.0, decimals=2),
    "gradient_norm": Quantity("gradient norm", decimals=2),
    "distance": Quantity("distance to the data", decimals=4),
    "least_distance": Quantity("least distance to the data", decimals=4),
    "floor": Quantity("distance of real rows", decimals=4),
}


def quantity(name: str) -> Quantity:
    """Return how a column is shown and judged.

    An unknown column is shown by its name as it is, and lower is taken for better.
    """
    return _QUANTITIES.get(name, Quantity(name.replace("_", " ")))

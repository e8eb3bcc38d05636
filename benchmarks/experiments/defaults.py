"""The study behind the defaults, first round: one choice of the recipe at a time."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.experiments._study import MEMBERS, Study
from benchmarks.jobs import Method, items

START: Final = "starting point"

#: Where the second round, `refine`, begins.
CHOICE: Final = "constant rate"

#: Spelt out, so that the study stays what it was when defaults change.
START_RECIPE: Final[dict[str, Any]] = {
    "alpha": 0.4,
    "clean_epochs": 0.5,
    "dropout": 0.2,
    "encoding": "standardized",
    "clip": 3.0,
    "early_stopping": True,
    "n_iter_no_change": 20,
    "validation_fraction": 0.1,
    "temperature": "auto",
    "n_estimators": MEMBERS,
    "member_weights": "uniform",
    "batch_size": 64,
    "lr": 2e-3,
    "max_epochs": 100,
    "lr_schedule": "cosine",
    "bias_init": "uniform",
    "ema_halflife": 0.0,
}

CHANGES: Final[dict[str, dict[str, Any]]] = {
    START: {},
    "ERM": {"alpha": 0.0},
    "alpha 0.1": {"alpha": 0.1},
    "alpha 0.2": {"alpha": 0.2},
    "alpha 1": {"alpha": 1.0},
    "no clean epochs": {"clean_epochs": 0},
    "three quarters clean": {"clean_epochs": 0.75},
    "no temperature": {"temperature": 1.0},
    "no dropout": {"dropout": 0.0},
    "dropout 0.1": {"dropout": 0.1},
    "dropout 0.3": {"dropout": 0.3},
    "no clipping": {"clip": None},
    "batches of 32, rate 0.001": {"batch_size": 32, "lr": 1e-3},
    "batches of 128, rate 0.003": {"batch_size": 128, "lr": 3e-3},
    CHOICE: {"lr_schedule": "constant"},
    "AdamW, decay 0.05": {"optimizer": "adamw", "weight_decay": 0.05},
    "label smoothing 0.05": {"label_smoothing": 0.05},
    "dominant label": {"mix_target": "dominant"},
    "no early stopping": {"early_stopping": False},
    "a patience of 40 epochs": {"n_iter_no_change": 40},
    "a fifth left out": {"validation_fraction": 0.2},
    "1 network": {"n_estimators": 1},
    "a random layer": {"mix_layer": "random"},
    "constant rate, three quarters clean": {
        "lr_schedule": "constant",
        "clean_epochs": 0.75,
    },
    "constant rate, alpha 0.1": {"lr_schedule": "constant", "alpha": 0.1},
    "constant rate, dropout 0.1": {"lr_schedule": "constant", "dropout": 0.1},
    "constant rate, a random layer": {
        "lr_schedule": "constant",
        "mix_layer": "random",
    },
    "constant rate, ERM": {"lr_schedule": "constant", "alpha": 0.0},
    "the paper's, standardised": {
        "alpha": 1.0,
        "clean_epochs": 0,
        "dropout": 0.0,
        "clip": None,
        "early_stopping": False,
        "temperature": 1.0,
        "n_estimators": 1,
        "batch_size": 16,
        "lr": 1e-3,
        "max_epochs": 10,
        "lr_schedule": "constant",
    },
}


STUDY: Final = Study(
    recipes={name: START_RECIPE | change for name, change in CHANGES.items()},
    start=START,
    choice=CHOICE,
    text="One choice of the starting point at a time is changed, and the best of these "
    f"changes, '{CHOICE}', is combined with others.",
    others=(Method("best of 3 alphas", items(START_RECIPE), "mixup_search"),),
)

EXPERIMENT = STUDY.together(
    "defaults",
    "The study behind the defaults, first round: choices of the recipe, one at a time",
)

"""The study behind the defaults, second round: where units begin, and averages."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.experiments import defaults
from benchmarks.experiments._study import Study

START: Final = "first round"
BASE: Final = "second round"

#: What became the default of `sk_mixup.MixupClassifier`: both, with more networks.
#: Mixing by steps is for tables with more rows than are trained on here.
CHOICE: Final = "dropout 0.2"
STEPS: Final = "mixing by steps"

START_RECIPE: Final = defaults.START_RECIPE | defaults.CHANGES[defaults.CHOICE]

BASE_RECIPE: Final[dict[str, Any]] = START_RECIPE | {
    "bias_init": "data",
    "dropout": 0.1,
    "ema_halflife": 1.0,
}

CHANGES: Final[dict[str, dict[str, Any]]] = {
    BASE: {},
    "ERM": {"alpha": 0.0},
    "alpha 1": {"alpha": 1.0},
    CHOICE: {"dropout": 0.2},
    "units begin anywhere": {"bias_init": "uniform"},
    "last weights": {"ema_halflife": 0.0},
    "three quarters clean": {"clean_epochs": 0.75},
    "50 clean epochs more": {"max_epochs": 150, "clean_epochs": 100},
    STEPS: {"clean_epochs": "auto"},
    "a random layer": {"mix_layer": "random"},
}

STUDY: Final = Study(
    recipes={
        START: START_RECIPE,
        f"{START}, ERM": START_RECIPE | {"alpha": 0.0},
        **{name: BASE_RECIPE | change for name, change in CHANGES.items()},
    },
    start=START,
    choice=CHOICE,
    text="The recipe that the first round came to is changed in three things (hidden "
    "units begin to fire at training rows, weights are averaged, dropout is 0.1), and "
    f"the result, '{BASE}', in one more at a time.",
)

EXPERIMENT = STUDY.together(
    "refine",
    "The study behind the defaults, second round: where units begin, and averages",
)

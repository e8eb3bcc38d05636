"""The study behind the defaults, third round: encodings, and members that differ."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.experiments import refine
from benchmarks.experiments._study import Study

START: Final = "second round"
#: What became the default of `sk_mixup.MixupClassifier`.
CHOICE: Final = "third round"
STANDARDIZED: Final = "no bins"

#: With as many networks as the default has.
START_RECIPE: Final[dict[str, Any]] = (
    refine.STUDY.recipes[refine.CHOICE]
    | refine.CHANGES[refine.STEPS]
    | {"n_estimators": 8}
)

CHOICE_RECIPE: Final[dict[str, Any]] = START_RECIPE | {
    "alpha": 0.2,
    "encoding": ("bins", "standardized"),
    "member_weights": "validation",
}

#: Of the third round's recipe, for classes and for real targets.
ENCODINGS: Final[dict[str, dict[str, Any]]] = {
    STANDARDIZED: {"encoding": "standardized"},
    f"{STANDARDIZED}, ERM": {"encoding": "standardized", "alpha": 0.0},
    "bins for every network": {"encoding": "bins"},
}
MIXING: Final[dict[str, dict[str, Any]]] = {
    "ERM": {"alpha": 0.0},
    "alpha 0.4": {"alpha": 0.4},
    "alpha 1": {"alpha": 1.0},
    "alphas 0, 0.2, 0.4 and 1 in turn": {"alpha": (0.0, 0.2, 0.4, 1.0)},
    "mixed before encoding": {"mix_layer": "raw"},
    "a random layer": {"mix_layer": "random"},
    "a random layer, alpha 0.4": {"mix_layer": "random", "alpha": 0.4},
    "a random layer, alpha 1": {"mix_layer": "random", "alpha": 1.0},
    "a weight for each example": {"weights_per": "example"},
}

CHANGES: Final[dict[str, dict[str, Any]]] = {
    **ENCODINGS,
    **MIXING,
    "categories swapped": {
        "mix_features": "swap_categories",
        "weights_per": "example",
    },
    "networks of one weight": {"member_weights": "uniform"},
    "1 network": {"n_estimators": 1},
    "1 network, ERM": {"n_estimators": 1, "alpha": 0.0},
}

STUDY: Final = Study(
    recipes={
        START: START_RECIPE,
        CHOICE: CHOICE_RECIPE,
        **{name: CHOICE_RECIPE | change for name, change in CHANGES.items()},
    },
    start=START,
    choice=CHOICE,
    text="The second round's recipe, with eight networks, is changed in three things "
    "(half of the networks see bins, alpha is 0.2, networks are weighed by their "
    f"validation rows), and the result, '{CHOICE}', in one more at a time.",
)

EXPERIMENT = STUDY.alone(
    "members",
    "The study behind the defaults, third round: encodings, members that differ",
    task="classification",
    sets="suite",
)

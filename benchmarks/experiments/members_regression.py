"""The third round of the study behind the defaults, for real targets."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.experiments import members
from benchmarks.experiments._study import Study

#: The default of `sk_mixup.MixupRegressor`.
CHOICE: Final = "default"

#: Without temperature, which is of classes.
CHOICE_RECIPE: Final[dict[str, Any]] = {
    name: value
    for name, value in members.CHOICE_RECIPE.items()
    if name != "temperature"
} | {"clip": 20.0, "dropout": 0.0, "member_weights": "uniform"}

CHANGES: Final[dict[str, dict[str, Any]]] = {
    **members.ENCODINGS,
    **members.MIXING,
    "similar partners (C-Mixup)": {"pairing": "similar"},
    "similar partners, alpha 1": {"pairing": "similar", "alpha": 1.0},
    "dropout 0.1": {"dropout": 0.1},
    "networks weighed": {"member_weights": "validation"},
    "1 network": {"n_estimators": 1},
}

STUDY: Final = Study(
    recipes={
        CHOICE: CHOICE_RECIPE,
        **{name: CHOICE_RECIPE | change for name, change in CHANGES.items()},
    },
    start=members.STANDARDIZED,
    choice=CHOICE,
    text="The default recipe is changed in one choice at a time.",
    estimator="regressor",
    metrics=("rmse",),
)

EXPERIMENT = STUDY.alone(
    "members_regression",
    "The third round of that study, for real targets",
    task="regression",
    sets="real_targets",
)

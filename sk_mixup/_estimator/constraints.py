"""What the parameters of both estimators may be, and the paper's recipe."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Final

from sk_mixup._sklearn import HasMethods, Interval, RealNotInt, StrOptions
from sk_mixup._training.optimizers import OPTIMIZERS
from sk_mixup._training.schedules import LR_SCHEDULES
from sk_mixup.encodings import Encoding

#: Larger sizes overflow somewhere in NumPy or torch, far from the parameter to blame.
LARGEST_SIZE = 2**31 - 1
MOST_MIXED = 1000  # of which the mean is left: an example's weights are all near 0.001
#: As many of the default size take 30 GB with their optimiser: more is a slip.
MOST_NETWORKS = 100_000
LARGEST_NUMBER = 1e30  # whose products are still numbers in single precision
LARGEST_LEVELS = 2**24  # whose numbers are whole in single precision
_SIZE = Interval(Integral, 1, LARGEST_SIZE, closed="both")

#: What each parameter of both estimators may be.
CONSTRAINTS: Final[dict[str, list[Any]]] = {
    "alpha": [Interval(Real, 0, None, closed="both"), "array-like"],
    "encoding": [str, Encoding, "array-like"],
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "n_mixed": [Interval(Integral, 2, MOST_MIXED, closed="both")],
    "pairing": [object],  # checked with the names that there are
    "weights_per": [StrOptions({"batch", "example"})],
    "warping": [Interval(Real, 0.01, LARGEST_NUMBER, closed="both"), None],
    "mix_layer": [Interval(Integral, 0, None, closed="left"), str],
    "mix_features": [StrOptions({"interpolate", "swap", "swap_categories"})],
    "noise_std": [Interval(Real, 0, LARGEST_NUMBER, closed="both")],
    "warmup_epochs": [
        Interval(Integral, 0, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="both"),
    ],
    "clean_epochs": [
        Interval(Integral, 0, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="both"),
        StrOptions({"auto"}),
    ],
    "hidden_layer_sizes": [
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "bias_init": [StrOptions({"data", "uniform"})],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "module": [callable, None],
    "module_params": [dict, None],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "max_categories": [Interval(Integral, 1, LARGEST_LEVELS, closed="both")],
    "min_frequency": [
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="neither"),
    ],
    "standardize": ["boolean"],
    "clip": [
        Interval(Real, 1 / LARGEST_NUMBER, LARGEST_NUMBER, closed="both"),
        None,
    ],
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "optimizer_params": [dict, None],
    "lr": [Interval(Real, 0, LARGEST_NUMBER, closed="right")],
    "weight_decay": [Interval(Real, 0, LARGEST_NUMBER, closed="both")],
    "lr_schedule": [StrOptions(set(LR_SCHEDULES))],
    "lr_milestones": ["array-like"],
    "lr_gamma": [Interval(Real, 0, 1, closed="right")],
    "ema_halflife": [Interval(Real, 0, None, closed="left")],
    "max_epochs": [_SIZE, StrOptions({"auto"})],
    "batch_size": [_SIZE, StrOptions({"auto"})],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "validation": [HasMethods(["split"]), list, tuple, None],
    "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    "scoring": [str, callable, None],
    "n_iter_no_change": [_SIZE, StrOptions({"auto"})],
    "n_estimators": [Interval(Integral, 1, MOST_NETWORKS, closed="both")],
    "member_weights": [StrOptions({"validation", "uniform"})],
    "device": [str],
    "callbacks": [list, tuple, None],
    "net_params": [dict, None],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}

#: The paper's recipe for tables. What section 3.6 does not name is left out: no
#: clipping, no averages, no rows held out.
PAPER_RECIPE: Final[dict[str, Any]] = {
    "batch_size": 16,
    "bias_init": "uniform",
    "clean_epochs": 0,
    "clip": None,
    "dropout": 0.0,
    "early_stopping": False,
    "ema_halflife": 0.0,
    "hidden_layer_sizes": (128, 128),
    "lr": 1e-3,
    "lr_schedule": "constant",
    "max_epochs": 10,
    "member_weights": "uniform",
    "encoding": "standardized",
    "mix_features": "interpolate",
    "mix_layer": "input",
    "n_estimators": 1,
    "n_mixed": 2,
    "noise_std": 0.0,
    "optimizer": "adam",
    "pairing": "random",
    "standardize": False,
    "warmup_epochs": 0,
    "warping": None,
    "weight_decay": 0.0,
    "weights_per": "batch",
}

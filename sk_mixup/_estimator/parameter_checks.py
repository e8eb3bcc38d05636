"""Checks of parameters that no single parameter's constraint can make."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from torch import nn

from sk_mixup._data.features import holds_codes
from sk_mixup._estimator.constraints import LARGEST_SIZE
from sk_mixup._estimator.net_param_checks import check_callbacks, check_net_params
from sk_mixup._estimator.target_checks import (
    check_class_weight,
    check_pairs,
    check_quantiles,
)
from sk_mixup._sklearn import Interval
from sk_mixup._training.schedules import check_milestones
from sk_mixup._training.scorer_checks import check_scoring_name
from sk_mixup._training.settings import ENCODINGS, Settings
from sk_mixup.encodings import Encoding
from sk_mixup.vicinity import Pairing


def check_parameters(settings: Settings, constraints: dict[str, list[Any]]) -> None:
    """Check what is left when each parameter has met its own constraint."""
    _check_numbers(settings, constraints)
    for check in (
        _check_keys,
        _check_alphas,
        _check_encodings,
        _check_pairing,
        _check_layers,
        _check_validation,
        check_scoring_name,
        _check_swaps,
        check_milestones,
        _check_module,
        _check_categories,
        check_class_weight,
        check_quantiles,
        check_pairs,
        check_callbacks,
        check_net_params,
    ):
        check(settings)


def _check_numbers(settings: Settings, constraints: dict[str, list[Any]]) -> None:
    """Check that numbers are no truth values, which Python counts as integers."""
    for name, allowed in constraints.items():
        value = getattr(settings, name)
        if not any(isinstance(each, Interval) for each in allowed):
            continue
        if isinstance(value, bool):
            raise TypeError(f"{name} must be a number, got {value}.")
        try:
            # A whole number of Python's may be larger than any float.
            float(value if isinstance(value, Real) else 0)
        except OverflowError as error:
            raise ValueError(f"{name} is too large for a float.") from error


def _check_keys(settings: Settings) -> None:
    for name in ("module_params", "net_params", "optimizer_params"):
        odd = [key for key in getattr(settings, name) or {} if not isinstance(key, str)]
        if odd:
            raise TypeError(
                f"the keys of {name} must be names of arguments, got {odd[0]!r}."
            )


def _check_alphas(settings: Settings) -> None:
    alphas = settings.alphas
    if not alphas or not all(map(_is_alpha, alphas)):
        raise ValueError(
            "alpha must be a number from 0 to infinity, or a sequence of such numbers "
            f"over which the networks take turns, got {settings.alpha!r}."
        )


def _is_alpha(number: Any) -> bool:
    real = isinstance(number, Real) and not isinstance(number, bool)
    # False for NaN too.
    return real and float(number) >= 0


def _check_encodings(settings: Settings) -> None:
    encodings = settings.encodings
    if not encodings or not all(isinstance(each, Encoding) for each in encodings):
        raise ValueError(
            f"encoding={settings.encoding!r} is unknown; it is one of "
            f"{list(ENCODINGS)}, an object of sk_mixup.encodings, or a sequence of "
            "those over which the networks take turns."
        )
    for encoding in encodings:
        _check_hashable("encoding", encoding)


def _check_pairing(settings: Settings) -> None:
    known = isinstance(settings.pairing, str) and settings.pairing in settings.pairings
    if not known and not isinstance(settings.pairing, Pairing):
        raise ValueError(
            f"pairing={settings.pairing!r} is unknown; it is one of "
            f"{list(settings.pairings)} or an object of sk_mixup.vicinity."
        )
    _check_hashable("pairing", settings.pairing)


def _check_hashable(name: str, value: Any) -> None:
    # What it finds is shared by estimators fitted together, under its hash.
    try:
        hash(value)
    except TypeError as error:
        raise TypeError(
            f"{name}={value!r} must be hashable, as a frozen dataclass is."
        ) from error


def _check_layers(settings: Settings) -> None:
    sizes = settings.hidden_layer_sizes
    ordered = isinstance(sizes, Sequence) or getattr(sizes, "ndim", None) == 1
    if not (isinstance(sizes, Integral) or ordered) or not all(
        map(_is_size, settings.hidden_sizes)
    ):
        raise ValueError(
            f"hidden_layer_sizes must be positive whole numbers up to {LARGEST_SIZE}, "
            f"got {sizes!r}."
        )
    layers = ["input", "random", "raw", *range(len(settings.hidden_sizes) + 1)]
    if settings.module is None and settings.mix_layer not in layers:
        raise ValueError(
            f"mix_layer={settings.mix_layer!r} does not exist; the layers are {layers}."
        )


def _check_validation(settings: Settings) -> None:
    # Texts have a method split, too.
    if isinstance(settings.validation, str | bytes):
        raise ValueError(
            "validation must be a splitter of scikit-learn, a list of pairs (training "
            f"rows, validation rows) or None, got {settings.validation!r}."
        )


def _check_swaps(settings: Settings) -> None:
    if settings.mix_features == "interpolate":
        return
    columns = "input", "raw", 0
    if settings.mix_layer not in columns:
        raise ValueError(
            f"mix_features={settings.mix_features!r} takes whole columns, which hidden "
            f"layers do not have, but mix_layer={settings.mix_layer!r}: set it to "
            '"input".'
        )
    if vars(settings).get("mix_target", "interpolate") != "interpolate":
        raise ValueError(
            f"mix_features={settings.mix_features!r} mixes labels by the share of the "
            f"columns, but mix_target={settings.mix_target!r}: set it to "
            '"interpolate".'
        )


def _is_size(number: Any) -> bool:
    whole = isinstance(number, Integral) and not isinstance(number, bool)
    return whole and 0 < int(number) <= LARGEST_SIZE


def check_epochs(settings: Settings) -> None:
    """Check that what is mixed fits into all epochs, whose number is known."""
    warmup = settings.epochs(settings.warmup_epochs)
    clean = 0
    if settings.clean_epochs != "auto":
        clean = settings.epochs(settings.clean_epochs)
    if warmup + clean > settings.max_epochs:
        raise ValueError(
            f"warmup_epochs={settings.warmup_epochs} ({warmup} epochs) and "
            f"clean_epochs={settings.clean_epochs} ({clean} epochs) are more than "
            f"max_epochs={settings.max_epochs}."
        )


def _check_module(settings: Settings) -> None:
    if isinstance(settings.module, nn.Module):
        raise ValueError(
            "module must be a class or a function that makes a module for each "
            f"network, but is a {type(settings.module).__name__} itself."
        )


def _check_categories(settings: Settings) -> None:
    given = settings.categorical_features
    if given is None or isinstance(given, str):
        return  # "from_dtype", by its constraint
    features = np.asarray(given, dtype=object)
    kinds = {_kind_of_name(each) for each in features.ravel()}
    if features.ndim != 1 or len(kinds) > 1 or None in kinds:
        raise ValueError(
            "categorical_features must be 'from_dtype', None or a sequence of names, "
            f"of positions or of truth values for all columns, got {given!r}."
        )


def _kind_of_name(value: Any) -> type | None:
    """Return how a value names a column, None if it does not."""
    if isinstance(value, bool | np.bool_):
        return bool
    if isinstance(value, Integral):
        return int
    return str if isinstance(value, str) else None


def check_codes(X: Any, settings: Settings) -> None:
    """Check that whole numbers, which a module may take for codes, stay whole."""
    if settings.module is None or not holds_codes(X):
        return
    mixes_inputs = any(settings.alphas) and settings.mixing_layer is None
    changed_by = {
        "standardize=True": settings.standardize,
        f"noise_std={settings.noise_std}": settings.noise_std > 0,
        f"mix_layer={settings.mix_layer!r} with alpha={settings.alpha}": mixes_inputs,
    }
    reasons = [setting for setting, changes in changed_by.items() if changes]
    if reasons:
        raise ValueError(
            f"X holds whole numbers, which {' and '.join(reasons)} would change "
            "before module takes them. If they are codes, as for an embedding, set "
            "standardize=False, noise_std=0 and mix_layer to the name of a "
            "submodule behind it (or alpha=0); if they are quantities, give "
            "X.astype(float)."
        )

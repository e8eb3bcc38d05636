"""What is prepared once for many fits: tables, devices, partners and optimisers."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from sk_mixup._modules import Standardize
from sk_mixup._neighbors import Draw
from sk_mixup._rows import DenseTable, Portion, SparseTable, Table
from sk_mixup.vicinity import Pairing, TrainingRows

Result = TypeVar("Result")

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


class Memo:
    """Results shared by estimators that are prepared together.

    A result belongs to the objects (by identity) that it was computed from, so ten
    candidates on one training fold share its table, its statistics and its neighbours.
    """

    def __init__(self) -> None:
        self._results: dict[tuple[Any, ...], Any] = {}
        self._kept: list[tuple[object, ...]] = []

    def get(
        self,
        name: object,
        sources: tuple[object, ...],
        compute: Callable[[], Result],
    ) -> Result:
        """Return the named result of ``sources``, computed once."""
        key = (name, *map(id, sources))
        if key not in self._results:
            self._results[key] = compute()
            self._kept.append(sources)
        result: Result = self._results[key]
        return result


def numpy_dtype(dtype: torch.dtype) -> type[np.floating]:
    """Return NumPy's name of a torch dtype."""
    return np.float64 if dtype == torch.float64 else np.float32


def as_table(X: Any, device: torch.device) -> Table:
    """Put validated rows on the device, or keep them sparse."""
    if sparse.issparse(X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return SparseTable(X, device)
    return DenseTable(without_warning(X), device)


def without_warning(X: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the array, read-only ones (memory maps) without torch's later warning."""
    if not X.flags.writeable:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            torch.from_numpy(X[:0])
    return X


def resolve_device(device: str) -> torch.device:
    """Return the torch device of ``device``, or say why it cannot be had."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device).cpu()
        return torch.device(device)
    except Exception as error:  # of many kinds, from the back ends of torch
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={device!r} cannot be used here ({reason}); use 'cpu', or 'auto' "
            "to take a GPU where there is one."
        ) from error


def no_standardization(portion: Portion) -> Standardize:
    """Return figures that leave the rows as they are."""
    shape = (1, 1, *portion.table.shape[1:])
    return Standardize(torch.zeros(shape), torch.ones(shape), idle=True)


def partner_draw(
    pairing: Pairing, portion: Portion, standardize: Standardize, y: NDArray[Any]
) -> Draw:
    """Let the pairing look at the training rows."""
    rows = np.arange(len(portion)) if portion.rows is None else portion.rows.cpu()
    return pairing.fit(
        TrainingRows(
            lambda: portion.table.standardized(np.asarray(rows), standardize), y
        )
    )


def resolve_optimizer(
    optimizer: str | type[torch.optim.Optimizer],
) -> type[torch.optim.Optimizer]:
    """Return the optimiser's class; those that mix the runs up are refused."""
    if isinstance(optimizer, str):
        return OPTIMIZERS[optimizer]
    if not isinstance(optimizer, type) or not issubclass(
        optimizer, torch.optim.Optimizer
    ):
        raise TypeError(
            f"optimizer must be one of {sorted(OPTIMIZERS)} or a class of torch.optim, "
            f"got {optimizer!r}."
        )
    if optimizer.__name__ in ("LBFGS", "Muon", "Adafactor", "SparseAdam"):
        raise ValueError(
            f"optimizer={optimizer.__name__} does not treat each weight on its own, so "
            "it cannot train several networks as one program; use one such as "
            f"{sorted(OPTIMIZERS)}."
        )
    return optimizer


def optimizer_arguments(
    optimizer: type[torch.optim.Optimizer],
    weight_decay: float,
    params: dict[str, Any] | None,
    device: torch.device,
) -> dict[str, Any]:
    """Return the arguments of the optimiser, its fused form where there is one."""
    known, given = inspect.signature(optimizer).parameters, params or {}
    for name in ("lr", "weight_decay"):
        if name in given:
            raise ValueError(
                f"optimizer_params cannot set {name!r}; use the parameter {name}."
            )
    arguments: dict[str, Any] = {}
    hands_on = any(each.kind is each.VAR_KEYWORD for each in known.values())
    if hands_on or "weight_decay" in known:
        arguments["weight_decay"] = weight_decay
    elif weight_decay:
        raise ValueError(
            f"weight_decay={weight_decay} cannot be used: {optimizer.__name__} has no "
            "weight decay."
        )
    other_form = "foreach" in given or "differentiable" in given
    if "fused" in known and not other_form and device.type in ("cpu", "cuda"):
        arguments["fused"] = True
    for name, value in given.items():
        arguments[name] = tuple(value) if isinstance(value, list) else value
    return arguments

"""Tables, statistics, splits and networks: the parts that a fit is prepared from."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from sk_mixup._modules import Standardize
from sk_mixup._rows import DenseTable, Portion, SparseTable, Table
from sk_mixup.vicinity import Draw, Pairing, TrainingRows

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
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={device!r} cannot be used here ({reason}); use 'cpu', or 'auto' "
            "to take a GPU where there is one."
        ) from error


def standardization(portion: Portion, clip: float | None) -> Standardize:
    """Return the weighted mean and deviation of each feature of the portion's rows."""
    is_sparse = isinstance(portion.table, SparseTable)
    features = portion.table.shape[1:]
    scaler = StandardScaler(with_mean=not is_sparse)
    size = max(1, 4_000_000 // int(np.prod(features)))
    for chunk in gen_batches(len(portion), size):
        numbers = torch.arange(chunk.start, chunk.stop)
        weights = portion.mass(numbers.to(portion.device)).cpu().numpy()
        scaler.partial_fit(_flat_rows(portion, numbers), sample_weight=weights)
    shift, scale = (
        torch.as_tensor(figure, dtype=torch.get_default_dtype()).view(1, 1, *features)
        for figure in (scaler.mean_, scaler.scale_)
    )
    return Standardize(shift, scale, clip)


def _flat_rows(portion: Portion, numbers: torch.Tensor) -> Any:
    if isinstance(portion.table, SparseTable):
        rows = numbers if portion.rows is None else portion.rows[numbers].cpu()
        return portion.table.X[rows.numpy()]
    return portion.inputs(numbers.to(portion.device)).flatten(1).cpu().numpy()


def no_standardization(portion: Portion) -> Standardize:
    """Return figures that leave the rows as they are."""
    shape = (1, 1, *portion.table.shape[1:])
    return Standardize(torch.zeros(shape), torch.ones(shape), idle=True)


def held_out(
    n_rows: int,
    fraction: float,
    entropy: int,
    member: int,
    strata: NDArray[Any] | None,
) -> NDArray[np.bool_]:
    """Mark the rows that a member leaves out, as many for every member.

    Members take turns: as long as enough rows are left for a whole turn, no row is left
    out twice. Every stratum gives its share, within a row; the only row of a stratum is
    never left out.
    """
    free = np.arange(n_rows) if strata is None else _rows_with_a_like(strata)
    size = min(max(1, int(n_rows * fraction + 1e-9)), len(free), n_rows - 1)
    spacing = len(free) / size
    turns = int(spacing)
    shuffle = np.random.default_rng([entropy, member // turns])
    order = shuffle.permutation(free)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    turn = (member + int(shuffle.integers(turns))) % turns
    places = np.floor(turn * (spacing / turns) + np.arange(size) * spacing)
    mask = np.zeros(n_rows, dtype=bool)
    mask[order[places.astype(np.int64)]] = True
    return mask


def _rows_with_a_like(strata: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows that are not the only one of their stratum, or all if none is."""
    _, of_row, counts = np.unique(strata, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[of_row] > 1)
    return rows if len(rows) else np.arange(len(strata))


def split_portion(
    whole: Portion, left_out: NDArray[np.bool_]
) -> tuple[Portion, Portion]:
    """Return the rows to learn from and those that are left out."""
    learnt, judged = (
        torch.from_numpy(np.flatnonzero(mask)).to(whole.device)
        for mask in (~left_out, left_out)
    )
    return whole.subset(learnt), whole.subset(judged)


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

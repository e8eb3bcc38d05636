"""From rows to predictions: trained networks, their link and the units of targets."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from sk_mixup._data.tables import numpy_dtype, without_warning
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.links import in_numpy
from sk_mixup._networks.network import Network
from sk_mixup._networks.prediction_forms import in_double, row_pass_of
from sk_mixup._networks.row_pass import RowPass
from sk_mixup._networks.torch_modes import inference, own_modes, plain_modes
from sk_mixup._networks.torch_threads import torch_threads
from sk_mixup._networks.widen import Widen

#: About a CPU's cache: CPU_BLOCK_BYTES has times by size.
PREDICT_BYTES = 4_000_000  # of the largest layer's activations
#: A GPU has no such cache, and each chunk costs it some launches and a wait.
GPU_PREDICT_BYTES = 256_000_000
#: Below, calls cost more than numbers: chunks of wide networks exceed the bytes.
FEWEST_ROWS = 256  # of a chunk
ONE_THREAD_ROWS = 20_000  # rows, up to which several threads only slow down

TargetScale = tuple[NDArray[np.float64], NDArray[np.float64]]
#: From predictions of members and their weights to parts of one row of numbers a row,
#: side by side; of torch or of NumPy.
Reduce = Callable[[Any, Any], list[Any]]


@dataclass(frozen=True)
class Ensemble:
    """Trained networks and all that turns their outputs into predictions.

    Parameters
    ----------
    network : Network
        Standardisation, body and temperature of every run.
    link : torch.nn.Module
        Turns outputs into predictions.
    scaling : tuple of ndarrays (mean, deviation) or None
        By which the targets were standardised, if they were.
    shape : tuple of int or None
        The shape of a row's predictions, () for a number; None for one number an
        output.
    exact : bool
        Predict in double precision, in which a row alone has the prediction that it
        has among others to 1e-7, and more.
    """

    network: Network
    link: nn.Module
    scaling: TargetScale | None = None
    shape: tuple[int, ...] | None = None
    exact: bool = False

    @property
    def dtype(self) -> type[np.floating]:
        """The precision of rows and of averaged outputs."""
        in_double = self.exact and self.network.is_perceptron
        return np.float64 if in_double else numpy_dtype(self.network.dtype)

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Return the members' averaged predictions of rows, dense or in CSR format."""
        return self._in_units(self._reduced(X, _mean))

    def predict_with_std(
        self, X: Any
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return averaged predictions and the deviation of the members' around them."""
        both = self._reduced(X, _mean_and_std)
        mean, std = np.split(both, 2, axis=1)
        if self.scaling is not None:
            std = std * self.scaling[1]
        return self._in_units(mean), self._shaped(std)

    def _reduced(self, X: Any, reduce: Reduce) -> NDArray[np.floating]:
        """Return what is left of the members' predictions of each row."""
        reduced = self._computed(X, reduce)
        bounded = self.network.inputs.clip is not None or not self.network.is_perceptron
        if bounded or self.exact or np.isfinite(reduced.sum()):
            return reduced
        # Of rows so large that products exceed the range of single precision.
        beyond = ~np.isfinite(reduced).all(axis=1)
        exact = replace(self, exact=True)
        reduced[beyond] = exact._computed(X[beyond], reduce)
        return reduced

    def _computed(self, X: Any, reduce: Reduce) -> NDArray[np.floating]:
        network = self.network
        row_pass = row_pass_of(network, self.exact) if X.shape[0] == 1 else None
        if row_pass is not None:
            return self._of_row(row_pass, X, reduce)
        threads = torch.get_num_threads() if X.shape[0] > ONE_THREAD_ROWS else 1
        # The default dtype is that of all threads, some of which may train.
        dtype = None if network.is_perceptron else network.dtype
        with inference(dtype), torch_threads(threads):
            network = in_double(network) if self.exact else network
            return self._in_chunks(network.eval(), X, reduce)

    def _of_row(
        self, row_pass: RowPass, X: Any, reduce: Reduce
    ) -> NDArray[np.floating]:
        network = self.network
        row = X.toarray() if sparse.issparse(X) else X
        if network.widen is not None:
            network = in_double(network) if self.exact else network
            row = network.widened(torch.from_numpy(without_warning(row))).numpy()
        # No call of torch, which costs several times as much between calls of NumPy.
        with np.errstate(all="ignore"):  # as torch, which computes on without a word
            members = in_numpy(self.link, row_pass(row) / network.temperature)
            weights = _column(network.member_weights, members.dtype)
            return np.concatenate(reduce(members, weights), -1)

    def _in_chunks(
        self, network: Network, X: Any, reduce: Reduce
    ) -> NDArray[np.floating]:
        numbers = 4 * network.largest_width * network.runs
        on_cpu = network.device.type == "cpu"
        most = PREDICT_BYTES if on_cpu else GPU_PREDICT_BYTES
        size = max(FEWEST_ROWS, most // numbers)
        if on_cpu and X.shape[0] > size:
            # glibc keeps freed memory up to twice the largest block that was freed;
            # else it takes that of each chunk anew, up to half of the time.
            torch.empty(4 * PREDICT_BYTES, dtype=torch.uint8, device="cpu")
        predicted: NDArray[np.floating] = np.empty(0)
        for start in range(0, X.shape[0], size):
            chunk = slice(start, start + size)
            reduced = self._chunk(network, X[chunk], reduce)
            if not predicted.size:  # whole at once: parts would litter the heap
                predicted = np.empty((X.shape[0], reduced.shape[1]), self.dtype)
            predicted[chunk] = reduced
        return predicted

    def _chunk(self, network: Network, X: Any, reduce: Reduce) -> NDArray[np.floating]:
        dense = X.toarray() if sparse.issparse(X) else X
        dense = np.asarray(dense, dtype=self.dtype)
        rows = torch.from_numpy(without_warning(dense)).to(network.device)
        members = self.link(network(rows.unsqueeze(0)))
        weights = _tensor_column(network.member_weights, members.dtype, members.device)
        return torch.cat(reduce(members, weights), -1).cpu().numpy()

    def _in_units(self, averaged: NDArray[np.floating]) -> NDArray[np.floating]:
        if self.scaling is not None:
            mean, deviation = self.scaling
            averaged = averaged * deviation + mean
        return self._shaped(averaged)

    def _shaped(self, predicted: NDArray[np.floating]) -> NDArray[np.floating]:
        if self.shape is None:
            return predicted
        return predicted.reshape(len(predicted), *self.shape)

    def export(self) -> Predictor:
        """Return a copy as plain torch layers, on the CPU and without gradients."""
        with own_modes(self.network.dtype):
            network = copy.deepcopy(self.network).cpu()
            members = [self._member(network, run) for run in range(network.runs)]
            predictor = Predictor(
                members,
                network.member_weights,
                shape=self.shape,
                widen=network.widen,
            )
            return predictor.eval().requires_grad_(False)

    def _member(self, network: Network, run: int) -> Member:
        rescale = nn.Identity() if self.scaling is None else Rescale(*self.scaling)
        return Member(
            OrderedDict[str, nn.Module](
                standardize=network.inputs.member(run),
                body=network.body.member(run),
                temperature=Temperature(network.temperature),
                # No module works in two places: what hooks keep would be lost.
                link=copy.deepcopy(self.link),
                rescale=rescale,
            )
        )


def _mean(members: Any, weights: Any) -> list[Any]:
    """Return the mean by weight of ``(members, rows, outputs)`` over the members."""
    if weights is not None:
        members = members * weights
    if members.shape[1] == 1:
        total = members.sum(0)
    else:  # one by one: the rounding of torch's sum depends on a row's place
        first, *others = members
        total = sum(others, first)
    return [total if weights is not None else total / len(members)]


def _mean_and_std(members: Any, weights: Any) -> list[Any]:
    """Return the mean and the deviation from it."""
    (mean,) = _mean(members, weights)
    (variance,) = _mean((members - mean) ** 2, weights)
    return [mean, variance**0.5]


@lru_cache(maxsize=256)
def _column(
    weights: tuple[float, ...] | None, dtype: np.dtype[Any]
) -> NDArray[np.floating] | None:
    """Return weights of members, ``(members, 1, 1)``."""
    return None if weights is None else np.array(weights, dtype)[:, None, None]


@lru_cache(maxsize=256)
def _tensor_column(
    weights: tuple[float, ...] | None, dtype: torch.dtype, device: torch.device
) -> Tensor | None:
    if weights is None:
        return None
    with plain_modes():  # or one made in inference mode would be kept
        return torch.tensor(weights, dtype=dtype, device=device).view(-1, 1, 1)


class Member(nn.Sequential):
    """One trained network, from rows to predictions, as plain torch layers.

    Shape
    -----
    - input: ``(rows, *features)``
    - output: ``(rows, outputs)``
    """

    standardize: Standardize
    body: nn.Module
    temperature: Temperature
    link: nn.Module
    rescale: nn.Module

    def logits(self, x: Tensor) -> Tensor:
        """Return what the link is applied to, ``(rows, outputs)``."""
        outputs: Tensor = self.temperature(self.body(self.standardize(x)))
        return outputs


class Predictor(nn.Module):
    """An ensemble as plain torch layers, from rows to averaged predictions.

    Parameters
    ----------
    members : iterable of Member
        Their predictions are averaged.
    weights : sequence of float or None, default=None
        Weights of the members, of sum 1; None weighs them alike.
    shape : tuple of int or None, default=None
        The shape of a row's predictions, () for the only output; None for a vector.
    widen : Widen, default=None
        Applied to the rows first, where a table has gaps or categories.

    Shape
    -----
    - input: ``(rows, *features)``
    - output: ``(rows, outputs)``, or ``(rows, *shape)``
    """

    weights: Tensor

    def __init__(
        self,
        members: Sequence[Member],
        weights: Sequence[float] | None = None,
        *,
        shape: tuple[int, ...] | None = None,
        widen: Widen | None = None,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.widen = widen
        self.members = nn.ModuleList(members)
        alike = [1 / len(members)] * len(members)
        dtype = torch.get_default_dtype()
        self.register_buffer("weights", torch.tensor(weights or alike, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        if self.widen is not None:
            x = self.widen(x)
        # Clones, since a user's module may work in place.
        outputs = torch.stack([member(x.clone()) for member in self.members], -1)
        # A user's module may compute in another precision.
        outputs = outputs.to(self.weights.dtype) @ self.weights
        if self.shape is None:
            return outputs
        return outputs.unflatten(-1, self.shape) if self.shape else outputs.squeeze(-1)


class Temperature(nn.Module):
    """Divide the outputs by a number: above 1 the predictions become softer."""

    temperature: Tensor

    def __init__(self, temperature: float) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        self.register_buffer("temperature", torch.tensor(temperature, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x / self.temperature


class Rescale(nn.Module):
    """Turn standardised targets into targets.

    Shape
    -----
    - mean, scale: ``(outputs,)``
    - input and output: ``(..., outputs)``
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.mean

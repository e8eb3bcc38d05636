"""Gradients of a fitted classifier with respect to its inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import gen_batches
from torch import Tensor, nn
from torch.nn import functional as F

from sk_mixup._networks.ensemble import Member, Predictor
from sk_mixup._networks.torch_modes import own_modes
from sk_mixup._networks.torch_threads import one_thread

CHUNK_ROWS = 1024  # bounds the memory of the graph


class TorchClassifier:
    """The torch module of a fitted classifier, and the unit of its features.

    It is a copy: weights, training flags and ``.grad`` of the classifier do not change.

    Parameters
    ----------
    estimator : object
        A fitted classifier with ``to_torch()``.
    scale : float, array-like of shape (n_features,) or None
        Unit of each feature; None uses the estimator's standard deviations.

    Raises
    ------
    TypeError
        If the estimator has no ``to_torch()``.
    ValueError
        If ``scale`` is not positive, or is needed and not given.
    """

    @one_thread()
    def __init__(self, estimator: Any, scale: ArrayLike | None) -> None:
        name = type(estimator).__name__
        if not hasattr(estimator, "to_torch"):
            raise TypeError(
                f"{name} gives no gradient: an estimator with to_torch() is needed, "
                "such as sk_mixup.MixupClassifier."
            )
        self.classes = estimator.classes_
        # Another package may initialise layers, which draws from the global generator.
        # No devices: forking their generators would start CUDA.
        with torch.random.fork_rng(devices=[]):
            self.module = estimator.to_torch()
        self.members = _members(self.module)
        if not all(isinstance(member.link, nn.Softmax) for member in self.members):
            raise ValueError(
                f"This {name} was trained on multilabel targets, but classes must be "
                "mutually exclusive."
            )
        tensors = chain(self.module.parameters(), self.module.buffers())
        dtypes = (tensor.dtype for tensor in tensors if tensor.is_floating_point())
        self.dtype = next(dtypes, torch.float32)
        self.scale = self._own_scale(name) if scale is None else _checked(scale)

    def _own_scale(self, name: str) -> NDArray[np.float64]:
        """Return the features' standard deviations, averaged over the members."""
        if not self.members:
            raise ValueError(
                f"The feature scale of {name} is unknown: give scale, the unit of each "
                "feature."
            )
        scales = torch.stack([member.standardize.scale for member in self.members])
        return scales.double().mean((0, 1)).numpy()

    def unit(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scale of every feature, of the shape of one row."""
        shape = rows.shape[1:]
        if self.scale.shape not in ((), shape):
            raise ValueError(
                f"scale has shape {self.scale.shape}, but a row has shape {shape}."
            )
        return np.broadcast_to(self.scale, shape).copy()

    def log_proba(self, x: Tensor) -> Tensor:
        """Return log-probabilities, (n, n_classes).

        Those of this package's networks are computed from the logits.
        """
        # Probabilities near 1 would be rounded to 1, and their gradients lost.
        if not self.members:
            proba = self.module(x)
            return proba.clamp_min(torch.finfo(proba.dtype).tiny).log()
        logs = [F.log_softmax(member.logits(x), -1) for member in self.members]
        weights = cast(Predictor, self.module).weights.log()
        return torch.logsumexp(torch.stack(logs, -1) + weights, -1)

    def loss_gradient(
        self, rows: NDArray[np.float64], codes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the gradient of each row's cross-entropy with respect to that row."""
        return self._per_chunk(
            # -log p as a function of the log-odds, whose gradient does not round to 0
            # near p = 1.
            lambda x, y: _gradient(F.softplus(self._odds(x, y)).sum(), x),
            rows,
            codes,
        )

    def odds_gradient(
        self, rows: NDArray[np.float64], codes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the gradient of the log-odds against class ``codes``.

        The cross-entropy increases with these log-odds, so the signs are those of its
        gradient, also where that gradient underflows.
        """
        return self._per_chunk(
            lambda x, y: _gradient(self._odds(x, y).sum(), x), rows, codes
        )

    def jacobian_norm(
        self, rows: NDArray[np.float64], log: bool
    ) -> NDArray[np.float64]:
        """Return the Frobenius norm, (n,), of the Jacobian of the probabilities.

        The features are in units of ``scale``; with ``log`` the Jacobian is that of
        the log-probabilities.
        """
        unit = torch.from_numpy(self.unit(rows))

        def norm(x: Tensor, _: Tensor) -> Tensor:
            outputs = self.log_proba(x) if log else self.log_proba(x).exp()
            squares = torch.zeros(len(x), dtype=torch.float64)
            # A pass for each class: all at once need rows x classes x features numbers.
            for output in outputs.sum(0):
                gradient = _gradient(output, x).double() * unit
                squares += gradient.square().flatten(1).sum(1)
            return squares.sqrt()

        return self._per_chunk(norm, rows, np.zeros(len(rows), dtype=np.int64))

    def _odds(self, x: Tensor, codes: Tensor) -> Tensor:
        log_proba, column = self.log_proba(x), codes.unsqueeze(1)
        others = log_proba.scatter(1, column, -torch.inf).logsumexp(1)
        return others - log_proba.gather(1, column).squeeze(1)

    @one_thread()
    def _per_chunk(
        self,
        compute: Callable[[Tensor, Tensor], Tensor],
        rows: NDArray[np.float64],
        codes: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        parts = []
        with own_modes(self.dtype):
            for chunk in gen_batches(len(rows), CHUNK_ROWS):
                x = torch.tensor(rows[chunk], dtype=self.dtype, requires_grad=True)
                part = compute(x, torch.from_numpy(codes[chunk]))
                parts.append(part.detach().double().numpy())
        return np.concatenate(parts)


def _members(module: nn.Module) -> list[Member]:
    """Return the networks of this package's module; of other modules none."""
    if not isinstance(module, Predictor):
        return []
    return [cast(Member, member) for member in module.members]


def _gradient(output: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of a sum over rows with respect to each row."""
    if not output.requires_grad:
        raise ValueError("The torch module passes no gradient to its inputs.")
    return torch.autograd.grad(output, x, retain_graph=True)[0]


def _checked(scale: ArrayLike) -> NDArray[np.float64]:
    units = np.asarray(scale, dtype=np.float64)
    if not (np.isfinite(units).all() and (units > 0).all()):
        raise ValueError("scale must be positive and finite for every feature.")
    return units

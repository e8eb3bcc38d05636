"""What an estimator says of its targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sk_mixup._data.targets import EncodedTargets
from sk_mixup._networks.losses import Loss
from sk_mixup._training.remix import Remix


@dataclass(frozen=True, kw_only=True)
class TargetSpec(EncodedTargets):
    """What an estimator makes of ``y``, and how it is learnt, as one value.

    Parameters
    ----------
    loss : type of Loss
        The loss to train.
    loss_params : tuple of (str, Any)
        Its keyword arguments.
    n_outputs : int
        Columns of the networks' outputs.
    mix_target : {"interpolate", "dominant"} or Remix
        How targets are mixed.
    label_smoothing : float
        The part of a target that all classes share.
    calibrated : bool
        Whether validation rows are needed after the training too.
    """

    loss: type[Loss]
    n_outputs: int
    loss_params: tuple[tuple[str, Any], ...] = ()
    mix_target: Literal["interpolate", "dominant"] | Remix = "interpolate"
    label_smoothing: float = 0.0
    calibrated: bool = False

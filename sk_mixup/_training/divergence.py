"""Trainings whose loss is no number any more."""

from __future__ import annotations

from sk_mixup._training.net import MixupNet
from sk_mixup._training.settings import Settings

#: Parameters of which large values make a training diverge, unless they are 0 or None.
SUSPECTS = ("noise_std", "weight_decay", "optimizer_params")


def check_losses(net: MixupNet, settings: Settings) -> None:
    """Check that the losses of a training have stayed numbers."""
    bad_epoch = net.first_bad_epoch()
    if bad_epoch is None:
        return
    also = [
        f", other {name} (now {value})"
        for name in SUSPECTS
        if (value := getattr(settings, name))
    ]
    raise ValueError(
        f"The loss of {settings.estimator} became NaN or infinite in epoch "
        f"{bad_epoch}; try a lower lr (now {settings.lr}){''.join(also)}, "
        f"standardize=True (now {settings.standardize}) or a look at extreme values "
        "in X or y."
    )

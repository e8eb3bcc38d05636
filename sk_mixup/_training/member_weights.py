"""How much each member of an ensemble counts in the average."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._training.run import Run
from sk_mixup._training.validation_rows import ValidationRows

#: Members lose a factor of e for every 20 rows and unit of loss. At 1, the likelihood
#: itself, the best member alone would decide; at 0 all count alike.
RATE = 0.05


@torch.inference_mode()
def weights_by_loss(
    network: Network, loss: Loss, runs: Sequence[Run]
) -> tuple[float, ...] | None:
    """Return weights of sum 1 that fall exponentially with the validation losses.

    The loss is a member's own, on its own validation rows, at the temperature that the
    network has. None if there are no validation rows, or a single member.
    """
    rows = ValidationRows(runs, network.inputs)
    if not len(rows) or len(runs) == 1:
        return None
    # Weights are fractions of all validation rows: sums over batches are means.
    losses = torch.stack(
        [
            loss(network.outputs(batch.encoded), batch.targets, batch.weight)
            for batch in rows.batches()
        ]
    ).sum(0)
    # In double precision, so that the weights add up to 1 for users too.
    weights = torch.softmax(-RATE * len(rows) * losses.cpu().double(), 0)
    return tuple(weights.tolist())

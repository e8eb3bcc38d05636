"""What a training that goes on takes over from the one before."""

from __future__ import annotations

import torch

from sk_mixup._data.moments import Moments
from sk_mixup._data.reservoir import Reservoir
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import SparseTable
from sk_mixup._networks.bins import Bins
from sk_mixup._networks.input_layers import EncodedInputs, Standardize
from sk_mixup._networks.moved_bins import MovedBins
from sk_mixup._training.net import MixupNet
from sk_mixup._training.settings import Settings
from sk_mixup._training.task import Start
from sk_mixup.encodings import Standardized


def bins_of(inputs: Standardize) -> Bins | None:
    """Return the bins of an input layer, None if it has none."""
    return inputs.bins if isinstance(inputs, EncodedInputs) else None


def with_known_bins(
    standardize: Standardize, bins: Bins | None, device: torch.device
) -> Standardize:
    """Return the input layer with bins that are learnt already."""
    return standardize if bins is None else EncodedInputs(standardize, bins.to(device))


def reservoir_of(
    settings: Settings, start: Start, rows: RowSubset, entropy: int
) -> Reservoir | None:
    """Return a sample of the rows of all calls of ``partial_fit``, if bins need one."""
    has_bins = any(each != Standardized() for each in settings.encodings)
    if not (start.one_epoch and has_bins) or settings.module is not None:
        return None
    earlier, is_sparse = start.earlier, isinstance(rows.table, SparseTable)
    if earlier is None:
        return None if is_sparse else Reservoir.of(rows)
    before = earlier.reservoir  # None after a fit, whose bins stay
    if before is None or is_sparse:
        return before
    return before.joined(Reservoir.of(rows), entropy)


def net_to_go_on_with(
    start: Start,
    rows: RowSubset,
    inputs: Standardize,
    moments: list[Moments | None],
) -> MixupNet | None:
    """Return a copy of the earlier net that goes by the new mean and deviation."""
    if start.net is None or start.fitted is None:
        return None
    net: MixupNet = start.net.copy_to_train_on()
    before, after = start.fitted.target_moments, rows.targets.moments
    if before is not None and after is not None:
        follow = net.criterion_.output_moments
        for body in net.bodies:
            body.follow_targets(follow(before), follow(after))
    net.module_.follow_inputs(start.fitted.moments, moments, inputs, net.bodies)
    earlier, own = (bins_of(each) for each in (start.net.module_.inputs, inputs))
    if own is not None and own is not earlier:
        net.move_bins(MovedBins(earlier, own))
    return net

"""The masks of dropout, drawn from streams that belong to the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._networks.batch import Dropout


def draw_masks(
    streams: Sequence[Generator],
    leaders: Sequence[int],
    n_own: Sequence[int],
    shape: tuple[int, int],
    widths: Sequence[int],
    rate: float,
    device: torch.device,
) -> Dropout:
    """Draw which units of the hidden layers stay in some steps.

    Parameters
    ----------
    streams : sequence of Generator
        Of each run.
    leaders : sequence of int
        The first run whose stream draws the same, for each run.
    n_own : sequence of int
        For how many rows each run draws: for none that are padding.
    shape : (int, int)
        Steps, and rows of each.
    widths : sequence of int
        Units of the hidden layers.
    rate : float
        The share of units that are dropped.
    device : torch.device
        Where the masks are needed.
    """
    steps, n_rows = shape
    units = sum(widths)
    # Of 2^16 numbers so many keep a unit: two random bytes for each are enough, and
    # eight are drawn at a time. Of whole rows, or it would matter where blocks end.
    row_draws = ceil_div(units, 4)
    keeping = max(1, round((1 - rate) * 2**16))
    # Steps first: what a step uses lies together. Bytes are as fast to multiply with as
    # numbers, and a quarter as large.
    kept = [np.empty((steps, len(streams), n_rows, own), np.uint8) for own in widths]
    for place, (stream, most) in enumerate(zip(streams, n_own, strict=True)):
        leader = leaders[place]
        if leader != place:
            stream.bit_generator.state = streams[leader].bit_generator.state
            for layer in kept:
                layer[:, place] = layer[:, leader]
            continue
        n_drawn = max(0, min(most, steps * n_rows))
        words = stream.bit_generator.random_raw((n_drawn, row_draws))
        # By zeros: padding keeps all units, and has no weight.
        words.resize((steps * n_rows, row_draws), refcheck=False)
        drawn = words.view(np.uint16).reshape(steps, n_rows, 4 * row_draws)
        start = 0
        for layer, width in zip(kept, widths, strict=True):
            own = drawn[..., start : start + width]
            np.less(own, keeping, out=layer[:, place].view(np.bool_))
            start += width
    # By the fraction that 16 bits can give, so that a unit keeps its mean exactly.
    factor = 2**16 / keeping
    if device.type == "cpu":
        return Dropout(_by_runs(map(torch.from_numpy, kept)), factor)
    floor = torch.zeros((), device=device)
    return Dropout(_by_runs(_bounds(kept, device)), factor, floor)


def _by_runs(masks: Iterable[Tensor]) -> tuple[Tensor, ...]:
    return tuple(own.transpose(0, 1) for own in masks)


def _bounds(
    kept: Sequence[NDArray[np.uint8]], device: torch.device
) -> Iterator[Tensor]:
    """Yield masks on a device as bounds of 0 and infinity."""
    # In one copy, of bits: most of what goes up to a GPU are masks.
    packed = [np.packbits(own, bitorder="little") for own in kept]
    up = torch.from_numpy(np.concatenate(packed)).to(device).unsqueeze(1)
    bits = up.bitwise_and(2 ** torch.arange(8, dtype=torch.uint8, device=device))
    bounds = torch.where(bits != 0, torch.inf, 0.0)
    ends = np.cumsum([0, *map(len, packed)])
    for own, start, stop in zip(kept, ends, ends[1:], strict=False):
        yield bounds[start:stop].view(-1)[: own.size].view(own.shape)

"""One network to be trained, and how it is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sk_mixup._data.neighbors import Draw
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._networks.losses import Loss
from sk_mixup._networks.network import Network
from sk_mixup._training.mixing import Vicinity

#: Of a network of one run, the higher the better.
Score = Callable[[Network, Loss], float]


@dataclass(frozen=True)
class Run:
    """One network to be trained: its rows, its vicinity and its random streams.

    ``score`` judges it on its validation rows; None stands for minus the loss.
    """

    training: RowSubset
    vicinity: Vicinity
    draw_partners: Draw
    streams: Streams
    validation: RowSubset | None = None
    score: Score | None = None

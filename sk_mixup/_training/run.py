"""One network to be trained."""

from __future__ import annotations

from dataclasses import dataclass

from sk_mixup._data.neighbors import Draw
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._training.mixing import Vicinity


@dataclass(frozen=True)
class Run:
    """One network to be trained: its rows, its vicinity and its random streams."""

    training: RowSubset
    vicinity: Vicinity
    draw_partners: Draw
    streams: Streams
    validation: RowSubset | None = None

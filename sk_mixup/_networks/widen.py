"""From the matrix of a table to the columns that networks take."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sk_mixup._data.frames import Schema
from sk_mixup._networks.storage import ArrayModule


class Widen(ArrayModule):
    """Fill gaps and write categories as one-hot columns.

    Numbers come first, then a column for the gaps of each feature with gaps, then the
    one-hot columns of each category.

    Parameters
    ----------
    schema : Schema
        What the columns of the table are.

    Shape
    -----
    - input: ``(..., rows, n_features)``, gaps as NaN and categories as codes
    - output: ``(..., rows, width)``
    """

    numbers: Tensor
    fill: Tensor
    gaps: Tensor
    categories: Tensor
    level: Tensor

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        levels = schema.levels or {}
        self.n_features = len(schema.fill)
        numbers = [n for n in range(self.n_features) if n not in levels]
        sources = [n for n, own in levels.items() for _ in range(own.width)]
        level = [k for own in levels.values() for k in range(own.width)]
        dtype = torch.get_default_dtype()
        fill = torch.as_tensor(schema.fill[numbers], dtype=dtype)
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.long))
        self.register_buffer("fill", fill)
        self.register_buffer("gaps", torch.tensor(schema.gaps, dtype=torch.long))
        self.register_buffer("categories", torch.tensor(sources, dtype=torch.long))
        self.register_buffer("level", torch.tensor(level, dtype=dtype))

    @property
    def sources(self) -> NDArray[np.int64]:
        """The feature of the table that each column of the output is of."""
        return torch.cat([self.numbers, self.gaps, self.categories]).cpu().numpy()

    @property
    def width(self) -> int:
        """Columns of the output."""
        return len(self.numbers) + len(self.gaps) + len(self.categories)

    def forward(self, x: Tensor) -> Tensor:
        numbers = x.index_select(-1, self.numbers)
        filled = torch.where(numbers.isnan(), self.fill, numbers)
        absent = x.index_select(-1, self.gaps).isnan().to(x.dtype)
        one_hot = (x.index_select(-1, self.categories) == self.level).to(x.dtype)
        return torch.cat([filled, absent, one_hot], -1)

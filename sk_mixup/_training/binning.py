"""The bins that members see beside the standardised features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sk_mixup._data.memo import Memo
from sk_mixup._data.statistics import sample_of, weights_of
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import SparseTable
from sk_mixup._networks.bins import Bins
from sk_mixup.encodings import Encoding

#: With more of them no column has bins: the first layer would take most of the time.
MOST_COLUMNS = 300


def bins_of_members(
    rows: RowSubset,
    trainings: Sequence[RowSubset],
    encodings: Sequence[Encoding],
    memo: Memo,
) -> list[Bins]:
    """Return the bins of the members that have any, learnt from their training rows.

    Those share the columns and the number of bins, of which some may use few.
    """
    columns = memo.get("binned columns", (rows,), lambda: _binned_columns(rows))
    if not len(columns):
        return []
    pairs = list(zip(trainings, encodings, strict=True))
    name = columns.tobytes()
    edges = [
        memo.get(("edges", e, name), (t,), partial(_edges, e, t, columns))
        for t, e in pairs
    ]
    n_edges = max(own.shape[1] for own in edges)
    return [
        memo.get(
            ("bins", encoding, name, n_edges),
            (training,),
            partial(_bins, training, columns, _padded(own, n_edges)),
        ).moved(member)
        for member, ((training, encoding), own) in enumerate(
            zip(pairs, edges, strict=True)
        )
        if own.shape[1] > 1
    ]


def _bins(
    training: RowSubset, columns: NDArray[np.int64], edges: NDArray[np.float64]
) -> Bins:
    """Return a member's bins, whose units are standardised on its training rows."""
    dtype = torch.get_default_dtype()
    bins = Bins.between(torch.from_numpy(columns), torch.as_tensor(edges, dtype=dtype))
    sample = sample_of(training)
    rows = torch.as_tensor(training.flat_rows(sample), dtype=dtype)
    weights = torch.from_numpy(weights_of(training, sample))
    return bins.standardized(rows, weights).to(training.device)


def _binned_columns(rows: RowSubset) -> NDArray[np.int64]:
    """Return the numbers of the columns with more than two values."""
    if isinstance(rows.table, SparseTable) or len(rows.table.shape) != 2:
        return np.empty(0, dtype=np.int64)
    values = rows.flat_rows(sample_of(rows))
    # A bin of two values would say what the standardised feature says.
    least, most = values.min(axis=0), values.max(axis=0)
    columns = np.flatnonzero(((values != least) & (values != most)).any(axis=0))
    return columns if len(columns) <= MOST_COLUMNS else columns[:0]


def _edges(
    encoding: Encoding, training: RowSubset, columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    sample = sample_of(training)
    X = training.flat_rows(sample)[:, columns].astype(np.float64)
    y = training.targets.groups()[sample.numpy()]
    edges = np.asarray(
        encoding.edges(X, y, weights_of(training, sample)), dtype=np.float64
    )
    _check_edges(edges, encoding, len(columns))
    return edges


def _check_edges(edges: NDArray[np.float64], encoding: Any, n_columns: int) -> None:
    if edges.ndim != 2 or len(edges) != n_columns or not edges.shape[1]:
        raise ValueError(
            f"{encoding!r} placed edges of shape {edges.shape}, but ({n_columns}, "
            "n_bins + 1) is needed: a row of edges for each feature."
        )
    if not np.isfinite(edges).all() or (np.diff(edges, axis=1) < 0).any():
        raise ValueError(f"{encoding!r} must place finite edges in ascending order.")


def _padded(edges: NDArray[np.float64], n_edges: int) -> NDArray[np.float64]:
    """Return edges with unused bins at the end."""
    missing = n_edges - edges.shape[1]
    return np.pad(edges, ((0, 0), (0, missing)), mode="edge")

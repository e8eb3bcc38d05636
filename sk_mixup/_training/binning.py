"""The bins that members see beside the standardised features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sk_mixup._data.memo import Memo
from sk_mixup._data.reservoir import Sample
from sk_mixup._data.statistics import sample_of
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
    name = columns.tobytes()
    samples = [memo.get("sample", (t,), partial(Sample.of, t)) for t in trainings]
    edges = [
        memo.get(("edges", e, name), (s,), partial(_edges, e, s, columns))
        for s, e in zip(samples, encodings, strict=True)
    ]
    n_edges = max(own.shape[1] for own in edges)
    return [
        memo.get(
            ("bins", encoding, name, n_edges),
            (sample,),
            partial(_bins, sample, columns, _padded(own, n_edges), rows.device),
        ).moved(member)
        for member, (sample, encoding, own) in enumerate(
            zip(samples, encodings, edges, strict=True)
        )
        if own.shape[1] > 1
    ]


def bins_learnt_anew(
    sample: Sample, encodings: Sequence[Encoding], before: Bins | None
) -> Bins | None:
    """Return all members' bins, learnt from a sample of all rows so far.

    Columns that had bins before have some again, and as many.
    """
    had = [] if before is None else before.columns.tolist()
    columns = np.union1d(_columns_of_values(sample.rows), had).astype(np.int64)
    if not 0 < len(columns) <= MOST_COLUMNS:
        return before
    edges = {each: _edges(each, sample, columns) for each in dict.fromkeys(encodings)}
    n_edges = max(own.shape[1] for own in edges.values())
    if before is not None:
        n_edges = max(n_edges, before.low.shape[-1] + 1)
    if n_edges < 2:
        return None
    device = torch.device("cpu") if before is None else before.low.device
    with_bins = () if before is None else before.runs
    bins = Bins.concatenate(
        [
            _bins(sample, columns, _padded(edges[each], n_edges), device).moved(member)
            for member, each in enumerate(encodings)
            if edges[each].shape[1] > 1 or member in with_bins
        ]
    )
    return bins if before is None or not bins.has_edges_of(before) else before


def _bins(
    sample: Sample,
    columns: NDArray[np.int64],
    edges: NDArray[np.float64],
    device: torch.device,
) -> Bins:
    """Return a member's bins, whose units are standardised on its training rows."""
    dtype = torch.get_default_dtype()
    bins = Bins.between(torch.from_numpy(columns), torch.as_tensor(edges, dtype=dtype))
    rows = torch.as_tensor(sample.rows, dtype=dtype)
    return bins.standardized(rows, torch.from_numpy(sample.weights)).to(device)


def _binned_columns(rows: RowSubset) -> NDArray[np.int64]:
    """Return the numbers of the columns that have bins, of a dense table."""
    if isinstance(rows.table, SparseTable) or len(rows.table.shape) != 2:
        return np.empty(0, dtype=np.int64)
    columns = _columns_of_values(rows.flat_rows(sample_of(rows)))
    return columns if len(columns) <= MOST_COLUMNS else columns[:0]


def _columns_of_values(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the numbers of the columns with more than two values."""
    # A bin of two values would say what the standardised feature says.
    least, most = values.min(axis=0), values.max(axis=0)
    return np.flatnonzero(((values != least) & (values != most)).any(axis=0))


def _edges(
    encoding: Encoding, sample: Sample, columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    X = sample.rows[:, columns].astype(np.float64)
    edges = np.asarray(encoding.edges(X, sample.y, sample.weights), dtype=np.float64)
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

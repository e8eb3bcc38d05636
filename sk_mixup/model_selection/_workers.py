"""Groups of calls for the workers of a joblib backend.

A worker is sent some of the calls that joblib was given, runs them as one process does,
and sends their results back. So scikit-learn's other steps and scores are computed
there too, and no network travels unless it is part of a result.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

import cloudpickle
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sk_mixup._networks.torch_modes import LentDtype, precision
from sk_mixup._networks.torch_threads import one_thread
from sk_mixup._training.progress import Progress
from sk_mixup.model_selection._groups import Call, plan_groups
from sk_mixup.model_selection._schedule import CallSchedule, n_bytes
from sk_mixup.model_selection._suspended import SuspendedCall

Results = list[list[Any]]

#: Larger tables are sent apart: a backend keeps one copy of each for all groups.
LARGE_BYTES = 100_000
#: New networks have the precision that they have where the calls come from.
_users_precision = LentDtype()
TABLE_PACKAGES = frozenset({"numpy", "pandas", "polars", "scipy"})


class CannotBeSent(ValueError):  # noqa: N818 - the sentence that it ends
    """A call that cannot be pickled."""


class Workers:
    """The workers of a joblib backend.

    Parameters
    ----------
    backend : ParallelBackendBase
        The backend.
    number : int
        How many groups run at the same time.
    max_memory : int
        Bytes that training rows, and networks in training, may take in a worker.
    verbose : int
        Show a progress bar if positive.
    """

    def __init__(
        self, backend: Any, number: int, max_memory: int, verbose: int
    ) -> None:
        self.backend, self.number = backend, number
        self.max_memory, self.verbose = max_memory, verbose

    def run(self, calls: Sequence[Call], trained: list[int]) -> Results:
        """Return the results of the calls, which are run in groups.

        Extends ``trained`` by the number of estimators of each training. Raises
        `CannotBeSent`, before anything has run, if a call cannot be pickled.
        """
        groups = plan_groups(calls, self.number)
        tables: dict[int, Any] = {}
        parcels = [pack([calls[place] for place in group], tables) for group in groups]
        sent = self._sent(tables)
        jobs = [
            delayed(run_parcel)(
                number,
                parcel,
                self.max_memory,
                precision(),
                keys,
                *map(sent.get, keys),
            )
            for number, (parcel, keys) in enumerate(parcels)
        ]
        results: list[Any] = [None] * len(calls)
        sizes: list[list[int]] = [[]] * len(groups)
        with tqdm(total=len(calls), unit="fit", disable=self.verbose <= 0) as bar:
            for number, found, own_sizes in self._parallel()(jobs):
                for place, result in zip(groups[number], found, strict=True):
                    results[place] = result
                sizes[number] = own_sizes
                bar.update(len(found))
        trained += [size for own_sizes in sizes for size in own_sizes]
        return results

    def _parallel(self) -> Parallel:
        yields = self.backend.supports_return_generator
        return Parallel(
            self.number,
            backend=self.backend,
            return_as="generator_unordered" if yields else "list",
            pre_dispatch="all",
            batch_size=1,
        )

    def _sent(self, tables: dict[int, Any]) -> dict[int, Any]:
        """Return the tables, or what stands for them where a cluster holds them."""
        scatter = getattr(getattr(self.backend, "client", None), "scatter", None)
        if scatter is None or not tables:
            return tables
        # Joblib would give each table to one worker, and with it the table would die.
        held = scatter(list(tables.values()), broadcast=True, hash=False)
        return dict(zip(tables, held, strict=True))


def run_parcel(
    number: int,
    parcel: bytes,
    max_memory: int,
    dtype: torch.dtype,
    keys: Sequence[int],
    *tables: Any,
) -> tuple[int, Results, list[int]]:
    """Run the calls of a group; return its number, results and sizes of trainings."""
    trained: list[int] = []
    suspended = list(
        map(SuspendedCall, unpack(parcel, dict(zip(keys, tables, strict=True))))
    )
    with one_thread(), _users_precision(dtype):
        CallSchedule(max_memory, Progress(), trained).run(suspended)
    return number, [call.get() for call in suspended], trained


def pack(calls: Sequence[Call], tables: dict[int, Any]) -> tuple[bytes, list[int]]:
    """Pickle calls without their large tables, which are added to ``tables``.

    Returns the keys of those tables, too.
    """
    buffer = io.BytesIO()
    packer = _Packer(buffer, tables)
    try:
        packer.dump(list(calls))
    except Exception as error:  # of any kind, from the methods of users' objects
        raise CannotBeSent(str(error)) from error
    return buffer.getvalue(), list(packer.keys)


def unpack(parcel: bytes, tables: dict[int, Any]) -> list[Call]:
    """Return the calls that were packed."""
    unpickler = _Unpacker(io.BytesIO(parcel))
    unpickler.tables = tables
    calls: list[Call] = unpickler.load()
    return calls


class _Packer(cloudpickle.Pickler):
    def __init__(self, file: io.BytesIO, tables: dict[int, Any]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.tables, self.keys = tables, dict[int, None]()

    def persistent_id(self, value: Any) -> int | None:
        if not _is_large_table(value):
            return None
        self.tables[id(value)] = value
        self.keys[id(value)] = None
        return id(value)


class _Unpacker(pickle.Unpickler):
    tables: dict[int, Any]

    def persistent_load(self, key: int) -> Any:
        return self.tables[key]


def _is_large_table(value: Any) -> bool:
    package = type(value).__module__.partition(".")[0]
    if package not in TABLE_PACKAGES or not getattr(value, "ndim", 2):
        return False
    return hasattr(value, "shape") and n_bytes(value) > LARGE_BYTES

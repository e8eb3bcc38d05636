"""Results on disk: a job is done if and only if its file exists."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import pandas as pd

from benchmarks.jobs import Job, Unit, job_from_dict

Record = dict[str, Any]


class StoreError(RuntimeError):
    """A store that cannot be used; the message is one sentence with the remedy."""


@dataclass(frozen=True)
class Store:
    """A folder with one small file per finished job.

    ``<experiment>/done`` holds results, ``failed`` the reasons of failures (to be
    tried again), ``asked`` what was asked for by whom, ``claims`` the lock files.
    Every file is written to a temporary name, flushed to the disk and renamed: it is
    there whole or not at all. Any number of processes may share one store.

    Parameters
    ----------
    root : Path
        The folder, made when first written to.
    """

    root: Path

    # Jobs.

    def is_done(self, job: Job) -> bool:
        """Tell whether the job's result is there."""
        return self._path("done", job).exists()

    def is_settled(self, job: Job) -> bool:
        """Tell whether the job is done or has failed."""
        return self.is_done(job) or self._path("failed", job).exists()

    def failures(self, jobs: Iterable[Job]) -> dict[Job, str]:
        """Return why jobs failed, for those that did."""
        return {
            job: str(_read(self._path("failed", job))["reason"])
            for job in jobs
            if self.is_settled(job) and not self.is_done(job)
        }

    def forget_failures(self, jobs: Iterable[Job]) -> None:
        """Let jobs that failed be tried again."""
        for job in jobs:
            self._path("failed", job).unlink(missing_ok=True)

    def save(self, job: Job, records: Sequence[Record]) -> None:
        """Write the job's result: one record for each row of a results frame."""
        content = {"job": asdict(job), "records": list(records)}
        _write(self._path("done", job), content)
        self._path("failed", job).unlink(missing_ok=True)

    def save_failure(self, job: Job, reason: str, details: str = "") -> None:
        """Write why the job could not be done."""
        content = {
            "job": asdict(job),
            "reason": reason,
            "details": details,
            "time": time.time(),
        }
        _write(self._path("failed", job), content)

    def frame(self, jobs: Iterable[Job]) -> pd.DataFrame:
        """Gather the results of those of the jobs that are done.

        Returns
        -------
        pandas.DataFrame
            The long frame: one row per record, the job's columns first, in the order
            of the jobs.
        """
        paths = (self._path("done", job) for job in jobs)
        return _frame(map(_read, filter(Path.exists, paths)))

    # What was asked for.

    def note(self, experiment: str, name: str, content: Record) -> None:
        """Write down what was asked for, under a name that nobody else uses."""
        _write(self.root / experiment / "asked" / f"{name}.json", content)

    def notes(self, experiment: str) -> list[Record]:
        """Read what was asked for so far."""
        return [_read(path) for path in self._files(experiment, "asked")]

    @property
    def experiments(self) -> list[str]:
        """Names of the experiments that have anything in the store."""
        return sorted(path.name for path in self.root.glob("*/") if path.is_dir())

    # Sharing.

    @contextmanager
    def claim(self, units: Iterable[Unit]) -> Iterator[set[Unit]]:
        """Claim those of the units that no other process has claimed.

        The operating system drops a claim when its process ends, however it ends.

        Yields
        ------
        claimed : set of Unit
            What is this process's own until the context is left.
        """
        locks: dict[Unit, filelock.FileLock] = {}
        try:
            for unit in units:
                path = self.root / unit.experiment / "claims" / f"{unit}.lock"
                lock = filelock.FileLock(_made(path))
                with suppress(filelock.Timeout):
                    lock.acquire(blocking=False)
                    locks[unit] = lock
            yield set(locks)
        finally:
            for lock in locks.values():
                lock.release()

    # Files.

    def _path(self, kind: str, job: Job) -> Path:
        return self.root / job.experiment / kind / f"{job.key}.json"

    def _files(self, experiment: str, kind: str) -> list[Path]:
        return sorted((self.root / experiment / kind).glob("*.json"))


def _frame(contents: Iterable[Record]) -> pd.DataFrame:
    rows = [
        job_from_dict(content["job"]).columns() | record
        for content in contents
        for record in content["records"]
    ]
    return pd.DataFrame(rows)


def _read(path: Path) -> Record:
    try:
        content: Record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read ({error}); delete it.") from error
    return content


def _write(path: Path, content: Record) -> None:
    """Write a file whole or not at all."""
    # Only the process that has claimed the job writes it, so the temporary name need
    # not be unique, and one left by a killed process is overwritten.
    temporary = _made(path).with_suffix(".tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file, default=_as_plain)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise _unwritable(error) from error


def _made(path: Path) -> Path:
    """Make the folder of a path."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error) from error
    return path


def _unwritable(error: OSError) -> StoreError:
    return StoreError(
        f"the store cannot be written ({error}); free some space, or name another "
        "folder with --store."
    )


def _flush_folder(folder: Path) -> None:
    """Flush the renaming itself, where the system lets folders be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _as_plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays into Python's."""
    return value.tolist()

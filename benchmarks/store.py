"""Results on disk: a job is done if and only if its sound file exists."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import filelock
import pandas as pd

from benchmarks.files import (
    CannotWrite,
    Unusable,
    make_folder,
    read_json,
    require,
    write_json,
)
from benchmarks.jobs import Job, Unit, job_from_dict

Record = dict[str, Any]

#: What the files of a job hold, by kind.
_SHAPES: Final[Mapping[str, Mapping[str, type]]] = {
    "done": {"job": dict, "records": list},
    "failed": {"job": dict, "reason": str},
}

#: What a note of a command holds.
_NOTE: Final[Mapping[str, type]] = {
    **dict.fromkeys(("command", "device", "date", "system", "processor"), str),
    "options": dict,
    "jobs": int,
    "cores": int,
    "python": str,
    "versions": dict,
}

#: What is wrong with a file that is not there.
_ABSENT: Final = "it is absent"


class StoreError(RuntimeError):
    """A store that cannot be used; the message is one sentence with the remedy."""


@dataclass(frozen=True)
class Store:
    """A folder with one small file per finished job.

    ``<experiment>/done`` holds results, ``failed`` the reasons of failures (to be
    tried again), ``asked`` what was asked for by whom, ``claims`` the lock files.
    Every file is written to a temporary name, flushed to the disk and renamed: it is
    there whole or not at all. A file that holds something else, damaged or edited,
    counts as absent, and `faults` tells of it. Any number of processes may share one
    store.

    Parameters
    ----------
    root : Path
        The folder, made when first written to.
    """

    root: Path

    def is_done(self, job: Job) -> bool:
        """Tell whether the job's result is there."""
        return _fault(self._path("done", job), "done", job) is None

    def is_settled(self, job: Job) -> bool:
        """Tell whether the job is done or has failed."""
        failed = self._path("failed", job)
        return self.is_done(job) or _fault(failed, "failed", job) is None

    def failures(self, jobs: Iterable[Job]) -> dict[Job, str]:
        """Return why jobs failed, for those that did."""
        reasons = {}
        for job in jobs:
            # What failed before may be done by now.
            with suppress(Unusable):
                if not self.is_done(job):
                    content = _read_job(self._path("failed", job), "failed", job)
                    reasons[job] = str(content["reason"])
        return reasons

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
        content = {"job": asdict(job), "reason": reason, "details": details}
        _write(self._path("failed", job), content | {"time": time.time()})

    def frame(self, jobs: Iterable[Job]) -> pd.DataFrame:
        """Gather the results of those of the jobs that are done.

        Returns
        -------
        pandas.DataFrame
            The long frame: one row per record, the job's columns first, in the order
            of the jobs.
        """
        rows = [
            job.columns() | record
            for job in jobs
            if self.is_done(job)
            for record in _read_job(self._path("done", job), "done", job)["records"]
        ]
        return pd.DataFrame(rows)

    def faults(self, jobs: Iterable[Job]) -> list[str]:
        """Name the files of jobs that hold something else, a sentence each."""
        files = [(self._path(kind, job), kind, job) for job in jobs for kind in _SHAPES]
        return [
            f"{path} is left out: {fault}; its job counts as open."
            for path, kind, job in files
            if (fault := _fault(path, kind, job)) not in (None, _ABSENT)
        ]

    def note(self, experiment: str, name: str, content: Record) -> None:
        """Write down what was asked for, under a name that nobody else uses."""
        _write(self.root / experiment / "asked" / f"{name}.json", content)

    def notes(self, experiment: str) -> list[Path]:
        """List the files that say what was asked for so far; see `read_note`."""
        return sorted((self.root / experiment / "asked").glob("*.json"))

    @contextmanager
    def claim(self, units: Iterable[Unit]) -> Iterator[set[Unit]]:
        """Claim those of the units that no other process has claimed.

        The operating system drops a claim when its process ends, however it ends.

        Yields
        ------
        claimed : set of Unit
            What is this process's own until the context is left.
        """
        mine = set()
        with ExitStack() as locks:
            for unit in units:
                path = self.root / unit.experiment / "claims" / f"{unit}.lock"
                with _writing(path):
                    lock = filelock.FileLock(path)
                with suppress(filelock.Timeout):
                    locks.enter_context(lock.acquire(blocking=False))
                    mine.add(unit)
            yield mine

    def _path(self, kind: str, job: Job) -> Path:
        return self.root / job.experiment / kind / f"{job.key}.json"


def read_note(path: Path) -> Record:
    """Read what was asked for, and by whom, or raise `benchmarks.files.Unusable`.

    It holds ``seconds`` unless the command was killed.
    """
    note = read_json(path, _NOTE)
    require(note, dict.fromkeys({"seconds"} & set(note), float))
    require(note["versions"], dict.fromkeys(note["versions"], str))
    return note


def _read_job(path: Path, kind: str, job: Job) -> Record:
    content = read_json(path, _SHAPES[kind])
    for record in content.get("records", ()):
        require(record, {})
    try:
        found = job_from_dict(content["job"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unusable("its 'job' is something else") from error
    if found != job:
        raise Unusable("it is another job's")
    return content


def _fault(path: Path, kind: str, job: Job) -> str | None:
    """Say what is wrong with the file of a job; None if nothing is."""
    try:
        state = path.stat()
    except OSError:
        return _ABSENT
    return _fault_in(path, kind, job, state.st_mtime_ns, state.st_size, state.st_ino)


@cache  # files are looked at often: each state of one is read once
def _fault_in(path: Path, kind: str, job: Job, *state: int) -> str | None:
    try:
        _read_job(path, kind, job)
    except Unusable as fault:
        return str(fault)
    return None


def _write(path: Path, content: Record) -> None:
    # Only the process that has claimed the job writes it, so the temporary name need
    # not be unique, and one left by a killed process is overwritten.
    with _writing(path):
        write_json(path, content, beside=f"{path.stem}.tmp")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make the folder of a file, and say what to do where it cannot be written."""
    try:
        make_folder(path.parent)
        yield
    except CannotWrite as error:
        raise StoreError(
            f"the store cannot be used: {str(error).rstrip('.')}; free some space, or "
            "name another folder with --store."
        ) from error

"""What ``python -m benchmarks`` does: run an experiment, list, tell the status."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from benchmarks import datasets, report
from benchmarks.console import print_list, print_table, say, watching
from benchmarks.experiment import Experiment, Options
from benchmarks.files import make_folder, write_whole
from benchmarks.gather import (
    cannot_show,
    counts,
    data_notes,
    look_up,
    machine,
    named,
    reasons,
    sections,
)
from benchmarks.jobs import Job
from benchmarks.runner import Workers, run
from benchmarks.store import Record, Store
from benchmarks.tables import plain_table
from benchmarks.work import Runtime


@dataclass(frozen=True)
class Place:
    """Where a command reads, writes and speaks.

    Parameters
    ----------
    store : Store
        Results.
    out : Path
        Folder of tables and reports.
    console : Console
        Standard output.
    errors : Console
        Standard error.
    """

    store: Store
    out: Path
    console: Console
    errors: Console


def run_experiment(
    experiment: Experiment,
    options: Options,
    place: Place,
    runtime: Runtime,
    workers: Workers,
    command: str,
) -> bool:
    """Do what is not done of an experiment and show all that was asked for.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    options : Options
        What is asked of it.
    place : Place
        Where to read, write and speak.
    runtime : Runtime
        Device and cache.
    workers : Workers
        Over what to spread the jobs.
    command : str
        The command line, for the report.

    Returns
    -------
    bool
        Whether every job is done.
    """
    jobs = experiment.jobs(options)
    _say_faults(place.store.faults(jobs), place.errors)
    note = _Note(place.store, experiment, options, command, runtime.device)
    note.begin(sum(not place.store.is_done(job) for job in jobs))
    with watching(place.console, jobs) as watcher:
        run(jobs, experiment.work, place.store, runtime, workers, watcher)
    note.end()
    frame = place.store.frame(jobs)
    if len(frame):
        _show(experiment, options, frame, place)
    failures = place.store.failures(jobs)
    _say_failures(failures, place.errors)
    return not failures


class _Note:
    """What was asked for, by which command, and what it took."""

    def __init__(
        self,
        store: Store,
        experiment: Experiment,
        options: Options,
        command: str,
        device: str,
    ) -> None:
        self.store, self.experiment = store, experiment.name
        self.name = f"{time.time_ns()}-{os.getpid()}"
        self.content: Record = {"options": asdict(options), "command": command}
        self.content |= {"device": device} | machine()

    def begin(self, n_jobs: int) -> None:
        """Write the note, unless there is nothing to do."""
        self.content["jobs"] = n_jobs
        self.start = time.monotonic()
        if n_jobs:
            self.store.note(self.experiment, self.name, self.content)

    def end(self) -> None:
        """Add the seconds."""
        self.content["seconds"] = time.monotonic() - self.start
        if self.content["jobs"]:
            self.store.note(self.experiment, self.name, self.content)


def _show(
    experiment: Experiment, options: Options, frame: pd.DataFrame, place: Place
) -> None:
    """Print the tables and write one row per record to a file."""
    try:
        tables, notes = experiment.show(named(frame)), data_notes(named(frame))
    except Exception as error:  # whatever was recorded, it is written
        tables, notes = [], [cannot_show(experiment, error)]
    for table in tables:
        print_table(place.console, table)
    for note in notes:
        say(place.console, note)
    path = make_folder(place.out) / f"{experiment.name}-{options.protocol}.csv"
    flat = [name for name in frame if not frame[name].map(_is_nested).any()]
    write_whole(path, frame[flat].to_csv(index=False))
    say(place.console, f"Every fold: {path}")


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | tuple | dict)


def _say_failures(failures: Mapping[Job, str], console: Console) -> None:
    for text in reasons(failures):
        say(console, text, style="red")


def _say_faults(faults: Sequence[str], console: Console) -> None:
    for text in faults:
        say(console, text)


def list_everything(experiments: Mapping[str, Experiment], place: Place) -> None:
    """Print the experiments and the data sets.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        All experiments.
    place : Place
        Where to speak.
    """
    rows = [
        {
            "experiment": name,
            "what it is": each.summary,
            "data sets": each.group if isinstance(each.group, str) else "its own",
            "jobs": len(each.jobs(each.options())),
        }
        for name, each in experiments.items()
    ]
    print_table(place.console, plain_table(pd.DataFrame(rows), "Experiments"))
    say(place.console, "Data sets", style="italic")
    for name in datasets.groups():
        print_list(place.console, name, datasets.group(name))


def list_jobs(experiment: Experiment, options: Options, place: Place) -> None:
    """Print what an experiment would do, and what is done of it.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    options : Options
        What would be asked of it.
    place : Place
        Where to read and speak.
    """
    jobs = experiment.jobs(options)
    methods = dict.fromkeys(job.method.name for job in jobs)
    rows = [
        {
            "dataset": name,
            **counts(place.store, [j for j in jobs if j.dataset == name]),
        }
        for name in options.datasets or ()
    ]
    print_table(place.console, plain_table(pd.DataFrame(rows), experiment.summary))
    asked = f"{options.protocol} protocol, epochs: {options.all_epochs}"
    say(place.console, f"{asked}. Methods: {', '.join(methods)}.")


def tell_status(experiments: Mapping[str, Experiment], place: Place) -> None:
    """Print what is done, failed and open of all that was asked for so far.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        The experiments to tell of.
    place : Place
        Where to read and speak.
    """
    store = place.store
    asked = {name: look_up(each, store) for name, each in experiments.items()}
    rows = [
        {"experiment": name, **counts(store, each.jobs)} for name, each in asked.items()
    ]
    say(place.console, f"Asked for in {store.root}:")
    print_table(place.console, plain_table(pd.DataFrame(rows), ""))
    for each in asked.values():
        _say_failures(store.failures(each.jobs), place.console)
        _say_faults(each.faults, place.errors)


def write_report(experiments: Mapping[str, Experiment], place: Place) -> None:
    """Write the report on all that is in the store.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        All experiments.
    place : Place
        Where to read, write and speak.
    """
    title = "Mixup on tables: results of the benchmarks"
    for each in experiments.values():
        _say_faults(look_up(each, place.store).faults, place.errors)
    for path in report.write(title, sections(experiments, place.store), place.out):
        say(place.console, str(path))

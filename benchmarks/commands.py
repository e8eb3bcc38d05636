"""What ``python -m benchmarks`` does: run an experiment, list, tell the status."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.console import Console

from benchmarks import blocks, datasets, report
from benchmarks.console import follow, print_list, print_table, say
from benchmarks.experiment import Experiment, Options, options_from_dict
from benchmarks.files import make_folder, write_whole
from benchmarks.gather import (
    Asked,
    cannot_show,
    counts,
    data_notes,
    look_up,
    named,
    reasons,
    sections,
)
from benchmarks.provenance import lead, machine
from benchmarks.runner import Workers, run
from benchmarks.store import Record, Store
from benchmarks.tables import plain_table
from benchmarks.work import Runtime


class Place(NamedTuple):
    """Where a command reads, writes and speaks."""

    store: Store
    out: Path  # of tables and reports
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

    The command line is for the report. It returns whether every job is done.
    """
    store, jobs = place.store, experiment.jobs(options)
    make_folder(place.out)  # or hours of work would end in a refusal
    _say_all(store.faults(jobs), place.errors)
    note: Record = {"options": asdict(options), "command": command}
    note |= {"device": runtime.device} | machine(on_gpu=runtime.on_gpu)
    _say_all(experiment.notices(options) if experiment.notices else (), place.console)
    note["jobs"] = sum(not store.is_done(job) for job in jobs)
    with _noted(store, experiment.name, note):
        steps = run(jobs, experiment.work, store, runtime, workers)
        follow(place.console, jobs, steps)
    frame = store.frame(jobs)
    if len(frame):
        _show(experiment, options, frame, place)
    failures = store.failures(jobs)
    _say_all(reasons(failures), place.errors, "red")
    if experiment.page and len(frame):
        _write_page(experiment, options, place)
    return not failures


def _write_page(experiment: Experiment, options: Options, place: Place) -> None:
    """Write the report on what one command asks for, results first."""
    jobs = experiment.jobs(options)
    notes = [
        note
        for note in look_up(experiment, place.store).notes
        if options_from_dict(note["options"]) == options
    ]
    asked = {experiment.name: Asked(jobs, notes, place.store.faults(jobs))}
    made, *shown, missing = sections({experiment.name: experiment}, asked, place.store)
    title = f"Mixup on {', '.join(map(datasets.short_name, options.datasets or ()))}"
    parts = [*shown, made, missing]
    written = report.write(title, parts, place.out, lead(notes))
    say(place.console, f"Page with figures: {written.page}")


def run_all(
    asked: Sequence[tuple[Experiment, Options]],
    known: Mapping[str, Experiment],
    place: Place,
    runtime: Runtime,
    workers: Workers,
    command: str,
) -> bool:
    """Run experiments one after the other, then write the report on the store.

    An experiment whose jobs fail does not keep the next one. It returns whether every
    job of all is done.
    """
    done = True
    for number, (experiment, options) in enumerate(asked, start=1):
        heading = f"[{number} of {len(asked)}] {experiment.name}: {experiment.summary}"
        say(place.console, f"\n{heading}", "bold")
        each = run_experiment(experiment, options, place, runtime, workers, command)
        done = each and done
    write_report(known, place)
    return done


@contextmanager
def _noted(store: Store, experiment: str, note: Record) -> Iterator[None]:
    """Write down what is asked for, if anything is to be done, and then the seconds."""
    if not note["jobs"]:
        yield
        return
    start, name = time.monotonic(), f"{time.time_ns()}-{os.getpid()}"
    store.note(experiment, name, note)
    try:
        yield
    finally:  # the minutes until Ctrl-C count too
        store.note(experiment, name, note | {"seconds": time.monotonic() - start})


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
    _say_all(notes, place.console)
    path = place.out / f"{experiment.name}-{options.protocol}.csv"
    nested = frame.map(lambda value: isinstance(value, list | tuple | dict)).any()
    write_whole(path, frame.loc[:, ~nested].to_csv(index=False))
    say(place.console, f"Every fold: {path}")


def _say_all(texts: Iterable[str], console: Console, style: str = "") -> None:
    for text in texts:
        say(console, text, style)


def list_everything(experiments: Mapping[str, Experiment], place: Place) -> None:
    """Print the experiments and the data sets."""
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
    """Print what an experiment would do, and what is done of it."""
    jobs = experiment.jobs(options)
    methods = dict.fromkeys(job.method.name for job in jobs)
    rows = [
        {"dataset": name}
        | counts(place.store, [job for job in jobs if job.dataset == name])
        for name in options.datasets or ()
    ]
    print_table(place.console, plain_table(pd.DataFrame(rows), experiment.summary))
    epochs = options.all_epochs or "by the number of rows"
    asked = f"{options.protocol} protocol, epochs: {epochs}"
    say(place.console, f"{asked}. Methods: {', '.join(methods)}.")


def tell_status(experiments: Mapping[str, Experiment], place: Place) -> None:
    """Print what is done, failed and open of all that was asked for so far."""
    store = place.store
    asked = {name: look_up(each, store) for name, each in experiments.items()}
    rows = [
        {"experiment": name} | counts(store, each.jobs) for name, each in asked.items()
    ]
    say(place.console, f"Asked for in {store.root}:")
    print_table(place.console, plain_table(pd.DataFrame(rows), ""))
    for each in asked.values():
        _say_all(reasons(store.failures(each.jobs)), place.console, "red")
        _say_all(each.faults, place.errors)


def write_report(experiments: Mapping[str, Experiment], place: Place) -> None:
    """Write the report on all that is in the store."""
    title = "Mixup on tables: results of the benchmarks"
    asked = {name: look_up(each, place.store) for name, each in experiments.items()}
    for each in asked.values():
        _say_all(each.faults, place.errors)
    notes = [note for each in asked.values() for note in each.notes]
    parts = sections(experiments, asked, place.store)
    written = report.write(title, parts, place.out, lead(notes))
    for path in astuple(written):
        say(place.console, str(path))


def refresh_texts(root: Path, file: Path, place: Place, *, check: bool) -> bool:
    """Write the figures between marks from a report's results, or only name the texts.

    It returns whether all texts are as the results say.
    """
    changed = blocks.refreshed(root, blocks.Results.read(file))
    for path, text in changed.items():
        if not check:
            write_whole(path, text)
        say(place.console, f"{path} {'differs' if check else 'is written anew'}")
    if not changed:
        say(place.console, f"Every figure is that of {file}.")
    return not (check and changed)

"""From the store to the report: what was asked for, what is there, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from benchmarks import datasets
from benchmarks.experiment import Experiment, options_from_dict
from benchmarks.jobs import Job
from benchmarks.provenance import made
from benchmarks.report import Section
from benchmarks.store import Record, Store, read_note
from benchmarks.tables import plain_table

#: Share of repeated rows that a reader is told of.
SHARE_WORTH_A_NOTE = 0.01


class Asked(NamedTuple):
    """What was asked of an experiment so far."""

    jobs: list[Job]  # each once, in the order in which they were asked for
    notes: list[Record]  # who asked, when and for how many
    faults: list[str]  # a sentence for each file that is not what it should be


def look_up(experiment: Experiment, store: Store) -> Asked:
    """Look up what was asked of an experiment, and which files are left out."""
    notes: list[Record] = []
    faults: list[str] = []
    jobs: dict[Job, None] = {}
    for path in store.notes(experiment.name):
        try:
            note = read_note(path)
            asked = experiment.jobs(options_from_dict(note["options"]))
        except ValueError as error:
            faults.append(f"{path} is left out: {error}.")
            continue
        notes.append(note)
        jobs |= dict.fromkeys(asked)
    return Asked(list(jobs), notes, [*faults, *store.faults(jobs)])


def counts(store: Store, jobs: Sequence[Job]) -> dict[str, int]:
    """Count jobs by what has become of them."""
    done = sum(map(store.is_done, jobs))
    failed = len(store.failures(jobs))
    n_open = len(jobs) - done - failed
    return {"jobs": len(jobs), "done": done, "failed": failed, "open": n_open}


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Call data sets by the names that readers know, without their origin."""
    names = frame["dataset"].drop_duplicates()
    short = names.map(datasets.short_name)
    # "sklearn_iris" stays what it is beside OpenML's iris.
    clear = short.where(~short.duplicated(keep=False), names)
    return frame.assign(
        dataset=frame["dataset"].map(dict(zip(names, clear, strict=True)))
    )


def data_notes(frame: pd.DataFrame) -> list[str]:
    """Say what a reader must know of the data sets of a results frame."""
    if not {"rare_classes", "n_duplicates"} <= set(frame.columns):
        return []
    notes = []
    for name, rows in frame.groupby("dataset", sort=False):
        row = rows.iloc[0]
        if row["rare_classes"] > 0:
            notes.append(
                f"{name}: {row['rare_classes']:.0f} of {row['n_classes']:.0f} classes "
                f"have fewer than {row['folds']} rows, so that some folds lack them."
            )
        share = row["n_duplicates"] / (row["n_train"] + row["n_test"])
        if share >= SHARE_WORTH_A_NOTE:
            notes.append(
                f"{name}: {row['n_duplicates']:.0f} rows ({share:.0%}) repeat an "
                "earlier row, so that test rows may have been trained on."
            )
    return notes


def reasons(failures: Mapping[Job, str]) -> Iterator[str]:
    """Say each reason once for each data set, with the number of its jobs."""
    numbers = Counter((job.dataset, reason) for job, reason in failures.items())
    for (dataset, reason), number in numbers.items():
        yield f"{dataset}: {number} jobs failed: {reason}"


def sections(
    experiments: Mapping[str, Experiment], asked: Mapping[str, Asked], store: Store
) -> list[Section]:
    """Make the sections of a report on all that was asked of the experiments.

    They are how it was made, one for each experiment and setting, what is missing.
    """
    shown = [
        part
        for name, each in experiments.items()
        for part in _experiment_sections(each, store.frame(asked[name].jobs))
    ]
    notes = {name: each.notes for name, each in asked.items()}
    return [made(notes), *shown, _missing(asked, store)]


def _experiment_sections(
    experiment: Experiment, frame: pd.DataFrame
) -> Iterator[Section]:
    """Show what is comparable together: one protocol, as many epochs and folds."""
    if frame.empty:
        return
    frame = named(frame)
    alike = ["protocol", "epochs", "folds", *["dataset"] * experiment.apart]
    for _, part in frame.groupby(alike, sort=False, dropna=False):
        title = f"{experiment.name}: {_setting(part)}"
        if experiment.apart:
            title = f"{part['dataset'].iloc[0]}: {_setting(part)}"
        try:
            section = experiment.report(part)
            notes = data_notes(part)
        except Exception as error:  # whatever was recorded, the report goes on
            section, notes = Section(""), [cannot_show(experiment, error)]
        yield section.headed(title, f"{experiment.summary}.", *notes)


def cannot_show(experiment: Experiment, error: Exception) -> str:
    """Say that results are not what the experiment records today."""
    return (
        f"The stored results of {experiment.name} cannot be shown "
        f"({type(error).__name__}: {error}): they may be another version's."
    )


def _setting(frame: pd.DataFrame) -> str:
    """Say in words what the rows of a frame have in common."""
    protocol, epochs, folds = frame[["protocol", "epochs", "folds"]].iloc[0]
    each = frame.groupby("dataset")["repeat"].nunique()
    fewest, repeats = each.min(), each.max()
    length = "epochs by the number of rows"
    if pd.notna(epochs):
        length = f"{epochs:.0f} epochs" if epochs > 1 else "1 epoch"
    rows = f"{folds} folds" if folds > 1 else "all rows"
    if frame.get("held_out", pd.Series()).notna().any():
        rows = f"{frame['held_out'].iloc[0]:.0%} of the rows held out"
    number = f"{repeats}" if fewest == repeats else f"{fewest} to {repeats}"
    times = f" x {number} repeats" if repeats > 1 else ""
    return f"{protocol} protocol, {length}, {rows}{times}"


def _missing(asked: Mapping[str, Asked], store: Store) -> Section:
    """Tell of what failed, what is open, what is damaged and was never asked for."""
    rows = [
        {"experiment": name, **counts(store, each.jobs)} for name, each in asked.items()
    ]
    failed = [
        f"{name}, {reason}"
        for name, each in asked.items()
        for reason in reasons(store.failures(each.jobs))
    ]
    faults = [fault for each in asked.values() for fault in each.faults]
    never = [name for name, each in asked.items() if not each.jobs]
    text = [f"Never asked for: {', '.join(never)}."] if never else []
    table = plain_table(pd.DataFrame(rows), "Jobs that were asked for")
    return Section("What is missing", (*text, *failed, *faults), (table,))

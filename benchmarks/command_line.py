"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import blocks, commands, everything, experiments, own_table
from benchmarks.arguments import PROGRAM, make_parser
from benchmarks.commands import Place
from benchmarks.console import make_console, print_wrapped, say
from benchmarks.datasets import DatasetUnavailable, OwnArrays
from benchmarks.experiment import OPTIONS, Experiment, Options
from benchmarks.experiments import compare
from benchmarks.files import CannotWrite, reason
from benchmarks.provenance import ROOT
from benchmarks.runner import Workers, WorkersLost
from benchmarks.speed import command as speed
from benchmarks.store import Store, StoreError
from benchmarks.work import Runtime

INTERRUPTED = 130


class UsageError(ValueError):
    """Something that was asked for cannot be; one sentence."""


#: What goes wrong without being a fault of the program: each says it in one sentence.
EXPECTED = (
    DatasetUnavailable,
    StoreError,
    WorkersLost,
    CannotWrite,
    blocks.BadMark,
    UsageError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; None takes this process's.

    Returns
    -------
    int
        Exit status: 0 if all went well, 1 if something failed, 130 if interrupted.
        Wrong usage ends the process with status 2.
    """
    known = experiments.load_all()
    parser = make_parser(known)
    asked = parser.parse_args(arguments)
    place = Place(
        Store(asked.store),
        asked.out or Path("results") / asked.command / own_table.folder(asked),
        make_console(),
        make_console(stderr=True),
    )
    words = sys.argv[1:] if arguments is None else arguments
    try:
        done = _run(asked, known, place, shlex.join([*PROGRAM.split(), *words]))
        return 0 if done else 1
    except (*EXPECTED, OSError) as error:
        say(place.errors, f"{PROGRAM}: {_sentence(error)}")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        say(place.errors, "Interrupted: the same command goes on where it stopped.")
        return INTERRUPTED


def _sentence(error: Exception) -> str:
    """Say what an exception says, of a refusal of the system's with the path."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used ({reason(error)})."
    return str(error)


def _run(
    asked: argparse.Namespace,
    known: Mapping[str, Experiment],
    place: Place,
    words: str,
) -> bool:
    """Do a parsed command; tell whether all of it is done."""
    if asked.command in ("status", "report"):
        _check_store(place.store, known)
    name = getattr(asked, "experiment", None) or asked.command
    match asked.command:
        case "status":
            some = {name: known[name]} if name in known else known
            commands.tell_status(some, place)
        case "report":
            commands.write_report(known, place)
        case "readme":
            return commands.refresh_texts(ROOT, asked.results, place, check=asked.check)
        case "speed":
            how = {"quick": asked.quick, "repeats": asked.repeats}
            speed.run(_groups(asked), place.out, place.console, **how)
        case "list" if name in known:
            commands.list_jobs(known[name], _options(known[name], asked), place)
        case "list":
            commands.list_everything(known, place)
        case "all":
            return commands.run_all(
                _everything(asked, known), known, place, *_means(asked), words
            )
        case _:
            runtime, workers = _means(asked)
            experiment, runtime = _on_own(asked, known[name], runtime, place)
            options = _options(experiment, asked)
            return commands.run_experiment(
                experiment, options, place, runtime, workers, words
            )
    return True


def _means(asked: argparse.Namespace) -> tuple[Runtime, Workers]:
    """Read how the work is done."""
    runtime = Runtime(_device(asked.device), asked.cache)
    return runtime, Workers(asked.jobs, asked.dask)


def _everything(
    asked: argparse.Namespace, known: Mapping[str, Experiment]
) -> list[tuple[Experiment, Options]]:
    try:
        return everything.runs(known, asked.datasets, small=asked.small)
    except ValueError as error:
        raise UsageError(f"{error}.") from error


def _on_own(
    asked: argparse.Namespace, experiment: Experiment, runtime: Runtime, place: Place
) -> tuple[Experiment, Runtime]:
    """Let rows of the user's own, if any are named, take the place of the sets."""
    if experiment.apart:
        return _on_own_table(asked, runtime, place)
    if getattr(asked, "npz", None) is not None:
        return _on_own_arrays(asked, experiment, runtime)
    return experiment, runtime


def _on_own_table(
    asked: argparse.Namespace, runtime: Runtime, place: Place
) -> tuple[Experiment, Runtime]:
    """Read the table, say what it is taken for, and refuse impossible folds."""
    try:
        table = own_table.asked_for(asked)
        data = table.load(runtime.cache)
        experiment = compare.on(data)
        folds = asked.folds or experiment.defaults.folds or 1
        own_table.check_folds(data, folds, asked.repeats or 1)
        _options(experiment, asked)
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    lines = list(own_table.describe(data, table, folds))
    for line in lines:
        print_wrapped(place.console, line)
    experiment = compare.about(experiment, lines)
    return experiment, runtime._replace(table=replace(table, task=data.task))


def _on_own_arrays(
    asked: argparse.Namespace, experiment: Experiment, runtime: Runtime
) -> tuple[Experiment, Runtime]:
    """Read the arrays, so that a bad file is refused at once."""
    if asked.datasets:
        raise UsageError("give either --npz or --datasets.")
    arrays = OwnArrays(asked.npz.absolute())
    arrays.load()
    experiment = replace(experiment, group=(arrays.name,))
    return experiment, runtime._replace(arrays=arrays)


def _check_store(store: Store, known: Mapping[str, Experiment]) -> None:
    """Refuse a folder in which no experiment has asked for anything."""
    if not any(map(store.notes, known)):
        raise UsageError(
            f"{store.root} holds no results of an experiment: name the folder of a "
            "store with --store, or run an experiment first."
        )


def _groups(asked: argparse.Namespace) -> tuple[str, ...]:
    try:
        return speed.groups_on(_device(asked.device), asked.cases)
    except ValueError as error:
        raise UsageError(f"{error}.") from error


def _options(experiment: Experiment, asked: argparse.Namespace) -> Options:
    given = {name: getattr(asked, name, None) for name in (*OPTIONS, "suite")}
    frozen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
    try:
        options = experiment.options(**frozen)
        experiment.jobs(options)
        experiment.check_folds(options, getattr(asked, "cache", None))
        return options
    except ValueError as error:
        raise UsageError(f"{error}.") from error


def _device(name: str) -> str:
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: there is no GPU here; use cpu or auto.")
    return name

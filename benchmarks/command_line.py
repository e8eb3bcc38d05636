"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import math
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import blocks, commands, everything, experiments, own_table
from benchmarks.commands import Place
from benchmarks.console import make_console, print_wrapped, say
from benchmarks.datasets import DatasetUnavailable
from benchmarks.estimators import PROTOCOLS
from benchmarks.experiment import OPTIONS, Experiment, Options
from benchmarks.experiments import compare
from benchmarks.files import CannotWrite, reason
from benchmarks.provenance import ROOT
from benchmarks.runner import Workers, WorkersLost
from benchmarks.speed import command as speed
from benchmarks.speed.cases import GROUPS
from benchmarks.store import Store, StoreError
from benchmarks.work import Runtime

PROGRAM = "python -m benchmarks"
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


def make_parser(known: Mapping[str, Experiment]) -> argparse.ArgumentParser:
    """Make the parser of the command line.

    ``command`` is an experiment's name or one of all, list, status, report, readme,
    speed.
    """
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Compare mixup with its rivals. What is done is not done again: "
        "the same command goes on where it stopped.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, experiment in known.items():
        command = commands.add_parser(name, help=experiment.summary)
        if experiment.apart:
            own_table.add_arguments(command)
        _add_questions(command, named=not experiment.apart)
        if experiment.defaults.quick is not None:
            command.add_argument(
                "--quick", action="store_true", help="a rehearsal that says nothing"
            )
        if experiment.defaults.rivals is not None:
            command.add_argument(
                "--rivals",
                nargs="*",
                metavar="NAME",
                help="other packages' estimators (default: all that are installed: "
                f"{' '.join(experiment.defaults.rivals)})",
            )
        if experiment.any_suite:
            command.add_argument(
                "--suite", type=int, metavar="ID", help="an OpenML suite, 99 for CC18"
            )
        _add_places(command)
        _add_workers(command)
    _add_all(commands)
    listing = commands.add_parser("list", help="what there is, or what would run")
    listing.add_argument("experiment", nargs="?", choices=list(known))
    _add_questions(listing)
    _add_places(listing)
    status = commands.add_parser("status", help="what is done, failed and open")
    status.add_argument("experiment", nargs="?", choices=list(known))
    _add_places(status)
    report = commands.add_parser("report", help="one page on all that is in the store")
    _add_places(report)
    _add_readme(commands)
    timing = commands.add_parser(
        "speed", help="how fast the package is, against others"
    )
    _add_timing(timing)
    _add_places(timing)
    return parser


Commands = Any  # argparse has no public name for it


def _add_all(commands: Commands) -> None:
    """Add the command that runs every experiment."""
    parser = commands.add_parser("all", help="every experiment, then the report")
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help="of every experiment's sets only these",
    )
    group.add_argument(
        "--small",
        action="store_true",
        help="a rehearsal that says nothing: few sets, folds and epochs",
    )
    _add_places(parser)
    _add_workers(parser)


def _add_readme(commands: Commands) -> None:
    """Add the command that writes figures into the texts of the checkout."""
    parser = commands.add_parser(
        "readme", help="write the figures of README.md and docs from the results"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / "docs" / "results" / "report.json",
        metavar="FILE",
        help="what 'report' wrote (default: docs/results/report.json)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing: name what differs"
    )
    parser.set_defaults(store=Path("results/store"), out=None)


def _add_questions(parser: argparse.ArgumentParser, *, named: bool = True) -> None:
    """Add what changes the jobs, of named data sets or of a table."""
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--alphas",
        nargs="+",
        type=_alpha,
        metavar="ALPHA",
        help="values of alpha; 0 is plain training (ERM)",
    )
    if named:
        _add_named(group)
    group.add_argument("--folds", type=_at_least(2), metavar="N", help="folds")
    group.add_argument(
        "--repeats", type=_at_least(1), metavar="N", help="shuffles of the folds"
    )
    group.add_argument(
        "--epochs", type=_at_least(1), metavar="N", help="epochs of training"
    )


def _add_named(group: argparse._ArgumentGroup) -> None:
    """Add the choice of data sets, and how networks learn on them."""
    group.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help="some of the experiment's sets; where classes will do, also OpenML's "
        "numbers",
    )
    group.add_argument(
        "--protocol",
        choices=list(PROTOCOLS),
        help="; ".join(f"{name}: {p.summary}" for name, p in PROTOCOLS.items()),
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Add where to read and write."""
    group = parser.add_argument_group("where")
    group.add_argument(
        "--store",
        type=_folder,
        default=Path("results/store"),
        metavar="DIR",
        help="results of single jobs (default: %(default)s)",
    )
    group.add_argument(
        "--out",
        type=_folder,
        metavar="DIR",
        help="tables and reports (default: results/COMMAND)",
    )


def _add_workers(parser: argparse.ArgumentParser) -> None:
    """Add how the work is done."""
    group = parser.add_argument_group("how")
    group.add_argument(
        "--device", choices=["cpu", "cuda", "auto"], default="cpu", help="of networks"
    )
    group.add_argument(
        "--cache", metavar="DIR", help="cache of the openml client (OPENML_CACHE_DIR)"
    )
    workers = group.add_mutually_exclusive_group()
    workers.add_argument(
        "--jobs",
        type=_at_least(1),
        default=1,
        metavar="N",
        help="processes of one thread each; 1 is this one with all threads",
    )
    workers.add_argument(
        "--dask",
        type=_address,
        metavar="ADDRESS",
        help="scheduler of a Dask cluster to work on",
    )


def _add_timing(parser: argparse.ArgumentParser) -> None:
    """Add what is timed."""
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--cases",
        nargs="+",
        choices=list(GROUPS),
        help="what is measured (all but large, which takes an hour)",
    )
    group.add_argument(
        "--repeats", type=_at_least(1), default=5, metavar="N", help="turns of each (5)"
    )
    group.add_argument("--quick", action="store_true", help="sizes that say nothing")
    group.add_argument(
        "--device", choices=["cpu", "cuda"], default="cpu", help="cuda adds its cases"
    )


def _alpha(text: str) -> float:
    value = float(text)
    if math.isnan(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to inf")
    return value


def _folder(text: str) -> Path:
    """Read the path of a folder, which need not exist."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file, not a folder")
    return path


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"\S+", host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no address such as tcp://127.0.0.1:8786"
        )
    return text


def _at_least(least: int) -> Callable[[str], int]:

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return value

    return number


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
            experiment = known[name]
            if experiment.apart:
                experiment, runtime = _on_own_table(asked, runtime, place)
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

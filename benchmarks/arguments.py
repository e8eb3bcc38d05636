"""The words that ``python -m benchmarks`` takes."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import own_table
from benchmarks.estimators import PROTOCOLS
from benchmarks.experiment import Experiment
from benchmarks.provenance import ROOT
from benchmarks.speed.cases import GROUPS

PROGRAM = "python -m benchmarks"


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
        _add_experiment(commands, name, experiment)
    _add_all(commands)
    listing = commands.add_parser("list", help="what there is, or what would run")
    listing.add_argument(
        "experiment", nargs="?", choices=list(known), metavar="EXPERIMENT"
    )
    _add_questions(listing)
    _add_places(listing)
    status = commands.add_parser("status", help="what is done, failed and open")
    status.add_argument(
        "experiment", nargs="?", choices=list(known), metavar="EXPERIMENT"
    )
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


def _add_experiment(commands: Commands, name: str, experiment: Experiment) -> None:
    """Add the command that runs an experiment."""
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
    if experiment.arrays:
        command.add_argument(
            "--npz",
            type=Path,
            metavar="FILE",
            help="arrays of your own: X (n, height, width) or (n, channels, "
            "height, width), y and, if there are rows to test by, X_test, y_test",
        )
    if experiment.any_suite:
        command.add_argument(
            "--suite", type=int, metavar="ID", help="an OpenML suite, 99 for CC18"
        )
    _add_places(command)
    _add_workers(command)


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
        metavar="CASE",
        help=f"what is measured, of {', '.join(GROUPS)} (all but large, which takes an "
        "hour)",
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

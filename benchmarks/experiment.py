"""What an experiment states: data sets, methods, jobs, how they are done and shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final, get_args

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import datasets
from benchmarks.estimators import PROTOCOLS, fingerprint, most_rows
from benchmarks.jobs import Items, Job, Method, alpha_methods
from benchmarks.report import Section, section
from benchmarks.tables import Table
from benchmarks.work import Training, Work

#: Rows up to which a table is small, and has more repeats.
SMALL_ROWS: Final = 2500
#: Epochs of a rehearsal.
QUICK_EPOCHS = 100
#: Jobs that one command may ask for: to look for so many takes seconds.
MOST_JOBS = 100_000
#: Folds for which any set is taken to have rows enough, until it is loaded.
FEW_FOLDS = 30


@dataclass(frozen=True)
class Options:
    """What may be asked of an experiment; None is what it does not know."""

    datasets: tuple[str, ...] | None = None  # as `benchmarks.datasets.load` takes them
    alphas: tuple[float, ...] | None = None  # 0 is ERM
    folds: int | None = None
    repeats: int | None = None
    large_repeats: int | None = None  # of tables that are not small; None: as many
    epochs: int | None = None  # None takes the protocol's, if it has one for all tables
    protocol: str = "paper"
    rivals: tuple[str, ...] | None = None  # as `benchmarks.estimators` names them
    quick: bool | None = None  # a rehearsal, of sizes that say nothing
    task: str | None = None  # "classification" or "regression"

    @property
    def all_epochs(self) -> int | None:
        """Epochs of training, the protocol's if none are given; None: by the table."""
        return self.epochs or PROTOCOLS[self.protocol].epochs


#: Names of the options.
OPTIONS: Final = tuple(field.name for field in fields(Options))


def by_alpha(options: Options) -> Sequence[Method]:
    """Compare the values of alpha."""
    return alpha_methods(options.alphas or ())


@dataclass(frozen=True)
class Experiment:
    """One table or figure of the paper, or one comparison, as a list of jobs.

    Parameters
    ----------
    name : str
        What the command line calls it.
    summary : str
        What it is, in one line.
    group : str or tuple of str
        The group of data sets that it chooses from (see `benchmarks.datasets`), or the
        names of sets of its own.
    defaults : Options
        What is asked if nothing else is; ``datasets=None`` is the whole group.
    show : callable
        From a results frame to the tables that are printed.
    text : str, default=""
        What the report says of it.
    tables : sequence of callable, default=()
        From a results frame to a table, or some, of the report: what is printed, unless
        told otherwise.
    figures : callable or None, default=None
        From a results frame to what draws the report's figures, by caption.
    methods : callable, default=by_alpha
        From the options to the methods that are compared.
    conditions : callable or None, default=None
        From the options to the extras of jobs: every method runs under each.
    fingerprint : callable, default=fingerprint
        From a job on any fold to the digest of its method's parameters (see
        `benchmarks.jobs.Job`).
    work : Work, default=Training()
        How jobs are done.
    runs : sequence of dict, default=({},)
        What ``all`` asks of it: for each run, the options that are not the defaults.
    any_suite : bool, default=False
        Whether an OpenML suite may take the place of the group.
    notices : callable or None, default=None
        From the options to sentences that are printed before a run.
    apart : bool, default=False
        Whether each data set, a table of the user's own, has sections of its own.
    page : bool, default=False
        Whether its command ends in a page with figures.
    arrays : bool, default=False
        Whether arrays of the user's own (``--npz``) may take the place of the group.
    """

    name: str
    summary: str
    group: str | tuple[str, ...]
    defaults: Options
    show: Callable[[pd.DataFrame], list[Table]]
    text: str = ""
    tables: Sequence[Callable[[pd.DataFrame], Table | list[Table]]] = ()
    figures: Callable[[pd.DataFrame], Mapping[str, Callable[[], Figure]]] | None = None
    methods: Callable[[Options], Sequence[Method]] = by_alpha
    conditions: Callable[[Options], Sequence[Items]] | None = None
    fingerprint: Callable[[Job], str] = fingerprint
    work: Work = Training()  # noqa: RUF009 - a frozen value
    runs: Sequence[Mapping[str, Any]] = ({},)
    any_suite: bool = False
    apart: bool = False
    page: bool = False
    notices: Callable[[Options], list[str]] | None = None
    arrays: bool = False

    def report(self, frame: pd.DataFrame) -> Section:
        """Make the experiment's section of the report of a results frame."""
        return section(
            [self.text] * bool(self.text),
            [partial(table, frame) for table in self.tables or [self.show]],
            self.figures(frame) if self.figures else {},
        )

    def options(self, suite: int | None = None, **given: Any) -> Options:
        """Complete what was asked for by the defaults.

        A suite is OpenML's number of one whose sets are meant, asked of its server.
        Data sets may have short names; those of the result are in full.

        Raises
        ------
        ValueError
            If a data set is unknown, or an option means nothing here.
        benchmarks.datasets.DatasetUnavailable
            If the suite cannot be had.
        """
        asked = {name: value for name, value in given.items() if value is not None}
        open_to_all = {"datasets", "epochs", "protocol"}
        for name in asked.keys() - open_to_all:
            if getattr(self.defaults, name) is None:
                raise ValueError(f"--{name} means nothing to '{self.name}'")
        if "alphas" in asked:
            asked["alphas"] = tuple(dict.fromkeys(asked["alphas"]))
        if "repeats" in asked:  # which means every set
            asked["large_repeats"] = None
        if suite is not None:
            if "datasets" in asked:
                raise ValueError("give either --suite or --datasets")
            asked["datasets"] = tuple(datasets.suite_members(suite))
            return replace(self.defaults, **asked)
        if asked.get("quick"):
            asked.setdefault("epochs", QUICK_EPOCHS)
        options = replace(self.defaults, **asked)
        return replace(options, datasets=self._select(options.datasets))

    def check_folds(self, options: Options, cache: str | None = None) -> None:
        """Refuse, by a ValueError, unusually many folds that a set has no rows for."""
        folds = options.folds or 1
        if folds <= FEW_FOLDS:
            return
        for name in options.datasets or ():
            most = datasets.n_rows(name)
            with suppress(datasets.DatasetUnavailable):
                most = datasets.load(name, cache).most_folds
            if most is not None and folds > most:
                label = datasets.short_name(name)
                raise ValueError(
                    f"--folds {folds}: the rows of {label} suffice for {most}"
                )

    def _select(self, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
        """Find what names of data sets mean here."""
        if isinstance(self.group, str):
            return tuple(datasets.select(self.group, wanted))
        names = self.group if wanted is None else tuple(dict.fromkeys(wanted))
        for name in names:
            if name not in self.group:
                known = ", ".join(self.group)
                raise ValueError(
                    f"unknown set of '{self.name}' '{name}'; known: {known}"
                )
        return names

    def jobs(self, options: Options) -> list[Job]:
        """State what is to be done, set by set and fold by fold.

        All methods share the folds and the seed of a fold, so that comparisons are
        paired: same rows, same initial weights, same order of rows. Slow methods have
        no jobs on sets that are larger than `most_rows` allows, nor on those of unknown
        size, unless the rivals are not the default ones. A ValueError tells of an
        unknown method, and of more than `MOST_JOBS`.
        """
        folds, repeats = options.folds or 1, options.repeats or 1
        jobs = [self._on_any_fold(options, method) for method in self.methods(options)]
        conditions = self.conditions(options) if self.conditions else [()]
        names = options.datasets or ()
        number = folds * repeats * len(names) * len(jobs) * len(conditions)
        if number > MOST_JOBS:
            raise ValueError(
                f"folds {folds} and repeats {repeats} make {number:,} jobs, more than "
                f"{MOST_JOBS:,}"
            )
        return [
            replace(
                job,
                dataset=dataset,
                repeat=repeat,
                fold=fold,
                seed=repeat * folds + fold,
                extras=extras,
            )
            for dataset in names
            for repeat in range(_repeats(options, dataset))
            for fold in range(folds)
            for extras in conditions
            for job in jobs
            if self._suits(options, job.method, dataset)
        ]

    def _suits(self, options: Options, method: Method, dataset: str) -> bool:
        """Tell whether a method is run on a set; slow ones are for small sets."""
        most, rows = most_rows(method.estimator), datasets.n_rows(dataset)
        if most is None:
            return True
        if rows is None:  # rivals on a table of the user's own are chosen by its size
            return self.apart or options.rivals != self.defaults.rivals
        return rows <= most

    def _on_any_fold(self, options: Options, method: Method) -> Job:
        """State a method's job, but for the rows."""
        job = Job(
            experiment=self.name,
            dataset="",
            protocol=options.protocol,
            method=method,
            repeat=0,
            fold=0,
            folds=options.folds or 1,
            seed=0,
            epochs=options.all_epochs,
        )
        return replace(job, fingerprint=self.fingerprint(job))


def _repeats(options: Options, dataset: str) -> int:
    """Count the repeats of a set; one of unknown size is taken for large."""
    rows, most = datasets.n_rows(dataset), options.large_repeats
    if most is None or (rows is not None and rows <= SMALL_ROWS):
        return options.repeats or 1
    return most


def options_from_dict(values: Mapping[str, Any]) -> Options:
    """Read options from what JSON made of them; what is no longer known is left out.

    A ValueError tells of an option that no command line can have asked for.
    """
    kept: dict[str, Any] = {name: values[name] for name in OPTIONS if name in values}
    for name, value in kept.items():
        if not (value is None and name != "protocol") and not _CHECKS[name](value):
            raise ValueError(f"its option '{name}' is something else")
        kept[name] = tuple(value) if isinstance(value, list) else value
    return Options(**kept)


def _each(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 1


def _is_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.+-]{1,100}", value) is not None


def _is_alpha(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "datasets": _each(_is_name),
    "alphas": _each(_is_alpha),
    "folds": _is_count,
    "repeats": _is_count,
    "large_repeats": _is_count,
    "epochs": _is_count,
    "protocol": lambda value: isinstance(value, str) and value in PROTOCOLS,
    "rivals": _each(_is_name),
    "quick": lambda value: isinstance(value, bool),
    "task": lambda value: value in get_args(datasets.Task),
}

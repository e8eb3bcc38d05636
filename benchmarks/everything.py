"""What ``all`` runs: every experiment but ``demo`` and ``compare``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from benchmarks.datasets import short_name
from benchmarks.experiment import Experiment, Options

#: What a rehearsal asks of every experiment that knows the option.
SMALL: Final[Mapping[str, Any]] = {
    "folds": 2,
    "repeats": 1,
    "epochs": 2,
    "quick": True,
}
#: Data sets and alphas of a rehearsal.
FEW: Final = 2


def runs(
    known: Mapping[str, Experiment],
    datasets: Collection[str] | None = None,
    *,
    small: bool = False,
) -> list[tuple[Experiment, Options]]:
    """List what is run, in the order of the experiments' names.

    Parameters
    ----------
    known : mapping of str to Experiment
        The experiments.
    datasets : collection of str or None, default=None
        Names of data sets, with or without their origin: each experiment takes those
        that it has, and one that has none of them is left out. None takes all.
    small : bool, default=False
        Whether it is a rehearsal: few sets, folds and epochs.

    Raises
    ------
    ValueError
        If no experiment has a data set of such a name.
    """
    asked = [
        (experiment, experiment.options(**given))
        for experiment in known.values()
        for given in experiment.runs
    ]
    if datasets is not None:
        _check(datasets, [options for _, options in asked])
        asked = [
            (experiment, replace(options, datasets=chosen))
            for experiment, options in asked
            if (chosen := _chosen(options, datasets))
        ]
    if small:
        asked = [(each, _rehearsed(options)) for each, options in asked]
    return asked


def _chosen(options: Options, wanted: Collection[str]) -> tuple[str, ...]:
    names = options.datasets or ()
    return tuple(name for name in names if {name, short_name(name)} & set(wanted))


def _check(wanted: Collection[str], asked: Collection[Options]) -> None:
    known = dict.fromkeys(
        short_name(name) for options in asked for name in options.datasets or ()
    )
    for name in wanted:
        if not any(_chosen(options, [name]) for options in asked):
            raise ValueError(
                f"no experiment of 'all' has the data set '{name}'; known: "
                f"{', '.join(known)}"
            )


def _rehearsed(options: Options) -> Options:
    """Ask for less of whatever the experiment knows."""
    known = {
        name: value
        for name, value in SMALL.items()
        if name == "epochs" or getattr(options, name) is not None
    }
    few = replace(options, **known, datasets=(options.datasets or ())[:FEW])
    return few if few.alphas is None else replace(few, alphas=few.alphas[:FEW])

"""What ``compare`` asks of a user's own table, and says of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.datasets import Dataset, OwnTable, Task
from benchmarks.splits import deal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the table is, and what its columns are for."""
    group = parser.add_argument_group("the table")
    source = group.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="FILE.csv, .parquet or .arff"
    )
    source.add_argument("--openml", type=int, metavar="ID", help="a set of OpenML's")
    group.add_argument(
        "--target", metavar="COLUMN", help="what to predict (default: OpenML's target)"
    )
    group.add_argument(
        "--task",
        choices=get_args(Task),
        help="default: classification if the target is text, categories, truth values "
        "or few different whole numbers",
    )
    group.add_argument(
        "--groups", metavar="COLUMN", help="rows of one value stay in one fold"
    )
    group.add_argument(
        "--time", metavar="COLUMN", help="test each fold by what earlier rows teach"
    )
    group.add_argument(
        "--without", nargs="+", default=[], metavar="COLUMN", help="leave these out"
    )


def folder(asked: argparse.Namespace) -> str:
    """Name the folder of a table's own results; other commands have none."""
    if getattr(asked, "file", None) is not None:
        return str(asked.file.name)
    number = getattr(asked, "openml", None)
    return "" if number is None else f"openml_{number}"


def asked_for(asked: argparse.Namespace) -> OwnTable:
    """Read from parsed arguments which table is meant.

    A ValueError tells of roles that no column can have together.
    """
    roles = {
        name: value
        for name in ("target", "groups", "time")
        if (value := getattr(asked, name)) is not None
    }
    names = [*roles.values(), *asked.without]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"column '{name}' can be named once only")
    if {"groups", "time"} <= roles.keys():
        raise ValueError("give either --groups or --time")
    source = asked.openml if asked.file is None else asked.file.absolute()
    return OwnTable(source, task=asked.task, without=tuple(asked.without), **roles)


def check_folds(data: Dataset, folds: int, repeats: int) -> None:
    """Refuse, by a ValueError, folds that cannot be dealt or learnt from."""
    of, most = f"the rows of {data.source}", data.most_folds
    if data.groups is not None:
        of, most = "the groups", min(most, len(np.unique(data.groups)))
    if data.times is not None:
        of, most = "the times", len(np.unique(data.times)) - 1
        if repeats > 1:
            raise ValueError("--repeats: folds by --time have one order only")
    if folds > most:
        enough = f"suffice for {most}" if most > 1 else "suffice for no folds"
        raise ValueError(f"--folds {folds}: {of} {enough}")
    if data.task == "regression":
        return
    for repeat in range(repeats):
        for train, _ in deal(data, folds, repeat):
            if len(np.unique(data.y[train])) < 2:
                raise ValueError(
                    f"--folds {folds}: the rows to learn from in one of the folds have "
                    "one class only; take fewer folds"
                )


def describe(data: Dataset, table: OwnTable, folds: int) -> Iterator[str]:
    """Say what the table holds, which task and which folds are taken."""
    n_rows, n_features = data.X.shape
    numbers = data.X.select_dtypes(["number", "bool"]).shape[1]
    gaps = int(data.X.isna().sum().sum())
    yield (
        f"{data.source}: {n_rows:,} rows, {n_features} features: {numbers} of numbers, "
        f"{n_features - numbers} of categories or text; {gaps:,} cells are empty."
    )
    for name, why in data.left_out.items():
        yield f"Left out: {name} ({why})."
    target = table.target or "the target"
    kinds = len(np.unique(data.y))
    if data.task == "classification":
        found = f"{kinds} classes"
    else:
        found = f"{kinds:,} different numbers"
    chosen = "as asked for" if table.task else "--task overrides"
    yield f"Task: {data.task} of '{target}', {found} ({chosen})."
    yield f"Folds: {folds}, {_kind_of_folds(data, table)}."


def _kind_of_folds(data: Dataset, table: OwnTable) -> str:
    if data.times is not None:
        return f"each tested by what is learnt from earlier '{table.time}'"
    stratified = "stratified by class" if data.task == "classification" else "shuffled"
    if data.groups is not None:
        n_groups = len(np.unique(data.groups))
        return f"{stratified}, each of {n_groups} '{table.groups}' in one fold"
    return stratified

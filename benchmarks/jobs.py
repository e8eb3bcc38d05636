"""What is to be done, as values: methods, jobs, and jobs that go together."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from benchmarks.files import digest

Items = tuple[tuple[str, Any], ...]


def items(values: Mapping[str, Any]) -> Items:
    """Freeze a mapping: its items in the order of their names, lists as tuples."""
    return tuple(sorted((name, _frozen(value)) for name, value in values.items()))


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Method:
    """A named way to learn: an estimator and its parameters."""

    name: str  # what tables call it: "ERM", "mixup 0.4"
    params: Items = ()  # those that differ from the protocol's
    estimator: str = "mixup"  # one of `benchmarks.estimators.names`

    @classmethod
    def mixup(cls, name: str, **params: Any) -> Method:
        """Name a `sk_mixup.MixupClassifier` with these parameters."""
        return cls(name, items(params))


def alpha_name(alpha: float, none: str = "ERM") -> str:
    """Name the training at an alpha, 0 as `none`; no two alphas have one name.

    Examples
    --------
    >>> alpha_name(0), alpha_name(0.4), alpha_name(0.4000001)
    ('ERM', 'mixup 0.4', 'mixup 0.4000001')
    """
    short = f"{alpha:g}"
    exact = short if float(short) == alpha else repr(float(alpha))
    return f"mixup {exact}" if alpha else none


def alpha_methods(alphas: Iterable[float]) -> tuple[Method, ...]:
    """Name the classifier at each alpha; 0 is ERM.

    Examples
    --------
    >>> [method.name for method in alpha_methods([0, 0.4, 1])]
    ['ERM', 'mixup 0.4', 'mixup 1']
    """
    return tuple(
        Method.mixup(alpha_name(alpha), alpha=float(alpha))
        for alpha in dict.fromkeys(alphas)
    )


class Unit(NamedTuple):
    """What one process claims at a time: the jobs on one fold of one set."""

    experiment: str
    dataset: str
    protocol: str
    folds: int
    repeat: int
    fold: int

    def __str__(self) -> str:
        of = f"r{self.repeat}_f{self.fold}of{self.folds}"
        return f"{self.dataset}_{self.protocol}_{of}"


@dataclass(frozen=True)
class Job:
    """One method on one fold of one data set: all that decides the result.

    Jobs are equal by value, and two equal jobs have one result. The device is not
    part of it: it changes the seconds, and the rest within rounding.

    Parameters
    ----------
    experiment : str
        Name of the experiment.
    dataset : str
        Name as `benchmarks.datasets.load` takes it.
    protocol : str
        One of `benchmarks.estimators.PROTOCOLS`.
    method : Method
        What learns.
    repeat, fold, folds : int
        Which of ``folds`` stratified folds is tested, in which shuffle of the rows.
    seed : int
        ``random_state`` of whatever learns.
    epochs : int or None
        Epochs of training, for methods that have some; None leaves their number to the
        estimator.
    fingerprint : str, default=""
        Digest of the parameters of this package's networks: when a default changes,
        what was done before is another job.
    extras : tuple of (str, value), default=()
        What else distinguishes jobs of this experiment, such as ("noise", 0.2).
    """

    experiment: str
    dataset: str
    protocol: str
    method: Method
    repeat: int
    fold: int
    folds: int
    seed: int
    epochs: int | None
    fingerprint: str = ""
    extras: Items = ()

    @property
    def n_epochs(self) -> int:
        """Epochs of a job whose experiment states their number."""
        assert self.epochs is not None
        return self.epochs

    @property
    def unit(self) -> Unit:
        """What a process claims in order to do this job."""
        return Unit(*(getattr(self, name) for name in Unit._fields))

    @property
    def key(self) -> str:
        """Name of the job's file: readable, and one for each value."""
        values = asdict(self)
        if not self.fingerprint:
            del values["fingerprint"]
        text = json.dumps(values, sort_keys=True)
        method = re.sub(r"[^\w.+-]+", "-", self.method.name).strip("-")
        return f"{self.unit}_{method[:60]}_{digest(text)}"

    def extra(self, name: str) -> Any:
        """Look up one of the extras."""
        return dict(self.extras)[name]

    def columns(self) -> dict[str, Any]:
        """Return the job as the first columns of its rows in a results frame."""
        columns = asdict(self) | {"method": self.method.name}
        del columns["extras"], columns["fingerprint"]
        return dict(self.method.params) | columns | dict(self.extras)


def job_from_dict(fields: Mapping[str, Any]) -> Job:
    """Read a job from what ``dataclasses.asdict`` (and JSON) made of it."""
    method = fields["method"]
    return Job(
        **{
            **fields,
            "method": Method(**{**method, "params": items(dict(method["params"]))}),
            "extras": items(dict(fields["extras"])),
        }
    )


def by_unit(jobs: Iterable[Job]) -> dict[Unit, list[Job]]:
    """Gather jobs by their units, in the order of the jobs."""
    units: dict[Unit, list[Job]] = defaultdict(list)
    for job in jobs:
        units[job.unit].append(job)
    return units


def in_groups(jobs: Iterable[Job], size: int) -> list[tuple[Job, ...]]:
    """Gather whole units of one data set into groups that train together.

    Units are added in the order of the jobs until there are `size` jobs; a group is one
    unit at least.
    """
    groups: list[list[Job]] = []
    last = None
    for unit, members in by_unit(jobs).items():
        together = (unit.experiment, unit.dataset, unit.protocol, unit.repeat)
        if together != last or len(groups[-1]) + len(members) > size:
            groups.append([])
        groups[-1] += members
        last = together
    return [tuple(group) for group in groups]

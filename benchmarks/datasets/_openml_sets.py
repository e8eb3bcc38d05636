"""The sets of OpenML that have a name here, by the numbers that they have there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from benchmarks.datasets._base import Dataset, Folder, Problem, Task


@dataclass(frozen=True)
class OpenMLSet:
    """A data set of OpenML, by the number that it has there."""

    name: str
    id: int
    target: str | None = None  # None takes the column that OpenML names
    rows: int | None = None  # None where nobody has looked
    task: Task | None = None  # None decides by the target's dtype
    #: Columns that are left out for every method, with the reason.
    without: Mapping[str, str] = field(default_factory=dict, hash=False)

    def load(self, cache: Folder | None, timeout: float) -> Dataset:
        """Read the data set from the client's cache or OpenML."""
        with openml_client(f"{self.name} (OpenML {self.id})") as client:
            X, y, task = client.fetch(
                self.id, self.target, self.task, cache, timeout, tuple(self.without)
            )
        return Dataset(self.name, X, y, task, f"OpenML {self.id}")


@contextmanager
def openml_client(title: str) -> Iterator[Any]:
    """Import the openml client when it is first needed, and say what goes wrong.

    It takes a second, makes folders in the user's home, and may not be installed.
    """
    try:
        from benchmarks.datasets import _openml

        yield _openml
    except Problem as problem:
        raise problem.about(title) from problem
    except ImportError as error:
        hint = "install it with: pip install 'sk_mixup[benchmarks]'"
        raise Problem(f"no openml client ({error})", hint).about(title) from error
    except OSError as error:
        what = f"the openml client cannot make its folders ({error})"
        hint = "point OPENML_CACHE_DIR and XDG_CONFIG_HOME at writable folders"
        raise Problem(what, hint).about(title) from error


_classes = partial(OpenMLSet, task="classification")
_numbers = partial(OpenMLSet, task="regression")

#: The six of the paper's Table 4. Its 'Phishing' is read as Website Phishing.
PAPER: Final = (
    _classes("abalone", 183, "Class_number_of_rings", 4177),
    _classes("arcene", 1458, "Class", 200),
    _classes("arrhythmia", 5, "class", 452),
    _classes("htru2", 45558, "Class", 17898),
    _classes("iris", 61, "class", 150),
    _classes("phishing", 46963, "WebsiteType", 1353),
)

FURTHER: Final = (
    _classes("phishing_websites", 4534, "Result", 11055),
    _classes("vehicle", 54, "Class", 846),
    _classes("credit_g", 31, "class", 1000),
    _classes("ionosphere", 59, "class", 351),
    _classes("sonar", 40, "Class", 208),
    _classes("glass", 41, "Type", 214),
    _classes("vowel", 307, "Class", 990),
    _classes("segment", 36, "class", 2310),
    _classes("diabetes", 37, "class", 768),
    _classes("car", 21, "class", 1728),
    _classes("spambase", 44, "class", 4601),
    _classes("optdigits", 28, "class", 5620),
    _classes("letter", 6, "class", 20000),
    _classes("wine", 187, "class", 178),
    _classes("adult", 1590, "class", 48842),
    _classes("magic_telescope", 1120, "class", 19020),
)

_OF_ONE_RUN: Final = "identifies the printing run"

#: What scikit-learn's gradient boosting cannot take, and what tells nobody anything.
_EMPTY: Final[Mapping[str, str]] = {"TBG": "has no value in any row"}

#: Categories and gaps; of these, connect_4 alone is large.
MIXED: Final = (
    _classes("anneal", 2, "class", 898),
    _classes("autos", 9, "symboling", 205),
    _classes(
        "colic",
        27,
        "surgical_lesion",
        368,
        without={"outcome": "known only afterwards: what became of the horse"},
    ),
    _classes("credit_approval", 29, "class", 690),
    _classes("dermatology", 35, "class", 366),
    _classes("sick", 38, "Class", 3772, without=_EMPTY),
    _classes("heart_c", 49, "num", 303),
    _classes("hepatitis", 55, "Class", 155),
    _classes("hypothyroid", 57, "Class", 3772, without=_EMPTY),
    _classes("eucalyptus", 188, "Utility", 736),
    _classes(
        "cylinder_bands",
        6332,
        "band_type",
        540,
        without={
            "timestamp": f"{_OF_ONE_RUN}: a date, in 296 levels of 540 rows",
            "cylinder_number": f"{_OF_ONE_RUN}: 429 levels of 540 rows",
            "job_number": f"{_OF_ONE_RUN}: 262 numbers, which are no quantity",
        },
    ),
    _classes("connect_4", 40668, "target", 67557),
)

#: Real targets. `houses` is also known as California housing.
REGRESSION: Final = (
    _numbers("auto_mpg", 196, "class", 398),
    _numbers("auto_price", 207, "target", 159),
    _numbers("puma8nh", 225, "target", 8192),
    _numbers("cpu_small", 227, "target", 8192),
    _numbers("mv", 344, "y", 40768),
    _numbers("wind", 503, "target", 6574),
    _numbers("pollen", 529, "target", 3848),
    _numbers("houses", 537, "medianHouseValue", 20640),
    _numbers("no2", 547, "target", 500),
    _numbers("bodyfat", 560, "target", 252),
    _numbers("ladata", 666, "target", 508),
    _numbers("swd", 1028, "target", 1000),
    _numbers("bng_pw_linear", 1203, "target", 177147),
    _numbers("kin8nm", 44980, "y", 8192),
)

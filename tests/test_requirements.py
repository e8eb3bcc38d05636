"""What pyproject.toml requires is what is imported, and its floors are tested."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
OWN = {"sk_mixup", "benchmarks", "tests"}
OPTIONAL = {
    "sk_mixup": {"matplotlib"},  # as in scikit-learn, for the displays only
    "benchmarks": {"autogluon", "tabarena"},  # of the adapter for TabArena
    # tornado comes with distributed, which drives the browser's tests.
    "tests": {"autogluon", "optuna", "pytabkit", "shap", "tabarena", "tornado"},
}


def requirements(*extras):
    """Return what is installed with the extras, by names in one spelling."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found = {}
    for each in map(Requirement, lines):
        if each.name == PROJECT["name"]:
            found |= requirements(*each.extras)
        else:
            found |= dict.fromkeys(
                map(canonicalize_name, [each.name, *each.extras]), each
            )
    return found


def sources(folder):
    """List the files of a folder that run without pytest, or all of the tests'."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if folder == "tests" or not path.name.startswith("test_"):
            yield path


def imported(path):
    """List the libraries that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("sk_mixup", []), ("benchmarks", ["benchmarks"]), ("tests", ["test"])],
)
def test_what_is_imported_is_required(folder, extras):
    distributions = packages_distributions()
    required = set(requirements(*extras))
    missing = set()
    for path in sources(folder):
        others = set(imported(path)) - sys.stdlib_module_names - OWN - OPTIONAL[folder]
        for library in others:
            names = map(canonicalize_name, distributions.get(library, [library]))
            if not required.intersection(names):
                missing.add((library, str(path.relative_to(ROOT))))
    assert missing == set()


def test_floors_are_the_oldest_versions_that_are_tested():
    floors = {
        canonicalize_name(each.name): next(
            part.version for part in each.specifier if part.operator == ">="
        )
        for each in requirements("test").values()
    }
    lines = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert tested == floors


def test_the_page_on_installation_names_the_oldest_torch():
    page = (ROOT / "docs" / "installation.rst").read_text(encoding="utf-8")
    (oldest,) = re.findall(r"any version from (\S+) on is kept", page)
    assert requirements()["torch"].specifier == SpecifierSet(f">={oldest}.0")

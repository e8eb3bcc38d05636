"""Every public docstring of sk_mixup passes numpydoc's validation."""

import importlib
import inspect
import pkgutil
from functools import cached_property
from types import FunctionType

import pytest
from numpydoc.validate import validate
from sklearn.base import BaseEstimator

import sk_mixup

IGNORED = {
    "GL01",  # the summary stands on the line of the opening quotes
    "RT02",  # return values have names, as in scikit-learn
    "ES01",  # a good summary needs no second paragraph
    "SA01",  # see-also is asked of the estimators only, below
    "EX01",  # and so are examples
}
ESTIMATORS = [
    name
    for name in sk_mixup.__all__
    if inspect.isclass(getattr(sk_mixup, name))
    and issubclass(getattr(sk_mixup, name), BaseEstimator)
]
MEMBERS = (FunctionType, classmethod, staticmethod, property, cached_property)
SECTIONS = ["Parameters", "Attributes", "See Also", "References", "Examples"]


def public_modules():
    """List sk_mixup and those modules below it that say what is public in them."""
    names = [m.name for m in pkgutil.walk_packages(sk_mixup.__path__, "sk_mixup.")]
    modules = [importlib.import_module(name) for name in names if "._" not in name]
    return [sk_mixup, *(module for module in modules if hasattr(module, "__all__"))]


def home(cls, name):
    """Find the class that documents a member: an override may inherit its docstring."""
    owners = [base for base in cls.__mro__ if name in vars(base)]
    return next((base for base in owners if vars(base)[name].__doc__), owners[0])


def own_members(cls):
    """Name the public methods and properties that classes of sk_mixup document."""
    names = {
        name
        for base in cls.__mro__
        for name, value in vars(base).items()
        if isinstance(value, MEMBERS) and not name.startswith("_")
    }
    homes = [(home(cls, name), name) for name in names]
    return {
        f"{base.__module__}.{base.__qualname__}.{name}"
        for base, name in homes
        if base.__module__.startswith("sk_mixup")
    }


def public_names():
    """List the dotted names of public functions, classes and their members."""
    found = set()
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                found.add(f"{module.__name__}.{name}")
            if inspect.isclass(value):
                found.update(own_members(value))
    return sorted(found)


def test_every_public_name_exists():
    for module in public_modules():
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("name", public_names())
def test_docstring_is_valid(name):
    assert not [error for error in validate(name)["errors"] if error[0] not in IGNORED]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_docstring_has_section(name, section):
    docstring = inspect.getdoc(getattr(sk_mixup, name))
    assert f"{section}\n{'-' * len(section)}\n" in docstring

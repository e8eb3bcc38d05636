"""Every public docstring of sk_mixup is valid and agrees with the code."""

import importlib
import inspect
import pkgutil
from functools import cached_property
from types import FunctionType

import numpy as np
import pytest
from numpydoc.docscrape import get_doc_object
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
MEMBERS = (FunctionType, classmethod, staticmethod, property, cached_property)
SECTIONS = ["Parameters", "Attributes", "See Also", "References", "Examples"]


def public_modules():
    """List sk_mixup and those modules below it that say what is public in them."""
    names = [m.name for m in pkgutil.walk_packages(sk_mixup.__path__, "sk_mixup.")]
    modules = [importlib.import_module(name) for name in names if "._" not in name]
    return [sk_mixup, *(module for module in modules if hasattr(module, "__all__"))]


def public_objects():
    """Map dotted names to the public functions and classes."""
    return {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in public_modules()
        for name in module.__all__
        if isinstance(getattr(module, name), (FunctionType, type))
    }


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


OBJECTS = public_objects()
CLASSES = [value for value in OBJECTS.values() if isinstance(value, type)]
DOCUMENTED = sorted(OBJECTS.keys() | set().union(*map(own_members, CLASSES)))
ESTIMATORS = [
    name
    for name, value in OBJECTS.items()
    if name.count(".") == 1 and value in CLASSES and issubclass(value, BaseEstimator)
]


def test_every_public_name_exists():
    for module in public_modules():
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_is_valid(name):
    assert not [error for error in validate(name)["errors"] if error[0] not in IGNORED]


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_defaults_are_those_of_the_code(name):
    documented = {
        entry.name: entry.type.rpartition("default=")[2]
        for entry in get_doc_object(OBJECTS[name])["Parameters"]
    }
    for parameter in inspect.signature(OBJECTS[name]).parameters.values():
        if parameter.default is not parameter.empty:
            default = eval(documented[parameter.name], {"np": np, "numpy": np})
            assert repr(default) == repr(parameter.default)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_docstring_has_section(name, section):
    assert f"{section}\n{'-' * len(section)}\n" in inspect.getdoc(OBJECTS[name])

"""Toys in the place of data sets."""

import pytest

from benchmarks.experiments import defaults
from tests.benchmarks.experiments import toys as made


@pytest.fixture
def toys(monkeypatch):
    """Let every name of a data set be that of a toy."""
    monkeypatch.setattr("benchmarks.datasets.load", made.load)
    some = {name: defaults.CHANGES[name] for name in (defaults.START, defaults.CHOICE)}
    monkeypatch.setattr(defaults, "CHANGES", some)

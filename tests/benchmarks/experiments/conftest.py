"""Toys in the place of data sets."""

import pytest

from tests.benchmarks.experiments import toys as made


@pytest.fixture
def toys(monkeypatch):
    """Let every name of a data set be that of a toy."""
    monkeypatch.setattr("benchmarks.datasets.load", made.load)

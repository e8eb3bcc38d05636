"""Toys in the place of data sets."""

import pytest

from benchmarks.experiments import defaults, refine
from tests.benchmarks.experiments import toys as made


@pytest.fixture
def toys(monkeypatch):
    """Let every name of a data set be that of a toy."""
    monkeypatch.setattr("benchmarks.datasets.load", made.load)
    for study in (defaults.STUDY, refine.STUDY):
        for name in study.recipes.keys() - {study.start, study.choice}:
            monkeypatch.delitem(study.recipes, name)

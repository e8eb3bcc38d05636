"""Toys in the place of data sets."""

import pytest

from benchmarks.experiments import defaults, members, members_regression, refine
from tests.benchmarks.experiments import toys as made


@pytest.fixture
def toys(monkeypatch):
    """Let every name of a data set be that of a toy."""
    monkeypatch.setattr("benchmarks.datasets.load", made.load)
    for experiment in (defaults, members, members_regression, refine):
        study = experiment.STUDY
        for name in study.recipes.keys() - {study.start, study.choice}:
            monkeypatch.delitem(study.recipes, name)

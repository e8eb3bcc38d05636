"""What the tests of the benchmarks share."""

from dataclasses import replace

import pytest

from benchmarks import splits
from benchmarks.experiments import demo


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Start and end without data sets and splits in memory."""
    splits._split.cache_clear()
    splits._dataset.cache_clear()
    yield
    splits._split.cache_clear()
    splits._dataset.cache_clear()


@pytest.fixture(autouse=True)
def no_page(monkeypatch):
    """Spare most tests the figures of ``demo``; gives the experiment as it is."""
    whole = demo.EXPERIMENT
    monkeypatch.setattr(demo, "EXPERIMENT", replace(whole, page=False))
    return whole

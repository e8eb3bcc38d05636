"""What the tests of the benchmarks share."""

import pytest

from benchmarks import splits


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Start and end without data sets and splits in memory."""
    splits._split.cache_clear()
    splits._dataset.cache_clear()
    yield
    splits._split.cache_clear()
    splits._dataset.cache_clear()

"""The memory of a fit."""

import numpy as np
import pytest

from benchmarks.speed.footprint import peak_bytes
from benchmarks.speed.measure import peak_memory


def test_peak_stays_when_memory_is_given_back():
    block = np.ones(50_000_000, dtype=np.uint8)
    peak = peak_bytes()
    assert peak > block.nbytes
    del block
    assert peak_bytes() > 0.99 * peak  # the kernel counts in steps


@pytest.mark.slow
def test_footprint_of_a_fit_is_measured_in_a_fresh_process():
    assert peak_memory(1_000, 10)[0] > 0

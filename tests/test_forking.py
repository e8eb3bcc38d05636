"""Processes may be forked after training, as multiprocessing.Pool does on Linux."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sk_mixup import MixupClassifier, MixupRegressor

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="threads are counted in /proc"
)


SLOW_TWIN = pytest.param(MixupRegressor, marks=pytest.mark.slow)


@pytest.fixture(
    scope="module", params=[MixupClassifier, SLOW_TWIN], ids=lambda make: make.__name__
)
def outcome(request):
    """What came of everything that was done before and after a fork."""
    environment = {
        name: os.environ[name] for name in os.environ if name != "OMP_NUM_THREADS"
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.forking", request.param.__name__],
        cwd=Path(__file__).parents[1],
        env=environment | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_small_work_leaves_no_threads_behind(outcome):
    assert outcome["more threads"] == 0


def test_forked_processes_fit_and_predict_too(outcome):
    assert [what for what, ended in outcome.items() if ended is False] == []


def test_even_after_work_on_several_threads(outcome):
    assert outcome["more threads after large work"] > 0

"""What is copied of a table is bounded, whatever it comes as and is used for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.twins import TWINS

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory is told in /proc"
)

# The copies are the table's. Bins make blocks larger, which do not grow with the table.
SMALL = {"hidden_layer_sizes": 4, "batch_size": 1024, "encoding": "standardized"}


def tables_taken(make, n_rows, form="array", **params):
    """Return what a fit and a prediction take beside the table, in such tables."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.memory"),
            *(make.__name__, str(n_rows), form, json.dumps(SMALL | params)),
        ],
        cwd=Path(__file__).parents[1],
        env={"PYTHONPATH": ".", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize(
    "form", ["array", pytest.param("frame", marks=pytest.mark.slow)]
)
def test_members_share_one_table(make, form):
    # The blocks in which a table is worked through are about one of these tables.
    taken = tables_taken(make, 100_000, form)
    assert taken["fit"] < 3
    assert taken["predict"] < 3


@pytest.mark.slow
@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("form", ["array", "frame"])
@pytest.mark.parametrize("params", [{}, {"dropout": 0.2, "noise_std": 0.1}])
def test_a_fit_takes_less_than_two_tables(make, form, params):
    assert tables_taken(make, 300_000, form, **params)["fit"] < 2


@pytest.mark.slow
@pytest.mark.parametrize("make", TWINS)
def test_categories_are_widened_a_minibatch_at_a_time(make):
    taken = tables_taken(make, 1_000_000, "mixed", n_estimators=1)
    assert taken["fit"] < 3  # the matrix itself, and two more
    assert taken["predict"] < 3

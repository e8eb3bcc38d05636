"""The choice over sets is the best in all that it is judged by, and stands alone."""

import numpy as np
import pytest

from benchmarks import stats
from tests.benchmarks.stats.test_sets import by_set


def both(errors, log_losses):
    frame = by_set(errors)
    return frame.assign(log_loss=by_set(log_losses)["error"])


def test_means_and_average_ranks_are_those_of_the_frame():
    errors = [[0.1, 0.2, 0.2], [0.5, 0.3, 0.4]]
    losses = [[0.9, 0.6, 0.3], [0.3, 0.2, 0.1]]
    table = stats.merits(both(errors, losses)).set_index("method")
    assert dict(table["error"]) == pytest.approx({"m0": 0.3, "m1": 0.25, "m2": 0.3})
    assert dict(table["error_rank"]) == {"m0": 2, "m1": 1.75, "m2": 2.25}
    assert dict(table["log_loss_rank"]) == {"m0": 3, "m1": 2, "m2": 1}
    places = {"m0": (2.5, 2, 3, 3), "m1": (1, 1, 2, 2), "m2": (2.5, 3, 1, 1)}
    assert dict(table["merit"]) == {name: np.mean(p) for name, p in places.items()}
    assert table.index[0] == "m1"


def test_the_best_everywhere_has_merit_1_whatever_the_metric():
    better = by_set([[0.6, 0.9], [0.7, 0.8]], "auc")
    table = stats.merits(better, ["auc"])
    assert list(table["method"]) == ["m1", "m0"]
    assert list(table["merit"]) == [1, 2]


def test_a_choice_that_hangs_on_one_set_shows():
    errors = [[0.1, 0.2], [0.1, 0.2], [0.9, 0.1]]
    table = stats.leave_one_set_out(both(errors, errors)).set_index("dataset")
    assert list(table["chosen"]) == ["m1", "m1", "m0"]
    on_last = table.loc["s2"]
    assert (on_last["error"], on_last["error_best"]) == (0.9, 0.1)
    assert (on_last["error_place"], table.loc["s0", "log_loss_place"]) == (2, 2)


def test_what_is_left_out_has_no_say():
    rng = np.random.default_rng(0)
    errors = rng.random((5, 3))
    frame = both(errors, rng.random((5, 3)))
    chosen = stats.leave_one_set_out(frame).set_index("dataset")["chosen"]
    spoilt = frame.assign(
        error=frame["error"].where(frame["dataset"] != "s2", rng.random(len(frame)))
    )
    assert (
        stats.leave_one_set_out(spoilt).set_index("dataset")["chosen"]["s2"]
        == (chosen["s2"])
    )

"""The figure of means against the time of a fit draws what the frame says."""

import itertools

import numpy as np
import pandas as pd
import pytest

from benchmarks import plots

#: Error and seconds on the two sets.
LEVELS = {
    "quick": ((0.3, 0.4), (1.0, 4.0)),
    "poor": ((0.5, 0.5), (4.0, 4.0)),
    "good": ((0.1, 0.2), (10.0, 1000.0)),
}


@pytest.fixture
def frame():
    rows = [
        {"dataset": name, "method": method, "error": errors[i], "fit_seconds": times[i]}
        | {"fold": fold, "repeat": 0, "n_train": 90, "n_test": 10}
        for (method, (errors, times)), (i, name), fold in itertools.product(
            LEVELS.items(), enumerate(["iris", "wine"]), range(2)
        )
    ]
    return pd.DataFrame(rows)


def drawn(figure):
    (ax,) = figure.axes
    points = {
        line.get_label(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in ax.get_lines()
        if line.get_label() in LEVELS
    }
    (front,) = [line for line in ax.get_lines() if line.get_label() not in LEVELS]
    return points, list(front.get_ydata()), [text.get_text() for text in ax.texts]


def test_means_stand_over_geometric_means_of_the_time(frame):
    points, front, names = drawn(plots.means_against_time(frame))
    for method, (errors, times) in LEVELS.items():
        where = (np.sqrt(times[0] * times[1]), 100 * np.mean(errors))
        assert points[method] == pytest.approx(where)
    assert front == pytest.approx([35.0, 15.0])  # not "poor"
    assert sorted(names) == sorted(LEVELS)


def test_a_score_that_is_better_high_turns_the_front(frame):
    frame = frame.assign(auc=1 - frame["error"])
    _, front, _ = drawn(plots.means_against_time(frame, "auc"))
    assert front == pytest.approx([0.65, 0.85])


def test_a_set_that_lacks_a_method_is_left_out(frame):
    lacking = frame[~(frame["method"].eq("poor") & frame["dataset"].eq("wine"))]
    also = lacking.assign(dataset=lacking["dataset"].str.replace("iris", "glass"))
    both = pd.concat([lacking, also.query("dataset == 'glass'")])
    points, _, _ = drawn(plots.means_against_time(both))
    assert points["good"] == pytest.approx((10.0, 10.0))


def test_names_of_methods_that_are_level_stand_apart(frame):
    good = frame.query("method == 'good'")
    level = [good.assign(method=name) for name in ("one", "two", "three")]
    figure = plots.means_against_time(pd.concat([frame, *level]))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize(("factor", "scale"), [(1, "linear"), (20, "log")])
def test_a_method_far_behind_does_not_press_the_others_together(factor, scale, frame):
    poor = frame["method"].eq("poor")
    frame = frame.assign(log_loss=np.where(poor, factor * 0.5, 0.4))
    (ax,) = plots.means_against_time(frame, "log_loss").axes
    assert ax.get_yscale() == scale

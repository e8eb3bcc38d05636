"""The figures of what models do draw what they are given."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import plots


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line_of(ax, label):
    (line,) = [line for line in ax.get_lines() if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


def test_reliability_draws_the_bins_that_have_predictions():
    confidence = np.array([np.nan, 0.3, 0.6, 0.9])
    accuracy = np.array([np.nan, 0.2, 0.5, 0.8])
    count = np.array([0, 10, 30, 60])
    figure = plots.reliability({"ERM": (confidence, accuracy, count)})
    upper, lower = figure.axes
    assert labels(figure) == ["perfect", "ERM"]
    assert list(line_of(upper, "perfect")[1]) == [0, 1]
    assert line_of(upper, "ERM")[0].tolist() == [0.3, 0.6, 0.9]
    assert line_of(upper, "ERM")[1].tolist() == [0.2, 0.5, 0.8]
    assert line_of(lower, "ERM")[1].tolist() == pytest.approx([10, 30, 60])


def test_learning_curves_draw_the_mean_of_the_runs_in_a_band():
    frame = pd.DataFrame(
        {
            "dataset": "iris",
            "method": "mixup",
            "epoch": [2, 1, 1, 2],
            "log_loss": [0.3, 0.9, 0.7, 0.5],
        }
    )
    figure = plots.learning_curves(frame, "log_loss")
    (ax,) = figure.axes
    epochs, means = line_of(ax, "mixup")
    assert list(epochs) == [1, 2]
    assert list(means) == pytest.approx([0.8, 0.4])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    spread = np.std([0.9, 0.7], ddof=1)
    assert band.max() == pytest.approx(0.8 + spread)
    assert band.min() == pytest.approx(0.4 - spread)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "log loss")


def test_learning_curves_of_one_run():
    frame = pd.DataFrame({"method": "ERM", "epoch": [1, 2], "error": [0.3, 0.2]})
    frame["dataset"] = "iris"
    figure = plots.learning_curves(frame)
    figure.draw_without_rendering()
    assert list(line_of(figure.axes[0], "ERM")[1]) == pytest.approx([30, 20])


@pytest.fixture
def segments():
    frame = pd.DataFrame(
        [
            {"dataset": name, "method": method, "lam": lam, "repeat": repeat}
            for name in ("iris", "wine")
            for method in ("ERM", "mixup 1")
            for lam in (0.0, 0.5, 1.0)
            for repeat in range(2)
        ]
    )
    norm = frame["lam"] * (1 - frame["lam"]) + frame["repeat"]
    return frame.assign(miss_rate=norm / 10, gradient_norm=norm)


def test_between_draws_misses_left_and_gradients_right(segments):
    figure = plots.between(segments)
    assert len(figure.axes) == 4
    assert labels(figure) == ["ERM", "mixup 1"]
    left, right = figure.axes[:2]
    assert (left.get_ylabel(), right.get_ylabel()) == (
        "miss rate (%)",
        "gradient norm",
    )
    assert list(line_of(left, "ERM")[1]) == pytest.approx([5, 7.5, 5])
    assert list(line_of(right, "mixup 1")[1]) == pytest.approx([0.5, 0.75, 0.5])
    assert left.get_ylim()[0] == 0


def test_between_of_a_method_that_one_set_lacks(segments):
    lacking = (segments["dataset"] == "wine") & (segments["method"] == "mixup 1")
    figure = plots.between(segments[~lacking])
    assert [len(ax.get_lines()) for ax in figure.axes] == [2, 2, 1, 1]


def test_surfaces_shade_the_grid_and_show_the_rows():
    p = np.linspace(0, 1, 12).reshape(3, 4)
    X, y = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]), np.array([0, 1, 1])
    figure = plots.surfaces({"ERM": p, "mixup": 1 - p}, (-1, 3, -2, 2), X, y)
    first, second, bar = figure.axes
    titles = [ax.get_title(loc="left") for ax in (first, second)]
    assert titles == ["ERM", "mixup"]
    image = first.images[0]
    assert np.array_equal(image.get_array(), p)
    assert image.get_extent() == [-1, 3, -2, 2]
    assert image.get_clim() == (0, 1)
    assert image.origin == "lower"
    assert labels(figure) == ["class 0", "class 1"]
    points = {c.get_label(): c.get_offsets().tolist() for c in second.collections}
    assert points["class 0"] == [[0, 1]]
    assert points["class 1"] == [[1, 0], [2, 2]]
    assert bar.get_ylabel() == "p(y = 1 | x)"


def test_gan_samples_draw_a_grid_and_the_distances():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(20, 2))
    samples = {
        (method, step): rng.normal(size=(5, 2))
        for method in ("GAN", "mixup GAN")
        for step in (100, 10, 1000)
    }
    distances = pd.DataFrame(
        {
            "method": ["GAN", "GAN", "GAN", "mixup GAN"],
            "iteration": [10, 10, 10, 10],
            "distance": [0.1, 0.9, 0.2, 0.05],
        }
    )
    figure = plots.gan_samples(samples, data, distances)
    *grid, curve = figure.axes
    headings = [ax.get_title() for ax in grid]
    assert headings == ["iteration 10", "100", "1,000", "", "", ""]
    assert [ax.get_ylabel() for ax in grid] == ["GAN", "", "", "mixup GAN", "", ""]
    drawn = grid[4].collections
    assert np.array_equal(drawn[0].get_offsets(), data)
    assert np.array_equal(drawn[1].get_offsets(), samples["mixup GAN", 100])
    assert list(line_of(curve, "GAN")[1]) == [0.2]
    assert (curve.get_xscale(), curve.get_yscale()) == ("log", "log")


def test_gan_samples_share_the_frame_of_the_data():
    data = np.array([[-1.0, -1.0], [1.0, 1.0]])
    samples = {("GAN", 10): 100 * data, ("GAN", 20): data}
    distances = pd.DataFrame({"method": ["GAN"], "iteration": [10], "distance": [0.1]})
    grid = plots.gan_samples(samples, data, distances).axes[:2]
    assert grid[0].get_xlim() == grid[1].get_xlim() == pytest.approx((-1.3, 1.3))

"""The figures that compare methods draw what the frames say."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from benchmarks import plots, stats

INK = "#333333"


def long_frame(**axes):
    """Make the long frame of every combination of `axes`, two folds each."""
    rows = [
        dict(zip(axes, values, strict=True)) | {"fold": fold}
        for values in itertools.product(*axes.values())
        for fold in range(2)
    ]
    return pd.DataFrame(rows).assign(repeat=0, n_train=90, n_test=10)


def texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def lines(ax):
    """The panel's lines by label, as pairs of lists."""
    drawn = [bars.lines[0] for bars in ax.containers]
    labels = [bars.get_label() for bars in ax.containers]
    for line in ax.get_lines():
        if line not in drawn and not line.get_label().startswith("_"):
            drawn.append(line)
            labels.append(line.get_label())
    return {
        label: (list(line.get_xdata()), list(line.get_ydata()))
        for label, line in zip(labels, drawn, strict=True)
    }


@pytest.fixture
def alphas():
    frame = long_frame(dataset=["iris", "wine"], alpha=[1, 0, 0.1, np.inf])
    errors = {1: 0.3, 0: 0.2, 0.1: 0.25, np.inf: 0.4}
    frame["error"] = frame["alpha"].map(errors) + 0.01 * frame["fold"]
    return frame


def test_error_against_alpha_draws_one_panel_per_set(alphas):
    figure = plots.error_against_alpha(alphas)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["iris", "wine"]
    assert texts(figure) == ["mixup", "ERM"]
    drawn = lines(figure.axes[0])
    assert drawn["mixup"][0][:2] == [0.1, 1]
    assert drawn["mixup"][1] == pytest.approx([25.5, 30.5, 40.5])
    assert drawn["ERM"][1] == pytest.approx([20.5, 20.5])


def test_error_against_alpha_names_every_alpha_on_a_log_axis(alphas):
    ax = plots.error_against_alpha(alphas).axes[0]
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "1", "∞"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("alpha", "error (%)")


def test_error_bars_are_the_corrected_standard_errors(alphas):
    ax = plots.error_against_alpha(alphas).axes[0]
    (bars,) = ax.containers
    half = [np.ptp(segment[:, 1]) / 2 for segment in bars.lines[2][0].get_segments()]
    means = stats.summary(alphas, "error", ["dataset", "alpha"])
    expected = 100 * means.loc[means["alpha"] > 0, "se"].iloc[:3]
    assert half == pytest.approx(list(expected))


def test_error_against_alpha_without_erm_or_spread(alphas):
    one_fold = alphas[(alphas["alpha"] > 0) & (alphas["fold"] == 0)]
    figure = plots.error_against_alpha(one_fold)
    assert texts(figure) == ["mixup"]
    assert list(lines(figure.axes[0])) == ["mixup"]
    figure.draw_without_rendering()


def test_error_against_alpha_leaves_out_rows_without_alpha(alphas):
    rival = alphas[alphas["alpha"] == 0].assign(alpha=np.nan, dataset="vowel")
    figure = plots.error_against_alpha(pd.concat([alphas, rival]))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["iris", "wine"]


def test_nothing_to_draw_is_one_clear_sentence(alphas):
    with pytest.raises(ValueError, match="There is nothing to draw"):
        plots.error_against_alpha(alphas.iloc[:0])


def ranking(effects, n_sets=12):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        [
            {"dataset": i, "method": name, "error": 0.2 + effect + rng.normal(0, 0.01)}
            for i in range(n_sets)
            for name, effect in effects.items()
        ]
    )
    frame = frame.assign(repeat=0, fold=0, n_train=90, n_test=10)
    return stats.friedman_nemenyi(frame)


def test_critical_difference_diagram_names_every_method_with_its_rank():
    result = ranking({"ERM": 0.05, "mixup": 0.0, "forest": 0.1, "logistic": 0.3})
    figure = plots.critical_difference_diagram(result)
    ax = figure.axes[0]
    labels = {text.get_text().strip() for text in ax.texts}
    for name, rank in result.ranks.items():
        assert labels & {f"{name}  {rank:.2f}", f"{rank:.2f}  {name}"}
    assert f"critical difference {result.critical_difference:.2f}" in labels
    assert "over 12 sets" in ax.get_title()


def test_critical_difference_diagram_joins_what_cannot_be_separated():
    result = ranking({"a": 0.0, "b": 0.001, "c": 0.5, "d": 0.501})
    ax = plots.critical_difference_diagram(result).axes[0]
    thick = [line for line in ax.get_lines() if line.get_linewidth() == 2.5]
    spans = {tuple(sorted(line.get_xdata())) for line in thick}
    ranks, start = result.ranks, result.ranks.min()
    assert spans == {
        tuple(sorted(ranks[["a", "b"]])),
        tuple(sorted(ranks[["c", "d"]])),
        (start, start + result.critical_difference),
    }


@pytest.mark.parametrize("n_methods", [2, 3, 12])
def test_critical_difference_diagram_of_any_number_of_methods(n_methods):
    methods = {f"m{j}": 0.001 * j for j in range(n_methods)}
    figure = plots.critical_difference_diagram(ranking(methods))
    figure.draw_without_rendering()
    assert len(figure.axes[0].collections) == n_methods


def test_critical_difference_diagram_of_methods_that_all_tie():
    frame = long_frame(dataset=["x", "y"], method=["a", "b", "c"])
    result = stats.friedman_nemenyi(frame.assign(error=0.1))
    plots.critical_difference_diagram(result).draw_without_rendering()


@pytest.fixture
def corrupted():
    frame = long_frame(
        dataset=["iris", "wine"], method=["ERM", "mixup 8"], noise=[0.8, 0.2]
    )
    gain = 0.1 * (frame["method"] == "mixup 8")
    best = 0.5 * frame["noise"] - gain + 0.01 * frame["fold"]
    return frame.assign(best_error=best, last_error=best + 0.05)


def test_corruption_draws_best_and_last_of_every_method(corrupted):
    figure = plots.corruption(corrupted)
    assert texts(figure) == ["ERM", "mixup 8", "last epoch", "best epoch"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["iris", "wine"]
    drawn = lines(figure.axes[1])
    assert drawn["ERM (best)"][0] == pytest.approx([20, 80])
    assert drawn["ERM (best)"][1] == pytest.approx([10.5, 40.5])
    assert drawn["mixup 8 (last)"][1] == pytest.approx([5.5, 35.5])


def test_corruption_dashes_the_best_epoch(corrupted):
    ax = plots.corruption(corrupted).axes[0]
    styles = {line.get_label(): line.get_linestyle() for line in ax.get_lines()}
    assert styles["ERM (best)"] == "--"
    assert ax.containers[0].lines[0].get_linestyle() == "-"


@pytest.fixture
def attacked():
    frame = long_frame(
        dataset=["iris", "wine"],
        method=["ERM", "mixup 1"],
        box=["white", "black"],
        attack=["FGSM", "I-FGSM"],
        epsilon=[0.2, 0.0, 0.1],
    )
    share = frame["epsilon"] * np.where(frame["box"] == "white", 2, 1)
    return frame.assign(error=share + 0.1 * (frame["dataset"] == "wine"))


def test_adversarial_draws_one_panel_per_box_and_attack(attacked):
    figure = plots.adversarial(attacked)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "FGSM, white box",
        "I-FGSM, white box",
        "FGSM, black box",
        "I-FGSM, black box",
    ]
    assert texts(figure) == ["ERM", "mixup 1"]
    assert figure.axes[0].get_ylim() == figure.axes[2].get_ylim()


def test_adversarial_averages_over_sets(attacked):
    ax = plots.adversarial(attacked).axes[2]
    epsilon, errors = lines(ax)["mixup 1"]
    assert epsilon == pytest.approx([0, 0.1, 0.2])
    assert errors == pytest.approx([5, 15, 25])


@pytest.fixture
def ratios():
    return pd.DataFrame(
        {
            "case": ["one fit", "one fit", "a grid"],
            "peer": ["skorch", "MLPClassifier", "skorch"],
            "ratio": [0.4, 0.8, 0.1],
            "low": [0.3, 0.7, 0.09],
            "high": [0.6, 1.1, 0.12],
            "target": [0.4, 0.85, 0.1],
        }
    )


def test_speed_ratios_draws_a_row_per_case(ratios):
    figure = plots.speed_ratios(ratios, "Speed")
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one fit", "a grid"]
    assert texts(figure) == ["skorch", "MLPClassifier", "target"]
    assert ax.get_xscale() == "log"
    assert lines(ax)["skorch"][0] == [0.4, 0.1]
    spans = [c.lines[2][0].get_segments()[0][:, 0] for c in ax.containers]
    assert [list(span) for span in spans] == [
        pytest.approx([0.3, 0.6]),
        pytest.approx([0.7, 1.1]),
    ]


def test_speed_ratios_marks_equal_time(ratios):
    figure = plots.speed_ratios(ratios.assign(target=np.nan))
    equal = [line for line in figure.axes[0].get_lines() if line.get_color() == INK]
    assert [list(line.get_xdata()) for line in equal] == [[1.0, 1.0]]


def test_erm_has_the_same_colour_in_every_figure(corrupted, attacked):
    for figure in (plots.corruption(corrupted), plots.adversarial(attacked)):
        erm = figure.axes[0].containers[0].lines[0]
        assert to_hex(erm.get_color()) == INK


def test_changes_are_mean_differences_with_the_best_on_top():
    frame = long_frame(dataset=["iris", "wine"], method=["base", "worse", "better"])
    frame["error"] = frame["method"].map({"base": 0.2, "worse": 0.3, "better": 0.1})
    frame.loc[frame["dataset"] == "wine", "error"] += 0.4
    (ax,) = plots.changes(frame, "base").axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["better", "worse"]
    means = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in means] == pytest.approx([-10, 10])
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def one_set():
    frame = long_frame(dataset=["iris"], method=["ERM", "mixup 1", "forest"])
    levels = {"ERM": 0.2, "mixup 1": 0.1, "forest": 0.3}
    frame["error"] = frame["method"].map(levels) + 0.01 * frame["fold"]
    frame["auc"] = 1 - frame["error"]
    return frame.assign(fit_seconds=frame["method"].map({"ERM": 1}).fillna(2))


@pytest.mark.parametrize("metric", ["error", "auc"])
def test_the_best_level_is_on_top_with_its_folds(metric):
    (ax,) = plots.levels(one_set(), metric).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["mixup 1", "ERM", "forest"]
    assert ax.yaxis_inverted()
    scale = 100 if metric == "error" else 1
    folds = dict(list(one_set().groupby("method")[metric]))
    for place, name in enumerate(names):
        values = scale * folds[name]
        mean = ax.containers[place].lines[0]
        assert list(mean.get_xdata()) == pytest.approx([values.mean()])
        assert list(mean.get_ydata()) == [place]
    dots = [line for line in ax.get_lines() if len(line.get_xdata()) == 2]
    assert len(dots) == len(names)


def test_levels_are_drawn_where_their_time_is():
    figure = plots.against_time(one_set())
    (ax,) = figure.axes
    points = [
        (float(bars.lines[0].get_xdata()[0]), float(bars.lines[0].get_ydata()[0]))
        for bars in ax.containers
    ]
    assert np.allclose(points, [(1, 20.5), (2, 10.5), (2, 30.5)])
    assert texts(figure) == ["ERM", "mixup 1", "forest"]

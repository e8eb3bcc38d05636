"""Figures of what models do: calibration, training, surfaces, samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from benchmarks.plots._canvas import (
    BAND,
    FAINT,
    INK,
    POINTS,
    SMALL,
    dress,
    legend,
    method_legend,
    method_styles,
    panels,
    set_panels,
)
from benchmarks.quantities import quantity

_CLASSES = ((0, "o", "#542788"), (1, "^", "#B35806"))


def reliability(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
) -> Figure:
    """Draw how often predictions of a given confidence are right.

    Parameters
    ----------
    curves : mapping of str to (confidence, accuracy, count)
        By method, for every bin: mean confidence, share of right predictions and
        number of predictions, arrays of shape (n_bins,). Empty bins may be NaN.

    Returns
    -------
    matplotlib.figure.Figure
        Above, accuracy against confidence with the diagonal of perfect calibration;
        below, the share of all predictions in each bin.
    """
    figure = Figure((4.2, 5.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    styles = method_styles(curves)
    upper.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="perfect")
    for method, arrays in curves.items():
        confidence, accuracy, count = (np.asarray(a, dtype=float) for a in arrays)
        used = count > 0
        style = {**POINTS, **styles[method], "label": method}
        upper.plot(confidence[used], accuracy[used], **style)
        lower.plot(confidence[used], 100 * count[used] / count.sum(), **style)
    dress(upper, ylabel="accuracy", grid="both")
    dress(lower, xlabel="confidence", ylabel="predictions (%)")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    lower.set_ylim(bottom=0)
    legend(figure, upper.get_lines(), columns=3)
    return figure


def learning_curves(frame: pd.DataFrame, metric: str = "error") -> Figure:
    """Draw a metric over the epochs of training, from a row per run and epoch.

    There is one panel per set and one line per method: the mean over runs, in a band of
    one standard deviation of the runs.
    """
    shown = quantity(metric)
    styles = {
        method: {"color": style["color"]}
        for method, style in method_styles(frame["method"]).items()
    }
    figure, sets = set_panels(frame, "epoch", shown.label)
    for ax, on_set in sets:
        for method, style in styles.items():
            runs = on_set[on_set["method"] == method].groupby("epoch")[metric]
            mean, spread = runs.mean() * shown.scale, runs.std() * shown.scale
            ax.plot(mean.index, mean, **style, linewidth=1.5, label=method)
            low, high = mean - spread, mean + spread
            ax.fill_between(mean.index, low, high, **style, **BAND)
    method_legend(figure, styles)
    return figure


def between(frame: pd.DataFrame) -> Figure:
    """Draw what a model does between training examples (the paper's Figure 2).

    Rows of one ``method``, ``lam`` and ``dataset`` are averaged. Each set has its
    ``miss_rate`` (a fraction) on the left and its ``gradient_norm`` on the right.
    """
    styles = method_styles(frame["method"])
    groups = frame.groupby("dataset", sort=False, observed=True)
    figure, axes = panels(2 * len(groups), columns=2, size=(3.4, 2.4))
    for i, (name, on_set) in enumerate(groups):
        for ax, metric in zip(
            axes[2 * i : 2 * i + 2], ("miss_rate", "gradient_norm"), strict=True
        ):
            shown = quantity(metric)
            for method, rows in on_set.groupby("method", sort=False):
                curve = rows.groupby("lam")[metric].mean() * shown.scale
                style = {**POINTS, **styles[str(method)]}
                ax.plot(curve.index, curve, **style, label=str(method))
            ax.set_ylim(0, 1.05 * ax.get_ylim()[1])  # nearly flat curves need room
            dress(ax, title=str(name), xlabel="lam", ylabel=shown.label)
    method_legend(figure, styles)
    return figure


def surfaces(
    probabilities: Mapping[str, ArrayLike],
    extent: tuple[float, float, float, float],
    X: ArrayLike,
    y: ArrayLike,
) -> Figure:
    """Draw decision surfaces on a 2-D set beside each other (Figure 1b).

    Parameters
    ----------
    probabilities : mapping of str to array-like of shape (n_rows, n_columns)
        By method, p(y = 1 | x) on a grid; the first row is the lowest.
    extent : tuple of float
        Left, right, bottom and top of the grid.
    X : array-like of shape (n_samples, 2)
        Training rows.
    y : array-like of shape (n_samples,)
        Their classes, 0 or 1.
    """
    figure, axes = panels(len(probabilities), size=(3.4, 3.0))
    for ax, (method, p) in zip(axes, probabilities.items(), strict=True):
        image = ax.imshow(
            p,
            cmap="PuOr_r",
            vmin=0,
            vmax=1,
            alpha=0.5,
            origin="lower",
            extent=extent,
            aspect="auto",
            interpolation="bilinear",
        )
        ax.contour(
            np.asarray(p), levels=[0.5], colors=[INK], linewidths=1.0, extent=extent
        )
        _class_points(ax, np.asarray(X, dtype=float), np.asarray(y))
        dress(ax, title=method, grid="")
    bar = figure.colorbar(image, ax=axes, shrink=0.9)
    bar.set_label("p(y = 1 | x)", fontsize=SMALL, color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, color=FAINT, labelcolor=INK)
    legend(figure, axes[0].get_legend_handles_labels()[0])
    return figure


def gan_samples(
    samples: Mapping[tuple[str, int], ArrayLike],
    data: ArrayLike,
    distances: pd.DataFrame,
) -> Figure:
    """Draw samples of GANs as training goes on, and their distance (Figure 5).

    There is one row of panels per method, one column per iteration, the data in grey;
    below, the distance over the iterations.

    Parameters
    ----------
    samples : mapping of (method, iteration) to array-like of shape (n, 2)
        Generated rows.
    data : array-like of shape (m, 2)
        Rows of the true distribution.
    distances : pandas.DataFrame
        Columns ``method``, ``iteration``, ``distance``; several runs of one method
        are drawn as their median in a band from the least to the largest.
    """
    methods = list(dict.fromkeys(method for method, _ in samples))
    steps = sorted({step for _, step in samples})
    styles = method_styles(methods)
    figure = Figure((1.6 * len(steps), 1.7 * len(methods) + 2.6), layout="constrained")
    heights = [1.7] * len(methods) + [2.4]
    grid = figure.add_gridspec(len(heights), len(steps), height_ratios=heights)
    for i, method in enumerate(methods):
        for j, step in enumerate(steps):
            ax = figure.add_subplot(grid[i, j])
            _cloud(ax, data, samples[method, step], styles[method]["color"])
            heading = f"{step:,}" if j else f"iteration {step:,}"
            ax.set_title("" if i else heading, fontsize=SMALL, color=INK)
            ax.set_ylabel("" if j else method, fontsize=SMALL, color=INK)
    ax = figure.add_subplot(grid[-1, :])
    for method, style in styles.items():
        runs = distances[distances["method"] == method].groupby("iteration")["distance"]
        middle, low, high = runs.median(), runs.min(), runs.max()
        ax.plot(middle.index, middle, **{**POINTS, **style}, label=method)
        ax.fill_between(middle.index, low, high, color=style["color"], **BAND)
    ax.set(xscale="log", yscale="log")
    dress(ax, xlabel="iteration", ylabel=quantity("distance").label, grid="both")
    ax.legend(fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


def _class_points(ax: Axes, X: NDArray[np.float64], y: NDArray[Any]) -> None:
    for label, marker, colour in _CLASSES:
        ax.scatter(
            X[y == label, 0],
            X[y == label, 1],
            s=16,
            marker=marker,
            c=colour,
            edgecolors="white",
            linewidths=0.5,
            label=f"class {label}",
        )


def _cloud(ax: Axes, data: ArrayLike, sample: ArrayLike, colour: str) -> None:
    """Draw generated points over the data, on the data's frame."""
    rows, drawn = np.asarray(data, dtype=float), np.asarray(sample, dtype=float)
    for points, shade, label in ((rows, FAINT, "data"), (drawn, colour, "samples")):
        x, y = points.T
        ax.scatter(x, y, s=3, c=shade, linewidths=0, rasterized=True, label=label)
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = 0.15 * (high - low).max()
    ax.set(xlim=(low[0] - margin, high[0] + margin))
    ax.set(ylim=(low[1] - margin, high[1] + margin), xticks=[], yticks=[])
    ax.spines[:].set_color(FAINT)

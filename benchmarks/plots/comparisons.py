"""Figures that compare methods: levels, ranks, ratios.

Error bars and bands are standard errors that know that folds overlap
(`benchmarks.stats.summary`). They describe one method each; a comparison of two
methods is paired and belongs to the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import scikit_posthocs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.plots._canvas import (
    BAND,
    COLOURS,
    FAINT,
    INK,
    MEDIUM,
    POINTS,
    SMALL,
    Style,
    dress,
    method_legend,
    method_styles,
    panels,
    set_panels,
)
from benchmarks.quantities import quantity
from benchmarks.stats import LEVEL, Ranking, mean_over_sets, set_means, summary


def error_against_alpha(frame: pd.DataFrame, metric: str = "error") -> Figure:
    """Draw a metric against alpha on every set, with the level of ERM.

    Column ``alpha`` is 0 for ERM, infinity is drawn as the last point, rows without
    alpha are left out. Each set has a panel: points with error bars for mixup, a dashed
    line with a band for ERM.
    """
    shown = quantity(metric)
    known = frame.dropna(subset=["alpha"])
    means = summary(known, metric, ["dataset", "alpha"]).sort_values("alpha")
    positions = _alpha_positions(means["alpha"])
    figure, sets = set_panels(known, "alpha", shown.label)
    for ax, rows in sets:
        on_set = means[means["dataset"] == rows["dataset"].iloc[0]]
        _level(ax, on_set[on_set["alpha"] == 0], shown.scale)
        mixup = on_set[on_set["alpha"] > 0]
        where = mixup["alpha"].map(positions)
        _curve(ax, where, mixup, shown.scale, "mixup", {"color": COLOURS[0]})
        _alpha_axis(ax, positions)
    entries = {"mixup": {"color": COLOURS[0], "marker": "o"}}
    if (means["alpha"] == 0).any():
        entries["ERM"] = {"color": INK, "linestyle": "--"}
    method_legend(figure, entries)
    return figure


def changes(frame: pd.DataFrame, baseline: str, metric: str = "error") -> Figure:
    """Draw how the mean over sets changes from a baseline's, method by method.

    There is one row per method, the best on top: the mean of the sets' differences and,
    as a faint dot each, the sets themselves. Axes end where nine tenths of the dots do.
    """
    shown = quantity(metric)
    means = set_means(frame, metric)
    differences = shown.scale * means.drop(columns=baseline).sub(
        means[baseline], axis=0
    )
    order = differences.mean().sort_values(ascending=not shown.higher_is_better).index
    figure, (ax,) = panels(1, size=(6.5, 0.22 * len(order) + 0.8))
    for place, method in enumerate(order):
        own = differences[method]
        ax.plot(own, [place] * len(own), ".", color=FAINT, markersize=4)
        ax.plot(own.mean(), place, "o", color=COLOURS[0], markersize=5)
    ax.axvline(0, color=INK, linewidth=1, linestyle="--")
    reach = float(np.quantile(np.abs(differences.to_numpy()), 0.9)) or 1.0
    ax.set_xlim(-reach, reach)
    ax.set_yticks(range(len(order)), list(order))
    ax.invert_yaxis()
    dress(ax, xlabel=f"{shown.label}: difference from {baseline}", grid="x")
    return figure


def levels(frame: pd.DataFrame, metric: str = "error") -> Figure:
    """Draw the level of every method on one data set, the best on top.

    There is one row per method: the mean over folds with its standard error and, as a
    faint dot each, the folds themselves.
    """
    shown = quantity(metric)
    means = summary(frame, metric).dropna(subset=["mean"])
    means = means.sort_values("mean", ascending=not shown.higher_is_better)
    methods = [str(name) for name in means["method"]]
    styles = method_styles(frame["method"])
    figure, (ax,) = panels(1, size=(6.5, 0.3 * len(methods) + 0.8))
    numbers = shown.scale * means[["mean", "se"]].to_numpy(dtype=float)
    for place, (method, (mean, error)) in enumerate(zip(methods, numbers, strict=True)):
        folds = shown.scale * frame.loc[frame["method"] == method, metric]
        ax.plot(folds, [place] * len(folds), ".", color=FAINT, markersize=6)
        ax.errorbar(mean, place, xerr=error, **{**POINTS, **styles[method]})
    ax.set_yticks(range(len(methods)), methods)
    ax.invert_yaxis()
    dress(ax, xlabel=shown.label, grid="x")
    return figure


def against_time(frame: pd.DataFrame, metric: str = "error") -> Figure:
    """Draw the mean of a metric on one data set against the median seconds of a fit."""
    shown = quantity(metric)
    means = summary(frame, metric)
    numbers = shown.scale * means[["mean", "se"]].to_numpy(dtype=float)
    times = frame.groupby("method", sort=False)["fit_seconds"].median()
    styles = {
        name: {**POINTS, **style, "linestyle": ""}
        for name, style in method_styles(means["method"]).items()
    }
    figure, (ax,) = panels(1, size=(6.5, 3.2))
    for (mean, error), seconds, style in zip(
        numbers, times, styles.values(), strict=True
    ):
        ax.errorbar(seconds, mean, error, **style)
    _plain_logarithmic(ax)
    dress(ax, xlabel="median fit (s)", ylabel=shown.label, grid="both")
    method_legend(figure, styles)
    return figure


def critical_difference_diagram(ranking: Ranking) -> Figure:
    """Draw average ranks and join the methods that Nemenyi's test cannot separate.

    It is Demsar's diagram, the best method on the left, with the length of the critical
    difference.
    """
    figure, (ax,) = panels(1, size=(7.0, 3.0))
    scikit_posthocs.critical_difference_diagram(
        ranking.ranks,
        ranking.nemenyi,
        alpha=LEVEL,
        ax=ax,
        label_fmt_left="{label}  {rank:.2f} ",
        label_fmt_right=" {rank:.2f}  {label}",
        label_props={"fontsize": SMALL},
        marker_props={"s": 18},
        elbow_props={"linewidth": 1.0},
        crossbar_props={"color": INK, "linewidth": 2.5},
        color_palette=dict.fromkeys(ranking.ranks.index, COLOURS[0]),
        text_h_margin=0.05,
    )
    _ruler(ax, float(ranking.ranks.min()), ranking.critical_difference)
    ax.tick_params(labelsize=SMALL, color=FAINT, labelcolor=INK)
    ax.set_title(
        f"Average rank by {quantity(ranking.metric).label} over {ranking.n_sets} "
        f"sets (Friedman p = {ranking.p:.2g})",
        fontsize=MEDIUM,
        color=INK,
        pad=10,
    )
    lowest, highest = ax.get_ylim()
    figure.set_size_inches(7.0, 0.4 + 0.27 * (highest - lowest))
    return figure


def corruption(frame: pd.DataFrame) -> Figure:
    """Draw test errors against the share of corrupted training labels.

    Column ``noise`` is a fraction. Each set has a panel with two lines per method:
    dashed for ``best_error``, solid with error bars for ``last_error``.
    """
    styles = method_styles(frame["method"])
    figure, sets = set_panels(frame, "corrupted labels (%)", "test error (%)")
    for ax, on_set in sets:
        keys = ["dataset", "method", "noise"]
        best = summary(on_set, "best_error", keys).sort_values("noise")
        last = summary(on_set, "last_error", keys).sort_values("noise")
        for method, style in styles.items():
            rows = best[best["method"] == method]
            dashed = {"color": style["color"], "linestyle": "--", "linewidth": 1.2}
            x, y = 100 * rows["noise"], 100 * rows["mean"]
            ax.plot(x, y, label=f"{method} (best)", **dashed)
            rows = last[last["method"] == method]
            _curve(ax, 100 * rows["noise"], rows, 100, f"{method} (last)", style)
    epochs = {
        "last epoch": {"color": FAINT},
        "best epoch": {"color": FAINT, "linestyle": "--"},
    }
    method_legend(figure, styles | epochs)
    return figure


def adversarial(frame: pd.DataFrame) -> Figure:
    """Draw the error under attacks against their strength.

    Column ``epsilon`` is in units of standardised features. Each ``box`` and ``attack``
    has a panel with a line per method, averaged over the sets of the frame that have
    every method and strength.
    """
    styles = method_styles(frame["method"])
    kinds = list(dict.fromkeys(zip(frame["box"], frame["attack"], strict=True)))
    columns = min(len(kinds), frame["attack"].nunique())
    figure, axes = panels(len(kinds), columns=columns, sharey=True, size=(3.4, 2.5))
    for i, (ax, (box, attack)) in enumerate(zip(axes, kinds, strict=True)):
        rows = frame[(frame["box"] == box) & (frame["attack"] == attack)]
        means = mean_over_sets(rows, "error", ["method", "epsilon"])
        for method, style in styles.items():
            curve = means[means["method"] == method].sort_values("epsilon")
            _curve(ax, curve["epsilon"], curve, 100, method, style)
        ylabel = "error (%)" if i % columns == 0 else ""
        dress(ax, title=f"{attack}, {box} box", xlabel="epsilon", ylabel=ylabel)
    method_legend(figure, styles)
    return figure


def speed_ratios(frame: pd.DataFrame, title: str = "") -> Figure:
    """Draw time ratios with their spread, case by case.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``case``, ``peer``, ``ratio`` (this package's time over the peer's),
        ``low`` and ``high`` (the spread's ends) and ``target``, NaN where no ratio is
        aimed at.
    title : str, default=""
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A row per case, a dot with a bar per peer on a logarithmic axis, a line at equal
        time and a tick at every target.
    """
    cases = list(dict.fromkeys(frame["case"]))
    styles = method_styles(frame["peer"])
    figure, (ax,) = panels(1, size=(6.4, 0.9 + 0.45 * len(cases)))
    offsets = np.linspace(-0.2, 0.2, len(styles)) if len(styles) > 1 else [0.0]
    for offset, (peer, style) in zip(offsets, styles.items(), strict=True):
        rows = frame[frame["peer"] == peer]
        y = [cases.index(case) + offset for case in rows["case"]]
        bars = [rows["ratio"] - rows["low"], rows["high"] - rows["ratio"]]
        dots = {**POINTS, **style, "linestyle": ""}
        ax.errorbar(rows["ratio"], y, xerr=bars, **dots, label=peer)
        mark = {"marker": "|", "markersize": 11, "color": style["color"]}
        ax.plot(rows["target"], y, linestyle="", markeredgewidth=1.5, **mark)
    ax.axvline(1.0, color=INK, linewidth=1.0)
    _plain_logarithmic(ax)
    ax.set_yticks(range(len(cases)), cases)
    ax.invert_yaxis()
    dress(ax, title=title, xlabel="time / peer's time", grid="x")
    entries = {name: {**style, "linestyle": ""} for name, style in styles.items()}
    entries["target"] = {"color": INK, "marker": "|", "linestyle": ""}
    method_legend(figure, entries)
    return figure


def _plain_logarithmic(ax: Axes) -> None:
    """Make x logarithmic, with ticks at 1, 2, 5, 10 and so on."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()


def _ruler(ax: Axes, start: float, length: float) -> None:
    ax.plot([start, start + length], [1.6, 1.6], color=INK, linewidth=2.5)
    label = f"  critical difference {length:.2f}"
    ax.text(start + length, 1.6, label, va="center", fontsize=SMALL, color=INK)


def _curve(
    ax: Axes,
    x: pd.Series[float],
    means: pd.DataFrame,
    scale: float,
    label: str,
    style: Style,
) -> None:
    ax.errorbar(
        x,
        means["mean"] * scale,
        means["se"] * scale,
        label=label,
        elinewidth=1.0,
        **{**POINTS, **style},
    )


def _level(ax: Axes, erm: pd.DataFrame, scale: float) -> None:
    """Draw the level of ERM, where there is one, in a band of its error."""
    for mean, error in erm[["mean", "se"]].to_numpy() * scale:
        ax.axhline(mean, color=INK, linestyle="--", linewidth=1.2, label="ERM")
        ax.axhspan(mean - error, mean + error, color=INK, **BAND)


def _alpha_positions(alphas: Iterable[float]) -> dict[float, float]:
    """Where every alpha but 0 stands on a logarithmic axis, infinity last."""
    values = sorted({float(alpha) for alpha in alphas} - {0.0})
    last = max([alpha for alpha in values if np.isfinite(alpha)], default=1.0)
    return {alpha: alpha if np.isfinite(alpha) else 4 * last for alpha in values}


def _alpha_axis(ax: Axes, positions: Mapping[float, float]) -> None:
    """Put a tick at every alpha of the frame and nowhere else."""
    ax.set_xscale("log")
    ax.minorticks_off()
    labels = [f"{alpha:g}" if np.isfinite(alpha) else "∞" for alpha in positions]
    ax.set_xticks(list(positions.values()), labels)

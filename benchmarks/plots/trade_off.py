"""How good methods are over data sets against what they cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.plots._canvas import (
    FAINT,
    INK,
    POINTS,
    SMALL,
    dress,
    method_styles,
    panels,
)
from benchmarks.quantities import quantity
from benchmarks.stats import mean_over_sets, set_means


def means_against_time(frame: pd.DataFrame, metric: str = "error") -> Figure:
    """Draw each method's mean over the sets against the time of a fit.

    The time is the geometric mean over the sets, each of which says its mean; sets that
    lack a method are left out. A faint line joins the methods that no other one beats
    in both.
    """
    shown = quantity(metric)
    means = mean_over_sets(frame, metric).set_index("method")["mean"] * shown.scale
    times = np.exp(np.log(set_means(frame, "fit_seconds")).mean())
    points = pd.DataFrame({"seconds": times, "mean": means}).sort_values("seconds")
    best = (
        points["mean"].cummax() if shown.higher_is_better else points["mean"].cummin()
    )
    front = points[points["mean"].eq(best) & ~best.duplicated()]
    figure, (ax,) = panels(1, size=(6.5, 4.0))
    ax.plot(front["seconds"], front["mean"], color=FAINT, linewidth=1.0, zorder=0)
    styles = method_styles(frame["method"])
    for method, point in points.iterrows():
        style = {**POINTS, **styles[str(method)], "linestyle": ""}
        ax.plot(point["seconds"], point["mean"], label=str(method), **style)
        ax.annotate(
            str(method),
            (point["seconds"], point["mean"]),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=SMALL,
            color=INK,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.15)  # room for the last name
    dress(
        ax,
        xlabel="fit (s), geometric mean over the sets",
        ylabel=f"{shown.label}, mean over the sets",
        grid="both",
    )
    return figure

"""How good methods are over data sets against what they cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

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

#: The largest mean over the smallest, from which on they are drawn by their logarithm.
FAR = 3.0
#: Where a name may stand: right or left of its point, above or below, the best first.
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


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
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    # One poor method would press the others together.
    if points["mean"].min() > 0 and points["mean"].max() > FAR * points["mean"].min():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
    ax.margins(x=0.2, y=0.1)  # room for names
    dress(
        ax,
        xlabel="fit (s), geometric mean over the sets",
        ylabel=f"{shown.label}, mean over the sets",
        grid="both",
    )
    _name(ax, points)
    return figure


def _name(ax: Axes, points: pd.DataFrame) -> None:
    """Write each method's name beside its point, clear of others where it can be."""
    places = ax.transData.transform(points[["seconds", "mean"]].to_numpy())
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in places]
    for method, point in points.iterrows():
        names = [
            ax.annotate(
                str(method),
                (point["seconds"], point["mean"]),
                xytext=(5 * right, 5 * up),
                textcoords="offset points",
                ha="left" if right > 0 else "right",
                va="bottom" if up > 0 else "top",
                fontsize=SMALL,
                color=INK,
            )
            for right, up in CORNERS
        ]
        boxes = [name.get_window_extent() for name in names]
        hidden = [box.count_overlaps(taken) for box in boxes]
        best = int(np.argmin(hidden))
        taken.append(boxes[best])
        for name in names[:best] + names[best + 1 :]:
            name.remove()

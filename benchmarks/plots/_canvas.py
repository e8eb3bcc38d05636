"""The one style that all figures share: colours, panels, axes and legends.

Everything is set on the artists, so no global setting of matplotlib is read
beyond its defaults or changed, and no window system is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK = "#333333"
FAINT = "#BBBBBB"
SMALL, MEDIUM = 9.0, 10.5

# Okabe and Ito's palette, told apart under every common colour blindness; their
# yellow is left out: too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

Style = Mapping[str, Any]

POINTS: Style = {"marker": "o", "markersize": 4.5, "linewidth": 1.5}
BAND: Style = {"alpha": 0.15, "linewidth": 0}


def method_styles(methods: Iterable[object]) -> dict[str, Style]:
    """Give every method keyword arguments of a line, "ERM" always in dark grey.

    The others take their colour in order of appearance, and another marker each time
    the colours start again.
    """
    names = list(dict.fromkeys(map(str, methods)))
    others = [name for name in names if name != "ERM"]
    styles: dict[str, Style] = {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[(i % len(COLOURS) + i // len(COLOURS)) % len(MARKERS)],
        }
        for i, name in enumerate(others)
    }
    if "ERM" in names:
        styles["ERM"] = {"color": INK, "marker": "o"}
    return {name: styles[name] for name in names}


def panels(
    count: int,
    *,
    columns: int = 3,
    size: tuple[float, float] = (3.0, 2.4),
    **axes: Any,
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels, row by row; ``axes`` goes to ``subplots``."""
    if count < 1:
        raise ValueError("There is nothing to draw: no row has what the figure shows.")
    columns = min(columns, count)
    rows = -(-count // columns)
    # Room below the panels for the legend.
    figure = Figure((size[0] * columns, size[1] * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **axes).ravel()
    for unused in grid[count:]:
        unused.remove()
    return figure, list(grid[:count])


def dress(
    ax: Axes, *, title: str = "", xlabel: str = "", ylabel: str = "", grid: str = "y"
) -> None:
    """Label a panel and take away what carries no information."""
    ax.set_title(title, fontsize=MEDIUM, color=INK, loc="left")
    ax.set_xlabel(xlabel, fontsize=SMALL, color=INK)
    ax.set_ylabel(ylabel, fontsize=SMALL, color=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(which="both", labelsize=SMALL, color=FAINT, labelcolor=INK)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(visible=True, axis=grid, color="#E8E8E8", linewidth=0.8)  # type: ignore[arg-type]


def line(label: str, style: Style) -> Line2D:
    """Make an entry of a legend for a line that is in no panel."""
    return Line2D([], [], label=label, **{**POINTS, "marker": "", **style})


def set_panels(
    frame: pd.DataFrame, xlabel: str, ylabel: str
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Make a figure with a labelled panel for the rows of each data set, in order."""
    groups = list(frame.groupby("dataset", sort=False, observed=True))
    figure, axes = panels(len(groups))
    for i, (ax, (name, _)) in enumerate(zip(axes, groups, strict=True)):
        # Panels beside each other share the label of the first.
        dress(ax, title=str(name), xlabel=xlabel, ylabel="" if i % 3 else ylabel)
    return figure, [(ax, rows) for ax, (_, rows) in zip(axes, groups, strict=True)]


def method_legend(figure: Figure, styles: Mapping[str, Style]) -> None:
    """Put one legend of the methods below the panels."""
    legend(figure, [line(label, style) for label, style in styles.items()])


def legend(figure: Figure, handles: Sequence[Any], columns: int = 4) -> None:
    """Put one legend for all panels below them."""
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=max(1, min(columns, len(handles))),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )

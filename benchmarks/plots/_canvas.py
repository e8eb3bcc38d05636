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
    """Give every method a colour and a marker of its own.

    Parameters
    ----------
    methods : iterable
        Names of methods; repetitions do not count.

    Returns
    -------
    dict of str to mapping
        Keyword arguments of a line by method. "ERM" is always drawn in dark grey;
        the others take their colour in order of appearance, and another marker
        each time the colours start again.
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
    """Make a figure of small panels.

    Parameters
    ----------
    count : int
        Number of panels.
    columns : int, default=3
        Panels beside each other at most.
    size : tuple of float, default=(3.0, 2.4)
        Width and height of a panel in inches.
    **axes
        Passed on to ``Figure.subplots``, such as ``sharey``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure, laid out so that nothing overlaps.
    axes : list of matplotlib.axes.Axes
        Its `count` panels, row by row.

    Raises
    ------
    ValueError
        If there is not one panel to draw.
    """
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
    """Label a panel and take away what carries no information.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The panel.
    title, xlabel, ylabel : str, default=""
        Its texts.
    grid : {"x", "y", "both", ""}, default="y"
        Axis whose ticks get a faint line.
    """
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
    """Make a legend's entry for a line.

    Parameters
    ----------
    label : str
        What the legend says.
    style : mapping
        Keyword arguments of the line.

    Returns
    -------
    matplotlib.lines.Line2D
        A line that is in no panel.
    """
    return Line2D([], [], label=label, **{**POINTS, "marker": "", **style})


def by_set(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Split a frame by data set.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any frame, with a column ``dataset`` where there are several sets.

    Returns
    -------
    list of (str, pandas.DataFrame)
        The sets' names and rows in order of appearance; without the column one
        nameless set.
    """
    if "dataset" not in frame:
        return [("", frame)]
    groups = frame.groupby("dataset", sort=False, observed=True)
    return [(str(name), rows) for name, rows in groups]


def method_legend(figure: Figure, styles: Mapping[str, Style]) -> None:
    """Put one legend of the methods below the panels.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    styles : mapping of str to mapping
        Keyword arguments of a line by label.
    """
    legend(figure, [line(label, style) for label, style in styles.items()])


def legend(figure: Figure, handles: Sequence[Any], columns: int = 4) -> None:
    """Put one legend for all panels below them.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    handles : sequence of matplotlib.artist.Artist
        Artists with labels.
    columns : int, default=4
        Entries beside each other at most.
    """
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=max(1, min(columns, len(handles))),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )

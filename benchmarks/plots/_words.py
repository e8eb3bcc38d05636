"""Figures in words, for those who cannot see them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def describe(figure: Figure) -> str:
    """Say which panels, axes and entries of legends a figure has.

    Examples
    --------
    >>> figure = Figure()
    >>> ax = figure.subplots()
    >>> ax.set(title="iris", xlabel="alpha", ylabel="error (%)")[0]
    Text(0.5, 1.0, 'iris')
    >>> describe(figure)
    'Panel: iris. Horizontal: alpha. Vertical: error (%).'
    """
    axes = figure.axes
    titles = _each(title for ax in axes for title in _titles(ax))
    legends = [*figure.legends, *(ax.get_legend() for ax in axes)]
    entries = _each(
        text.get_text() for each in legends if each for text in each.get_texts()
    )
    rows = _each(
        label.get_text()
        for ax in axes
        for label in ax.get_yticklabels()
        if _is_name(label.get_text())
    )
    parts = {
        "Panel" if len(titles) == 1 else "Panels": titles,
        "Horizontal": _each(ax.get_xlabel() for ax in axes),
        "Vertical": _each(ax.get_ylabel() for ax in axes),
        "Rows": rows,
        "Legend": entries,
    }
    return " ".join(
        f"{name}: {', '.join(found)}." for name, found in parts.items() if found
    )


def _titles(ax: Axes) -> list[str]:
    return [ax.get_title(loc=place) for place in ("left", "center", "right")]


def _each(texts: Iterable[str]) -> list[str]:
    """Keep each text once, without those that are empty."""
    return [text for text in dict.fromkeys(texts) if text.strip()]


def _is_name(label: str) -> bool:
    """Tell a name from a tick's number, which may be set as mathematics."""
    return re.search(r"[^\W\d_]{2}", re.sub(r"\$.*?\$", "", label)) is not None

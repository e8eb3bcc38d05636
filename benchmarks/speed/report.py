"""What is said and written of the measurements: a table, a figure, two files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.files import make_folder, write_whole
from benchmarks.plots import speed_ratios
from benchmarks.speed.peers import LOOP, MLP, SKORCH
from benchmarks.tables import Table, plain_table

RIVALS: Final = (SKORCH, MLP, LOOP)
READINGS, RATIOS, FIGURE = "speed.csv", "speed-ratios.csv", "speed.png"


def table(ratios: pd.DataFrame, repeats: int) -> Table:
    """Show ratios beside their targets.

    Parameters
    ----------
    ratios : pandas.DataFrame
        What `benchmarks.speed.measure.ratios` returned.
    repeats : int
        Turns that each ratio was measured in.

    Returns
    -------
    Table
        A row per comparison.
    """
    shown = pd.DataFrame(
        {
            "case": ratios["case"],
            "measured": _sides(ratios),
            "reading": [
                f"{value:.3g} {unit}"
                for value, unit in zip(ratios["value"], ratios["unit"], strict=True)
            ],
            "ratio": ratios["ratio"].map("{:.2f}".format),
            "range": [
                f"{low:.2f} to {high:.2f}"
                for low, high in zip(ratios["low"], ratios["high"], strict=True)
            ],
            "CPU time": ratios["cpu_ratio"].map("{:.2f}".format).replace("nan", ""),
            "target": ratios["target"].map("{:g}".format).replace("nan", ""),
            "reached": _reached(ratios),
        }
    )
    title = f"Ratios: median of {repeats}, in turns (less is better)"
    return plain_table(shown, title)


def _sides(ratios: pd.DataFrame) -> list[str]:
    pairs = zip(ratios["subject"], ratios["peer"], strict=True)
    return [f"{subject} / {peer}" for subject, peer in pairs]


def _reached(ratios: pd.DataFrame) -> list[str]:
    words = ratios["ratio"].le(ratios["target"]).map({True: "yes", False: "no"})
    return words.where(ratios["target"].notna(), "").tolist()


def write(readings: pd.DataFrame, ratios: pd.DataFrame, folder: Path) -> None:
    """Write readings and ratios.

    Parameters
    ----------
    readings : pandas.DataFrame
        A row per measurement.
    ratios : pandas.DataFrame
        A row per comparison.
    folder : Path
        Where to.
    """
    make_folder(folder)
    write_whole(folder / READINGS, readings.to_csv(index=False))
    write_whole(folder / RATIOS, ratios.to_csv(index=False))


def draw(ratios: pd.DataFrame, folder: Path, title: str) -> None:
    """Write the figure of those ratios that are of times.

    Parameters
    ----------
    ratios : pandas.DataFrame
        A row per comparison.
    folder : Path
        Where to.
    title : str
        The figure's title.
    """
    times = ratios[ratios["unit"] == "s"]
    if len(times):
        drawn = io.BytesIO()
        speed_ratios(_for_figure(times), title).savefig(drawn, format="png", dpi=150)
        write_whole(folder / FIGURE, drawn.getvalue())


def _for_figure(ratios: pd.DataFrame) -> pd.DataFrame:
    """Name peers that are met but once beside their case, not in the legend."""
    is_rival = ratios["peer"].isin(RIVALS)
    named = ratios["case"] + " / " + ratios["peer"]
    return ratios.assign(
        case=ratios["case"].where(is_rival, named),
        peer=ratios["peer"].where(is_rival, "what is named on the left"),
    )

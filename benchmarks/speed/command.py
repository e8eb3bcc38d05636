"""``python -m benchmarks speed``: measure, print a table, write a page and files."""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import joblib
import pandas as pd
from rich.console import Console
from rich.text import Text

from benchmarks.console import print_table, say
from benchmarks.files import make_folder, write_whole
from benchmarks.plots import speed_ratios
from benchmarks.provenance import lead, machine
from benchmarks.speed.cases import FULL, GROUPS, QUICK, make_table
from benchmarks.speed.measure import Case, interleaved, ratios
from benchmarks.speed.peers import OURS, PEERS, Recipe, ours
from benchmarks.store import Record
from benchmarks.tables import Table, plain_table, to_markdown

READINGS, RATIOS, FIGURE = "speed.csv", "speed-ratios.csv", "speed.png"
PAGE: Final = "speed.md"
ON_GPU: Final = "gpu"
#: Takes an hour: only when asked for.
LONG: Final = "large"


def groups_on(device: str, asked: Sequence[str] | None = None) -> tuple[str, ...]:
    """Choose groups of cases: those asked for, or all but long ones on the device."""
    if device == "cpu" and asked is not None and ON_GPU in asked:
        raise ValueError("the cases gpu need --device cuda")
    left_out = {LONG} if device == "cuda" else {LONG, ON_GPU}
    possible = [name for name in GROUPS if name not in left_out]
    return tuple(possible if asked is None else asked)


def run(
    groups: Sequence[str],
    folder: Path,
    console: Console,
    *,
    quick: bool = False,
    repeats: int = 5,
) -> pd.DataFrame:
    """Measure, print the table of ratios and write the files.

    Readings are written after every case, so an interruption loses only the last. Quick
    runs every line on sizes that say nothing.
    """
    records: list[dict[str, Any]] = []
    done: list[Case] = []
    compared = pd.DataFrame()
    make_folder(folder)
    note, begun = machine(on_gpu=ON_GPU in groups), time.perf_counter()
    with _settled():
        for case in _cases(groups, quick=quick):
            with console.status(Text(case.title)):
                records += interleaved(case, repeats)
            say(console, f"{case.title}: measured")
            done.append(case)
            readings = pd.DataFrame(records)
            compared = ratios(readings, done)
            write_whole(folder / READINGS, readings.to_csv(index=False))
            write_whole(folder / RATIOS, compared.to_csv(index=False))
    (folder / FIGURE).unlink(missing_ok=True)  # of other cases
    draw(compared, folder, f"{joblib.cpu_count()} cores")
    shown = table(compared, repeats)
    note |= {"seconds": time.perf_counter() - begun}
    write_whole(folder / PAGE, page(shown, note, groups))
    print_table(console, shown)
    say(console, f"A page, readings, ratios and a figure: {folder}")
    return compared


@contextmanager
def _settled() -> Iterator[None]:
    """Let torch load what the first optimiser needs, and spare the collector it all."""
    ours(Recipe(epochs=1)).fit(*make_table(20))
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _cases(groups: Sequence[str], *, quick: bool) -> Iterator[Case]:
    for group in groups:
        yield from GROUPS[group](QUICK if quick else FULL)


def table(ratios: pd.DataFrame, repeats: int) -> Table:
    """Show ratios beside their targets, as medians of so many turns."""
    reached = ratios["ratio"].le(ratios["target"]).map({True: "yes", False: "no"})
    value, low, high = (
        ratios[name].map(form.format)
        for name, form in (("value", "{:.3g} "), ("low", "{:.2f}"), ("high", "{:.2f}"))
    )
    shown = {
        "case": ratios["case"],
        "measured": ratios["subject"] + " / " + ratios["peer"],
        "reading": value + ratios["unit"],
        "ratio": ratios["ratio"].map("{:.2f}".format),
        "range": low + " to " + high,
        "CPU time": ratios["cpu_ratio"].map("{:.2f}".format).replace("nan", ""),
        "target": ratios["target"].map("{:g}".format).replace("nan", ""),
        "reached": reached.where(ratios["target"].notna(), ""),
    }
    title = f"Ratios: median of {repeats}, in turns (less is better)"
    return plain_table(pd.DataFrame(shown), title)


def page(table: Table, note: Record, groups: Sequence[str]) -> str:
    """Write the table in Markdown, with the state that was measured and the cases."""
    on_gpu = "" if ON_GPU in groups else " Nothing was measured on a GPU."
    cases = f"Cases: {' '.join(groups)}.{on_gpu}"
    return "\n\n".join(["# Speed", lead([note]), cases, to_markdown(table)])


def draw(ratios: pd.DataFrame, folder: Path, title: str) -> None:
    """Write the figure of those ratios that are of times, if there are any."""
    times = ratios[ratios["unit"] == "s"]
    if times.empty:
        return
    # Peers that are met but once are named beside their case, not in the legend.
    is_rival = times["peer"].isin(PEERS.keys() - {OURS})
    named = times.assign(
        case=times["case"].where(is_rival, times["case"] + " / " + times["peer"]),
        peer=times["peer"].where(is_rival, "what is named on the left"),
    )
    drawn = io.BytesIO()
    speed_ratios(named, title).savefig(drawn, format="png", dpi=150)
    write_whole(folder / FIGURE, drawn.getvalue())

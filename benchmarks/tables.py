"""Tables of a report: data frames in, Markdown, HTML or plain values out.

Every builder returns a `Table`; `to_markdown`, `to_html` and `to_values` write it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.paper import set_name
from benchmarks.quantities import Quantity, quantity
from benchmarks.stats import mean_over_sets, summary

NOTHING = "n/a"
#: Characters from which on a text is written in several lines.
LONG = 40

_HEADINGS = {"dataset": "data set", "p_holm": "p (Holm)", "n_sets": "sets"}


@dataclass(frozen=True, eq=False)
class Table:
    """A table that is ready to be written.

    Parameters
    ----------
    title : str
        What the table shows, with its unit.
    cells : pandas.DataFrame of str
        The text of every cell. The levels of the index become the first
        columns, under their names.
    best : pandas.DataFrame of bool
        The cells to stress, in the shape of `cells`; ``cells.isna()`` stresses none.
    """

    title: str
    cells: pd.DataFrame
    best: pd.DataFrame


def error_table(
    frame: pd.DataFrame, paper: pd.DataFrame | None = None, metric: str = "error"
) -> Table:
    """Set by set, the mean of a metric under each method, with its standard error.

    The paper's figures by the set's name, if given, stand on the right. The best mean
    of a row is stressed, with those that read the same; where all do, none is.
    """
    means = summary(frame, metric)
    figures = None
    if paper is not None:
        sets = means["dataset"].drop_duplicates()
        figures = paper.reindex([set_name(str(name)) for name in sets])
        figures.index = pd.Index(sets, name="dataset")
    return grid_table(means, ["dataset"], ["method"], metric, paper=figures)


def grid_table(
    means: pd.DataFrame,
    rows: Sequence[str],
    columns: Sequence[str],
    metric: str = "error",
    *,
    paper: pd.DataFrame | None = None,
    title: str | None = None,
    best: str | None = "row",
) -> Table:
    """Spread the means of one metric over rows and columns, with standard errors.

    Parameters
    ----------
    means : pandas.DataFrame
        What `benchmarks.stats.summary` or `mean_over_sets` returned.
    rows, columns : sequence of str
        Columns of `means` whose values name the table's rows and columns.
    metric : str, default="error"
        The metric of the means: its unit, decimals and direction.
    paper : pandas.DataFrame, default=None
        Figures to set beside, as they are to be read, by the same rows.
    title : str, default=None
        Title; by default the metric's label.
    best : {"row", "column", None}, default="row"
        Along what the best mean is stressed.
    """
    shown = quantity(metric)
    grid = means.set_index([*rows, *columns])
    cells = _spread(_texts(grid, shown), columns, NOTHING)
    mask = _best(_spread(grid["mean"], columns, np.nan), shown, best)
    return _beside(Table(title or _title(shown.label), cells, mask), paper)


def metrics_table(
    frame: pd.DataFrame,
    rows: Sequence[str],
    metrics: Sequence[str],
    *,
    over_sets: bool = False,
    paper: pd.DataFrame | None = None,
    title: str = "",
    best: bool = False,
) -> Table:
    """Show several metrics side by side, headed by their labels.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame.
    rows : sequence of str
        Columns of `frame` whose values name the table's rows.
    metrics : sequence of str
        Columns to show.
    over_sets : bool, default=False
        Whether to average over data sets; if not, `rows` holds ``dataset``.
    paper : pandas.DataFrame, default=None
        Figures to set beside, as they are to be read, by the same rows.
    title : str, default=""
        Title of the table.
    best : bool, default=False
        Whether the best mean of each column is stressed.
    """
    describe = mean_over_sets if over_sets else summary
    columns, marks = {}, {}
    for metric in metrics:
        shown = quantity(metric)
        means = describe(frame, metric, rows).set_index(list(rows))
        columns[shown.label] = _texts(means, shown)
        marks[shown.label] = _best(means[["mean"]], shown, "column" if best else None)
    cells = _titled(pd.DataFrame(columns))
    stressed = pd.concat(marks, axis=1).set_axis(cells.columns, axis=1)
    return _beside(Table(title, cells, stressed), paper)


def seconds_table(frame: pd.DataFrame) -> Table:
    """Show how long each method takes to fit and to predict, one estimator at a time.

    It shows medians over folds, then over sets, since some sets are far larger than
    others.
    """
    columns = ["fit_seconds", "predict_seconds"]
    by_set = frame.groupby(["method", "dataset"], sort=False)[columns].median()
    medians = by_set.groupby("method", sort=False).median().reset_index()
    return plain_table(medians, "Median seconds over the sets, one estimator at a time")


def merits_table(merits: pd.DataFrame, title: str) -> Table:
    """Show means and average ranks of methods, as `benchmarks.stats.merits` returns.

    Further columns of seconds may stand beside them.
    """
    columns = {}
    for name in map(str, merits.columns.drop("method")):
        metric = name.removesuffix("_rank")
        label, scale, decimals = quantity(name).label, 1.0, 2
        if metric != name:
            label = f"rank by {quantity(metric).label.partition(' (')[0]}"
        elif name != "merit":
            shown = quantity(name)
            label, scale, decimals = shown.label, shown.scale, shown.decimals
        columns[label] = (scale * merits[name]).map(f"{{:.{decimals}f}}".format)
    cells = pd.DataFrame(columns).set_axis(pd.Index(merits["method"], name="Method"))
    return Table(title, cells, cells.isna())


def comparison_table(comparison: pd.DataFrame) -> Table:
    """Set by set, each method's difference from the baseline and its p value.

    It shows what `benchmarks.stats.compare_to_baseline` returned, p after Holm's
    correction; the significant wins are stressed.
    """
    metric, baseline = comparison[["metric", "baseline"]].iloc[0]
    shown = quantity(metric)
    texts = [
        f"{shown.scale * difference:+.{shown.decimals}f} (p {_p_value(p)})"
        for difference, p in comparison[["difference", "p_holm"]].to_numpy()
    ]
    cells = comparison.assign(
        text=np.where(comparison["verdict"] == "untested", NOTHING, texts),
        won=comparison["verdict"] == "win",
    ).set_index(["dataset", "method"])
    title = f"{_title(shown.label)}: difference from {baseline}"
    return Table(
        title,
        _spread(cells["text"], ["method"], NOTHING),
        _spread(cells["won"], ["method"], fill=False),
    )


def paper_table(table: pd.DataFrame, title: str, rows: Sequence[str]) -> Table:
    """Show one of the paper's own tables as printed, with headings of its rows."""
    cells = table.map(str)
    cells.index = cells.index.set_names(list(rows))
    cells.columns = cells.columns.map(lambda name: quantity(name).label)
    return Table(title, cells, cells.isna())


def plain_table(frame: pd.DataFrame, title: str, decimals: int = 3) -> Table:
    """Show a data frame as it is, its first column as the rows' names.

    The decimals are those of numbers that are not whole; columns named ``p`` or
    ``p_...`` read as p values.
    """
    texts = pd.DataFrame(
        {
            _title(name): [_plain(name, value, decimals) for value in frame[name]]
            for name in map(str, frame.columns)
        }
    )
    cells = texts.set_index(texts.columns[0])
    return Table(title, cells, cells.isna())


def to_markdown(table: Table) -> str:
    """Write a table as Markdown: a bold title, if any, and a pipe table."""
    headings, rows = _written(table, stress="**{}**", escape=_in_cell)
    lines = [headings, ["---"] * table.cells.index.nlevels]
    lines[1] += ["---:"] * table.cells.shape[1]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines + rows)
    title = f"**{_in_cell(table.title)}**\n\n" if table.title else ""
    return f"{title}{text}\n"


def to_html(table: Table) -> str:
    """Write a table as HTML, without its title; columns of text are of a class."""
    headings, rows = _written(table, stress="<strong>{}</strong>", escape=html.escape)
    n_names = table.cells.index.nlevels
    kinds = [_kind(list(column)) for _, column in table.cells.items()]
    head = "".join(f'<th scope="col">{name}</th>' for name in headings[:n_names])
    for kind, heading in zip(kinds, headings[n_names:], strict=True):
        head += f'<th scope="col"{kind}>{heading}</th>'
    lines = ["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    for row in rows:
        names = "".join(f'<th scope="row">{name}</th>' for name in row[:n_names])
        cells = "".join(
            f"<td{kind}>{cell}</td>"
            for kind, cell in zip(kinds, row[n_names:], strict=True)
        )
        lines.append(f"<tr>{names}{cells}</tr>")
    lines += ["</tbody>", "</table>"]
    return "\n".join(lines) + "\n"


def _kind(column: Sequence[str]) -> str:
    """Tell a column of words, or of many words, from one of numbers."""
    known = [text for text in column if text != NOTHING]
    if not known or any(re.match(r"[-+<∞\d]", text) for text in known):
        return ""
    return f' class="text{" long" * (max(map(len, known)) > LONG)}"'


def to_values(table: Table) -> dict[str, Any]:
    """Return a table as plain values: its title, headings and rows of texts.

    The first ``names`` texts of a row name it. ``best`` lists the cells that are
    stressed, as pairs of row and column.
    """
    headings, rows = _written(table, stress="{}", escape=str)
    n_names = table.cells.index.nlevels
    marked = np.argwhere(table.best.to_numpy(dtype=bool))
    return {
        "title": table.title,
        "names": n_names,
        "headings": headings,
        "rows": rows,
        "best": [[int(row), n_names + int(column)] for row, column in marked],
    }


def _written(
    table: Table, stress: str, escape: Callable[[str], str]
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of text, escaped, the best cells stressed."""
    names = [str(name or "") for name in table.cells.index.names]
    headings = [escape(text) for text in [*names, *map(str, table.cells.columns)]]
    rows = []
    for key, texts, marks in zip(
        table.cells.index, table.cells.to_numpy(), table.best.to_numpy(), strict=True
    ):
        labels = key if isinstance(key, tuple) else (key,)
        cells = [
            stress.format(escape(text)) if marked else escape(text)
            for text, marked in zip(texts, marks, strict=True)
        ]
        rows.append([*(escape(str(label)) for label in labels), *cells])
    return headings, rows


def no_html(text: str) -> str:
    """Keep Markdown from taking a text for HTML; "p < 0.001" stays as it is.

    Examples
    --------
    >>> no_html("p < 0.001 on <b>iris</b>")
    'p < 0.001 on &lt;b>iris&lt;/b>'
    """
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", re.sub(r"&(?=#?\w+;)", "&amp;", text))


def _in_cell(text: str) -> str:
    """Keep a text inside its cell of a Markdown table."""
    return no_html(" ".join(text.splitlines())).replace("|", r"\|")


def _title(name: str) -> str:
    """Turn a column's name or a label into a heading."""
    text = _HEADINGS.get(name) or name.replace("_", " ")
    return text if name.startswith("p_") or name == "p" else text[:1].upper() + text[1:]


def _titled(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.rename_axis(index=[_title(str(name)) for name in cells.index.names])


def _spread(values: pd.Series[Any], columns: Sequence[str], fill: Any) -> pd.DataFrame:
    """Turn levels of the index into columns headed by their joined values."""
    spread = values.unstack(list(columns), sort=False)
    keys = [key if isinstance(key, tuple) else (key,) for key in spread.columns]
    spread.columns = pd.Index([" ".join(map(str, key)) for key in keys])
    return _titled(spread.where(spread.notna(), fill))


def _texts(means: pd.DataFrame, shown: Quantity) -> pd.Series[str]:
    """Write every mean with its standard error, where there is one."""
    mean, error = (
        (means[name] * shown.scale).map(f"{{:.{shown.decimals}f}}".format)
        for name in ("mean", "se")
    )
    alone = means["se"].isna() | shown.is_exact
    texts = mean.where(alone, mean + " ± " + error)
    return texts.where(means["mean"].notna(), NOTHING)


def _best(values: pd.DataFrame, shown: Quantity, along: str | None) -> pd.DataFrame:
    """Mark the best of each row or column, unless all of it reads the same."""
    if along is None:
        return pd.DataFrame(data=False, index=values.index, columns=values.columns)
    if along == "column":
        return _best(values.T, shown, "row").T
    rounded = (values.astype(float) * shown.scale).round(shown.decimals)
    best = rounded.max(axis=1) if shown.higher_is_better else rounded.min(axis=1)
    marks = rounded.eq(best, axis=0)
    return marks.mask(marks.all(axis=1), other=False)


def _beside(table: Table, paper: pd.DataFrame | None) -> Table:
    """Add the paper's figures of the same rows as columns on the right."""
    if paper is None:
        return table
    figures = paper.reindex(table.cells.index)
    figures = figures.map(lambda value: NOTHING if pd.isna(value) else str(value))
    figures = figures.add_prefix("paper: ").set_axis(table.cells.index)
    return Table(
        table.title,
        pd.concat([table.cells, figures], axis=1),
        pd.concat([table.best, figures.isna()], axis=1),
    )


def _p_value(p: float) -> str:
    """Write a p value as far as it can be believed."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _plain(name: str, value: object, decimals: int) -> str:
    if not isinstance(value, float):
        return str(value)
    if np.isnan(value):
        return NOTHING
    if name == "p" or name.startswith("p_"):
        return _p_value(value)
    return f"{value:.0f}" if value.is_integer() else f"{value:.{decimals}f}"

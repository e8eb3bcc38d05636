"""Tables of a report: data frames in, Markdown or HTML out.

Every builder returns a `Table`; `to_markdown` and `to_html` write it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.paper import PaperTable, as_frame, set_name
from benchmarks.quantities import Quantity, quantity
from benchmarks.stats import mean_over_sets, summary

NOTHING = "n/a"

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
        The cells to stress, in the shape of `cells`.
    """

    title: str
    cells: pd.DataFrame
    best: pd.DataFrame


def error_table(
    frame: pd.DataFrame, paper: PaperTable | None = None, metric: str = "error"
) -> Table:
    """Set by set, the mean of a metric under each method, with its standard error.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame (see `benchmarks.stats`).
    paper : mapping of row to mapping of column to float, default=None
        The paper's figures by the set's name, `benchmarks.paper.TABLE_4`.
    metric : str, default="error"
        Column to show.

    Returns
    -------
    Table
        One row per set, one column per method, then one per column of `paper`.
        The best mean of a row is stressed, with those that read the same; where
        all do, none is.
    """
    means = summary(frame, metric)
    figures = None
    if paper is not None:
        sets = means["dataset"].drop_duplicates()
        figures = as_frame(paper).reindex([set_name(str(name)) for name in sets])
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
    """Spread the means of one metric over rows and columns.

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

    Returns
    -------
    Table
        Cells read "mean ± standard error".
    """
    shown = quantity(metric)
    grid = means.set_index([*rows, *columns])
    texts = _texts(grid["mean"], grid["se"], shown)
    cells = _spread(texts, columns, NOTHING)
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
) -> Table:
    """Show several metrics side by side.

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

    Returns
    -------
    Table
        One column per metric, headed by its label; nothing is stressed.
    """
    describe = mean_over_sets if over_sets else summary
    columns = {}
    for metric in metrics:
        shown = quantity(metric)
        means = describe(frame, metric, rows).set_index(list(rows))
        columns[shown.label] = _texts(means["mean"], means["se"], shown)
    cells = _titled(pd.DataFrame(columns))
    return _beside(Table(title, cells, _nothing_like(cells)), paper)


def seconds_table(frame: pd.DataFrame) -> Table:
    """Show how long each method takes to fit and to predict.

    Parameters
    ----------
    frame : pandas.DataFrame
        The long frame, of jobs whose estimators were fitted one at a time.

    Returns
    -------
    Table
        One row per method: medians over folds, then over sets, since some sets are far
        larger than others.
    """
    columns = ["fit_seconds", "predict_seconds"]
    by_set = frame.groupby(["method", "dataset"], sort=False)[columns].median()
    medians = by_set.groupby("method", sort=False).median().reset_index()
    return plain_table(medians, "Median seconds over the sets, one estimator at a time")


def comparison_table(comparison: pd.DataFrame) -> Table:
    """Set by set, each method's difference from the baseline and its p value.

    Parameters
    ----------
    comparison : pandas.DataFrame
        What `benchmarks.stats.compare_to_baseline` returned.

    Returns
    -------
    Table
        Cells read "difference (p)" with p after Holm's correction; the
        significant wins are stressed.
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


def paper_table(table: PaperTable, title: str, rows: Sequence[str]) -> Table:
    """Show one of the paper's own tables.

    Parameters
    ----------
    table : mapping of row to mapping of column to float
        `benchmarks.paper.TABLE_2` and so on.
    title : str
        Title of the table.
    rows : sequence of str
        A heading for each level of the rows' names.

    Returns
    -------
    Table
        The figures as the paper prints them; nothing is stressed.
    """
    cells = as_frame(table).map(str)
    cells.index = cells.index.set_names(list(rows))
    cells.columns = cells.columns.map(lambda name: quantity(name).label)
    return Table(title, cells, _nothing_like(cells))


def plain_table(frame: pd.DataFrame, title: str, decimals: int = 3) -> Table:
    """Show a data frame as it is, its index left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any frame, such as `benchmarks.stats.win_tie_loss` returned.
    title : str
        Title of the table.
    decimals : int, default=3
        Decimals of the numbers that are not whole; columns named ``p`` or
        ``p_...`` read as p values.

    Returns
    -------
    Table
        Its cells, the first column as the rows' names.
    """
    texts = pd.DataFrame(
        {
            _title(name): [_plain(name, value, decimals) for value in frame[name]]
            for name in map(str, frame.columns)
        }
    )
    cells = texts.set_index(texts.columns[0])
    return Table(title, cells, _nothing_like(cells))


def to_markdown(table: Table) -> str:
    """Write a table as Markdown.

    Parameters
    ----------
    table : Table
        The table; its stressed cells become bold.

    Returns
    -------
    str
        The title as a bold line, where there is one, and a pipe table.
    """
    headings, rows = _written(table, stress="**{}**", escape=_in_cell)
    lines = [headings, ["---"] * table.cells.index.nlevels]
    lines[1] += ["---:"] * table.cells.shape[1]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines + rows)
    title = f"**{_in_cell(table.title)}**\n\n" if table.title else ""
    return f"{title}{text}\n"


def to_html(table: Table) -> str:
    """Write a table as HTML.

    Parameters
    ----------
    table : Table
        The table; its stressed cells become ``<strong>``.

    Returns
    -------
    str
        One ``<table>`` element with a caption, where there is a title, without
        any style of its own.
    """
    headings, rows = _written(table, stress="<strong>{}</strong>", escape=html.escape)
    n_names = table.cells.index.nlevels
    lines = ["<table>"]
    if table.title:
        lines.append(f"<caption>{html.escape(table.title)}</caption>")
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    lines.append(f"<thead><tr>{head}</tr></thead>")
    lines.append("<tbody>")
    for row in rows:
        names = "".join(f'<th scope="row">{name}</th>' for name in row[:n_names])
        cells = "".join(f"<td>{cell}</td>" for cell in row[n_names:])
        lines.append(f"<tr>{names}{cells}</tr>")
    lines += ["</tbody>", "</table>"]
    return "\n".join(lines) + "\n"


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
    """Turn the names of the index levels into headings."""
    return cells.rename_axis(index=[_title(str(name)) for name in cells.index.names])


def _spread(values: pd.Series[Any], columns: Sequence[str], fill: Any) -> pd.DataFrame:
    """Turn levels of the index into columns headed by their joined values."""
    spread = values.unstack(list(columns), sort=False)
    keys = [key if isinstance(key, tuple) else (key,) for key in spread.columns]
    spread.columns = pd.Index([" ".join(map(str, key)) for key in keys])
    return _titled(spread.where(spread.notna(), fill))


def _texts(
    means: pd.Series[float], errors: pd.Series[float], shown: Quantity
) -> pd.Series[str]:
    """Write every mean with its standard error, where there is one."""
    return pd.Series(
        [
            _measured(mean, error, shown)
            for mean, error in zip(means, errors, strict=True)
        ],
        index=means.index,
    )


def _measured(mean: float, error: float, shown: Quantity) -> str:
    """Write one mean with its standard error in the quantity's unit."""
    if np.isnan(mean):
        return NOTHING
    text = f"{shown.scale * mean:.{shown.decimals}f}"
    if np.isnan(error):
        return text
    return f"{text} ± {shown.scale * error:.{shown.decimals}f}"


def _best(values: pd.DataFrame, shown: Quantity, along: str | None) -> pd.DataFrame:
    """Mark the best of each row or column, unless all of it reads the same."""
    if along is None:
        return _nothing_like(values)
    if along == "column":
        return _best(values.T, shown, "row").T
    rounded = (values.astype(float) * shown.scale).round(shown.decimals)
    best = rounded.max(axis=1) if shown.higher_is_better else rounded.min(axis=1)
    marks = rounded.eq(best, axis=0)
    return marks.mask(marks.all(axis=1), other=False)


def _nothing_like(cells: pd.DataFrame) -> pd.DataFrame:
    """Mark no cell."""
    return pd.DataFrame(data=False, index=cells.index, columns=cells.columns)


def _beside(table: Table, paper: pd.DataFrame | None) -> Table:
    """Add the paper's figures of the same rows as columns on the right."""
    if paper is None:
        return table
    figures = paper.reindex(table.cells.index)
    figures = figures.map(lambda value: NOTHING if pd.isna(value) else str(value))
    figures = figures.add_prefix("paper: ").set_axis(table.cells.index)
    marks = _nothing_like(figures)
    return Table(
        table.title,
        pd.concat([table.cells, figures], axis=1),
        pd.concat([table.best, marks], axis=1),
    )


def _p_value(p: float) -> str:
    """Write a p value as far as it can be believed."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _plain(name: str, value: object, decimals: int) -> str:
    """Write one cell of a plain table."""
    if not isinstance(value, float):
        return str(value)
    if np.isnan(value):
        return NOTHING
    if name == "p" or name.startswith("p_"):
        return _p_value(value)
    return f"{value:.0f}" if value.is_integer() else f"{value:.{decimals}f}"

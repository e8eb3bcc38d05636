"""Tables say what the frames say, stress the best, and survive odd names."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from benchmarks import paper, stats, tables


def long_frame(sets, metric="error", folds=3):
    """Make the long frame from {set: {method: mean}} with three folds around it."""
    rows = [
        {"dataset": dataset, "method": method, "fold": fold, metric: mean + step}
        for dataset, methods in sets.items()
        for method, mean in methods.items()
        for fold, step in enumerate(np.linspace(-0.01, 0.01, folds))
    ]
    return pd.DataFrame(rows).assign(repeat=0, n_train=90, n_test=10)


MEANS = {
    "iris": {"ERM": 0.213, "mixup 0.2": 0.20, "mixup 1": 0.1},
    "website_phishing": {"ERM": 0.15, "mixup 0.2": 0.16, "mixup 1": 0.15004},
    "vowel": {"ERM": 0.3, "mixup 0.2": 0.3, "mixup 1": 0.3},
}


class Cells(HTMLParser):
    """Collect the text of every row, `strong` marked by asterisks."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "strong":
            self.rows[-1][-1] += "**"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "strong":
            self.rows[-1][-1] += "**"

    def handle_data(self, data):
        if "th" in self.open or "td" in self.open:
            self.rows[-1][-1] += data


def markdown_rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [rows[0], *rows[2:]]


def test_error_table_shows_percent_and_standard_errors():
    table = tables.error_table(long_frame(MEANS))
    # The deviation of -1, 0, 1 is 1; sqrt(1/3 + 1/9) = 2/3.
    assert table.cells.loc["iris", "ERM"] == "21.3 ± 0.7"
    assert list(table.cells.index) == list(MEANS)
    assert list(table.cells.columns) == ["ERM", "mixup 0.2", "mixup 1"]
    assert table.title == "Error (%)"


def test_error_table_stresses_the_best_of_each_row():
    best = tables.error_table(long_frame(MEANS)).best
    assert list(best.loc["iris"]) == [False, False, True]
    # 15.0 and 15.004 read the same; where all read the same, nothing is best.
    assert list(best.loc["website_phishing"]) == [True, False, True]
    assert not best.loc["vowel"].any()


def test_error_table_stresses_the_highest_where_more_is_better():
    best = tables.error_table(long_frame(MEANS, "auc"), metric="auc").best
    assert list(best.loc["iris"]) == [True, False, False]


def test_error_table_sets_the_paper_beside():
    table = tables.error_table(long_frame(MEANS), paper=paper.TABLE_4)
    figures = table.cells[["paper: ERM", "paper: mixup"]]
    assert list(figures.loc["iris"]) == ["21.3", "17.3"]
    assert list(figures.loc["website_phishing"]) == ["16.3", "15.2"]
    assert list(figures.loc["vowel"]) == [tables.NOTHING] * 2
    assert not table.best[["paper: ERM", "paper: mixup"]].any(axis=None)


def test_missing_cells_and_errors():
    frame = long_frame({"iris": {"a": 0.1, "b": 0.2}, "wine": {"b": 0.3}})
    table = tables.error_table(frame[frame["fold"] == 0])
    assert table.cells.to_numpy().tolist() == [
        ["9.0", "19.0"],
        [tables.NOTHING, "29.0"],
    ]
    assert table.best.to_numpy().tolist() == [[True, False], [False, True]]


def test_grid_table_joins_the_values_of_several_columns():
    means = pd.DataFrame(
        {
            "method": ["ERM", "ERM", "mixup", "mixup"],
            "box": ["white", "black", "white", "black"],
            "attack": "FGSM",
            "mean": [0.9, 0.57, 0.75, 0.46],
            "se": 0.01,
        }
    )
    table = tables.grid_table(means, ["method"], ["box", "attack"], best="column")
    assert list(table.cells.columns) == ["white FGSM", "black FGSM"]
    assert table.cells.loc["mixup", "black FGSM"] == "46.0 ± 1.0"
    assert table.best.to_numpy().tolist() == [[False, False], [True, True]]
    plain = tables.grid_table(means, ["method"], ["box", "attack"], best=None)
    assert not plain.best.any(axis=None)


def test_grid_table_sets_figures_beside_by_rows_of_two_names():
    means = pd.DataFrame(
        {
            "noise": [0.2, 0.2],
            "method": ["ERM", "mixup 8"],
            "when": "last",
            "mean": [0.3, 0.2],
            "se": np.nan,
        }
    )
    figures = paper.TABLE_2[["last_error"]]
    table = tables.grid_table(means, ["noise", "method"], ["when"], paper=figures)
    assert table.cells["paper: last_error"].tolist() == ["16.6", "6.4"]


def test_metrics_table_of_one_set_and_over_sets():
    frame = long_frame(MEANS).assign(log_loss=0.5)
    rows = ["dataset", "method"]
    by_set = tables.metrics_table(frame, rows, ["error", "log_loss"], title="All")
    assert list(by_set.cells) == ["error (%)", "log loss"]
    assert by_set.cells.loc[("iris", "ERM"), "error (%)"] == "21.3 ± 0.7"
    assert not by_set.best.any(axis=None)
    iris = frame[frame["dataset"] == "iris"]
    best = tables.metrics_table(iris, ["method"], ["error", "log_loss"], best=True)
    lowest = stats.summary(iris, "error").set_index("method")["mean"].idxmin()
    assert list(best.best.index[best.best["error (%)"]]) == [lowest]
    assert not best.best["log loss"].any()  # all the same
    over = tables.metrics_table(
        frame, ["method"], ["error", "log_loss"], over_sets=True
    )
    means = stats.mean_over_sets(frame, "error").set_index("method")
    expected = (
        f"{100 * means.loc['ERM', 'mean']:.1f} ± {100 * means.loc['ERM', 'se']:.1f}"
    )
    assert over.cells.loc["ERM", "error (%)"] == expected


def test_comparison_table_shows_differences_and_stresses_wins():
    frame = long_frame({"iris": {"ERM": 0.5, "a": 0.1, "b": 0.9}, "wine": {"a": 0.1}})
    rng = np.random.default_rng(0)
    frame["error"] += rng.normal(0, 0.001, len(frame))
    comparison = stats.compare_to_baseline(frame, "ERM")
    table = tables.comparison_table(comparison)
    assert table.title == "Error (%): difference from ERM"
    assert table.cells.loc["iris", "a"].startswith("-4")
    assert table.cells.loc["iris", "b"].startswith("+")
    assert "(p < 0.001)" in table.cells.loc["iris", "a"]
    assert table.best.loc["iris"].tolist() == [True, False]
    assert table.cells.loc["wine"].tolist() == [tables.NOTHING] * 2


def test_paper_table_prints_the_figures():
    table = tables.paper_table(paper.TABLE_2, "Table 2", ["Noise", "Method"])
    rows = markdown_rows(tables.to_markdown(table))
    assert rows[0][:3] == ["Noise", "Method", "best test error (%)"]
    assert rows[1] == ["0.2", "ERM", "12.7", "16.6", "0.05", "0.28"]


def test_plain_table_shows_any_frame():
    frame = pd.DataFrame(
        {
            "method": ["mixup", "RealMLP"],
            "n_sets": [6, 5],
            "median_difference": [-0.01234, 2.0],
            "p": [0.00004, np.nan],
            "p_holm": [0.0411, np.nan],
        }
    )
    rows = markdown_rows(tables.to_markdown(tables.plain_table(frame, "Over sets")))
    assert rows == [
        ["Method", "Sets", "Median difference", "p", "p (Holm)"],
        ["mixup", "6", "-0.012", "< 0.001", "0.041"],
        ["RealMLP", "5", "2", tables.NOTHING, tables.NOTHING],
    ]


def test_markdown_and_html_say_the_same():
    table = tables.error_table(long_frame(MEANS), paper=paper.TABLE_4)
    text = tables.to_markdown(table)
    assert text.startswith("**Error (%)**\n\n| Data set | ERM |")
    assert "| --- | ---: |" in text
    assert "**10.0 ± 0.7**" in text
    cells = Cells(tables.to_html(table))
    assert cells.open == []
    assert cells.rows == markdown_rows(text)


def test_headings_of_html_name_their_scope_and_columns_of_words_are_told():
    text = tables.to_html(tables.error_table(long_frame(MEANS)))
    assert text.count('<th scope="row">') == 3
    assert text.count('<th scope="col">') == 4
    frame = pd.DataFrame({"a": ["x"], "word": ["cpu"], "many": [50 * "w"], "n": [2]})
    text = tables.to_html(tables.plain_table(frame, ""))
    assert '<th scope="col" class="text">Word</th>' in text
    assert '<td class="text long">' in text
    assert "<td>2</td>" in text


def test_a_table_without_a_title_has_no_heading():
    frame = long_frame(MEANS)
    table = tables.metrics_table(frame, ["dataset", "method"], ["error"])
    assert not tables.to_markdown(table).startswith("**")


def test_values_are_the_cells_and_where_the_best_are():
    table = tables.error_table(long_frame(MEANS))
    values = tables.to_values(table)
    assert [values["headings"], *values["rows"]] == [
        [cell.replace("**", "") for cell in row]
        for row in markdown_rows(tables.to_markdown(table))
    ]
    best = {values["rows"][row][column] for row, column in values["best"]}
    assert best == set(
        re.findall(r"\*\*([^*|]+±[^*|]+)\*\*", tables.to_markdown(table))
    )


def test_merits_are_shown_in_units_and_ranks_by_name():
    frame = pd.DataFrame(
        {"method": ["a"], "error": [0.1234], "error_rank": [1.236], "merit": [1.0]}
    )
    table = tables.merits_table(frame.assign(median_fit=2.345), "T")
    assert list(table.cells) == [
        "error (%)",
        "rank by error",
        "merit",
        "median fit (s)",
    ]
    assert table.cells.loc["a"].tolist() == ["12.3", "1.24", "1.00", "2.35"]


def test_names_cannot_break_out_of_their_cells():
    frame = long_frame({"a|b": {"<script>": 0.1, "x & y": 0.2}})
    table = tables.error_table(frame)
    assert Cells(tables.to_html(table)).rows[0] == ["Data set", "<script>", "x & y"]
    assert "<script>" not in tables.to_html(table)
    assert r"| a\|b |" in tables.to_markdown(table)


def test_seconds_are_medians_over_folds_and_then_over_sets():
    by_set = {"small": [1, 2, 90], "middle": [3, 4, 5], "large": [70, 80, 90]}
    frame = pd.DataFrame(
        {"method": "m", "dataset": name, "fit_seconds": each, "predict_seconds": 0.25}
        for name, seconds in by_set.items()
        for each in seconds
    )
    cells = tables.seconds_table(frame).cells
    assert cells.to_numpy().tolist() == [["4", "0.250"]]

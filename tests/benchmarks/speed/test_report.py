"""The table of ratios and the files."""

import pandas as pd
import pytest

from benchmarks.speed import report

RATIOS = pd.DataFrame(
    {
        "case": ["fit", "fit", "memory"],
        "subject": "ours",
        "peer": ["theirs", "others", "table"],
        "target": [0.5, None, 2.0],
        "ratio": [0.4, 1.2, 2.5],
        "low": [0.3, 1.0, 2.5],
        "high": [0.6, 1.5, 2.5],
        "cpu_ratio": [0.35, 1.1, None],
        "value": [0.012345, 0.012345, 1000.0],
        "unit": ["s", "s", "MB"],
    }
)


def test_table_sets_ratios_beside_targets():
    cells = report.table(RATIOS, 5).cells.reset_index()
    first, second, third = cells.to_dict("records")
    assert first["Ratio"] == "0.40"
    assert first["Range"] == "0.30 to 0.60"
    assert (first["Target"], first["Reached"]) == ("0.5", "yes")
    assert (second["Target"], second["Reached"]) == ("", "")
    assert (third["Reached"], third["CPU time"]) == ("no", "")
    assert first["Measured"] == "ours / theirs"
    assert first["Reading"] == "0.0123 s"


def test_figure_names_rivals_in_its_legend_and_the_rest_at_the_case(
    tmp_path, monkeypatch
):
    drawn = []
    draw_ratios = report.speed_ratios
    monkeypatch.setattr(
        report,
        "speed_ratios",
        lambda *given: drawn.append(given) or draw_ratios(*given),
    )
    ratios = RATIOS.assign(peer=["MLPClassifier", "ERM", "table"])
    report.draw(ratios, tmp_path, "2 cores")
    frame, title = drawn[0]
    assert frame["case"].tolist() == ["fit", "fit / ERM"]
    assert frame["peer"].tolist() == ["MLPClassifier", "what is named on the left"]
    assert title == "2 cores"


@pytest.mark.parametrize("shown", [RATIOS, RATIOS[RATIOS["unit"] == "MB"]])
def test_files_are_written(tmp_path, shown):
    readings = pd.DataFrame({"case": ["fit"], "value": [1.0]})
    report.write(readings, shown, tmp_path / "new")
    report.draw(shown, tmp_path / "new", "2 cores")
    assert len(pd.read_csv(tmp_path / "new" / report.READINGS)) == 1
    assert len(pd.read_csv(tmp_path / "new" / report.RATIOS)) == len(shown)
    figure = tmp_path / "new" / report.FIGURE
    assert figure.exists() == (shown["unit"] == "s").any()  # memory is no time

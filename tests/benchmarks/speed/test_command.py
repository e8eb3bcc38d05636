"""``python -m benchmarks speed``, on sizes that say nothing."""

import pandas as pd
import pytest
import torch

from benchmarks.command_line import main
from benchmarks.speed import command
from benchmarks.speed.cases import GROUPS
from benchmarks.speed.command import groups_on

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


def quick(arguments, folder):
    words = ["speed", "--quick", "--repeats", "1", "--out", str(folder)]
    return main([*words, *arguments])


def test_command_prints_ratios_and_writes_files(tmp_path, capsys):
    assert quick(["--cases", "fit", "ensemble"], tmp_path) == 0
    readings = pd.read_csv(tmp_path / command.READINGS)
    assert len(readings) == 4 * 4 + 2
    assert (readings["value"] > 0).all()
    ratios = pd.read_csv(tmp_path / command.RATIOS)
    assert len(ratios) == 4 * 3 + 1
    assert ratios["ratio"].between(ratios["low"], ratios["high"]).all()
    assert (tmp_path / command.FIGURE).stat().st_size
    printed = capsys.readouterr().out
    page = (tmp_path / command.PAGE).read_text(encoding="utf-8")
    for text in printed, page:
        assert "MLPClassifier" in text
        assert "ensemble of 2" in text
    assert "Cases: fit ensemble. Nothing was measured on a GPU." in page


@pytest.mark.slow
def test_everything_runs(tmp_path):
    assert quick([], tmp_path) == 0
    ratios = pd.read_csv(tmp_path / command.RATIOS)
    assert {"peak memory", "import", "grid of 4"} <= set(ratios["case"])
    assert (ratios["ratio"] > 0).all()


def test_gpu_is_measured_where_it_is_asked_for():
    assert "gpu" not in groups_on("cpu")
    assert set(groups_on("cuda")) == GROUPS.keys() - {"large"}
    assert groups_on("cpu", ["large"]) == ("large",)
    assert groups_on("cuda", ["gpu"]) == ("gpu",)
    with pytest.raises(ValueError, match="--device cuda"):
        groups_on("cpu", ["gpu"])


@pytest.mark.parametrize(
    "arguments", [["--cases", "gpu"], ["--cases", "nothing"], ["--repeats", "0"]]
)
def test_wrong_usage_has_status_2(arguments, tmp_path):
    try:
        status = quick(arguments, tmp_path)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there_is_wrong_usage(tmp_path):
    assert quick(["--device", "cuda"], tmp_path) == 2


def test_table_sets_ratios_beside_targets():
    cells = command.table(RATIOS, 5).cells.reset_index()
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
    draw_ratios = command.speed_ratios
    monkeypatch.setattr(
        command,
        "speed_ratios",
        lambda *given: drawn.append(given) or draw_ratios(*given),
    )
    ratios = RATIOS.assign(peer=["MLPClassifier", "ERM", "table"])
    command.draw(ratios, tmp_path, "2 cores")
    frame, title = drawn[0]
    assert frame["case"].tolist() == ["fit", "fit / ERM"]
    assert frame["peer"].tolist() == ["MLPClassifier", "what is named on the left"]
    assert title == "2 cores"


@pytest.mark.parametrize("shown", [RATIOS, RATIOS[RATIOS["unit"] == "MB"]])
def test_the_figure_is_of_times(tmp_path, shown):
    command.draw(shown, tmp_path, "2 cores")
    figure = tmp_path / command.FIGURE
    assert figure.exists() == (shown["unit"] == "s").any()  # memory is no time

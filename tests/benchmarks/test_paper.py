"""The paper's figures are complete and say what the paper says of them."""

import pytest

from benchmarks import paper


@pytest.mark.parametrize(
    ("frame", "shape", "levels"),
    [
        (paper.FIGURE_3A, (6, 2), 2),
        (paper.FIGURE_4, (6, 2), 2),
        (paper.TABLE_2, (12, 4), 2),
        (paper.TABLE_3, (4, 4), 2),
        (paper.TABLE_4, (6, 2), 1),
        (paper.TABLE_5, (22, 2), 2),
    ],
)
def test_tables_are_whole(frame, shape, levels):
    assert frame.shape == shape
    assert frame.index.nlevels == levels
    assert frame.index.is_unique
    assert frame.gt(0).all(axis=None)
    assert frame.lt(100).all(axis=None)


def test_figure_3a_mixup_gains_everywhere():
    assert (paper.FIGURE_3A["mixup 1"] < paper.FIGURE_3A["ERM"]).all()


def test_figure_4_mixup_helps_the_larger_network_alone():
    test = paper.FIGURE_4["test"]
    assert test["VGG-11"].idxmin() == "mixup 0.2"
    assert test["LeNet"].idxmin() == "ERM"


def test_table_2_best_is_at_most_last_and_mixup_beats_erm():
    frame = paper.TABLE_2
    assert (frame["best_error"] <= frame["last_error"]).all()
    for noise in (0.2, 0.5, 0.8):
        assert frame.loc[noise, "last_error"].idxmax() == "ERM"


def test_table_3_mixup_resists_the_single_step_attacks():
    frame = paper.TABLE_3
    for score in ("top-1", "top-5"):
        errors = frame.loc[score]
        for attack in ("white FGSM", "black FGSM", "black I-FGSM"):
            assert errors[attack].idxmin() == "mixup"


def test_table_4_mixup_is_never_worse():
    frame = paper.TABLE_4
    assert (frame["mixup"] <= frame["ERM"]).all()


def test_table_5_mixup_is_the_best_and_prefers_the_small_weight_decay():
    frame = paper.TABLE_5
    assert frame["1e-4"].idxmin() == ("mixup", "AC + RP")
    assert frame.loc[("mixup", "AC + RP"), "1e-4"] < frame["5e-4"].min()
    assert frame.loc[("ERM", ""), "5e-4"] < frame.loc[("ERM", ""), "1e-4"]


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("abalone", "Abalone"),
        ("HTRU2", "Htru2"),
        ("Pulsar-Dataset-HTRU2", "Htru2"),
        ("website_phishing", "Phishing"),
        ("iris", "Iris"),
    ],
)
def test_set_name_finds_the_papers_sets(dataset, name):
    assert paper.set_name(dataset) == name
    assert name in paper.TABLE_4.index


@pytest.mark.parametrize("dataset", ["PhishingWebsites", "phishing_websites", "vowel"])
def test_set_name_of_other_sets_is_not_in_the_table(dataset):
    assert paper.set_name(dataset) not in paper.TABLE_4.index

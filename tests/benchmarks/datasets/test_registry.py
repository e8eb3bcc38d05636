"""The names of the data sets."""

from __future__ import annotations

import doctest

import pytest

from benchmarks import datasets
from benchmarks.datasets import _registry
from benchmarks.datasets._openml_sets import OpenMLSet

PAPER = ["abalone", "arcene", "arrhythmia", "htru2", "iris", "phishing"]


def test_docstring_examples():
    outcome = doctest.testmod(datasets)
    assert outcome.attempted
    assert not outcome.failed


def test_every_name_is_known_once_and_safe_in_file_names():
    names = datasets.names()
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name == name.lower() for name in names)
    members = [name for kind in datasets.groups() for name in datasets.group(kind)]
    assert set(members) == set(names)


def test_the_paper_has_six_sets():
    assert datasets.group("uci") == PAPER
    assert datasets.group("openml")[:6] == PAPER
    assert len(datasets.group("openml")) == 22


def test_the_suite_has_all_sets_of_openml_and_the_mixed_ones():
    suite, numeric = datasets.group("suite"), datasets.group("openml")
    assert suite[: len(numeric)] == numeric
    assert set(suite[len(numeric) :]) == {
        "anneal",
        "autos",
        "colic",
        "credit_approval",
        "dermatology",
        "sick",
        "heart_c",
        "hepatitis",
        "hypothyroid",
        "eucalyptus",
        "cylinder_bands",
        "connect_4",
    }
    numbers = [source.id for source in _registry._GROUPS["suite"]]
    assert len(set(numbers)) == len(numbers)


def test_real_targets_come_first_and_generated_ones_after():
    sets = _registry._GROUPS["regression"]
    real = [isinstance(source, OpenMLSet) for source in sets]
    assert real == sorted(real, reverse=True)
    assert sum(real) == 14
    assert {source.task for source in sets} == {"regression"}
    assert datasets.names().count("diabetes") == 1  # of OpenML: classes
    assert datasets.select("regression", ["diabetes"]) == ["sklearn_diabetes"]


def test_the_number_of_rows_is_known_of_sets_with_a_name():
    for name in datasets.names():
        assert datasets.n_rows(name) > 100
    assert datasets.n_rows("openml_999") is None


def test_what_is_left_out_has_its_reason():
    for source in _registry._GROUPS["suite"]:
        assert all(reason.strip() for reason in source.without.values())
        assert source.target not in source.without


@pytest.mark.parametrize("kind", datasets.groups())
def test_selecting_nothing_in_particular_selects_all(kind):
    assert datasets.select(kind) == datasets.group(kind)
    assert datasets.select(kind, datasets.group(kind)) == datasets.group(kind)


def test_a_short_name_means_what_the_group_has():
    assert datasets.select("uci", ["iris"]) == ["iris"]
    assert datasets.select("demo", ["iris"]) == ["sklearn_iris"]
    assert datasets.select("demo", ["digits", "sklearn_iris", "iris"]) == [
        "sklearn_digits",
        "sklearn_iris",
    ]
    assert datasets.load("sklearn_iris").label == "iris"


@pytest.mark.parametrize(
    ("call", "known", "guess"),
    [
        (lambda: datasets.load("htru3"), datasets.names(), "htru2"),
        (lambda: datasets.load("openml_x"), datasets.names(), "openml_<id>"),
        (lambda: datasets.group("demos"), datasets.groups(), "demo"),
        (lambda: datasets.select("uci", ["iris", "Irish"]), PAPER, "iris"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(call, known, guess):
    with pytest.raises(ValueError, match="unknown") as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert f"did you mean '{guess}'?" in message
    assert ", ".join(known) in message


@pytest.mark.parametrize("kind", ["demo", "uci", "openml", "suite"])
def test_a_number_of_openml_is_a_name_where_classes_will_do(kind):
    assert datasets.select(kind, ["31", "openml_31", "0061"]) == ["credit_g", "iris"]
    assert datasets.select(kind, ["999", "openml_0999"]) == ["openml_999"]


@pytest.mark.parametrize("kind", ["regression", "toy"])
def test_a_number_is_no_name_where_the_sets_are_special(kind):
    with pytest.raises(ValueError, match=f"unknown data set of '{kind}' '31'"):
        datasets.select(kind, ["31"])


@pytest.mark.parametrize("name", ["-31", "3.1", "openml_", "x31", "٣١", "1" * 10, ""])
def test_what_is_no_number_is_unknown(name):
    with pytest.raises(ValueError, match=r"unknown .*known: .*openml_<id>"):
        datasets.select("demo", [name])
    with pytest.raises(ValueError, match=r"unknown .*known: .*openml_<id>"):
        datasets.load(name)

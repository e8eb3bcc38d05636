"""Data sets through the real openml client and its cache."""

from __future__ import annotations

import numpy as np
import openml
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import datasets
from tests.benchmarks.datasets.disk import photograph
from tests.benchmarks.datasets.iris import (
    ABOUT,
    FILE,
    IRIS,
    assert_like,
    complaint,
    configuration,
    flowers,
    shelf_in,
)
from tests.benchmarks.datasets.openml_server import Answer, to_arff


def test_what_is_served_is_loaded_and_cached(server, cache):
    before = photograph(cache)
    data = datasets.load("iris", cache)
    assert_like(data, flowers(), "class")
    assert (data.name, data.source) == ("iris", f"OpenML {IRIS}")
    assert data.task == "classification"
    after = photograph(cache)
    shelf = shelf_in(cache)
    added = {shelf / "description.xml", shelf / "dataset.arff"}
    assert {cache / name for name in after.keys() - before.keys()} == added
    assert before.items() <= after.items()
    assert (shelf / "dataset.arff").read_bytes() == server.answers[FILE].body

    asked = list(server.asked)
    again = datasets.load("iris", str(cache))
    assert again.X.equals(data.X)
    assert server.asked == asked  # nobody was asked again
    assert photograph(cache) == after
    assert np.isfinite(datasets.preprocessing().fit_transform(data.X)).all()


COLIC = 27  # of which the registry leaves the column 'outcome' out


def test_columns_are_left_out_for_all(server, cache):
    horses = flowers().rename(columns={"class": "surgical_lesion", "word": "outcome"})
    server.serve(COLIC, to_arff(horses))
    data = datasets.load("colic", cache)
    assert_like(data, horses.drop(columns="outcome"), "surgical_lesion")


def test_a_column_that_is_to_be_left_out_must_be_there(server, cache):
    server.serve(COLIC, to_arff(flowers()))
    message = complaint("colic", "colic (OpenML 27)", cache=cache)
    assert "has no column 'outcome' to leave out" in message


def test_the_clients_own_cache_is_read_and_left_alone(server, tmp_path, monkeypatch):
    monkeypatch.setattr(openml.config, "_root_cache_directory", tmp_path)
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "true")
    openml.datasets.get_dataset(IRIS, download_data=True).get_data()
    before = photograph(tmp_path)
    assert any(name.endswith(".pkl.py3") for name in before)
    server.answers.clear()
    assert_like(datasets.load("iris"), flowers(), "class")
    assert photograph(tmp_path) == before


def test_the_environment_names_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENML_CACHE_DIR", str(tmp_path / "new" / "cache"))
    datasets.load("iris")
    shelf = shelf_in(tmp_path / "new" / "cache")
    assert set(photograph(shelf)) == {"dataset.arff", "description.xml"}


def test_a_description_without_its_data_is_completed(server, cache):
    description = server.answers[ABOUT].body + b"<!-- the user's -->"
    (shelf_in(cache) / "description.xml").write_bytes(description)
    before = photograph(cache)
    assert_like(datasets.load("iris", cache), flowers(), "class")
    assert server.asked == [FILE]
    assert before.items() <= photograph(cache).items()
    arff = shelf_in(cache) / "dataset.arff"
    assert arff.read_bytes() == server.answers[FILE].body


def test_parquet_in_the_cache_will_do(server, tmp_path):
    shelf = shelf_in(tmp_path)
    shelf.mkdir(parents=True)
    server.describe(IRIS, None, parquet_url="http://127.0.0.1:9/datasets/0000/61.pq")
    (shelf / "description.xml").write_bytes(server.answers[ABOUT].body)
    flowers().to_parquet(shelf / f"dataset_{IRIS}.pq")
    before = photograph(tmp_path)
    assert_like(datasets.load("iris", tmp_path), flowers(), "class")
    assert server.asked == []
    assert photograph(tmp_path) == before


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(
        st.none() | st.floats(-1e6, 1e6, width=32) | st.integers(0, 300),
        min_size=2,
        max_size=9,
    ),
    kinds=st.lists(st.text("aB_é9", min_size=1), min_size=2, unique=True),
)
def test_any_values_survive_the_way(server, tmp_path_factory, numbers, kinds):
    n = len(numbers)
    frame = pd.DataFrame(
        {
            "number": pd.Series(numbers, dtype="float64"),
            "kind": pd.Categorical([kinds[i % len(kinds)] for i in range(n)], kinds),
            "class": pd.Categorical(["no" if i % 2 else "yes" for i in range(n)]),
        }
    )
    server.serve(IRIS, to_arff(frame))
    data = datasets.load("iris", tmp_path_factory.mktemp("cache"))
    assert_like(data, frame, "class")


@pytest.mark.parametrize(
    ("target", "task", "dtype"),
    [
        ("kind", "classification", "U"),
        ("flag", "classification", "b"),
        ("real", "regression", "f"),
        ("large", "regression", "f"),
    ],
)
def test_any_set_of_openml_is_loaded_by_its_number(
    server, tmp_path, target, task, dtype
):
    tags = {"default_target_attribute": target, "ignore_attribute": "word"}
    server.serve(4321, to_arff(flowers()), **tags)
    data = datasets.load("openml_4321", tmp_path)
    assert_like(data, flowers().drop(columns="word"), target)
    assert (data.task, data.y.dtype.kind) == (task, dtype)


def test_a_suite_names_its_sets(server):
    ids = "".join(f"<oml:data_id>{i}</oml:data_id>" for i in (61, 1590, 999))
    tags = {"id": 99, "main_entity_type": "task", "name": "some", "status": "active"}
    tags |= {"description": "d", "creation_date": "today", "creator": 1}
    text = "".join(f"<oml:{k}>{v}</oml:{k}>" for k, v in tags.items())
    study = f"<oml:study xmlns:oml='o'>{text}<oml:data>{ids}</oml:data></oml:study>"
    server.answers["/api/v1/xml/study/99"] = Answer(study.encode())
    assert datasets.suite_members(99) == ["iris", "adult", "openml_999"]
    with pytest.raises(datasets.DatasetUnavailable, match="no cache holds") as caught:
        datasets.suite_members(98)
    assert str(caught.value).startswith("suite 98 (OpenML) cannot be loaded: ")


def test_success_leaves_the_configuration_as_it_was(server, cache):
    before = configuration()
    datasets.load("iris", cache)
    assert configuration() == before

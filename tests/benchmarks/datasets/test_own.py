"""A table is the same from any kind of file; a bad one is one sentence."""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Decimal

import arff
import numpy as np
import pandas as pd
import pytest

from benchmarks import datasets
from benchmarks.datasets import Dataset, DatasetUnavailable, OwnTable
from benchmarks.datasets._own import infer_task

N = 40


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": np.where(np.arange(N) % 7, rng.normal(size=N).round(3), np.nan),
            "count": rng.integers(0, 30, N),
            "colour": np.where(np.arange(N) % 5, rng.choice(["red", "blue"], N), None),
            "kind": np.array(["yes", "no"])[np.arange(N) % 2],
            "price": rng.normal(size=N).round(3),
            "house": np.arange(N) // 4,
            "day": pd.date_range("2024-01-01", periods=N).astype(str),
        }
    )


def as_csv(path, table, **how):
    path = path / "table.csv"
    table.to_csv(path, **{"index": False} | how)
    return path


def as_parquet(path, table):
    table.to_parquet(path / "table.parquet")
    return path / "table.parquet"


def as_arff(path, table):
    path = path / "table.arff"
    kinds = {"colour": ["blue", "red"], "kind": ["no", "yes"], "day": "STRING"}
    content = {
        "relation": "table",
        "attributes": [(name, kinds.get(name, "REAL")) for name in table],
        "data": table.astype(object).where(table.notna(), None).to_numpy().tolist(),
    }
    path.write_text(arff.dumps(content))
    return path


def sentence(path, **how):
    with pytest.raises(DatasetUnavailable) as caught:
        OwnTable(path, **how).load()
    text = str(caught.value)
    assert text.startswith(f"{OwnTable(path).label} cannot be loaded: ")
    assert text.count("\n") == 0
    return text


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_arff])
@pytest.mark.parametrize("target", ["kind", "price"])
def test_every_kind_of_file_holds_the_same_table(write, target, tmp_path):
    data = OwnTable(
        write(tmp_path, frame()), target, groups="house", without=("day",)
    ).load()
    assert data.task == {"kind": "classification", "price": "regression"}[target]
    assert data.y.tolist() == frame()[target].tolist()
    assert data.groups.tolist() == frame()["house"].tolist()
    wanted = frame().drop(columns=[target, "house", "day"])
    assert list(data.X) == list(wanted)
    for name in wanted:
        found = data.X[name].astype(object).where(data.X[name].notna(), None)
        assert (
            found.tolist()
            == wanted[name].astype(object).where(wanted[name].notna(), None).tolist()
        )
    assert data.left_out == {"day": "as asked for"}


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_header_tells_the_separator(separator, tmp_path):
    path = as_csv(tmp_path, frame(), sep=separator, encoding="utf-8-sig")
    assert list(OwnTable(path, "kind").load().X) == [*frame().drop(columns="kind")]


def test_separators_within_quotes_separate_nothing(tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{n % 3};{n / 7};{n}" for n in range(N)]
    path.write_text("\n".join(['"a,1";"b,2";"y,z"', *rows]))
    data = OwnTable(path, "y,z").load()
    assert list(data.X) == ["a,1", "b,2"]


@pytest.mark.parametrize("name", ["a\nb", 'a "b"', "a,b;c|d"])
def test_names_may_hold_quotes_separators_and_lines(name, tmp_path):
    table = pd.DataFrame({"c": np.arange(N) / 7, name: np.arange(N), "y": 0.5})
    table["y"] += np.arange(N)
    for separator in ",;":
        table.to_csv(tmp_path / "table.csv", index=False, sep=separator)
        data = OwnTable(tmp_path / "table.csv", "y").load()
        assert list(data.X) == ["c", name]


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_separator_may_end_each_row(separator, tmp_path):
    path = tmp_path / "table.csv"
    rows = [separator.join([f"{n}.5", f"{n % 3}", f"{n % 2}", ""]) for n in range(N)]
    path.write_text("\n".join([separator.join("aby"), *rows]))
    data = OwnTable(path, "y").load()
    np.testing.assert_array_equal(data.X["a"], np.arange(N) + 0.5)
    np.testing.assert_array_equal(data.y, np.arange(N) % 2)
    path.write_text(path.read_text().replace(f"{separator}\n", f"{separator}9\n"))
    assert "more cells than its first line has names" in sentence(path, target="y")


def test_large_whole_numbers_can_be_classes(tmp_path):
    table = frame().assign(kind=np.array([1e20, 2e20])[np.arange(N) % 2])
    data = OwnTable(as_csv(tmp_path, table), "kind", "classification").load()
    assert len(np.unique(data.y)) == 2


def test_a_question_mark_is_a_gap(tmp_path):
    path = as_csv(tmp_path, frame(), na_rep="?")
    data = OwnTable(path, "kind").load()
    assert data.X["size"].isna().sum() == frame()["size"].isna().sum()


def test_the_row_numbers_of_a_frame_are_no_feature(tmp_path):
    data = OwnTable(as_csv(tmp_path, frame(), index=True), "kind").load()
    assert list(data.X) == [*frame().drop(columns="kind")]
    assert list(data.left_out) == ["the first column"]


def test_columns_without_values_are_left_out(tmp_path):
    data = OwnTable(as_csv(tmp_path, frame().assign(none=None)), "kind").load()
    assert data.left_out == {"none": "no value in any row"}


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2024-01-01", periods=N, tz="Europe/Berlin"),
        pd.Series(range(N)).map(lambda i: datetime.date(2024, 1, 1 + i % 28)),
        pd.to_timedelta(np.arange(N), unit="D"),
        pd.array([1, None] * (N // 2), dtype="Int64"),
        pd.array([True, None] * (N // 2), dtype="boolean"),
        pd.array(["a", None] * (N // 2), dtype="string"),
        [Decimal("1.5")] * N,
        [True, False] * (N // 2),
    ],
)
def test_what_parquet_can_hold_can_be_learnt_from(values, tmp_path):
    table = frame().assign(new=values)
    data = OwnTable(as_parquet(tmp_path, table), "kind").load()
    assert data.X["new"].isna().sum() == table["new"].isna().sum()
    assert data.X["new"].dtype.kind in "ifbO"
    assert datasets.encoding().fit_transform(data.X).shape[0] == N


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 20, "classification"),
        ([True, False] * 20, "classification"),
        (pd.Categorical([1.5, 2.5] * 20), "classification"),
        ([1.0, 2.0, 3.0, 4.0] * 10, "classification"),
        ([1.0, 2.5] * 20, "regression"),
        (range(40), "regression"),
        ([*range(9), *[0] * 31], "regression"),  # fewer than five rows for a class
    ],
)
def test_the_target_tells_the_task(values, task):
    assert infer_task(pd.Series(values)) == task


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_task_can_be_chosen(task, tmp_path):
    path = as_csv(tmp_path, frame().assign(grade=np.arange(N) % 4))
    data = OwnTable(path, "grade", task).load()
    assert data.task == task
    assert data.y.dtype == {"classification": "int64", "regression": "float64"}[task]


def test_another_content_or_use_is_another_table(tmp_path):
    path = as_csv(tmp_path, frame())
    table = OwnTable(path, "kind")
    others = [
        replace(table, target="colour_", without=()),
        replace(table, groups="house"),
        replace(table, time="day"),
        replace(table, without=("day",)),
    ]
    as_csv(tmp_path, frame().assign(colour_=frame()["kind"]))
    names = [each.load().name for each in (table, *others)]
    assert table.load().name == names[0]
    as_csv(tmp_path, frame().assign(colour_=frame()["kind"], size=1.0))
    names.append(table.load().name)
    assert len(set(names)) == len(names)
    assert {datasets.short_name(name) for name in names} == {"table.csv"}


@pytest.mark.parametrize(
    ("change", "how", "said"),
    [
        ({}, {"target": "kinds"}, "no column 'kinds' (did you mean 'kind'?)"),
        ({}, {"target": None}, "no target is named; name one by --target: size, count"),
        ({}, {"target": "kind", "groups": "x"}, "it has no column 'x'"),
        ({}, {"target": "kind", "time": "hous"}, "did you mean 'house'?"),
        ({}, {"target": "kind", "without": ("days",)}, "did you mean 'day'?"),
        ({}, {"target": "colour"}, "'colour' is missing in 8 of 40 rows"),
        ({}, {"target": "kind", "groups": "size"}, "'size' is empty in 6 of 40"),
        ({}, {"target": "kind", "time": "colour"}, "'colour' is empty in 8"),
        ({}, {"target": "house", "time": "kind"}, "neither numbers nor dates ('yes')"),
        ({"kind": "yes"}, {"target": "kind"}, "holds one class only (yes)"),
        ({"price": 0.5}, {"target": "price"}, "holds one value only (0.5)"),
        ({}, {"target": "day"}, "'day' has 40 classes in 40 rows"),
        ({}, {"target": "kind", "task": "regression"}, "no number in some rows ('yes'"),
        ({"price": np.inf}, {"target": "kind"}, "'price' holds infinite numbers"),
    ],
)
def test_a_bad_table_is_one_sentence(change, how, said, tmp_path):
    assert said in sentence(as_csv(tmp_path, frame().assign(**change)), **how)


@pytest.mark.parametrize("values", [[[1, 2]] * N, [{"a": 1}] * N])
def test_nested_values_are_one_sentence(values, tmp_path):
    path = as_parquet(tmp_path, frame().assign(new=values))
    said = sentence(path, target="kind")
    assert "'new' holds values of the kind" in said
    assert said.endswith("leave it out with --without.")
    assert OwnTable(path, "kind", without=("new",)).load().y.shape == (N,)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("table.xlsx", b"", "its ending is none of .csv, .tsv, .txt, .parquet"),
        ("table.csv", b"", "it cannot be read (EmptyDataError"),
        ("table.csv", b"a,b\n", "it has 0 rows and 2 columns"),
        ("table.csv", b"a,b\n1,2\n1,2,3\n", "it cannot be read (ParserError"),
        ("table.csv", "a,b\nä,2\n".encode("latin-1"), "UnicodeDecodeError"),
        ("table.csv", b"kind\nyes\nno\nyes\nno\n", "no feature is left"),
        ("table.parquet", b"PAR1", "it cannot be read (ArrowInvalid"),
        ("table.arff", b"% nothing", "it cannot be read (BadLayout"),
        ("tables.csv", None, "no such file (did you mean 'table.csv'?)"),
        ("folder.csv", "folder", "it is no file"),
    ],
)
def test_a_bad_file_is_one_sentence(name, content, said, tmp_path):
    as_csv(tmp_path, frame())
    if content == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    assert said in sentence(tmp_path / name, target="kind")


@pytest.fixture
def openml(monkeypatch):
    """Let every number of OpenML's be the frame, with the target ``kind``."""

    def load(self, cache, timeout):
        target = self.target or "kind"
        if target not in frame():
            raise DatasetUnavailable("no such column")
        X, y = frame().drop(columns=target), frame()[target]
        numeric = pd.api.types.is_numeric_dtype(y)
        task = "regression" if numeric else "classification"
        return Dataset(self.name, X, y.to_numpy(), task, f"OpenML {self.id}")

    monkeypatch.setattr("benchmarks.datasets._registry.OpenMLSet.load", load)


def test_a_set_of_openml_is_a_table(openml):
    data = OwnTable(31, groups="house").load()
    assert (data.task, data.groups.tolist()) == (
        "classification",
        frame()["house"].tolist(),
    )
    assert OwnTable(31, "price").load().task == "regression"
    said = sentence(31, target="prices")
    assert "OpenML 31 cannot be loaded: it has no column 'prices'" in said

"""A job is done if and only if its file exists, and files are whole or absent."""

import errno
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.files import Unusable
from benchmarks.jobs import alpha_methods, items
from benchmarks.store import Store, StoreError, read_note
from tests.benchmarks.test_jobs import job


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_done_means_that_the_file_is_there(store):
    assert not store.is_done(job())
    store.save(job(), [{"error": 0.5}])
    assert store.is_done(job())
    (file,) = (store.root / "uci" / "done").iterdir()
    file.unlink()
    assert not store.is_done(job())


def test_a_frame_has_a_row_for_each_record_of_each_done_job(store):
    noisy = job(extras=items({"noise": 0.2}))
    store.save(noisy, [{"lam": 0.0, "miss": np.float32(0.5)}, {"lam": 1.0, "miss": 0}])
    store.save(job(), [{"lam": 0.5, "miss": np.nan, "curve": [1, 2]}])
    frame = store.frame([job(), noisy, job(fold=1)])
    assert list(frame["lam"]) == [0.5, 0.0, 1.0]
    assert frame["miss"].isna().tolist() == [True, False, False]
    assert frame["noise"].isna().tolist() == [True, False, False]
    assert frame["curve"][0] == [1, 2]


def test_a_failure_is_settled_but_not_done_until_forgotten(store):
    store.save_failure(job(), "no reason", "a traceback")
    assert store.is_settled(job())
    assert not store.is_done(job())
    assert store.failures([job(), job(fold=1)]) == {job(): "no reason"}
    store.forget_failures([job(), job(fold=1)])
    assert not store.is_settled(job())


def test_a_result_ends_a_failure(store):
    store.save_failure(job(), "no reason")
    store.save(job(), [])
    assert store.failures([job()]) == {}


def test_a_write_that_breaks_off_leaves_no_result(store, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*--store"):
        store.save(job(), [{"error": 0.5}])
    assert not store.is_done(job())
    monkeypatch.undo()
    store.save(job(), [{"error": 0.5}])
    assert [path.suffix for path in store.root.rglob("*.*")] == [".json"]


def test_a_store_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file" / "store").save(job(), [])


RECORDS = [{"error": 0.5, "curve": [1, 2]}, {"error": 0.25, "curve": [1, 3]}]
WRITE = {
    "done": lambda store: store.save(job(), RECORDS),
    "failed": lambda store: store.save_failure(job(), "no reason"),
}


def damages(content, old):
    """Give what may stand in a file instead of an object, as text.

    Where the file is of an older version, which wrote no digest, nothing tells that a
    value within a record was changed.
    """
    yield from ("", '{"job": ', "\0", "[]", "null", "1", '"x"', "{}", "[" * 100_000)
    if old:
        content = {name: content[name] for name in content if name != "digest"}
        within_records = iter(())
    else:
        within_records = edits(content.get("records", []), {})
    for name in content:
        if name in ("digest", "details", "time"):
            continue
        without = {other: content[other] for other in content if other != name}
        values = [None, [None], {"x": 1}, 1.5]
        yield json.dumps(without)
        yield json.dumps(without | {f"{name}s": content[name]})
        yield from (json.dumps(without | {name: value}) for value in values)
    for name in content["job"]:
        without = {
            other: content["job"][other] for other in content["job"] if other != name
        }
        yield from (
            json.dumps(content | {"job": without | change})
            for change in ({name: None}, {f"{name}s": 1}, {name: [1]})
        )
    yield from (json.dumps(content | {"records": each}) for each in within_records)


def edits(records, changes):
    for i, record in enumerate(records):
        for name in record:
            kept = {other: record[other] for other in record if other != name}
            for change in ({}, {f"{name}s": record[name]}, {name: "x"}, {name: None}):
                yield [*records[:i], kept | change, *records[i + 1 :]]


@pytest.mark.parametrize("old", [False, True], ids=["today's", "an older version's"])
@pytest.mark.parametrize("kind", WRITE)
def test_a_file_that_holds_something_else_is_named_and_counts_as_absent(
    store, kind, old
):
    WRITE[kind](store)
    (file,) = store.root.rglob("*.json")
    whole = file.read_text()
    for text in damages(json.loads(whole), old):
        file.write_text(text)
        assert not store.is_settled(job()), text
        assert not store.is_done(job())
        assert store.failures([job()]) == {}
        assert store.frame([job(), job(fold=1)]).empty
        (fault,) = store.faults([job(), job(fold=1)])
        assert fault.startswith(f"{file} is left out: "), text
        assert fault.endswith("; its job counts as open.")
        assert "\n" not in fault
    WRITE[kind](store)  # over whatever is there
    assert store.is_settled(job())
    assert store.faults([job()]) == []


@pytest.mark.parametrize("kind", WRITE)
def test_files_of_older_versions_are_taken(store, kind):
    WRITE[kind](store)
    (file,) = store.root.rglob("*.json")
    content = json.loads(file.read_text())
    del content["digest"]
    file.write_text(json.dumps(content))
    assert store.is_settled(job())
    assert store.faults([job()]) == []


@pytest.mark.parametrize("alpha", [0.4, float("inf")])
def test_what_was_saved_is_sound(store, alpha):
    (method,) = alpha_methods([alpha])
    saved = job(method=method, extras=items({"noise": 0.2, "kinds": ["a", "b"]}))
    values = {"a": np.float32(0.1), "b": np.arange(3), "c": float("nan"), "d": (1, 2)}
    store.save(saved, [values | {"e": {"x": [np.int64(1)], "y": "µ\ud800"}}])
    assert store.faults([saved]) == []
    assert store.is_done(saved)


def note(**changes):
    words = ("command", "device", "date", "system", "processor", "python")
    whole = dict.fromkeys(words, "x") | {"jobs": 1, "cores": 2, "versions": {"a": "1"}}
    return whole | {"options": {"folds": 2}} | changes


def test_notes_come_back(store):
    store.note("uci", "1", note())
    store.note("uci", "2", note(options={"folds": 3}, seconds=1.5))
    notes = [read_note(path) for path in store.notes("uci")]
    assert notes == [note(), note(options={"folds": 3}, seconds=1.5)]
    assert store.notes("demo") == []


@pytest.mark.parametrize(
    "change",
    [{name: None} for name in note()]
    + [{"seconds": "x"}, {"versions": {"a": 1}}, {"versions": {"a": None}}],
)
def test_a_note_that_is_something_else_says_what(store, change):
    store.note("uci", "1", note(**change))
    (path,) = store.notes("uci")
    with pytest.raises(Unusable, match="'(seconds|a|{})'".format(*change)):
        read_note(path)


def claims(root, units, answers):
    with Store(Path(root)).claim(units) as mine:
        answers.put(sorted(mine))


def claims_of_another_process(store, units):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    other = context.Process(target=claims, args=(str(store.root), units, answers))
    other.start()
    answer = answers.get(timeout=30)
    other.join()
    return answer


def test_a_unit_is_claimed_by_one_process_at_a_time(store):
    one, two = job(fold=0).unit, job(fold=1).unit
    with store.claim([one]) as mine:
        assert mine == {one}
        assert claims_of_another_process(store, [one, two]) == [two]
    with store.claim([one, two]) as mine:
        assert mine == {one, two}


def test_the_file_of_a_job_says_what_it_is(store):
    store.save(job(), [{"error": 0.5}])
    (file,) = store.root.rglob("*.json")
    content = json.loads(file.read_text())
    assert content["job"]["dataset"] == "iris"
    assert content["records"] == [{"error": 0.5}]
    assert len(file.read_bytes()) < 2000

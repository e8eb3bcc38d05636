"""A job is done if and only if its file exists, and files are whole or absent."""

import errno
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.jobs import items
from benchmarks.store import Store, StoreError
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


def test_a_damaged_file_is_named(store):
    store.save(job(), [])
    (file,) = store.root.rglob("*.json")
    file.write_text('{"job": ')
    with pytest.raises(StoreError, match=r"\.json cannot be read .* delete it"):
        store.frame([job()])


def test_notes_come_back(store):
    store.note("uci", "1", {"options": {"folds": 2}})
    store.note("uci", "2", {"options": {"folds": 3}})
    assert [note["options"]["folds"] for note in store.notes("uci")] == [2, 3]
    assert store.notes("demo") == []


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

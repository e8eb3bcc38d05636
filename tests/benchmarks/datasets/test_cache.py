"""What a user has in the cache survives, whatever the disk and others do."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from benchmarks import datasets
from tests.benchmarks.datasets.disk import photograph, refusing
from tests.benchmarks.datasets.iris import (
    ABOUT,
    FILE,
    IRIS,
    assert_like,
    complaint,
    flowers,
    shelf_in,
)
from tests.benchmarks.datasets.openml_server import to_arff

DISKS = {"read-only": errno.EROFS, "forbidden": errno.EACCES, "full": errno.ENOSPC}


@pytest.mark.parametrize("disk", DISKS)
def test_a_cache_that_cannot_be_written_is_one_sentence(disk, server, cache):
    before = photograph(cache)
    with refusing(cache, DISKS[disk]):
        message = complaint(cache=cache)
    assert f"{cache} cannot be used ({os.strerror(DISKS[disk])})" in message
    assert ("free some space" in message) == (disk == "full")
    assert "--cache" in message
    assert photograph(cache) == before


def test_a_disk_that_fills_halfway_is_one_sentence(server, cache):
    resource = pytest.importorskip("resource")
    server.serve(IRIS, to_arff(flowers(5000)))
    before = photograph(cache)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        message = complaint(cache=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"{cache} cannot be used" in message
    assert "free some space" in message
    assert photograph(cache) == before


def test_a_cache_that_is_a_file_is_one_sentence(server, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert "cannot be used" in complaint(cache=tmp_path / "cache")
    assert (tmp_path / "cache").read_text() == "not a folder"


def test_a_full_temporary_folder_is_named(server, cache, tmp_path, monkeypatch):
    datasets.load("iris", cache)
    before = photograph(cache)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with refusing(tmp_path / "temporary", errno.ENOSPC):
        message = complaint(cache=cache)
    assert f"{tmp_path / 'temporary'} cannot be used" in message
    assert "TMPDIR" in message
    assert photograph(cache) == before


def test_files_are_moved_into_place_and_never_written_there(server, cache):
    with refusing(shelf_in(cache), errno.ENOSPC):  # no new bytes; moving is free
        datasets.load("iris", cache)
    assert {"dataset.arff", "description.xml"} < set(photograph(shelf_in(cache)))


@pytest.mark.parametrize("disk", DISKS)
def test_a_set_in_a_read_only_cache_is_loaded(disk, server, cache):
    datasets.load("iris", cache)
    server.answers.clear()
    before = photograph(cache)
    with refusing(cache, DISKS[disk]):
        assert_like(datasets.load("iris", cache), flowers(), "class")
    assert photograph(cache) == before


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("damage", ["emptied", "cut", "garbage", "another"])
@pytest.mark.parametrize("name", ["description.xml", "dataset.arff", "dataset_61.pq"])
def test_a_damaged_file_of_the_cache_is_one_sentence(
    name, damage, checksum, server, cache
):
    server.serve(IRIS, to_arff(flowers()), parquet_url=f"{server.url}/a/b.pq")
    if not checksum:
        server.change(
            ABOUT,
            body=re.sub(b"<oml:md5.*md5_checksum>", b"", server.answers[ABOUT].body),
        )
    datasets.load("iris", cache)
    shelf = shelf_in(cache)
    if name.endswith(".pq"):
        (shelf / "dataset.arff").unlink()
        flowers().to_parquet(shelf / name)
    whole = (shelf / name).read_bytes()
    cut = whole[: 2 * len(whole) // 3]
    damaged = {
        "emptied": b"",
        "cut": cut,
        "garbage": b"\0\xff" * 500,
        "another": b"<a/>",
    }[damage]
    (shelf / name).write_bytes(damaged)
    before = photograph(cache)
    server.asked.clear()
    message = complaint(cache=cache)
    assert f"delete the folder {shelf} and run again" in message
    assert server.asked == []
    assert photograph(cache) == before


def test_a_cached_file_with_a_row_less_is_not_believed(server, cache):
    datasets.load("iris", cache)
    arff = shelf_in(cache) / "dataset.arff"
    rows = arff.read_text().splitlines(keepends=True)
    arff.write_text("".join(rows[:40] + rows[41:]))
    before = photograph(cache)
    assert f"delete the folder {shelf_in(cache)}" in complaint(cache=cache)
    assert photograph(cache) == before


@pytest.mark.parametrize("cached", [True, False], ids=["with data", "alone"])
@pytest.mark.parametrize("number", ["62", "", "x"])
def test_a_description_of_another_set_is_one_sentence(number, cached, server, cache):
    datasets.load("iris", cache)
    shelf = shelf_in(cache)
    about = (shelf / "description.xml").read_text()
    (shelf / "description.xml").write_text(
        about.replace(f"<oml:id>{IRIS}<", f"<oml:id>{number}<")
    )
    if not cached:
        (shelf / "dataset.arff").unlink()
    before = photograph(cache)
    server.answers.clear()
    server.asked.clear()
    message = complaint(cache=cache)
    assert f"is about data set {number}" in message or not number
    assert f"delete the folder {shelf} and run again" in message
    assert server.asked == []
    assert photograph(cache) == before


@pytest.mark.parametrize("name", ["description.xml", "dataset.arff", "dataset_61.pq"])
def test_a_folder_in_the_place_of_a_file_is_one_sentence(name, server, cache):
    datasets.load("iris", cache)
    shelf = shelf_in(cache)
    (shelf / name).unlink(missing_ok=True)
    (shelf / name).mkdir()
    before = photograph(cache)
    server.asked.clear()
    message = complaint(cache=cache)
    assert f"its file in the cache {name} is no file; delete the folder" in message
    assert server.asked == []
    assert photograph(cache) == before


def test_an_old_description_is_told_from_a_bad_answer(server, cache):
    (shelf_in(cache) / "description.xml").write_bytes(server.answers[ABOUT].body)
    server.serve(IRIS, to_arff(flowers(40)))
    before = photograph(cache)
    assert f"delete the folder {shelf_in(cache)}" in complaint(cache=cache)
    assert photograph(cache) == before


LOADER = """
import sys
from benchmarks import datasets
for name in sys.argv[2:]:
    print(name, datasets.load(name, sys.argv[1], timeout=60).X.shape, flush=True)
"""


def loading(server, tmp_path, cache, *names):
    """Another process that loads from the server; it reads it from its settings."""
    settings_file = tmp_path / "config" / "openml" / "config"
    settings_file.parent.mkdir(parents=True, exist_ok=True)
    settings_file.write_text(f"server = {server.api}\n")
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", LOADER, cache, *names],
        env=os.environ | {"XDG_CONFIG_HOME": str(settings_file.parents[1])},
        cwd=Path(datasets.__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_processes_share_a_cache(server, tmp_path):
    names = [f"openml_{i}" for i in range(1, 16)]
    for i in range(1, 16):
        server.serve(i, to_arff(flowers(i + 9)), default_target_attribute="class")
    orders = (names, names[::-1])
    cache = tmp_path / "cache"
    processes = [loading(server, tmp_path, cache, *order) for order in orders]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    expected = {f"openml_{i} ({i + 9}, 8)" for i in range(1, 16)}
    for output in outputs:
        assert set(output.splitlines()) == expected
    assert list(cache.iterdir()) == [cache / shelf_in(Path()).parts[0]]
    for i in range(1, 16):
        arff = shelf_in(cache, i) / "dataset.arff"
        assert arff.read_bytes() == server.answers[f"/file/{i}"].body
        assert len(photograph(arff.parent)) == 2


def test_a_killed_process_leaves_no_half_set(server, tmp_path):
    whole = server.answers[FILE]
    server.change(FILE, body=whole.body[:200], announced=len(whole.body), silent=True)
    cache = tmp_path / "cache"
    with loading(server, tmp_path, cache, "iris") as process:
        deadline = time.monotonic() + 60
        while FILE not in server.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    assert not shelf_in(cache).exists()
    server.answers[FILE] = whole
    assert_like(datasets.load("iris", cache), flowers(), "class")

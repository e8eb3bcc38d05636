"""A file is replaced as a whole, or it is as it was."""

from __future__ import annotations

import errno
import os
import re

import pytest

from benchmarks.files import CannotWrite, make_folder, write_whole
from tests.benchmarks.datasets.disk import photograph, refusing


def test_what_is_written_is_there_and_nothing_else(tmp_path):
    for content in ("text é", b"\0bytes", "", "a\nb\r\nc"):
        write_whole(tmp_path / "file", content)
        expected = content if isinstance(content, bytes) else content.encode()
        assert (tmp_path / "file").read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_words_that_are_no_text_are_written_so_that_they_can_be_read(tmp_path):
    write_whole(tmp_path / "file", "a path: \udcff")
    assert (tmp_path / "file").read_text() == r"a path: \udcff"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses_leaves_what_was_there(tmp_path, code):
    path = tmp_path / "a[b]"
    path.write_text("before")
    before = photograph(tmp_path)
    sentence = re.escape(f"{path} cannot be written ({os.strerror(code)}).")
    with refusing(tmp_path, code), pytest.raises(CannotWrite, match=f"^{sentence}$"):
        write_whole(path, "after")
    assert photograph(tmp_path) == before


def test_a_disk_that_fills_halfway_leaves_what_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "file"
    path.write_text("before")
    before = photograph(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(CannotWrite, match=r"file cannot be written \(File too"):
            write_whole(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert photograph(tmp_path) == before


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=f"{tmp_path / below} cannot be written"):
        make_folder(tmp_path / below)

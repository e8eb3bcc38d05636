"""A server that misbehaves in every way: one sentence, and no harm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import openml
import pytest

from benchmarks import datasets
from tests.benchmarks.datasets.disk import photograph
from tests.benchmarks.datasets.iris import (
    ABOUT,
    FILE,
    IRIS,
    complaint,
    configuration,
    flowers,
)
from tests.benchmarks.datasets.openml_server import error, to_arff


def fail_by(path, **changes):
    return lambda server: server.change(path, **changes)


def resend(text):
    """Another file, with its right checksum."""
    return lambda server: server.serve(IRIS, text)


NO_ROWS = to_arff(flowers()).partition("@DATA")[0] + "@DATA\n"
HTML = b"<html><body>Sorry<br></body></html>"
FAULTS = {
    "no such set": (lambda s: s.answers.pop(ABOUT), "error 111, 'Unknown dataset'"),
    "private": (lambda s: s.answers.update({ABOUT: error(112, "No")}), "API key"),
    "database": (lambda s: s.answers.update({ABOUT: error(107, "Db", 500)}), "107"),
    "404": (fail_by(ABOUT, status=404, body=HTML), "404 Client Error: Not Found"),
    "404 for the file": (fail_by(FILE, status=404, body=b"<a/>"), f"404.*{FILE}"),
    "500": (fail_by(ABOUT, status=500, body=b""), "500 Server Error"),
    "500 for the file": (fail_by(FILE, status=500, body=HTML), "500 Server Error"),
    "html": (fail_by(ABOUT, body=HTML), "answer was not understood"),
    "other xml": (fail_by(ABOUT, body=b"<a/>"), "cannot be read .KeyError"),
    "empty description": (fail_by(ABOUT, body=b""), "answer was not understood"),
    "no such protocol": (
        lambda s: s.describe(IRIS, None, url="nowhere://x"),
        "cannot be asked .InvalidSchema",
    ),
    "half a description": (
        lambda s: s.change(ABOUT, body=s.answers[ABOUT].body.replace(b"url>", b"u>")),
        "cannot be read .KeyError",
    ),
    "another set": (lambda s: s.describe(IRIS, None, id="62"), "about the data set 62"),
    "cut description": (fail_by(ABOUT, body=b"<a>", announced=9), "broke off"),
    "cut file": (fail_by(FILE, body=b"@rel", announced=10_000), "broke off"),
    "file cut unnoticed": (fail_by(FILE, body=b"@rel"), "not match its checksum"),
    "empty file": (fail_by(FILE, body=b""), "not match its checksum"),
    "another file": (fail_by(FILE, body=NO_ROWS.encode()), "not match its checksum"),
    "silence": (fail_by(ABOUT, body=b"", silent=True), "did not answer in time"),
    "silence for the file": (
        fail_by(FILE, body=b"", silent=True),
        "not answer in time",
    ),
    "silence halfway": (
        fail_by(FILE, body=b"@rel", announced=99, silent=True),
        "fell silent",
    ),
    "no file": (resend(""), "cannot be read .BadLayout"),
    "garbage": (resend("{}" * 99), "cannot be read .BadLayout"),
    "no rows": (resend(NO_ROWS), "has 0 rows"),
    "no target": (
        resend(to_arff(flowers().drop(columns="class"))),
        "no column 'class' for the target",
    ),
    "gap in the target": (
        resend(to_arff(flowers().assign(**{"class": flowers()["class"].shift()}))),
        "rows without a target .1.",
    ),
}


@pytest.mark.parametrize(("misbehave", "words"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_server_is_one_sentence_and_no_harm(
    misbehave, words, server, cache
):
    misbehave(server)
    before, settings_before = photograph(cache), configuration()
    impatient = any(answer.silent for answer in server.answers.values())
    message = complaint(cache=cache, timeout=1 if impatient else 10)
    assert re.search(words, message)
    assert photograph(cache) == before
    assert configuration() == settings_before


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no-such-host.invalid"])
def test_no_network_is_one_sentence_and_no_harm(host, cache, monkeypatch):
    before = photograph(cache)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(openml.config, "server", f"http://{host}/api/v1/xml")
    message = complaint(cache=cache)
    assert f"the server {host} cannot be reached" in message
    assert "check the network" in message
    assert "--cache" in message
    assert photograph(cache) == before


def test_a_set_without_a_named_target_is_one_sentence(server, cache):
    server.serve(4321, to_arff(flowers()))
    message = complaint("openml_4321", "openml_4321 (OpenML 4321)", cache=cache)
    assert "names no target" in message


def test_no_client_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "openml", None)
    monkeypatch.delitem(sys.modules, "benchmarks.datasets._openml", raising=False)
    monkeypatch.delitem(sys.modules, "benchmarks.datasets._failures", raising=False)
    monkeypatch.delattr(datasets, "_openml", raising=False)
    assert "pip install 'sk_mixup[benchmarks]'" in complaint()


def test_a_client_without_folders_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    script = """if True:
        from benchmarks import datasets
        try:
            datasets.load("iris")
        except datasets.DatasetUnavailable as error:
            print(error)
    """
    message = subprocess.check_output(
        [sys.executable, "-c", script],
        env=os.environ | {"OPENML_CACHE_DIR": str(tmp_path / "file" / "cache")},
        cwd=Path(datasets.__file__).parents[2],
        text=True,
    )
    assert message.startswith("iris (OpenML 61) cannot be loaded: ")
    assert "point OPENML_CACHE_DIR" in message
    assert len(message.splitlines()) == 1

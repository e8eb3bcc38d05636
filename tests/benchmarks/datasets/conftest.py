"""A server with a set called iris, and a cache in use."""

from __future__ import annotations

import openml
import pytest

from tests.benchmarks.datasets.iris import IRIS, flowers, shelf_in
from tests.benchmarks.datasets.openml_server import running, to_arff


@pytest.fixture
def server(monkeypatch):
    """A server that has the set that 'iris' names, with the client pointed at it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENML_CACHE_DIR", raising=False)
    with running() as owner:
        monkeypatch.setattr(openml.config, "server", owner.api)
        owner.serve(IRIS, to_arff(flowers()), default_target_attribute="class")
        yield owner


@pytest.fixture
def cache(tmp_path, server):
    """A cache in use: other sets, a folder begun for this one, other files."""
    root = tmp_path / "cache"
    shelf = shelf_in(root)
    shelf.mkdir(parents=True)
    (shelf / "features.xml").write_text("<begun/>")
    (shelf.parent / "7").mkdir()
    (shelf.parent / "7" / "dataset.arff").write_text("another set")
    (root / "openml_python.log").write_text("a log")
    return root

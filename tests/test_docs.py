"""The documentation lists what there is."""

import importlib
import re
import textwrap
from pathlib import Path

import pytest

from sk_mixup._data.streams import Streams

DOCS = Path(__file__).parents[1] / "docs"
MODULES = ["", ".model_selection", ".vicinity", ".encodings", ".inspection"]


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_api_lists_the_public_names_of(module):
    _, _, section = page("api.rst").partition(f"currentmodule:: sk_mixup{module}\n")
    listed = re.findall(r"^   (\w+)$", section.partition("\n---")[0], re.MULTILINE)
    assert sorted(listed) == sorted(
        importlib.import_module(f"sk_mixup{module}").__all__
    )


def test_guide_says_what_is_drawn_from_every_stream():
    listed = re.findall(r"^   \* - ``(\w+)``$", page("user_guide/research.rst"), re.M)
    assert listed == [*Streams.NAMES, "layers"]


def test_code_of_the_landing_page_runs(capsys):
    code = re.search(r"code-block:: python\n\n((?:   .*\n|\n)+)", page("index.rst"))
    exec(compile(textwrap.dedent(code[1]), "index.rst", "exec"), {})
    assert capsys.readouterr().out.startswith("[[")


def test_guide_lists_all_of_its_pages():
    listed = re.findall(r"^   (\w+)$", page("user_guide/index.rst"), re.M)
    assert sorted(listed) == sorted(
        path.stem
        for path in (DOCS / "user_guide").glob("*.rst")
        if path.stem != "index"
    )

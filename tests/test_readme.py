"""What README.md tells people to run does run."""

import re
from pathlib import Path

import pytest

from benchmarks.arguments import make_parser
from benchmarks.experiments import load_all

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language):
    """List the blocks, each moved down to its line in the file for tracebacks."""
    blocks = re.finditer(
        rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
    )
    return ["\n" * README.count("\n", 0, b.start(1)) + b[1] for b in blocks]


def line_number(block):
    return f"line {len(block) - len(block.lstrip()) + 1}"


def commands(start):
    """List the lines of bash blocks that begin so, without their comments."""
    lines = "".join(code_blocks("bash")).splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith(start)]


@pytest.mark.parametrize("source", code_blocks("python"), ids=line_number)
def test_python_block_runs(source, capsys):
    exec(compile(source, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", commands("python -m benchmarks"))
def test_benchmark_command_parses(command):
    make_parser(load_all()).parse_args(command.split()[3:])


@pytest.mark.parametrize("command", commands("make "))
def test_make_target_exists(command):
    target = command.split()[1]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)

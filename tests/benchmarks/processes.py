"""Processes that run the benchmarks: quick to start, and killed without mercy."""

from __future__ import annotations

import multiprocessing
import os
from functools import cache
from pathlib import Path

SLOW_IMPORTS = [
    "benchmarks.command_line",
    "benchmarks.experiments.gan",
    "benchmarks.experiments.suite",
    "torch._dynamo",  # torch imports it when the first optimiser is made
]


@cache
def context():
    """Return a way to start processes that have torch imported but never used."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(SLOW_IMPORTS)
    return processes


def start(function, *arguments, daemon=True):
    """Start a process and return it; daemons may have no workers."""
    process = context().Process(target=function, args=arguments, daemon=daemon)
    process.start()
    return process


def command(store, out, *words):
    """Run the command line in this process, silently."""
    # Only here: whoever reads this module for its helpers need not import torch.
    from benchmarks.command_line import main

    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
        raise SystemExit(main([*words, "--store", str(store), "--out", str(out)]))


def done(store):
    """Count the results in a store."""
    return sum(1 for _ in Path(store).glob("*/done/*.json"))

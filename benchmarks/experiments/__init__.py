"""The experiments: every module here that has an ``EXPERIMENT`` is one.

A new one is a new file: it is found by its place.
"""

from __future__ import annotations

import importlib
import pkgutil

from benchmarks.experiment import Experiment


def load_all() -> dict[str, Experiment]:
    """Find the experiments by name, in the order of the names."""
    modules = pkgutil.iter_modules(__path__, f"{__name__}.")
    names = sorted(module.name for module in modules)
    found = (importlib.import_module(name) for name in names)
    experiments = (getattr(module, "EXPERIMENT", None) for module in found)
    return {each.name: each for each in experiments if each is not None}

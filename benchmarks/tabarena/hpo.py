"""The configurations that TabArena tries: the defaults, then random ones."""

from __future__ import annotations

from tabarena.utils.config_utils import CustomAGConfigGenerator

from benchmarks.tabarena.model import MixupModel
from benchmarks.tabarena.search_space import random_configs

gen_mixup = CustomAGConfigGenerator(
    model_cls=MixupModel,
    search_space_func=random_configs,
    manual_configs=[{}],
)

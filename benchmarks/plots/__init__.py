"""Figures of a report: data frames and arrays in, matplotlib figures out.

Nothing is shown or saved here, no global setting of matplotlib is changed, and
no window system is needed.
"""

from benchmarks.plots._words import describe
from benchmarks.plots.behaviour import (
    between,
    gan_samples,
    learning_curves,
    reliability,
    surfaces,
)
from benchmarks.plots.comparisons import (
    adversarial,
    against_time,
    changes,
    corruption,
    critical_difference_diagram,
    error_against_alpha,
    levels,
    speed_ratios,
)
from benchmarks.plots.trade_off import means_against_time

__all__ = [
    "adversarial",
    "against_time",
    "between",
    "changes",
    "corruption",
    "critical_difference_diagram",
    "describe",
    "error_against_alpha",
    "gan_samples",
    "learning_curves",
    "levels",
    "means_against_time",
    "reliability",
    "speed_ratios",
    "surfaces",
]

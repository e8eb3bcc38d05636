"""Figures of a report: data frames and arrays in, matplotlib figures out.

Nothing is shown or saved here, no global setting of matplotlib is changed, and
no window system is needed.
"""

from benchmarks.plots.behaviour import (
    between,
    gan_samples,
    learning_curves,
    reliability,
    surfaces,
)
from benchmarks.plots.comparisons import (
    adversarial,
    changes,
    corruption,
    critical_difference_diagram,
    error_against_alpha,
    speed_ratios,
)

__all__ = [
    "adversarial",
    "between",
    "changes",
    "corruption",
    "critical_difference_diagram",
    "error_against_alpha",
    "gan_samples",
    "learning_curves",
    "reliability",
    "speed_ratios",
    "surfaces",
]

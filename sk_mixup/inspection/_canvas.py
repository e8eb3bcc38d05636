"""The axes of displays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sk_mixup._sklearn import check_matplotlib_support

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_for(display: object, ax: Axes | None) -> Axes:
    """Return ``ax``, or the axes of a new figure."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax

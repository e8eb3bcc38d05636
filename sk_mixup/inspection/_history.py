"""Learning curves from the history of a fit."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sk_mixup.inspection._canvas import axes_for
from sk_mixup.inspection._subject import innermost

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HistoryDisplay:
    """Losses, errors or scores over the epochs of a fit.

    Made by :meth:`from_estimator`. How a score grows with the number of rows is shown
    by :class:`sklearn.model_selection.LearningCurveDisplay`.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (n_epochs,)
        By name, as ``train_loss``, ``valid_loss`` or ``valid_error``; NaN where an
        epoch has no such figure.
    name : str, default=None
        What the legend calls the estimator.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        The curves drawn.
    ax_ : matplotlib.axes.Axes
        Where they were drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    """

    def __init__(
        self, *, curves: dict[str, NDArray[np.float64]], name: str | None = None
    ) -> None:
        self.curves = curves
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        quantity: str = "loss",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> HistoryDisplay:
        """Collect the curves of a fitted estimator, store and draw them.

        Parameters
        ----------
        estimator : object
            A fitted estimator with ``history_``, as those of this package and skorch's
            nets, or ``loss_curve_``, as scikit-learn's perceptrons; also such a one as
            the last step of a pipeline or the best of a search.
        quantity : str, default="loss"
            Draw the curves whose name is this or ends in "_" and this: "loss",
            "error", or a score that a callback has recorded.
        name : str, default=None
            What the legend says; None takes the name of the estimator's class.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator kept no history.
        ValueError
            If the history has no such quantity.
        """
        curves = _curves(estimator)
        display = cls(curves=curves, name=name or type(estimator).__name__)
        return display.plot(ax, quantity=quantity, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        quantity: str = "loss",
        name: str | None = None,
        **kwargs: Any,
    ) -> HistoryDisplay:
        """Draw the curves of one quantity.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        quantity : str, default="loss"
            Draw the curves whose name is this or ends in "_" and this.
        name : str, default=None
            What the legend says; None takes the stored name.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            Itself.

        Raises
        ------
        ValueError
            If the history has no such quantity.
        """
        drawn = [key for key in self.curves if f"_{key}".endswith(f"_{quantity}")]
        if not drawn:
            raise ValueError(
                f"The history has no {quantity!r}; it has {list(self.curves)}."
            )
        self.ax_ = axes_for(self, ax)
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for key in drawn:
            values = self.curves[key]
            label = ": ".join(filter(None, [name or self.name, key.replace("_", " ")]))
            style = {"label": label, **kwargs}
            self.lines_ += self.ax_.plot(np.arange(1, len(values) + 1), values, **style)
        self.ax_.set(xlabel="epoch", ylabel=quantity)
        self.ax_.legend()
        return self


def _curves(estimator: Any) -> dict[str, NDArray[np.float64]]:
    estimator, _ = innermost(estimator)
    if hasattr(estimator, "history_"):
        return _columns(list(estimator.history_))
    if hasattr(estimator, "loss_curve_"):
        return {"train_loss": np.asarray(estimator.loss_curve_, dtype=np.float64)}
    raise TypeError(f"{type(estimator).__name__} has no history_ and no loss_curve_.")


def _columns(epochs: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    """Return the figures of all epochs by name."""
    names = dict.fromkeys(
        name
        for epoch in epochs
        for name, value in epoch.items()
        if isinstance(value, Real) and not isinstance(value, bool)
        if name != "epoch" and not name.endswith("_batch_count")
    )
    return {
        name: np.array([epoch.get(name, np.nan) for epoch in epochs], dtype=np.float64)
        for name in names
    }

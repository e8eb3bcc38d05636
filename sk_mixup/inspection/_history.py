"""Curves of the training history over the epochs."""

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

    Create it with :meth:`from_estimator`. For scores against the number of training
    rows use :class:`sklearn.model_selection.LearningCurveDisplay`.

    Parameters
    ----------
    curves : dict of str to ndarray of shape (n_epochs,)
        Curves by name, such as ``train_loss``, ``valid_loss`` or ``valid_error``; NaN
        in epochs without a value.
    name : str, default=None
        Name of the estimator in the legend.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        The drawn curves.
    ax_ : matplotlib.axes.Axes
        Axes with the drawing.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.
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
        """Collect the curves of a fitted estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted estimator with ``history_`` (of this package or skorch) or
            ``loss_curve_`` (scikit-learn's perceptrons), a pipeline that ends in one,
            or a search over such estimators.
        quantity : str, default="loss"
            "loss", "error", or a score recorded by a callback: selects the curves
            of this name and those whose name ends in ``"_" + quantity``.
        name : str, default=None
            Name in the legend; None uses the name of the estimator's class.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no history.
        ValueError
            If the history does not contain the quantity.
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
            Axes to draw into; None makes a new figure.
        quantity : str, default="loss"
            Selects the curves of this name and those whose name ends in
            ``"_" + quantity``.
        name : str, default=None
            Name in the legend; None uses the stored name.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : HistoryDisplay
            Itself.

        Raises
        ------
        ValueError
            If the history does not contain the quantity.
        """
        if not self.curves:
            raise ValueError(
                "The history is empty: no epoch was finished (a time_limit may have "
                "ended the training in the first)."
            )
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
    """Return the values of all epochs by name."""
    names = dict.fromkeys(
        name
        for epoch in epochs
        for name, value in epoch.items()
        # Truth values are numbers, but flags such as valid_loss_best no curves.
        if isinstance(value, Real) and not isinstance(value, bool)
        if name != "epoch" and not name.endswith("_batch_count")
    )
    return {
        name: np.array([epoch.get(name, np.nan) for epoch in epochs], dtype=np.float64)
        for name in names
    }

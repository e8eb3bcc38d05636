"""Calibration of the most probable class (arXiv 1706.04599)."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import (
    Bunch,
    check_array,
    check_consistent_length,
    check_scalar,
    column_or_1d,
)

from sk_mixup.inspection._canvas import axes_for
from sk_mixup.inspection._subject import scores, take_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reliability_curve(
    y_true: ArrayLike,
    proba: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: Literal["uniform", "quantile"] = "uniform",
    labels: ArrayLike | None = None,
) -> Bunch:
    """Return the accuracy of predictions for each level of confidence.

    The confidence of a row is the probability of its most probable class. Any number
    of classes is allowed; :func:`sklearn.calibration.calibration_curve` takes the
    probability of one of two classes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Probabilities of the classes; a vector holds those of the second of two.
    n_bins : int, default=15
        Number of bins of confidence in [0, 1]; a confidence on an edge belongs to the
        lower bin.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of equal numbers of rows.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns of ``proba``, usually ``classes_``; None uses the sorted
        labels of ``y_true``, which must then include every class.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Arrays of shape (n_bins,), ready for :class:`pandas.DataFrame`.

        confidence : ndarray
            Mean confidence of the bin's rows; NaN in an empty bin.
        accuracy : ndarray
            Fraction of the bin's rows whose most probable class is correct; NaN in an
            empty bin.
        count : ndarray
            Number of rows in the bin.

    Raises
    ------
    ValueError
        If ``proba`` does not hold probabilities with one column per label, or if
        ``strategy`` is unknown.
    """
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    confidence, right = _top_label(y_true, proba, labels)
    inner = _inner_edges(confidence, n_bins, strategy)
    bins = np.searchsorted(inner, confidence)
    count = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        return Bunch(
            confidence=np.bincount(bins, confidence, n_bins) / count,
            accuracy=np.bincount(bins, right, n_bins) / count,
            count=count,
        )


def calibration_error(
    y_true: ArrayLike,
    proba: ArrayLike,
    n_bins: int = 15,
    strategy: Literal["uniform", "quantile"] = "uniform",
    *,
    labels: ArrayLike | None = None,
) -> float:
    """Return the expected calibration error of the most probable class.

    The absolute difference between confidence and accuracy, averaged over bins of
    confidence in proportion to their numbers of rows (arXiv 1706.04599, equation 3).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Probabilities of the classes; a vector holds those of the second of two.
    n_bins : int, default=15
        Number of bins of confidence in [0, 1]; a confidence on an edge belongs to the
        lower bin.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width, or of equal numbers of rows.
    labels : array-like of shape (n_classes,), default=None
        Labels of the columns of ``proba``, usually ``classes_``; None uses the sorted
        labels of ``y_true``, which must then include every class.

    Returns
    -------
    error : float
        In [0, 1]; 0 is perfect calibration.

    Raises
    ------
    ValueError
        If ``proba`` does not hold probabilities with one column per label, or if
        ``strategy`` is unknown.

    Examples
    --------
    >>> from sk_mixup.inspection import calibration_error
    >>> proba = [[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.2, 0.8]]
    >>> round(calibration_error([0, 0, 1, 1], proba), 3)
    0.05
    """
    curve = reliability_curve(
        y_true, proba, n_bins=n_bins, strategy=strategy, labels=labels
    )
    return _expected_error(curve.confidence, curve.accuracy, curve.count)


def _expected_error(
    confidence: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    count: NDArray[np.int64],
) -> float:
    gaps = np.abs(confidence - accuracy)
    return float(np.nansum(gaps * count) / count.sum())


def _top_label(
    y_true: ArrayLike, proba: ArrayLike, labels: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidence and correctness of each row, (n,) each."""
    y = column_or_1d(y_true)
    classes = np.unique(y) if labels is None else np.asarray(labels)
    columns = check_array(proba, dtype=np.float64, ensure_2d=False)
    if columns.ndim == 1:
        columns = np.column_stack([1 - columns, columns])
    check_consistent_length(y, columns)
    if columns.shape[1] != len(classes):
        raise ValueError(
            f"proba has {columns.shape[1]} columns for {len(classes)} labels; give the "
            "labels of the columns as labels."
        )
    strange = np.setdiff1d(y, classes) if labels is not None else classes[:0]
    if len(strange):
        raise ValueError(
            f"y_true has labels {strange.tolist()[:5]} that are not among labels "
            f"{classes.tolist()[:5]}."
        )
    # Single precision allows rows that do not quite add up to 1.
    if columns.min() < 0 or not np.allclose(columns.sum(1), 1, atol=1e-4):
        raise ValueError("proba must hold probabilities: rows from 0 to 1 of sum 1.")
    top = columns.argmax(axis=1)
    return np.minimum(columns.max(axis=1), 1), classes[top] == y


def _inner_edges(
    confidence: NDArray[np.float64], n_bins: int, strategy: str
) -> NDArray[np.float64]:
    fractions = np.linspace(0, 1, n_bins + 1)[1:-1]
    if strategy == "uniform":
        return fractions
    if strategy == "quantile":
        return np.percentile(confidence, 100 * fractions)  # as calibration_curve
    raise ValueError(f"strategy must be 'uniform' or 'quantile', got {strategy!r}.")


class ReliabilityDisplay:
    """Accuracy against confidence of the most probable class (arXiv 1706.04599).

    Create it with :meth:`from_estimator` or :meth:`from_predictions`. The area of a
    point is proportional to the number of rows in its bin. For one class against the
    rest use :class:`sklearn.calibration.CalibrationDisplay`.

    Parameters
    ----------
    confidence : ndarray of shape (n_bins,)
        Mean confidence of each bin; NaN in an empty bin.
    accuracy : ndarray of shape (n_bins,)
        Fraction of correct predictions in each bin; NaN in an empty bin.
    count : ndarray of shape (n_bins,)
        Number of rows in each bin.
    name : str, default=None
        Name of the classifier in the legend.

    Attributes
    ----------
    calibration_error : float
        Expected calibration error.
    line_ : matplotlib.lines.Line2D
        The curve, without empty bins.
    points_ : matplotlib.collections.PathCollection
        The points of the curve.
    ax_ : matplotlib.axes.Axes
        Axes with the drawing.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    See Also
    --------
    reliability_curve : Computes the arrays.
    """

    def __init__(
        self,
        *,
        confidence: NDArray[np.float64],
        accuracy: NDArray[np.float64],
        count: NDArray[np.int64],
        name: str | None = None,
    ) -> None:
        self.confidence = confidence
        self.accuracy = accuracy
        self.count = count
        self.name = name

    @property
    def calibration_error(self) -> float:
        """Expected calibration error."""
        return _expected_error(self.confidence, self.accuracy, self.count)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n_bins: int = 15,
        strategy: Literal["uniform", "quantile"] = "uniform",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Predict probabilities, compute :func:`reliability_curve` and draw it.

        Parameters
        ----------
        estimator : object
            A fitted classifier with ``predict_proba``.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows, usually of a test set.
        y : array-like of shape (n_samples,)
            Classes of the rows.
        n_bins : int, default=15
            Number of bins of confidence.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or of equal numbers of rows.
        name : str, default=None
            Name in the legend; None uses the name of the estimator's class.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : ReliabilityDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no ``predict_proba``.
        """
        model, rows = take_apart(estimator, X)
        if not hasattr(model, "predict_proba"):
            raise TypeError(
                f"{type(model).__name__} has no predict_proba, so no confidence."
            )
        return cls.from_predictions(
            y,
            scores(model, rows),
            n_bins=n_bins,
            strategy=strategy,
            labels=model.classes_,
            name=name or type(estimator).__name__,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        proba: ArrayLike,
        *,
        n_bins: int = 15,
        strategy: Literal["uniform", "quantile"] = "uniform",
        labels: ArrayLike | None = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Compute :func:`reliability_curve` and draw it.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        proba : array-like of shape (n_samples, n_classes) or (n_samples,)
            Probabilities of the classes.
        n_bins : int, default=15
            Number of bins of confidence.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width, or of equal numbers of rows.
        labels : array-like of shape (n_classes,), default=None
            Labels of the columns of ``proba``.
        name : str, default=None
            Name in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : ReliabilityDisplay
            The display, drawn.
        """
        curve = reliability_curve(
            y_true, proba, n_bins=n_bins, strategy=strategy, labels=labels
        )
        return cls(**curve, name=name).plot(ax, **kwargs)

    def plot(
        self, ax: Axes | None = None, *, name: str | None = None, **kwargs: Any
    ) -> ReliabilityDisplay:
        """Draw the curve and, if not drawn yet, the diagonal of perfect calibration.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        name : str, default=None
            Name in the legend; None uses the stored name.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : ReliabilityDisplay
            Itself.
        """
        self.ax_ = axes_for(self, ax)
        self.figure_ = self.ax_.figure
        label = f"calibration error {self.calibration_error:.3f}"
        label = f"{name or self.name}: {label}" if name or self.name else label
        if "perfect" not in self.ax_.get_legend_handles_labels()[1]:
            self.ax_.plot([0, 1], [0, 1], "--", color="0.6", label="perfect")
        used = self.count > 0
        x, y = self.confidence[used], self.accuracy[used]
        (self.line_,) = self.ax_.plot(x, y, **{"label": label, **kwargs})
        # A bin of all rows would be a disc of 20 points across.
        areas = 400 * self.count[used] / self.count.sum()
        self.points_ = self.ax_.scatter(
            x, y, s=areas, color=self.line_.get_color(), alpha=0.6, clip_on=False
        )
        self.ax_.set(xlabel="confidence", ylabel="accuracy")
        self.ax_.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
        self.ax_.legend()
        return self

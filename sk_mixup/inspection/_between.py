"""Predictions and gradients between training rows (arXiv 1710.09412, Figure 2)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_consistent_length, check_scalar, column_or_1d

from sk_mixup.inspection._canvas import axes_for
from sk_mixup.inspection._gradients import TorchClassifier
from sk_mixup.inspection._subject import (
    as_rows,
    in_form_of,
    predict,
    private_generator,
    take_apart,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

YLABELS = {"miss_rate": "miss rate", "gradient_norm": "mean gradient norm"}


def between_examples(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    lams: ArrayLike | None = None,
    n_pairs: int = 1000,
    gradient_of: Literal["log_proba", "proba"] = "log_proba",
    scale: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Evaluate a classifier on the segments between pairs of rows.

    Draws pairs (i, j) of different rows and evaluates the classifier at
    ``x = lam * x_i + (1 - lam) * x_j`` (arXiv 1710.09412, Figure 2).

    Parameters
    ----------
    estimator : object
        A fitted classifier. In a pipeline the last step is evaluated, between rows
        transformed by the earlier steps.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows, usually the training rows; sparse matrices are converted to dense arrays.
    y : array-like of shape (n_samples,)
        Classes of the rows.
    lams : array-like of shape (n_lams,), default=None
        Weights of row i, in [0, 1]; None uses 0, 0.1, ..., 1.
    n_pairs : int, default=1000
        Number of pairs of rows, drawn independently; the same for every ``lam``.
    gradient_of : {"log_proba", "proba"}, default="log_proba"
        Function whose Jacobian is measured: the logarithms of the class probabilities,
        or the probabilities, whose gradients vanish where the classifier is certain,
        however steep its logits are.
    scale : float or array-like of shape (n_features,), default=None
        Unit of each feature in the gradients; None uses the standard deviations with
        which the estimator standardises its features.
    random_state : int, RandomState instance or None, default=None
        Seed of the pairs: use the same seed to compare classifiers on the same pairs.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Arrays of shape (n_lams,), ready for :class:`pandas.DataFrame`.

        lam : ndarray
            Weight of row i.
        miss_rate : ndarray
            Fraction of pairs whose predicted class is neither that of row i nor that
            of row j.
        gradient_norm : ndarray
            Mean over the pairs of the Frobenius norm of the Jacobian; NaN for a
            classifier without ``to_torch()``.

    Raises
    ------
    TypeError
        If the estimator is not a classifier.
    ValueError
        If ``lams`` is empty or outside [0, 1], if there are fewer than two rows, if
        ``gradient_of`` is unknown, or if ``scale`` is not positive or is needed and
        not given.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_mixup import MixupClassifier
    >>> from sk_mixup.inspection import between_examples
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MixupClassifier(max_epochs=10, random_state=0).fit(X, y)
    >>> between_examples(model, X, y, lams=[0, 0.5, 1], random_state=0).lam
    array([0. , 0.5, 1. ])
    """
    places = _checked_lams(lams)
    check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
    labels = column_or_1d(y)
    check_consistent_length(X, labels)
    model, seen = take_apart(estimator, X)
    # Some classifiers take missing values, but have no gradient there.
    rows = as_rows(model, seen, finite=hasattr(model, "to_torch"))
    i, j = _draw_pairs(len(rows), n_pairs, private_generator(random_state))
    gradient_norm = _mean_gradient_norm(model, gradient_of, scale)
    found = []
    for lam in places:
        mixed = lam * rows[i] + (1 - lam) * rows[j]
        predicted = predict(model, in_form_of(seen, mixed))
        missed = (predicted != labels[i]) & (predicted != labels[j])
        found.append((missed.mean(), gradient_norm(mixed)))
    misses, norms = np.array(found).T
    return Bunch(lam=places, miss_rate=misses, gradient_norm=norms)


def _checked_lams(lams: ArrayLike | None) -> NDArray[np.float64]:
    if lams is None:
        return np.linspace(0, 1, 11)
    places = np.array(lams, dtype=np.float64, ndmin=1)
    in_range = ((places >= 0) & (places <= 1)).all()
    if places.ndim > 1 or not len(places) or not in_range:
        raise ValueError("lams must be a sequence of numbers from 0 to 1.")
    return places


def _mean_gradient_norm(
    model: Any, gradient_of: str, scale: ArrayLike | None
) -> Callable[[NDArray[np.float64]], float]:
    """Return a function of rows; it returns NaN without gradients."""
    if gradient_of not in ("log_proba", "proba"):
        raise ValueError(
            f"gradient_of must be 'log_proba' or 'proba', got {gradient_of!r}."
        )
    if not hasattr(model, "to_torch"):
        return lambda rows: np.nan
    # NOTE[DIFF]: the paper does not name the output that it differentiates; here all of
    # them, in units of the standardised features.
    torch_model = TorchClassifier(model, scale)
    log = gradient_of == "log_proba"
    return lambda rows: float(torch_model.jacobian_norm(rows, log).mean())


def _draw_pairs(
    n_rows: int, n_pairs: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if n_rows < 2:
        raise ValueError("between_examples needs at least 2 rows.")
    first = generator.integers(n_rows, size=n_pairs)
    # At least 1: no row is paired with itself, and all others are equally likely.
    step = generator.integers(1, n_rows, size=n_pairs)
    return first, (first + step) % n_rows


class BetweenExamplesDisplay:
    """Miss rate or gradient norm along segments between rows (arXiv 1710.09412).

    Create it with :meth:`from_estimator`; draw two classifiers into one ``ax`` to
    compare them.

    Parameters
    ----------
    lam : ndarray of shape (n_lams,)
        Weight of the first row of a pair.
    miss_rate : ndarray of shape (n_lams,)
        Fraction of pairs whose predicted class is that of neither row.
    gradient_norm : ndarray of shape (n_lams,)
        Mean norm of the gradient; NaN without gradients.
    name : str, default=None
        Name of the classifier in the legend.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The curve.
    ax_ : matplotlib.axes.Axes
        Axes with the drawing.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    See Also
    --------
    between_examples : Computes the arrays.
    """

    def __init__(
        self,
        *,
        lam: NDArray[np.float64],
        miss_rate: NDArray[np.float64],
        gradient_norm: NDArray[np.float64],
        name: str | None = None,
    ) -> None:
        self.lam = lam
        self.miss_rate = miss_rate
        self.gradient_norm = gradient_norm
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        lams: ArrayLike | None = None,
        n_pairs: int = 1000,
        gradient_of: Literal["log_proba", "proba"] = "log_proba",
        scale: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        kind: Literal["miss_rate", "gradient_norm"] = "miss_rate",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> BetweenExamplesDisplay:
        """Compute the curves with :func:`between_examples` and draw one of them.

        Parameters
        ----------
        estimator : object
            A fitted classifier.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Classes of the rows.
        lams : array-like of shape (n_lams,), default=None
            Weights of row i; None uses 0, 0.1, ..., 1.
        n_pairs : int, default=1000
            Number of pairs of rows.
        gradient_of : {"log_proba", "proba"}, default="log_proba"
            Function whose Jacobian is measured.
        scale : float or array-like of shape (n_features,), default=None
            Unit of each feature; None uses the estimator's standard deviations.
        random_state : int, RandomState instance or None, default=None
            Seed of the pairs.
        kind : {"miss_rate", "gradient_norm"}, default="miss_rate"
            Curve to draw.
        name : str, default=None
            Name in the legend; None uses the name of the estimator's class.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : BetweenExamplesDisplay
            The display, drawn.
        """
        result = between_examples(
            estimator,
            X,
            y,
            lams=lams,
            n_pairs=n_pairs,
            gradient_of=gradient_of,
            scale=scale,
            random_state=random_state,
        )
        display = cls(**result, name=name or type(estimator).__name__)
        return display.plot(ax, kind=kind, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: Literal["miss_rate", "gradient_norm"] = "miss_rate",
        name: str | None = None,
        **kwargs: Any,
    ) -> BetweenExamplesDisplay:
        """Draw one of the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.
        kind : {"miss_rate", "gradient_norm"}, default="miss_rate"
            Curve to draw.
        name : str, default=None
            Name in the legend; None uses the stored name.
        **kwargs : dict
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : BetweenExamplesDisplay
            Itself.

        Raises
        ------
        ValueError
            If ``kind`` is unknown, or if there are no gradient norms to draw.
        """
        if kind not in YLABELS:
            raise ValueError(f"kind must be one of {list(YLABELS)}, got {kind!r}.")
        values = getattr(self, kind)
        if np.isnan(values).all():
            raise ValueError(
                "There are no gradient norms to draw: the classifier has no to_torch()."
            )
        self.ax_ = axes_for(self, ax)
        self.figure_ = self.ax_.figure
        style = {"marker": "o", "label": name or self.name, **kwargs}
        (self.line_,) = self.ax_.plot(self.lam, values, **style)
        self.ax_.set(xlabel="weight of the first row", ylabel=YLABELS[kind])
        # Not a fixed top: the next curve in the same axes may be higher.
        self.ax_.set_ylim(bottom=0, auto=True)
        if style["label"] is not None:
            self.ax_.legend()
        return self

"""Checks of ``scoring``, before the training and after it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names

from sk_mixup._training.settings import Settings

REMEDY = (
    "hold more rows out (validation_fraction), give X_val and y_val, or use another "
    "scoring such as 'loss'"
)


def check_scoring_name(settings: Settings) -> None:
    """Check that a scorer that is named exists, and scores what is predicted."""
    name = settings.scoring
    if not isinstance(name, str) or name == "loss":
        return
    known = get_scorer_names()
    if name not in known:
        close = " or ".join(map(repr, get_close_matches(name, ["loss", *known])))
        raise ValueError(
            f"scoring={name!r} is unknown{close and f' (did you mean {close}?)'}: it "
            "is 'loss', one of sklearn.metrics.get_scorer_names(), a callable or None."
        )
    if scores_numbers(name) != settings.predicts_numbers:
        kinds = ["classes", "real targets"]
        own, other = kinds[::-1] if settings.predicts_numbers else kinds
        raise ValueError(
            f"scoring={name!r} scores {other}, but {settings.estimator} predicts {own}:"
            f" choose a scorer of {own}, or 'loss'."
        )


@cache
def scores_numbers(name: str) -> bool:
    """Tell whether a scikit-learn scorer is for real targets, by trying it."""
    X, y = np.zeros((4, 1)), np.array([0.5, 1.5, 2.5, 3.75])
    model = DummyRegressor().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # with which clusterings only complain
        try:
            get_scorer(name)(model, X, y)
        except Exception:
            return False
    return True


def named_scores(scoring: Any, score: Callable[[], Any], y: Any, classes: Any) -> Any:
    """Return a score; if rows cannot be scored say by what, and what helps."""
    try:
        return score()
    except ValueError as error:
        few = ""
        if classes is not None and np.ndim(y) == 1:
            few = f" ({len(np.unique(y))} of {len(classes)} classes)"
        raise ValueError(
            f"scoring={scoring!r} cannot score the validation rows of a network{few}: "
            f"{error} If they are too few or lack a class, {REMEDY}."
        ) from error


def check_scores(
    scoring: Any,
    scores: list[NDArray[np.floating]],
    ran: list[NDArray[np.bool_]],
) -> None:
    """Check that an epoch of a training could be the best one.

    ``scores`` and ``ran``, whether they were in training, have a number for each
    network and an array for each epoch.
    """
    # Early stopping goes by the mean, which is no number if one of them is none.
    both = zip(scores, ran, strict=False)
    without = [~(own > -np.inf) & running for own, running in both]
    if not without or not all(each.any() for each in without):
        return
    n_networks = int(np.any(without, axis=0).sum())
    raise ValueError(
        f"scoring={scoring!r} was NaN or minus infinity after every epoch, for "
        f"{n_networks} of {len(without[0])} networks, so that none is the best. If "
        f"their validation rows are too few or lack a class, {REMEDY}."
    )

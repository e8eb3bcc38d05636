"""What callbacks of scikit-learn's (its ``set_callbacks``) are told of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sk_mixup._training.fit_data import FitData

#: Of a net after an epoch, the attributes of the estimator if its fit ended there.
AsFitted = Callable[[Any], dict[str, Any]]


class FitHooks:
    """Tell scikit-learn's callbacks of a fit, a task, and of its epochs, tasks in it.

    Parameters
    ----------
    estimator : object
        The estimator that has the callbacks.
    data : FitData
        What ``fit`` was given.
    n_epochs : int
        The most that are trained.
    as_fitted : callable
        Returns what a fit that ended now would make of the estimator.

    Attributes
    ----------
    asks_to_stop : bool
        Whether a callback wants no further epoch.
    """

    def __init__(
        self, estimator: Any, data: FitData, n_epochs: int, as_fitted: AsFitted
    ) -> None:
        self.as_fitted = as_fitted
        weights = data.sample_weight
        self._told = {
            "estimator": estimator,
            "X": data.X,
            "y": data.y,
            "metadata": None if weights is None else {"sample_weight": weights},
        }
        self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
        self._epoch = self._fit
        self.asks_to_stop = False

    def tell(self, hook: str, net: Any) -> None:
        """Tell of what skorch's callbacks are told of by the hook of this name."""
        if hook == "on_train_begin":
            self._fit.call_on_fit_task_begin(**self._told)
        elif hook == "on_epoch_begin":
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._told)
        elif hook == "on_epoch_end":
            self.asks_to_stop |= self._epoch.call_on_fit_task_end(
                **self._told, reconstruction_attributes=lambda: self.as_fitted(net)
            )

    def tell_of_the_end(self) -> None:
        """Tell that the estimator is fitted."""
        self._fit.call_on_fit_task_end(**self._told, reconstruction_attributes={})

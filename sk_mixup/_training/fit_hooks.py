"""What scikit-learn callbacks (``set_callbacks``) are told about a fit."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from sk_mixup._sklearn import has_callbacks
from sk_mixup._training.fit_data import FitData


class FitHooks:
    """Tell scikit-learn's callbacks of a fit, a task, and of its epochs, tasks in it.

    Parameters
    ----------
    estimator : object
        The estimator that has the callbacks.
    data : FitData
        What ``fit`` was given.
    task : Task
        What is trained.

    Attributes
    ----------
    asks_to_stop : bool
        Whether a callback wants no further epoch.
    """

    def __init__(self, estimator: Any, data: FitData, task: Any) -> None:
        self._estimator, self._task = estimator, task
        weights = data.sample_weight
        self._told = {
            "estimator": estimator,
            "X": data.X,
            "y": data.y,
            "metadata": None if weights is None else {"sample_weight": weights},
        }
        n_epochs = task.recipe.plan.max_epochs
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
                **self._told, reconstruction_attributes=partial(self._as_fitted, net)
            )

    def tell_of_the_end(self) -> None:
        """Tell that the estimator is fitted."""
        self._fit.call_on_fit_task_end(**self._told, reconstruction_attributes={})

    def _as_fitted(self, net: Any) -> dict[str, Any]:
        """Return the attributes that a fit would leave if it ended in this epoch."""
        twin = copy.copy(self._estimator)
        shared = ("criterion_", "history", "valid_scores_")
        state: Any = SimpleNamespace(
            # A copy, since training goes on.
            module_=net.module_.select(range(net.module_.runs)).eval(),
            timed_out_=False,
            **{name: getattr(net, name) for name in shared},
        )
        twin._calibrate(state, self._task)
        twin.net_, twin._fitted = state, self._task.fitted
        twin.n_iter_ = len(net.latest_epochs())
        return dict(vars(twin))


def followed(estimator: Any, data: FitData, task: Any) -> Any:
    """Return the task, with hooks if the estimator has scikit-learn callbacks."""
    if not has_callbacks(estimator):
        return task
    # Alone, since callbacks see the networks of one estimator.
    return replace(task, hooks=FitHooks(estimator, data, task), alone=True)

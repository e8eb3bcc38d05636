"""The class that AutoGluon trains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pandas as pd
import torch
from autogluon.core.models import AbstractModel
from autogluon.core.utils.exceptions import TimeLimitExceeded

from sk_mixup import MixupClassifier, MixupRegressor

#: The share of a time limit that training may take; the rest is for what follows it.
SHARE = 0.95


# An AbstractTorchModel would move the networks between devices: a fitted estimator's
# pickle loads on a machine without a GPU as it is.
class MixupModel(AbstractModel):  # type: ignore[misc]
    """Mixup: ensembles of perceptrons that train between examples.

    Hyperparameters are those of `sk_mixup.MixupClassifier` and
    `sk_mixup.MixupRegressor`, of which it has the defaults.

    Paper: mixup: Beyond Empirical Risk Minimization (arXiv 1710.09412)
    Authors: Hongyi Zhang, Moustapha Cisse, Yann N. Dauphin, David Lopez-Paz
    License: BSD-3-Clause (sk_mixup)
    """

    ag_key = "TA-MIXUP"
    ag_name = "TA-Mixup"
    ag_priority = 65
    seed_name = "random_state"

    _supported_problem_types: ClassVar = ["binary", "multiclass", "regression"]
    _default_auxiliary_params_extra: ClassVar = {
        "valid_raw_types": ["int", "float", "category"]
    }
    default_resources_physical_cores_only = True

    #: What is imported when it is first needed, which is no part of a fit.
    warmup_modules: ClassVar = ("torch", "torch._dynamo", "sk_mixup")
    #: What makes a trial fit short.
    cheap_hyperparameters: ClassVar = {"n_estimators": 1, "max_epochs": 2}

    def _fit(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        X_val: pd.DataFrame | None = None,
        y_val: pd.Series | None = None,
        time_limit: float | None = None,
        sample_weight: pd.Series | None = None,
        sample_weight_val: pd.Series | None = None,
        num_cpus: int = 1,
        num_gpus: float = 0,
        **kwargs: Any,
    ) -> None:
        """Train on the rows given, and stop by the validation rows given.

        Without validation rows each network holds out some of its own.
        """
        start = time.monotonic()
        X = self.preprocess(X, y=y, is_train=True)
        validation = {}
        if X_val is not None and y_val is not None:
            validation = {
                "X_val": self.preprocess(X_val),
                "y_val": y_val,
                "sample_weight_val": sample_weight_val,
            }
        make = MixupRegressor if self.problem_type == "regression" else MixupClassifier
        self.model = make(
            **{
                "device": "cuda" if num_gpus else "cpu",
                "time_limit": _remaining(time_limit, start),
                **self._get_model_params(),
            }
        )
        with _threads(num_cpus):
            self.model.fit(X, y, sample_weight=sample_weight, **validation)

    def _more_tags(self) -> dict[str, bool]:
        return {"can_refit_full": True}


def _remaining(time_limit: float | None, start: float) -> float | None:
    """Return the seconds that training may take."""
    if time_limit is None:
        return None
    remaining = SHARE * (time_limit - (time.monotonic() - start))
    if remaining <= 0:
        raise TimeLimitExceeded
    return remaining


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Let torch compute on so many threads, and leave its setting as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, int(number or 1)))
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Every private name of scikit-learn and joblib that is used, each with the reason.

A release that renames one fails here, at import, and nowhere else. What is used without
an import, because it is only looked at, is checked by
``tests/model_selection/test_contract.py``: the ``fit_time`` in the results of
scikit-learn's searches, and joblib's way to hand tasks to a backend (``submit``,
``callback`` and ``get`` of the future, ``get_nested_backend``).
"""

from inspect import signature
from typing import Any

# joblib exports these as names of joblib.parallel, without documentation: the class of
# backends, the way of a backend to leave a call to another one, two others to leave it
# to, and the backend in use.
from joblib.parallel import (
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
    ThreadingBackend,
    get_active_backend,
)

# What `check_cv` makes of a list of splits, which are positions in all rows.
from sklearn.model_selection._split import _CVIterableWrapper

# The first rows of an array, a frame or a sparse matrix alike.
from sklearn.utils import _safe_indexing

# Says in scikit-learn's words that matplotlib is not installed.
from sklearn.utils._optional_dependencies import check_matplotlib_support

# Parameters are checked, and refused, in the words of scikit-learn's own estimators.
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)

# Its public form, check_X_y, looks at X too, which is shared by many fits; sample
# weights have none.
from sklearn.utils.validation import _check_sample_weight, _check_y

# Public since 1.9, but for what an estimator does itself: `_init_callback_context`.
try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # an older version, whose estimators have no `set_callbacks`

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's."""

    def with_callbacks(method: Any) -> Any:
        """Return the method."""
        return method


def takes_sample_weight(scorer: Any) -> bool:
    """Tell whether a scorer takes weights of rows."""
    # What scikit-learn's searches ask before they pass weights on; old versions have
    # it in some of their scorers only.
    accepts = getattr(scorer, "_accept_sample_weight", None)
    if accepts is not None:
        return bool(accepts())
    metric = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(metric).parameters


@with_callbacks  # type: ignore[untyped-decorator]
def end_callbacks(estimator: Any) -> None:
    """Tell scikit-learn's callbacks, if any have begun, that the fit is over."""


def has_callbacks(estimator: Any) -> bool:
    """Tell whether an estimator was given scikit-learn callbacks."""
    # Its own estimators look there, too.
    return bool(getattr(estimator, "_skl_callbacks", None))


__all__ = [
    "CallbackSupportMixin",
    "FallbackToBackend",
    "HasMethods",
    "Interval",
    "ParallelBackendBase",
    "RealNotInt",
    "SequentialBackend",
    "StrOptions",
    "ThreadingBackend",
    "_CVIterableWrapper",
    "_check_sample_weight",
    "_check_y",
    "_safe_indexing",
    "check_matplotlib_support",
    "end_callbacks",
    "get_active_backend",
    "has_callbacks",
    "takes_sample_weight",
    "validate_parameter_constraints",
]

"""Every private name of scikit-learn and joblib that is used, each with the reason.

A release that renames one fails here, at import, and nowhere else. What is used without
an import, because it is looked at from outside, stands in
:mod:`sk_mixup.model_selection._together`: the task ``_fit_and_score`` of the searches.
"""

# joblib exports it as joblib.parallel.ParallelBackendBase, without documentation.
from joblib.parallel import ParallelBackendBase

# Rows and the parameters of `fit` are cut out for all candidates of a split at once, in
# scikit-learn's own way.
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support

# Parameters are checked, and refused, in the words of scikit-learn's own estimators.
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.metaestimators import _safe_split

# Its public form, check_X_y, looks at X too, which is shared by many fits; sample
# weights have none.
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    _check_y,
)

__all__ = [
    "Interval",
    "ParallelBackendBase",
    "RealNotInt",
    "StrOptions",
    "_check_method_params",
    "_check_sample_weight",
    "_check_y",
    "_safe_indexing",
    "_safe_split",
    "check_matplotlib_support",
]

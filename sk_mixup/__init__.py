"""Mixup for scikit-learn: small networks for tables, trained many at once."""

from sk_mixup._fit_many import fit_many
from sk_mixup._search_space import search_space
from sk_mixup.classifier import MixupClassifier
from sk_mixup.regressor import MixupRegressor

__all__ = ["MixupClassifier", "MixupRegressor", "fit_many", "search_space"]
__version__ = "0.2.0"

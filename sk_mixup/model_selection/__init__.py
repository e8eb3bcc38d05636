"""Cross-validation and searches whose networks are trained as one program."""

from sk_mixup.model_selection._search import GridSearchCV, RandomizedSearchCV
from sk_mixup.model_selection._together import together
from sk_mixup.model_selection._validation import cross_validate

__all__ = ["GridSearchCV", "RandomizedSearchCV", "cross_validate", "together"]

"""Measurements of fitted classifiers beyond test error, after arXiv 1710.09412.

The functions take any fitted scikit-learn classifier and do not change it. Gradients
need a classifier with ``to_torch()``, such as :class:`sk_mixup.MixupClassifier`. In a
fitted search they use the best estimator; in a :class:`sklearn.pipeline.Pipeline` the
last step: the earlier steps transform the rows once, and the transformed rows are mixed
or attacked.

For decision surfaces, as in Figure 1b, use scikit-learn's
:class:`sklearn.inspection.DecisionBoundaryDisplay` with
``response_method="predict_proba"`` and ``plot_method="pcolormesh"``.
"""

from sk_mixup.inspection._adversarial import (
    adversarial_error,
    fgsm,
    iterated_fgsm,
    loss_gradient,
)
from sk_mixup.inspection._between import BetweenExamplesDisplay, between_examples
from sk_mixup.inspection._calibration import (
    ReliabilityDisplay,
    calibration_error,
    reliability_curve,
)
from sk_mixup.inspection._history import HistoryDisplay
from sk_mixup.inspection._memorization import corrupt_labels, memorization_error

__all__ = [
    "BetweenExamplesDisplay",
    "HistoryDisplay",
    "ReliabilityDisplay",
    "adversarial_error",
    "between_examples",
    "calibration_error",
    "corrupt_labels",
    "fgsm",
    "iterated_fgsm",
    "loss_gradient",
    "memorization_error",
    "reliability_curve",
]

"""What fitted classifiers do beyond their error: the probes of arXiv 1710.09412.

Every function takes a fitted scikit-learn classifier and leaves it as it was. Where a
gradient is needed the classifier must have ``to_torch()``, as
:class:`sk_mixup.MixupClassifier` has. Of a fitted search its best estimator is looked
at. Of a :class:`sklearn.pipeline.Pipeline` it is the last step: the rows go through the
earlier steps once, and are mixed or attacked in the form in which the last step sees
them.

Decision surfaces, as in Figure 1b, are drawn by scikit-learn's own
:class:`sklearn.inspection.DecisionBoundaryDisplay`, which works with the estimators of
this package as with any other: ``response_method="predict_proba"``,
``plot_method="pcolormesh"``.
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

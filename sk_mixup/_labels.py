"""Labels: what the columns of a classifier's outputs stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_y


class Given(NamedTuple):
    """Checked targets: indicators of several labels a row, or one label a row.

    Of the latter ``values`` are those that there are, sorted, and ``places`` where
    each row's label is among them.
    """

    values: NDArray[Any]
    places: NDArray[np.int64] | None

    @property
    def multilabel(self) -> bool:
        return self.places is None


def check_labels(y: Any, estimator: BaseEstimator) -> Given:
    """Check the targets of a classifier."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    y = _check_y(y, multi_output=True, estimator=estimator)
    multilabel = type_of_target(y, input_name="y") == "multilabel-indicator"
    y = _check_y(y, multi_output=multilabel, estimator=estimator)
    check_classification_targets(y)
    if multilabel:
        return Given(y.toarray() if hasattr(y, "toarray") else np.asarray(y), None)
    return Given(*np.unique(y, return_inverse=True))


@dataclass(frozen=True)
class Labels:
    """The classes, or the numbers of the labels of which a row may have several."""

    classes: NDArray[Any]
    multilabel: bool

    @classmethod
    def learn(cls, given: Given, announced: NDArray[Any] | None) -> Labels:
        """Take those that were given, or the classes that were announced."""
        if given.multilabel:
            numbers = np.arange(given.values.shape[1])
            if announced is not None and not np.array_equal(announced, numbers):
                raise ValueError(
                    f"y has {len(numbers)} label columns, whose classes are their "
                    f"numbers from 0, but classes={announced} was given."
                )
            return cls(numbers, multilabel=True)
        classes = given.values if announced is None else announced
        if len(classes) < 2:
            who = "y has" if announced is None else "classes has"
            raise ValueError(
                f"MixupClassifier needs rows of at least 2 classes, but {who} 1 class: "
                f"{classes[0]!r} (partial_fit takes classes that are to come as "
                "classes=)."
            )
        return cls(classes, multilabel=False)

    def encode(self, given: Given) -> NDArray[Any]:
        """Return class numbers, or the indicators as they are."""
        values, places = given
        if places is None:
            if not self.multilabel or values.shape[1] != len(self.classes):
                raise ValueError(
                    f"y has {values.shape[1]} label columns, but the networks were "
                    f"trained on the classes {self.classes}."
                )
            return values
        if self.multilabel:
            raise ValueError(
                "y has one label a row, but the networks were trained on "
                f"{len(self.classes)} label columns."
            )
        unknown = np.setdiff1d(values, self.classes)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown} that are not among the classes "
                f"{self.classes} of the first call."
            )
        return np.searchsorted(self.classes, values)[places]

    def weights(
        self,
        class_weight: dict[Any, float] | str | None,
        encoded: NDArray[Any],
        sample_weight: NDArray[np.float64] | None,
    ) -> NDArray[np.float64] | None:
        """Return the weight of each row's class; balanced ones count rows by weight."""
        if class_weight is None:
            return None
        if self.multilabel:
            raise ValueError(
                "class_weight is not defined for multilabel y; use sample_weight."
            )
        weights: NDArray[np.float64]
        if isinstance(class_weight, str):
            weights = _balancing(encoded, sample_weight)[encoded]
        else:  # of all classes, some of which may be missing in a `partial_fit`
            of_class = compute_class_weight(
                class_weight, classes=self.classes, y=self.classes
            )
            weights = of_class[encoded]
        if not (weights >= 0).all():
            raise ValueError(
                f"class_weight must hold no negative weights, got {class_weight}."
            )
        return weights


def _balancing(
    encoded: NDArray[Any], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return weights of mean 1 with which all classes weigh the same in sum."""
    if sample_weight is not None and sample_weight.any():
        sample_weight = sample_weight / sample_weight.max()  # its sum may overflow
    sizes = np.bincount(encoded, sample_weight)
    present = sizes > 0
    balancing = np.zeros(len(sizes))
    balancing[present] = sizes.sum() / (present.sum() * sizes[present])
    return balancing

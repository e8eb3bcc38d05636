"""Labels: what the columns of a classifier's outputs stand for."""

from __future__ import annotations

import warnings
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionDtype
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from sk_mixup._data.features import check_structure
from sk_mixup._data.tables import numpy_dtype
from sk_mixup._data.targets import Classes, Indicators, Weights
from sk_mixup._sklearn import _check_y

#: In place of a probability that has rounded to 0, whose logarithm is -inf.
SMALLEST = float(np.finfo(np.float32).tiny)


class CheckedLabels(NamedTuple):
    """Checked targets: indicators of several labels a row, or one label a row.

    Of the latter ``values`` are those that there are, sorted, and ``places`` where
    each row's label is among them.
    """

    values: NDArray[Any]
    places: NDArray[np.int64] | None

    @property
    def multilabel(self) -> bool:
        return self.places is None


def check_labels(y: Any, estimator: BaseEstimator) -> CheckedLabels:
    """Check the targets of a classifier."""
    who = type(estimator).__name__
    if y is None:
        raise ValueError(f"{who} requires y to be passed, but the target y is None.")
    y = y if sparse.issparse(y) else in_numpy_kinds(y, "y", who)
    if y.ndim == 2 and y.shape[1] > 1:
        return CheckedLabels(_indicators(y, estimator), None)
    y = _check_y(y, multi_output=False, estimator=estimator)
    check_classification_targets(y)
    return CheckedLabels(*np.unique(y, return_inverse=True))


def _indicators(y: Any, estimator: BaseEstimator) -> NDArray[Any]:
    """Check columns of which each says whether rows have its label."""
    if sparse.issparse(y):
        check_structure(y, "y")
        values = np.unique(np.append(y.data, 0))
    else:
        values = np.unique(y)
    if values.dtype.kind in "OUS" or not np.isin(values, (0, 1)).all():
        remedy = (
            f"if {values[1]!s} means that a row has the label, give "
            f"(y == {values.tolist()[1]!r}).astype(int)"
            if len(values) == 2
            else "for one class a row give one column, for several a classifier each, "
            "by MultiOutputClassifier"
        )
        raise ValueError(
            "y should be a 1d array of classes, or have a column of 0 and 1 for each "
            f"label, but its {y.shape[1]} columns hold {_some(values)}: {remedy}."
        )
    y = _check_y(y, multi_output=True, estimator=estimator)
    return y.toarray() if sparse.issparse(y) else np.asarray(y)


def warn_of_one_hot(indicators: NDArray[Any]) -> None:
    """Warn of what looks like one class a row, but is taken for several labels."""
    if (indicators.sum(axis=1) == 1).all():
        warnings.warn(
            f"Each row of y has 1 in one of {indicators.shape[1]} columns, which are "
            "taken for labels that do not exclude each other, as by scikit-learn's "
            "MLPClassifier; for one class a row give y.argmax(axis=1).",
            UserWarning,
            stacklevel=2,
        )


def in_numpy_kinds(labels: Any, called: str, who: str) -> NDArray[Any]:
    """Return labels as an array of one of NumPy's kinds, text as objects.

    Whole numbers and booleans stay what they are in the nullable types of pandas, as
    objects and as categories.
    """
    if isinstance(labels, Set):
        labels = list(labels)
    array = np.asarray(labels)
    if isinstance(labels, list | tuple) and array.dtype.kind in "US":
        objects = np.asarray(labels, dtype=object)
        if not all(isinstance(label, str | bytes) for label in objects.flat):
            array = objects  # where 1 and NaN are no text
    elif isinstance(labels, pd.DataFrame) and array.dtype == object:
        columns = (labels.iloc[:, number] for number in range(labels.shape[1]))
        array = np.column_stack([in_numpy_kinds(c, called, who) for c in columns])
    elif isinstance(getattr(labels, "dtype", None), ExtensionDtype):
        array = np.asarray(labels, dtype=object)
    absent = np.asarray(pd.isna(array), dtype=bool)
    if absent.any():
        raise ValueError(
            f"Input {called} contains NaN: {absent.sum()} of {absent.size} labels are "
            f"missing, but {who} needs all of them."
        )
    return _of_objects(array, called) if array.dtype == object else array


def labels_to_score(y: Any) -> Any:
    """Convert objects, whose numbers scorers refuse, to labels of NumPy's kinds."""
    dtype = getattr(y, "dtype", None)
    are_objects = isinstance(dtype, np.dtype) and dtype.kind == "O"
    return in_numpy_kinds(y, "y", "scoring") if are_objects else y


def _of_objects(labels: NDArray[np.object_], called: str) -> NDArray[Any]:
    flat = labels.reshape(-1)
    kind = pd.api.types.infer_dtype(flat)
    if kind in ("integer", "boolean", "floating", "mixed-integer-float"):
        return np.array(flat.tolist()).reshape(labels.shape)
    if kind not in ("string", "empty"):
        kinds = sorted({type(label).__name__ for label in flat})
        raise ValueError(
            f"Unknown label type: {called} holds labels of type {' and '.join(kinds)}, "
            f"such as {flat[0]!r}; make all of them text, as in {called}.astype(str), "
            "or whole numbers."
        )
    return labels


def announced_classes(classes: Any, who: str) -> NDArray[Any]:
    """Return the classes given to ``partial_fit``, checked as labels are, sorted."""
    array = in_numpy_kinds(classes, "classes", who)
    if array.ndim != 1 or not len(array):
        raise ValueError(
            f"classes must be a list of all classes, got {classes!r}; leave it out if "
            "the first y holds them all."
        )
    return np.unique(array)


def _some(values: NDArray[Any]) -> str:
    """Return the first few values as text."""
    shown = ", ".join(map(str, values[:5].tolist()))
    return f"{shown}, ..." if len(values) > 5 else shown


@dataclass(frozen=True)
class Labels:
    """The classes, or the numbers of the labels of which a row may have several."""

    classes: NDArray[Any]
    multilabel: bool

    @classmethod
    def learn(cls, given: CheckedLabels, announced: NDArray[Any] | None) -> Labels:
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
            only = classes.tolist()[0]
            raise ValueError(
                f"MixupClassifier needs rows of at least 2 classes, but {who} 1 class: "
                f"{only!r}. If later parts have other classes, name all classes in the "
                "first call: partial_fit(X, y, classes=...)."
            )
        return cls(classes, multilabel=False)

    def encode(self, given: CheckedLabels) -> NDArray[Any]:
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
                "y has one label per row, but the networks were trained on "
                f"{len(self.classes)} label columns."
            )
        unknown = self._unknown(values)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown} that are not among the classes "
                f"{self.classes}: leave out their rows, or train on rows of all of "
                "them (partial_fit: name all in the first call, as classes=...)."
            )
        return np.searchsorted(self.classes, values)[places]

    def _unknown(self, values: NDArray[Any]) -> NDArray[Any]:
        text = [labels.dtype.kind in "OUS" for labels in (values, self.classes)]
        # NumPy would compare 1 with "1" as text.
        return np.setdiff1d(values, self.classes) if text[0] == text[1] else values

    def check_same(self, given: CheckedLabels) -> None:
        """Check that a fit that goes on has the classes of the one before."""
        if not (given.multilabel or self.multilabel) and (
            len(given.values) < len(self.classes)
        ):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes}, `y` has "
                f"{given.values}. (partial_fit takes rows of some of the classes.)"
            )

    def class_weight(
        self, class_weight: dict[Any, float] | str | None
    ) -> Literal["balanced"] | tuple[float, ...] | None:
        """Return the weight of each class, if it does not depend on the rows."""
        if class_weight is None:
            return None
        if self.multilabel:
            raise ValueError(
                "class_weight is not defined for multilabel y; use sample_weight."
            )
        if isinstance(class_weight, str):
            return "balanced"
        try:  # of all classes, some of which may be missing in a `partial_fit`
            weights = compute_class_weight(
                class_weight, classes=self.classes, y=self.classes
            )
        except ValueError as error:
            raise ValueError(
                f"class_weight={class_weight} names labels that are not among the "
                f"classes {self.classes}."
            ) from error
        return tuple(weights.tolist())


def balancing(
    encoded: NDArray[Any], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return weights of mean 1 with which all classes weigh the same in sum."""
    if sample_weight is not None and sample_weight.any():
        sample_weight = sample_weight / sample_weight.max()  # its sum may overflow
    sizes = np.bincount(encoded, sample_weight)
    present = sizes > 0
    weights = np.zeros(len(sizes))
    weights[present] = sizes.sum() / (present.sum() * sizes[present])
    return weights


def finite_log(proba: NDArray[Any]) -> NDArray[np.float64]:
    """Return logarithms, in double precision: of different numbers different ones."""
    return np.log(np.maximum(proba, SMALLEST), dtype=np.float64)


def log_odds(proba: NDArray[Any], complement: NDArray[Any]) -> NDArray[np.float64]:
    """Return logarithms of odds, positive where a probability is above one half."""
    # Near 1 the probability is rounded, and the complement, computed by itself, is not.
    exact = proba.astype(np.float64)
    return finite_log(exact) - finite_log(np.where(exact < 0.75, 1 - exact, complement))


def class_targets(
    encoded: NDArray[Any], weights: Weights | None, unit: float, n_classes: int
) -> Classes:
    """Return the targets of class numbers; weights do not matter to them."""
    return Classes(torch.from_numpy(encoded), n_classes)


def indicator_targets(
    encoded: NDArray[Any], weights: Weights | None, unit: float
) -> Indicators:
    """Return the targets of indicators; weights do not matter to them."""
    dtype = numpy_dtype(torch.get_default_dtype())
    return Indicators(torch.from_numpy(encoded.astype(dtype)))

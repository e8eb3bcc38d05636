"""Named data sets: OpenML's, scikit-learn's own and generated ones.

>>> from benchmarks import datasets
>>> datasets.group("demo")
['sklearn_iris', 'sklearn_wine', 'sklearn_breast_cancer', 'sklearn_digits']
>>> iris = datasets.load("sklearn_iris")
>>> iris.X.shape, iris.task, iris.n_duplicates
((150, 4), 'classification', 1)
>>> datasets.paper_preprocessing().fit_transform(iris.X).dtype
dtype('float32')
"""

from benchmarks.datasets._base import TIMEOUT, Dataset, DatasetUnavailable
from benchmarks.datasets._preprocessing import (
    default_preprocessing,
    paper_preprocessing,
)
from benchmarks.datasets._registry import (
    group,
    groups,
    load,
    names,
    select,
    suite_members,
)

__all__ = [
    "TIMEOUT",
    "Dataset",
    "DatasetUnavailable",
    "default_preprocessing",
    "group",
    "groups",
    "load",
    "names",
    "paper_preprocessing",
    "select",
    "suite_members",
]

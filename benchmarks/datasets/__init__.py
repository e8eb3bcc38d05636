"""Named data sets: OpenML's, scikit-learn's own and generated ones.

>>> from benchmarks import datasets
>>> datasets.group("demo")[:3]
['sklearn_iris', 'sklearn_wine', 'sklearn_breast_cancer']
>>> iris = datasets.load("sklearn_iris")
>>> iris.X.shape, iris.task, iris.n_duplicates
((150, 4), 'classification', 1)
>>> datasets.preprocessing().fit_transform(iris.X).dtype
dtype('float32')
"""

from benchmarks.datasets._arrays import Arrays, OwnArrays, as_arrays
from benchmarks.datasets._base import Dataset, DatasetUnavailable, Task, short_name
from benchmarks.datasets._own import OwnTable
from benchmarks.datasets._preprocessing import (
    encoding,
    filling,
    gaps_as_levels,
    preprocessing,
    text_as_categories,
)
from benchmarks.datasets._registry import (
    group,
    groups,
    load,
    n_rows,
    names,
    select,
    suite_members,
)

__all__ = [
    "Arrays",
    "Dataset",
    "DatasetUnavailable",
    "OwnArrays",
    "OwnTable",
    "Task",
    "as_arrays",
    "encoding",
    "filling",
    "gaps_as_levels",
    "group",
    "groups",
    "load",
    "n_rows",
    "names",
    "preprocessing",
    "select",
    "short_name",
    "suite_members",
    "text_as_categories",
]

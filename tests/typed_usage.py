"""What type checkers must accept: chains of calls as in the README.

Checked by mypy with the package (see pyproject.toml); nothing here is run.
"""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sk_mixup import MixupClassifier, MixupRegressor, fit_many


class Mine(MixupClassifier):
    """A subclass, whose methods return itself."""

    def mine(self) -> int:
        return 1


def usage() -> None:
    rows = np.zeros((20, 3))
    labels = np.arange(20) % 2

    assert_type(MixupClassifier().fit(rows, labels), MixupClassifier)
    assert_type(MixupClassifier().partial_fit(rows, labels, [0, 1]), MixupClassifier)
    assert_type(MixupRegressor().fit(rows, labels), MixupRegressor)
    assert_type(MixupRegressor().partial_fit(rows, labels), MixupRegressor)
    assert_type(MixupClassifier.paper(alpha=0.2).fit(rows, labels), MixupClassifier)
    assert_type(Mine().fit(rows, labels).mine(), int)
    assert_type(Mine().partial_fit(rows, labels).mine(), int)

    classifier = MixupClassifier(n_estimators=2, max_epochs=20, random_state=0)
    assert_type(classifier.fit(rows, labels).predict_proba(rows), NDArray[np.float32])
    assert_type(MixupClassifier().fit(rows, labels).predict(rows), NDArray[Any])
    assert_type(MixupRegressor(alpha=1).fit(rows, labels).to_torch(), nn.Module)
    assert_type(MixupRegressor().fit(rows, labels).loss_curve_, list[float])
    fit_many([classifier, MixupRegressor()], [rows] * 2, [labels] * 2)

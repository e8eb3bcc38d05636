"""What the tests of searches share: a small network, a grid, a candidate that fails."""

from sk_mixup import MixupClassifier
from tests.twins import SMALL

ALPHAS = {"alpha": [0, 0.4, 1]}


def network(**params):
    return MixupClassifier(**(SMALL | params))


class Failing(MixupClassifier):
    """Fail after training where alpha is 0.4."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        if self.alpha == 0.4:
            raise RuntimeError("now")
        return self

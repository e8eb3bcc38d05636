"""ERM against mixup on sets that ship with scikit-learn: no network is needed."""

from __future__ import annotations

from benchmarks.experiment import Options
from benchmarks.experiments._comparison import of_alphas

EXPERIMENT = of_alphas(
    name="demo",
    summary="ERM against mixup on four sets that ship with scikit-learn",
    group="demo",
    defaults=Options(alphas=(0.0, 0.2, 1.0), folds=10, repeats=1, protocol="default"),
)

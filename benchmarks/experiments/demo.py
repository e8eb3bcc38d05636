"""ERM against mixup on sets that ship with scikit-learn: no network is needed."""

from __future__ import annotations

from benchmarks.experiment import Experiment, Options
from benchmarks.experiments import _alphas

EXPERIMENT = Experiment(
    name="demo",
    summary="ERM against mixup on four sets that ship with scikit-learn",
    group="demo",
    defaults=Options(alphas=(0.0, 0.2, 1.0), folds=10, repeats=1, protocol="default"),
    methods=_alphas.methods,
    show=_alphas.show,
    report=_alphas.report,
)

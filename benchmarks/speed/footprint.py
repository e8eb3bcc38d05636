"""Print the memory in bytes that fitting a table takes at its peak, beyond the table.

Run in a fresh process: ``python -m benchmarks.speed.footprint ROWS FEATURES``.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import numpy as np

from benchmarks.lifetime import leave_with
from sk_mixup import MixupClassifier


def peak_bytes() -> int:
    """Return the largest memory in bytes that this process has had so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss on to a child: it may be the peak of the parent.
        (line,) = (s for s in status.read_text().splitlines() if "VmHWM" in s)
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def footprint(n_rows: int, n_features: int) -> int:
    """Fit random rows; return the bytes by which the peak grew beyond the table."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((n_rows, n_features), dtype=np.float32)
    y = generator.integers(2, size=n_rows)
    before = peak_bytes()
    MixupClassifier(max_epochs=1, batch_size=8192, random_state=0).fit(X, y)
    return peak_bytes() - before


if __name__ == "__main__":
    leave_with(os.getppid())
    print(footprint(*map(int, sys.argv[1:])))

"""The most memory that a fit and a prediction take beside the table, run as a program.

In a process of its own: what a fit gives back stays with the process, for the next.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import sk_mixup

FEATURES = 50
NUMBERS, CATEGORIES, LEVELS = 20, 10, 50  # of a mixed frame


def now():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def peak_of(work):
    """Return the bytes that are taken beyond those of now, at most."""
    before = now()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    work()
    status = Path("/proc/self/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if "VmHWM" in line)
    return int(peak) * 1024 - before


def mixed(X, rng):
    """Return a frame of numbers with gaps and categories, and its bytes as a matrix."""
    frame = pd.DataFrame(np.where(X[:, :NUMBERS] > 1, np.nan, X[:, :NUMBERS]))
    levels = [f"level {number}" for number in range(LEVELS)]
    for number in range(CATEGORIES):
        codes = rng.integers(0, LEVELS, len(X))
        frame[f"category {number}"] = pd.Categorical.from_codes(codes, levels)
    frame.columns = frame.columns.astype(str)
    return frame, 4 * frame.size


def main():
    """Measure an estimator: its name, rows, the form of the table and parameters."""
    name, n_rows, form, params = sys.argv[1:]
    torch.set_num_threads(1)
    params = {"max_epochs": 1, "random_state": 0, **json.loads(params)}
    model = getattr(sk_mixup, name)(**params)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(int(n_rows), FEATURES))
    n_bytes = X.nbytes
    y = X[:, 0] > 0 if name == "MixupClassifier" else X[:, 0].copy()
    if form == "frame":
        X = pd.DataFrame(X)
    elif form == "mixed":
        X, n_bytes = mixed(X, rng)
    model.fit(X[:300], y[:300]).predict(X[:300])  # for what a first use loads
    fitted, predicted = (
        peak_of(lambda: model.fit(X, y)),
        peak_of(lambda: model.predict(X)),
    )
    print(json.dumps({"fit": fitted / n_bytes, "predict": predicted / n_bytes}))


if __name__ == "__main__":
    main()

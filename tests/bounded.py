"""A fit to a memory map under a bound of memory, run as a program.

In a process of its own: the bound stays for as long as it lives.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np
import torch

import sk_mixup


def now():
    """Return the bytes of private memory that the process may write to."""
    status = Path("/proc/self/status").read_text()
    (size,) = (line.split()[1] for line in status.splitlines() if "VmData" in line)
    return 1024 * int(size)


def main():
    """Fit and predict: the estimator, the file, its columns, bytes, parameters."""
    name, path, width, n_bytes, params = sys.argv[1:]
    torch.set_num_threads(1)
    model = getattr(sk_mixup, name)(**json.loads(params))
    X = np.memmap(path, np.float32, "r").reshape(-1, int(width))
    y = np.nan_to_num(X[:, 0])
    y = y > 0 if name == "MixupClassifier" else y
    # For what a first use loads.
    few = np.array(X[:300])
    model.fit(few, y[:300]).predict(few)
    # Pages of a file that is only read do not count.
    bound = now() + int(n_bytes)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
    predicted = model.fit(X, y).predict(X)
    print(json.dumps({"n_rows": len(predicted)}))


if __name__ == "__main__":
    main()

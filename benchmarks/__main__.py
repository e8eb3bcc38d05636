"""``python -m benchmarks``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from benchmarks.command_line import main
        from benchmarks.lifetime import interrupt_on_signals

        interrupt_on_signals()
        sys.exit(main())
    except ModuleNotFoundError as error:
        sys.exit(
            f"python -m benchmarks: the package {error.name} is not installed; install "
            "what the benchmarks need with: pip install '.[benchmarks]'"
        )

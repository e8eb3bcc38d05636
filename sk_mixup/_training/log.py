"""The lines that a training prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import PrintLog, ProgressBar


class QuietLog(PrintLog):
    """A :class:`skorch.callbacks.PrintLog` that formats only what it prints.

    The lowest losses so far are coloured on a terminal only. ``sink=None`` stands for
    ``print``, where ``verbose`` asks for it.
    """

    def __init__(
        self,
        keys_ignored: Any = None,
        sink: Callable[[str], Any] | None = None,
        tablefmt: str = "simple",
        floatfmt: str = ".4f",
        stralign: str | None = "right",
    ) -> None:
        super().__init__(keys_ignored, sink, tablefmt, floatfmt, stralign)

    @property
    def _to_print(self) -> bool:
        # skorch compares its sink with print itself, and takes it for the user's
        # wherever print has been replaced since.
        return self.sink is None or self.sink is print

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Print a line if asked to."""
        # skorch makes a table of each epoch and only then asks whether to print it.
        if net.verbose or not self._to_print:
            super().on_epoch_end(net, **kwargs)

    def format_row(self, row: dict[str, Any], key: str, color: str) -> Any:
        """Format a figure of the epoch."""
        # Colours are escape codes, which a log file would hold as text.
        if not (self._to_print and sys.stdout.isatty()):
            row = {name: row[name] for name in row if not name.endswith("_best")}
        return super().format_row(row, key, color)

    def _sink(self, text: str, verbose: int) -> None:
        if self._to_print:
            print(text, flush=True)
        else:
            self.sink(text)


# A class of its own: `accompanied` takes it away again, and never a bar of the user's.
class Bar(ProgressBar):
    """The progress bar that ``verbose=2`` shows."""

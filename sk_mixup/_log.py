"""The lines that a training prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from skorch.callbacks import PrintLog

if TYPE_CHECKING:
    from sk_mixup._net import MixupNet


class QuietLog(PrintLog):
    """A :class:`skorch.callbacks.PrintLog` that formats only what it prints.

    The lowest losses so far are coloured on a terminal only.
    """

    def on_epoch_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Print a line if asked to."""
        if net.verbose or self.sink is not print:
            super().on_epoch_end(net, **kwargs)

    def format_row(self, row: dict[str, Any], key: str, color: str) -> Any:
        """Format a figure of the epoch."""
        if not (self.sink is print and sys.stdout.isatty()):
            row = {name: row[name] for name in row if not name.endswith("_best")}
        return super().format_row(row, key, color)

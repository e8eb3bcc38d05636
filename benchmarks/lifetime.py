"""When processes end: on a signal, and workers with the process that started them."""

from __future__ import annotations

import os
import signal
import threading
import time

#: Seconds between two looks at whether a worker's parent is alive.
LOOK = 0.25


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, its workers with it."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            # What is ignored is so by wish: nohup.
            signal.signal(number, signal.default_int_handler)


def leave_with(parent: int) -> None:
    """End this process soon after its parent has ended, however that ended.

    The parent tells its process id: it may have ended already.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    # A process whose parent has ended is another's child at once.
    while os.getppid() == parent:
        time.sleep(LOOK)
    # Not sys.exit, which would end this thread alone. Results are written whole or
    # not at all, and the system drops claims.
    os._exit(1)

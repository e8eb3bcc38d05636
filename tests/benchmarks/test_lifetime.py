"""SIGTERM and SIGHUP are interrupts, unless they are ignored, as nohup does."""

from __future__ import annotations

import signal

import pytest

from benchmarks.lifetime import interrupt_on_signals

NAMES = ["SIGTERM", "SIGHUP"]


@pytest.fixture(autouse=True)
def handlers():
    before = {name: signal.getsignal(getattr(signal, name)) for name in NAMES}
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_is_an_interrupt(name):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
    interrupt_on_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(getattr(signal, name))


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_that_is_ignored_stays_so(name):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
    interrupt_on_signals()
    signal.raise_signal(getattr(signal, name))

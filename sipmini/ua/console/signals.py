# test-case-name: tests.ua.console.test_signals
"""What signals do to the phone: SIGHUP stops it as SIGTERM does, and a second signal is heeded at once.

It touches the signal handlers of the process. SIGINT, SIGTERM and all that twistd does about them stay as
they are until the phone is stopping; the reactor would only complain of a second one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["hear_hangup", "hear_impatience"]


class Stoppable(Protocol):
    """The reactor, as much of it as is needed here."""

    def callFromThread(self, callable: Callable[..., object], *args: object) -> object: ...


def hear_hangup(reactor: Stoppable, stop: Callable[[], object]) -> None:
    """Call *stop* in the reactor when the terminal is closed, unless ``nohup`` has that ignored."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _calls(reactor, stop))


def hear_impatience(reactor: Stoppable, hurry: Callable[[], object]) -> None:
    """The phone is stopping: call *hurry* in the reactor when another signal comes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _calls(reactor, hurry))


def _calls(reactor: Stoppable, call: Callable[[], object]) -> Any:
    # A signal comes between any two steps of the program; what it asks for waits for the reactor's turn.
    return lambda number, frame: reactor.callFromThread(call)

"""What signals do to the phone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console import hear_hangup, hear_impatience

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Reactor:
    """Notes what is called in it."""

    def __init__(self) -> None:
        self.called: list[Any] = []

    def callFromThread(self, callable: Callable[..., object], *args: object) -> None:
        self.called.append(callable)


def heed() -> None:
    """What a signal asks for."""


class Signals(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        for number in ALL:
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def test_a_closed_terminal(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        hear_hangup(self.reactor, heed)
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(self.reactor.called, [heed])

    def test_nohup(self) -> None:
        """What is ignored stays ignored."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        hear_hangup(self.reactor, heed)
        hear_impatience(self.reactor, heed)
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(self.reactor.called, [])

    def test_a_second_signal(self) -> None:
        for number in ALL:
            signal.signal(number, signal.SIG_DFL)
        hear_impatience(self.reactor, heed)
        for number in ALL:
            os.kill(os.getpid(), number)
        self.assertEqual(self.reactor.called, [heed] * 3)

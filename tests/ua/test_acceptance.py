"""The 2xx that waits for its ACK: RFC 3261 §13.3.1.4."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.testing import VirtualClock
from sipmini.transaction import TimerValues
from sipmini.ua.acceptance import Acceptance


class Waiting(SynchronousTestCase):
    """Again and again, then no more."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.done: list[tuple[str, float]] = []
        self.acceptance = Acceptance(
            7, self.clock, TimerValues(), lambda: self.note("sent"), lambda: self.note("missing")
        )

    def note(self, what: str) -> None:
        self.done.append((what, round(self.clock.seconds(), 3)))

    def test_until_it_is_missing(self) -> None:
        """At T1, doubling up to T2, until 64*T1 have passed."""
        self.acceptance.start()
        self.clock.advance(100)
        times = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        self.assertEqual(self.done, [*(("sent", at) for at in times), ("missing", 32.0)])
        self.assertEqual((self.acceptance.number, self.clock.getDelayedCalls()), (7, []))

    def test_until_it_came(self) -> None:
        """The ACK stops it; stopping twice, or before the start, does no harm."""
        self.acceptance.stop()
        self.acceptance.start()
        self.acceptance.stop()
        self.acceptance.stop()
        self.clock.advance(100)
        self.assertEqual(self.done, [("sent", 0.0)])

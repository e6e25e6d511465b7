# test-case-name: tests.ua.test_acceptance
"""A 2xx to an INVITE, sent again and again until its ACK comes (RFC 3261 §13.3.1.4).

The clock comes in through the constructor.
"""

from __future__ import annotations

from collections.abc import Callable

from sipmini.transaction import TimerValues
from sipmini.ua.ports import Clock, Timer


class Acceptance:
    """The answer that waits for its ACK.

    :ivar number: the CSeq number of the INVITE, which the ACK repeats.
    """

    def __init__(
        self,
        number: int,
        clock: Clock,
        values: TimerValues,
        send: Callable[[], None],
        missing: Callable[[], None],
    ) -> None:
        """:param missing: told when 64*T1 have passed without an ACK."""
        self.number = number
        self._clock = clock
        self._values = values
        self._send = send
        self._missing = missing
        self._interval = values.t1
        self._resend: Timer | None = None
        self._end: Timer | None = None

    def start(self) -> None:
        """Send it, and again after T1, doubling up to T2: on every transport, as a hop beyond may be UDP."""
        self._end = self._clock.callLater(64 * self._values.t1, self._give_up)
        self._resend = self._clock.callLater(self._interval, self._again)
        self._send()

    def stop(self) -> None:
        """The ACK came, or the call is over."""
        for timer in (self._resend, self._end):
            if timer is not None and timer.active():
                timer.cancel()

    def _again(self) -> None:
        self._interval = min(2 * self._interval, self._values.t2)
        self._resend = self._clock.callLater(self._interval, self._again)
        self._send()

    def _give_up(self) -> None:
        self.stop()
        self._missing()

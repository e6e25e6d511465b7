"""What both client machines work with: how they send, whom they tell, their timers."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from sipmini.errors import TransportFailure
from sipmini.message import Response
from sipmini.transaction.timers import Timer, Timers, TimerValues


@define(eq=False)
class ClientCore:
    """The core of a client machine.

    :ivar send: sends the request.
    :ivar ended: is called last, when nothing more can come of the transaction.
    """

    send: Callable[[], None]
    timers: Timers
    values: TimerValues
    reliable: bool
    received: Callable[[Response], None]
    timed_out: Callable[[], None]
    failed: Callable[[TransportFailure], None]
    ended: Callable[[], None]
    interval: float = 0.0
    resend_timer: Timer | None = None
    end_timer: Timer | None = None

    def cancel_timers(self) -> None:
        """Let no timer of the present state come."""
        for timer in (self.resend_timer, self.end_timer):
            if timer is not None:
                timer.cancel()

    def give_up(self) -> None:
        """End without a final response."""
        self.cancel_timers()
        self.timed_out()
        self.ended()

    def fail(self, failure: TransportFailure) -> None:
        """End since nothing could be sent."""
        self.cancel_timers()
        self.failed(failure)
        self.ended()

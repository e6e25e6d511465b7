"""Timers of transactions: their values (RFC 3261 §17, table 4) and a cheap way to run them.

A transaction arms and cancels several timers in its life, nearly all with one of a
handful of delays.  Timers of one delay expire in the order they were armed, so each
delay has a queue and only its head is armed at the clock; cancelling empties an entry
where it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen
from twisted.logger import Logger

_log = Logger()


@frozen
class TimerValues:
    """The base values, in seconds (§17.1.1.1)."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def transaction_timeout(self) -> float:
        """64*T1: Timers B, F, H, J, L and M, and the least for Timer D."""
        return 64 * self.t1


#: Seconds by which a timer may be early: far below any delay, far above what binary fractions lose.
_ROUNDING = 1e-6


class DelayedCall(Protocol):
    """What of IDelayedCall is needed here."""

    def cancel(self) -> object: ...


class Clock(Protocol):
    """What of IReactorTime is needed here."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> DelayedCall: ...


@define(eq=False)
class Timer:
    """An armed timer."""

    at: float
    _callback: Callable[[], object] | None

    def cancel(self) -> None:
        """Never call back; harmless if it already did."""
        self._callback = None

    @property
    def active(self) -> bool:
        """Whether it will still call back."""
        return self._callback is not None

    def fire(self) -> None:
        """Call back, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


@define(eq=False)
class _Queue:
    delay: float
    waiting: deque[Timer] = field(factory=deque)
    call: DelayedCall | None = None


class Timers:
    """Arms timers on a clock.  Use it for delays of which there are few different ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[float, _Queue] = {}

    def later(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call *callback* after *delay* seconds, unless the timer is cancelled."""
        timer = Timer(self._clock.seconds() + delay, callback)
        queue = self._queues.get(delay)
        if queue is None:
            queue = self._queues[delay] = _Queue(delay)
        queue.waiting.append(timer)
        if queue.call is None:
            queue.call = self._clock.callLater(delay, self._expire, queue)
        return timer

    def stop(self) -> None:
        """Cancel all of them."""
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            for timer in queue.waiting:
                timer.cancel()
            if queue.call is not None:
                queue.call.cancel()

    @property
    def pending(self) -> int:
        """How many timers will still call back."""
        return sum(timer.active for queue in self._queues.values() for timer in queue.waiting)

    def _expire(self, queue: _Queue) -> None:
        waiting = queue.waiting
        now = self._clock.seconds()
        due = []
        # A clock may call a rounding error early; to wait for that error again would never end.
        while waiting and (not waiting[0].active or waiting[0].at <= now + _ROUNDING):
            due.append(waiting.popleft())
        if waiting:
            queue.call = self._clock.callLater(waiting[0].at - now, self._expire, queue)
        else:
            del self._queues[queue.delay]
        for timer in due:
            try:
                timer.fire()
            except Exception:
                # The others are due as well, and nothing would call them again.
                _log.failure("what a timer was set for was not done to its end")

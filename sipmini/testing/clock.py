# test-case-name: tests.testing.test_clock
"""The virtual clock: time that passes only when a test says so.

Twisted's own ``task.Clock`` keeps its calls in a sorted list and lets every call of one ``advance`` see
the final time. Here the calls lie in a heap (a hundred thousand timers stay cheap) and each call sees the
very moment it was due, so that one ``advance(32)`` plays all retransmissions of a transaction in their
order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

#: Slack, in seconds, so that ten advances of 0.1 reach a timer of 1.0 in spite of binary fractions.
NANOSECOND = 1e-9

#: More calls than this in one advance mean that two parties keep each other busy without time passing.
MOST_CALLS = 5_000_000


@implementer(IReactorTime)
class VirtualClock:
    """IReactorTime on virtual time, which starts at 0.0 seconds. Equal times run in the order of their
    scheduling.

    An exception in a call is logged and does not stop the others, as in a real reactor; trial's test
    cases turn such a log entry into a failure.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._now = 0.0
        self._order = count()
        self._heap: list[tuple[float, int, DelayedCall]] = []
        # The live calls, each with the number of its current heap entry (older entries are stale) and its
        # owner.
        self._live: dict[DelayedCall, tuple[int, object]] = {}
        self._from_threads: deque[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = deque()
        self._running = False

    def seconds(self) -> float:
        """The virtual time, in seconds since the network was made."""
        return self._now

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """Run ``callable(*args, **kw)`` when ``delay`` seconds have passed."""
        return self.call_for(None, delay, callable, args, kw)

    def call_for(
        self,
        owner: object,
        delay: float,
        callable: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kw: dict[str, Any] | None = None,
    ) -> DelayedCall:
        """``callLater`` on behalf of ``owner``, whose calls :meth:`calls_of` can list.

        :raises ValueError: if ``delay`` is negative.
        """
        if delay < 0:
            raise ValueError(f"a call cannot be scheduled {-delay} seconds in the past")
        due = round(self._now + delay, 9)  # to the nanosecond, so that a trace reads 1.002 and not 1.00199999
        call = DelayedCall(due, callable, args, kw or {}, self._cancel, self._reset, self.seconds)
        self._push(call, owner)
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        """All calls that are still to run."""
        return list(self._live)

    def calls_of(self, owner: object) -> list[DelayedCall]:
        """The calls that ``owner`` scheduled and that are still to run."""
        return [call for call, (_, whose) in self._live.items() if whose is owner]

    def call_from_thread(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:
        """Run the call at the next step of the clock. The one method that other threads may use."""
        self._from_threads.append((callable, args, kw))

    def advance(self, seconds: float = 0.0) -> None:
        """Let ``seconds`` pass and run all that becomes due meanwhile, in order.

        :raises ValueError: if ``seconds`` is negative.
        :raises RuntimeError: when called from within a call, or when calls follow each other without end.
        """
        if seconds < 0:
            raise ValueError("virtual time does not run backwards")
        end = round(self._now + seconds, 9)
        self._run(end)
        self._now = max(self._now, end)

    def run_until_idle(self, limit: float = 3600.0) -> float:
        """Let time pass until nothing is scheduled, at most ``limit`` seconds. Returns the seconds that
        passed.

        The time stays at the last call that ran, unless ``limit`` ended the run.
        """
        start, end = self._now, self._now + limit
        self._run(end)
        if self._live:
            self._now = max(self._now, end)
        return self._now - start

    def _run(self, end: float) -> None:
        if self._running:
            raise RuntimeError("the virtual clock is already running: do not advance it from within a call")
        self._running = True
        try:
            for _ in range(MOST_CALLS):
                if not self._step(end + NANOSECOND):
                    return
            raise RuntimeError(
                f"{MOST_CALLS} calls ran and more were due at {self._now} s: is there an endless loop?"
            )
        finally:
            self._running = False

    def _step(self, end: float) -> bool:
        """Run one call that is due by ``end``; False if there is none."""
        if self._from_threads:
            self._call(*self._from_threads.popleft())
            return True
        call = self._first()
        if call is None or call.time > end:
            return False
        heappop(self._heap)
        del self._live[call]
        self._now = max(self._now, call.time)
        call.called = 1
        self._call(call.func, call.args, call.kw)
        return True

    def _call(self, callable: Callable[..., object], args: Any, kw: dict[str, Any]) -> None:
        try:
            callable(*args, **kw)
        except Exception:
            self._log.failure("A call on the virtual clock failed")

    def _first(self) -> DelayedCall | None:
        """The next live call, once stale entries are off the top and delays have been put into effect."""
        heap, live = self._heap, self._live
        while heap:
            _, order, call = heap[0]
            entry = live.get(call)
            if entry is None or entry[0] != order:
                heappop(heap)
            elif call.delayed_time:
                heappop(heap)
                call.activate_delay()
                self._push(call, entry[1])
            else:
                return call
        return None

    def _push(self, call: DelayedCall, owner: object) -> None:
        order = next(self._order)
        self._live[call] = (order, owner)
        heappush(self._heap, (call.time, order, call))

    def _reset(self, call: DelayedCall) -> None:
        self._push(call, self._live[call][1])

    def _cancel(self, call: DelayedCall) -> None:
        del self._live[call]
        # Cancelled timers are the rule in SIP; without this the heap would hold each of them for its 32
        # seconds.
        if len(self._heap) > 2 * len(self._live) + 64:
            self._heap = [entry for entry in self._heap if self._is_current(entry)]
            heapify(self._heap)

    def _is_current(self, entry: tuple[float, int, DelayedCall]) -> bool:
        found = self._live.get(entry[2])
        return found is not None and found[0] == entry[1]

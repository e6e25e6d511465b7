# test-case-name: tests.ua.console.test_attention
"""Waiting for the phone's events: the one place where the console holds a timer for them.

It touches the clock it is given and the phone's list of observers, nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from sipmini.errors import SipminiError
from sipmini.ua.console.contract import Clock, Phone, Timer
from sipmini.ua.events import PhoneEvent

__all__ = ["Attention", "TimeIsUp"]

GAP: Final = 1000
"""Events kept between two commands; of more the oldest are lost, which at worst makes a ``wait`` fail."""


class TimeIsUp(SipminiError):
    """What was waited for did not come in time."""


class Attention:
    """Waits for events, one wait at a time.

    Waits never end inside the phone's own call to its observers, where the phone may be half-way through a
    transition: they end in the next turn of the reactor. What happens in between, or while no wait runs, is
    kept for the next wait, so that a script does not miss a state that passed quickly; :meth:`fresh` forgets
    it.
    """

    def __init__(self, phone: Phone, clock: Clock) -> None:
        self._phone = phone
        self._clock = clock
        self._missed: deque[PhoneEvent] = deque(maxlen=GAP)
        self._met: Callable[[PhoneEvent], bool] | None = None
        self._waiting: Deferred[None] | None = None
        self._timer: Timer | None = None
        phone.observers.append(self._notice)

    def close(self) -> None:
        """Stop watching the phone."""
        if self._notice in self._phone.observers:
            self._phone.observers.remove(self._notice)
        self.stop()

    def fresh(self) -> None:
        """Forget the events that no wait has seen: a command is about to send, what follows is its effect."""
        self._missed.clear()

    def until(self, met: Callable[[PhoneEvent], bool], seconds: float) -> Deferred[None]:
        """Fires when ``met`` says so of an event, those since :meth:`fresh` included.

        Fails with :class:`TimeIsUp` after ``seconds``, or with the ``SipminiError`` that ``met`` raises.
        """
        self._met = met
        waiting: Deferred[None] = Deferred(lambda _: self._over())
        self._waiting = waiting
        self._timer = self._clock.callLater(seconds, self._end, TimeIsUp())
        missed = list(self._missed)
        self._missed.clear()
        for event in missed:
            self._notice(event)
        return waiting

    def stop(self) -> None:
        """End the wait, if there is one, as a cancelled Deferred ends."""
        if self._waiting is not None:
            self._waiting.cancel()

    def _notice(self, event: PhoneEvent) -> None:
        if self._met is None:
            self._missed.append(event)
            return
        problem: SipminiError | None = None
        try:
            if not self._met(event):
                return
        except SipminiError as gone:
            problem = gone
        self._met = None
        self._stop_timer()
        self._timer = self._clock.callLater(0, self._end, problem)

    def _end(self, problem: SipminiError | None) -> None:
        waiting = self._waiting
        assert waiting is not None
        self._over()
        if problem is None:
            waiting.callback(None)
        else:
            waiting.errback(problem)

    def _over(self) -> None:
        self._stop_timer()
        self._met = self._waiting = None

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

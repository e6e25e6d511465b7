"""Waiting for the phone's events."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import Misuse
from sipmini.ua.console.attention import Attention, TimeIsUp
from sipmini.ua.events import PhoneEvent
from tests.ua.console.fake import FakePhone


def is_error(event: PhoneEvent) -> bool:
    return event.kind == "error"


def refuse(event: PhoneEvent) -> bool:
    raise Misuse("never")


class AttentionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.phone = FakePhone(self.clock.seconds)
        self.attention = Attention(self.phone, self.clock)

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ends_in_the_turn_after_the_event(self) -> None:
        waiting = self.attention.until(is_error, 5)
        self.phone.tell("unregistered", "")
        self.phone.tell("error", "", text="")
        self.assertNoResult(waiting)
        self.clock.advance(0)
        self.successResultOf(waiting)

    def test_ends_when_the_time_is_up(self) -> None:
        waiting = self.attention.until(is_error, 5)
        self.clock.advance(4.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.failureResultOf(waiting, TimeIsUp)

    def test_ends_when_the_condition_says_never(self) -> None:
        waiting = self.attention.until(refuse, 5)
        self.phone.tell("error", "", text="")
        self.clock.advance(0)
        self.assertEqual(str(self.failureResultOf(waiting, Misuse).value), "never")

    def test_what_came_before_the_wait_counts(self) -> None:
        self.phone.tell("error", "", text="")
        waiting = self.attention.until(is_error, 5)
        self.clock.advance(0)
        self.successResultOf(waiting)

    def test_what_came_after_the_end_counts_for_the_next_wait(self) -> None:
        """Two responses can arrive in one turn of the reactor; the script sees both."""
        first = self.attention.until(lambda event: event.kind == "registered", 5)
        self.phone.is_registered()
        self.phone.tell("error", "", text="")
        self.clock.advance(0)
        self.successResultOf(first)
        second = self.attention.until(is_error, 5)
        self.clock.advance(0)
        self.successResultOf(second)

    def test_fresh_forgets(self) -> None:
        self.phone.tell("error", "", text="")
        self.attention.fresh()
        waiting = self.attention.until(is_error, 5)
        self.clock.advance(5)
        self.failureResultOf(waiting, TimeIsUp)

    def test_stop_ends_the_wait(self) -> None:
        waiting = self.attention.until(is_error, 5)
        self.attention.stop()
        self.failureResultOf(waiting, CancelledError)
        self.attention.stop()

    def test_stop_after_the_event_ends_it_too(self) -> None:
        waiting = self.attention.until(is_error, 5)
        self.phone.tell("error", "", text="")
        self.attention.stop()
        self.failureResultOf(waiting, CancelledError)

    def test_close_leaves_the_phone(self) -> None:
        waiting = self.attention.until(is_error, 5)
        self.attention.close()
        self.failureResultOf(waiting, CancelledError)
        self.attention.close()
        self.assertEqual(self.phone.observers, [])

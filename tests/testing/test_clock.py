"""The virtual clock."""

from __future__ import annotations

from twisted.internet.error import AlreadyCalled
from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipmini.testing import VirtualClock, clock


class VirtualClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.seen: list[tuple[float, str]] = []

    def note(self, name: str) -> None:
        self.seen.append((self.clock.seconds(), name))

    def test_it_is_a_reactor_time(self) -> None:
        verifyObject(IReactorTime, self.clock)
        self.assertEqual(self.clock.seconds(), 0.0)

    def test_each_call_sees_the_moment_it_was_due(self) -> None:
        self.clock.callLater(2, self.note, "two")
        self.clock.callLater(0.5, self.note, "half")
        self.clock.callLater(0.5, self.note, "half again")
        self.clock.advance(10)
        self.assertEqual(self.seen, [(0.5, "half"), (0.5, "half again"), (2.0, "two")])
        self.assertEqual(self.clock.seconds(), 10.0)

    def test_a_call_made_by_a_call_runs_in_the_same_advance(self) -> None:
        self.clock.callLater(1, self.clock.callLater, 1, self.note, "second")
        self.clock.advance(2)
        self.assertEqual(self.seen, [(2.0, "second")])

    def test_ten_tenths_are_one(self) -> None:
        self.clock.callLater(0.3, self.note, "due")
        for _ in range(3):
            self.clock.advance(0.1)
        self.assertEqual(self.seen, [(0.3, "due")])

    def test_cancel(self) -> None:
        call = self.clock.callLater(1, self.note, "never")
        call.cancel()
        self.clock.advance(2)
        self.assertEqual((self.seen, self.clock.getDelayedCalls(), call.active()), ([], [], False))

    def test_a_call_that_ran_cannot_be_cancelled(self) -> None:
        call = self.clock.callLater(1, self.note, "ran")
        self.clock.advance(1)
        self.assertRaises(AlreadyCalled, call.cancel)

    def test_reset_and_delay(self) -> None:
        sooner, later, moved = (
            self.clock.callLater(5, self.note, name) for name in ("sooner", "later", "moved")
        )
        sooner.reset(1)
        later.reset(7)
        moved.delay(4)
        moved.delay(-6)
        self.assertEqual([call.getTime() for call in (sooner, later, moved)], [1, 7, 3])
        self.clock.advance(10)
        self.assertEqual(self.seen, [(1.0, "sooner"), (3.0, "moved"), (7.0, "later")])

    def test_cancelled_calls_do_not_pile_up(self) -> None:
        """A SIP element cancels nearly every timer it starts; the heap must not keep them for 32 seconds."""
        kept = self.clock.callLater(32, self.note, "kept")
        moved = self.clock.callLater(33, self.note, "moved")
        moved.reset(20)
        for _ in range(1000):
            self.clock.callLater(32, self.note, "cancelled").cancel()
        self.assertLess(len(self.clock._heap), 100)
        self.assertEqual(self.clock.getDelayedCalls(), [kept, moved])
        self.clock.advance(32)
        self.assertEqual(self.seen, [(20.0, "moved"), (32.0, "kept")])

    def test_a_hundred_thousand_timers(self) -> None:
        for number in range(100_000):
            self.clock.callLater(number % 977, self.seen.append, (float(number % 977), ""))
        self.clock.advance(977)
        self.assertEqual(len(self.seen), 100_000)
        self.assertEqual(self.seen, sorted(self.seen))

    def test_a_failing_call_is_logged_and_the_next_one_runs(self) -> None:
        self.clock.callLater(1, lambda: 1 / 0)
        self.clock.callLater(1, self.note, "next")
        self.clock.advance(1)
        self.assertEqual(self.seen, [(1.0, "next")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_time_does_not_run_backwards(self) -> None:
        self.assertRaises(ValueError, self.clock.advance, -1)
        self.assertRaises(ValueError, self.clock.callLater, -1, self.note, "past")

    def test_advance_from_within_a_call(self) -> None:
        self.clock.callLater(1, self.clock.advance, 1)
        self.clock.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_an_endless_loop_is_noticed(self) -> None:
        self.patch(clock, "MOST_CALLS", 100)

        def again() -> None:
            self.clock.callLater(0, again)

        again()
        with self.assertRaisesRegex(RuntimeError, "endless loop"):
            self.clock.advance(1)

    def test_run_until_idle(self) -> None:
        self.clock.callLater(3, self.clock.callLater, 4, self.note, "last")
        self.assertEqual(self.clock.run_until_idle(), 7.0)
        self.assertEqual(self.seen, [(7.0, "last")])

    def test_run_until_idle_is_limited(self) -> None:
        self.clock.callLater(3, self.note, "three")
        self.clock.callLater(100, self.note, "too late")
        self.assertEqual(self.clock.run_until_idle(limit=50), 50.0)
        self.assertEqual((self.seen, self.clock.seconds()), ([(3.0, "three")], 50.0))

    def test_calls_from_threads_run_at_the_next_step(self) -> None:
        self.clock.call_from_thread(self.note, "called")
        self.assertEqual(self.seen, [])
        self.clock.advance(0)
        self.assertEqual(self.seen, [(0.0, "called")])

    def test_calls_of_an_owner(self) -> None:
        owner = object()
        mine = self.clock.call_for(owner, 1, self.note, ("mine",))
        self.clock.callLater(1, self.note, "another's")
        mine.reset(2)
        self.assertEqual(self.clock.calls_of(owner), [mine])

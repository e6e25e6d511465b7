"""Timers in queues: as exact as the clock, and unmoved by what their callbacks do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini.testing import VirtualClock
from sipmini.transaction import Timers


class TimersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.timers = Timers(self.clock)
        self.fired: list[tuple[float, str]] = []

    def arm(self, delay: float, name: str) -> object:
        return self.timers.later(delay, lambda: self.fired.append((round(self.clock.seconds(), 6), name)))

    def test_order(self) -> None:
        """Each fires at its moment, those of one moment in the order in which they were armed."""
        self.arm(2.0, "a")
        self.arm(1.0, "b")
        self.clock.advance(0.5)
        self.arm(1.0, "c")
        self.arm(1.0, "d")
        self.clock.advance(10)
        self.assertEqual(self.fired, [(1.0, "b"), (1.5, "c"), (1.5, "d"), (2.0, "a")])
        self.assertEqual((self.timers.pending, self.clock.getDelayedCalls()), (0, []))

    def test_cancel(self) -> None:
        """A cancelled timer never calls; cancelling twice, or too late, is harmless."""
        first = self.timers.later(1.0, lambda: self.fired.append((0, "never")))
        self.arm(1.0, "second")
        self.assertTrue(first.active)
        first.cancel()
        first.cancel()
        self.assertFalse(first.active)
        self.assertEqual(self.timers.pending, 1)
        self.clock.advance(1.0)
        first.cancel()
        first.fire()
        self.assertEqual(self.fired, [(1.0, "second")])

    def test_cancelled_head(self) -> None:
        """A queue whose head was cancelled still fires the rest in time."""
        self.timers.later(1.0, lambda: None).cancel()
        self.clock.advance(0.75)
        self.arm(1.0, "a")
        self.clock.advance(0.75)
        self.arm(1.0, "b")
        self.clock.advance(10)
        self.assertEqual(self.fired, [(1.75, "a"), (2.5, "b")])

    def test_one_call_a_delay(self) -> None:
        """However many timers wait for one delay, the clock has one call for them."""
        for _ in range(100):
            self.arm(32.0, "a")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_armed_by_a_callback(self) -> None:
        """A callback may arm and cancel timers of the same delay, those that are due with it included."""
        victim: list[object] = []

        def first() -> None:
            self.arm(1.0, "again")
            victim[0].cancel()  # type: ignore[attr-defined]

        self.timers.later(1.0, first)
        victim.append(self.arm(1.0, "victim"))
        self.clock.advance(10)
        self.assertEqual(self.fired, [(2.0, "again")])

    def test_zero(self) -> None:
        """A delay of zero is the next turn, not now."""
        self.arm(0.0, "a")
        self.assertEqual(self.fired, [])
        self.clock.advance(0)
        self.assertEqual(self.fired, [(0, "a")])

    def test_callback_raises(self) -> None:
        """What one callback does wrong is logged, and costs the others nothing."""
        self.timers.later(1.0, lambda: 1 // 0)
        self.arm(1.0, "next")
        self.clock.advance(1.0)
        self.assertEqual(self.fired, [(1.0, "next")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_early_clock(self) -> None:
        """A clock that calls a rounding error early does not make the timer wait for that error again."""
        clock = Clock()
        timers = Timers(clock)
        fired = []
        clock.advance(0.1)
        timers.later(0.7, lambda: fired.append(clock.seconds()))
        (call,) = clock.getDelayedCalls()
        call.time -= 1e-9
        clock.advance(0.7 - 1e-9)
        self.assertEqual(len(fired), 1)

    @settings(derandomize=True, max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 32.0]), st.booleans(), st.floats(0, 2))))
    def test_any_order(self, steps: list[tuple[float, bool, float]]) -> None:
        """Whatever is armed and cancelled when: each that was not cancelled fires once, at its moment."""
        clock = VirtualClock()
        timers = Timers(clock)
        fired: list[tuple[float, int]] = []
        expected = []
        for number, (delay, cancelled, pause) in enumerate(steps):
            timer = timers.later(delay, lambda number=number: fired.append((clock.seconds(), number)))
            if cancelled:
                timer.cancel()
            else:
                expected.append((clock.seconds() + delay, number))
            clock.advance(pause)
        clock.advance(100)
        self.assertEqual(sorted(n for _, n in fired), sorted(n for _, n in expected))
        due = {number: time for time, number in expected}
        self.assertTrue(all(abs(time - due[number]) < 1e-5 for time, number in fired))

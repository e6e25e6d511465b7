"""Tests of the writer thread, with a stand-in for the reactor's queue of calls from threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Queue
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini.location import WriterThread


class FakeReactor:
    """Holds the calls from other threads until the test takes them."""

    def __init__(self) -> None:
        self.calls: Queue[tuple[Callable[..., Any], tuple[Any, ...]]] = Queue()

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.calls.put((call, args))

    def turn(self) -> None:
        """Run one call, waiting for it if need be."""
        call, args = self.calls.get(timeout=10)
        call(*args)


class WriterThreadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.writer = WriterThread(self.reactor)
        self.addCleanup(self.writer.stop)

    def test_works_elsewhere_and_answers_here(self) -> None:
        """The work runs in one other thread, in order, and its result comes through the reactor."""
        threads = []
        first = self.writer(lambda: threads.append(threading.current_thread()) or "first")
        second = self.writer(lambda: threads.append(threading.current_thread()) or "second")
        self.assertNoResult(first)
        self.reactor.turn()
        self.assertEqual(self.successResultOf(first), "first")
        self.assertNoResult(second)
        self.reactor.turn()
        self.assertEqual(self.successResultOf(second), "second")
        self.assertEqual(len(set(threads)), 1)
        self.assertIsNot(threads[0], threading.current_thread())

    def test_failure(self) -> None:
        """What the work raises fails the Deferred, and the thread goes on."""
        failed = self.writer(lambda: 1 // 0)
        self.reactor.turn()
        self.failureResultOf(failed, ZeroDivisionError)
        again = self.writer(lambda: "again")
        self.reactor.turn()
        self.assertEqual(self.successResultOf(again), "again")

    def test_stop_waits_for_what_was_given(self) -> None:
        done = []
        self.writer(lambda: done.append("written"))
        self.writer.stop()
        self.assertEqual(done, ["written"])
        self.writer.stop()

    def test_starts_again(self) -> None:
        """A call after the stop finds a new thread."""
        self.writer.stop()
        result = self.writer(lambda: "new")
        self.reactor.turn()
        self.assertEqual(self.successResultOf(result), "new")

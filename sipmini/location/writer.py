"""The one thread that writes the location file, so that waiting for the disk holds up nobody."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

__all__ = ["WriterThread"]

T = TypeVar("T")


class WriterThread:
    """Runs what it is called with, in order, in a thread of its own.

    The thread starts with the first call and ends with :meth:`stop`.  It is a daemon, so that a
    process which is told to end does so.
    """

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        """Run *work* in the thread; the Deferred fires with its result in the reactor's thread."""
        done: Deferred[T] = Deferred()

        def run() -> None:
            try:
                result = work()
            except BaseException:
                self._reactor.callFromThread(done.errback, Failure())
            else:
                self._reactor.callFromThread(done.callback, result)

        if self._thread is None:
            self._thread = Thread(target=self._work, name="sipmini location writer", daemon=True)
            self._thread.start()
        self._queue.put(run)
        return done

    def stop(self) -> None:
        """Let the thread end after what it was given, and wait for that; a later call starts a new one."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while True:
            run = self._queue.get()
            if run is None:
                return
            run()

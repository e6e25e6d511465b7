"""A terminal in memory: keys go in, what was drawn can be read."""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue
from threading import Condition

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output import DummyOutput
from twisted.internet.task import Clock

PATIENCE = 10.0
"""Seconds after which a test fails whose thread does nothing more."""


class Display(DummyOutput):
    """Keeps the text that was written, without colours and cursor movements."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._text = ""

    def get_size(self) -> Size:
        return Size(rows=40, columns=120)

    def write(self, data: str) -> None:
        with self._changed:
            self._text += data
            self._changed.notify_all()

    write_raw = write

    @property
    def text(self) -> str:
        """All that was written."""
        with self._changed:
            return self._text

    def shows(self, text: str) -> bool:
        """Whether this text has been written, or is within a while."""
        with self._changed:
            return self._changed.wait_for(lambda: text in self._text, PATIENCE)


class ThreadedClock(Clock):
    """A ``Clock`` that also takes calls from another thread and makes them when the test looks."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: Queue[tuple[Callable[..., object], tuple[object, ...]]] = Queue()

    def callFromThread(self, callable: Callable[..., object], *args: object) -> None:
        """Make this call in the test's thread."""
        self._calls.put((callable, args))

    def drain(self) -> None:
        """Make the other thread's calls that have come."""
        while not self._calls.empty():
            call, args = self._calls.get()
            call(*args)
            self.advance(0)

    def wait(self, reached: Callable[[], bool]) -> None:
        """Make the other thread's calls, one by one, until this is reached; fails when no more come."""
        self.advance(0)
        while not reached():
            call, args = self._calls.get(timeout=PATIENCE)
            call(*args)
            self.advance(0)

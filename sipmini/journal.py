"""One append-only record of what an element received, sent and decided, and which state changed.

Transports and transactions write into a :class:`Journal`; whoever wants to know
(the message log, a ladder, a page, a test) observes it.  With nobody observing,
an entry costs one look at an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from sipmini.reasons import Reason

if TYPE_CHECKING:
    from sipmini.message import Message


class Path(Protocol):
    """The way a message took: what a transport's Flow has."""

    @property
    def transport(self) -> str: ...
    @property
    def local(self) -> tuple[str, int]: ...
    @property
    def remote(self) -> tuple[str, int]: ...


@frozen
class Received:
    """A message arrived: *data* is the datagram, or what was cut from the stream."""

    element: str
    at: float
    path: Path
    data: bytes


@frozen
class Sent:
    """A message left."""

    element: str
    at: float
    path: Path
    data: bytes


@frozen
class Decided:
    """A rule was applied: *message* was rejected, dropped or rewritten."""

    element: str
    at: float
    reason: Reason
    message: Message | None
    path: Path | None


@frozen
class Changed:
    """A machine went from one state to another.

    :ivar machine: which kind, such as ``"invite server"``.
    :ivar key: which one: a branch, a Call-ID, an address of record.
    """

    element: str
    at: float
    machine: str
    key: str
    old: str
    new: str


Entry = Received | Sent | Decided | Changed
Observer = Callable[[Entry], None]


class Journal:
    """The record of one element.

    :ivar element: the element's name, as ladders show it.
    :ivar observers: called with each entry, in order; they must not raise.
    """

    def __init__(self, element: str, seconds: Callable[[], float]) -> None:
        """:param seconds: the wall clock, Unix seconds."""
        self.element = element
        self.observers: list[Observer] = []
        self._seconds = seconds

    def received(self, data: bytes, path: Path) -> None:
        """Write down a message that arrived."""
        if self.observers:
            self._write(Received(self.element, self._seconds(), path, data))

    def sent(self, data: bytes, path: Path) -> None:
        """Write down a message that left."""
        if self.observers:
            self._write(Sent(self.element, self._seconds(), path, data))

    def decided(self, reason: Reason, message: Message | None = None, path: Path | None = None) -> None:
        """Write down that a rule was applied."""
        if self.observers:
            self._write(Decided(self.element, self._seconds(), reason, message, path))

    def changed(self, machine: str, key: str, old: str, new: str) -> None:
        """Write down a change of state."""
        if self.observers:
            self._write(Changed(self.element, self._seconds(), machine, key, old, new))

    def _write(self, entry: Entry) -> None:
        for observer in self.observers:
            observer(entry)

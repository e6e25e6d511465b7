"""One append-only record of what an element received, sent and decided, and which state changed.

Transports and transactions write into a :class:`Journal`; whoever wants to know
(the message log, a ladder, a page, a test) observes it.  With nobody observing,
an entry costs one look at an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from sipmini.flow import Flow
from sipmini.reasons import Reason

if TYPE_CHECKING:
    from sipmini.message import Message


# Entries are never changed once written.  Those of messages are not frozen by attrs, though: that
# makes making one twice as dear, and there are thirteen a call.


@define
class Received:
    """A message arrived: *data* is the datagram, or what was cut from the stream."""

    element: str
    at: float
    flow: Flow
    data: bytes


@define
class Sent:
    """A message left."""

    element: str
    at: float
    flow: Flow
    data: bytes


@frozen
class Decided:
    """A rule was applied: *message* was rejected, dropped or rewritten."""

    element: str
    at: float
    reason: Reason
    message: Message | None
    flow: Flow | None


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
Observer = Callable[[Any], None]


class Journal:
    """The record of one element.

    :ivar element: the element's name, as ladders show it.
    """

    def __init__(self, element: str, seconds: Callable[[], float]) -> None:
        """:param seconds: the wall clock, Unix seconds."""
        self.element = element
        self._seconds = seconds
        self._of_received: list[Observer] = []
        self._of_sent: list[Observer] = []
        self._of_decided: list[Observer] = []
        self._of_changed: list[Observer] = []

    def observe(self, observer: Observer, *kinds: type[Entry]) -> Callable[[], None]:
        """Call *observer* with each entry of these kinds (of all, if none is named), as it is written.

        It must not raise.  What comes back ends the observation.
        """
        lists = self._lists()
        chosen = [lists[kind] for kind in kinds or lists]
        for observers in chosen:
            observers.append(observer)

        def stop() -> None:
            for observers in chosen:
                observers.remove(observer)

        return stop

    def received(self, data: bytes, flow: Flow) -> None:
        """Write down a message that arrived."""
        if self._of_received:
            entry = Received(self.element, self._seconds(), flow, data)
            for observer in self._of_received:
                observer(entry)

    def sent(self, data: bytes, flow: Flow) -> None:
        """Write down a message that left."""
        if self._of_sent:
            entry = Sent(self.element, self._seconds(), flow, data)
            for observer in self._of_sent:
                observer(entry)

    def decided(self, reason: Reason, message: Message | None = None, flow: Flow | None = None) -> None:
        """Write down that a rule was applied."""
        if self._of_decided:
            _tell(self._of_decided, Decided(self.element, self._seconds(), reason, message, flow))

    def changed(self, machine: str, key: str, old: str, new: str) -> None:
        """Write down a change of state."""
        if self._of_changed:
            _tell(self._of_changed, Changed(self.element, self._seconds(), machine, key, old, new))

    def _lists(self) -> dict[type[Entry], list[Observer]]:
        return {
            Received: self._of_received,
            Sent: self._of_sent,
            Decided: self._of_decided,
            Changed: self._of_changed,
        }


def _tell(observers: list[Observer], entry: Entry) -> None:
    for observer in observers:
        observer(entry)

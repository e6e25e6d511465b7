"""What the console needs of a phone.

:class:`sipmini.ua.agent.Phone` and the reactor have these shapes; the console's tests use a phone that only
pretends, and a ``Clock``. Types only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sipmini.message import Message
from sipmini.ua.events import PhoneEvent

__all__ = ["CallRecord", "Clock", "Phone", "Timer"]


class Timer(Protocol):
    """What ``callLater`` returns."""

    def active(self) -> bool: ...

    def cancel(self) -> None: ...


class Clock(Protocol):
    """``IReactorTime``, as much of it as the console needs."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> Timer: ...


class CallRecord(Protocol):
    """One call of the past."""

    @property
    def when(self) -> float:
        """When it began, in Unix seconds."""

    @property
    def direction(self) -> str:
        """``out`` or ``in``."""

    @property
    def peer(self) -> str:
        """The other side, as ``Bob <sip:bob@biloxi.com>``."""

    @property
    def outcome(self) -> str:
        """How it ended, in a word or two."""

    @property
    def seconds(self) -> float:
        """How long the two talked; 0 if they never did."""


class Phone(Protocol):
    """The phone, as the console sees it.  A command that does not fit the state raises ``Misuse``."""

    @property
    def state(self) -> str:
        """One of ``idle`` ``inviting`` ``ringing_back`` ``ringing`` ``talking``."""

    @property
    def user(self) -> str:
        """Its address, as ``alice@atlanta.com``."""

    @property
    def peer(self) -> str | None:
        """The other side of the present call."""

    @property
    def talking_since(self) -> float | None:
        """Since when the two talk, in seconds of the reactor's clock."""

    @property
    def registered_until(self) -> float | None:
        """When the registration ends, in Unix seconds; ``None`` when there is none."""

    @property
    def registering(self) -> bool:
        """Whether it waits for the answer to a REGISTER that may bind it."""

    @property
    def destination(self) -> str | None:
        """Whom it called last."""

    @property
    def last_message(self) -> Message | None:
        """The last message that arrived."""

    @property
    def proxy(self) -> str | None:
        """The URI of its proxy."""

    @property
    def history(self) -> Sequence[CallRecord]:
        """The calls of the past, the oldest first."""

    @property
    def observers(self) -> list[Callable[[PhoneEvent], None]]:
        """Called with every event, in the reactor's thread."""

    def register(self, proxy: str | None = None) -> None: ...

    def unregister(self) -> None: ...

    def set_proxy(self, uri: str) -> None: ...

    def set_user(self, user: str) -> None: ...

    def call(self, target: str) -> None: ...

    def answer(self) -> None: ...

    def decline(self) -> None: ...

    def hangup(self) -> None: ...

    def options(self, target: str) -> None: ...

    def reset_state(self) -> None: ...

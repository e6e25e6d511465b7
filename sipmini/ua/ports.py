"""What the phone needs of the layers below it.  Types only; `sipmini.stack` has these shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from sipmini.hop import Hop
from sipmini.message import Request, Response
from sipmini.transaction import ClientUser, ServerUser
from sipmini.uri import SipUri


class Timer(Protocol):
    """What `callLater` returns."""

    def active(self) -> bool: ...

    def cancel(self) -> object: ...


class Clock(Protocol):
    """The part of ``IReactorTime`` that is needed."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> Timer: ...


class ClientTransaction(Protocol):
    """A request of ours that is under way."""

    def cancel(self) -> None: ...


class ServerTransaction(Protocol):
    """A request of theirs that waits for its answer."""

    user: ServerUser | None

    def respond(self, response: Response) -> None: ...


class Stack(Protocol):
    """Transports and transactions of one element, put together."""

    def request(self, request: Request, hop: Hop, user: ClientUser) -> ClientTransaction:
        """Send a request in a transaction of its own, our Via on top."""

    def acknowledge(self, ack: Request, hop: Hop) -> None:
        """Send the ACK for a 2xx: once, in no transaction (RFC 3261 §13.2.2.4)."""

    def contact_for(self, hop: Hop) -> tuple[str, int]:
        """The address and port at which *hop* can reach us."""


class Resolver(Protocol):
    """RFC 3263."""

    def resolve(self, uri: SipUri) -> Deferred[list[Hop]]:
        """The places to try, in order; fails with Unresolvable."""

"""What the phone needs of its surroundings.  Types only: a reactor and the resolver have these shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from sipmini.hop import Hop
from sipmini.uri import SipUri


class Timer(Protocol):
    """What `callLater` returns."""

    def active(self) -> bool: ...

    def cancel(self) -> object: ...


class Clock(Protocol):
    """The part of ``IReactorTime`` that is needed."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> Timer: ...


class Resolver(Protocol):
    """RFC 3263."""

    def resolve(self, uri: SipUri, /) -> Deferred[list[Hop]]:
        """The places to try, in order; fails with Unresolvable."""

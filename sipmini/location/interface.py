"""What a store of bindings offers to the registrar and the proxy (RFC 3261 §10): pure declarations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from sipmini.location.binding import Binding

__all__ = ["Change", "LocationStore", "Put", "Remove"]


@frozen
class Put:
    """Add a binding, or replace the one with the same contact text."""

    binding: Binding

    @property
    def contact(self) -> str:
        """The contact text that is written."""
        return self.binding.contact


@frozen
class Remove:
    """Remove the binding with exactly this contact text; nothing happens if there is none."""

    contact: str


Change = Put | Remove


class LocationStore(Protocol):
    """The bindings of every address-of-record.

    Looking up is served from memory and never touches the disk.  Writing is durable when its
    Deferred has fired.
    """

    def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """The bindings of *aor* that have not expired at *now*: higher q first, then the newer first."""

    def knows(self, aor: str) -> bool:
        """Whether *aor* has registered at any time, also if no binding of it is left."""

    def apply(self, aor: str, changes: Sequence[Change]) -> Deferred[None]:
        """Write all of *changes* to the bindings of *aor*, or none of them.

        They can be seen by :meth:`bindings` at once, so that requests are processed in order
        (RFC 3261 §10.3), and the Deferred fires when they are on disk.  It fails with
        :class:`~sipmini.errors.StoreError` when they could not be written; they are undone by then.
        """

    def aors(self) -> tuple[str, ...]:
        """Every address-of-record with a binding that has not expired, sorted."""

    def count(self) -> int:
        """How many bindings are held, those included that expired a short while ago."""

    def close(self) -> Deferred[None]:
        """Write what still waits to be written and let go of the file; fires when that is done."""

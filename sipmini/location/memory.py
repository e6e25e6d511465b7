"""A store of bindings that lasts as long as the process: for tests and the simulated network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed

from sipmini.location.binding import Binding
from sipmini.location.index import BindingIndex
from sipmini.location.interface import Change

__all__ = ["MemoryLocation"]


class MemoryLocation:
    """A :class:`~sipmini.location.interface.LocationStore` without a file.

    *seconds* says the time, in seconds since 1970.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._index = BindingIndex()

    def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """See :meth:`~sipmini.location.interface.LocationStore.bindings`."""
        return self._index.valid(aor, now)

    def knows(self, aor: str) -> bool:
        """See :meth:`~sipmini.location.interface.LocationStore.knows`."""
        return aor in self._index

    def apply(self, aor: str, changes: Sequence[Change]) -> Deferred[None]:
        """See :meth:`~sipmini.location.interface.LocationStore.apply`; it never fails."""
        for change in changes:
            self._index.change(aor, change)
        return succeed(None)

    def aors(self) -> tuple[str, ...]:
        """See :meth:`~sipmini.location.interface.LocationStore.aors`."""
        return self._index.aors(self._seconds())

    def count(self) -> int:
        """See :meth:`~sipmini.location.interface.LocationStore.count`."""
        return len(self._index)

    def close(self) -> Deferred[None]:
        """Do nothing: there is no file."""
        return succeed(None)

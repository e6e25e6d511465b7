"""The bindings in memory, by address-of-record: pure, it touches neither disk nor clock."""

from __future__ import annotations

from collections.abc import Iterable

from sipmini.location.binding import Binding
from sipmini.location.interface import Change, Put

__all__ = ["BindingIndex"]

_NONE: tuple[Binding, ...] = ()


def _preference(binding: Binding) -> tuple[int, float]:
    return (-binding.q, -binding.updated_at)


class BindingIndex:
    """A dictionary of address-of-record to its bindings, best first.

    An address whose bindings are gone stays as an empty entry, which is how the proxy tells
    somebody who is away (480) from somebody who never was (404).
    """

    def __init__(self) -> None:
        self._by_aor: dict[str, tuple[Binding, ...]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, aor: str) -> bool:
        return aor in self._by_aor

    def valid(self, aor: str, now: float) -> tuple[Binding, ...]:
        """The bindings of *aor* that last beyond *now*, best first."""
        bindings = self._by_aor.get(aor, _NONE)
        for binding in bindings:
            if binding.expires_at <= now:
                return tuple(one for one in bindings if one.expires_at > now)
        return bindings

    def held(self, aor: str) -> tuple[Binding, ...]:
        """Every binding of *aor*, expired ones included."""
        return self._by_aor.get(aor, _NONE)

    def aors(self, now: float) -> tuple[str, ...]:
        """The addresses with a binding that lasts beyond *now*, sorted."""
        return tuple(sorted(aor for aor in self._by_aor if self.valid(aor, now)))

    def replace(self, aor: str, bindings: Iterable[Binding]) -> None:
        """Make *bindings* all that *aor* has."""
        held = tuple(sorted(bindings, key=_preference))
        self._count += len(held) - len(self._by_aor.get(aor, _NONE))
        self._by_aor[aor] = held

    def put(self, binding: Binding) -> None:
        """Add *binding*, or replace the one with the same contact text."""
        held = self._by_aor.get(binding.aor, _NONE)
        if not held or (len(held) == 1 and held[0].contact == binding.contact):
            self._by_aor[binding.aor] = (binding,)
            self._count += 1 - len(held)
            return
        self.replace(binding.aor, [*(one for one in held if one.contact != binding.contact), binding])

    def remove(self, aor: str, contact: str) -> None:
        """Remove the binding of *aor* with this contact text, if there is one."""
        self.replace(aor, [one for one in self.held(aor) if one.contact != contact])

    def change(self, aor: str, change: Change) -> None:
        """Carry out one change."""
        if isinstance(change, Put):
            self.put(change.binding)
        else:
            self.remove(aor, change.contact)

    def discard(self, aor: str) -> None:
        """Forget *aor*, unless it has bindings."""
        if not self._by_aor.get(aor):
            self._by_aor.pop(aor, None)

    def load(self, known: Iterable[str], bindings: Iterable[Binding]) -> None:
        """Fill an empty index with every address *known* and with *bindings*."""
        groups: dict[str, list[Binding]] = {}
        for binding in bindings:
            groups.setdefault(binding.aor, []).append(binding)
        self._by_aor = dict.fromkeys(known, _NONE)
        self._count = 0
        for aor, group in groups.items():
            self.replace(aor, group)

    def purge(self, now: float) -> None:
        """Drop every binding that has expired at *now*."""
        for aor, held in list(self._by_aor.items()):
            valid = self.valid(aor, now)
            if len(valid) != len(held):
                self.replace(aor, valid)

    def forget(self, limit: int) -> list[str]:
        """Forget the oldest addresses without bindings beyond *limit* of them; returns those forgotten."""
        idle = [aor for aor, held in self._by_aor.items() if not held]
        surplus = idle[: max(0, len(idle) - limit)]
        for aor in surplus:
            del self._by_aor[aor]
        return surplus

# test-case-name: tests.ua.test_events
"""What the phone tells whoever watches it: one value for each thing that happened.

The agent makes these and hands them to its observers; the console prints them, scripts wait for them. Pure
values: nothing here reads a clock, a socket or a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen, validators

__all__ = ["KINDS", "PhoneEvent"]

KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "state": ("old", "new"),
        "registered": ("until",),
        "unregistered": (),
        "registration-failed": ("status", "reason"),
        "ringing": ("peer",),
        "missed": ("peer", "reason"),
        "ringing_back": (),
        "answered": (),
        "call-failed": ("status", "reason"),
        "call-ended": ("by", "seconds", "reason"),
        "response": ("status", "phrase", "method"),
        "silence": ("where", "until"),
        "options-answer": ("status", "allow"),
        "message-dropped": (),
        "error": ("text",),
    }
)
"""Every kind of event, with the fields that always come with it (an event may carry more)."""


def _read_only(fields: Mapping[str, object]) -> Mapping[str, object]:
    """A copy nobody can change behind the back of the other observers."""
    return MappingProxyType(dict(fields))


@frozen
class PhoneEvent:
    """Something that happened to the phone.

    :ivar kind: one of :data:`KINDS`.
    :ivar at: when, in seconds of the Unix wall clock.
    :ivar text: the same in one plain sentence, for a person.
    :ivar fields: the same for a program: names and plain values (str, int, float, bool, None or lists of
        them).
    """

    kind: str = field(validator=validators.in_(KINDS))
    at: float
    text: str
    fields: Mapping[str, object] = field(factory=dict, converter=_read_only)

    def as_dict(self) -> dict[str, object]:
        """The event as one flat JSON object: ``event``, ``at`` (Unix seconds), ``text`` and the fields."""
        return {"event": self.kind, "at": self.at, **self.fields, "text": self.text}

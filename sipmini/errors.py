"""The exceptions of sipmini: one tree, whose messages are sentences for a person.

Two kinds are told apart: what somebody sent us (:class:`MalformedMessage`, which
carries the rule that answers it) and what we were asked to do and cannot
(:class:`Misuse`, :class:`BadSetting` and the rest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmini.reasons import Reason

if TYPE_CHECKING:
    from sipmini.message import Message


class SipminiError(Exception):
    """The root of every exception that sipmini raises on purpose."""


class MalformedMessage(SipminiError):
    """What arrived is not a SIP message, or not a whole one.

    :ivar reason: the rule that answers or drops it.
    :ivar message: as much of it as could be read, for the answer; ``None`` if nothing could.
    """

    def __init__(self, reason: Reason, message: Message | None = None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.message = message


class MalformedUri(SipminiError, ValueError):
    """The text is not a URI, or a sip: URI that breaks its grammar."""


class MalformedValue(SipminiError, ValueError):
    """A header value breaks its grammar."""


class Misuse(SipminiError):
    """What was asked does not fit the present state; nothing was done."""


class BadSetting(SipminiError):
    """A setting cannot be used.  The text names the file, the line and the remedy."""

    def __init__(self, problem: str, remedy: str, file: str | None = None, line: int | None = None) -> None:
        place = "" if file is None else f"{file}: " if line is None else f"{file}, line {line}: "
        super().__init__(f"{place}{problem}; {remedy}" if remedy else f"{place}{problem}")
        self.problem = problem
        self.remedy = remedy
        self.file = file
        self.line = line


class StoreError(SipminiError):
    """A file that holds state cannot be read or written.  The text names it and the remedy."""


class TransportFailure(SipminiError):
    """A message could not be handed to the network."""


class Unresolvable(SipminiError):
    """No address was found for a URI (RFC 3263)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason

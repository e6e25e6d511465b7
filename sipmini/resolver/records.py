# test-case-name: tests.resolver.test_locate
"""What is asked of a name, and what is answered: pure values, shared by zones, system and planner.

Names are lower-case text without the final dot; only the record types that RFC 3263 uses are here.
"""

from __future__ import annotations

from attrs import frozen

from sipmini.reasons import Reason

__all__ = ["Address", "Answer", "Naptr", "Question", "Record", "Srv"]


@frozen
class Question:
    """The records of one type at one name: ``type`` is ``A``, ``AAAA``, ``SRV`` or ``NAPTR``."""

    name: str
    type: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@frozen
class Address:
    """An A or AAAA record: ``host`` is the address as text."""

    host: str


@frozen
class Srv:
    """An SRV record (RFC 2782).  A ``target`` of ``""`` says: this service is not offered here."""

    priority: int
    weight: int
    port: int
    target: str


@frozen
class Naptr:
    """A NAPTR record (RFC 3403 §4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


Record = Address | Srv | Naptr


@frozen
class Answer:
    """What came of a question.

    :ivar records: the records, none if the name has none of that type.
    :ivar ttl: for how many seconds they may be kept.
    :ivar alias: if not empty, the name has another name (CNAME) which must be asked elsewhere.
    :ivar failure: why there is no answer at all; a name that does not exist is no failure.
    """

    records: tuple[Record, ...] = ()
    ttl: int = 0
    alias: str = ""
    failure: Reason | None = None

"""Requests and responses: frozen values over raw header lines, typed values read on demand.

A message does not know where it came from; that travels beside it.  Properties
that read a header raise :class:`~sipmini.errors.MalformedValue` where its value
breaks the grammar; :func:`sipmini.codec.check` finds that out beforehand.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from sipmini.errors import MalformedValue
from sipmini.fields import CSeq, NameAddr, Via, parse_cseq, parse_name_addr, parse_number, parse_via
from sipmini.grammar import split_commas
from sipmini.headers import Headers, format_line, value_of
from sipmini.reasons import Reason
from sipmini.uri import Uri, parse_uri

#: The values of Max-Forwards as everybody writes them.
_HOPS = {str(hops): hops for hops in range(256)}

T = TypeVar("T")
M = TypeVar("M", bound="Message")


def _parse_first_via(text: str) -> Via:
    return parse_via(split_commas(text)[0] if "," in text else text)


#: What every element reads of every message, and how.
_READ_BY_ALL: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("Via", _parse_first_via),
    ("From", parse_name_addr),
    ("To", parse_name_addr),
    ("CSeq", parse_cseq),
    ("Call-ID", str),
)


class Message:
    """What requests and responses have in common.

    :ivar headers: the header fields.
    :ivar body: the body, as octets.
    """

    __slots__ = ()

    headers: Headers
    body: bytes
    _read: dict[str, Any]

    def _typed(self, name: str, parse: Callable[[str], T]) -> T:
        value: T | None = self._read.get(name)
        if value is None:
            text = self.headers.first(name)
            if text is None:
                raise MalformedValue(f"there is no {name}")
            value = self._read[name] = parse(text)
        return value

    def read_by_all(self) -> None:
        """Read top Via, From, To, CSeq and Call-ID in one go: half a message's cost is in reading it.

        :raises ValueError: one of them is missing or breaks its grammar.
        """
        names, lines, read = self.headers.names, self.headers.lines, self._read
        for name, parse in _READ_BY_ALL:
            read[name] = parse(value_of(lines[names.index(name)]))

    def first(self, name: str) -> str | None:
        """The value of the first field *name*, ``None`` if there is none."""
        return self.headers.first(name)

    def values(self, name: str) -> list[str]:
        """The values of all fields *name*, comma lists taken apart."""
        return self.headers.values(name)

    @property
    def via(self) -> Via:
        """The topmost Via."""
        via: Via | None = self._read.get("Via")
        return via if via is not None else self._typed("Via", _parse_first_via)

    @property
    def vias(self) -> list[Via]:
        """All Vias, topmost first."""
        return [parse_via(text) for text in self.values("Via")]

    @property
    def to(self) -> NameAddr:
        """To."""
        return self._typed("To", parse_name_addr)

    @property
    def from_(self) -> NameAddr:
        """From."""
        return self._typed("From", parse_name_addr)

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return self._typed("Call-ID", str)

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        return self._typed("CSeq", parse_cseq)

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values but ``*``."""
        return [parse_name_addr(text) for text in self.values("Contact") if text != "*"]

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Route values, topmost first."""
        return [parse_name_addr(text) for text in self.values("Record-Route")]

    @property
    def content_type(self) -> str | None:
        """The media type of the body, in lower case and without parameters."""
        value = self.first("Content-Type")
        return None if value is None else value.partition(";")[0].strip().lower()

    @property
    def expires(self) -> int | None:
        """Expires in seconds; ``None`` if it is missing or not a number below 2**32 (§20.19)."""
        value = self.first("Expires")
        try:
            return None if value is None else parse_number("Expires", value, 2**32 - 1)
        except MalformedValue:
            return None

    if TYPE_CHECKING:
        # What the two kinds add.  (An abstract base class would make each isinstance() a search.)

        @property
        def start_line(self) -> bytes:
            """The first line, without its CRLF."""

        def with_headers(self: M, headers: Headers) -> M:
            """A copy with other header fields."""

    def __bytes__(self) -> bytes:
        return b"\r\n".join([self.start_line, *self.headers.lines, b"", self.body])


# Not frozen by attrs, though nobody changes them: that would double the time to make one.
@define(eq=False)
class Request(Message):
    """A request.

    :ivar method: as written; methods are case-sensitive.
    :ivar uri: the Request-URI as written.
    """

    method: str
    uri: str
    headers: Headers
    body: bytes = b""
    _read: dict[str, Any] = field(factory=dict, init=False, repr=False)

    def edited(self, headers: Headers, name: str, value: object = None, uri: str | None = None) -> Request:
        """A copy in which no field that has a property here differs but *name*, whose value is *value*.

        What was read of the others stays read, which is half of the work of forwarding.

        :param value: the typed value, ``None`` to have it read when it is asked for.
        :param uri: the Request-URI of the copy.
        """
        copy = Request(self.method, self.uri if uri is None else uri, headers, self.body)
        read = copy._read
        read.update(self._read)
        if value is not None:
            read[name] = value
        else:
            read.pop(name, None)
        return copy

    @property
    def start_line(self) -> bytes:
        return f"{self.method} {self.uri} SIP/2.0".encode("utf-8", "surrogateescape")

    def with_headers(self, headers: Headers) -> Request:
        """A copy with other header fields."""
        return Request(self.method, self.uri, headers, self.body)

    @property
    def target(self) -> Uri:
        """The Request-URI, read."""
        return parse_uri(self.uri)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, ``None`` if it is missing."""
        value: int | None = self._read.get("Max-Forwards")
        if value is None:
            text = self.headers.first("Max-Forwards")
            if text is not None:
                value = _HOPS.get(text)
                if value is None:
                    value = parse_number("Max-Forwards", text, 255)
                self._read["Max-Forwards"] = value
        return value

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values, topmost first."""
        return [parse_name_addr(text) for text in self.values("Route")]


@define(eq=False)
class Response(Message):
    """A response.

    :ivar status: the status code.
    :ivar phrase: the reason phrase.
    """

    status: int
    phrase: str
    headers: Headers
    body: bytes = b""
    _read: dict[str, Any] = field(factory=dict, init=False, repr=False)

    @property
    def start_line(self) -> bytes:
        return f"SIP/2.0 {self.status} {self.phrase}".encode("utf-8", "surrogateescape")

    def with_headers(self, headers: Headers) -> Response:
        """A copy with other header fields."""
        return Response(self.status, self.phrase, headers, self.body)


PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    486: "Busy Here",
    603: "Decline",
}


def make_request(
    method: str,
    uri: str,
    fields: Iterable[tuple[str, str]],
    body: bytes = b"",
    content_type: str | None = None,
) -> Request:
    """A request with these header fields, Content-Type if given, and Content-Length."""
    all_fields = [*fields]
    if content_type is not None:
        all_fields.append(("Content-Type", content_type))
    all_fields.append(("Content-Length", str(len(body))))
    return Request(method, uri, Headers.of(all_fields), body)


#: Characters of a reason phrase that we make: it is for a person to read at a glance.
_LONGEST_PHRASE = 120

_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


def make_response(
    request: Request,
    status: int | Reason,
    phrase: str | None = None,
    *,
    to_tag: str | None = None,
    fields: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """A response to *request* (§8.2.6): Vias, From, To, Call-ID and CSeq copied byte for byte.

    :param status: a status code, or the reason for refusing, whose rule has one.
    :param to_tag: put into To where the request's had none.
    :raises ValueError: the reason's rule answers nothing.
    """
    if isinstance(status, Reason):
        reason = status
        if reason.status is None:
            raise ValueError(f"{reason} is not answered")
        status, phrase = reason.status, reason.phrase if phrase is None else phrase
    elif phrase is None:
        phrase = PHRASES.get(status, "")
    names, lines = [], []
    source = request.headers
    for name, line in zip(source.names, source.lines, strict=True):
        if name in _COPIED or (name == "Timestamp" and status == 100):
            if name == "To" and to_tag is not None and not has_tag(source.first("To") or ""):
                line = line.rstrip() + f";tag={to_tag}".encode()
            names.append(name)
            lines.append(line)
    for name, value in fields:
        names.append(name)
        lines.append(format_line(name, value))
    if content_type is not None:
        names.append("Content-Type")
        lines.append(format_line("Content-Type", content_type))
    names.append("Content-Length")
    lines.append(b"Content-Length: %d" % len(body))
    return Response(status, clean_phrase(phrase), Headers(tuple(names), tuple(lines)), body)


def has_tag(address: str) -> bool:
    """Whether the text of a From or To has a tag; ``False`` where it cannot be read."""
    if "tag" not in address.lower():
        return False
    try:
        return parse_name_addr(address).tag is not None
    except ValueError:
        return ";tag=" in address.lower()


def clean_phrase(phrase: str) -> str:
    """*phrase* without anything that would end its line, and of bounded length.

    One that is longer ends after a word, with an ellipsis and what closes its parentheses.
    """
    text = "".join([char if char.isprintable() else " " for char in phrase[: _LONGEST_PHRASE + 1]])
    return text if len(text) <= _LONGEST_PHRASE else _shortened(text)


def _shortened(text: str) -> str:
    depth, depths = 0, [0]
    for char in text:
        depth = max(0, depth + (char == "(") - (char == ")"))
        depths.append(depth)
    fitting = [end for end in range(len(text)) if end + 3 + depths[end] <= _LONGEST_PHRASE]
    words = [end for end in fitting if text[end] in " ," and text[end - 1].isalnum()]
    end = words[-1] if words and 2 * words[-1] > fitting[-1] else fitting[-1]
    return f"{text[:end]}...{')' * depths[end]}"

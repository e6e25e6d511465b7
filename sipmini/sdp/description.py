# test-case-name: tests.sdp.test_description
"""A session description as a value: reading and writing it (RFC 4566, RFC 8866).

Pure: no sockets, no clock, no randomness. Reading is lenient where deployed agents differ (lines may end in
LF or CRLF, unknown attributes are kept unread) and strict in what gives a description its meaning: the order
of the lines and the lines that must be there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from attrs import evolve, field, frozen

from sipmini import reasons
from sipmini.errors import SipminiError
from sipmini.reasons import Reason

CONTENT_TYPE = "application/sdp"

# What one description may hold. Real ones have under 100 lines and a handful of streams; the bounds keep a
# hostile one from costing more than it is worth.
MAX_BYTES = 16_384
MAX_LINES = 512
MAX_STREAMS = 32
MAX_FORMATS = 64

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

# The letters of each section in the order RFC 8866 §9 allows them; r= and z= belong to the t= before them.
_SESSION_ORDER = "vosiuepcbtka"
_MEDIA_ORDER = "micbka"
_REPEATABLE = frozenset("epbta")

_LINE = re.compile(r"([a-z])=(.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,20}")
_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^_`a-z{|}~]+")
_MEDIA = re.compile(r"(\S+) ([0-9]{1,5})(?:/([0-9]{1,5}))? (\S+) (\S.*)")
_RTPMAP = re.compile(r"([0-9]{1,3}) ([^\s/]+)/([0-9]{1,9})(?:/([0-9]{1,3}))?")


class BadDescription(SipminiError):
    """A session description that cannot be used; ``reason`` is the rule it breaks.

    ``warning`` is the warn-code of RFC 3261 §20.43 that tells the other side what it was.
    """

    def __init__(self, reason: Reason, warning: int = 399) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.warning = warning


@frozen
class Codec:
    """An RTP encoding as a=rtpmap names it; ``payload_type`` is its number in RTP packets."""

    payload_type: int
    name: str
    clock_rate: int = 8000
    channels: int = 1

    @property
    def rtpmap(self) -> str:
        """The value of its a=rtpmap attribute (RFC 8866 §6.6)."""
        channels = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.payload_type} {self.name}/{self.clock_rate}{channels}"

    def same_encoding(self, other: Codec) -> bool:
        """Whether both name one encoding: the number does not matter, nor does the case of the name."""
        return (self.name.lower(), self.clock_rate, self.channels) == (
            other.name.lower(),
            other.clock_rate,
            other.channels,
        )


PCMU = Codec(0, "PCMU")
PCMA = Codec(8, "PCMA")

# RFC 3551 §6: numbers that mean something without an a=rtpmap.
_STATIC: dict[str, Codec] = {
    str(codec.payload_type): codec
    for codec in (PCMU, Codec(3, "GSM"), Codec(4, "G723"), PCMA, Codec(9, "G722"), Codec(18, "G729"))
}


@frozen
class Origin:
    """The o= line (RFC 8866 §5.2): who made the description, and which version of it this is."""

    username: str
    session_id: int
    version: int
    address_type: str
    address: str

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} IN {self.address_type} {self.address}"


@frozen
class Connection:
    """A c= line (RFC 8866 §5.7). ``address`` keeps a multicast TTL or count as written."""

    address_type: str
    address: str

    def __str__(self) -> str:
        return f"IN {self.address_type} {self.address}"


@frozen
class Attribute:
    """An a= line: a property (``value`` is None) or a name with a value."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value}"


def _lines(letter: str, values: Iterable[object]) -> list[str]:
    return [f"{letter}={value}" for value in values]


def _optional(letter: str, value: object | None) -> list[str]:
    return [] if value is None else [f"{letter}={value}"]


@frozen
class Media:
    """One m= line and what follows it (RFC 8866 §5.14). Port 0 means the stream is refused or closed."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    port_count: int = 1
    information: str | None = None
    connections: tuple[Connection, ...] = ()
    bandwidths: tuple[str, ...] = ()
    key: str | None = None
    attributes: tuple[Attribute, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name; "" for a property; None when it is absent."""
        return _attribute(self.attributes, name)

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The RTP encodings of the stream in order of preference; formats nothing explains are left out."""
        maps = {}
        for attribute in self.attributes:
            found = _RTPMAP.fullmatch(attribute.value or "") if attribute.name == "rtpmap" else None
            if found is not None:
                number, name, clock, channels = found.groups()
                maps[number] = Codec(int(number), name, int(clock), int(channels or 1))
        known = (maps.get(each) or _STATIC.get(each) for each in self.formats)
        return tuple(codec for codec in known if codec is not None)

    def _lines(self) -> list[str]:
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        return [
            f"m={self.kind} {self.port}{count} {self.protocol} {' '.join(self.formats)}",
            *_optional("i", self.information),
            *_lines("c", self.connections),
            *_lines("b", self.bandwidths),
            *_optional("k", self.key),
            *_lines("a", self.attributes),
        ]


@frozen
class SessionDescription:
    """A whole description. ``str()`` writes it in the order of RFC 8866 §5 with CRLF line ends.

    ``times`` holds t= lines, each with the r= lines under it (letter included) and a z= line if there is one.
    """

    origin: Origin
    name: str = "-"
    information: str | None = None
    uri: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()
    times: tuple[str, ...] = ("t=0 0",)
    key: str | None = None
    attributes: tuple[Attribute, ...] = ()
    media: tuple[Media, ...] = ()

    @classmethod
    def parse(cls, data: bytes | str) -> SessionDescription:
        """Read a description; raises `BadDescription` with the line that is wrong."""
        return _Reader(data).description()

    def attribute(self, name: str) -> str | None:
        """The value of the first session attribute of that name; "" for a property; None when absent."""
        return _attribute(self.attributes, name)

    def direction(self, stream: Media) -> str:
        """Which way media flows, seen by whoever wrote this; sendrecv if unsaid (RFC 3264 §5.1)."""
        for attributes in (stream.attributes, self.attributes):
            for each in attributes:
                if each.name in DIRECTIONS and each.value is None:
                    return each.name
        return "sendrecv"

    def connection_of(self, stream: Media) -> Connection | None:
        """Where media of the stream goes: its own c= line, else the session's."""
        return stream.connections[0] if stream.connections else self.connection

    def with_version(self, version: int) -> SessionDescription:
        """The same description under another version number (RFC 3264 §8)."""
        return evolve(self, origin=evolve(self.origin, version=version))

    def encode(self) -> bytes:
        """The bytes for a message body."""
        return str(self).encode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        lines = [
            "v=0",
            f"o={self.origin}",
            f"s={self.name}",
            *_optional("i", self.information),
            *_optional("u", self.uri),
            *_lines("e", self.emails),
            *_lines("p", self.phones),
            *_optional("c", self.connection),
            *_lines("b", self.bandwidths),
            *self.times,
            *_optional("k", self.key),
            *_lines("a", self.attributes),
        ]
        for stream in self.media:
            lines += stream._lines()
        return "".join(f"{line}\r\n" for line in lines)


def _attribute(attributes: Sequence[Attribute], name: str) -> str | None:
    for each in attributes:
        if each.name == name:
            return each.value or ""
    return None


# Reading


@frozen
class _Section:
    """The lines of the session part or of one media part, by letter; ``times`` keeps t=, r=, z= together."""

    values: dict[str, list[str]] = field(factory=dict)
    times: list[str] = field(factory=list)

    def one(self, letter: str) -> str | None:
        return self.values[letter][0] if letter in self.values else None

    def all(self, letter: str) -> list[str]:
        return self.values.get(letter, [])


def malformed(detail: str) -> BadDescription:
    """The error for a description that cannot be read, or does not answer what it should."""
    return BadDescription(reasons.MALFORMED_SESSION_DESCRIPTION.because(detail))


class _Reader:
    """Cuts the text into sections, holding the order of the lines, then reads each section's values."""

    def __init__(self, data: bytes | str) -> None:
        text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
        if len(text) > MAX_BYTES:
            raise malformed(f"longer than {MAX_BYTES} bytes")
        lines = text.replace("\r\n", "\n").split("\n")
        while lines and not lines[-1]:
            lines.pop()
        if len(lines) > MAX_LINES:
            raise malformed(f"more than {MAX_LINES} lines")
        self._sections: list[_Section] = []
        self._cut(lines)

    def _cut(self, lines: list[str]) -> None:
        section, order, position = _Section(), _SESSION_ORDER, -1
        self._sections.append(section)
        for number, line in enumerate(lines, 1):
            found = _LINE.fullmatch(line)
            if found is None or "\r" in line or "\0" in line:
                raise malformed(f"line {number} is not of the form letter=value")
            letter, value = found.groups()
            if letter == "m":
                section, order, position = _Section(), _MEDIA_ORDER, -1
                self._sections.append(section)
            if letter in "rz" and order is _SESSION_ORDER:
                if order[max(position, 0)] != "t":
                    raise malformed(f"line {number}: {letter}= stands without a t= before it")
                section.times.append(line)
                continue
            place = order.find(letter)
            if place < 0:
                raise malformed(f"line {number}: {letter}= is not understood here")
            # Several c= lines may stand in one media part (RFC 8866 §5.7), never in the session part.
            repeatable = letter in _REPEATABLE or (letter == "c" and order is _MEDIA_ORDER)
            if place < position or (place == position and not repeatable):
                raise malformed(f"line {number}: {letter}= is out of order")
            position = place
            if letter == "t":
                section.times.append(line)
            section.values.setdefault(letter, []).append(value)
        if len(self._sections) - 1 > MAX_STREAMS:
            raise malformed(f"more than {MAX_STREAMS} streams")

    def description(self) -> SessionDescription:
        session, *streams = self._sections
        for letter in "vost":
            if letter not in session.values:
                raise malformed(f"the {letter}= line is missing")
        if session.one("v") != "0":
            raise malformed("v= is not 0")
        connection = _one(session.all("c"), _read_connection)
        media = tuple(_read_media(each) for each in streams)
        if connection is None and any(each.port and not each.connections for each in media):
            raise malformed("a stream has no c= line and the session has none either")
        return SessionDescription(
            origin=_read_origin(session.values["o"][0]),
            name=session.values["s"][0],
            information=session.one("i"),
            uri=session.one("u"),
            emails=tuple(session.all("e")),
            phones=tuple(session.all("p")),
            connection=connection,
            bandwidths=tuple(session.all("b")),
            times=tuple(session.times),
            key=session.one("k"),
            attributes=tuple(map(_read_attribute, session.all("a"))),
            media=media,
        )


def _one(values: list[str], read: Callable[[str], Connection]) -> Connection | None:
    return read(values[0]) if values else None


def _read_origin(value: str) -> Origin:
    parts = value.split()
    if len(parts) != 6 or parts[3] != "IN" or parts[4] not in ("IP4", "IP6"):
        raise malformed(f"o={value[:80]} is not 'name id version IN IP4|IP6 address'")
    username, session_id, version, _, address_type, address = parts
    if not _NUMBER.fullmatch(session_id) or not _NUMBER.fullmatch(version):
        raise malformed(f"o={value[:80]}: session id and version must be numbers of at most 20 digits")
    return Origin(username, int(session_id), int(version), address_type, address)


def _read_connection(value: str) -> Connection:
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise malformed(f"c={value[:80]} is not 'IN IP4|IP6 address'")
    return Connection(parts[1], parts[2])


def _read_attribute(value: str) -> Attribute:
    name, colon, rest = value.partition(":")
    if not _TOKEN.fullmatch(name):
        raise malformed(f"a={value[:80]} has no attribute name")
    return Attribute(name, rest if colon else None)


def _read_media(section: _Section) -> Media:
    line = section.values["m"][0]
    found = _MEDIA.fullmatch(line)
    if found is None:
        raise malformed(f"m={line[:80]} is not 'media port protocol formats'")
    kind, port, count, protocol, formats = found.groups()
    if int(port) > 65_535:
        raise malformed(f"m={line[:80]}: there is no port {port}")
    names = tuple(formats.split())
    if len(names) > MAX_FORMATS:
        raise malformed(f"a stream has more than {MAX_FORMATS} formats")
    return Media(
        kind=kind,
        port=int(port),
        protocol=protocol,
        formats=names,
        port_count=int(count or 1),
        information=section.one("i"),
        connections=tuple(map(_read_connection, section.all("c"))),
        bandwidths=tuple(section.all("b")),
        key=section.one("k"),
        attributes=tuple(map(_read_attribute, section.all("a"))),
    )

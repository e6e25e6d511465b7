"""Header fields as they arrived: ordered, repeated, spelled and folded as the sender chose.

A field is a canonical name and its raw line.  Untouched fields go out byte for
byte; an edit makes a new :class:`Headers` that shares every other line.  Values
are cut out, decoded and unfolded only when somebody asks.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import define

from sipmini.grammar import TOKEN, comma_positions, split_commas, unfold

COMPACT_FORMS = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_SPECIAL_SPELLINGS = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "mime-version": "MIME-Version",
    "min-se": "Min-SE",
    "rack": "RAck",
    "rseq": "RSeq",
    "sip-etag": "SIP-ETag",
    "sip-if-match": "SIP-If-Match",
    "www-authenticate": "WWW-Authenticate",
}

#: Comma lists are never made of, nor cut out of, these (§7.3.1).
UNSPLITTABLE = frozenset({"Authorization", "Proxy-Authorization", "Proxy-Authenticate", "WWW-Authenticate"})

#: One value each, in which a comma separates nothing; or a date.
_WITHOUT_LISTS = UNSPLITTABLE | {
    "Call-ID",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "From",
    "Max-Forwards",
    "Organization",
    "Server",
    "Subject",
    "To",
    "User-Agent",
}

#: header-name and the blanks that may stand before the colon (HCOLON, §25.1).
_SPELLED = re.compile(rf"{TOKEN}[ \t]*".encode())
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 40


def canonical(name: str) -> str:
    """The canonical spelling of a header name: ``v`` and ``VIA`` are ``Via``."""
    lower = name.strip().lower()
    if lower in COMPACT_FORMS:
        return COMPACT_FORMS[lower]
    special = _SPECIAL_SPELLINGS.get(lower)
    return special or "-".join([part.capitalize() for part in lower.split("-")])


_COMMON = (
    *("Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Content-Length", "Content-Type"),
    *("Route", "Record-Route", "Expires", "Allow", "Supported", "Require", "Proxy-Require", "Unsupported"),
    *("User-Agent", "Server", "Accept", "Accept-Encoding", "Accept-Language", "Date", "Subject", "Warning"),
    *("Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Event", "Reason"),
    *("Session-Expires", "Min-SE", "Min-Expires", "Retry-After", "Timestamp", "Organization", "Path"),
)

#: Canonical names by what stands before the colon: the common ones, so that nobody can crowd them out,
#: and others as they are met; bounded.
KNOWN_NAMES: dict[bytes, str] = {
    **{name.encode(): name for name in _COMMON},
    **{name.lower().encode(): name for name in _COMMON},
    **{short.encode(): name for short, name in COMPACT_FORMS.items()},
}


def canonical_of_line(line: bytes) -> str:
    """The canonical name of a raw header line.

    :raises ValueError: it has no colon, or what stands before it is not a token.
    """
    spelled = line[: line.index(b":")]
    name = KNOWN_NAMES.get(spelled)
    if name is None:
        if not _SPELLED.fullmatch(spelled):
            raise ValueError(f"{spelled[:40]!r} is not the name of a header field")
        name = canonical(spelled.decode("ascii"))
        if len(KNOWN_NAMES) < _MOST_KNOWN and len(spelled) <= _LONGEST_KNOWN:
            KNOWN_NAMES[spelled] = name
    return name


def format_line(name: str, value: str) -> bytes:
    """The raw line of a field."""
    return f"{name}: {value}".encode("utf-8", "surrogateescape")


def value_of(line: bytes) -> str:
    """The value of a raw line, unfolded."""
    text = line.partition(b":")[2].decode("utf-8", "surrogateescape")
    return (unfold(text) if "\r" in text else text).strip()


@define
class Headers:
    """Ordered header fields.  A value: never changed once made, each edit makes another.

    (attrs could enforce that, but takes twice the time to make one, and each message needs several.)

    :ivar names: the canonical names.
    :ivar lines: the raw lines, without their CRLF, in the same order.
    """

    names: tuple[str, ...] = ()
    lines: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, fields: Iterable[tuple[str, str]]) -> Headers:
        """Headers made of ``(name, value)`` pairs."""
        pairs = [(canonical(name), value) for name, value in fields]
        return cls(
            tuple([name for name, _ in pairs]), tuple([format_line(name, value) for name, value in pairs])
        )

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def first(self, name: str) -> str | None:
        """The value of the first field *name*, unfolded; ``None`` if there is none."""
        try:
            return value_of(self.lines[self.names.index(name)])
        except ValueError:
            return None

    def each(self, name: str) -> list[str]:
        """The values of all fields *name*, one a field."""
        if name not in self.names:
            return []
        return [value_of(line) for known, line in zip(self.names, self.lines, strict=True) if known == name]

    def values(self, name: str) -> list[str]:
        """The values of all fields *name*, comma lists taken apart."""
        values = self.each(name)
        if name in _WITHOUT_LISTS:
            return values
        return [part for value in values for part in split_commas(value) if part]

    def count(self, name: str) -> int:
        """How many fields are called *name*."""
        return self.names.count(name)

    def items(self) -> list[tuple[str, str]]:
        """All fields as ``(canonical name, value)``."""
        return [(name, value_of(line)) for name, line in zip(self.names, self.lines, strict=True)]

    def lines_of(self, name: str) -> list[bytes]:
        """The raw lines of all fields *name*."""
        return [line for known, line in zip(self.names, self.lines, strict=True) if known == name]

    def prepended(self, name: str, value: str) -> Headers:
        """With a field put before the first of its name, or before everything."""
        names, lines, line = self.names, self.lines, format_line(name, value)
        at = names.index(name) if name in names else 0
        if at == 0:
            return Headers((name,) + names, (line,) + lines)
        return Headers((*names[:at], name, *names[at:]), (*lines[:at], line, *lines[at:]))

    def appended(self, name: str, value: str) -> Headers:
        """With a field put last."""
        return Headers((*self.names, name), (*self.lines, format_line(name, value)))

    def replaced(self, name: str, value: str) -> Headers:
        """With the first field *name* holding *value* and no other of that name; put last if new."""
        try:
            at = self.names.index(name)
        except ValueError:
            return self.appended(name, value)
        lines = self.lines[:at] + (format_line(name, value),) + self.lines[at + 1 :]
        replaced = Headers(self.names, lines)
        return replaced if self.names.count(name) == 1 else replaced._keep_first(name, at)

    def _keep_first(self, name: str, first: int) -> Headers:
        kept = [at for at, known in enumerate(self.names) if known != name or at == first]
        return Headers(tuple([self.names[at] for at in kept]), tuple([self.lines[at] for at in kept]))

    def without(self, name: str) -> Headers:
        """Without any field *name*."""
        if name not in self.names:
            return self
        kept = [at for at, known in enumerate(self.names) if known != name]
        return Headers(tuple([self.names[at] for at in kept]), tuple([self.lines[at] for at in kept]))

    def with_first_value(self, name: str, value: str) -> Headers:
        """With the first value of *name* replaced; the rest of its comma list stays byte for byte."""
        at = self.names.index(name)
        rest = _after_first_value(self.lines[at])
        line = format_line(name, value) + (b"," + rest if rest is not None else b"")
        return Headers(self.names, (*self.lines[:at], line, *self.lines[at + 1 :]))

    def without_first_value(self, name: str) -> Headers:
        """Without the first value of *name*; the rest of its comma list stays byte for byte."""
        at = self.names.index(name)
        names, lines = self.names, self.lines
        rest = _after_first_value(lines[at])
        if rest is None:
            return Headers((*names[:at], *names[at + 1 :]), (*lines[:at], *lines[at + 1 :]))
        line = name.encode() + b": " + rest.lstrip(b" \t\r\n")
        return Headers(names, (*lines[:at], line, *lines[at + 1 :]))


def _after_first_value(line: bytes) -> bytes | None:
    """What follows the first element of the comma list in *line*, ``None`` if it is the only one."""
    if b"," not in line:
        return None
    if b"<" not in line and b'"' not in line:
        return line.partition(b",")[2]
    # latin-1 keeps one character an octet, so the positions are those of the bytes.
    start = line.index(b":") + 1
    commas = comma_positions(line[start:].decode("latin-1"))
    return line[start + commas[0] + 1 :] if commas else None

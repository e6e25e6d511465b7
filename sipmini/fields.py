"""Typed header values: Via, From/To/Contact/Route (name-addr), CSeq.  Pure.

Each has a ``parse_x(text)`` that raises :class:`~sipmini.errors.MalformedValue`
or :class:`~sipmini.errors.MalformedUri`, and ``str()`` for the way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from attrs import define, field, frozen

from sipmini.errors import MalformedValue
from sipmini.grammar import (
    CSEQ,
    NAME_ADDR,
    TOKEN,
    VIA_PARM,
    format_params,
    is_ipv6_reference,
    parse_params,
    quote,
    unquote,
)
from sipmini.uri import SipUri, Uri, parse_uri

#: §8.1.1.5 asks for less than 2**31; senders that use all 32 bits are let pass.
MAX_CSEQ = 2**32 - 1
MAGIC_COOKIE = "z9hG4bK"
# The messages of a call repeat each other's values: so many of each kind, up to this length, are remembered
# once parsed.
_MOST_REMEMBERED = 2048
_LONGEST_REMEMBERED = 256


#: A Via as nearly everybody writes it: single spaces, a name or an IPv4 address, nothing quoted.
_PLAIN_VIA = re.compile(
    rf"SIP/2\.0/([A-Za-z]+) ([A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?)(?::([1-5]?[0-9]{{1,4}}))?"
    rf"((?:;{TOKEN}(?:=[^;\s\",=]*)?)*)"
)


@define
class Via:
    """One Via value (§20.42).  A value: never changed once made.

    :ivar transport: in upper case.
    :ivar host: of sent-by, an IPv6 address in brackets.
    :ivar port: of sent-by, ``None`` where none stands.
    """

    transport: str
    host: str
    port: int | None = None
    params: Mapping[str, str | None] = field(factory=dict)
    protocol: str = "SIP/2.0"

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{format_params(self.params)}"

    @property
    def sent_by(self) -> str:
        """host or host:port, as written."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def branch(self) -> str:
        """The branch parameter, ``""`` where there is none."""
        return self.params.get("branch") or ""

    @property
    def has_unique_branch(self) -> bool:
        """Whether the branch was made by an RFC 3261 element: the cookie and something after it."""
        branch = self.branch
        return len(branch) > 7 and branch[:7].lower() == "z9hg4bk"

    @property
    def received(self) -> str | None:
        """The address in ``received``, without brackets."""
        value = self.params.get("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The port in ``rport``, ``None`` if it has no value or none that is a port."""
        value = self.params.get("rport")
        return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None


def parse_via(text: str) -> Via:
    """Read one Via value."""
    return _remembered_via(text) if len(text) <= _LONGEST_REMEMBERED else _parse_via(text)


def _parse_via(text: str) -> Via:
    plain = _PLAIN_VIA.fullmatch(text)
    if plain is not None:
        return _plain_via(*plain.groups())
    match = VIA_PARM.fullmatch(text)
    if match is None:
        raise MalformedValue(f"Via {text[:80]!r}")
    name, version, transport, host, port_text, params = match.groups()
    if host[0] == "[" and not is_ipv6_reference(host):
        raise MalformedValue(f"Via {text[:80]!r}: {host} is not an IPv6 address")
    port = None if port_text is None else int(port_text)
    if port is not None and port > 65535:
        raise MalformedValue(f"Via {text[:80]!r}: {port} is not a port")
    return Via(transport.upper(), host, port, parse_params(params) if params else {}, f"{name}/{version}")


def _plain_via(transport: str, host: str, port_text: str | None, params_text: str) -> Via:
    params: dict[str, str | None] = {}
    for part in params_text.split(";")[1:]:
        name, equals, value = part.partition("=")
        params.setdefault(name.lower(), value if equals else None)
    return Via(transport.upper(), host, None if port_text is None else int(port_text), params)


_remembered_via = lru_cache(maxsize=_MOST_REMEMBERED)(_parse_via)


@frozen
class NameAddr:
    """A name-addr or addr-spec with the parameters of its header field (§20.10).

    :ivar display: the display name, unquoted; ``""`` where there is none.
    :ivar uri_text: the URI as written.
    """

    display: str
    uri_text: str
    params: Mapping[str, str | None] = field(factory=dict)

    def __str__(self) -> str:
        address = f"<{self.uri_text}>{format_params(self.params)}"
        return f"{quote(self.display)} {address}" if self.display else address

    @property
    def uri(self) -> Uri:
        """The URI, read."""
        return parse_uri(self.uri_text)

    @property
    def tag(self) -> str | None:
        """The tag parameter of From and To."""
        return self.params.get("tag")

    def param(self, name: str) -> str | None:
        """The value of a header parameter, ``""`` if it has none, ``None`` if it is not there."""
        return (self.params[name] or "") if name in self.params else None


def parse_name_addr(text: str) -> NameAddr:
    """Read one value of From, To, Contact, Route, Record-Route and their like."""
    return _remembered_name_addr(text) if len(text) <= _LONGEST_REMEMBERED else _parse_name_addr(text)


def _parse_name_addr(text: str) -> NameAddr:
    if "<" in text:
        match = NAME_ADDR.fullmatch(text)
        if match is None:
            raise MalformedValue(f"address {text[:80]!r}")
        quoted, display, uri_text, params = match.groups()
        parse_uri(uri_text)
        name = display.strip() if quoted is None else unquote(quoted)
        return NameAddr(name, uri_text, parse_params(params) if params else {})
    uri_text, semicolon, rest = text.partition(";")
    uri_text = uri_text.strip()
    uri = parse_uri(uri_text)
    if isinstance(uri, SipUri) and uri.headers or "," in uri_text or "?" in uri_text:
        raise MalformedValue(f"address {text[:80]!r}: a URI with a comma or question mark goes in <>")
    return NameAddr("", uri_text, parse_params(semicolon + rest) if semicolon else {})


_remembered_name_addr = lru_cache(maxsize=_MOST_REMEMBERED)(_parse_name_addr)


@frozen
class CSeq:
    """CSeq: a sequence number and a method (§20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_cseq(text: str) -> CSeq:
    """Read a CSeq value."""
    return _remembered_cseq(text) if len(text) <= _LONGEST_REMEMBERED else _parse_cseq(text)


def _parse_cseq(text: str) -> CSeq:
    match = CSEQ.fullmatch(text)
    if match is None:
        raise MalformedValue(f"CSeq {text[:80]!r}")
    number = parse_number("CSeq", match[1], MAX_CSEQ)
    return CSeq(number, match[2])


_remembered_cseq = lru_cache(maxsize=_MOST_REMEMBERED)(_parse_cseq)


def parse_number(name: str, text: str, maximum: int) -> int:
    """Read the decimal number that header *name* holds.

    :raises MalformedValue: it is not one, or above *maximum*.
    """
    if not (text.isdigit() and text.isascii()):
        raise MalformedValue(f"{name} {text[:80]!r}")
    if len(text) > 10:
        # Leading zeros are legal; int() of an endless row of digits is not something to offer the network.
        text = text.lstrip("0") or "0"
    number = int(text) if len(text) <= 10 else maximum + 1
    if number > maximum:
        raise MalformedValue(f"{name} {text[:80]!r}: above {maximum}")
    return number

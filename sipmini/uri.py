"""URIs: sip:, sips: (RFC 3261 §19.1), tel: (RFC 3966) and whatever else a header may hold.  Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from attrs import evolve, frozen

from sipmini.errors import MalformedUri
from sipmini.grammar import ABSOLUTE_URI, SIP_URI, is_ipv6_reference, unescape

Params = tuple[tuple[str, str | None], ...]

#: Parameters that must stand in both URIs or in neither for these to be equal (§19.1.4).
_ALL_OR_NONE = frozenset({"user", "ttl", "method", "maddr", "transport"})
#: What may stand unescaped in a user part (unreserved and user-unreserved, §25.1).
_PLAIN_IN_USER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()&=+$,;?/")
_VISUAL_SEPARATORS = re.compile(r"[\-.()]")
#: The escapes of the reserved set of RFC 2396 §2.2: ; / ? : @ & = + $ ,
_ESCAPED_RESERVED = re.compile(r"%(3b|2f|3f|3a|40|26|3d|2b|24|2c)", re.IGNORECASE)
#: Texts up to this length are remembered once parsed; longer ones are too dear to keep.
_REMEMBERED_LENGTH = 200


@frozen
class SipUri:
    """A sip: or sips: URI, its parts as they were written.

    :ivar host: the host; an IPv6 address in its brackets.
    :ivar port: the port, ``None`` where none stands.
    :ivar params: URI parameters in order, ``(name, value or None)``.
    :ivar headers: URI headers in order, names and values still escaped.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    password: str | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        text = f"{self.scheme}:"
        if self.user is not None:
            text += self.user if self.password is None else f"{self.user}:{self.password}"
            text += "@"
        text += self.host if self.port is None else f"{self.host}:{self.port}"
        for name, value in self.params:
            text += f";{name}" if value is None else f";{name}={value}"
        if self.headers:
            text += "?" + "&".join([f"{name}={value}" for name, value in self.headers])
        return text

    def param(self, name: str) -> str | None:
        """The value of parameter *name*, ``""`` if it has none, ``None`` if it is not there."""
        for known, value in self.params:
            if known.lower() == name:
                return value or ""
        return None

    def has_param(self, name: str) -> bool:
        """Whether parameter *name* is there, with or without a value."""
        return self.param(name) is not None

    def replace(self, **changes: Any) -> SipUri:
        """A copy with *changes*."""
        return evolve(self, **changes)

    def without_params(self, *names: str) -> SipUri:
        """A copy without the parameters *names*."""
        return evolve(self, params=tuple([pair for pair in self.params if pair[0].lower() not in names]))

    @property
    def user_name(self) -> str | None:
        """The user part with its escapes replaced."""
        return None if self.user is None else unescape(self.user)

    @property
    def address(self) -> str:
        """The host without the brackets of an IPv6 reference."""
        return self.host[1:-1] if self.host.startswith("[") else self.host

    def address_of_record(self, domain: str | None = None) -> str:
        """The canonical form that bindings are kept under (§10.3 step 5).

        Scheme, user and domain only: no port, no parameters; escapes that need not be are
        replaced.  sips: names the same person as sip:.

        :param domain: stands for the host, where that is one of several names for it.
        """
        host = (domain or self.host).lower()
        return f"sip:{host}" if self.user is None else f"sip:{_normal_user(self.user)}@{host}"


@frozen
class TelUri:
    """A tel: URI (RFC 3966).

    :ivar number: the digits as written, with a leading ``+`` where it is global.
    """

    number: str
    params: Params = ()
    scheme: str = "tel"

    def __str__(self) -> str:
        return f"tel:{self.number}" + "".join(
            [f";{name}" if value is None else f";{name}={value}" for name, value in self.params]
        )

    @property
    def digits(self) -> str:
        """The number without its visual separators (RFC 3966 §5)."""
        return _VISUAL_SEPARATORS.sub("", self.number)


@frozen
class OtherUri:
    """A URI of a scheme that sipmini carries but does not read."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | TelUri | OtherUri


def parse_uri(text: str) -> Uri:
    """Read a URI.

    :raises MalformedUri: it is none, or a sip: URI that breaks its grammar.
    """
    return _parse_remembered(text) if len(text) <= _REMEMBERED_LENGTH else _parse(text)


def parse_sip_uri(text: str) -> SipUri:
    """Read a sip: or sips: URI.

    :raises MalformedUri: it is anything else.
    """
    uri = parse_uri(text)
    if not isinstance(uri, SipUri):
        raise MalformedUri(f"{text[:80]!r} is not a sip: URI")
    return uri


def _parse(text: str) -> Uri:
    match = SIP_URI.fullmatch(text)
    if match is not None:
        return _sip_uri(match, text)
    other = ABSOLUTE_URI.fullmatch(text)
    if other is None:
        raise MalformedUri(f"{text[:80]!r} is not a URI")
    scheme = other["scheme"].lower()
    if scheme in ("sip", "sips"):
        raise MalformedUri(f"{text[:80]!r} breaks the grammar of {scheme}: URIs")
    if scheme == "tel":
        number, *params = other["rest"].split(";")
        return TelUri(number, tuple([_param(part) for part in params]))
    return OtherUri(other["scheme"], other["rest"])


_parse_remembered = lru_cache(maxsize=4096)(_parse)


def _sip_uri(match: re.Match[str], text: str) -> SipUri:
    scheme, user, password, host, port_text, params_text, headers_text = match.group(
        "scheme", "user", "password", "host", "port", "params", "headers"
    )
    if host[0] == "[" and not is_ipv6_reference(host):
        raise MalformedUri(f"{host[:80]!r} in {text[:80]!r} is not an IPv6 address")
    port = None if port_text is None else int(port_text)
    if port is not None and port > 65535:
        raise MalformedUri(f"{port} in {text[:80]!r} is not a port")
    params: Params = ()
    if params_text:
        params = tuple([_param(part) for part in params_text[1:].split(";")])
    headers: tuple[tuple[str, str], ...] = ()
    if headers_text:
        pairs = [part.partition("=") for part in headers_text.split("&")]
        headers = tuple([(name, value) for name, _, value in pairs])
    return SipUri(scheme.lower(), user, host, port, password, params, headers)


def _param(part: str) -> tuple[str, str | None]:
    name, equals, value = part.partition("=")
    return (name, value if equals else None)


def _normal_user(user: str) -> str:
    """*user* with every escape replaced that need not be one, the rest in upper case."""
    if "%" not in user:
        return user
    octets = unescape(user).encode("utf-8", "surrogateescape")
    return "".join([chr(octet) if octet in _PLAIN_IN_USER else f"%{octet:02X}" for octet in octets])


def _plain(text: str) -> str:
    """*text* with its escapes replaced, but those of reserved characters: these differ from the bare ones."""
    if "%" not in text:
        return text
    # A lone surrogate marks them: no escaped octets stand for one.
    return unescape(_ESCAPED_RESERVED.sub(lambda match: f"\ud800{match[1].upper()}", text))


def _same_text(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or _plain(one) == _plain(other)


def _same_host(one: str, other: str) -> bool:
    if one.lower() == other.lower():
        return True
    if one.startswith("[") and other.startswith("["):
        return IPv6Address(one[1:-1]) == IPv6Address(other[1:-1])
    return False


def _same_params(one: SipUri, other: SipUri) -> bool:
    ours = {_plain(name).lower(): value for name, value in one.params}
    theirs = {_plain(name).lower(): value for name, value in other.params}
    for name in ours.keys() | theirs.keys():
        if name in ours and name in theirs:
            if _plain(ours[name] or "").lower() != _plain(theirs[name] or "").lower():
                return False
        elif name in _ALL_OR_NONE:
            return False
    return True


def _same_headers(one: SipUri, other: SipUri) -> bool:
    def normal(uri: SipUri) -> list[tuple[str, str]]:
        return sorted((_plain(name).lower(), _plain(value)) for name, value in uri.headers)

    return normal(one) == normal(other)


def _tel_params(uri: TelUri) -> dict[str, str]:
    params = {name.lower(): (value or "").lower() for name, value in uri.params}
    for name, value in params.items():
        if name == "ext" or (name == "phone-context" and value.startswith("+")):
            params[name] = _VISUAL_SEPARATORS.sub("", value)
    return params


def uri_equal(one: Uri, other: Uri) -> bool:
    """Whether two URIs are equal by the rules of their scheme (§19.1.4, RFC 3966 §4)."""
    if isinstance(one, SipUri) and isinstance(other, SipUri):
        return (
            one.scheme == other.scheme
            and one.port == other.port
            and _same_text(one.user, other.user)
            and _same_text(one.password, other.password)
            and _same_host(one.host, other.host)
            and _same_params(one, other)
            and _same_headers(one, other)
        )
    if isinstance(one, TelUri) and isinstance(other, TelUri):
        return one.digits.lower() == other.digits.lower() and _tel_params(one) == _tel_params(other)
    if isinstance(one, OtherUri) and isinstance(other, OtherUri):
        return one.scheme.lower() == other.scheme.lower() and one.rest == other.rest
    return False

"""Productions of RFC 3261 §25.1, each written once under its own name.

Texts are ``str`` with ``surrogateescape``, so that octets which are not UTF-8 pass
through unharmed.  Pure: nothing but patterns and the functions that apply them.

Deliberate leniency, because phones in the field need it and nothing is guessed by
it: ``#`` stands unescaped in the user part (dial strings such as ``*21#``), a
host label may hold ``_``, a display name may hold UTF-8 without quotes, a
parameter value may be empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address

from sipmini.errors import MalformedValue

#: token, §25.1
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
#: quoted-string: DQUOTE *(qdtext / quoted-pair) DQUOTE
QUOTED_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
#: hostname / IPv4address / IPv6reference; IPv6 is checked by :func:`is_host`
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?)"
_ESCAPED = r"%[0-9A-Fa-f]{2}"
_USER_CHARS = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/#]"
_PASSWORD_CHARS = r"[A-Za-z0-9\-_.!~*'()&=+$,]"
_PARAM_CHARS = r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$]"
_HEADER_CHARS = r"[A-Za-z0-9\-_.!~*'()\[\]/?:+$]"


def _with_escapes(chars: str) -> str:
    # Unrolled, so that no text can make the pattern backtrack more than linearly.
    return f"{chars}*(?:{_ESCAPED}{chars}*)*"


_PARAM_TEXT = _with_escapes(_PARAM_CHARS)
_HEADER_TEXT = _with_escapes(_HEADER_CHARS)

#: SIP-URI / SIPS-URI
SIP_URI = re.compile(
    rf"(?P<scheme>sips?):"
    rf"(?:(?P<user>(?=[^:@]){_with_escapes(_USER_CHARS)})"
    rf"(?::(?P<password>{_with_escapes(_PASSWORD_CHARS)}))?@)?"
    rf"(?P<host>{HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    rf"(?P<params>(?:;(?=[^;?=]){_PARAM_TEXT}(?:={_PARAM_TEXT})?)*)"
    rf"(?:\?(?P<headers>(?=.){_HEADER_TEXT}={_HEADER_TEXT}(?:&{_HEADER_TEXT}={_HEADER_TEXT})*))?",
    re.IGNORECASE,
)
#: absoluteURI, as much of it as tells a URI from rubbish
ABSOLUTE_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?P<rest>[^\s<>\"]+)")

WHOLE_TOKEN = re.compile(TOKEN)
WHOLE_HOST = re.compile(HOST)
#: name-addr: [ display-name ] LAQUOT addr-spec RAQUOT, and the parameters after it
NAME_ADDR = re.compile(
    rf"(?:\s*(?P<quoted>{QUOTED_STRING})\s*|(?P<display>[A-Za-z0-9\-.!%*_+`'~\s\x80-\U0010ffff]*))"
    rf"<(?P<uri>[^<>]*)>\s*(?P<params>;.*)?",
    re.DOTALL,
)
#: sent-protocol LWS sent-by, and the parameters after it
VIA_PARM = re.compile(
    rf"\s*(?P<name>{TOKEN})\s*/\s*(?P<version>{TOKEN})\s*/\s*(?P<transport>{TOKEN})\s+"
    rf"(?P<host>{HOST})(?:\s*:\s*(?P<port>[0-9]{{1,5}}))?\s*(?P<params>;.*)?",
    re.DOTALL,
)
CSEQ = re.compile(rf"([0-9]+)\s+({TOKEN})")
DELTA_SECONDS = re.compile(r"[0-9]+")

_PARAM = re.compile(
    rf"\s*;\s*({TOKEN})(?:\s*=\s*({QUOTED_STRING}|[^;\s\",]*))?\s*",
    re.DOTALL,
)
_PLAIN_PARAMS = re.compile(rf"(?:;{TOKEN}(?:=[^;\s\",=]*)?)+")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED_OCTETS = re.compile(rf"(?:{_ESCAPED})+")
# The look-behind keeps a long row of blanks that ends in no fold from being tried from each of them.
_FOLD = re.compile(r"(?<![ \t])[ \t]*\r\n[ \t]+")


def unfold(text: str) -> str:
    """Join the lines of a folded header value with one space (§7.3.1)."""
    return _FOLD.sub(" ", text) if "\r" in text else text


def quote(text: str) -> str:
    """*text* as a quoted-string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote(text: str) -> str:
    """The text that a quoted-string stands for; anything else comes back as it is."""
    if len(text) >= 2 and text[0] == '"' == text[-1]:
        return _QUOTED_PAIR.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]
    return text


def unescape(text: str) -> str:
    """*text* with its ``%HH`` escapes replaced, once (§19.1.2)."""
    if "%" not in text:
        return text
    return _ESCAPED_OCTETS.sub(
        lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogateescape"), text
    )


@lru_cache(maxsize=1024)
def is_ipv6_reference(host: str) -> bool:
    """Whether *host* is ``[`` IPv6address ``]``."""
    if not (host.startswith("[") and host.endswith("]")) or len(host) > 64:
        return False
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Whether *text* is a host: a name, an IPv4 address or a bracketed IPv6 address."""
    return bool(WHOLE_HOST.fullmatch(text)) and (text[0] != "[" or is_ipv6_reference(text))


def split_commas(text: str) -> list[str]:
    """The elements of a comma list; commas in quotes and in ``<>`` separate nothing (§7.3.1)."""
    if "," not in text:
        return [text]
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(",")]
    parts = []
    start = 0
    for end in comma_positions(text):
        parts.append(text[start:end].strip())
        start = end + 1
    parts.append(text[start:].strip())
    return parts


def comma_positions(text: str) -> list[int]:
    """Where the commas stand in *text* that separate list elements."""
    positions = []
    quoted = escaped = angled = False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            if char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            angled = True
        elif char == ">":
            angled = False
        elif char == "," and not angled:
            positions.append(position)
    return positions


def parse_params(text: str) -> dict[str, str | None]:
    """Parameters as in ``;name=value;flag``, names in lower case, values as written.

    :raises MalformedValue: it is something else.
    """
    params: dict[str, str | None] = {}
    if '"' not in text and _PLAIN_PARAMS.fullmatch(text) is not None:
        # Nothing quoted and no white space: one look at the whole is enough.
        for part in text[1:].split(";"):
            name, equals, value = part.partition("=")
            params.setdefault(name.lower(), value if equals else None)
        return params
    position = 0
    while position < len(text):
        match = _PARAM.match(text, position)
        if match is None:
            raise MalformedValue(f"parameters {text[position : position + 40]!r}")
        params.setdefault(match[1].lower(), match[2])
        position = match.end()
    return params


def format_params(params: Mapping[str, str | None]) -> str:
    """The text of parameters: ``;name=value;flag``."""
    text = ""
    for name, value in params.items():
        text += f";{name}" if value is None else f";{name}={value}"
    return text

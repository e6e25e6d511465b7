# test-case-name: tests.test_decoded
"""The decoded form of a message: plain dictionaries and lists, ready for JSON, and the way back.  Pure.

A request is ``{"Request": {"Method": "INVITE", "uri": "sip:bob@biloxi.com"}, "Fields": {...}, "Body":
"..."}``, a response has ``{"Method": "response", "Response Code": 180, "Response Description": "Ringing"}``
instead. ``Fields`` holds the header fields by their canonical names, in the order of their first
appearance: ``Via`` as a list of ``{"protocol", "uri", "port", "branch", ...}``, each of the others as its
text, or as a list of texts where it is repeated; ``Max-Forwards`` and ``Content-Length`` as numbers.
``Body`` is text, or ``{"base64": "..."}`` where the octets are not UTF-8, and is left out where there is
none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from sipmini.errors import MalformedValue
from sipmini.fields import Via, parse_via
from sipmini.grammar import WHOLE_TOKEN
from sipmini.headers import Headers, canonical
from sipmini.message import Message, Request, Response

__all__ = ["as_dict", "from_dict"]

NUMBERS: Final = frozenset({"Max-Forwards", "Content-Length"})
"""Header fields whose value is a number in the decoded form."""

_BREAKS_A_LINE: Final = re.compile(r"[\r\n]")
_VIA_ITSELF: Final = frozenset({"protocol", "uri", "port"})


def as_dict(message: Message) -> dict[str, object]:
    """The decoded form of a message.  Values that cannot be read are given as they stand."""
    decoded: dict[str, object] = {"Request": _start_line(message), "Fields": _fields(message.headers)}
    if message.body:
        decoded["Body"] = _body(message.body)
    return decoded


def from_dict(decoded: object) -> Request | Response:
    """The message that a decoded form describes.

    ``Content-Length`` is as the form says, right or wrong; where it is left out, it is that of the body.

    :raises MalformedValue: the form lacks something, or holds what no message can hold.
    """
    form = _mapping(decoded, "the message")
    line = _mapping(form.get("Request"), '"Request"')
    body = _octets(form.get("Body"))
    fields = list(_lines(_mapping(form.get("Fields"), '"Fields"')))
    if not any(name == "Content-Length" for name, _ in fields):
        fields.append(("Content-Length", str(len(body))))
    method = line.get("Method")
    if method == "response":
        return Response(
            _status(line), _text(line.get("Response Description", ""), "the phrase"), Headers.of(fields), body
        )
    if not isinstance(method, str) or not WHOLE_TOKEN.fullmatch(method):
        raise MalformedValue(f'"Method" is {method!r}, which is no method')
    uri = line.get("uri")
    if not isinstance(uri, str) or not re.fullmatch(r"[^\s\0]+", uri):
        raise MalformedValue(f'"uri" is {uri!r}, which is no Request-URI')
    return Request(method, uri, Headers.of(fields), body)


def _start_line(message: Message) -> dict[str, object]:
    if isinstance(message, Response):
        return {
            "Method": "response",
            "Response Code": message.status,
            "Response Description": message.phrase,
        }
    assert isinstance(message, Request)
    return {"Method": message.method, "uri": message.uri}


def _fields(headers: Headers) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name in dict.fromkeys(headers.names):
        if name == "Via":
            fields[name] = [_via(value) for value in headers.values(name)]
            continue
        values = [_value(name, value) for value in headers.each(name)]
        fields[name] = values[0] if len(values) == 1 else values
    return fields


def _via(text: str) -> object:
    try:
        via = parse_via(text)
    except MalformedValue:
        return text
    if _VIA_ITSELF & via.params.keys():
        return text
    port = {} if via.port is None else {"port": via.port}
    return {"protocol": f"{via.protocol}/{via.transport}", "uri": via.host, **port, **via.params}


def _value(name: str, text: str) -> object:
    number = name in NUMBERS and text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if number and str(int(text)) == text else text


def _body(body: bytes) -> object:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise MalformedValue(f"{what} is missing" if value is None else f"{what} is not an object")
    return value


def _status(line: Mapping[str, object]) -> int:
    status = line.get("Response Code")
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 699:
        raise MalformedValue(f'"Response Code" is {status!r}, which is no status code')
    return status


def _text(value: object, what: str) -> str:
    """A value as it is to stand in a line; nothing that ends the line gets into it."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise MalformedValue(f"{what} is {value!r}, which is neither text nor a number")
    text = str(value)
    if _BREAKS_A_LINE.search(text):
        raise MalformedValue(f"{what} has a line break in it")
    return text


def _octets(body: object) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode("utf-8", "surrogateescape")
    encoded = _mapping(body, '"Body"').get("base64")
    try:
        return base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedValue('"Body" is neither text nor {"base64": ...}') from None


def _lines(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if not WHOLE_TOKEN.fullmatch(name):
            raise MalformedValue(f"{name!r} is no name of a header field")
        for one in value if isinstance(value, list) else [value]:
            yield canonical(name), _via_text(one) if isinstance(one, Mapping) else _text(one, name)


def _via_text(via: Mapping[str, object]) -> str:
    """A Via value made of its decoded form."""
    name, _, transport = _text(via.get("protocol"), "the protocol of a Via").rpartition("/")
    port = via.get("port")
    if port is not None and (isinstance(port, bool) or not isinstance(port, int)):
        raise MalformedValue(f"the port of a Via is {port!r}, which is no number")
    params = {
        key: None if value is None else _text(value, f"{key} of a Via")
        for key, value in via.items()
        if key not in _VIA_ITSELF
    }
    host = _text(via.get("uri"), "the uri of a Via")
    # Written and read again, so that no part of it can pass for another.
    text = str(Via(transport, host, port, params, name))
    if parse_via(text).params.keys() != params.keys():
        raise MalformedValue(f"Via {text[:80]!r}: a parameter cannot be written like that")
    return text

"""Bytes to message and back, without state.  Pure.

:func:`decode` reads start line, header lines and body; it looks into no header
value but Content-Length.  :func:`check` then looks at the values that every
element needs.  What is wrong is told by a rule of :mod:`sipmini.reasons`.
"""

from __future__ import annotations

import re

from sipmini import reasons
from sipmini.errors import MalformedMessage, MalformedUri, MalformedValue
from sipmini.fields import parse_name_addr, parse_number
from sipmini.grammar import TOKEN, WHOLE_TOKEN
from sipmini.headers import KNOWN_NAMES, Headers, canonical_of_line
from sipmini.message import Message, Request, Response
from sipmini.reasons import Reason
from sipmini.uri import SipUri

#: The largest message read, and the most header fields in one.
MAX_MESSAGE = 65535
MAX_FIELDS = 256

_REQUEST_LINE = re.compile(rf"({TOKEN}) (\S+) SIP/2\.0".encode(), re.IGNORECASE)
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: ([^\r\n]*))?", re.IGNORECASE)
_OTHER_VERSION = re.compile(rb"(?:\S+ \S+ SIP/(?!2\.0$)[0-9]+\.[0-9]+)", re.IGNORECASE)
_LOOKS_LIKE_REQUEST = re.compile(rb"\S.*\bSIP/[0-9]", re.IGNORECASE | re.DOTALL)

_LINE_ENDS = (b"\r", b"\n")
#: CR or LF that is not part of a fold.
_BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n|\r\n(?![ \t])")
_METHODS = {
    name.encode(): name
    for name in (
        *("INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS"),
        *("INFO", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE"),
    )
}

#: Header fields without which a message is none, and of which a second one makes it ambiguous.
_ONCE = ("From", "To", "Call-ID", "CSeq")


def decode(data: bytes) -> Request | Response:
    """Read the message that *data* (one datagram, or one framed piece of a stream) holds.

    Empty lines before it are ignored (§7.5), octets after its body dropped (§18.3).

    :raises MalformedMessage: with the rule, and what could be read for the answer.
    """
    if len(data) > MAX_MESSAGE:
        raise MalformedMessage(reasons.TOO_LARGE.because(f"{len(data)} octets"))
    if data[:1] in _LINE_ENDS:
        data = data.lstrip(b"\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        raise _no_end(data)
    lines = head.splitlines()
    # Was each line end a CRLF, and are all names known? Then nothing is folded and nothing is wrong.
    if sum(map(len, lines)) + 2 * len(lines) - 2 == len(head) and len(lines) <= MAX_FIELDS:
        start_line, fields = lines[0], tuple(lines[1:])
        try:
            names = [
                KNOWN_NAMES[name] for name, colon, _ in [line.partition(b":") for line in fields] if colon
            ]
        except KeyError:
            names = []
        if len(names) == len(fields):
            message = _read_start_line(start_line, Headers(tuple(names), fields), body)
            if b"Content-Length: %d" % len(body) in fields and names.count("Content-Length") == 1:
                return message
            return _with_cut_body(message)
    return _decode_carefully(head, body)


def _decode_carefully(head: bytes, body: bytes) -> Request | Response:
    """:func:`decode` for what has folded lines, names never met before, or something wrong."""
    lines = _joined(head.split(b"\r\n"))
    headers, unreadable = _read_headers(lines[1:])
    message = _read_start_line(lines[0], headers, body)
    if unreadable is not None:
        raise _malformed(unreadable, message)
    return _with_cut_body(message)


def encode(message: Message) -> bytes:
    """The bytes of *message*, untouched header lines as they came."""
    return message.__bytes__()


def _joined(lines: list[bytes]) -> list[bytes]:
    """Folded lines put back together, their line ends kept inside (§7.3.1)."""
    joined = lines[:1]
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t") and len(joined) > 1:
            joined[-1] += b"\r\n" + line
        else:
            joined.append(line)
    return joined


def _read_headers(lines: list[bytes]) -> tuple[Headers, Reason | None]:
    """The header fields that *lines* hold, and the rule that the first of the others breaks."""
    if len(lines) > MAX_FIELDS:
        return Headers(), reasons.TOO_LARGE.because(f"{len(lines)} header fields")
    names, good = [], []
    unreadable = None
    for line in lines:
        try:
            name = canonical_of_line(line)
            if _BARE_LINE_END.search(line):
                # Whoever takes it for a line end would read another message than we do (§25.1).
                raise ValueError("a CR or LF that ends no line")
        except ValueError:
            unreadable = unreadable or reasons.BAD_HEADER_LINE.because(repr(line[:60])[1:])
        else:
            names.append(name)
            good.append(line)
    return Headers(tuple(names), tuple(good)), unreadable


def _read_start_line(line: bytes, headers: Headers, body: bytes) -> Request | Response:
    words = line.split(b" ")
    if len(words) == 3 and words[2] == b"SIP/2.0" and words[1]:
        # The common case, without a pattern; what else may be wrong with the URI shows when it is read.
        method = _METHODS.get(words[0])
        if method is not None:
            return Request(method, words[1].decode("utf-8", "surrogateescape"), headers, body)
    match = _REQUEST_LINE.fullmatch(line)
    if match is not None:
        return Request(match[1].decode("ascii"), match[2].decode("utf-8", "surrogateescape"), headers, body)
    match = _STATUS_LINE.fullmatch(line)
    if match is not None:
        return Response(int(match[1]), (match[2] or b"").decode("utf-8", "surrogateescape"), headers, body)
    raise _bad_start_line(line, headers, body)


def _bad_start_line(line: bytes, headers: Headers, body: bytes) -> MalformedMessage:
    shown = repr(line[:60])[1:]
    if line[:4].upper() == b"SIP/":
        return MalformedMessage(reasons.MALFORMED_RESPONSE.because(f"status line {shown}"))
    if not _LOOKS_LIKE_REQUEST.match(line):
        return MalformedMessage(reasons.NOT_SIP.because(shown))
    words = line.split()
    method = words[0].decode("utf-8", "surrogateescape")
    request = Request(method, b" ".join(words[1:-1]).decode("utf-8", "surrogateescape"), headers, body)
    if _OTHER_VERSION.fullmatch(line):
        return MalformedMessage(reasons.BAD_VERSION.because(words[-1].decode("ascii", "replace")), request)
    if WHOLE_TOKEN.fullmatch(method) and len(words) > 3 and len(line) == len(b" ".join(words)):
        return MalformedMessage(reasons.BAD_REQUEST_URI.because(f"spaces in {request.uri[:60]!r}"), request)
    return MalformedMessage(reasons.BAD_START_LINE.because(shown), request)


def _no_end(data: bytes) -> MalformedMessage:
    """The rule for *data* in which no empty line ends the header fields."""
    detail = "the lines end in LF alone, not in CRLF" if b"\n\n" in data else ""
    lines = _joined(data.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n"))
    headers, _ = _read_headers(lines[1:])
    try:
        message = _read_start_line(lines[0].rstrip(b"\r"), headers, b"")
    except MalformedMessage as error:
        return error
    return _malformed(reasons.NO_END_OF_HEADERS.because(detail), message)


def _malformed(reason: Reason, message: Request | Response) -> MalformedMessage:
    """The error for *message*: answered if it is a request, discarded if a response."""
    if isinstance(message, Response):
        return MalformedMessage(reasons.MALFORMED_RESPONSE.because(str(reason)))
    return MalformedMessage(reason, message)


def content_length(headers: Headers) -> int | None:
    """Content-Length, ``None`` if it is missing.

    :raises MalformedValue: it is not a number, or two fields disagree.
    """
    if "Content-Length" not in headers.names:
        return None
    lengths = {parse_number("Content-Length", text, 2**32 - 1) for text in headers.each("Content-Length")}
    if len(lengths) > 1:
        raise MalformedValue(f"Content-Length {sorted(lengths)}")
    return lengths.pop()


def _with_cut_body(message: Request | Response) -> Request | Response:
    """*message* with the body that Content-Length allows (§18.3)."""
    try:
        length = content_length(message.headers)
    except MalformedValue as error:
        raise _malformed(reasons.BAD_CONTENT_LENGTH.because(str(error)), message) from None
    present = len(message.body)
    if length is None or length == present:
        return message
    if length > present:
        raise _malformed(reasons.SHORT_BODY.because(f"{present} octets of {length}"), message)
    if isinstance(message, Request):
        return Request(message.method, message.uri, message.headers, message.body[:length])
    return Response(message.status, message.phrase, message.headers, message.body[:length])


def check(message: Message) -> Reason | None:
    """The rule that *message* breaks in what every element must be able to read, if any (§8.1.1, §16.3).

    Values that it reads stay read: the properties of a message that passed do not raise,
    for Via, From, To, Call-ID, CSeq and Max-Forwards.
    """
    names = message.headers.names
    if "Via" not in names:
        return reasons.MISSING_HEADER.because("Via")
    for name in _ONCE:
        if names.count(name) != 1:
            rule = reasons.REPEATED_HEADER if name in names else reasons.MISSING_HEADER
            return rule.because(name)
    if names.count("Max-Forwards") > 1:
        return reasons.REPEATED_HEADER.because("Max-Forwards")
    try:
        message.read_by_all()
        if isinstance(message, Request):
            message.max_forwards  # noqa: B018 - reading is the check
    except ValueError as error:
        return reasons.BAD_HEADER_VALUE.because(str(error))
    if not message.call_id:
        return reasons.BAD_HEADER_VALUE.because("Call-ID is empty")
    return _check_request(message) if isinstance(message, Request) else None


def _check_request(request: Request) -> Reason | None:
    if request.cseq.method != request.method:
        return reasons.CSEQ_MISMATCH.because(f"{request.method} with CSeq {request.cseq}"[:80])
    try:
        uri = request.target
    except MalformedUri as error:
        return reasons.BAD_REQUEST_URI.because(str(error))
    if isinstance(uri, SipUri) and uri.headers:
        return reasons.BAD_REQUEST_URI.because("header fields after ? have no place in a Request-URI")
    names = request.headers.names
    for name in ("Route", "Record-Route"):
        for text in request.values(name) if name in names else ():
            try:
                parse_name_addr(text)
            except (MalformedValue, MalformedUri) as error:
                return reasons.BAD_HEADER_VALUE.because(f"{name}: {error}")
    return None

"""Cutting a byte stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1).  Pure."""

from __future__ import annotations

import re

from sipmini import reasons
from sipmini.codec import MAX_MESSAGE, decode
from sipmini.errors import MalformedMessage
from sipmini.message import Request

#: What a peer sends to keep a connection alive, and what answers it.
PING = b"\r\n\r\n"
PONG = b"\r\n"

#: Content-Length and its value, folds and all: a value that decode() would read otherwise must not pass here.
_LINE_ENDS = (b"\r", b"\n")

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.IGNORECASE)


class StreamFramer:
    """Takes the bytes of one connection in pieces, gives them back as whole messages.

    :ivar error: set once the stream cannot be cut any further and must be closed; its
        ``message`` is the request to answer first, where one could be read.

    It remembers how far it searched, so that a message that comes byte by byte costs no
    more than one that comes whole.
    """

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._needed: int | None = None
        self.error: MalformedMessage | None = None

    @property
    def pending(self) -> int:
        """How many bytes of a message that is not whole yet are held.

        The line end of a peer that keeps its connection alive with one at a time is none of a message.
        """
        return 0 if self._buffer[:1] in _LINE_ENDS else len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The whole messages that *data* completes; :data:`PING` stands for a keep-alive.

        Nothing comes any more once :attr:`error` is set.
        """
        pieces: list[bytes] = []
        if self.error is not None:
            return pieces  # and nothing is held for it any more
        self._buffer += data
        while self._buffer:
            try:
                piece = self._next()
            except MalformedMessage as error:
                self.error = error
                break
            if piece is None:
                break
            if piece:
                pieces.append(piece)
        return pieces

    def _next(self) -> bytes | None:
        """The next whole message; ``b""`` if something was skipped; ``None`` if more bytes are needed."""
        buffer = self._buffer
        if self._needed is None:
            if buffer[0] in b"\r\n":
                return self._skip_line_ends()
            end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0:
                self._searched = len(buffer)
                self._hold(len(buffer))
                return None
            self._needed = end + 4 + self._body_length(bytes(buffer[: end + 4]))
            self._hold(self._needed)
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = None
        self._searched = 0
        return message

    def _skip_line_ends(self) -> bytes | None:
        """Take empty lines away: two are a ping, one is a pong or padding."""
        buffer = self._buffer
        if buffer.startswith(PING):
            del buffer[:4]
            return PING
        if len(buffer) < 4 and PING.startswith(bytes(buffer)):
            # A pong, padding or half a ping: which, the next byte will tell.
            return None
        del buffer[: 2 if buffer.startswith(b"\r\n") else 1]
        return b""

    def _body_length(self, head: bytes) -> int:
        texts = [match[1].strip() for match in _LENGTH.finditer(head)]
        if texts and texts.count(texts[0]) == len(texts) and texts[0].isdigit() and len(texts[0]) <= 10:
            return int(texts[0])
        rule = reasons.BAD_CONTENT_LENGTH if texts else reasons.MISSING_CONTENT_LENGTH
        raise MalformedMessage(rule.because(), _request_of(head))

    def _hold(self, size: int) -> None:
        if size > self._limit:
            raise MalformedMessage(
                reasons.TOO_LARGE.because(f"over {self._limit} octets"), _request_of(bytes(self._buffer))
            )


def _request_of(head: bytes) -> Request | None:
    """The request that starts with *head*, if one can be read."""
    start = head.split(b"\r\n\r\n")[0] + b"\r\n"
    try:
        message = decode(_LENGTH.sub(b"", start) + b"\r\n")
    except MalformedMessage:
        return None
    return message if isinstance(message, Request) else None

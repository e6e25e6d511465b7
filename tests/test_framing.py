"""Cutting a stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.codec import decode
from sipmini.errors import MalformedMessage
from sipmini.framing import PING, StreamFramer
from sipmini.reasons import Rule

HEAD = (
    b"OPTIONS sip:b SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\n"
    b"From: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
)
EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"
BODY = HEAD + b"l: 5\r\n\r\n\r\n\r\nx"


class FramingTests(SynchronousTestCase):
    def feed(self, stream: bytes, size: int) -> list[bytes]:
        """What the stream is cut into when *size* bytes arrive at a time."""
        framer = StreamFramer()
        pieces = []
        for start in range(0, len(stream), size):
            pieces += framer.feed(stream[start : start + size])
        self.pending = framer.pending
        return pieces

    def check(self, stream: bytes, pieces: list[bytes], pending: int = 0) -> None:
        """Whole, byte by byte, and with the beginning of another message behind it."""
        for size in (len(stream), 1, 2, 3, 7):
            self.assertEqual(self.feed(stream, size), pieces, size)
            self.assertEqual(self.pending, pending, size)
        if not pending:
            trailing = EMPTY[:30]
            for size in (len(stream) + 30, 1):
                self.assertEqual(self.feed(stream + trailing, size), pieces, size)
                self.assertEqual(self.pending, 30)

    def test_one_message(self) -> None:
        self.check(EMPTY, [EMPTY])
        self.check(BODY, [BODY])

    def test_many_messages(self) -> None:
        self.check(EMPTY + BODY + EMPTY, [EMPTY, BODY, EMPTY])

    def test_spellings_of_content_length(self) -> None:
        for line in (
            b"Content-Length:3",
            b"L \t: 3",
            b"content-length :\r\n\t3",
            b"l: 0000000003 ",
            b"l: 3\r\nl:3",
        ):
            message = HEAD + line + b"\r\n\r\nabc"
            self.check(message + EMPTY, [message, EMPTY])

    def test_a_length_in_a_fold_or_in_another_name_counts_not(self) -> None:
        message = HEAD + b"Subject: x\r\n l: 9\r\nX-l: 9\r\nl: 0\r\n\r\n"
        self.check(message + EMPTY, [message, EMPTY])

    def test_keep_alives(self) -> None:
        """RFC 5626 §3.5.1: a double CRLF is a ping; other empty lines are skipped (RFC 3261 §7.5)."""
        self.check(PING, [PING])
        self.check(PING + PING, [PING, PING])
        self.check(PING + EMPTY + PING + EMPTY, [PING, EMPTY, PING, EMPTY])
        for padding in (b"\r\n", b"\n", b"\r", b"\n\n", b"\r\r\n"):
            self.check(padding + EMPTY + EMPTY, [EMPTY, EMPTY])
        self.check(b"\r\n\r\n\r\n" + EMPTY, [PING, EMPTY])

    def test_half_a_ping_waits(self) -> None:
        """It is no part of a message: a peer may send one line end now and then, and is not stalled."""
        framer = StreamFramer()
        self.assertEqual((framer.feed(EMPTY + b"\r\n\r"), framer.pending), ([EMPTY], 0))
        self.assertEqual((framer.feed(b"\n"), framer.pending), ([PING], 0))

    def test_an_incomplete_message_waits(self) -> None:
        """RFC 4475 §3.1.2.2 on a stream."""
        data = HEAD + b"Content-Length: 9999\r\n\r\nabc"
        self.check(data, [], pending=len(data))

    def broken(self, stream: bytes, rule: Rule, limit: int = 65535) -> MalformedMessage:
        """The error after which nothing more can be cut, however the stream arrives."""
        for size in (len(stream), 1):
            framer = StreamFramer(limit)
            pieces = [
                piece
                for start in range(0, len(stream), size)
                for piece in framer.feed(stream[start : start + size])
            ]
            self.assertEqual(pieces, [EMPTY] if stream.startswith(EMPTY) else [])
            error = framer.error
            assert error is not None
            self.assertEqual(error.reason.rule, rule)
            held = framer.pending
            self.assertEqual((framer.feed(EMPTY), framer.pending), ([], held))
        return error

    def test_without_a_length_nothing_can_be_cut(self) -> None:
        """§20.14: mandatory on streams; the request is answered before the stream is closed."""
        error = self.broken(EMPTY + HEAD + b"\r\nabc", reasons.MISSING_CONTENT_LENGTH)
        assert error.message is not None
        self.assertEqual(error.message.call_id, "1")

    def test_bad_lengths(self) -> None:
        """RFC 4475 §3.1.2.3, §3.3.9."""
        for value in (b"-999", b"", b"13\r\nl: 5", b"5 5", b"5\r\n 6", b"9" * 11, b"\xb2"):
            error = self.broken(HEAD + b"l: " + value + b"\r\n\r\nabc", reasons.BAD_CONTENT_LENGTH)
            assert error.message is not None
            self.assertEqual(error.message.cseq.method, "OPTIONS")

    def test_a_response_or_rubbish_is_not_answered(self) -> None:
        for head in (b"SIP/2.0 200 OK\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x\r\n\r\n"):
            self.assertIsNone(self.broken(head, reasons.MISSING_CONTENT_LENGTH).message)

    def test_limits(self) -> None:
        """Neither headers without end nor a huge body are waited for."""
        self.broken(b"x" * 101, reasons.TOO_LARGE, limit=100)
        error = self.broken(HEAD + b"l: 1000\r\n\r\n", reasons.TOO_LARGE, limit=300)
        assert error.message is not None
        self.assertEqual(error.message.call_id, "1")
        self.assertEqual(StreamFramer(len(EMPTY)).feed(EMPTY), [EMPTY])

    def test_a_long_message_byte_by_byte_takes_no_time(self) -> None:
        """What was searched is not searched again."""
        message = HEAD + b"X: " + b"y" * 50000 + b"\r\nl: 0\r\n\r\n"
        self.assertEqual(self.feed(message, 1), [message])

    def test_hostile_headers_take_no_time(self) -> None:
        blank = b" " * 60000
        for value in (b"x" + blank + b"y", blank + b"y"):
            self.broken(HEAD + b"l:" + value + b"\r\n\r\n", reasons.BAD_CONTENT_LENGTH)
        self.broken(HEAD + b"l" + blank + b"\r\n\r\n", reasons.MISSING_CONTENT_LENGTH)

    def test_pieces_are_messages(self) -> None:
        for piece in self.feed(EMPTY + BODY, 5):
            self.assertEqual(bytes(decode(piece)), piece)

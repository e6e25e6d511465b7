"""Bytes to message and back (RFC 3261 §7, §18.3, §25)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.codec import MAX_FIELDS, check, content_length, decode, encode
from sipmini.errors import MalformedMessage, MalformedValue
from sipmini.headers import Headers
from sipmini.message import Request, Response, make_request
from sipmini.reasons import Rule

HEAD = (
    b"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"
    b"Max-Forwards: 70\r\n"
    b"To: Bob <sip:bob@biloxi.com>\r\n"
    b"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    b"Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n"
    b"CSeq: 314159 INVITE\r\n"
)
LINE = b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
INVITE = LINE + HEAD + b"Content-Length: 0\r\n\r\n"


class DecodeTests(SynchronousTestCase):
    def malformed(self, data: bytes, rule: Rule, detail: str | None = None) -> MalformedMessage:
        error = self.assertRaises(MalformedMessage, decode, data)
        self.assertEqual(error.reason.rule.name, rule.name, error.reason)
        if detail is not None:
            self.assertEqual(error.reason.detail, detail)
        return error

    def test_request_and_response(self) -> None:
        message = decode(INVITE)
        assert isinstance(message, Request)
        self.assertEqual((message.method, message.uri, message.body), ("INVITE", "sip:bob@biloxi.com", b""))
        response = decode(b"SIP/2.0 180 Ringing\r\n" + HEAD + b"\r\n")
        assert isinstance(response, Response)
        self.assertEqual((response.status, response.phrase), (180, "Ringing"))

    def test_untouched_messages_go_out_byte_for_byte(self) -> None:
        """§16.6 step 1, DESIGN: untouched headers as they came; names never met before included."""
        for data in [
            INVITE,
            INVITE.replace(b"To:", b"t \t:"),
            INVITE.replace(b"To: Bob ", b"TO:\r\n Bob\r\n\t"),
            INVITE.replace(b"Via: ", b"X-Nobody-Knows-%d:;;,\xff\x00\r\nVia:" % id(self)),
            LINE + HEAD + b"\r\nbody without a length",
            b"SIP/2.0 200 \r\n" + HEAD + b"\r\n",
            "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто\r\n".encode() + HEAD + b"\r\n",
            b"X-y.!%*_+`'~ urn:service:sos SIP/2.0\r\n" + HEAD + b"\r\n",
            b"FOO sip:a SIP/2.0\r\n\r\n",
        ]:
            self.assertEqual(encode(decode(data)), data)

    def test_the_version_is_case_insensitive(self) -> None:
        """§7.1."""
        self.assertEqual(encode(decode(INVITE.replace(b" SIP/2.0\r\n", b" sip/2.0\r\n", 1))), INVITE)
        self.assertIsInstance(decode(b"sip/2.0 200 OK\r\n\r\n"), Response)

    def test_empty_lines_before_the_start_line(self) -> None:
        """§7.5."""
        self.assertEqual(encode(decode(b"\r\n\r\n" + INVITE)), INVITE)
        self.assertEqual(encode(decode(b"\n\r\r\n" + INVITE)), INVITE)

    def test_octets_after_the_body_are_dropped(self) -> None:
        """§18.3."""
        data = INVITE.replace(b"Length: 0", b"Length: 3") + b"abc"
        self.assertEqual(encode(decode(data + b"INVITE sip:b SIP/2.0\r\n\r\n")), data)
        response = data.replace(LINE, b"SIP/2.0 200 OK\r\n")
        self.assertEqual(encode(decode(response + b"xyz")), response)

    def test_a_body_is_octets(self) -> None:
        body = bytes(range(256)) + b"\r\n\r\n"
        message = decode(LINE + HEAD + b"l: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(message.body, body)

    def test_without_content_length_the_body_ends_with_the_datagram(self) -> None:
        """§18.3."""
        self.assertEqual(decode(LINE + HEAD + b"\r\nabc").body, b"abc")

    def test_content_length_in_every_spelling(self) -> None:
        for spelled in (
            b"Content-Length: 3",
            b"l:3",
            b"L  :\r\n 0003",
            b"CONTENT-LENGTH:\t3 ",
            b"l: 3\r\nl: 03",
        ):
            self.assertEqual(decode(LINE + HEAD + spelled + b"\r\n\r\nabcdef").body, b"abc", spelled)

    def test_bad_content_length(self) -> None:
        """§20.14; RFC 4475 §3.1.2.3, §3.3.9."""
        for value in (b"-999", b"", b"3 3", b"0x3", b"3,3", b"3\r\nl: 4", b"9" * 5000, b"3\r\n 4", b"1: 3"):
            error = self.malformed(LINE + HEAD + b"l: " + value + b"\r\n\r\nabc", reasons.BAD_CONTENT_LENGTH)
            assert error.message is not None
            self.assertEqual(error.message.call_id, "a84b4c76e66710@pc33.atlanta.com")

    def test_a_length_that_is_given_twice(self) -> None:
        headers = Headers.of([("Content-Length", "3"), ("l", "4")])
        with self.assertRaisesRegex(MalformedValue, r"Content-Length \[3, 4\]"):
            content_length(headers)
        self.assertIsNone(content_length(Headers()))
        self.malformed(LINE + HEAD + b"Content-Length: 3\r\nl: 4\r\n\r\nabc", reasons.BAD_CONTENT_LENGTH)

    def test_a_body_that_is_short(self) -> None:
        """§18.3: a request is answered 400, a response dropped."""
        data = INVITE.replace(b"Length: 0", b"Length: 9999") + b"abc"
        error = self.malformed(data, reasons.SHORT_BODY, "3 octets of 9999")
        self.assertIsInstance(error.message, Request)
        error = self.malformed(data.replace(LINE, b"SIP/2.0 200 OK\r\n"), reasons.MALFORMED_RESPONSE)
        self.assertIsNone(error.message)
        self.assertIn("short-body", error.reason.detail)

    def test_start_lines_that_are_none(self) -> None:
        """§7.1; RFC 4475 §3.1.2.7 to §3.1.2.10, §3.1.2.16."""
        for line, rule in {
            b"INVITE  sip:b SIP/2.0": reasons.BAD_START_LINE,
            b"INVITE sip:b  SIP/2.0": reasons.BAD_START_LINE,
            b"INVITE sip:b SIP/2.0 ": reasons.BAD_START_LINE,
            b"INVITE\tsip:b SIP/2.0": reasons.BAD_START_LINE,
            b"INVITE SIP/2.0": reasons.BAD_START_LINE,
            b"INV\xc3\x84TE sip:b SIP/2.0": reasons.BAD_START_LINE,
            b"INVITE sip:b; lr SIP/2.0": reasons.BAD_REQUEST_URI,
            b"INVITE sip:b SIP/7.0": reasons.BAD_VERSION,
            b"INVITE sip:b SIP/2.00": reasons.BAD_VERSION,
            b"SIP/2.0 4294967301 Big": reasons.MALFORMED_RESPONSE,
            b"SIP/2.0 099 Low": reasons.MALFORMED_RESPONSE,
            b"SIP/2.0 700 High": reasons.MALFORMED_RESPONSE,
            b"SIP/3.0 200 OK": reasons.MALFORMED_RESPONSE,
            b"SIP/2.0 200\tOK": reasons.MALFORMED_RESPONSE,
            b"SIP/2.0 200 O\nK": reasons.MALFORMED_RESPONSE,
            b"GET / HTTP/1.1": reasons.NOT_SIP,
            b"hello": reasons.NOT_SIP,
            b" INVITE sip:b SIP/2.0": reasons.NOT_SIP,
        }.items():
            error = self.malformed(line + b"\r\n" + HEAD + b"\r\n", rule)
            self.assertEqual(isinstance(error.message, Request), rule.status is not None, line)

    def test_what_is_no_message_at_all(self) -> None:
        for data in (
            b"",
            b"\r\n",
            b"\r\n\r\n\r\n",
            b"\0" * 100,
            b"hello",
            b"\r",
            b"\n",
            b" ",
            b":",
            b"\x80\x60\0\x01rtp",
        ):
            error = self.malformed(data, reasons.NOT_SIP)
            self.assertIsNone(error.message)

    def test_no_end_of_the_headers(self) -> None:
        """§7.3; RFC 4475 §3.1.2.15."""
        error = self.malformed(INVITE[:-2], reasons.NO_END_OF_HEADERS, "")
        assert error.message is not None
        self.assertEqual(error.message.call_id, "a84b4c76e66710@pc33.atlanta.com")
        detail = "the lines end in LF alone, not in CRLF"
        self.malformed(INVITE.replace(b"\r\n", b"\n"), reasons.NO_END_OF_HEADERS, detail)
        self.malformed(b"SIP/2.0 200 OK\r\n" + HEAD, reasons.MALFORMED_RESPONSE)

    def test_header_lines_that_are_none(self) -> None:
        """§7.3.1, §25.1."""
        for line in (b"no colon", b": no name", b"two words: x", b"<a>: x", b"Via", b"na\xc3\xa4me: x"):
            for known in (b"", b"X-Never-Met-%d: 1\r\n" % id(line)):
                error = self.malformed(
                    LINE + known + line + b"\r\n" + HEAD + b"\r\n", reasons.BAD_HEADER_LINE
                )
                assert error.message is not None
                self.assertEqual(error.message.cseq.number, 314159)
                self.assertIsNone(check(error.message))
        self.malformed(b"SIP/2.0 200 OK\r\nno colon\r\n\r\n", reasons.MALFORMED_RESPONSE)

    def test_a_cr_or_lf_that_ends_no_line(self) -> None:
        """§25.1: only CRLF ends a line; who takes another for one would read another message than we do."""
        for smuggled in (
            b"Subject: a\nVia: b",
            b"Subject: a\rVia: b",
            b"Subject: a\n\r b",
            b"Subject: \r\r\n b",
        ):
            data = LINE + HEAD + smuggled + b"\r\n\r\n"
            error = self.malformed(data, reasons.BAD_HEADER_LINE)
            assert error.message is not None
            self.assertNotIn(b"Subject", encode(error.message))

    def test_a_fold_without_a_header(self) -> None:
        self.malformed(LINE + b" folded: x\r\n" + HEAD + b"\r\n", reasons.BAD_HEADER_LINE)

    def test_limits(self) -> None:
        self.malformed(
            LINE + b"a: b\r\n" * MAX_FIELDS + b"a: b\r\n\r\n", reasons.TOO_LARGE, "257 header fields"
        )
        self.assertEqual(len(decode(LINE + b"a: b\r\n" * MAX_FIELDS + b"\r\n").headers.names), MAX_FIELDS)
        self.malformed(INVITE + b" " * 65536, reasons.TOO_LARGE)

    def test_hostile_messages_take_no_time(self) -> None:
        """Quadratic behaviour would take minutes for each of these."""
        blank = b" " * 30000
        for data in [
            LINE + b"Subject: a" + blank + b"b\r\n c" + blank + b"d\r\n\r\n",
            LINE + b"a" + blank + b"b: c\r\n\r\n",
            LINE + b"Via:" + b"\r\n " * 20000 + b"\r\n\r\n",
            LINE + b"Via: " + b"," * 60000 + b"\r\n\r\n",
            LINE + b'To: "' + b"\\" * 60000 + b"\r\n\r\n",
            b"A" * 60000 + b" " + b"SIP/2" * 1000 + b"\r\n\r\n",
            b"\r\n" * 30000 + b"x",
        ]:
            try:
                message = decode(data)
            except MalformedMessage as error:
                self.assertLess(len(str(error)), 300)
            else:
                check(message)
                message.first("Subject")
                message.values("Via")


class CheckTests(SynchronousTestCase):
    """What every element needs (§8.1.1, §16.3)."""

    def reason(self, data: bytes) -> str | None:
        found = check(decode(data))
        return None if found is None else f"{found.rule.name}: {found.detail}"

    def test_a_good_message(self) -> None:
        self.assertIsNone(self.reason(INVITE))
        self.assertIsNone(self.reason(b"SIP/2.0 200 OK\r\n" + HEAD + b"\r\n"))

    def test_missing(self) -> None:
        for name in ("Via", "To", "From", "Call-ID", "CSeq"):
            lines = [line for line in HEAD.split(b"\r\n") if not line.startswith(name.encode() + b":")]
            for first in (LINE, b"SIP/2.0 200 OK\r\n"):
                self.assertEqual(
                    self.reason(first + b"\r\n".join(lines) + b"\r\n"), f"missing-header: {name}"
                )

    def test_max_forwards_may_be_missing(self) -> None:
        """§16.3 step 3: elements of RFC 2543 send none."""
        self.assertIsNone(self.reason(INVITE.replace(b"Max-Forwards: 70\r\n", b"")))

    def test_given_twice(self) -> None:
        """§7.3.1; RFC 4475 §3.3.8."""
        for line in (b"t: sip:b", b"f: sip:b", b"i: 1", b"CSEQ: 1 INVITE", b"Max-Forwards: 1"):
            reason = self.reason(INVITE.replace(b"Via", line + b"\r\nVia"))
            self.assertTrue(reason and reason.startswith("repeated-header: "), (line, reason))

    def test_values(self) -> None:
        for old, new in {
            b"pc33.atlanta.com;branch": b"pc33.atlanta.com;;branch",
            b"Bob <": b'"Bob <',
            b"Alice <sip:alice@atlanta.com>": b"Alice <sip:>",
            b"314159 INVITE": b"36893488147419103232 INVITE",
            b"Forwards: 70": b"Forwards: 300",
            b"To: Bob": b"Route: <sip:>\r\nTo: Bob",
            b"From: Alice": b"Record-Route: sip:a b\r\nFrom: Alice",
            b"a84b4c76e66710@pc33.atlanta.com": b"  ",
        }.items():
            reason = self.reason(INVITE.replace(old, new))
            self.assertTrue(reason and reason.startswith("bad-header-value: "), (new, reason))

    def test_what_is_not_needed_is_not_looked_at(self) -> None:
        for line in (b"Date: yesterday", b"Contact: <", b"Expires: soon", b"Via: x", b"Subject:"):
            self.assertIsNone(self.reason(INVITE.replace(b"To:", line + b"\r\nTo:")))

    def test_cseq_method(self) -> None:
        """§8.1.1.5; RFC 4475 §3.1.2.17."""
        self.assertEqual(
            self.reason(INVITE.replace(b"INVITE sip", b"OPTIONS sip")),
            "cseq-method-mismatch: OPTIONS with CSeq 314159 INVITE",
        )
        self.assertIsNotNone(self.reason(INVITE.replace(b"INVITE sip", b"invite sip")))

    def test_request_uri(self) -> None:
        """§8.1.1.1, §19.1.1; RFC 4475 §3.1.2.7, §3.1.2.11; RFC 5118 §4.2."""
        for uri in (
            b"<sip:bob@biloxi.com>",
            b"sip:b?Route=x",
            b"sip:2001:db8::10",
            b"bob",
            b"sip:b\tc",
            b"sip:\xff@b",
        ):
            reason = self.reason(INVITE.replace(b"sip:bob@biloxi.com SIP", uri + b" SIP"))
            self.assertTrue(reason and reason.startswith("bad-request-uri: "), (uri, reason))
        self.assertIsNone(self.reason(INVITE.replace(b"sip:bob@biloxi.com SIP", b"unknown:x?y SIP")))


_names = st.sampled_from(["Via", "v", "to", "From", "Subject", "X-New", "l", "Route", "Call-ID", "CSeq"])
_values = st.one_of(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["SIP/2.0/UDP a;branch=b", "<sip:a@b>;tag=c", "1 INVITE", '"', "a,b", "3"]),
)
_lines = st.lists(st.tuples(_names, _values), max_size=8)


class CodecPropertyTests(SynchronousTestCase):
    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(_lines, st.binary(max_size=30))
    def test_round_trip(self, fields: list[tuple[str, str]], body: bytes) -> None:
        fields = [(name, value) for name, value in fields if name != "l"]
        data = bytes(make_request("MESSAGE", "sip:a@b", fields, body))
        self.assertEqual(encode(decode(data)), data)
        again = decode(data)
        self.assertEqual([name for name, _ in again.headers.items()][:-1], [*Headers.of(fields).names])

    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(
        st.one_of(
            st.binary(max_size=100),
            st.lists(
                st.sampled_from(
                    [
                        b"\r\n",
                        b"\n",
                        b"\r",
                        b" ",
                        b"INVITE sip:a SIP/2.0",
                        b"SIP/2.0 200 OK",
                        b"Via:",
                        b"To: <sip:a>",
                    ]
                    + [
                        b"l: 3",
                        b"CSeq: 1 INVITE",
                        b"i: 1",
                        b"f: <sip:a>",
                        b"v: SIP/2.0/UDP a",
                        b"\xff",
                        b":",
                        b"\0",
                        b",",
                    ]
                ),
                max_size=20,
            ).map(b"".join),
        )
    )
    def test_any_bytes_are_a_message_or_malformed(self, data: bytes) -> None:
        try:
            message = decode(data)
        except MalformedMessage as error:
            message = error.message  # type: ignore[assignment]
            self.assertLess(len(error.reason.phrase), 300)
            if message is None:
                return
        check(message)
        self.assertIn(message.start_line, encode(message))

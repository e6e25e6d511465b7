"""Requests and responses as values (RFC 3261 §7, §8.2.6)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.codec import decode
from sipmini.errors import MalformedValue
from sipmini.fields import CSeq
from sipmini.message import Request, Response, clean_phrase, has_tag, make_request, make_response
from sipmini.uri import SipUri

INVITE = (
    b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
    b"v:SIP/2.0/UDP bigbox3.site3.atlanta.com;branch=z9hG4bK77ef4c2312983.1, SIP/2.0/UDP pc33.atlanta.com\r\n"
    b" ;branch=z9hG4bKnashds8;received=192.0.2.1\r\n"
    b"max-forwards :  069\r\n"
    b"TO: Bob <sip:bob@biloxi.com>\r\n"
    b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    b"Call-ID:a84b4c76e66710\r\n"
    b"Timestamp: 54\r\n"
    b"CSeq: 314159   INVITE\r\n"
    b"Route: <sip:ss1.atlanta.com;lr>, <sip:ss2.biloxi.com;lr>\r\n"
    b"Record-Route: <sip:a;lr>\r\n"
    b"m: <sip:alice@pc33.atlanta.com>\r\n"
    b"m: sip:alice@home.atlanta.com;q=0.1\r\n"
    b"Expires: 120\r\n"
    b"Content-Type: Application/SDP ; charset=x\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)


def request() -> Request:
    """The INVITE above, read."""
    message = decode(INVITE)
    assert isinstance(message, Request)
    return message


class ReadingTests(SynchronousTestCase):
    def test_typed_values(self) -> None:
        message = request()
        self.assertEqual(
            (message.method, message.uri, message.target),
            ("INVITE", "sip:bob@biloxi.com", SipUri("sip", "bob", "biloxi.com")),
        )
        self.assertEqual(message.via.branch, "z9hG4bK77ef4c2312983.1")
        self.assertEqual([via.received for via in message.vias], [None, "192.0.2.1"])
        self.assertEqual((message.to.display, message.to.tag), ("Bob", None))
        self.assertEqual((message.from_.display, message.from_.tag), ("Alice", "1928301774"))
        self.assertEqual((message.call_id, message.cseq), ("a84b4c76e66710", CSeq(314159, "INVITE")))
        self.assertEqual(
            (message.max_forwards, message.expires, message.content_type), (69, 120, "application/sdp")
        )
        self.assertEqual(
            [route.uri_text for route in message.routes], ["sip:ss1.atlanta.com;lr", "sip:ss2.biloxi.com;lr"]
        )
        self.assertEqual([route.uri_text for route in message.record_routes], ["sip:a;lr"])
        self.assertEqual([contact.param("q") for contact in message.contacts], [None, "0.1"])
        self.assertEqual(
            (message.first("Timestamp"), message.values("Subject"), message.body), ("54", [], b"v=0\n")
        )

    def test_values_are_read_once(self) -> None:
        message = request()
        self.assertIs(message.via, message.via)
        self.assertIs(message.from_, message.from_)

    def test_what_is_missing(self) -> None:
        message = make_request("OPTIONS", "sip:a", [])
        for name in ("via", "to", "from_", "call_id", "cseq"):
            with self.assertRaisesRegex(MalformedValue, "^there is no "):
                getattr(message, name)
        self.assertEqual((message.max_forwards, message.expires, message.content_type), (None, None, None))
        self.assertEqual((message.vias, message.contacts, message.routes), ([], [], []))

    def test_star_is_no_contact(self) -> None:
        """§10.2.2."""
        message = make_request("REGISTER", "sip:a", [("Contact", "*"), ("Expires", "0")])
        self.assertEqual((message.contacts, message.values("Contact"), message.expires), ([], ["*"], 0))

    def test_expires_that_is_no_number_is_none(self) -> None:
        """§20.19: a value out of range says nothing."""
        for text in ["", "soon", "-1", "4294967296", "9" * 101]:
            self.assertIsNone(make_request("REGISTER", "sip:a", [("Expires", text)]).expires)
        self.assertEqual(make_request("REGISTER", "sip:a", [("Expires", "4294967295")]).expires, 2**32 - 1)

    def test_max_forwards_that_is_no_number(self) -> None:
        """§20.22: 0 to 255."""
        for text in ["", "256", "-1", "x"]:
            message = make_request("OPTIONS", "sip:a", [("Max-Forwards", text)])
            self.assertRaises(MalformedValue, lambda message=message: message.max_forwards)
        self.assertEqual(make_request("OPTIONS", "sip:a", [("Max-Forwards", "0")]).max_forwards, 0)


class EditingTests(SynchronousTestCase):
    def test_edits_make_new_messages(self) -> None:
        message = request()
        self.assertEqual(message.max_forwards, 69)
        lower = message.with_headers(message.headers.replaced("Max-Forwards", "68"))
        self.assertEqual((lower.max_forwards, message.max_forwards), (68, 69))
        self.assertEqual(bytes(lower), INVITE.replace(b"max-forwards :  069", b"Max-Forwards: 68"))
        self.assertEqual(bytes(message), INVITE)

    def test_edited_keeps_what_was_read(self) -> None:
        message = request()
        read = (message.via, message.cseq, message.max_forwards)
        headers = message.headers.replaced("Max-Forwards", "68")
        told = message.edited(headers, "Max-Forwards", 68, uri="sip:bob@192.0.2.4")
        self.assertEqual(
            (told.uri, told.max_forwards, told.via is read[0], told.cseq is read[1]),
            ("sip:bob@192.0.2.4", 68, True, True),
        )
        asked = message.edited(headers, "Max-Forwards")
        self.assertEqual((asked.uri, asked.max_forwards, message.max_forwards), (message.uri, 68, 69))
        self.assertEqual(bytes(told).partition(b"\r\n")[2], bytes(asked).partition(b"\r\n")[2])

    def test_a_response_too(self) -> None:
        response = Response(200, "OK", request().headers)
        other = response.with_headers(response.headers.without("Via"))
        self.assertEqual((other.status, other.phrase, other.vias), (200, "OK", []))


class MakingTests(SynchronousTestCase):
    def test_request(self) -> None:
        message = make_request(
            "MESSAGE", "sip:b", [("v", "SIP/2.0/UDP a"), ("to", "<sip:b>")], b"hi", "text/plain"
        )
        self.assertEqual(
            bytes(message),
            b"MESSAGE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nTo: <sip:b>\r\n"
            b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
        )

    def test_response_copies_what_it_must(self) -> None:
        """§8.2.6.2: all Vias in order, From, To, Call-ID, CSeq, byte for byte; a To tag."""
        response = make_response(
            request(), 200, to_tag="8321234356", fields=[("Contact", "<sip:bob@192.0.2.4>")]
        )
        self.assertEqual(
            bytes(response).split(b"\r\n"),
            [
                b"SIP/2.0 200 OK",
                INVITE.split(b"\r\n")[1],
                b" ;branch=z9hG4bKnashds8;received=192.0.2.1",
                b"TO: Bob <sip:bob@biloxi.com>;tag=8321234356",
                b"f: Alice <sip:alice@atlanta.com>;tag=1928301774",
                b"Call-ID:a84b4c76e66710",
                b"CSeq: 314159   INVITE",
                b"Contact: <sip:bob@192.0.2.4>",
                b"Content-Length: 0",
                b"",
                b"",
            ],
        )
        self.assertEqual(response.to.tag, "8321234356")

    def test_trying_bears_the_timestamp(self) -> None:
        """§8.2.6.1."""
        self.assertEqual(make_response(request(), 100).first("Timestamp"), "54")
        self.assertIsNone(make_response(request(), 180).first("Timestamp"))

    def test_a_to_tag_stays(self) -> None:
        """§8.2.6.2."""
        for to in ["<sip:b>;tag=1", "sip:b ; TAG = 1", '"x;tag=2" <sip:b>;tag=1']:
            message = make_request("BYE", "sip:b", [("To", to)])
            self.assertEqual(make_response(message, 200, to_tag="new").first("To"), to)
        for to in ["<sip:b>", '";tag=2" <sip:b>', "<sip:b;tag=3>", "sip:b"]:
            message = make_request("BYE", "sip:b", [("To", to)])
            response = make_response(message, 200, to_tag="new")
            self.assertEqual((response.first("To"), response.to.tag), (f"{to};tag=new", "new"))

    def test_a_broken_to_gets_no_second_tag(self) -> None:
        self.assertTrue(has_tag('"broken <sip:b>;tag=1'))
        self.assertFalse(has_tag('"tag broken <sip:b>'))

    def test_by_reason(self) -> None:
        reason = reasons.TOO_MANY_HOPS.because("sip:bob\r\nVia: injected")
        response = make_response(request(), reason, body=b"x", content_type="text/plain")
        self.assertEqual(response.start_line, b"SIP/2.0 483 Too Many Hops (sip:bob  Via: injected)")
        self.assertEqual((response.content_type, response.body), ("text/plain", b"x"))
        self.assertEqual(make_response(request(), reason, "Zu weit").phrase, "Zu weit")
        self.assertRaises(ValueError, make_response, request(), reasons.STRAY_ACK.because())

    def test_phrases(self) -> None:
        self.assertEqual([make_response(request(), code).phrase for code in (180, 599)], ["Ringing", ""])
        self.assertEqual(make_response(request(), 200, "Fine").phrase, "Fine")

    def test_long_phrases(self) -> None:
        """One that does not fit ends after a word, with an ellipsis, and with all parentheses closed."""
        fits = f"Not Found ({'x' * 108})"
        self.assertEqual(clean_phrase(fits), fits)
        for long, short in (
            ("x" * 1000, f"{'x' * 117}..."),
            (f"Not Found ({'x' * 109})", f"Not Found ({'x' * 105}...)"),
            (f"No ({'word ' * 30})", f"No ({'word ' * 21}word...)"),
            (f"No (a (b), {'word, ' * 30})", f"No (a (b), {'word, ' * 16}word...)"),
            (f"a) {'word ' * 30}", f"a) {'word ' * 22}word..."),
            ("(" * 1000, f"{'(' * 58}...{')' * 58}"),
            (f"\r\n{'x' * 200}", f"  {'x' * 115}..."),
        ):
            self.assertEqual(clean_phrase(long), short)
            self.assertLessEqual(len(short), 120)

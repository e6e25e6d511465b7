"""ACK and CANCEL as they follow from an INVITE (RFC 3261 §9.1, §17.1.1.3)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import codec
from sipmini.message import Request, make_response
from sipmini.transaction.derived import acknowledgement, cancellation

INVITE = b"""INVITE sip:bob@biloxi.com;x=1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport
v: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK0
Max-Forwards: 69
Route: <sip:p1.example;lr>,
  <sip:p2.example;lr>
Route: <sip:p3.example;lr>
f: "Alice" <sip:alice@atlanta.com>;tag=a
To: "Bob"  <sip:bob@biloxi.com>
Call-ID: c1
CSeq: 007 INVITE
Contact: <sip:alice@192.0.2.9>
Authorization: Digest username="alice"
Content-Type: text/plain
Content-Length: 4

body""".replace(b"\n", b"\r\n")


class DerivedTests(SynchronousTestCase):
    def setUp(self) -> None:
        invite = codec.decode(INVITE)
        assert isinstance(invite, Request)
        self.invite = invite

    def test_acknowledgement(self) -> None:
        """§17.1.1.3: our Via alone, To of the response, all Routes, the CSeq number, no body."""
        ack = acknowledgement(self.invite, make_response(self.invite, 486, to_tag="b"))
        expected = b"""ACK sip:bob@biloxi.com;x=1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport
To: "Bob"  <sip:bob@biloxi.com>;tag=b
Max-Forwards: 69
Route: <sip:p1.example;lr>,
  <sip:p2.example;lr>
Route: <sip:p3.example;lr>
f: "Alice" <sip:alice@atlanta.com>;tag=a
Call-ID: c1
CSeq: 7 ACK
Content-Length: 0

"""
        self.assertEqual(bytes(ack), expected.replace(b"\n", b"\r\n"))
        self.assertIsNone(codec.check(codec.decode(bytes(ack))))

    def test_cancellation(self) -> None:
        """§9.1: our Via alone, and Request-URI, To, From, Call-ID, Routes and CSeq number of the INVITE."""
        cancel = cancellation(self.invite)
        expected = b"""CANCEL sip:bob@biloxi.com;x=1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport
Max-Forwards: 69
Route: <sip:p1.example;lr>,
  <sip:p2.example;lr>
Route: <sip:p3.example;lr>
f: "Alice" <sip:alice@atlanta.com>;tag=a
To: "Bob"  <sip:bob@biloxi.com>
Call-ID: c1
CSeq: 7 CANCEL
Content-Length: 0

"""
        self.assertEqual(bytes(cancel), expected.replace(b"\n", b"\r\n"))
        self.assertIsNone(codec.check(codec.decode(bytes(cancel))))

    def test_vias_in_one_line(self) -> None:
        """Only the first of several values of one Via line is ours."""
        text = INVITE.replace(b";rport\r\nv: ", b";rport, ")
        invite = codec.decode(text)
        assert isinstance(invite, Request)
        self.assertEqual(
            cancellation(invite).values("Via"), ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport"]
        )

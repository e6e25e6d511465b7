"""Offer and answer: RFC 3264."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons, sdp
from sipmini.sdp import PCMA, BadDescription, Connection, Origin, SessionDescription
from tests.sdp.test_description import FULL, offered


class Offering(SynchronousTestCase):
    """RFC 3264 §5."""

    def test_offer(self) -> None:
        """RFC 3264 §5: one audio stream, PCMU before PCMA, both mapped."""
        self.assertEqual(
            str(sdp.offer("192.0.2.1", 4000, session_id=77)),
            "v=0\r\no=- 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
            "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n",
        )

    def test_offer_on_ipv6(self) -> None:
        """RFC 8866 §5.7: an IPv6 address has the type IP6 and no brackets."""
        made = sdp.offer("2001:db8::1", 4000, [PCMA], session_id=77, version=3, direction="sendonly")
        self.assertEqual(made.connection, Connection("IP6", "2001:db8::1"))
        self.assertEqual(str(made.origin), "- 77 3 IN IP6 2001:db8::1")
        self.assertEqual(made.direction(made.media[0]), "sendonly")
        self.assertEqual(SessionDescription.parse(str(made)), made)

    def test_new_version(self) -> None:
        """RFC 3264 §8: a changed description has the next version and nothing else new in o=."""
        made = sdp.offer("192.0.2.1", 4000, session_id=77)
        self.assertEqual(made.with_version(2).origin, Origin("-", 77, 2, "IP4", "192.0.2.1"))


class Answering(SynchronousTestCase):
    """RFC 3264 §6."""

    def answer(self, *media: str, session: str = "", address: str = "192.0.2.1") -> SessionDescription:
        return sdp.answer(offered(*media, session=session), address, 5000, session_id=5)

    def test_same_streams_same_order(self) -> None:
        """RFC 3264 §6: as many m= lines, in order; refused ones at port 0; one audio taken."""
        made = self.answer(
            "m=video 51372 RTP/AVP 31 32",
            "m=audio 0 RTP/AVP 0",
            "m=audio 49170 RTP/AVP 96 8 0\na=rtpmap:96 G7221/16000",
            "m=audio 49172 RTP/AVP 0",
            "m=application 9 TCP/BFCP *",
            "m=audio 9 RTP/SAVP 0",
        )
        self.assertEqual(
            [(each.kind, each.port, each.protocol, each.formats) for each in made.media],
            [
                ("video", 0, "RTP/AVP", ("31", "32")),
                ("audio", 0, "RTP/AVP", ("0",)),
                ("audio", 5000, "RTP/AVP", ("8", "0")),
                ("audio", 0, "RTP/AVP", ("0",)),
                ("application", 0, "TCP/BFCP", ("*",)),
                ("audio", 0, "RTP/SAVP", ("0",)),
            ],
        )

    def test_offered_payload_types_stay(self) -> None:
        """RFC 3264 §6.1: an encoding keeps the number it was offered under."""
        stream = self.answer("m=audio 4 RTP/AVP 101\na=rtpmap:101 PCMA/8000").media[0]
        self.assertEqual((stream.formats, stream.attribute("rtpmap")), (("101",), "101 PCMA/8000"))

    def test_directions_are_mirrored(self) -> None:
        """RFC 3264 §6.1: sendonly gets recvonly and so on; the stream's word beats the session's."""
        for theirs, ours in (
            ("sendonly", "recvonly"),
            ("recvonly", "sendonly"),
            ("inactive", "inactive"),
            ("sendrecv", "sendrecv"),
        ):
            with self.subTest(theirs):
                made = self.answer(f"m=audio 4 RTP/AVP 0\na={theirs}")
                self.assertEqual(made.direction(made.media[0]), ours)
                made = self.answer("m=audio 4 RTP/AVP 0", session=f"a={theirs}\n")
                self.assertEqual(made.direction(made.media[0]), ours)
        made = self.answer("m=audio 4 RTP/AVP 0\na=sendonly", session="a=inactive\n")
        self.assertEqual(made.direction(made.media[0]), "recvonly")

    def test_times_are_the_offers(self) -> None:
        """RFC 3264 §6: the t= line of the answer equals that of the offer."""
        theirs = SessionDescription.parse(FULL.replace("audio 49170 RTP/AVP 0", "audio 4 RTP/AVP 0"))
        self.assertEqual(sdp.answer(theirs, "192.0.2.1", 5000, session_id=5).times, theirs.times)

    def test_our_own_address(self) -> None:
        """An IPv4 offer can be answered from an IPv6 address: c= is ours."""
        made = self.answer("m=audio 4 RTP/AVP 0", address="2001:db8::1")
        self.assertEqual(made.connection, Connection("IP6", "2001:db8::1"))

    def test_nothing_in_common(self) -> None:
        """RFC 3261 §13.3.1.3 and §20.43: 488, with 304 for the wrong media and 305 for the wrong encoding."""
        for media, warning, part in (
            ("m=audio 4 RTP/AVP 9 18", 305, "no encoding of PCMU, PCMA is offered"),
            ("m=video 4 RTP/AVP 31", 304, "no RTP/AVP audio stream is offered"),
            ("m=audio 4 RTP/SAVP 0", 304, "no RTP/AVP audio stream is offered"),
            ("m=audio 0 RTP/AVP 0", 304, "no RTP/AVP audio stream is offered"),
        ):
            with self.subTest(media):
                error = self.assertRaises(BadDescription, self.answer, media)
                self.assertEqual(error.reason, reasons.NO_COMMON_MEDIA.because(part))
                self.assertEqual((error.reason.status, error.warning), (488, warning))
        self.assertRaises(BadDescription, self.answer)


class Agreeing(SynchronousTestCase):
    """What an exchange leaves (RFC 3264 §6.1, §7)."""

    ours = sdp.offer("192.0.2.1", 4000, session_id=1)

    def test_agreed(self) -> None:
        """RFC 3264 §7: where to send, with what, both ways."""
        theirs = offered("m=audio 6000 RTP/AVP 8\nc=IN IP6 2001:db8::2")
        self.assertEqual(sdp.agreed(self.ours, theirs), sdp.Stream("2001:db8::2", 6000, (PCMA,), "sendrecv"))

    def test_directions(self) -> None:
        """RFC 3264 §6.1: media flows only in the directions both sides allow."""
        for mine, theirs, result in (
            ("sendrecv", "recvonly", "sendonly"),
            ("sendonly", "recvonly", "sendonly"),
            ("recvonly", "sendrecv", "recvonly"),
            ("sendonly", "sendonly", "inactive"),
            ("sendrecv", "inactive", "inactive"),
        ):
            with self.subTest(f"{mine} {theirs}"):
                local = sdp.offer("192.0.2.1", 4000, session_id=1, direction=mine)
                stream = sdp.agreed(local, offered(f"m=audio 6000 RTP/AVP 0\na={theirs}"))
                self.assertEqual(stream.direction, result)

    def test_no_stream_left(self) -> None:
        """RFC 3264 §6: all refused, no encoding we know, other media, or another number of streams."""
        for media in (["m=audio 0 RTP/AVP 0"], ["m=audio 4 RTP/AVP 9"]):
            error = self.assertRaises(BadDescription, sdp.agreed, self.ours, offered(*media))
            self.assertEqual((error.reason.rule, error.warning), (reasons.NO_COMMON_MEDIA, 305))
        error = self.assertRaises(BadDescription, sdp.agreed, self.ours, offered())
        self.assertIs(error.reason.rule, reasons.MALFORMED_SESSION_DESCRIPTION)

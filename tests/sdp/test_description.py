"""Session descriptions: RFC 8866."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.sdp import (
    PCMU,
    Attribute,
    BadDescription,
    Codec,
    Connection,
    Media,
    Origin,
    SessionDescription,
)

FULL = """v=0
o=jdoe 2890844526 2890842807 IN IP4 10.47.16.5
s=SDP Seminar
i=A Seminar
u=http://www.example.com/seminars/sdp.pdf
e=j.doe@example.com (Jane Doe)
p=+1 617 555-6011
c=IN IP4 224.2.17.12/127
b=AS:64
t=2873397496 2873404696
r=604800 3600 0 90000
z=2882844526 -1h 2898848070 0
t=3034423619 3042462419
k=clear:ok
a=recvonly
m=audio 49170 RTP/AVP 0
i=sound
m=video 51372/2 RTP/AVP 99
c=IN IP4 224.2.1.1/127
c=IN IP4 224.2.1.2/127
b=AS:32
k=prompt
a=rtpmap:99 h263-1998/90000
""".replace("\n", "\r\n")


def offered(*media: str, session: str = "") -> SessionDescription:
    """An offer with these m= parts."""
    head = f"v=0\no=bob 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n{session}"
    return SessionDescription.parse(head + "".join(f"{each}\n" for each in media))


class Parsing(SynchronousTestCase):
    """RFC 8866 §5 and §9."""

    def test_everything_has_its_place(self) -> None:
        """RFC 8866 §5: each line type is read into the value it stands for."""
        read = SessionDescription.parse(FULL)
        self.assertEqual(
            read,
            SessionDescription(
                origin=Origin("jdoe", 2890844526, 2890842807, "IP4", "10.47.16.5"),
                name="SDP Seminar",
                information="A Seminar",
                uri="http://www.example.com/seminars/sdp.pdf",
                emails=("j.doe@example.com (Jane Doe)",),
                phones=("+1 617 555-6011",),
                connection=Connection("IP4", "224.2.17.12/127"),
                bandwidths=("AS:64",),
                times=(
                    "t=2873397496 2873404696",
                    "r=604800 3600 0 90000",
                    "z=2882844526 -1h 2898848070 0",
                    "t=3034423619 3042462419",
                ),
                key="clear:ok",
                attributes=(Attribute("recvonly"),),
                media=(
                    Media("audio", 49170, "RTP/AVP", ("0",), information="sound"),
                    Media(
                        "video",
                        51372,
                        "RTP/AVP",
                        ("99",),
                        port_count=2,
                        connections=(Connection("IP4", "224.2.1.1/127"), Connection("IP4", "224.2.1.2/127")),
                        bandwidths=("AS:32",),
                        key="prompt",
                        attributes=(Attribute("rtpmap", "99 h263-1998/90000"),),
                    ),
                ),
            ),
        )

    def test_written_as_read(self) -> None:
        """RFC 8866 §5: a description that is read and written is the same, with CRLF."""
        self.assertEqual(str(SessionDescription.parse(FULL)), FULL)
        self.assertEqual(SessionDescription.parse(FULL).encode(), FULL.encode())

    def test_line_ends(self) -> None:
        """RFC 8866 §5: LF is accepted, and so is a missing or repeated last line end."""
        whole = SessionDescription.parse(FULL)
        for text in (FULL.replace("\r\n", "\n"), FULL[:-2], FULL + "\r\n\r\n"):
            self.assertEqual(SessionDescription.parse(text), whole)

    def test_bytes_that_are_not_utf8(self) -> None:
        """Octets of an unknown charset come out as they went in."""
        data = FULL.encode().replace(b"A Seminar", b"A S\xe9minar")
        self.assertEqual(SessionDescription.parse(data).encode(), data)

    def test_unknown_attributes_are_kept(self) -> None:
        """RFC 8866 §5.13: attributes nobody understands are ignored, not refused."""
        stream = offered("m=audio 4 RTP/AVP 0\na=x-strange:1 2 3\na=flag").media[0]
        self.assertEqual(stream.attribute("x-strange"), "1 2 3")
        self.assertEqual(stream.attribute("flag"), "")
        self.assertIsNone(stream.attribute("absent"))
        self.assertEqual(offered(session="a=tool:x\n").attribute("tool"), "x")

    def test_what_is_refused(self) -> None:
        """RFC 8866 §5: what breaks the grammar is refused with the place that breaks it."""
        base = FULL.replace("\r\n", "\n")
        cases = {
            "line 1 is not of the form": "hello",
            "line 2 is not of the form": "v=0\n\no=- 1 1 IN IP4 1.2.3.4\n",
            "the v= line is missing": base.replace("v=0\n", ""),
            "the o= line is missing": base.replace("o=jdoe 2890844526 2890842807 IN IP4 10.47.16.5\n", ""),
            "the s= line is missing": base.replace("s=SDP Seminar\n", ""),
            "the t= line is missing": "v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\n",
            "v= is not 0": base.replace("v=0", "v=1"),
            "z= stands without a t=": base.replace("i=A Seminar", "z=1 2"),
            "q= is not understood": base.replace("k=prompt", "q=prompt"),
            "t= is not understood here": base + "t=0 0\n",
            "line 5: i= is out of order": base.replace("u=", "i="),
            "s= is out of order": base.replace("i=A Seminar", "s=again"),
            "b= is out of order": base + "b=AS:1\n",
            "is not 'name id version": base.replace("IN IP4 10.47.16.5", "IN IP4"),
            "session id and version": base.replace("2890844526 2890842807", "x 1"),
            "at most 20 digits": base.replace("2890844526", "1" * 21),
            "is not 'IN IP4|IP6 address'": base.replace("c=IN IP4 224.2.17.12/127", "c=IN ATM x"),
            "has no attribute name": base.replace("a=recvonly", "a=:x"),
            "is not 'media port protocol formats'": base.replace("m=audio 49170", "m=audio x"),
            "there is no port 65536": base.replace("49170", "65536"),
            "has no c= line": base.replace("c=IN IP4 224.2.17.12/127\n", ""),
            "more than 64 formats": base.replace("RTP/AVP 0\n", "RTP/AVP" + " 0" * 65 + "\n"),
            "more than 32 streams": base + "m=audio 1 RTP/AVP 0\n" * 31,
            "more than 512 lines": base + "a=x\n" * 512,
            "longer than 16384 bytes": base + "a=" + "x" * 16_384,
        }
        for part, text in cases.items():
            with self.subTest(part):
                error = self.assertRaises(BadDescription, SessionDescription.parse, text)
                self.assertIs(error.reason.rule, reasons.MALFORMED_SESSION_DESCRIPTION)
                self.assertIn(part, error.reason.detail)
                self.assertEqual(error.warning, 399)

    def test_a_refused_stream_needs_no_address(self) -> None:
        """RFC 8866 §5.7 asks for c= where media flows; a stream at port 0 has none."""
        SessionDescription.parse("v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nt=0 0\nm=audio 0 RTP/AVP 0\n")

    @given(st.binary(max_size=300) | st.text("vosictma=\r\n 0123IPN/AVP4.", max_size=300))
    @settings(max_examples=200, deadline=None, database=None)
    def test_any_input(self, data: bytes | str) -> None:
        """Whatever comes is a description that reads back the same, or a BadDescription."""
        self._any(data)

    def test_damaged_descriptions(self) -> None:
        """The same for a good description with octets changed, moved and taken out."""
        rng = random.Random(8866)
        for _ in range(500):
            data = bytearray(FULL.encode())
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(data))
                end = at + rng.randint(0, 3)
                data[at:end] = rng.choice([b"\r", b"\n", b"=", b" ", b"m=", b"\xff", b"9" * 30])
            self._any(bytes(data))

    def _any(self, data: bytes | str) -> None:
        try:
            read = SessionDescription.parse(data)
        except BadDescription:
            return
        self.assertEqual(SessionDescription.parse(str(read)), read)
        for stream in read.media:
            self.assertIsInstance(stream.codecs, tuple)


class Codecs(SynchronousTestCase):
    """Payload types and encodings (RFC 8866 §6.6, RFC 3551 §6)."""

    def test_static_and_mapped(self) -> None:
        """RFC 3551 §6: static numbers need no rtpmap; a map wins; what neither explains is left out."""
        stream = offered(
            "m=audio 4 RTP/AVP 0 8 97 98 x 99\na=rtpmap:97 pcmu/8000\na=rtpmap:8 L16/44100/2\na=rtpmap:99 bad"
        ).media[0]
        self.assertEqual(stream.codecs, (PCMU, Codec(8, "L16", 44100, 2), Codec(97, "pcmu")))
        maps = [codec.rtpmap for codec in stream.codecs]
        self.assertEqual(maps, ["0 PCMU/8000", "8 L16/44100/2", "97 pcmu/8000"])

    def test_names_ignore_case(self) -> None:
        """RFC 4855 §3: encoding names are not case-sensitive; rate and channels count."""
        self.assertTrue(Codec(97, "pcmu").same_encoding(PCMU))
        self.assertFalse(Codec(0, "PCMU", 16000).same_encoding(PCMU))

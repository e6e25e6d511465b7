"""Via on the server's side: received, rport and the way back (RFC 3261 §18.2, RFC 3581)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini.message import make_request
from sipmini.transport.addressing import marked, reply_address, same_address
from tests.transport.scene import via_of

PEER = ("192.0.2.9", 1024)
PEER_6 = ("2001:db8::9", 1024)


class MarkedTests(SynchronousTestCase):
    def check(self, via: str, expected: str, remote: tuple[str, int] = PEER) -> None:
        """What *via* becomes, as text and as the value that was read."""
        request = marked(via_of(via), remote)
        self.assertEqual(request.headers.first("Via"), expected)
        again = via_of(expected).via
        read = request.via
        self.assertEqual((read.host, read.port, read.params), (again.host, again.port, again.params))

    def test_untouched(self) -> None:
        """§18.2.1: nothing is added where sent-by is the address that the request came from."""
        for via, remote in (
            ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", PEER),
            ("SIP / 2.0 / UDP   192.0.2.9 : 9 ; branch=z9hG4bK1", PEER),
            ("SIP/2.0/UDP [2001:db8::9];branch=z9hG4bK1", PEER_6),
            ("SIP/2.0/UDP [2001:DB8:0::9]:5060;branch=z9hG4bK1", PEER_6),
        ):
            request = via_of(via)
            self.assertIs(marked(request, remote), request)

    def test_received(self) -> None:
        """§18.2.1: received where sent-by is another address, or a name."""
        self.check(
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1",
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;received=192.0.2.9",
        )
        self.check("SIP/2.0/UDP pc.example", "SIP/2.0/UDP pc.example;received=192.0.2.9")
        self.check("SIP/2.0/UDP [2001:db8::1]", "SIP/2.0/UDP [2001:db8::1];received=2001:db8::9", PEER_6)

    def test_rport(self) -> None:
        """RFC 3581 §4: an empty rport is filled, and received stands beside it even where it is sent-by."""
        filled = "SIP/2.0/UDP 192.0.2.9;rport=1024;branch=z9hG4bK1;received=192.0.2.9"
        self.check("SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK1", filled)
        self.check(
            "SIP/2.0/UDP h;branch=z9hG4bK1; RPORT",
            "SIP/2.0/UDP h;branch=z9hG4bK1;rport=1024;received=192.0.2.9",
        )
        self.check("SIP/2.0/UDP h;rport ;x=rport", "SIP/2.0/UDP h;rport=1024;x=rport;received=192.0.2.9")

    def test_claims(self) -> None:
        """§18.2.1: what the sender says of itself in received and rport is not believed."""
        self.check(
            "SIP/2.0/UDP 192.0.2.9;received=10.0.0.1;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"
        )
        self.check("SIP/2.0/UDP h;received=10.0.0.1", "SIP/2.0/UDP h;received=192.0.2.9")
        self.check("SIP/2.0/UDP h;rport=9;received=10.0.0.1", "SIP/2.0/UDP h;rport=1024;received=192.0.2.9")
        self.check("SIP/2.0/UDP 192.0.2.9;rport=9", "SIP/2.0/UDP 192.0.2.9;rport=1024;received=192.0.2.9")
        self.check("SIP/2.0/UDP h;rport;received=10.0.0.1", "SIP/2.0/UDP h;rport=1024;received=192.0.2.9")

    def test_others_stay(self) -> None:
        """The Vias below the top one, in the same line or not, are not touched."""
        request = make_request(
            "OPTIONS",
            "sip:a@b",
            [("Via", "SIP/2.0/UDP h;rport, SIP/2.0/UDP i;rport"), ("Via", "SIP/2.0/UDP j;rport")],
        )
        self.assertEqual(
            marked(request, PEER).values("Via"),
            ["SIP/2.0/UDP h;rport=1024;received=192.0.2.9", "SIP/2.0/UDP i;rport", "SIP/2.0/UDP j;rport"],
        )

    def test_unreadable(self) -> None:
        """A Via that is none raises ValueError and nothing else."""
        for via in ("", "SIP/2.0/UDP", "x", "SIP/2.0/UDP h:99999"):
            with self.assertRaises(ValueError):
                marked(via_of(via), PEER)
        with self.assertRaises(ValueError):
            marked(make_request("OPTIONS", "sip:a@b", []), PEER)

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(
        st.sampled_from(["192.0.2.9", "h.example", "[2001:db8::9]", "10.0.0.1:5070"]),
        st.lists(
            st.sampled_from(
                [
                    "rport",
                    "rport=7",
                    "received=1.2.3.4",
                    "received=::1",
                    "branch=z9hG4bKx",
                    "lr",
                    'x="a;rport"',
                    "ttl=1",
                ]
            ),
            unique=True,
        ),
        st.sampled_from([PEER, PEER_6]),
    )
    def test_any_via(self, sent_by: str, params: list[str], remote: tuple[str, int]) -> None:
        """Whatever stands in it: rport is there iff it was, and true; the way back is the way it came."""
        request = via_of(";".join([f"SIP/2.0/UDP {sent_by}", *params]))
        via = marked(request, remote).via
        self.assertEqual("rport" in via.params, "rport" in request.via.params)
        self.assertIn(via.rport, (None, remote[1]))
        self.assertIn(via.received, (None, remote[0]))
        self.assertTrue(via.received == remote[0] or same_address(via.host, remote[0]))
        self.assertEqual(marked(request, remote).via.branch, request.via.branch)


class ReplyAddressTests(SynchronousTestCase):
    def test_ports(self) -> None:
        """§18.2.2, RFC 3581 §4: rport, else the port of sent-by, else 5060; the address is the sender's."""
        for via, port in (
            ("SIP/2.0/UDP h:5070;rport", 1024),
            ("SIP/2.0/UDP h:5070", 5070),
            ("SIP/2.0/UDP h", 5060),
            ("SIP/2.0/UDP h;maddr=198.51.100.1", 5060),
        ):
            with self.subTest(via=via):
                self.assertEqual(reply_address(marked(via_of(via), PEER), PEER), ("192.0.2.9", port))


class SameAddressTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        """IPv6 addresses have many spellings; names are no addresses."""
        for one, other, same in (
            ("192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("[2001:db8::1]", "2001:0DB8:0::1", True),
            ("2001:db8::1", "2001:db8::2", False),
            ("h.example", "192.0.2.1", False),
            ("[x:y]", "2001:db8::1", False),
        ):
            self.assertEqual(same_address(one, other), same, (one, other))

"""The stack: what arrives is handed up, answered by a rule or dropped by a rule, and nothing raises."""

from __future__ import annotations

from random import Random
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.protocol import ClientFactory
from twisted.trial.unittest import SynchronousTestCase

from sipmini import codec, reasons
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Decided, Entry, Journal, Received
from sipmini.message import Request, Response, make_response
from sipmini.stack import Stack
from sipmini.testing import SimulatedNetwork
from sipmini.transaction import ServerTransaction
from tests.transport.scene import PEER, US, TcpPeer, UdpPeer

INVITE = b"""INVITE sip:bob@biloxi.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK776asdhds;rport
Max-Forwards: 70
To: Bob <sip:bob@biloxi.com>
From: Alice <sip:alice@atlanta.com>;tag=1928301774
Call-ID: a84b4c76e66710@pc33.atlanta.com
CSeq: 314159 INVITE
Contact: <sip:alice@192.0.2.2>
Content-Type: application/sdp
Content-Length: 4

v=0
""".replace(b"\n", b"\r\n").replace(b"v=0\r\n", b"v=0\n")

RESPONSE = b"""SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours
To: <sip:bob@biloxi.com>;tag=b
From: <sip:alice@atlanta.com>;tag=a
Call-ID: c1
CSeq: 1 OPTIONS
Content-Length: 0

""".replace(b"\n", b"\r\n")


class User:
    """The user of a client transaction."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def received(self, response: Response) -> None:
        self.told.append(response.status)

    def timed_out(self) -> None:
        self.told.append(408)

    def transport_failed(self, failure: object) -> None:
        self.told.append(503)


class StackCase(SynchronousTestCase):
    """A stack on a host, and a peer that sends it whatever a test wants."""

    def setUp(self) -> None:
        self.network = SimulatedNetwork(1)
        self.host, self.far = self.network.host(US), self.network.host(PEER)
        self.entries: list[Entry] = []
        self.journal = Journal("test", self.network.seconds)
        self.journal.observe(self.entries.append)
        tokens = Random(1)
        self.stack = Stack(self.host, self.journal, lambda: f"{tokens.getrandbits(64):016x}", lambda _: US)
        self.stack.on_request = self.on_request
        for transport in ("UDP", "TCP"):
            self.stack.listen(transport, US, 5060)
        self.requests: list[tuple[Request, ServerTransaction | None, Flow]] = []
        self.peer = UdpPeer()
        self.far.listenUDP(5060, self.peer, interface=PEER)

    def on_request(self, request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
        self.requests.append((request, transaction, flow))
        if transaction is not None:
            transaction.respond(make_response(request, 200, to_tag="us"))

    def arrive(self, data: bytes) -> list[bytes]:
        """A datagram comes; the start lines of what goes back."""
        assert self.peer.transport is not None
        self.peer.transport.write(data, (US, 5060))
        self.network.advance(0.01)
        heard, self.peer.heard[:] = [line.partition(b"\r\n")[0] for line, _ in self.peer.heard], []
        return heard

    @property
    def decided(self) -> list[str]:
        """The names of the rules applied since the last look."""
        names = [entry.reason.rule.name for entry in self.entries if isinstance(entry, Decided)]
        self.entries.clear()
        return names


class RequestTests(StackCase):
    def test_handed_up(self) -> None:
        """A request comes up once, its Via marked, with the flow that it came by."""
        self.assertEqual(self.arrive(INVITE), [b"SIP/2.0 200 OK"])
        ((request, transaction, flow),) = self.requests
        self.assertEqual((request.via.rport, request.via.received), (5060, PEER))
        assert transaction is not None
        self.assertIs(transaction.request, request)
        self.assertEqual(str(flow), f"UDP {PEER}:5060")
        self.assertIs(self.stack.on_request, self.stack.transactions.on_request)
        self.assertEqual(self.stack.contact_for(Hop("UDP", PEER, 5060)), (US, 5060))

    def test_malformed(self) -> None:
        """§8.2, §21.4.1: answered by the rule that was broken, and nobody is asked."""
        for old, new, status, rule in (
            (b"CSeq: 314159 INVITE", b"CSeq: x", b"400 Malformed Header Value", "bad-header-value"),
            (b"CSeq: 314159 INVITE\r\n", b"", b"400 Missing Header Field (CSeq)", "missing-header"),
            (
                b"CSeq: 314159 INVITE",
                b"CSeq: 1 BYE",
                b"400 CSeq Method Does Not Match",
                "cseq-method-mismatch",
            ),
            (b"Content-Length: 4", b"Content-Length: 5", b"400 Body Shorter", "short-body"),
            (b"Content-Length: 4", b"Content-Length: -4", b"400 Bad Content-Length", "bad-content-length"),
            (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", b"505 SIP Version Not Supported", "sip-version"),
            (
                b"sip:bob@biloxi.com SIP",
                b"<sip:bob@biloxi.com> SIP",
                b"400 Malformed Request-URI",
                "bad-request-uri",
            ),
            (b"To: Bob", b"nonsense\r\nTo: Bob", b"400 Malformed Header Field", "bad-header-line"),
        ):
            with self.subTest(rule=rule):
                self.setUp()
                (line,) = self.arrive(INVITE.replace(old, new))
                self.assertTrue(line.startswith(b"SIP/2.0 " + status), line)
                self.assertEqual((self.decided, self.requests), ([rule], []))
                self.assertEqual(self.stack.transactions.count, 0)

    def test_malformed_ack(self) -> None:
        """§17.1.1.3: an ACK is never answered."""
        ack = INVITE.replace(b"INVITE", b"ACK").replace(b"314159 ACK", b"x")
        self.assertEqual((self.arrive(ack), self.decided), ([], ["malformed-ack"]))
        undecodable = INVITE.replace(b"INVITE", b"ACK").replace(b"Length: 4", b"Length: 5")
        self.assertEqual((self.arrive(undecodable), self.decided), ([], ["malformed-ack"]))

    def test_unanswerable(self) -> None:
        """§8.2.6.2: without a Via there is nobody to answer."""
        for via in (b"", b"Via: SIP/2.0\r\n"):
            data = INVITE.replace(INVITE[INVITE.index(b"Via") : INVITE.index(b"Max")], via)
            self.assertEqual((self.arrive(data), self.decided), ([], ["unanswerable"]))

    def test_not_sip(self) -> None:
        """What is no message is dropped by a rule."""
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x00\x00!\x12\xa4B", b"x", b"\r\n\r\nx"):
            self.assertEqual((self.arrive(data), self.decided), ([], ["not-sip"]), data)

    def test_keep_alives(self) -> None:
        """What keeps a NAT's mapping open is no message, and is not written down."""
        for data in (b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\r\n\0"):
            self.assertEqual((self.arrive(data), self.entries), ([], []), data)

    def test_empty_lines_first(self) -> None:
        """§7.5: empty lines before a message are skipped."""
        self.assertEqual(self.arrive(b"\r\n\r\n" + INVITE), [b"SIP/2.0 200 OK"])


class HandlerTests(StackCase):
    def test_raises(self) -> None:
        """§21.5.1: what goes wrong with one request is its 500, logged; the next one finds all working."""
        self.stack.on_request = lambda *_: 1 // 0  # type: ignore[assignment,return-value]
        self.assertEqual(self.arrive(INVITE), [b"SIP/2.0 500 Server Internal Error"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.decided, ["server-error"])
        self.network.advance(0.3)
        # The transaction is as any that was refused: 500 again until the ACK, no 100 after it.
        self.assertEqual(self.arrive(INVITE), [b"SIP/2.0 500 Server Internal Error"])
        self.stack.on_request = self.on_request
        other = INVITE.replace(b"776asdhds", b"other")
        self.assertEqual(self.arrive(other), [b"SIP/2.0 200 OK"])

    def test_layers_raise(self) -> None:
        """A mistake of our own below the handler is logged and written down, whatever it was about."""
        self.stack.transports.sent_by(Hop("UDP", PEER, 5060))
        for where in ("request_received", "response_received"):
            with mock.patch.object(self.stack.transactions, where, side_effect=ZeroDivisionError):
                self.arrive(INVITE if where.startswith("request") else RESPONSE)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertEqual(self.decided, ["server-error"])
        with mock.patch.object(codec, "decode", side_effect=ZeroDivisionError):
            self.assertEqual(self.arrive(INVITE), [])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ResponseTests(StackCase):
    def test_to_its_transaction(self) -> None:
        """§17.1.3: a response finds the request it answers, and its user."""
        user = User()
        request = Request(
            "OPTIONS", "sip:bob@biloxi.com", codec.decode(INVITE).headers.without_first_value("Via")
        )
        request = request.with_headers(request.headers.replaced("CSeq", "1 OPTIONS"))
        transaction = self.stack.transactions.request(request, Hop("UDP", PEER, 5060), user)
        self.network.advance(0.01)
        self.peer.heard.clear()
        self.arrive(bytes(make_response(transaction.request, 200, to_tag="b")))
        self.assertEqual((user.told, self.decided), ([200], []))

    def test_dropped(self) -> None:
        """§18.1.2: what is not ours, belongs to nothing or cannot be read is dropped, each by its rule."""
        self.stack.transports.sent_by(Hop("UDP", PEER, 5060))
        for old, new, rule in (
            (b"", b"", "stray-response"),
            (b"192.0.2.1:5060", b"192.0.2.7:5060", "response-not-ours"),
            (b"CSeq: 1 OPTIONS", b"CSeq: x", "malformed-response"),
            (b"Length: 0", b"Length: 7", "malformed-response"),
            (b"200 OK", b"2000 OK", "malformed-response"),
        ):
            self.assertEqual((self.arrive(RESPONSE.replace(old, new)), self.decided), ([], [rule]), rule)


class StreamTests(StackCase):
    def connect(self) -> TcpPeer:
        peer = TcpPeer()
        factory = ClientFactory()
        factory.buildProtocol = lambda addr: peer  # type: ignore[method-assign]
        self.far.connectTCP(US, 5060, factory)
        self.network.advance(0.01)
        return peer

    def test_request(self) -> None:
        """A request is answered on its connection."""
        peer = self.connect()
        peer.transport.write(INVITE.replace(b"UDP", b"TCP"))
        self.network.advance(0.01)
        self.assertEqual(peer.heard.partition(b"\r\n")[0], b"SIP/2.0 200 OK")

    def test_unframeable(self) -> None:
        """§18.3: a request without Content-Length is answered, then the connection closed."""
        peer = self.connect()
        peer.transport.write(INVITE.replace(b"Content-Length: 4\r\n", b""))
        self.network.advance(0.01)
        self.assertEqual(peer.heard.partition(b"\r\n")[0], b"SIP/2.0 400 Content-Length Required On Streams")
        self.assertEqual(self.decided, ["missing-content-length"])
        self.assertIsNotNone(peer.lost)

    def test_unframeable_nonsense(self) -> None:
        """What is no request is not answered."""
        peer = self.connect()
        peer.transport.write(b"hello\r\n\r\n")
        self.network.advance(0.01)
        self.assertEqual((peer.heard, self.decided), (b"", ["missing-content-length"]))
        self.assertIsNotNone(peer.lost)


class StopTests(StackCase):
    def test_stop(self) -> None:
        """All sockets close; transactions and their timers are forgotten at once."""
        self.arrive(INVITE)
        self.assertEqual(self.stack.transactions.count, 1)
        self.assertEqual(len(self.stack.stop()), 2)
        self.assertEqual((self.stack.transports.listening, self.stack.transactions.count), ([], 0))
        self.assertEqual(self.stack.timers.pending, 0)


#: Ways to spoil a message: cut, double, replace, or put something between.
SPOILS = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.integers(0, 30),
        st.sampled_from(
            [
                b"",
                b"\r\n",
                b"\r\n\r\n",
                b"\n",
                b"\r",
                b"\0",
                b"\xff",
                b" ",
                b";",
                b",",
                b'"',
                b"<",
                b">",
                b":",
                b"@",
                b"%",
            ]
            + [
                b"z9hG4bK",
                b"Via: x\r\n",
                b"\r\nCSeq: 99999999999999999999 INVITE",
                b"[::",
                b"\xe2\x82",
                b"9" * 40,
            ]
        ),
    ),
    min_size=1,
    max_size=3,
)

STATUSES = {rule.status for rule in reasons.RULES.values()} | {200}


class SpoiledTests(StackCase):
    """Whatever comes, the stack hands it up, answers by a rule, or drops it by a rule."""

    def spoiled(self, data: bytes, spoils: list[tuple[int, int, bytes]]) -> bytes:
        for start, length, text in spoils:
            start %= len(data) + 1
            data = data[:start] + text + data[start + length :]
        return data

    def check(self, data: bytes) -> None:
        answers = [int(line.split(b" ")[1]) for line in self.arrive(data)]
        arrived = [entry for entry in self.entries if isinstance(entry, Received)]
        decided = self.decided
        self.assertEqual(len(arrived), 0 if not data.strip(b"\r\n\0") else 1)
        if arrived:
            self.assertTrue(self.requests or decided, data)
        self.assertLessEqual(set(answers), STATUSES)
        self.assertLessEqual(len(answers), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(derandomize=True, max_examples=150, deadline=None)
    @given(SPOILS, st.sampled_from([INVITE, RESPONSE, INVITE.replace(b"INVITE", b"ACK")]))
    def test_spoiled(self, spoils: list[tuple[int, int, bytes]], data: bytes) -> None:
        self.setUp()
        self.stack.transports.sent_by(Hop("UDP", PEER, 5060))
        self.check(self.spoiled(data, spoils))

    @settings(derandomize=True, max_examples=50, deadline=None)
    @given(st.binary(max_size=200))
    def test_noise(self, data: bytes) -> None:
        self.setUp()
        self.check(data)

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(SPOILS, st.integers(1, 200))
    def test_spoiled_on_a_stream(self, spoils: list[tuple[int, int, bytes]], size: int) -> None:
        """On a connection too, however it is cut; the next connection works."""
        self.setUp()
        self.network.segment_size = size
        for data in (self.spoiled(INVITE, spoils), INVITE.replace(b"776asdhds", b"next")):
            peer = TcpPeer()
            factory = ClientFactory()
            factory.buildProtocol = lambda addr, peer=peer: peer  # type: ignore[method-assign,misc]
            self.far.connectTCP(US, 5060, factory)
            self.network.advance(0.01)
            peer.transport.write(data)
            self.network.advance(0.01)
        self.assertTrue(peer.heard.startswith(b"SIP/2.0 200 OK"), peer.heard)
        self.assertEqual(self.flushLoggedErrors(), [])

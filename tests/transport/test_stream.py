"""TCP: framing, keep-alives, reuse, limits and peers that misbehave (RFC 3261 §18, RFC 5626 §3.5.1)."""

from __future__ import annotations

from twisted.internet.protocol import ClientFactory

from sipmini.flow import Flow
from sipmini.framing import PING, PONG
from sipmini.hop import Hop
from sipmini.testing import drop
from sipmini.transport import TransportLimits
from sipmini.transport.stream import MAX_UNREAD
from tests.transport.scene import PEER, PEER_6, US, US_6, TcpPeer, TransportCase, message, via_of

HOP = Hop("TCP", PEER, 5060)


class StreamCase(TransportCase):
    def setUp(self) -> None:
        super().setUp()
        self.listen()

    def flow(self) -> Flow:
        """The flow of the last message."""
        return self.heard[-1][1]


class FramingTests(StreamCase):
    def test_many_in_one(self) -> None:
        """§18.3: Content-Length cuts messages; many may come in one segment."""
        peer = self.connect()
        self.write(peer, message(1) + message(2, b"body") + message(3))
        self.assertEqual(self.pieces, [message(1), message(2, b"body"), message(3)])

    def test_one_in_many(self) -> None:
        """§18.3: one message may come octet by octet."""
        self.network.segment_size = 1
        peer = self.connect()
        self.write(peer, message(1, b"body") + message(2))
        self.assertEqual(self.pieces, [message(1, b"body"), message(2)])

    def test_flow(self) -> None:
        """Its flow names both ends and the connection."""
        for host, peer_host in ((US, PEER), (US_6, PEER_6)):
            peer = self.connect(host)
            self.write(peer, message())
            flow, far = self.flow(), peer.transport.getHost()
            self.assertEqual(
                (flow.transport, flow.local, flow.remote), ("TCP", (host, 5060), (peer_host, far.port))
            )
        numbers = {flow.socket for _, flow in self.heard}
        self.assertEqual(len(numbers), 2)

    def test_no_delay(self) -> None:
        """Messages are not held back to be sent with the next."""
        peer = self.connect()
        self.write(peer, message())
        (stream,) = self.transports._connections._streams.values()
        self.assertTrue(stream.transport.getTcpNoDelay())

    def test_unframeable(self) -> None:
        """§18.3, §20.14: told, then closed, and nothing that comes after is read."""
        peer = self.connect()
        self.write(peer, b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n" + message(), message())
        self.assertEqual(
            [str(error.reason.rule.name) for error in self.unframeable], ["missing-content-length"]
        )
        self.assertEqual((self.pieces, self.transports.connections), ([], 0))
        self.assertIsNotNone(peer.lost)

    def test_answer_to_unframeable(self) -> None:
        """The answer that is written as it is told goes out before the connection closes."""
        self.transports.on_unframeable = lambda error, flow: self.reply_now(flow)
        peer = self.connect()
        self.write(peer, b"x" * 70000)
        self.assertEqual(peer.heard, b"response")
        self.assertIsNotNone(peer.lost)

    def reply_now(self, flow: Flow) -> None:
        self.transports.replier(via_of("SIP/2.0/TCP h"), flow)(b"response", self.failed)

    def test_handler_raises(self) -> None:
        """What a handler does wrong costs its connection, no other."""
        self.transports.on_data = lambda data, flow: 1 // 0  # type: ignore[assignment,return-value]
        one, other = self.connect(), self.connect()
        self.write(one, message())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.transports.connections, other.lost), (1, None))


class KeepAliveTests(StreamCase):
    def test_ping(self) -> None:
        """RFC 5626 §3.5.1: a double CRLF is answered by a single one, between messages as well."""
        peer = self.connect()
        self.write(peer, PING, message() + PING + message())
        self.assertEqual(peer.heard, PONG + PONG)
        self.assertEqual(self.pieces, [message(), message()])

    def test_single_line_ends(self) -> None:
        """A peer that keeps its connection alive with single line ends is not stalled."""
        peer = self.connect()
        for _ in range(5):
            self.write(peer, b"\r\n")
            self.advance(60)
        self.assertIsNone(peer.lost)
        self.assertEqual(self.decided, [])


class ReuseTests(StreamCase):
    def test_one_connection(self) -> None:
        """§18.1.1: requests to one place share a connection, those that wait for it in their order."""
        self.tcp_peer()
        for data in (b"1", b"2", b"3"):
            self.transports.send_request(data, HOP, self.failed)
        self.advance()
        self.send(HOP, b"4")
        (peer,) = self.accepted
        self.assertEqual((peer.heard, self.failures), (b"1234", []))
        self.assertEqual([data for data, _ in self.sent], [b"1", b"2", b"3", b"4"])
        self.assertTrue(self.transports.open_stream((PEER, 5060)))

    def test_connection_of_the_peer(self) -> None:
        """A request to the place that a connection comes from takes that connection."""
        peer = self.connect()
        self.send(Hop("TCP", PEER, peer.transport.getHost().port), b"request")
        self.assertEqual((peer.heard, self.accepted), (b"request", []))

    def test_spelling(self) -> None:
        """An IPv6 address in another spelling is connected to, and reused, all the same."""
        self.tcp_peer(host=PEER_6)
        spelled = Hop("TCP", "2001:DB8:0::2", 5060)
        self.send(spelled, b"1")
        self.send(spelled, b"2")
        self.send(Hop("TCP", PEER_6, 5060), b"3")
        self.assertEqual([peer.heard for peer in self.accepted], [b"123"])
        self.accepted[0].transport.loseConnection()
        self.advance()
        self.assertEqual((self.transports._connections._by_remote, self.transports.connections), ({}, 0))

    def test_reply(self) -> None:
        """§18.2.2: a response takes the connection of its request."""
        peer = self.connect()
        self.write(peer, message())
        self.reply(via_of("SIP/2.0/TCP 10.0.0.1"), self.flow())
        self.assertEqual((peer.heard, self.accepted), (b"response", []))

    def test_reply_to_closed(self) -> None:
        """§18.2.2: where that is gone, a new one to the sender's address and the port of sent-by."""
        for via, port in (("SIP/2.0/TCP 10.0.0.1:5070", 5070), ("SIP/2.0/TCP 10.0.0.1", 5060)):
            with self.subTest(via=via):
                self.setUp()
                self.tcp_peer(port)
                peer = self.connect()
                self.write(peer, message())
                peer.transport.loseConnection()
                self.advance()
                self.reply(via_of(via), self.flow(), b"1")
                self.reply(via_of(via), self.flow(), b"2")
                self.assertEqual([each.heard for each in self.accepted], [b"12"])

    def test_reply_to_nobody(self) -> None:
        """§18.4: where nobody listens there, the failure is told."""
        peer = self.connect()
        self.write(peer, message())
        peer.transport.abortConnection()
        self.advance()
        self.reply(via_of("SIP/2.0/TCP 10.0.0.1:5070"), self.flow())
        self.assertEqual(len(self.failures), 1)
        self.assertRegex(self.failures[0], r"^TCP to 192\.0\.2\.2:5070: Connection was refused")

    def test_closing_is_not_reused(self) -> None:
        """What is about to close, but still has something to send, gets nothing new."""
        self.tcp_peer()
        peer = self.connect()
        self.write(peer, message())
        peer.transport.stopReading()
        self.reply(via_of("SIP/2.0/TCP 10.0.0.1"), self.flow(), b"x" * 300_000)
        self.write(peer, b"OPTIONS sip:a@b SIP/2.0\r\n\r\n")
        self.assertEqual(len(self.unframeable), 1)
        self.reply(via_of("SIP/2.0/TCP 10.0.0.1"), self.flow(), b"late")
        remote = self.flow().remote
        self.assertFalse(self.transports.open_stream(remote))
        self.assertEqual([each.heard for each in self.accepted], [b"late"])

    def test_newer_of_two(self) -> None:
        """Both sides may connect at once: what waits takes the first that stands; the other stays usable."""
        self.tcp_peer()
        self.network.rules.append(drop(first=1, matching=lambda packet: packet.kind == "SYN"))
        self.transports.send_request(b"waiting", HOP, self.failed)
        self.advance()
        peer = TcpPeer()
        self.connect_from(peer, 5060)
        self.assertEqual(peer.heard, b"waiting")
        self.advance(2)
        self.assertEqual((self.transports.connections, [each.heard for each in self.accepted]), (2, [b""]))
        peer.transport.loseConnection()
        self.advance()
        self.send(HOP, b"next")
        self.assertEqual([each.heard for each in self.accepted], [b"next"])

    def connect_from(self, peer: TcpPeer, port: int) -> None:
        """*peer* connects to us from the port where it also listens."""
        factory = ClientFactory()
        factory.buildProtocol = lambda addr: peer  # type: ignore[method-assign]
        self.far.connectTCP(US, 5060, factory, bindAddress=(PEER, port))
        self.advance()


class FailureTests(StreamCase):
    limits = TransportLimits(waiting_for_connection=2)

    def test_refused(self) -> None:
        """§18.4: all that waited are told; the next attempt is a new one."""
        for data in (b"1", b"2"):
            self.transports.send_request(data, HOP, self.failed)
        self.advance()
        self.assertEqual(len(self.failures), 2)
        self.assertRegex(self.failures[0], r"^TCP to 192\.0\.2\.2:5060: Connection was refused")
        self.assertEqual(self.sent, [])
        self.tcp_peer()
        self.send(HOP, b"3")
        self.assertEqual([peer.heard for peer in self.accepted], [b"3"])

    def test_timeout(self) -> None:
        """A host that does not answer is given five seconds."""
        self.send(Hop("TCP", "192.0.2.99", 5060))
        self.advance(4.9)
        self.assertEqual(self.failures, [])
        self.advance(0.2)
        self.assertEqual(len(self.failures), 1)
        connections = self.transports._connections
        self.assertEqual((connections._connecting, connections._connectors), ({}, {}))

    def test_too_many_wait(self) -> None:
        """What waits for one connection is bounded."""
        for data in (b"1", b"2", b"3"):
            self.transports.send_request(data, Hop("TCP", "192.0.2.99", 5060), self.failed)
        self.assertEqual(self.failures, ["too many messages wait for a connection to 192.0.2.99:5060"])

    def test_never_reads(self) -> None:
        """A peer that does not read loses its connection once a megabyte waits for it."""
        peer = self.connect()
        self.write(peer, message())
        flow = self.flow()
        peer.transport.stopReading()
        for _ in range(MAX_UNREAD // 100_000 + 3):
            self.reply(via_of("SIP/2.0/TCP h"), flow, b"x" * 100_000)
        self.assertEqual(self.transports.connections, 0)

    def test_reads_slowly(self) -> None:
        """A peer that reads in the end keeps it."""
        peer = self.connect()
        self.write(peer, message())
        flow = self.flow()
        for _ in range(5):
            peer.transport.stopReading()
            for _ in range(5):
                self.reply(via_of("SIP/2.0/TCP h"), flow, b"x" * 100_000)
            peer.transport.startReading()
            self.advance()
        self.assertEqual((len(peer.heard), self.transports.connections), (2_500_000, 1))


class LimitTests(StreamCase):
    limits = TransportLimits(connections=2)

    def test_incoming(self) -> None:
        """More connections than allowed are refused, by rule; room is made by one that ends."""
        peers = [self.connect() for _ in range(3)]
        self.assertEqual([peer.lost is None for peer in peers], [True, True, False])
        self.assertEqual((self.decided, self.transports.connections), (["too-many-connections"], 2))
        peers[0].transport.loseConnection()
        self.advance()
        self.assertIsNone(self.connect().lost)

    def test_outgoing(self) -> None:
        """No connection is made beyond the limit; those on their way count."""
        self.connect()
        self.transports.send_request(b"1", HOP, self.failed)
        self.transports.send_request(b"2", Hop("TCP", PEER, 5070), self.failed)
        self.assertEqual(self.failures, ["2 connections are open, no more are allowed"])

    def test_outgoing_that_comes_late(self) -> None:
        """One that stands when others have taken the room is closed, and what waited for it is told."""
        self.tcp_peer()
        self.network.rules.append(drop(first=1, source=US, matching=lambda packet: packet.kind == "SYN"))
        self.transports.send_request(b"1", HOP, self.failed)
        self.connect()
        self.connect()
        self.advance(2)
        self.assertEqual(self.failures, [f"TCP to {PEER}:5060: too many connections are open"])
        self.assertEqual((self.decided, self.transports.connections), (["too-many-connections"], 2))


class SweepTests(StreamCase):
    """Connections that are of no use are closed."""

    def test_half_a_message(self) -> None:
        """§18.3: a message that never ends is given 30 seconds, by rule."""
        peer = self.connect()
        self.write(peer, message() + message()[:20])
        self.advance(29)
        self.write(peer, b"x")
        self.assertIsNone(peer.lost)
        self.advance(15)
        self.assertIsNotNone(peer.lost)
        self.assertEqual(self.decided, ["stream-stalled"])
        self.assertEqual(self.transports.connections, 0)

    def test_steady(self) -> None:
        """A peer in the middle of one message after the other is not stalled."""
        peer = self.connect()
        for _ in range(10):
            self.write(peer, message()[20:] if self.heard else b"", message()[:20])
            self.heard.append((b"", Flow("TCP", ("", 0), ("", 0), 0)))
            self.advance(10)
        self.assertIsNone(peer.lost)
        self.assertEqual(self.decided, [])

    def test_nothing_at_all(self) -> None:
        """A peer that connects and says nothing does not keep its place."""
        peer = self.connect()
        self.advance(45)
        self.assertIsNotNone(peer.lost)
        self.assertEqual(self.decided, ["stream-stalled"])

    def test_our_own(self) -> None:
        """A connection that we made may wait for its first message; a peer's that has had one, for more."""
        self.tcp_peer()
        self.send(HOP)
        peer = self.connect()
        self.write(peer, message())
        self.advance(3600)
        self.assertEqual((self.transports.connections, self.decided), (2, []))

    def test_idle(self) -> None:
        """Two hours of silence are enough."""
        peer = self.connect()
        self.write(peer, message())
        self.advance(7000)
        self.assertIsNone(peer.lost)
        self.advance(300)
        self.assertIsNotNone(peer.lost)
        self.assertEqual((self.decided, self.transports.connections), ([], 0))

    def test_never_closes(self) -> None:
        """A peer that does not take what it is to have before the end is dropped, decided about once."""
        peer = self.connect()
        self.write(peer, message())
        peer.transport.stopReading()
        self.reply(via_of("SIP/2.0/TCP h"), self.flow(), b"x" * 500_000)
        self.write(peer, message()[:20])
        self.advance(45)
        self.assertEqual((self.decided, self.transports.connections), (["stream-stalled"], 1))
        self.advance(45)
        self.assertEqual((self.decided, self.transports.connections), ([], 0))

    def test_no_sweep_for_nothing(self) -> None:
        """Without a connection the clock has nothing to do."""
        peer = self.connect()
        self.write(peer, message())
        peer.transport.loseConnection()
        self.advance(60)
        self.assertEqual(self.host.getDelayedCalls(), [])


class StopTests(StreamCase):
    def test_stop(self) -> None:
        """Everything is closed, what was being connected is given up, no timer is left."""
        self.tcp_peer()
        peer = self.connect()
        self.write(peer, message())
        self.send(HOP)
        self.transports.send_request(b"x", Hop("TCP", "192.0.2.99", 5060), self.failed)
        done = self.transports.stop()
        self.advance()
        self.assertEqual(len(done), 4)
        self.assertIsNotNone(peer.lost)
        self.assertEqual((self.transports.connections, self.transports.listening), (0, []))
        self.assertEqual(self.host.getDelayedCalls(), [])
        self.assertEqual(self.failures, [])
        self.assertEqual(self.transports.stop(), [])

    def test_listen_again(self) -> None:
        """After it, the same port can be had again."""
        self.transports.stop()
        self.advance()
        self.listen()
        self.assertIsNone(self.connect().lost)

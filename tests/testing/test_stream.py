"""TCP connections, between real Twisted protocols and factories."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.error import (
    CannotListenError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
    UserError,
)
from twisted.internet.interfaces import IConnector, IListeningPort, ITCPTransport
from twisted.internet.protocol import ClientFactory, Factory, Protocol, ServerFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipmini.testing import SimulatedNetwork, delay, drop, duplicate, reorder

SERVER = "192.0.2.2"


class Recorder(Protocol):
    """Keeps what it receives, and why its connection ended."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended: list[type[BaseException]] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.ended.append(type(reason.value))


class Both(ClientFactory, ServerFactory):
    """Builds recorders, and notes what a factory is told."""

    noisy = False

    def __init__(self) -> None:
        self.built: list[Recorder] = []
        self.events: list[object] = []

    def startFactory(self) -> None:
        self.events.append("start")

    def stopFactory(self) -> None:
        self.events.append("stop")

    def buildProtocol(self, addr: object) -> Recorder | None:
        self.built.append(Recorder())
        return self.built[-1]

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.events.append(("failed", type(reason.value)))

    def clientConnectionLost(self, connector: object, reason: Failure) -> None:
        self.events.append(("lost", type(reason.value)))


class Refusing(Both):
    def buildProtocol(self, addr: object) -> None:
        return None


class StreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SimulatedNetwork()
        self.one = self.network.host("192.0.2.1")
        self.two = self.network.host(SERVER)
        self.clients, self.servers = Both(), Both()
        self.port = self.two.listenTCP(5060, self.servers)

    def connect(self) -> tuple[Recorder, Recorder]:
        self.connector = self.one.connectTCP(SERVER, 5060, self.clients)
        self.network.advance(0.1)
        return self.clients.built[-1], self.servers.built[-1]

    def kinds(self) -> list[str]:
        return [packet.kind for packet in self.network.trace]


class ConnectionTests(StreamCase):
    def test_it_is_what_twisted_expects(self) -> None:
        client, server = self.connect()
        verifyObject(ITCPTransport, client.transport)
        verifyObject(IListeningPort, self.port)
        verifyObject(IConnector, self.connector)
        here, there = IPv4Address("TCP", "192.0.2.1", 49152), IPv4Address("TCP", SERVER, 5060)
        self.assertEqual((client.transport.getHost(), client.transport.getPeer()), (here, there))
        self.assertEqual((server.transport.getHost(), server.transport.getPeer()), (there, here))
        self.assertEqual(self.connector.getDestination(), there)
        self.assertEqual(self.port.getHost(), IPv4Address("TCP", "0.0.0.0", 5060))
        self.assertEqual(repr(self.port), "<StreamPort 0.0.0.0:5060>")
        self.assertEqual(client.transport.logPrefix(), "Recorder")

    def test_options_are_remembered(self) -> None:
        transport = self.connect()[0].transport
        self.assertEqual((transport.getTcpNoDelay(), transport.getTcpKeepAlive()), (False, False))
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(1)
        self.assertEqual((transport.getTcpNoDelay(), transport.getTcpKeepAlive()), (True, True))

    def test_three_packets_open_a_connection(self) -> None:
        self.connect()
        self.assertEqual(
            [(packet.at, packet.kind) for packet in self.network.trace],
            [(0.001, "SYN"), (0.002, "SYN-ACK"), (0.003, "ACK")],
        )

    def test_bytes_go_both_ways_and_writes_of_one_turn_share_a_segment(self) -> None:
        client, server = self.connect()
        client.transport.write(b"one ")
        client.transport.writeSequence([b"two ", b"three"])
        server.transport.write(b"back")
        self.network.advance(0.1)
        self.assertEqual((server.pieces, client.pieces), ([b"one two three"], [b"back"]))

    def test_segment_size(self) -> None:
        client, server = self.connect()
        self.network.segment_size = 1
        client.transport.write(b"bytes")
        self.network.advance(0.1)
        self.assertEqual(server.pieces, [b"b", b"y", b"t", b"e", b"s"])

    def test_lose_connection_sends_what_is_buffered_first(self) -> None:
        client, server = self.connect()
        client.transport.write(b"last words")
        client.transport.loseConnection()
        client.transport.write(b"" if client.transport.disconnecting else b"x")
        self.network.advance(0.1)
        self.assertEqual(
            (server.data, server.ended, client.ended), (b"last words", [ConnectionDone], [ConnectionDone])
        )
        self.assertEqual(self.clients.events, ["start", ("lost", ConnectionDone), "stop"])
        self.assertEqual(self.kinds()[3:], ["data", "FIN"])
        self.assertEqual((self.one._ends, self.two._ends, self.network.clock.getDelayedCalls()), ({}, {}, []))

    def test_abort_connection_sends_nothing_more(self) -> None:
        client, server = self.connect()
        client.transport.write(b"never sent")
        client.transport.abortConnection()
        client.transport.abortConnection()
        self.network.advance(0.1)
        self.assertEqual(
            (server.data, server.ended, client.ended), (b"", [ConnectionLost], [ConnectionAborted])
        )
        client.transport.abortConnection()
        self.network.advance(0.1)
        self.assertEqual(client.ended, [ConnectionAborted])

    def test_both_ends_close_at_once(self) -> None:
        client, server = self.connect()
        client.transport.loseConnection()
        server.transport.loseConnection()
        self.network.advance(0.1)
        self.assertEqual((client.ended, server.ended), ([ConnectionDone], [ConnectionDone]))

    def test_data_for_an_end_that_is_closed_resets(self) -> None:
        client, server = self.connect()
        client.transport.loseConnection()
        self.network.rules.append(delay(0.5, matching=lambda packet: packet.kind == "FIN"))
        self.network.advance(0.01)
        server.transport.write(b"too late")
        self.network.advance(0.01)
        self.assertEqual(server.ended, [ConnectionLost])
        self.network.advance(1)
        self.assertEqual((client.ended, server.ended), ([ConnectionDone], [ConnectionLost]))

    def test_a_protocol_that_fails_loses_its_connection(self) -> None:
        client, server = self.connect()
        server.dataReceived = lambda data: 1 / 0
        client.transport.write(b"x")
        self.network.advance(0.1)
        self.assertEqual((server.ended, client.ended), ([ZeroDivisionError], [ConnectionDone]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_endpoints(self) -> None:
        listening = TCP4ServerEndpoint(self.two, 5070).listen(Factory.forProtocol(Recorder))
        self.successResultOf(listening)
        connecting = connectProtocol(TCP4ClientEndpoint(self.one, SERVER, 5070), Recorder())
        self.network.advance(0.1)
        self.assertIsInstance(self.successResultOf(connecting), Recorder)

    def test_ipv6_and_the_address_to_connect_from(self) -> None:
        six = self.network.host("2001:db8::6", "2001:db8::66")
        six.listenTCP(80, self.servers, interface="2001:db8::6")
        six.connectTCP("2001:db8::6", 80, self.clients, bindAddress=("2001:db8::66", 1234))
        self.network.advance(0.1)
        peer = self.servers.built[0].transport.getPeer()
        self.assertEqual((peer.type, peer.host, peer.port), ("TCP", "2001:db8::66", 1234))

    def test_localhost(self) -> None:
        self.two.connectTCP("localhost", 5060, self.clients)
        self.network.advance(0.1)
        self.assertEqual(self.servers.built[0].transport.getPeer().host, "127.0.0.1")


class ConnectTests(StreamCase):
    """How connecting can fail."""

    def failure(self, address: str = SERVER, port: int = 5060, timeout: float = 30) -> list[object]:
        self.connector = self.one.connectTCP(address, port, self.clients, timeout=timeout)
        self.network.advance(100)
        return self.clients.events

    def test_nobody_listens(self) -> None:
        self.assertEqual(self.failure(port=5061), ["start", ("failed", ConnectionRefusedError), "stop"])
        self.assertEqual(self.network.trace[-1].at, 0.002)

    def test_no_such_host(self) -> None:
        self.assertEqual(self.failure("192.0.2.9", timeout=5), ["start", ("failed", TimeoutError), "stop"])

    def test_every_packet_is_lost(self) -> None:
        self.network.rules.append(drop())
        self.assertEqual(self.failure(timeout=90), ["start", ("failed", TimeoutError), "stop"])
        self.assertEqual(
            [packet.at for packet in self.network.trace if packet.kind == "SYN"], [0, 1, 3, 7, 15, 31, 63]
        )

    def test_a_name(self) -> None:
        self.assertEqual(self.failure("example.com"), ["start", ("failed", DNSLookupError), "stop"])

    def test_an_address_of_a_family_the_host_has_not(self) -> None:
        self.assertEqual(self.failure("2001:db8::2"), ["start", ("failed", NoRouteError), "stop"])

    def test_stop_connecting(self) -> None:
        connector = self.one.connectTCP(SERVER, 5060, self.clients)
        connector.stopConnecting()
        self.network.advance(100)
        self.assertEqual(self.clients.events, ["start", ("failed", UserError), "stop"])
        self.assertEqual((self.servers.built, self.one._ends, self.two._ends), ([], {}, {}))

    def test_stop_connecting_without_a_route(self) -> None:
        connector = self.one.connectTCP("example.com", 5060, self.clients)
        connector.stopConnecting()
        self.network.advance(100)
        self.assertEqual(self.clients.events, ["start", ("failed", UserError), "stop"])

    def test_a_server_factory_that_wants_no_protocol(self) -> None:
        self.two.listenTCP(5070, Refusing())
        self.one.connectTCP(SERVER, 5070, self.clients)
        self.network.advance(1)
        self.assertEqual(self.clients.events, ["start", ("lost", ConnectionLost), "stop"])

    def test_a_client_factory_that_wants_no_protocol(self) -> None:
        refusing = Refusing()
        self.one.connectTCP(SERVER, 5060, refusing)
        self.network.advance(1)
        self.assertEqual(
            (refusing.events[1], self.servers.built[0].ended), (("lost", ConnectionDone), [ConnectionDone])
        )

    def test_a_connector_connects_again(self) -> None:
        client, _ = self.connect()
        client.transport.loseConnection()
        self.network.advance(0.1)
        self.connector.connect()
        self.network.advance(0.1)
        self.assertEqual(len(self.clients.built), 2)


class ListeningTests(StreamCase):
    def test_stop_listening(self) -> None:
        client, server = self.connect()
        stopped = self.port.stopListening()
        assert stopped is not None
        self.assertNoResult(stopped)
        self.assertIs(self.port.stopListening(), stopped)
        self.one.connectTCP(SERVER, 5060, self.clients)
        client.transport.write(b"still here")
        self.network.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.servers.events, ["start", "stop"])
        self.assertEqual(server.data, b"still here")
        self.assertIn(("failed", ConnectionRefusedError), self.clients.events)

    def test_a_port_that_closes_while_a_client_connects(self) -> None:
        self.one.connectTCP(SERVER, 5060, self.clients)
        self.network.advance(0.0015)
        self.port.stopListening()
        self.network.advance(0.1)
        self.assertEqual(self.clients.events, ["start", ("lost", ConnectionLost), "stop"])

    def test_a_taken_port(self) -> None:
        with self.assertRaises(CannotListenError):
            self.two.listenTCP(5060, Both())

    def test_port_zero(self) -> None:
        self.connect()
        self.one.connectTCP(SERVER, 5060, self.clients)
        self.assertEqual(self.one.listenTCP(0, Both()).getHost().port, 49154)


class FaultTests(StreamCase):
    """A stream is reliable: faults cost time, not bytes."""

    def test_a_lost_segment_is_sent_again(self) -> None:
        client, server = self.connect()
        self.network.rules.append(drop(first=2, transport="TCP"))
        self.network.segment_size = 4
        client.transport.write(b"abcdefghijkl")
        self.network.advance(0.1)
        self.assertEqual(server.pieces, [])
        self.network.advance(1)
        self.assertEqual(server.pieces, [b"abcd", b"efgh", b"ijkl"])

    def test_doubled_and_reordered_segments_are_put_right(self) -> None:
        self.network.rules += [duplicate(), reorder(within=0.05)]
        self.network.segment_size = 3
        client, server = self.connect()
        self.network.advance(1)
        client, server = self.clients.built[-1], self.servers.built[-1]
        client.transport.write(bytes(range(256)))
        client.transport.loseConnection()
        self.network.advance(1)
        self.assertEqual((server.data, server.ended), (bytes(range(256)), [ConnectionDone]))
        self.assertEqual(len(self.servers.built), 1)

    def test_a_handshake_survives_loss(self) -> None:
        for kind in ("SYN", "SYN-ACK", "ACK"):
            self.network.rules.append(drop(first=1, matching=lambda packet, kind=kind: packet.kind == kind))
        self.one.connectTCP(SERVER, 5060, self.clients)
        self.network.advance(10)
        self.assertEqual((len(self.clients.built), len(self.servers.built)), (1, 1))

    def test_data_that_overtakes_the_handshake_opens_the_connection(self) -> None:
        self.network.rules.append(delay(0.5, matching=lambda packet: packet.kind == "ACK"))
        self.one.connectTCP(SERVER, 5060, self.clients)
        self.network.advance(0.01)
        self.clients.built[0].transport.write(b"early")
        self.network.advance(1)
        self.assertEqual([server.data for server in self.servers.built], [b"early"])

    def test_a_client_that_gives_up_while_its_first_packet_is_lost(self) -> None:
        """Nothing is sent again for an attempt that is over."""
        self.network.rules.append(drop())
        self.one.connectTCP(SERVER, 5060, self.clients, timeout=0.5)
        self.network.advance(100)
        self.assertEqual([packet.kind for packet in self.network.trace], ["SYN", "RST"])

    def test_a_first_packet_that_comes_again_changes_nothing(self) -> None:
        self.network.rules.append(duplicate(after=0.05, matching=lambda packet: packet.kind == "SYN"))
        client, server = self.connect()
        client.transport.write(b"once")
        self.network.advance(1)
        self.assertEqual((len(self.servers.built), server.data), (1, b"once"))

    def test_an_end_that_overtakes_the_handshake(self) -> None:
        """The server's program sees the connection begin and end."""
        self.network.rules.append(delay(0.5, matching=lambda packet: packet.kind == "ACK"))
        self.one.connectTCP(SERVER, 5060, self.clients)
        self.network.advance(0.01)
        self.clients.built[0].transport.loseConnection()
        self.network.advance(1)
        self.assertEqual([server.ended for server in self.servers.built], [[ConnectionDone]])

    def test_a_connection_whose_packets_are_all_lost_is_lost(self) -> None:
        client, server = self.connect()
        self.network.rules.append(drop())
        client.transport.write(b"x")
        self.network.advance(300)
        self.assertEqual((client.ended, server.ended), ([ConnectionLost], []))


class Producer:
    """Writes a kilobyte when asked, or as long as nobody says stop."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def pauseProducing(self) -> None:
        self.events.append("pause")

    def resumeProducing(self) -> None:
        self.events.append("resume")

    def stopProducing(self) -> None:
        self.events.append("stop")


class FlowControlTests(StreamCase):
    def test_a_reader_that_pauses_holds_the_writer_back(self) -> None:
        client, server = self.connect()
        producer = Producer()
        client.transport.registerProducer(producer, True)
        server.transport.pauseProducing()
        client.transport.write(b"x" * 200_000)
        self.network.advance(10)
        self.assertEqual((server.data, producer.events), (b"", ["pause"]))
        sent = sum(len(packet.data) for packet in self.network.trace)
        self.assertEqual(sent, 65536)
        server.transport.resumeProducing()
        self.network.advance(10)
        self.assertEqual((len(server.data), producer.events), (200_000, ["pause", "resume"]))
        server.transport.loseConnection()
        self.network.advance(1)
        self.assertEqual(producer.events, ["pause", "resume", "stop"])

    def test_a_pull_producer(self) -> None:
        client, server = self.connect()
        producer = Producer()
        client.transport.registerProducer(producer, False)
        client.transport.write(b"x")
        self.network.advance(1)
        self.assertEqual(producer.events, ["resume", "resume"])

    def test_resuming_where_nothing_waits(self) -> None:
        client, server = self.connect()
        server.transport.pauseProducing()
        server.transport.resumeProducing()
        client.transport.write(b"x")
        self.network.advance(1)
        self.assertEqual(server.data, b"x")

    def test_the_end_waits_behind_what_was_not_read(self) -> None:
        client, server = self.connect()
        server.transport.pauseProducing()
        client.transport.write(b"bytes")
        client.transport.loseConnection()
        self.network.advance(1)
        self.assertEqual((server.data, server.ended), (b"", []))
        server.transport.resumeProducing()
        self.network.advance(1)
        self.assertEqual((server.data, server.ended), (b"bytes", [ConnectionDone]))

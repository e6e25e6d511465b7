"""UDP sockets."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from sipmini.testing import SimulatedNetwork
from tests.testing.test_network import Recorder


class Events(Recorder):
    """Notes its start, its stop and refusals too."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def startProtocol(self) -> None:
        self.events.append("start")

    def stopProtocol(self) -> None:
        self.events.append("stop")

    def connectionRefused(self) -> None:
        self.events.append("refused")


class DatagramPortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SimulatedNetwork()
        self.one = self.network.host("192.0.2.1", "192.0.2.11", "2001:db8::1")
        self.two = self.network.host("192.0.2.2", "2001:db8::2")

    def test_it_is_what_twisted_expects(self) -> None:
        protocol = Events()
        port = self.one.listenUDP(5060, protocol)
        verifyObject(IUDPTransport, port)
        verifyObject(IListeningPort, port)
        self.assertIs(protocol.transport, port)
        self.assertEqual(port.getHost(), IPv4Address("UDP", "0.0.0.0", 5060))
        self.assertEqual(repr(port), "<DatagramPort 0.0.0.0:5060>")
        port.setBroadcastAllowed(True)
        self.assertTrue(port.getBroadcastAllowed())

    def test_the_wildcard_hears_every_address_and_answers_from_the_right_one(self) -> None:
        recorder, other = Recorder(), Recorder()
        self.one.listenUDP(5060, recorder)
        port = self.two.listenUDP(5060, other)
        port.write(b"first", ("192.0.2.1", 5060))
        port.write(b"second", ("192.0.2.11", 5060))
        self.network.advance(1)
        self.assertEqual([data for data, _ in recorder.heard], [b"first", b"second"])

    def test_an_interface_hears_only_itself(self) -> None:
        first, second = Recorder(), Recorder()
        self.one.listenUDP(5060, first, interface="192.0.2.1")
        answering = self.one.listenUDP(5060, second, interface="192.0.2.11")
        other = Recorder()
        port = self.two.listenUDP(5060, other)
        port.write(b"to the second", ("192.0.2.11", 5060))
        answering.write(b"back", ("192.0.2.2", 5060))
        self.network.advance(1)
        self.assertEqual((first.heard, second.heard), ([], [(b"to the second", ("192.0.2.2", 5060))]))
        self.assertEqual(other.heard, [(b"back", ("192.0.2.11", 5060))])

    def test_ipv6(self) -> None:
        recorder = Recorder()
        port = self.two.listenUDP(5060, recorder, interface="::")
        self.assertEqual(port.getHost(), IPv6Address("UDP", "::", 5060))
        self.one.listenUDP(5060, Recorder(), interface="::").write(b"six", ("2001:DB8:0::2", 5060))
        self.network.advance(1)
        self.assertEqual(recorder.heard, [(b"six", ("2001:db8::1", 5060))])

    def test_the_families_do_not_mix(self) -> None:
        port = self.one.listenUDP(5060, Recorder())
        self.one.listenUDP(5060, Recorder(), interface="::")
        self.assertRaises(InvalidAddressError, port.write, b"x", ("2001:db8::2", 5060))
        self.assertRaises(InvalidAddressError, port.write, b"x", ("example.com", 5060))

    def test_a_host_without_that_family_sends_nothing(self) -> None:
        only_four = self.network.host("192.0.2.3")
        only_four.listenUDP(5060, Recorder(), interface="::").write(b"x", ("2001:db8::2", 5060))
        self.network.advance(1)
        self.assertEqual(self.network.trace, [])

    def test_port_zero_is_a_free_port(self) -> None:
        ports = [self.one.listenUDP(0, Recorder()).getHost().port for _ in range(3)]
        self.assertEqual(ports, [49152, 49153, 49154])

    def test_a_taken_port(self) -> None:
        self.one.listenUDP(5060, Recorder(), interface="192.0.2.1")
        for interface in ("192.0.2.1", "", "0.0.0.0"):
            error = self.assertRaises(
                CannotListenError, self.one.listenUDP, 5060, Recorder(), interface=interface
            )
            self.assertIn("in use", str(error))
        for free in ("192.0.2.11", "127.0.0.1"):
            self.one.listenUDP(5060, Recorder(), interface=free)
        self.two.listenUDP(5060, Recorder())

    def test_an_address_that_is_not_the_hosts(self) -> None:
        for interface in ("192.0.2.2", "example.com"):
            with self.assertRaises(CannotListenError):
                self.one.listenUDP(5060, Recorder(), interface=interface)

    def test_stop_listening(self) -> None:
        protocol = Events()
        port = self.one.listenUDP(5060, protocol)
        stopped = port.stopListening()
        assert stopped is not None
        self.assertIs(port.stopListening(), stopped)
        port.write(b"too late", ("192.0.2.2", 5060))
        self.assertNoResult(stopped)
        self.network.advance(0)
        self.successResultOf(stopped)
        self.assertEqual((protocol.events, protocol.transport), (["start", "stop"], None))
        self.one.listenUDP(5060, Recorder())
        self.network.advance(1)
        self.assertEqual(self.network.trace, [])

    def test_a_host_answers_itself_from_the_address_it_was_sent_to(self) -> None:
        recorder = Recorder()
        self.one.listenUDP(5061, recorder)
        self.one.listenUDP(5060, Recorder()).write(b"x", ("192.0.2.11", 5061))
        self.network.advance(1)
        self.assertEqual(recorder.heard, [(b"x", ("192.0.2.11", 5060))])

    def test_what_is_long_is_cut_or_refused(self) -> None:
        """``recvfrom`` cuts a datagram to maxPacketSize; nobody can send more than IPv4 allows."""
        small, large = Recorder(), Recorder()
        self.two.listenUDP(5060, small)
        self.two.listenUDP(5061, large, maxPacketSize=65535)
        port = self.one.listenUDP(0, Recorder())
        for number in (5060, 5061):
            port.write(b"x" * 65507, ("192.0.2.2", number))
        self.network.advance(1)
        self.assertEqual([len(small.heard[0][0]), len(large.heard[0][0])], [8192, 65507])
        self.assertRaises(MessageLengthError, port.write, b"x" * 65508, ("192.0.2.2", 5060))

    def test_a_connected_socket(self) -> None:
        protocol = Events()
        port = self.one.listenUDP(5060, protocol)
        self.assertRaises(TypeError, port.write, b"to whom?")
        port.connect("192.0.2.2", 5060)
        self.assertRaises(RuntimeError, port.connect, "192.0.2.2", 5061)
        peer = Recorder()
        answering, stranger = self.two.listenUDP(5060, peer), self.two.listenUDP(5061, Recorder())
        port.write(b"hello")
        answering.write(b"heard", ("192.0.2.1", 5060))
        stranger.write(b"not heard", ("192.0.2.1", 5060))
        self.network.advance(1)
        self.assertEqual(peer.heard, [(b"hello", ("192.0.2.1", 5060))])
        self.assertEqual(protocol.heard, [(b"heard", ("192.0.2.2", 5060))])

    def test_icmp_tells_a_connected_socket_that_nobody_hears(self) -> None:
        connected, plain = Events(), Events()
        self.network.icmp = True
        first = self.one.listenUDP(5060, connected, interface="192.0.2.1")
        first.connect("192.0.2.2", 9)
        first.write(b"x")
        self.one.listenUDP(5061, plain).write(b"x", ("192.0.2.2", 9))
        self.network.advance(1)
        self.assertEqual((connected.events, plain.events), (["start", "refused"], ["start"]))

    def test_without_icmp_a_lost_datagram_is_silence(self) -> None:
        protocol = Events()
        port = self.one.listenUDP(5060, protocol)
        port.connect("192.0.2.2", 9)
        port.write(b"x")
        self.network.advance(1)
        self.assertEqual(protocol.events, ["start"])

    def test_a_protocol_that_fails_goes_on_hearing(self) -> None:
        class Failing(Recorder):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                super().datagramReceived(datagram, addr)
                raise ZeroDivisionError

        protocol = Failing()
        self.two.listenUDP(5060, protocol)
        port = self.one.listenUDP(0, Recorder())
        port.write(b"1", ("192.0.2.2", 5060))
        port.write(b"2", ("192.0.2.2", 5060))
        self.network.advance(1)
        self.assertEqual(len(protocol.heard), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_socket_on_the_loopback_reaches_its_own_host_only(self) -> None:
        mine, theirs = Recorder(), Recorder()
        self.one.listenUDP(5061, mine)
        self.two.listenUDP(5061, theirs)
        port = self.one.listenUDP(5060, Recorder(), interface="127.0.0.1")
        for address in ("127.0.0.1", "192.0.2.11", "192.0.2.2"):
            port.write(b"x", (address, 5061))
        self.network.advance(1)
        self.assertEqual((len(mine.heard), len(theirs.heard)), (2, 0))

"""The road that packets take: addresses, time, trace."""

from __future__ import annotations

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from sipmini.testing import Packet, SimulatedNetwork, drop, reorder


class Recorder(DatagramProtocol):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, tuple[str, int]]] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append((datagram, addr))


class NetworkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SimulatedNetwork()
        self.one = self.network.host("192.0.2.1", "2001:db8::1")
        self.two = self.network.host("192.0.2.2")

    def test_a_datagram_takes_a_millisecond_and_is_traced(self) -> None:
        recorder = Recorder()
        self.two.listenUDP(5060, recorder)
        self.one.listenUDP(5061, Recorder()).write(b"hello", ("192.0.2.2", 5060))
        self.network.advance(0.0009)
        self.assertEqual((recorder.heard, self.network.trace), ([], []))
        self.network.advance(0.0001)
        self.assertEqual(recorder.heard, [(b"hello", ("192.0.2.1", 5061))])
        source, destination = ("192.0.2.1", 5061), ("192.0.2.2", 5060)
        self.assertEqual(
            self.network.trace,
            [Packet(0.001, "UDP", source, destination, b"hello", outcome="delivered")],
        )

    def test_outcomes(self) -> None:
        port = self.one.listenUDP(5060, Recorder())
        self.network.rules.append(drop(matching=b"dropped"))
        port.write(b"dropped", ("192.0.2.2", 1))
        port.write(b"unheard", ("192.0.2.2", 1))
        port.write(b"unroutable", ("192.0.2.3", 1))
        self.network.advance(1)
        self.assertEqual(
            [(packet.data, packet.outcome) for packet in self.network.trace],
            [(b"dropped", "dropped"), (b"unheard", "unheard"), (b"unroutable", "unroutable")],
        )

    def test_loopback_stays_in_the_host(self) -> None:
        mine, theirs = Recorder(), Recorder()
        port = self.one.listenUDP(5060, mine)
        self.two.listenUDP(5060, theirs)
        port.write(b"to myself", ("127.0.0.1", 5060))
        self.network.advance(1)
        self.assertEqual((mine.heard, theirs.heard), ([(b"to myself", ("127.0.0.1", 5060))], []))

    def test_latency(self) -> None:
        recorder = Recorder()
        self.two.listenUDP(5060, recorder)
        self.network.latency = 0.2
        self.one.listenUDP(0, Recorder()).write(b"slow", ("192.0.2.2", 5060))
        self.assertEqual(self.network.run_until_idle(), 0.2)
        self.assertEqual(self.network.seconds(), 0.2)
        self.assertEqual(len(recorder.heard), 1)

    def test_the_same_seed_gives_the_same_trace(self) -> None:
        def trace(seed: int) -> list[Packet]:
            network = SimulatedNetwork(seed)
            network.rules += [drop(chance=0.3), reorder(within=0.01)]
            network.host("192.0.2.2").listenUDP(5060, Recorder())
            port = network.host("192.0.2.1").listenUDP(5060, Recorder())
            for number in range(50):
                port.write(b"%d" % number, ("192.0.2.2", 5060))
            network.run_until_idle()
            return network.trace

        self.assertEqual(trace(7), trace(7))
        self.assertNotEqual(trace(7), trace(8))

    def test_the_trace_is_bounded(self) -> None:
        self.network.trace_limit = 10
        port = self.one.listenUDP(0, Recorder())
        for number in range(12):
            port.write(b"%d" % number, ("192.0.2.2", 1))
        self.network.advance(1)
        self.assertEqual([packet.data for packet in self.network.trace], [b"%d" % n for n in range(5, 12)])

    def test_addresses_belong_to_one_host(self) -> None:
        for addresses in [(), ("192.0.2.1",), ("127.0.0.1",), ("2001:DB8:0::1",), ("example.com",)]:
            with self.assertRaises(ValueError):
                self.network.host(*addresses)

"""The port of the media: RFC 3550 §11."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import TransportFailure
from sipmini.testing import SimulatedNetwork
from sipmini.ua.media import TRIES, MediaPorts


class Binding(SynchronousTestCase):
    """Ports that a description names are ours, and even."""

    def setUp(self) -> None:
        self.network = SimulatedNetwork()
        self.host = self.network.host("192.0.2.1")
        self.ports = MediaPorts(self.host)

    def bound(self) -> list[int]:
        """The ports that are bound."""
        return [port for _, _, port in self.host._ports]

    def test_even_ports(self) -> None:
        """RFC 3550 §11: RTP has an even port; odd ones are given back."""
        opened = [self.ports.open("192.0.2.1") for _ in range(3)]
        self.network.advance()
        self.assertEqual(self.bound(), [each.port for each in opened])
        self.assertEqual({each.port % 2 for each in opened}, {0})
        for each in opened:
            each.close()
            each.close()
        self.network.advance()
        self.assertEqual(self.bound(), [])

    def test_what_arrives_is_dropped(self) -> None:
        """Media that comes before there is any use for it does no harm."""
        opened = self.ports.open("192.0.2.1")
        from twisted.internet.protocol import DatagramProtocol

        sender = DatagramProtocol()
        self.host.listenUDP(0, sender)
        assert sender.transport is not None
        sender.transport.write(b"\x80", ("192.0.2.1", opened.port))
        self.network.advance(1)

    def test_no_port(self) -> None:
        """An address that is not ours, or nothing but odd ports."""
        error = self.assertRaises(TransportFailure, self.ports.open, "192.0.2.99")
        self.assertIn("no UDP port at 192.0.2.99 for media", str(error))

        class Odd:
            closed = 0
            port = 7

            def listenUDP(self, *arguments: Any, **more: Any) -> Odd:
                return self

            def getHost(self) -> Odd:
                return self

            def stopListening(self) -> None:
                self.closed += 1

        odd = Odd()
        error = self.assertRaises(TransportFailure, MediaPorts(odd).open, "192.0.2.1")
        self.assertIn("no even UDP port", str(error))
        self.assertEqual(odd.closed, TRIES)

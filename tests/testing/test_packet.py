"""Packets and addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.testing.packet import Packet, canonical, is_ipv6, is_loopback


class PacketTests(SynchronousTestCase):
    def test_first_line(self) -> None:
        packet = Packet(0.0, "UDP", ("192.0.2.1", 1), ("192.0.2.2", 2), b"SIP/2.0 200 \xff\r\nVia: x\r\n\r\n")
        self.assertEqual(packet.first_line, "SIP/2.0 200 �")

    def test_addresses(self) -> None:
        self.assertEqual(canonical("2001:DB8:0::2"), "2001:db8::2")
        self.assertRaises(ValueError, canonical, "example.com")
        self.assertEqual((is_ipv6("::1"), is_ipv6("127.0.0.1")), (True, False))
        self.assertEqual(
            [is_loopback(each) for each in ("::1", "127.9.9.9", "192.0.2.1")], [True, True, False]
        )

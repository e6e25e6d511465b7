"""The next hop as a value."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.hop import Hop


class HopTests(SynchronousTestCase):
    """What a hop says of itself (RFC 3261 §18.1.1)."""

    def test_text(self) -> None:
        """An IPv6 address is bracketed, as an IPv6reference is (RFC 3261 §25.1)."""
        self.assertEqual(str(Hop("UDP", "127.0.0.1", 5060)), "UDP 127.0.0.1:5060")
        self.assertEqual(str(Hop("TCP", "::1", 5060)), "TCP [::1]:5060")

    def test_address_family(self) -> None:
        """The family is that of the address."""
        self.assertFalse(Hop("UDP", "192.0.2.1", 5060).is_ipv6)
        self.assertTrue(Hop("UDP", "2001:db8::1", 5060).is_ipv6)

    def test_is_a_value(self) -> None:
        """Equal hops are one key; nothing can be changed in one."""
        self.assertEqual(len({Hop("UDP", "192.0.2.1", 5060), Hop("UDP", "192.0.2.1", 5060)}), 1)
        self.assertNotEqual(Hop("UDP", "192.0.2.1", 5060), Hop("TCP", "192.0.2.1", 5060))
        with self.assertRaises(AttributeError):
            Hop("UDP", "192.0.2.1", 5060).port = 1  # type: ignore[misc]

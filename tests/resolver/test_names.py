"""Domain names and addresses as text."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.resolver.names import canonical_name, check_domain, ip_literal


class LiteralTests(SynchronousTestCase):
    """Which hosts are addresses (RFC 3261 §25.1 IPv4address, IPv6reference)."""

    def test_addresses(self) -> None:
        for text, expected in (
            ("192.0.2.1", "192.0.2.1"),
            ("::1", "::1"),
            ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ):
            self.assertEqual(ip_literal(text), expected)

    def test_names(self) -> None:
        """Neither names, nor half addresses, nor addresses with a zone index."""
        for text in ("atlanta.com", "192.0.2", "192.0.2.256", "[192.0.2.1]", "fe80::1%eth0", "[]", ""):
            self.assertIsNone(ip_literal(text), text)


class QuestionNameTests(SynchronousTestCase):
    """Which hosts can be asked for (RFC 1035 §2.3.4)."""

    def test_canonical(self) -> None:
        self.assertEqual(canonical_name("Atlanta.COM."), "atlanta.com")
        self.assertEqual(canonical_name("_sip._udp.my_host"), "_sip._udp.my_host")

    def test_refused(self) -> None:
        for text in ("", ".", "a..b", "a b", "a/b", "x" * 64, "\u00e9.com", "a.com\n"):
            self.assertIsNone(canonical_name(text), text)


class DomainTests(SynchronousTestCase):
    """Which names may be a domain of ours (RFC 3261 §25.1 hostname)."""

    def test_accepted(self) -> None:
        for text, expected in (
            ("Atlanta.com", "atlanta.com"),
            ("localhost", "localhost"),
            ("a1-b.x2.", "a1-b.x2"),
        ):
            self.assertEqual(check_domain(text), expected)

    def test_refused(self) -> None:
        """Above all: nothing that would leave the directory as a file name."""
        for text in (
            "../x",
            "a/b",
            "a\\b",
            "",
            ".",
            "..",
            "-a.com",
            "a-.com",
            "a.1",
            "a_b.com",
            "a.com\n",
            "a\0.com",
        ):
            with self.subTest(text):
                error = self.assertRaises(ValueError, check_domain, text)
                self.assertEqual(str(error), f"{text!r} is not a domain name")

    def test_addresses(self) -> None:
        error = self.assertRaises(ValueError, check_domain, "127.0.0.1")
        self.assertEqual(str(error), "'127.0.0.1' is an IP address and not a domain name")

    def test_too_long(self) -> None:
        error = self.assertRaises(ValueError, check_domain, "abc." * 64 + "com")
        self.assertIn("longer than the 253 characters", str(error))

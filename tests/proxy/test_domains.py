"""Tests of what a proxy takes for its own."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.proxy import Domains
from sipmini.uri import parse_sip_uri

PORTS = frozenset({8000, 5060})

#: Host and port; whether they are of this domain, whether they name this very element.
PLACES = [
    ("atlanta.com", None, True, True),
    ("ATLANTA.com.", None, True, True),
    ("Voice.Example", None, True, True),
    ("atlanta.com", 8000, True, True),
    ("atlanta.com", 5070, False, False),
    ("biloxi.com", None, False, False),
    ("sub.atlanta.com", None, False, False),
    ("192.0.2.1", None, True, True),
    ("192.0.2.1", 8000, True, True),
    # A phone on the same host.
    ("192.0.2.1", 5070, False, False),
    ("192.0.2.2", None, False, False),
    ("192.0.2.2", 8000, False, False),
    ("[2001:db8::1]", 8000, True, True),
    ("[2001:db8::2]", None, False, False),
    ("localhost", None, True, True),
    ("localhost", 8000, True, True),
    ("localhost", 5070, False, False),
]


def is_own_address(host: str, port: int | None) -> bool:
    return host.strip("[]") in ("192.0.2.1", "2001:db8::1") and (port or 5060) in PORTS


def domains(ports: frozenset[int] = PORTS) -> Domains:
    return Domains(
        ["Atlanta.com.", "voice.example"],
        lambda: ports,
        lambda host, port: is_own_address(host, port) and (port or 5060) in ports,
    )


class Places(SynchronousTestCase):
    def test_places(self) -> None:
        """§16.4, §16.5: own names and addresses, with our ports or none."""
        ours = domains()
        for host, port, mine, own in PLACES:
            with self.subTest(host=host, port=port):
                uri = parse_sip_uri(f"sip:u@{host}" + ("" if port is None else f":{port}"))
                for _ in range(2):
                    self.assertEqual((ours.is_mine(host, port), ours.is_own_place(uri)), (mine, own))

    def test_no_port_is_the_default_one_for_an_element_and_any_for_a_domain(self) -> None:
        """§19.1.2: the proxy listens on 8000 alone, a phone beside it on 5060."""
        ours = domains(frozenset({8000}))
        for host in ("192.0.2.1", "localhost"):
            with self.subTest(host=host):
                self.assertTrue(ours.is_mine(host, None))
                self.assertFalse(ours.is_own_place(parse_sip_uri(f"sip:bob@{host}")))
                self.assertFalse(ours.is_mine(host, 5060))
                self.assertTrue(ours.is_own_place(parse_sip_uri(f"sip:bob@{host}:8000")))

    def test_canonical(self) -> None:
        """§10.3 step 5: an address stands for the primary domain, a name for itself."""
        ours = domains()
        self.assertEqual(ours.primary, "atlanta.com")
        for host, name in (
            ("ATLANTA.COM.", "atlanta.com"),
            ("voice.example", "voice.example"),
            ("192.0.2.1", "atlanta.com"),
            ("localhost", "atlanta.com"),
            ("Biloxi.com", "biloxi.com"),
        ):
            with self.subTest(host=host):
                self.assertEqual(ours.canonical(host), name)

    def test_memory_is_bounded(self) -> None:
        """Hosts come from the network."""
        ours = domains()
        for number in range(5000):
            self.assertFalse(ours.is_mine(f"host{number}.example", None))
        self.assertLessEqual(len(ours._known), 4096)
        self.assertTrue(ours.is_mine("atlanta.com", None))

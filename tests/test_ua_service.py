"""Tests of the phone as a service: sockets, registration, the end."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from sipmini import ua_service
from sipmini.config import ListenSpec, PhoneSettings
from sipmini.errors import BadSetting
from sipmini.testing import SimulatedNetwork
from sipmini.ua_service import PhoneService
from sipmini.uri import parse_sip_uri
from tests.folders import new_folder
from tests.trapezoid import phone_settings


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SimulatedNetwork(1)
        self.host = self.network.host("192.0.2.1", "2001:db8::1")
        self.said: list[str] = []
        listen = ListenSpec("UDP", "192.0.2.1", 5080)
        self.settings = phone_settings("alice@atlanta.com", listen, new_folder(self))

    def make(self, settings: PhoneSettings) -> PhoneService:
        return PhoneService(self.host, settings, self.said.append, lambda _: "192.0.2.1", lambda: "token")

    def start(self, **changes: Any) -> PhoneService:
        """A phone with these settings, stopped at the end."""
        service = self.make(evolve(self.settings, **changes))
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: PhoneService) -> None:
        if service.running:
            done = service.stopService()
            self.network.advance(1)
            self.successResultOf(done)

    def places(self, service: PhoneService) -> list[tuple[str, str, int]]:
        return [(each.transport, each.host, each.port) for each in service.stack.transports.listening]


class Sockets(Case):
    def test_default_port(self) -> None:
        """UDP and TCP on port 5060 of all addresses; the next free one is announced."""
        for port in (5060, 5061):
            with self.subTest(port=port):
                service = self.start(listen=None, register=False)
                self.assertEqual(
                    self.places(service),
                    [(transport, host, port) for host in ("0.0.0.0", "::") for transport in ("UDP", "TCP")],
                )
        self.assertEqual(self.said, ["Port 5060 is taken, so this phone uses port 5061."])

    def test_asked_address(self) -> None:
        """And no other: where it is taken, one sentence says so."""
        self.assertEqual(self.places(self.start(register=False)), [("UDP", "192.0.2.1", 5080)])
        error = self.assertRaises(BadSetting, self.make(self.settings).startService)
        self.assertIn("UDP port 5080 of 192.0.2.1 is taken", str(error))

    def test_privileged_start_binds_once(self) -> None:
        """twistd starts a service twice."""
        service = self.make(evolve(self.settings, register=False))
        service.privilegedStartService()
        self.addCleanup(self.stop, service)
        service.startService()
        self.assertEqual(len(self.places(service)), 1)


class Names(Case):
    def heard_by_the_proxy(self, **changes: Any) -> list[bytes]:
        """The first lines that arrive at 192.0.2.2."""
        heard: list[bytes] = []

        class Proxy(DatagramProtocol):
            def datagramReceived(self, datagram: bytes, addr: Any) -> None:
                heard.append(datagram.partition(b"\r\n")[0])

        self.network.host("192.0.2.2").listenUDP(5060, Proxy())
        service = self.start(**changes)
        self.network.advance(0.1)
        self.stop(service)
        self.network.advance(100)
        return heard

    def test_it_registers(self) -> None:
        """§10.2: at the proxy that it was told; once stopped it is silent."""
        proxy = parse_sip_uri("sip:192.0.2.2")
        self.assertEqual(self.heard_by_the_proxy(proxy=proxy), [b"REGISTER sip:atlanta.com SIP/2.0"])

    def test_failures_find_somebody_to_tell(self) -> None:
        """A registration that fails at once fails after the console had its turn to watch the phone."""
        service = self.start(proxy=parse_sip_uri("sip:192.0.2.1:5080"))
        told: list[str] = []
        service.phone.observers.append(lambda event: told.append(event.text))
        self.network.advance(0)
        self.assertEqual(len(told), 1)
        self.assertIn("192.0.2.1:5080 leads to 192.0.2.1:5080, which is this phone itself", told[0])

    def test_stopped_before_it_registers(self) -> None:
        """Nothing is sent then."""
        service = self.start(proxy=parse_sip_uri("sip:192.0.2.2"))
        self.stop(service)
        self.assertIsNone(service.phone.registered_until)
        self.assertFalse(service.phone.registering)

    def test_or_not(self) -> None:
        """As the settings say."""
        proxy = parse_sip_uri("sip:192.0.2.2")
        self.assertEqual(self.heard_by_the_proxy(proxy=proxy, register=False), [])

    def test_by_the_zones_of_its_state(self) -> None:
        """RFC 3263: the name store says where the proxy of its domain is."""
        names = self.settings.state_dir / "dns"
        names.mkdir()
        (names / "atlanta.com.zone").write_text("$ORIGIN atlanta.com.\n$TTL 60\n@ A 192.0.2.2\n")
        self.assertEqual(self.heard_by_the_proxy(), [b"REGISTER sip:atlanta.com SIP/2.0"])

    def test_dns_is_asked_where_it_is_wanted(self) -> None:
        """Without --no-dns, names that no zone owns go to the system's DNS."""
        made: list[object] = []
        self.patch(ua_service, "SystemNames", made.append)
        self.make(evolve(self.settings, dns=True))
        self.assertEqual(made, [self.host])

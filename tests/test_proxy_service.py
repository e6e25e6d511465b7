"""Tests of the proxy as a service: starting, saying so, publishing, logging, stopping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.trial.unittest import SynchronousTestCase

from sipmini import proxy_service
from sipmini.codec import decode
from sipmini.config import ListenSpec, ProxySettings
from sipmini.errors import BadSetting, StoreError
from sipmini.location import LocationStore, MemoryLocation
from sipmini.message import Response
from sipmini.proxy_service import ProxyService
from sipmini.testing import SimulatedNetwork
from tests.folders import new_folder

REGISTER = (
    b"REGISTER sip:atlanta.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK%d\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:alice@atlanta.com>;tag=1\r\n"
    b"To: <sip:alice@atlanta.com>\r\n"
    b"Call-ID: one\r\n"
    b"CSeq: %d REGISTER\r\n"
    b"%sContent-Length: 0\r\n\r\n"
)


class InlineWriter:
    """Stands for the writer thread: what it is given runs at once."""

    def __init__(self, reactor: object) -> None:
        self.stopped = False

    def __call__(self, work: Callable[[], Any]) -> Deferred[Any]:
        return execute(work)

    def stop(self) -> None:
        self.stopped = True


class Phone(DatagramProtocol):
    """Registers, and hears what comes back."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self.network = network
        self.heard: list[bytes] = []
        self.socket = network.host("192.0.2.9").listenUDP(5060, self)
        self.number = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard.append(datagram)

    def register(self, *contacts: bytes, port: int = 8000) -> Response | None:
        """The answer to a REGISTER, ``None`` if there is none."""
        self.number += 1
        lines = b"".join([b"Contact: %s\r\n" % contact for contact in contacts])
        self.socket.write(REGISTER % (self.number, self.number, lines), ("192.0.2.1", port))
        self.network.advance(1)
        heard, self.heard[:] = list(self.heard), []
        answers = [decode(data) for data in heard]
        assert all(isinstance(answer, Response) for answer in answers)
        return answers[0] if answers else None  # type: ignore[return-value]


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = new_folder(self) / "state"
        self.network = SimulatedNetwork(1)
        self.host = self.network.host("192.0.2.1", "2001:db8::1")
        self.said: list[str] = []

    def make(
        self,
        *listen: ListenSpec,
        domains: tuple[str, ...] = ("atlanta.com",),
        log: bool = False,
        location: LocationStore | None = None,
        state: Path | None = None,
        process_id: int = 7,
        alive: Callable[[int], bool] = lambda process_id: True,
    ) -> ProxyService:
        """A service that was not started."""
        settings = ProxySettings(domains, listen, state or self.state, dns=False, message_log=log)
        location = location or MemoryLocation(self.network.seconds)
        return ProxyService(
            self.host,
            settings,
            self.said.append,
            lambda _: "192.0.2.1",
            lambda: "token",
            location=location,
            process_id=lambda: process_id,
            is_alive=alive,
        )

    def start(self, *listen: ListenSpec, **options: Any) -> ProxyService:
        """A service that was started."""
        service = self.make(*listen, **options)
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: ProxyService) -> None:
        """Stop it, to the end."""
        if service.running:
            done = service.stopService()
            self.network.advance(1)
            self.successResultOf(done)

    def places(self, service: ProxyService) -> list[tuple[str, str, int]]:
        return [(each.transport, each.host, each.port) for each in service.listening]


def everywhere(port: int) -> list[tuple[str, str, int]]:
    """What is bound where no address was asked for."""
    return [(transport, host, port) for host in ("0.0.0.0", "::") for transport in ("UDP", "TCP")]


class Starting(Case):
    """Sockets and what is said of them."""

    def test_default_port_of_all_addresses(self) -> None:
        """UDP and TCP on port 8000 (RFC 3261 §18.1.1), in plain words."""
        service = self.start()
        self.assertEqual(self.places(service), everywhere(8000))
        self.assertEqual(
            self.said,
            [
                "This SIP proxy serves atlanta.com, and its own addresses as part of atlanta.com.",
                "It listens on UDP and TCP port 8000 of all addresses.",
                f"Its state (bindings, names, message log) is kept in {self.state}.",
                "To register a phone, give it the address NAME@atlanta.com and the server "
                "(or outbound proxy) 127.0.0.1:8000, with no password; or run: "
                "twistd -n sipmini-ua --user NAME@atlanta.com",
            ],
        )

    def test_default_port_is_taken(self) -> None:
        """The next one that is free for all, announced."""
        for number, port in enumerate((8000, 8001, 8002)):
            with self.subTest(port=port):
                service = self.start(state=self.state / str(number))
                self.assertEqual(self.places(service), everywhere(port))
                first, *_ = self.said
                if port > 8000:
                    self.assertEqual(first, f"Port 8000 is taken, so this proxy uses port {port}.")
                self.said.clear()

    def test_default_port_is_taken_for_one_transport_alone(self) -> None:
        """All four sockets have one port."""
        self.host.listenTCP(8000, Factory(), interface="::")
        self.assertEqual(self.places(self.start()), everywhere(8001))

    def test_all_default_ports_are_taken(self) -> None:
        """One sentence with the remedy."""
        for port in range(8000, 8100):
            self.host.listenUDP(port, DatagramProtocol())
        service = self.make()
        error = self.assertRaises(BadSetting, service.startService)
        self.assertEqual(
            str(error),
            "ports 8000 to 8099 are all taken; choose another with --listen, "
            "for example --listen 127.0.0.1:9000",
        )
        self.assertEqual(service.listening, [])

    def test_asked_addresses(self) -> None:
        """Each as it was asked for; a phone is told the first."""
        service = self.start(
            ListenSpec(None, "192.0.2.1", 5060),
            ListenSpec("TCP", "2001:db8::1", 5080),
            ListenSpec("UDP", "2001:db8::1", 0),
        )
        self.assertEqual(
            self.places(service),
            [
                ("UDP", "192.0.2.1", 5060),
                ("TCP", "192.0.2.1", 5060),
                ("TCP", "2001:db8::1", 5080),
                ("UDP", "2001:db8::1", 49152),
            ],
        )
        self.assertEqual(
            self.said[1],
            "It listens on UDP and TCP port 5060 of 192.0.2.1, TCP port 5080 of 2001:db8::1, "
            "UDP port 49152 of 2001:db8::1.",
        )
        self.assertIn(" 192.0.2.1:5060,", self.said[3])

    def test_ipv6_alone(self) -> None:
        """RFC 3261 §19.1.1: brackets around it in what a phone is told."""
        self.start(ListenSpec("UDP", "2001:db8::1", 5060))
        self.assertIn("[2001:db8::1]:5060", self.said[3])

    def test_several_domains(self) -> None:
        """The first one is what own addresses stand for."""
        self.start(domains=("atlanta.com", "chicago.com"))
        self.assertEqual(
            self.said[0],
            "This SIP proxy serves atlanta.com and chicago.com, "
            "and its own addresses as part of atlanta.com.",
        )
        names = sorted(path.name for path in (self.state / "dns").iterdir())
        self.assertEqual(names, ["atlanta.com.zone", "chicago.com.zone"])

    def test_asked_address_is_taken(self) -> None:
        """One sentence with the remedy; no other port is taken instead."""
        remedy = "choose another address or port with --listen, or end that program"
        self.host.listenUDP(5060, DatagramProtocol(), interface="192.0.2.1")
        self.host.listenTCP(5070, Factory(), interface="192.0.2.1")
        elsewhere = "name an address of this machine with --listen"
        for spec, problem in (
            (ListenSpec(None, "192.0.2.1", 5060), "UDP port 5060 of 192.0.2.1 is taken by another program"),
            (ListenSpec(None, "192.0.2.1", 5070), "TCP port 5070 of 192.0.2.1 is taken by another program"),
            (ListenSpec("TCP", "192.0.2.1", 5070), "TCP port 5070 of 192.0.2.1 is taken by another program"),
            (
                ListenSpec("UDP", "192.0.2.7", 5060),
                "cannot listen on UDP port 5060 of 192.0.2.7 (Cannot assign requested address)",
            ),
        ):
            with self.subTest(spec=str(spec)):
                error = self.assertRaises(BadSetting, self.make(spec).privilegedStartService)
                expected = elsewhere if spec.host == "192.0.2.7" else remedy
                self.assertEqual(str(error), f"{problem}; {expected}")

    def test_any_free_port_is_free_for_both(self) -> None:
        """Port 0: one port for UDP and TCP, though the first that the system gives is free for UDP alone."""
        self.host.listenTCP(49152, Factory(), interface="192.0.2.1")
        service = self.start(ListenSpec(None, "192.0.2.1", 0))
        self.assertEqual(self.places(service), [("UDP", "192.0.2.1", 49153), ("TCP", "192.0.2.1", 49153)])

    def test_privileged_start_binds_once(self) -> None:
        """twistd starts a service twice: as root, and when it has given that up."""
        service = self.make()
        service.privilegedStartService()
        self.addCleanup(self.stop, service)
        service.startService()
        self.assertEqual(self.places(service), everywhere(8000))


class Serving(Case):
    """Files and sockets while it runs."""

    def test_names_are_published_udp_first(self) -> None:
        """RFC 3263 §4.1: what is liked best has the lowest order."""
        self.start(ListenSpec(None, "192.0.2.1", 5060))
        text = (self.state / "dns" / "atlanta.com.zone").read_text()
        self.assertEqual(
            [line for line in text.splitlines() if "NAPTR" in line or "SRV" in line],
            [
                '@ NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp',
                '@ NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp',
                "_sip._udp SRV 10 0 5060 proxy",
                "_sip._tcp SRV 20 0 5060 proxy",
            ],
        )

    def test_zone_of_the_user_is_left_alone(self) -> None:
        """And the user is told."""
        path = self.state / "dns" / "atlanta.com.zone"
        path.parent.mkdir(parents=True)
        path.write_text("$ORIGIN atlanta.com.\n$TTL 60\n@ A 192.0.2.1\n")
        self.start()
        self.assertIn(str(path), self.said[0])
        self.assertIn("left as it is", self.said[0])
        self.assertNotIn("NAPTR", path.read_text())

    def test_two_proxies_of_one_domain(self) -> None:
        """Names lead to both, which the second says; what each published goes when it stops."""
        path = self.state / "dns" / "atlanta.com.zone"
        first = self.start()
        self.said.clear()
        second = self.start(process_id=8)
        self.assertEqual(
            self.said[:2],
            [
                "Port 8000 is taken, so this proxy uses port 8001.",
                "atlanta.com is also served by the proxy with process id 7 on port 8000; names lead to both.",
            ],
        )
        self.stop(first)
        services = [line for line in path.read_text().splitlines() if " SRV " in line]
        self.assertEqual([line.split()[-2] for line in services], ["8001"] * 4)
        self.stop(second)
        self.assertFalse(path.exists())

    def test_names_that_cannot_be_taken_back(self) -> None:
        """It says so, and stops all the same."""

        def refuse(*_: object) -> None:
            raise StoreError("they cannot be withdrawn")

        self.patch(proxy_service, "withdraw", refuse)
        service = self.start()
        self.stop(service)
        self.assertEqual((self.said[-1], service.listening), ("they cannot be withdrawn", []))

    def test_message_log(self) -> None:
        """Each message with its time, in one file for each domain and port; none if it is not wanted."""
        phone = Phone(self.network)
        service = self.start(log=True)
        self.start(log=False, state=self.state / "other")
        phone.register()
        (path,) = (self.state / "log").iterdir()
        self.assertEqual(path.name, "messages-atlanta.com-8000.log")
        self.stop(service)
        log = path.read_text()
        self.assertIn("received from UDP 192.0.2.9 port 5060\nREGISTER sip:atlanta.com SIP/2.0\n", log)
        self.assertIn("sent to UDP 192.0.2.9 port 5060\nSIP/2.0 200 OK\n", log)
        self.assertFalse((self.state / "other" / "log").exists())

    def test_stopping_closes_the_sockets(self) -> None:
        """And nobody answers any more."""
        phone = Phone(self.network)
        service = self.start()
        answer = phone.register()
        assert answer is not None
        self.assertEqual(answer.status, 200)
        self.stop(service)
        self.assertEqual((service.listening, phone.register()), ([], None))

    def test_stopping_what_never_started(self) -> None:
        """twistd stops what failed to start, too."""
        service = self.make()
        service.privilegedStartService()
        done = service.stopService()
        self.network.advance(1)
        self.successResultOf(done)
        self.assertEqual(service.listening, [])

    def test_bindings_outlive_the_service(self) -> None:
        """§10.3: they are in the SQLite file of the state directory."""
        writers: list[InlineWriter] = []

        def writer(reactor: object) -> InlineWriter:
            writers.append(InlineWriter(reactor))
            return writers[-1]

        self.patch(proxy_service, "WriterThread", writer)
        phone = Phone(self.network)
        for contacts in ((b"<sip:alice@192.0.2.9>",), ()):
            settings = ProxySettings(("atlanta.com",), (), self.state, dns=False, message_log=False)
            service = ProxyService(
                self.host, settings, self.said.append, lambda _: "192.0.2.1", lambda: "token"
            )
            service.startService()
            self.addCleanup(self.stop, service)
            answer = phone.register(*contacts)
            assert answer is not None
            (contact,) = answer.values("Contact")
            self.assertTrue(contact.startswith("<sip:alice@192.0.2.9>;expires=3"), contact)
            self.stop(service)
            self.assertTrue(writers[-1].stopped)
        self.assertEqual(len(writers), 2)

    def test_dns_is_asked_where_it_is_wanted(self) -> None:
        """Without --no-dns, names that no zone owns go to the system's DNS."""
        settings = ProxySettings(("atlanta.com",), (), self.state, dns=True, message_log=False)
        made: list[object] = []

        def system(reactor: object) -> Callable[[object], Deferred[Any]]:
            made.append(reactor)
            return lambda question: Deferred()

        self.patch(proxy_service, "SystemNames", system)
        service = ProxyService(
            self.host,
            settings,
            self.said.append,
            lambda _: "192.0.2.1",
            location=MemoryLocation(self.network.seconds),
        )
        service.startService()
        self.addCleanup(self.stop, service)
        self.assertEqual(made, [self.host])

    def test_state_that_cannot_be_used(self) -> None:
        """One sentence that names the place and the remedy."""
        self.state.parent.joinpath("file").write_text("")
        in_the_way = self.state.parent / "file" / "state"
        for options in ({"log": True}, {}):
            with self.subTest(options=options):
                service = self.make(state=in_the_way, **options)  # type: ignore[arg-type]
                error = self.assertRaises(StoreError, service.startService)
                self.assertIn(str(in_the_way), str(error))
                self.assertIn("--", str(error))
                service.stopService()
                self.network.advance(1)

    def test_zone_that_cannot_be_read(self) -> None:
        """RFC 1035: the file, the line and the remedy."""
        path = self.state / "dns" / "chicago.com.zone"
        path.parent.mkdir(parents=True)
        path.write_text("$ORIGIN chicago.com.\n$TTL 60\n@ A 192.0.2.999\n")
        service = self.make()
        error = self.assertRaises(StoreError, service.startService)
        self.assertIn(str(path), str(error))
        service.stopService()
        self.network.advance(1)

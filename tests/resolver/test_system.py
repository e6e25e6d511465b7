"""This machine's own names, by twisted.names."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.names import authority, client, dns, server
from twisted.names.error import DNSNameError, DNSQueryRefusedError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sipmini import reasons
from sipmini.resolver.records import Address, Answer, Naptr, Question, Srv
from sipmini.resolver.system import HOSTS_TTL, TIMEOUTS, SystemNames
from tests.folders import new_folder


def header(name: str, payload: Any, ttl: int = 60) -> dns.RRHeader:
    return dns.RRHeader(name.encode(), payload.TYPE, dns.IN, ttl, payload)


class FakeClient:
    """A twisted.names resolver that answers what it is told to."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.asked: list[tuple[str, str, Any]] = []

    def __getattr__(self, method: str) -> Any:
        def lookup(name: str, timeout: Any) -> Deferred[Any]:
            self.asked.append((method, name, timeout))
            if isinstance(self.result, Exception):
                return fail(self.result)
            return succeed((self.result, [], []))

        return lookup


class SystemTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = new_folder(self)
        self.resolv_conf = self.folder / "resolv.conf"
        self.hosts = self.folder / "hosts"
        self.made: list[Any] = []
        self.client = FakeClient([])
        self.reactor = object()
        self.system = SystemNames(self.reactor, str(self.resolv_conf), str(self.hosts), self.make)

    def make(self, servers: Any, reactor: Any) -> FakeClient:
        self.assertIs(reactor, self.reactor)
        self.made.append(servers)
        return self.client

    def ask(self, name: str, kind: str, result: Any) -> Answer:
        self.client.result = result
        return self.successResultOf(self.system(Question(name, kind)))


class AnswerTests(SystemTestCase):
    """Records of twisted.names as ours."""

    def test_each_type(self) -> None:
        for kind, payload, expected, method in (
            ("A", dns.Record_A("192.0.2.1"), Address("192.0.2.1"), "lookupAddress"),
            ("AAAA", dns.Record_AAAA("2001:db8::1"), Address("2001:db8::1"), "lookupIPV6Address"),
            ("SRV", dns.Record_SRV(1, 2, 3, b"P.x"), Srv(1, 2, 3, "p.x"), "lookupService"),
            ("SRV", dns.Record_SRV(0, 0, 0, b""), Srv(0, 0, 0, ""), "lookupService"),
            (
                "NAPTR",
                dns.Record_NAPTR(1, 2, b"S", b"SIP+D2U", b"", b"_sip._udp.x"),
                Naptr(1, 2, "S", "SIP+D2U", "", "_sip._udp.x"),
                "lookupNamingAuthorityPointer",
            ),
        ):
            with self.subTest(kind):
                self.client.asked = []
                answer = self.ask("biloxi.com", kind, [header("Biloxi.com", payload, 77)])
                self.assertEqual(answer, Answer((expected,), 77))
                self.assertEqual(self.client.asked, [(method, "biloxi.com", TIMEOUTS)])

    def test_alias(self) -> None:
        """The records at the end of the chain count, for the shortest time on the way."""
        result = [
            header("a.x", dns.Record_CNAME(b"b.x"), 30),
            header("b.x", dns.Record_CNAME(b"c.x"), 90),
            header("c.x", dns.Record_A("192.0.2.1"), 60),
            header("c.x", dns.Record_A("192.0.2.2"), 40),
            header("other.x", dns.Record_A("192.0.2.66"), 60),
        ]
        self.assertEqual(
            self.ask("a.x", "A", result), Answer((Address("192.0.2.1"), Address("192.0.2.2")), 30)
        )

    def test_chains_that_lead_nowhere(self) -> None:
        """A circle, an end without a record, a record of another type."""
        circle = [header("a.x", dns.Record_CNAME(b"b.x")), header("b.x", dns.Record_CNAME(b"a.x"))]
        for result in (circle, circle[:1], [header("a.x", dns.Record_AAAA("::1"))], []):
            self.assertEqual(self.ask("a.x", "A", result), Answer())

    def test_no_such_name(self) -> None:
        """It is an answer, not a failure."""
        self.assertEqual(self.ask("a.x", "A", DNSNameError()), Answer())

    def test_failures(self) -> None:
        for error, words in (
            (DNSServerError(), "the server failed"),
            (DNSQueryRefusedError(), "the server refused"),
            (DeferredTimeout(), "no answer in time"),
            (OSError("network is down"), "network is down"),
        ):
            with self.subTest(words):
                self.assertEqual(
                    self.ask("a.x", "SRV", error),
                    Answer(
                        failure=reasons.NAME_LOOKUP_FAILED.because(
                            f"the system's DNS, asked SRV a.x: {words}"
                        )
                    ),
                )


class FileTests(SystemTestCase):
    """The hosts file and resolv.conf."""

    def test_hosts_file(self) -> None:
        """It goes before the DNS, for addresses."""
        self.hosts.write_text("192.0.2.5 biloxi biloxi.com\n::5 biloxi.com\nnonsense biloxi.com\n")
        self.assertEqual(self.ask("biloxi.com", "A", []), Answer((Address("192.0.2.5"),), HOSTS_TTL))
        self.assertEqual(self.ask("biloxi.com", "AAAA", []), Answer((Address("::5"),), HOSTS_TTL))
        self.assertEqual(self.made, [])
        self.ask("biloxi.com", "SRV", [])
        self.ask("chicago.com", "A", [])
        self.assertEqual([name for _, name, _ in self.client.asked], ["biloxi.com", "chicago.com"])

    def test_servers(self) -> None:
        """At most three, as resolv.conf(5) says; another client is made only if they change."""
        self.resolv_conf.write_text(
            "search x\nnameserver 192.0.2.1\nnameserver\nnameserver fe80::1%eth0\nnameserver ::1\n"
            "nameserver 192.0.2.3\nnameserver 192.0.2.4\n"
        )
        self.ask("a.x", "A", [])
        self.ask("a.x", "A", [])
        self.resolv_conf.write_text("nameserver 192.0.2.9\n")
        self.ask("a.x", "A", [])
        self.assertEqual(
            self.made, [[("192.0.2.1", 53), ("::1", 53), ("192.0.2.3", 53)], [("192.0.2.9", 53)]]
        )

    def test_no_resolv_conf(self) -> None:
        self.ask("a.x", "A", [])
        self.assertEqual(self.made, [[("127.0.0.1", 53)]])


class RealSocketTests(TestCase):
    """One question to a DNS server of twisted.names, on a port of the loopback interface."""

    timeout = 20

    @inlineCallbacks
    def test_question(self) -> Any:
        zone = _Authority(
            soa=(b"biloxi.com", dns.Record_SOA()),
            records={
                b"_sip._udp.biloxi.com": [dns.Record_SRV(1, 2, 5070, b"proxy.biloxi.com", ttl=120)],
                b"biloxi.com": [
                    dns.Record_NAPTR(10, 20, b"S", b"SIP+D2U", b"", b"_sip._udp.biloxi.com", ttl=60)
                ],
            },
        )
        protocol = dns.DNSDatagramProtocol(server.DNSServerFactory([zone]))
        port = reactor.listenUDP(0, protocol, "127.0.0.1")
        self.addCleanup(port.stopListening)

        def make(servers: Any, reactor: Any) -> client.Resolver:
            return client.Resolver(servers=[("127.0.0.1", port.getHost().port)], reactor=reactor)

        system = SystemNames(reactor, "/nowhere", "/nowhere", make)
        self.assertEqual(
            (yield system(Question("_sip._udp.biloxi.com", "SRV"))),
            Answer((Srv(1, 2, 5070, "proxy.biloxi.com"),), 120),
        )
        self.assertEqual(
            (yield system(Question("biloxi.com", "NAPTR"))),
            Answer((Naptr(10, 20, "S", "SIP+D2U", "", "_sip._udp.biloxi.com"),), 60),
        )
        self.assertEqual((yield system(Question("none.biloxi.com", "A"))), Answer())


class _Authority(authority.FileAuthority):
    """A zone held in memory."""

    def __init__(self, soa: Any, records: Any) -> None:
        authority.common.ResolverBase.__init__(self)
        self.soa = soa
        self.records = {**records, soa[0]: [*records.get(soa[0], []), soa[1]]}

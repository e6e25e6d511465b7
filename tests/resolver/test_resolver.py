"""Zones first, then the system's DNS."""

from __future__ import annotations

from random import Random

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.errors import Unresolvable
from sipmini.hop import Hop
from sipmini.resolver import resolver as module
from sipmini.resolver.records import Address, Answer, Question, Srv
from sipmini.resolver.resolver import Resolver
from sipmini.uri import SipUri, parse_uri


def uri(text: str) -> SipUri:
    parsed = parse_uri(text)
    assert isinstance(parsed, SipUri)
    return parsed


class FakeZones:
    """Owns the names at and below the domains it was given."""

    def __init__(self, owned: tuple[str, ...] = (), table: dict[str, Answer] | None = None) -> None:
        self.owned = owned
        self.table = table or {}
        self.queries = 0
        self.current = 1

    def version(self) -> int:
        return self.current

    def query(self, name: str, kind: str, /) -> Answer | None:
        self.queries += 1
        if any(f".{name}".endswith(f".{domain}") for domain in self.owned):
            return self.table.get(f"{kind} {name}", Answer())
        return None


class FakeSystem:
    """Remembers questions, answers when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting: dict[str, Deferred[Answer]] = {}

    def __call__(self, question: Question) -> Deferred[Answer]:
        self.asked.append(str(question))
        waiting = self.waiting[str(question)] = Deferred()
        return waiting

    def answer(self, question: str, answer: Answer) -> None:
        self.waiting.pop(question).callback(answer)


FOUND = Answer((Address("192.0.2.1"),), 60)


class ResolverTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = FakeSystem()
        self.resolver = Resolver(FakeZones(), self.system, self.clock, Random(1))

    def offline(self, *owned: str, **table: Answer) -> Resolver:
        return Resolver(FakeZones(owned), None, self.clock, Random(1))

    def reason(self, waiting: Deferred[list[Hop]]) -> reasons.Reason:
        error = self.failureResultOf(waiting, Unresolvable).value
        assert isinstance(error, Unresolvable)
        return error.reason


class LiteralTests(ResolverTestCase):
    """Numeric hosts, at once (RFC 3263 §4.2)."""

    def test_hop(self) -> None:
        self.assertEqual(
            self.resolver.resolve_literal(uri("sip:bob@192.0.2.4;transport=tcp")),
            [Hop("TCP", "192.0.2.4", 5060)],
        )
        self.assertEqual(
            self.resolver.resolve_literal(uri("sip:biloxi.com;maddr=[::1]")), [Hop("UDP", "::1", 5060)]
        )
        self.assertEqual(
            self.successResultOf(self.resolver.resolve(uri("sip:[::1]:5070"))), [Hop("UDP", "::1", 5070)]
        )

    def test_name(self) -> None:
        self.assertIsNone(self.resolver.resolve_literal(uri("sip:bob@biloxi.com")))

    def test_refused(self) -> None:
        """What can never be sent to is refused by both methods alike."""
        tls = uri("sip:192.0.2.4;transport=tls")
        error = self.assertRaises(Unresolvable, self.resolver.resolve_literal, tls)
        assert isinstance(error, Unresolvable)
        self.assertEqual(error.reason, reasons.UNSUPPORTED_TRANSPORT.because("transport=tls"))
        self.assertEqual(self.reason(self.resolver.resolve(tls)), error.reason)


class ZoneTests(ResolverTestCase):
    """Names that a zone owns never leave this machine."""

    def test_at_once(self) -> None:
        zones = FakeZones(
            ("biloxi.com",),
            {
                "SRV _sip._tcp.biloxi.com": Answer((Srv(0, 0, 8000, "proxy.biloxi.com"),), 60),
                "A proxy.biloxi.com": FOUND,
            },
        )
        resolver = Resolver(zones, self.system, self.clock, Random(1))
        self.assertEqual(
            self.successResultOf(resolver.resolve(uri("sip:bob@biloxi.com"))), [Hop("TCP", "192.0.2.1", 8000)]
        )
        self.assertEqual(self.system.asked, [])

    def test_absent(self) -> None:
        resolver = Resolver(FakeZones(("biloxi.com",)), self.system, self.clock, Random(1))
        self.assertIs(self.reason(resolver.resolve(uri("sip:biloxi.com:9"))).rule, reasons.UNREACHABLE_DOMAIN)
        self.assertEqual(self.system.asked, [])

    def test_alias_out_of_the_zone(self) -> None:
        """The system is asked for the other name."""
        zones = FakeZones(("biloxi.com",), {"A biloxi.com": Answer(alias="sip.example.net")})
        resolver = Resolver(zones, self.system, self.clock, Random(1))
        waiting = resolver.resolve(uri("sip:biloxi.com:9"))
        self.assertEqual(self.system.asked, ["A sip.example.net"])
        self.system.answer("A sip.example.net", FOUND)
        self.assertEqual(self.successResultOf(waiting), [Hop("UDP", "192.0.2.1", 9)])


class SettledTests(ResolverTestCase):
    """What follows from zones alone is planned once for each version of the zones."""

    def setUp(self) -> None:
        super().setUp()
        self.zones = FakeZones(("biloxi.com",), {"A biloxi.com": FOUND})
        self.resolver = Resolver(self.zones, self.system, self.clock, Random(1))

    def ports(self, text: str) -> list[int]:
        return [hop.port for hop in self.successResultOf(self.resolver.resolve(uri(text)))]

    def test_planned_once(self) -> None:
        first = self.successResultOf(self.resolver.resolve(uri("sip:bob@biloxi.com")))
        first.clear()
        queries = self.zones.queries
        self.assertEqual(self.ports("sip:alice@Biloxi.com"), self.ports("sip:biloxi.com"))
        self.assertEqual(self.ports("sip:alice@biloxi.com"), [5060])
        self.assertEqual(self.ports("sip:alice@biloxi.com:7"), [7])
        self.assertNotEqual(self.zones.queries, queries)
        queries = self.zones.queries
        self.ports("sip:biloxi.com:7")
        self.assertEqual(self.zones.queries, queries)

    def test_until_a_zone_changes(self) -> None:
        self.assertEqual(self.ports("sip:biloxi.com"), [5060])
        self.zones.table["SRV _sip._udp.biloxi.com"] = Answer((Srv(0, 0, 8000, "biloxi.com"),))
        self.assertEqual(self.ports("sip:biloxi.com"), [5060])
        self.zones.current += 1
        self.assertEqual(self.ports("sip:biloxi.com"), [8000])

    def test_not_what_was_drawn(self) -> None:
        """The load is spread anew over records of equal priority (RFC 2782)."""
        records = tuple(Srv(0, 1, port, "biloxi.com") for port in (1, 2))
        self.zones.table["SRV _sip._udp.biloxi.com"] = Answer(records)
        self.assertEqual({tuple(self.ports("sip:biloxi.com")) for _ in range(50)}, {(1, 2), (2, 1)})

    def test_not_what_the_system_said(self) -> None:
        """That ends with its time to live."""
        self.zones.table["A biloxi.com"] = Answer(alias="x.com")
        for _ in range(2):
            waiting = self.resolver.resolve(uri("sip:biloxi.com:9"))
            self.system.answer("A x.com", FOUND)
            self.assertEqual(len(self.successResultOf(waiting)), 1)
            self.clock.advance(60)

    def test_not_failures(self) -> None:
        for _ in range(2):
            queries = self.zones.queries
            self.reason(self.resolver.resolve(uri("sip:nobody.biloxi.com:9")))
            self.assertEqual(self.zones.queries, queries + 2)

    def test_bound(self) -> None:
        self.patch(module, "MAX_SETTLED", 3)
        for port in range(1, 20):
            self.ports(f"sip:biloxi.com:{port}")
            self.assertTrue(len(self.resolver._settled) <= 3)


class LocalhostTests(ResolverTestCase):
    """localhost needs no DNS (RFC 6761 §6.3)."""

    def test_both_families(self) -> None:
        for host in ("localhost", "LOCALHOST", "phone.localhost"):
            self.assertEqual(
                self.successResultOf(self.resolver.resolve(uri(f"sip:{host}"))),
                [Hop("UDP", "127.0.0.1", 5060), Hop("UDP", "::1", 5060)],
            )
        self.assertEqual(self.system.asked, [])

    def test_a_zone_may_own_it(self) -> None:
        """A proxy of the default domain publishes one."""
        zones = FakeZones(("localhost",), {"A localhost": FOUND})
        resolver = Resolver(zones, None, self.clock, Random(1))
        self.assertEqual(
            self.successResultOf(resolver.resolve(uri("sip:localhost"))), [Hop("UDP", "192.0.2.1", 5060)]
        )


class NoDnsTests(ResolverTestCase):
    """Without the system's DNS, names that no zone owns lead nowhere, and it is said why."""

    def test_sentence(self) -> None:
        for text in ("sip:bob@biloxi.com", "sip:biloxi.com;transport=tcp", "sip:biloxi.com:5060"):
            self.assertEqual(
                self.reason(self.offline().resolve(uri(text))),
                reasons.UNREACHABLE_DOMAIN.because(
                    "no zone in STATE/dns owns biloxi.com and --no-dns is set"
                ),
            )


class SystemTests(ResolverTestCase):
    """Names that no zone owns go to the system's DNS."""

    def test_rounds(self) -> None:
        """What does not depend on each other is asked together; the rest waits for it."""
        waiting = self.resolver.resolve(uri("sip:bob@biloxi.com"))
        self.assertEqual(self.system.asked, ["NAPTR biloxi.com"])
        self.system.answer("NAPTR biloxi.com", Answer())
        self.assertEqual(self.system.asked[1:], ["SRV _sip._udp.biloxi.com", "SRV _sip._tcp.biloxi.com"])
        self.system.answer("SRV _sip._tcp.biloxi.com", Answer((Srv(0, 0, 5070, "a.biloxi.com"),), 60))
        self.assertNoResult(waiting)
        self.system.answer("SRV _sip._udp.biloxi.com", Answer())
        self.assertEqual(self.system.asked[3:], ["A a.biloxi.com", "AAAA a.biloxi.com"])
        self.system.answer("A a.biloxi.com", FOUND)
        self.system.answer("AAAA a.biloxi.com", Answer((Address("::2"),), 60))
        self.assertEqual(
            self.successResultOf(waiting), [Hop("TCP", "192.0.2.1", 5070), Hop("TCP", "::2", 5070)]
        )

    def resolved(self) -> bool:
        """Whether biloxi.com:9 is resolved without waiting."""
        waiting = self.resolver.resolve(uri("sip:biloxi.com:9"))
        hops: list[list[Hop]] = []
        waiting.addCallback(hops.append)
        for question in list(self.system.waiting):
            self.system.answer(question, FOUND if question.startswith("A ") else Answer())
        return bool(hops)

    def test_answers_are_kept(self) -> None:
        """For their time to live, or 5 seconds if there was none."""
        self.assertTrue(self.resolved())
        self.clock.advance(4)
        self.assertTrue(self.resolved())
        self.assertEqual(self.system.asked, ["A biloxi.com", "AAAA biloxi.com"])
        self.clock.advance(1)
        self.assertTrue(self.resolved())
        self.assertEqual(self.system.asked[2:], ["AAAA biloxi.com"])
        self.clock.advance(55)
        self.resolved()
        self.assertEqual(self.system.asked[3:], ["A biloxi.com", "AAAA biloxi.com"])

    def test_same_question_is_asked_once(self) -> None:
        """However many requests wait for it; if one gives up, the others still get it."""
        waiting = [self.resolver.resolve(uri("sip:biloxi.com:9")) for _ in range(3)]
        waiting[0].cancel()
        self.failureResultOf(waiting[0], CancelledError)
        self.assertEqual(self.system.asked, ["A biloxi.com", "AAAA biloxi.com"])
        self.system.answer("A biloxi.com", FOUND)
        self.system.answer("AAAA biloxi.com", Answer())
        for each in waiting[1:]:
            self.assertEqual(self.successResultOf(each), [Hop("UDP", "192.0.2.1", 9)])

    def test_no_answer_in_time(self) -> None:
        waiting = self.resolver.resolve(uri("sip:biloxi.com:9"))
        self.clock.advance(module.LOOKUP_TIMEOUT)
        self.assertEqual(
            self.reason(waiting),
            reasons.NAME_LOOKUP_FAILED.because("the system's DNS, asked A biloxi.com: no answer in time"),
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_broken_system(self) -> None:
        """Whatever the system raises becomes a reason."""

        def broken(question: Question) -> Deferred[Answer]:
            raise OSError("no sockets left")

        resolver = Resolver(FakeZones(), broken, self.clock, Random(1))
        self.assertEqual(
            self.reason(resolver.resolve(uri("sip:biloxi.com:9"))).detail,
            "the system's DNS, asked A biloxi.com: no sockets left",
        )

    def test_one_family_fails(self) -> None:
        """The addresses of the other are used."""
        waiting = self.resolver.resolve(uri("sip:biloxi.com:9"))
        self.system.answer("A biloxi.com", FOUND)
        self.clock.advance(module.LOOKUP_TIMEOUT)
        self.assertEqual(self.successResultOf(waiting), [Hop("UDP", "192.0.2.1", 9)])

    def test_too_many_questions(self) -> None:
        """They are bounded: the names come from the network."""
        self.patch(module, "MAX_OUTSTANDING", 4)
        for name in ("a.com", "b.com"):
            self.resolver.resolve(uri(f"sip:{name}:9"))
        self.assertEqual(
            self.reason(self.resolver.resolve(uri("sip:c.com:9"))),
            reasons.NAME_LOOKUP_FAILED.because("4 names are being looked up already"),
        )
        self.assertEqual(len(self.system.asked), 4)

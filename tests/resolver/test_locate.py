"""RFC 3263 as pure planning: which questions, and which hops in which order."""

from __future__ import annotations

from random import Random

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.errors import Unresolvable
from sipmini.hop import Hop
from sipmini.resolver import locate as module
from sipmini.resolver.locate import Target, answered_by, locate, order_services, target_of
from sipmini.resolver.records import Address, Answer, Naptr, Question, Record, Srv
from sipmini.uri import SipUri, parse_uri

DOMAIN = "biloxi.com"


def uri(text: str) -> SipUri:
    parsed = parse_uri(text)
    assert isinstance(parsed, SipUri)
    return parsed


@frozen
class Uri:
    """A URI as the planner sees it, for what a parser would not let through."""

    scheme: str = "sip"
    host: str = DOMAIN
    port: int | None = None

    def param(self, name: str, /) -> str | None:
        return None


def naptr(
    order: int, preference: int, service: str, replacement: str, flags: str = "s", regexp: str = ""
) -> Naptr:
    return Naptr(order, preference, flags, service, regexp, replacement)


class Names:
    """Answers from a table, and remembers what was asked."""

    def __init__(self, table: dict[str, list[Record]], failing: tuple[str, ...] = ()) -> None:
        self.table = table
        self.failing = failing
        self.asked: list[str] = []

    def __call__(self, question: Question) -> Answer:
        self.asked.append(str(question))
        if str(question) in self.failing:
            return Answer(failure=reasons.NAME_LOOKUP_FAILED.because(f"{question} timed out"))
        return Answer(tuple(self.table.get(str(question), ())))


class LocateTestCase(SynchronousTestCase):
    """Runs the planner on a table."""

    def hops(self, text: str, table: dict[str, list[Record]], failing: tuple[str, ...] = ()) -> list[str]:
        self.names = Names(table, failing)
        return [str(hop) for hop in answered_by(locate(target_of(uri(text)), Random(1)), self.names)]

    def reason(
        self, text: str, table: dict[str, list[Record]], failing: tuple[str, ...] = ()
    ) -> reasons.Reason:
        error = self.assertRaises(Unresolvable, self.hops, text, table, failing)
        assert isinstance(error, Unresolvable)
        return error.reason


ADDRESS: list[Record] = [Address("192.0.2.7")]
UDP_SRV: list[Record] = [Srv(0, 0, 8000, "proxy.biloxi.com")]
TCP_SRV: list[Record] = [Srv(0, 0, 8001, "proxy.biloxi.com")]


class NumericHostTests(LocateTestCase):
    """A host that is an address asks nobody (RFC 3263 §4.1, §4.2)."""

    def test_hop(self) -> None:
        """The transport is UDP unless another is named, the port 5060 unless another is given."""
        for text, expected in (
            ("sip:bob@192.0.2.4", "UDP 192.0.2.4:5060"),
            ("sip:bob@192.0.2.4:5070", "UDP 192.0.2.4:5070"),
            ("sip:bob@192.0.2.4;transport=TCP", "TCP 192.0.2.4:5060"),
            ("sip:bob@192.0.2.4:5071;transport=udp", "UDP 192.0.2.4:5071"),
            ("sip:bob@[2001:DB8::1]", "UDP [2001:db8::1]:5060"),
            ("sip:[::1]:5062;transport=tcp", "TCP [::1]:5062"),
        ):
            with self.subTest(text):
                self.assertEqual(self.hops(text, {}), [expected])
                self.assertEqual(self.names.asked, [])

    def test_maddr_stands_for_the_host(self) -> None:
        """The maddr parameter, where it is there, is TARGET (RFC 3263 §4)."""
        self.assertEqual(self.hops("sip:bob@biloxi.com:5070;maddr=192.0.2.9", {}), ["UDP 192.0.2.9:5070"])
        self.assertEqual(
            self.hops("sip:bob@192.0.2.4;maddr=biloxi.com", {"A biloxi.com": ADDRESS}), ["UDP 192.0.2.7:5060"]
        )


class ExplicitPortTests(LocateTestCase):
    """A port skips NAPTR and SRV (RFC 3263 §4.2)."""

    def test_addresses_only(self) -> None:
        """SRV records, though there, would name another port and are not asked for."""
        table = {"A biloxi.com": ADDRESS, "SRV _sip._udp.biloxi.com": UDP_SRV}
        self.assertEqual(self.hops("sip:bob@Biloxi.COM:5070", table), ["UDP 192.0.2.7:5070"])
        self.assertEqual(self.names.asked, ["A biloxi.com", "AAAA biloxi.com"])
        self.assertEqual(self.hops("sip:bob@biloxi.com:5070;transport=tcp", table), ["TCP 192.0.2.7:5070"])

    def test_both_families(self) -> None:
        """Every address is a hop, IPv4 first."""
        table: dict[str, list[Record]] = {
            "AAAA biloxi.com": [Address("2001:db8::7")],
            "A biloxi.com": [Address("192.0.2.7"), Address("192.0.2.8")],
        }
        self.assertEqual(
            self.hops("sip:biloxi.com:9", table),
            ["UDP 192.0.2.7:9", "UDP 192.0.2.8:9", "UDP [2001:db8::7]:9"],
        )


class TransportParameterTests(LocateTestCase):
    """A transport skips NAPTR and asks for its own SRV records (RFC 3263 §4.1)."""

    def test_srv_of_that_transport(self) -> None:
        table: dict[str, list[Record]] = {
            "NAPTR biloxi.com": [naptr(1, 1, "SIP+D2U", "_sip._udp.biloxi.com")],
            "SRV _sip._tcp.biloxi.com": TCP_SRV,
            "A proxy.biloxi.com": ADDRESS,
        }
        self.assertEqual(self.hops("sip:biloxi.com;transport=tcp", table), ["TCP 192.0.2.7:8001"])
        self.assertEqual(
            self.names.asked, ["SRV _sip._tcp.biloxi.com", "A proxy.biloxi.com", "AAAA proxy.biloxi.com"]
        )

    def test_no_srv(self) -> None:
        """Without SRV records the host's address and the default port are used (RFC 3263 §4.2)."""
        self.assertEqual(
            self.hops("sip:biloxi.com;transport=tcp", {"A biloxi.com": ADDRESS}), ["TCP 192.0.2.7:5060"]
        )


class NaptrTests(LocateTestCase):
    """NAPTR records say which transports, in which order (RFC 3263 §4.1)."""

    def test_order_then_preference(self) -> None:
        """The lower order first, then the lower preference; all usable ones are tried."""
        table: dict[str, list[Record]] = {
            "NAPTR biloxi.com": [
                naptr(20, 1, "SIP+D2U", "udp.example.net"),
                naptr(10, 9, "sip+d2t", "late.example.net", flags="S"),
                naptr(10, 2, "SIP+D2T", "early.example.net"),
            ],
            "SRV udp.example.net": [Srv(0, 0, 1, "h.example.net")],
            "SRV late.example.net": [Srv(0, 0, 2, "h.example.net")],
            "SRV early.example.net": [Srv(0, 0, 3, "h.example.net")],
            "A h.example.net": ADDRESS,
        }
        self.assertEqual(
            self.hops("sip:bob@biloxi.com", table), ["TCP 192.0.2.7:3", "TCP 192.0.2.7:2", "UDP 192.0.2.7:1"]
        )
        self.assertEqual(self.names.asked.count("A h.example.net"), 1)

    def test_unusable_records_are_discarded(self) -> None:
        """Other services, flags, regular expressions and replacements leave the SRV names of the host."""
        table: dict[str, list[Record]] = {
            "NAPTR biloxi.com": [
                naptr(1, 1, "SIPS+D2T", "_sips._tcp.biloxi.com"),
                naptr(1, 2, "E2U+sip", "", flags="u", regexp="!^.*$!sip:bob@biloxi.com!"),
                naptr(1, 3, "SIP+D2U", "host.biloxi.com", flags="a"),
                naptr(1, 4, "SIP+D2U", "x.biloxi.com", regexp="!x!y!"),
                naptr(1, 5, "SIP+D2U", ""),
            ],
            "SRV _sip._udp.biloxi.com": UDP_SRV,
            "A proxy.biloxi.com": ADDRESS,
        }
        self.assertEqual(self.hops("sip:biloxi.com", table), ["UDP 192.0.2.7:8000"])

    def test_failure_is_no_hindrance(self) -> None:
        """Resolvers that drop NAPTR queries are common: SRV is asked all the same."""
        table = {"SRV _sip._udp.biloxi.com": UDP_SRV, "A proxy.biloxi.com": ADDRESS}
        self.assertEqual(self.hops("sip:biloxi.com", table, ("NAPTR biloxi.com",)), ["UDP 192.0.2.7:8000"])

    def test_no_srv_behind_it(self) -> None:
        """A NAPTR record without its SRV record leads to the host by that transport (RFC 3263 §4.2)."""
        table: dict[str, list[Record]] = {
            "NAPTR biloxi.com": [naptr(1, 1, "SIP+D2T", "_sip._tcp.biloxi.com")],
            "A biloxi.com": ADDRESS,
        }
        self.assertEqual(self.hops("sip:biloxi.com", table), ["TCP 192.0.2.7:5060"])


class ServiceTests(LocateTestCase):
    """SRV records where there is no NAPTR record (RFC 3263 §4.1, §4.2)."""

    def test_an_address_does_not_hide_srv(self) -> None:
        """The host's own A record is not used where an SRV record exists."""
        table: dict[str, list[Record]] = {
            "A biloxi.com": [Address("198.51.100.1")],
            "SRV _sip._tcp.biloxi.com": TCP_SRV,
            "A proxy.biloxi.com": ADDRESS,
        }
        self.assertEqual(self.hops("sip:bob@biloxi.com", table), ["TCP 192.0.2.7:8001"])

    def test_udp_before_tcp(self) -> None:
        """Both transports are offered: UDP is tried first; both are asked for at once."""
        table = {
            "SRV _sip._udp.biloxi.com": UDP_SRV,
            "SRV _sip._tcp.biloxi.com": TCP_SRV,
            "A proxy.biloxi.com": ADDRESS,
        }
        self.assertEqual(self.hops("sip:biloxi.com", table), ["UDP 192.0.2.7:8000", "TCP 192.0.2.7:8001"])
        steps = locate(Target(DOMAIN), Random(1))
        self.assertEqual(next(steps), (Question(DOMAIN, "NAPTR"),))
        self.assertEqual(
            steps.send([Answer()]),
            (Question("_sip._udp.biloxi.com", "SRV"), Question("_sip._tcp.biloxi.com", "SRV")),
        )

    def test_neither(self) -> None:
        """Only an address: UDP and the default port."""
        self.assertEqual(self.hops("sip:biloxi.com", {"A biloxi.com": ADDRESS}), ["UDP 192.0.2.7:5060"])

    def test_not_offered(self) -> None:
        """A target of "." says there is no such service: the address is not tried (RFC 2782)."""
        table: dict[str, list[Record]] = {
            "SRV _sip._udp.biloxi.com": [Srv(0, 0, 0, "")],
            "A biloxi.com": ADDRESS,
        }
        reason = self.reason("sip:biloxi.com;transport=udp", table)
        self.assertIs(reason.rule, reasons.UNREACHABLE_DOMAIN)
        self.assertEqual(self.names.asked, ["SRV _sip._udp.biloxi.com"])

    def test_failed_lookup_is_not_absence(self) -> None:
        """An SRV look-up that got no answer does not fall back to the address: that may be another place."""
        reason = self.reason("sip:biloxi.com", {"A biloxi.com": ADDRESS}, ("SRV _sip._udp.biloxi.com",))
        self.assertEqual(reason, reasons.NAME_LOOKUP_FAILED.because("SRV _sip._udp.biloxi.com timed out"))

    def test_priority_then_weight(self) -> None:
        """Priorities in order; within one, each record is drawn by its share of the weight (RFC 2782)."""
        heavy, light, idle = Srv(1, 90, 1, "a.x"), Srv(1, 10, 2, "b.x"), Srv(1, 0, 3, "c.x")
        last = Srv(5, 0, 4, "d.x")
        random = Random(3263)
        first = [0, 0, 0]
        for _ in range(2000):
            ordered = order_services([last, heavy, light, idle], random)
            self.assertEqual(sorted(ordered, key=lambda each: each.port), [heavy, light, idle, last])
            self.assertIs(ordered[-1], last)
            first[ordered[0].port - 1] += 1
        self.assertTrue(1700 < first[0] < 1860, first)
        self.assertTrue(140 < first[1] < 280, first)
        self.assertTrue(0 < first[2] < 60, first)

    def test_weightless(self) -> None:
        """Records all of weight 0 keep their order: there is nothing to draw by."""
        records = [Srv(0, 0, port, "a.x") for port in (1, 2, 3)]
        self.assertEqual(order_services(records, Random(1)), records)


class BoundTests(LocateTestCase):
    """What others publish is bounded."""

    def test_hops(self) -> None:
        """At most MAX_HOPS hops, of at most MAX_TARGETS names."""
        table: dict[str, list[Record]] = {
            "SRV _sip._udp.biloxi.com": [Srv(i, 0, 1, f"h{i}.x") for i in range(500)],
            **{f"A h{i}.x": [Address(f"192.0.2.{k}") for k in range(3 * i, 3 * i + 3)] for i in range(50)},
        }
        hops = self.hops("sip:biloxi.com", table)
        self.assertEqual(len(hops), module.MAX_HOPS)
        self.assertEqual(
            len([asked for asked in self.names.asked if asked.startswith("A ")]), module.MAX_TARGETS
        )

    def test_no_hop_twice(self) -> None:
        """The same place under two names is tried once."""
        table: dict[str, list[Record]] = {
            "SRV _sip._udp.biloxi.com": [Srv(0, 0, 1, "a.x"), Srv(1, 0, 1, "b.x")],
            "A a.x": ADDRESS,
            "A b.x": ADDRESS,
        }
        self.assertEqual(self.hops("sip:biloxi.com", table), ["UDP 192.0.2.7:1"])


class RefusalTests(LocateTestCase):
    """What cannot be reached says why."""

    def test_nothing_found(self) -> None:
        """The reason lists what was asked."""
        reason = self.reason("sip:biloxi.com", {})
        self.assertIs(reason.rule, reasons.UNREACHABLE_DOMAIN)
        self.assertEqual(
            reason.detail,
            "biloxi.com has no address: asked NAPTR biloxi.com, SRV _sip._udp.biloxi.com, "
            "SRV _sip._tcp.biloxi.com, A biloxi.com, AAAA biloxi.com and found no such record",
        )
        self.assertEqual(reason.phrase, f"{reason.rule.phrase} (biloxi.com has no address)")

    def test_long_lists_are_cut(self) -> None:
        """The reason stays a sentence."""
        table: dict[str, list[Record]] = {
            "SRV _sip._udp.biloxi.com": [Srv(0, 0, 1, f"h{i}.x") for i in range(9)]
        }
        self.assertIn(", ... and found", self.reason("sip:biloxi.com", table).detail)

    def test_unusable_target(self) -> None:
        """Schemes, transports, ports and hosts that lead nowhere."""
        for what, rule in (
            (uri("sips:bob@biloxi.com"), reasons.UNSUPPORTED_SCHEME),
            (uri("sip:bob@biloxi.com;transport=tls"), reasons.UNSUPPORTED_TRANSPORT),
            (Uri(port=0), reasons.UNREACHABLE_DOMAIN),
            (Uri(port=65536), reasons.UNREACHABLE_DOMAIN),
        ):
            with self.subTest(str(what)):
                error = self.assertRaises(Unresolvable, target_of, what)
                assert isinstance(error, Unresolvable)
                self.assertIs(error.reason.rule, rule)
        for host in ("a..b", "x" * 64 + ".com", "é.example", ".".join(["abcdefgh"] * 29)):
            with self.subTest(host):
                steps = locate(target_of(Uri(host=host)), Random(1))
                error = self.assertRaises(Unresolvable, next, steps)
                assert isinstance(error, Unresolvable)
                self.assertIn("is no domain name", error.reason.detail)

    def test_hop_is_a_hop(self) -> None:
        """The planner returns values that transports take."""
        self.assertEqual(
            answered_by(locate(Target("::1", 7, "TCP"), Random(1)), Names({})), [Hop("TCP", "::1", 7)]
        )

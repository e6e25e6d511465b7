"""One zone file, read (RFC 1035 §5.1)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import BadSetting
from sipmini.resolver.records import Address, Naptr, Srv
from sipmini.resolver.zonefile import MARKER, Node, Zone, parse_zone

FILE = "dns/atlanta.com.zone"

ZONE = """\
; a comment
$TTL 300
@           IN SOA proxy hostmaster ( 1 3600 600
                 86400 60 )
            IN NS proxy
            3600 NAPTR 10 50 "s" "SIP+D2U" "" _sip._udp
_sip._udp   SRV 0 5 8000 Proxy
_sip._tls   SRV 0 0 0 .
proxy       A 192.0.2.1
            A 192.0.2.2
            AAAA 2001:DB8::1
www         CNAME proxy
far         CNAME proxy.biloxi.com.
note        TXT "hello"
"""


def parse(text: str, stem: str = "atlanta.com") -> Zone:
    return parse_zone(FILE, stem, text)


class ReadTests(SynchronousTestCase):
    """What is taken from a zone file."""

    def test_records(self) -> None:
        """Names are absolute and lower-case, strings are without their quotes, every TTL is kept."""
        zone = parse(ZONE)
        self.assertEqual((zone.origin, zone.file, zone.published), ("atlanta.com", FILE, False))
        self.assertEqual(
            dict(zone.nodes),
            {
                "atlanta.com": Node(
                    {"NAPTR": ((Naptr(10, 50, "s", "SIP+D2U", "", "_sip._udp.atlanta.com"),), 3600)}
                ),
                "_sip._udp.atlanta.com": Node({"SRV": ((Srv(0, 5, 8000, "proxy.atlanta.com"),), 300)}),
                "_sip._tls.atlanta.com": Node({"SRV": ((Srv(0, 0, 0, ""),), 300)}),
                "proxy.atlanta.com": Node(
                    {
                        "A": ((Address("192.0.2.1"), Address("192.0.2.2")), 300),
                        "AAAA": ((Address("2001:db8::1"),), 300),
                    }
                ),
                "www.atlanta.com": Node({}, "proxy.atlanta.com"),
                "far.atlanta.com": Node({}, "proxy.biloxi.com"),
                "note.atlanta.com": Node({}),
            },
        )

    def test_origin(self) -> None:
        """A $ORIGIN line at the top goes before the name of the file."""
        for text in (
            "$ORIGIN Biloxi.com.\n@ A 192.0.2.1\n",
            "; x\n\n$TTL 5\n$ORIGIN biloxi.com. ; y\n@ A 192.0.2.1\n",
        ):
            zone = parse(text)
            self.assertEqual(zone.origin, "biloxi.com")
            self.assertEqual(list(zone.nodes), ["biloxi.com"])

    def test_later_origin(self) -> None:
        """A $ORIGIN after the first record only changes what relative names are relative to."""
        zone = parse("@ A 192.0.2.1\n$ORIGIN lab.atlanta.com.\nx A 192.0.2.2\n")
        self.assertEqual(
            (zone.origin, list(zone.nodes)), ("atlanta.com", ["atlanta.com", "x.lab.atlanta.com"])
        )

    def test_nothing_is_required(self) -> None:
        """No SOA, no NS, no TTL: one record makes a zone, and so does none."""
        self.assertEqual(
            dict(parse("@ A 192.0.2.1").nodes), {"atlanta.com": Node({"A": ((Address("192.0.2.1"),), 60)})}
        )
        self.assertEqual(dict(parse("").nodes), {})

    def test_marker(self) -> None:
        """The first line says whose file it is."""
        self.assertTrue(parse(f"{MARKER}\n@ A 192.0.2.1\n").published)
        self.assertFalse(parse(f"\n{MARKER}\n@ A 192.0.2.1\n").published)


class MistakeTests(SynchronousTestCase):
    """One sentence, with the line on which the mistake stands."""

    def problem(self, text: str, stem: str = "atlanta.com") -> tuple[int | None, str]:
        error = self.assertRaises(BadSetting, parse, text, stem)
        assert isinstance(error, BadSetting)
        self.assertEqual(error.file, FILE)
        return error.line, error.problem

    def test_sentence(self) -> None:
        error = self.assertRaises(BadSetting, parse, "@ A 192.0.2.1\n\nproxy A 192.0.2\n")
        self.assertEqual(
            str(error),
            "dns/atlanta.com.zone, line 3: 'proxy A 192.0.2' cannot be read (Text input is malformed); "
            "correct that line; until then the zone's last good version, if there was one, stays in force",
        )

    def test_line_of_the_mistake(self) -> None:
        """Also where the reader has gone further before it noticed; of several lines, the first."""
        for entry in (
            "x A 192.0.2",
            "x A",
            "@ CNAME x",
            "x SRV 0 0 99999 y",
            "x SRV 0 0 9 y z",
            "x FOO 1",
            "x SOA a b 1 1 1 1 1",
            'x TXT "abc',
            "@ SOA a b ( 1 1\n 1 1 1",
            "x..y A 192.0.2.1",
            "x" * 64 + " A 192.0.2.1",
            "@ CH A 192.0.2.1",
            "x A 192.0.2.1 )",
            "$TTL soon",
            "x TXT \\",
        ):
            with self.subTest(entry):
                line, problem = self.problem(f"@ A 192.0.2.1\n; two\n{entry}\nz A 192.0.2.9\n")
                self.assertEqual(line, 3)
                self.assertIn(repr(entry.partition("\n")[0]), problem)

    def test_directives(self) -> None:
        """$INCLUDE would read any file, $GENERATE fill the memory."""
        for directive in ("$INCLUDE /etc/passwd", "$GENERATE 1-4294967295 x$ A 192.0.2.1"):
            self.assertIn("is not allowed", self.problem(f"{directive}\n")[1])

    def test_origin_without_its_dot(self) -> None:
        """It would silently mean biloxi.com.atlanta.com."""
        error = self.assertRaises(BadSetting, parse, "$ORIGIN biloxi.com\n@ A 192.0.2.1\n")
        self.assertEqual(
            str(error), f"{FILE}, line 1: $ORIGIN biloxi.com lacks the final dot; write $ORIGIN biloxi.com."
        )

    def test_no_domain(self) -> None:
        self.assertEqual(
            self.problem("@ A 192.0.2.1\n", "my zone"),
            (None, "the zone's name: 'my zone' is not a domain name"),
        )
        self.assertEqual(
            self.problem("$ORIGIN 1.2.3.4.\n"),
            (1, "the zone's name: '1.2.3.4.' is an IP address and not a domain name"),
        )

    def test_empty_origin(self) -> None:
        self.assertEqual(self.problem("$ORIGIN\n")[0], 1)

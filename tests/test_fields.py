"""Typed header values: Via, name-addr, CSeq (RFC 3261 §20, §25.1)."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import MalformedUri, MalformedValue
from sipmini.fields import CSeq, NameAddr, Via, parse_cseq, parse_name_addr, parse_number, parse_via
from sipmini.uri import TelUri


class ViaTests(SynchronousTestCase):
    """§20.42, §18.1.1."""

    def test_plain(self) -> None:
        via = parse_via("SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7")
        self.assertEqual(
            via, Via("UDP", "erlang.bell-telephone.com", 5060, {"branch": "z9hG4bK87asdks7"}, "SIP/2.0")
        )
        self.assertEqual(str(via), "SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7")
        self.assertEqual(via.sent_by, "erlang.bell-telephone.com:5060")

    def test_white_space_and_folds_around_every_separator(self) -> None:
        """RFC 4475 §3.1.1.1; §20.42 has the second."""
        via = parse_via("SIP  / 2.0  / tcp     spindle.example.com   ; branch  =   z9hG4bK9ikj8  ")
        self.assertEqual(
            (via.protocol, via.transport, via.host, via.port), ("SIP/2.0", "TCP", "spindle.example.com", None)
        )
        self.assertEqual(via.branch, "z9hG4bK9ikj8")
        via = parse_via(
            "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1"
        )
        self.assertEqual((via.port, via.params["ttl"], via.params["maddr"]), (4000, "16", "224.2.0.1"))

    def test_ipv6(self) -> None:
        """RFC 5118 §4.5: received with and without brackets."""
        via = parse_via("SIP/2.0/UDP [2001:db8::9:1]:6050;received=[2001:db8::9:255];branch=z9hG4bKas3-111")
        self.assertEqual(
            (via.host, via.sent_by, via.received),
            ("[2001:db8::9:1]", "[2001:db8::9:1]:6050", "2001:db8::9:255"),
        )
        self.assertEqual(parse_via("SIP/2.0/UDP [::1];received=2001:db8::1").received, "2001:db8::1")

    def test_received_and_rport(self) -> None:
        """RFC 3581 §4: rport without a value asks, with one tells."""
        for params, received, rport in [
            ("", None, None),
            (";rport", None, None),
            (";rport=;received=", None, None),
            (";received=192.0.2.1;rport=5070", "192.0.2.1", 5070),
            (";rport=x", None, None),
            (";rport=5070000", None, None),
            (";rport=²", None, None),
        ]:
            via = parse_via(f"SIP/2.0/UDP a.com;branch=z9hG4bK1{params}")
            self.assertEqual((via.received, via.rport), (received, rport), params)

    def test_the_magic_cookie(self) -> None:
        """§8.1.1.7; RFC 4475 §3.2.1: the bare cookie makes no branch unique."""
        for branch, unique in [
            ("z9hG4bK1", True),
            ("Z9HG4BKx", True),
            ("z9hG4bK", False),
            ("390skdjuw", False),
        ]:
            via = parse_via(f"SIP/2.0/UDP a.com;branch={branch}")
            self.assertEqual((via.branch, via.has_unique_branch), (branch, unique))
        for text in ["SIP/2.0/UDP a.com", "SIP/2.0/UDP a.com;branch"]:
            self.assertEqual((parse_via(text).branch, parse_via(text).has_unique_branch), ("", False))

    def test_malformed(self) -> None:
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0 a.com",
            "SIP/2.0/UDP a.com a.com",
            "SIP/2.0/UDP a.com:port",
            "SIP/2.0/UDP a.com:65536",
            "SIP/2.0/UDP a.com:",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP [2001:db8:::1]",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP a.com;branch=a b",
            "SIP/2.0/UDP a.com;",
            "SIP/2.0/UDP user@a.com",
        ]:
            self.assertRaises(MalformedValue, parse_via, text)


class NameAddrTests(SynchronousTestCase):
    """§20.10 and the other address fields."""

    def check(self, text: str, display: str, uri: str, params: dict[str, str | None]) -> None:
        found = parse_name_addr(text)
        self.assertEqual((found.display, found.uri_text, found.params), (display, uri, params), text)

    def test_forms(self) -> None:
        self.check("sip:bob@biloxi.com", "", "sip:bob@biloxi.com", {})
        self.check("<sip:bob@biloxi.com>", "", "sip:bob@biloxi.com", {})
        self.check("Bob <sip:bob@biloxi.com>;tag=a48s", "Bob", "sip:bob@biloxi.com", {"tag": "a48s"})
        self.check("Bob The  Builder  <sip:b@c>", "Bob The  Builder", "sip:b@c", {})
        self.check(
            "caller<sip:caller@example.com>;tag=323", "caller", "sip:caller@example.com", {"tag": "323"}
        )
        self.check('"" <sip:b@c>', "", "sip:b@c", {})
        self.check('"Watson, Thomas"<sip:b@c> ; q = 0.7', "Watson, Thomas", "sip:b@c", {"q": "0.7"})
        self.check(
            r'"J Rosenberg \\\"" <sip:j@e.com> ; tag = 98asjd8',
            'J Rosenberg \\"',
            "sip:j@e.com",
            {"tag": "98asjd8"},
        )
        self.check("Ünï <sip:b@c>", "Ünï", "sip:b@c", {})
        self.check('"a<b>;c" <sip:b@c>', "a<b>;c", "sip:b@c", {})

    def test_without_brackets_parameters_belong_to_the_field(self) -> None:
        """§20: RFC 4475 §3.3.12 and §3.3.13."""
        self.check("sip:b@c;unknown ; tag = 1", "", "sip:b@c", {"unknown": None, "tag": "1"})
        self.check("<sip:b@c;unknown>;tag=1", "", "sip:b@c;unknown", {"tag": "1"})
        self.assertEqual(parse_name_addr("<sip:b@c;a>").param("a"), None)

    def test_other_schemes(self) -> None:
        self.assertEqual(parse_name_addr("<tel:+1>").uri, TelUri("+1"))
        self.check("isbn:2983792873", "", "isbn:2983792873", {})

    def test_parts(self) -> None:
        address = parse_name_addr('"A" <sip:b@c>;Tag=1;lr;x=')
        self.assertEqual([address.param(name) for name in ("lr", "x", "tag", "y")], ["", "", "1", None])
        self.assertEqual(address.tag, "1")
        self.assertIsNone(parse_name_addr("<sip:b@c>;lr").tag)

    def test_written(self) -> None:
        self.assertEqual(
            str(NameAddr('a "b"', "sip:b@c", {"tag": "1", "lr": None})), '"a \\"b\\"" <sip:b@c>;tag=1;lr'
        )
        self.assertEqual(str(NameAddr("", "sip:b@c")), "<sip:b@c>")

    def test_malformed(self) -> None:
        for text in [
            "",
            "Bob",
            "*",
            "Bob <bob>",
            "<>",
            "<sip:b@c",
            "sip:b@c>",
            "<<sip:b@c>>",
            "<sip:b@c> Bob",
            "<sip:b@c>;;",
            "< sip:t.watson@example.org >",
            '"Mr. J. User <sip:j.user@example.com>',
            "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
            "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            "sip:a,b@c",
            "http://a/?b",
            "a@b <sip:b@c>",
        ]:
            self.assertRaises((MalformedValue, MalformedUri), parse_name_addr, text)

    def test_hostile_texts_take_no_time(self) -> None:
        """Quadratic backtracking would take minutes for each of these, cubic years."""
        blank = " " * 60000
        for text in [
            f"a{blank}@<sip:b@c>",
            f'"a{blank}<sip:b@c>',
            f"<sip:b@c>;a{blank}@",
            f"<sip:b@c>{blank}@",
            '"' + "\\a" * 30000 + "<sip:b@c>",
            "<" * 60000,
            "a " * 30000 + "<",
        ]:
            self.assertRaises((MalformedValue, MalformedUri), parse_name_addr, text)
        for text in [
            f"SIP/2.0/UDP a{blank}@",
            f"SIP{blank}@",
            f"SIP/2.0/UDP {'a-' * 30000}@",
            f"SIP/2.0/UDP a;b{blank}@",
        ]:
            self.assertRaises(MalformedValue, parse_via, text)
        self.assertRaises(MalformedValue, parse_cseq, "1" * 60000 + blank + "@")


class CSeqTests(SynchronousTestCase):
    """§20.16, §8.1.1.5."""

    def test_read_and_written(self) -> None:
        self.assertEqual(parse_cseq("4711 INVITE"), CSeq(4711, "INVITE"))
        self.assertEqual(parse_cseq("0009\t  INVITE"), CSeq(9, "INVITE"))
        self.assertEqual(parse_cseq("4294967295 x-y!"), CSeq(2**32 - 1, "x-y!"))
        self.assertEqual(str(CSeq(1, "ACK")), "1 ACK")

    def test_malformed(self) -> None:
        for text in [
            "",
            "1",
            "INVITE",
            "1INVITE",
            "-1 INVITE",
            "1 IN VITE",
            "4294967296 INVITE",
            "² INVITE",
            "1 (x)",
        ]:
            self.assertRaises(MalformedValue, parse_cseq, text)

    def test_numbers(self) -> None:
        self.assertEqual(parse_number("Max-Forwards", "0" * 1000 + "68", 255), 68)
        self.assertEqual(parse_number("Max-Forwards", "0", 255), 0)
        for text in ["", "256", "-1", "+1", "1.0", "1_0", " 1", "٣", "9" * 5000]:
            with self.assertRaisesRegex(MalformedValue, "^Max-Forwards "):
                parse_number("Max-Forwards", text, 255)


_tokens = st.text("abz09-.!%*_+`'~", min_size=1)
_quoted = st.text().map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
_params = st.dictionaries(_tokens, st.one_of(st.none(), _tokens, _quoted), max_size=4)


class FieldPropertyTests(SynchronousTestCase):
    @settings(max_examples=150, derandomize=True, deadline=None)
    @given(st.text(), st.sampled_from(["sip:b@c;lr", "tel:+1", "sips:[::1]"]), _params)
    def test_name_addr_round_trip(self, display: str, uri: str, params: dict[str, str | None]) -> None:
        address = NameAddr(display, uri, params)
        self.assertEqual(parse_name_addr(str(address)), address)

    @settings(max_examples=150, derandomize=True, deadline=None)
    @given(st.sampled_from(["UDP", "TCP", "X"]), st.one_of(st.none(), st.integers(0, 65535)), _params)
    def test_via_round_trip(self, transport: str, port: int | None, params: dict[str, str | None]) -> None:
        via = Via(transport, "a.com", port, params)
        self.assertEqual(parse_via(str(via)), via)

    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(st.one_of(st.text(), st.text('SIP/2.0UDP <>;=",:@[]\\ \ta')))
    def test_any_text_is_a_value_or_malformed(self, text: str) -> None:
        for parse in (parse_via, parse_name_addr, parse_cseq):
            with contextlib.suppress(MalformedValue, MalformedUri):
                parse(text)

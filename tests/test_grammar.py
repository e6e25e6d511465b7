"""Productions of RFC 3261 §25.1 and what is done with them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import grammar
from sipmini.errors import MalformedValue


class QuotingTests(SynchronousTestCase):
    def test_quote_and_unquote(self) -> None:
        for text in ["", "Bob", 'say "hi"', "back\\slash", '\\"', "tab\tand ü"]:
            self.assertEqual(grammar.unquote(grammar.quote(text)), text)
        self.assertEqual(grammar.quote('a"b\\c'), r'"a\"b\\c"')

    def test_what_is_not_quoted_comes_back(self) -> None:
        for text in ["token", '"', '"open', ""]:
            self.assertEqual(grammar.unquote(text), text)

    def test_unescape_once(self) -> None:
        """§19.1.2."""
        self.assertEqual(grammar.unescape("v%61lue%25%34%31"), "value%41")
        self.assertEqual(grammar.unescape("%C3%BC%zz%"), "ü%zz%")

    def test_unfold(self) -> None:
        """§7.3.1."""
        self.assertEqual(grammar.unfold("a \t\r\n\t  b\r\n c"), "a b c")
        self.assertEqual(grammar.unfold("plain"), "plain")


class HostTests(SynchronousTestCase):
    def test_hosts(self) -> None:
        for host in [
            "biloxi.com",
            "b",
            "192.0.2.4",
            "[2001:db8::9:1]",
            "[::ffff:192.0.2.1]",
            "a-b.c.",
            "3com.com",
        ]:
            self.assertTrue(grammar.is_host(host), host)
        for host in [
            "",
            "-a",
            "a-",
            "2001:db8::1",
            "[2001:db8:::1]",
            "[::1",
            "a b",
            "ä.com",
            "[" + "1" * 70 + "]",
        ]:
            self.assertFalse(grammar.is_host(host), host)
        for host in ["::1", "biloxi.com", "[::1", "[1.2.3.4]", "[" + ":" * 70 + "]"]:
            self.assertFalse(grammar.is_ipv6_reference(host), host)


class ListTests(SynchronousTestCase):
    def test_split_commas(self) -> None:
        for text, parts in {
            "": [""],
            "one": ["one"],
            "a, b ,c": ["a", "b", "c"],
            '"a, b" <sip:a,b@c>, <sip:d@e>;x="y,z"': ['"a, b" <sip:a,b@c>', '<sip:d@e>;x="y,z"'],
            r'"a\", b" <sip:c@d>, e': [r'"a\", b" <sip:c@d>', "e"],
            "a,,b": ["a", "", "b"],
        }.items():
            self.assertEqual(grammar.split_commas(text), parts)

    def test_parameters(self) -> None:
        for text, params in {
            "": {},
            ";lr": {"lr": None},
            ";Tag=AbC;lr;x=": {"tag": "AbC", "lr": None, "x": ""},
            " ;  tag   =  1 ;\tq = 0.33": {"tag": "1", "q": "0.33"},
            ';a="x;y, \\"z\\"";b': {"a": '"x;y, \\"z\\""', "b": None},
            ";a=1;A=2": {"a": "1"},
            ";received=[2001:db8::1]": {"received": "[2001:db8::1]"},
            ";a=b=c": {"a": "b=c"},
        }.items():
            self.assertEqual(grammar.parse_params(text), params, text)
        self.assertEqual(grammar.format_params({"lr": None, "a": "b", "c": ""}), ";lr;a=b;c=")

    def test_malformed_parameters(self) -> None:
        for text in ["x", ";", ";;lr", ";=x", ";a b", ';a="open', ";a=b,c", ";lr;"]:
            self.assertRaises(MalformedValue, grammar.parse_params, text)

"""Header fields as they arrived: order, spelling, folding and lists (RFC 3261 §7.3)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.headers import COMPACT_FORMS, UNSPLITTABLE, Headers, canonical, canonical_of_line, format_line


def headers(*lines: bytes) -> Headers:
    """Headers of raw lines."""
    return Headers(tuple([canonical_of_line(line) for line in lines]), lines)


class NameTests(SynchronousTestCase):
    def test_canonical_spellings(self) -> None:
        """§7.3.1: names are case-insensitive; §7.3.3: compact forms."""
        for spelled, name in {
            "via": "Via",
            "VIA": "Via",
            "v": "Via",
            "V": "Via",
            "call-id": "Call-ID",
            "CALL-ID": "Call-ID",
            "cseq": "CSeq",
            "www-authenticate": "WWW-Authenticate",
            "mime-version": "MIME-Version",
            "max-forwards": "Max-Forwards",
            "x-SOMETHING-new": "X-Something-New",
            "sip-etag": "SIP-ETag",
            " to \t": "To",
        }.items():
            self.assertEqual(canonical(spelled), name)

    def test_every_compact_form_of_the_rfc(self) -> None:
        """§7.3.3 and §20."""
        expected = {
            "c": "Content-Type",
            "e": "Content-Encoding",
            "f": "From",
            "i": "Call-ID",
            "k": "Supported",
            "l": "Content-Length",
            "m": "Contact",
            "s": "Subject",
            "t": "To",
            "v": "Via",
        }
        self.assertEqual({short: COMPACT_FORMS[short] for short in expected}, expected)

    def test_a_line_may_have_white_space_before_its_colon(self) -> None:
        for line in (b"V  : x", b"Via\t: x", b"via: x", b"VIA:"):
            self.assertEqual(canonical_of_line(line), "Via")

    def test_a_name_is_a_token(self) -> None:
        """§25.1: header-name."""
        for line in (
            b"no colon",
            b": x",
            b" : x",
            b"two words: x",
            b'na"me: x',
            b"n\xc3\xa4me: x",
            b"a\r\nb: x",
            b"<a>: x",
        ):
            self.assertRaises(ValueError, canonical_of_line, line)
        self.assertEqual(canonical_of_line(b"extensionHeader-!.%*+_`'~: x"), "Extensionheader-!.%*+_`'~")

    def test_what_is_remembered_is_bounded(self) -> None:
        for number in range(5000):
            self.assertEqual(canonical_of_line(b"X-%d: 1" % number), f"X-{number}")
        long = b"x" * 5000
        self.assertEqual(canonical_of_line(long + b": 1"), "X" + "x" * 4999)


class ReadingTests(SynchronousTestCase):
    def test_values_are_unfolded_and_stripped(self) -> None:
        """§7.3.1."""
        found = headers(b"Subject:\r\n I know\t\r\n\t you're there ", b"S: second", b"to:x")
        self.assertEqual(found.first("Subject"), "I know you're there")
        self.assertEqual(found.each("Subject"), ["I know you're there", "second"])
        self.assertEqual((found.first("To"), found.first("From"), found.each("From")), ("x", None, []))
        self.assertEqual((found.count("Subject"), "To" in found, "From" in found), (2, True, False))

    def test_octets_that_are_not_utf8_survive(self) -> None:
        line = b"Subject: caf\xe9 \xc3\xbc"
        found = headers(line)
        value = found.first("Subject")
        assert value is not None
        self.assertEqual(value, "caf\udce9 ü")
        self.assertEqual(format_line("Subject", value), line)

    def test_comma_lists(self) -> None:
        """§7.3.1: several fields and one list are the same."""
        found = headers(
            b'Route: <sip:a@b,c>, "x, y" <sip:d>;p="q,r"',
            b"Route: <sip:e>",
            b"Route: ",
        )
        self.assertEqual(found.values("Route"), ["<sip:a@b,c>", '"x, y" <sip:d>;p="q,r"', "<sip:e>"])

    def test_what_is_no_list_is_never_split(self) -> None:
        """§7.3.1: the authentication fields; and those whose value may hold a comma."""
        digest = b'Digest realm="a, b", nonce="c", qop="auth,auth-int"'
        for name in sorted(UNSPLITTABLE):
            line = name.encode() + b": " + digest
            self.assertEqual(headers(line, line).values(name), [digest.decode()] * 2)
        self.assertEqual(headers(b"Date: Sat, 13 Nov 2010 23:29:00 GMT").values("Date")[0][:4], "Sat,")
        self.assertEqual(headers(b"Subject: one, two").values("Subject"), ["one, two"])

    def test_items_and_lines(self) -> None:
        found = headers(b"v : a", b"T:b", b"Via: c")
        self.assertEqual(found.items(), [("Via", "a"), ("To", "b"), ("Via", "c")])
        self.assertEqual(found.lines_of("Via"), [b"v : a", b"Via: c"])

    def test_made_from_pairs(self) -> None:
        made = Headers.of([("v", "a"), ("to", "b")])
        self.assertEqual((made.names, made.lines), (("Via", "To"), (b"Via: a", b"To: b")))


class EditingTests(SynchronousTestCase):
    """Edits leave every other line as it is."""

    def setUp(self) -> None:
        self.headers = headers(b"X :1", b"v: a ,b", b"Via  : c", b"t:d")

    def lines(self, edited: Headers) -> list[bytes]:
        self.assertEqual(edited.names, tuple([canonical_of_line(line) for line in edited.lines]))
        return list(edited.lines)

    def test_prepended(self) -> None:
        self.assertEqual(
            self.lines(self.headers.prepended("Via", "new")),
            [b"X :1", b"Via: new", b"v: a ,b", b"Via  : c", b"t:d"],
        )
        self.assertEqual(self.lines(self.headers.prepended("Route", "new"))[0], b"Route: new")

    def test_appended(self) -> None:
        self.assertEqual(self.lines(self.headers.appended("Via", "new"))[-2:], [b"t:d", b"Via: new"])

    def test_replaced(self) -> None:
        self.assertEqual(
            self.lines(self.headers.replaced("To", "e")), [b"X :1", b"v: a ,b", b"Via  : c", b"To: e"]
        )
        self.assertEqual(self.lines(self.headers.replaced("Via", "e")), [b"X :1", b"Via: e", b"t:d"])
        self.assertEqual(self.lines(self.headers.replaced("Max-Forwards", "9"))[-1], b"Max-Forwards: 9")

    def test_without(self) -> None:
        self.assertEqual(self.lines(self.headers.without("Via")), [b"X :1", b"t:d"])
        self.assertIs(self.headers.without("Route"), self.headers)

    def test_the_first_value_of_a_list(self) -> None:
        self.assertEqual(
            self.lines(self.headers.with_first_value("Via", "A"))[1:3], [b"Via: A,b", b"Via  : c"]
        )
        self.assertEqual(self.lines(self.headers.without_first_value("Via"))[1:3], [b"Via: b", b"Via  : c"])
        once = self.headers.without_first_value("Via").without_first_value("Via")
        self.assertEqual(self.lines(once), [b"X :1", b"Via  : c", b"t:d"])
        self.assertEqual(self.lines(self.headers.with_first_value("To", "D"))[-1], b"To: D")

    def test_commas_in_quotes_and_brackets_end_no_value(self) -> None:
        route = headers(b'Route: "a, \xc3\xbc" <sip:b,c>;d="e,f" ,\r\n <sip:g>')
        self.assertEqual(self.lines(route.without_first_value("Route")), [b"Route: <sip:g>"])
        self.assertEqual(
            self.lines(route.with_first_value("Route", "<sip:h>")), [b"Route: <sip:h>,\r\n <sip:g>"]
        )
        single = headers(b"Route: <sip:b,c>")
        self.assertEqual(self.lines(single.without_first_value("Route")), [])

"""URIs: their grammar, their parts and when two of them are equal (RFC 3261 §19.1, RFC 3966)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import MalformedUri
from sipmini.uri import OtherUri, SipUri, TelUri, parse_sip_uri, parse_uri, uri_equal

#: §19.1.4, "The URIs within each of the following sets are equivalent".
EQUIVALENT = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    (
        "sip:carol@chicago.com",
        "sip:carol@chicago.com;newparam=5",
        "sip:carol@chicago.com;security=on",
    ),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    # By the rules above them.
    ("SIP:alice@atlanta.com", "sip:alice@atlanta.com"),
    ("sip:alice@[2001:db8::10]", "sip:alice@[2001:DB8:0:0:0:0:0:10]"),
    ("sip:j%6Fe%2ed@atlanta.com", "sip:joe%2Ed@atlanta.com", "sip:joe.d@atlanta.com"),
    ("sip:alice@atlanta.com;lr", "sip:alice@atlanta.com"),
    ("sip:a@b.com;p%61ram=valu%65", "sip:a@b.com;PARAM=VALUE"),
    ("sip:a%3bb@atlanta.com", "sip:a%3Bb@atlanta.com"),
]

#: §19.1.4, "The URIs within each of the following sets are not equivalent".
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    # Equality is not transitive.
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    # By the rules above them.
    ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
    ("sip:biloxi.com", "sip:bob@biloxi.com"),
    ("sip:bob@biloxi.com", "sip:bob:secret@biloxi.com"),
    ("sip:bob:Secret@biloxi.com", "sip:bob:secret@biloxi.com"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;user=phone"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;ttl=1"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;method=INVITE"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=239.255.255.1"),
    ("sip:a;b@biloxi.com", "sip:a%3Bb@biloxi.com"),
    ("sip:+1555@biloxi.com", "sip:%2B1555@biloxi.com"),
    ("sip:a%3Bb@biloxi.com", "sip:a%253Bb@biloxi.com"),
    ("sip:b@[::1]", "sip:b@[::2]"),
    ("sip:b@[::1]", "sip:b@localhost"),
    ("sip:biloxi.com?to=a", "sip:biloxi.com?to=a&to=a"),
]

MALFORMED = [
    "",
    "sip",
    "sip:",
    "sip:@biloxi.com",
    "sip:bob@",
    "sip::secret@biloxi.com",
    "sip:bob@biloxi.com:",
    "sip:bob@biloxi.com:port",
    "sip:bob@biloxi.com:65536",
    "sip:bob@biloxi.com:123456",
    "sip:bob@biloxi.com;",
    "sip:bob@biloxi.com;=x",
    "sip:bob@biloxi.com;;lr",
    "sip:bob@biloxi.com?",
    "sip:bob@biloxi.com?subject",
    "sip:bob@biloxi.com; lr",
    "sip: bob@biloxi.com",
    "sip:bob smith@biloxi.com",
    "sip:bob@2001:db8::10",
    "sip:bob@[2001:db8:::10]",
    "sip:bob@[192.0.2.1]",
    "sip:bob@-biloxi.com",
    "sip:b%6@biloxi.com",
    "sip:b%zz@biloxi.com",
    'sip:"bob"@biloxi.com',
    "<sip:bob@biloxi.com>",
    "sip:bob@biloxi.com>",
    "sip:бob@biloxi.com",
    "sip:bob@biloxi.com\r\nVia: x",
    "bob@biloxi.com",
    "http:",
    "1http:x",
]


class UriEqualityTests(SynchronousTestCase):
    """RFC 3261 §19.1.4, example by example."""

    def test_equivalent(self) -> None:
        for group in EQUIVALENT:
            for one in group:
                self.assertTrue(uri_equal(parse_uri(group[0]), parse_uri(one)), (group[0], one))
                self.assertTrue(uri_equal(parse_uri(one), parse_uri(group[0])), (one, group[0]))

    def test_different(self) -> None:
        for one, other in DIFFERENT:
            self.assertFalse(uri_equal(parse_uri(one), parse_uri(other)), (one, other))
            self.assertFalse(uri_equal(parse_uri(other), parse_uri(one)), (other, one))

    def test_tel(self) -> None:
        """RFC 3966 §4."""
        for one, other, equal in [
            ("tel:+1-201-555-0123", "tel:+1(201)555.0123", True),
            ("tel:7042;phone-context=example.com", "TEL:7042;Phone-Context=EXAMPLE.com", True),
            ("tel:863-1234;phone-context=+1-914-555", "tel:8631234;phone-context=+1914555", True),
            ("tel:+1201;ext=1-2;isub=3", "tel:+1201;isub=3;ext=12", True),
            ("tel:+12015550123", "tel:12015550123", False),
            ("tel:+1201", "tel:+1202", False),
            ("tel:7042;phone-context=a.com", "tel:7042;phone-context=b.com", False),
            ("tel:+1201;ext=1", "tel:+1201", False),
            ("tel:+1201", "sip:+1201@example.com", False),
        ]:
            self.assertEqual(uri_equal(parse_uri(one), parse_uri(other)), equal, (one, other))

    def test_other_schemes_are_compared_as_text(self) -> None:
        self.assertTrue(uri_equal(parse_uri("urn:service:sos"), parse_uri("URN:service:sos")))
        self.assertFalse(uri_equal(parse_uri("urn:service:sos"), parse_uri("urn:service:SOS")))
        self.assertFalse(uri_equal(parse_uri("urn:service:sos"), parse_uri("tel:112")))


class SipUriTests(SynchronousTestCase):
    def test_the_examples_of_the_rfc(self) -> None:
        """§19.1.3."""
        alice = SipUri("sip", "alice", "atlanta.com")
        for text, expected in {
            "sip:alice@atlanta.com": alice,
            "sip:alice:secretword@atlanta.com;transport=tcp": alice.replace(
                password="secretword", params=(("transport", "tcp"),)
            ),
            "sips:alice@atlanta.com?subject=project%20x&priority=urgent": alice.replace(
                scheme="sips", headers=(("subject", "project%20x"), ("priority", "urgent"))
            ),
            "sip:+1-212-555-1212:1234@gateway.com;user=phone": SipUri(
                "sip", "+1-212-555-1212", "gateway.com", password="1234", params=(("user", "phone"),)
            ),
            "sips:1212@gateway.com": SipUri("sips", "1212", "gateway.com"),
            "sip:alice@192.0.2.4": alice.replace(host="192.0.2.4"),
            "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com": SipUri(
                "sip",
                None,
                "atlanta.com",
                params=(("method", "REGISTER"),),
                headers=(("to", "alice%40atlanta.com"),),
            ),
            "sip:alice;day=tuesday@atlanta.com": alice.replace(user="alice;day=tuesday"),
        }.items():
            self.assertEqual(parse_uri(text), expected)
            self.assertEqual(str(expected), text)

    def test_ipv6_references(self) -> None:
        uri = parse_sip_uri("sip:alice@[2001:db8::10]:5070")
        self.assertEqual((uri.host, uri.address, uri.port), ("[2001:db8::10]", "2001:db8::10", 5070))
        self.assertEqual(parse_sip_uri("sip:[2001:db8::10:5070]").port, None)
        self.assertEqual(parse_sip_uri("sip:[2001:db8::192.0.2.1]").address, "2001:db8::192.0.2.1")
        self.assertEqual(str(uri), "sip:alice@[2001:db8::10]:5070")
        self.assertEqual(parse_sip_uri("sip:biloxi.com").address, "biloxi.com")

    def test_parameters(self) -> None:
        uri = parse_sip_uri("sip:biloxi.com;LR;transport=TCP;x=")
        self.assertEqual([uri.param(name) for name in ("lr", "transport", "x", "y")], ["", "TCP", "", None])
        self.assertEqual((uri.has_param("lr"), uri.has_param("y")), (True, False))
        self.assertEqual(str(uri.without_params("lr", "x")), "sip:biloxi.com;transport=TCP")
        self.assertEqual(str(uri), "sip:biloxi.com;LR;transport=TCP;x=")

    def test_escapes_stay_as_they_were_written(self) -> None:
        """§19.1.2, RFC 4475 §3.1.1.3: unescaped once, and only for whoever asks."""
        text = "sip:sips%3Auser%40example.com@example.net"
        uri = parse_sip_uri(text)
        self.assertEqual((uri.user, uri.user_name), ("sips%3Auser%40example.com", "sips:user@example.com"))
        self.assertEqual(str(uri), text)
        self.assertEqual(parse_sip_uri("sip:%2541@example.net").user_name, "%41")
        self.assertEqual(parse_sip_uri("sip:null-%00-null@example.net").user_name, "null-\0-null")
        self.assertEqual(parse_sip_uri("sip:%D0%B1%FF@example.net").user_name, "б\udcff")
        self.assertIsNone(parse_sip_uri("sip:example.net").user_name)

    def test_deliberate_leniency(self) -> None:
        for text in ["sip:*21#@biloxi.com", "sip:bob@my_pbx.local", "sip:bob@biloxi.com."]:
            self.assertEqual(str(parse_sip_uri(text)), text)

    def test_malformed(self) -> None:
        for text in MALFORMED:
            self.assertRaises(MalformedUri, parse_uri, text)
        self.assertRaises(MalformedUri, parse_sip_uri, "tel:112")

    def test_the_error_is_a_sentence_that_shows_the_text(self) -> None:
        with self.assertRaisesRegex(MalformedUri, r"^'sip:bob@b:port' breaks the grammar of sip: URIs$"):
            parse_uri("sip:bob@b:port")

    def test_long_uris_are_read_too(self) -> None:
        user = "u" * 5000
        self.assertEqual(parse_sip_uri(f"sip:{user}@biloxi.com").user, user)

    def test_hostile_texts_take_no_time(self) -> None:
        """No text makes the pattern backtrack more than linearly; quadratic would take minutes here."""
        for text in [
            "sip:" + "a" * 60000,
            "sip:" + "a" * 60000 + ":",
            "sip:" + "%41" * 20000 + "%",
            "sip:a@" + "b." * 30000 + "-",
            "sip:a@b" + ";c" * 30000 + " ",
            "sip:a@b?" + "c=d&" * 15000,
        ]:
            try:
                parse_uri(text)
            except MalformedUri as error:
                self.assertLess(len(str(error)), 200)


class AddressOfRecordTests(SynchronousTestCase):
    """RFC 3261 §10.3 step 5: the key of the bindings."""

    def test_canonical_forms(self) -> None:
        for text, expected in {
            "sip:bob@biloxi.com": "sip:bob@biloxi.com",
            "sips:bob@Biloxi.COM:5061;transport=tcp?a=b": "sip:bob@biloxi.com",
            "sip:%62ob@biloxi.com": "sip:bob@biloxi.com",
            "sip:Bob@biloxi.com": "sip:Bob@biloxi.com",
            "sip:bob:secret@biloxi.com": "sip:bob@biloxi.com",
            "sip:%2B1555@biloxi.com": "sip:+1555@biloxi.com",
            "sip:a%40b@biloxi.com": "sip:a%40b@biloxi.com",
            "sip:null-%00-null@biloxi.com": "sip:null-%00-null@biloxi.com",
            "sip:%d0%b1@biloxi.com": "sip:%D0%B1@biloxi.com",
            "sip:biloxi.com": "sip:biloxi.com",
        }.items():
            self.assertEqual(parse_sip_uri(text).address_of_record(), expected)

    def test_one_of_several_names_of_a_domain(self) -> None:
        uri = parse_sip_uri("sip:bob@192.0.2.4")
        self.assertEqual(uri.address_of_record("Biloxi.com"), "sip:bob@biloxi.com")

    def test_it_is_a_uri_again(self) -> None:
        for user in ("a%40b", "%00", "%25", "a;b", "%D0%B1"):
            record = parse_sip_uri(f"sip:{user}@biloxi.com").address_of_record()
            self.assertEqual(parse_sip_uri(record).address_of_record(), record)


class OtherUriTests(SynchronousTestCase):
    def test_tel(self) -> None:
        """RFC 3966 §3."""
        uri = parse_uri("tel:863-1234;phone-context=+1-914-555;x")
        self.assertEqual(uri, TelUri("863-1234", (("phone-context", "+1-914-555"), ("x", None))))
        self.assertEqual(str(uri), "tel:863-1234;phone-context=+1-914-555;x")
        self.assertEqual(TelUri("+1 (201)".replace(" ", "")).digits, "+1201")

    def test_schemes_that_are_only_carried(self) -> None:
        """RFC 4475 §3.3.2-4."""
        for text in [
            "nobodyKnowsThisScheme:totallyopaquecontent",
            "soap.beep://192.0.2.103:3002",
            "name:John_Smith",
        ]:
            uri = parse_uri(text)
            self.assertIsInstance(uri, OtherUri)
            self.assertEqual(str(uri), text)


_users = st.one_of(st.none(), st.text("ab1-_.!~*'()&=+$,;?/", min_size=1), st.just("%40%00%C3%A4"))
_hosts = st.sampled_from(["biloxi.com", "192.0.2.4", "[2001:db8::1]", "a-b.c_d", "localhost"])
_texts = st.text("abz09-_.!~*'()[]/:+$", min_size=1)
_params = st.lists(st.tuples(_texts, st.one_of(st.none(), _texts)), max_size=4).map(tuple)
_headers = st.lists(st.tuples(_texts, st.text("ab?/:+$", max_size=5)), max_size=3).map(tuple)
_ports = st.one_of(st.none(), st.integers(0, 65535))
_uris = st.builds(
    SipUri, st.sampled_from(["sip", "sips"]), _users, _hosts, _ports, st.none(), _params, _headers
)


class UriPropertyTests(SynchronousTestCase):
    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(_uris)
    def test_round_trip(self, uri: SipUri) -> None:
        self.assertEqual(parse_uri(str(uri)), uri)
        self.assertTrue(uri_equal(uri, uri))

    @settings(max_examples=200, derandomize=True, deadline=None)
    @given(
        st.one_of(st.text(), st.text("sip:@;?=&%[].a0"), st.text("sip:@;?=&%[].a0").map("sip:a@b".__add__))
    )
    def test_any_text_is_a_uri_or_malformed(self, text: str) -> None:
        try:
            uri = parse_uri(text)
        except MalformedUri:
            return
        self.assertEqual(parse_uri(str(uri)), uri)

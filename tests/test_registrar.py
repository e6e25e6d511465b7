"""Tests of the registrar, rule by rule (RFC 3261 §10.3)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.codec import check, decode
from sipmini.errors import StoreError
from sipmini.flow import Flow
from sipmini.location import Binding, Change, MemoryLocation, SqliteLocation
from sipmini.message import Message, Request, Response
from sipmini.reasons import Reason
from sipmini.registrar import Policy, Registrar
from tests.location.helpers import LocationCase

START = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
ALICE = "sip:alice@atlanta.com"
FLOW = Flow("UDP", ("127.0.0.1", 8000), ("10.0.0.1", 5060), 1)

REGISTER = """REGISTER {uri} SIP/2.0
Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{cseq}
Max-Forwards: 70
From: <sip:alice@atlanta.com>;tag=456248
To: {to}
Call-ID: {call_id}
CSeq: {cseq} REGISTER
{fields}Content-Length: 0

"""


def a_register(
    *fields: str,
    to: str = "<sip:alice@atlanta.com>",
    uri: str = "sip:atlanta.com",
    call_id: str = "843817637684230@998sdasdh09",
    cseq: int = 1,
) -> Request:
    """A REGISTER with these further header lines."""
    lines = "".join(f"{line}\n" for line in fields)
    text = REGISTER.format(uri=uri, to=to, call_id=call_id, cseq=cseq, fields=lines)
    request = decode(text.replace("\n", "\r\n").encode("utf-8", "surrogateescape"))
    assert isinstance(request, Request)
    assert check(request) is None
    return request


class Atlanta:
    """Serves atlanta.com, also called by its address, and biloxi.com."""

    names = {"atlanta.com": "atlanta.com", "127.0.0.1": "atlanta.com", "biloxi.com": "biloxi.com"}

    def is_mine(self, host: str, port: int | None) -> bool:
        return host.lower() in self.names

    def canonical(self, host: str) -> str:
        return self.names.get(host.lower(), host.lower())


class RegistrarCase(SynchronousTestCase):
    policy = Policy()

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.location = MemoryLocation(self.clock.seconds)
        self.decisions: list[tuple[Reason, Message, Flow]] = []
        self.registrar = self.a_registrar(self.policy)

    def a_registrar(self, policy: Policy) -> Registrar:
        return Registrar(self.location, Atlanta(), self.clock, lambda: "a6c85cf", self.decided, policy)

    def decided(self, reason: Reason, message: Message, path: Flow) -> None:
        self.decisions.append((reason, message, path))

    def answer(self, request: Request) -> Response:
        response: Response = self.successResultOf(self.registrar.register(request, FLOW))
        return response

    def accepted(self, request: Request) -> list[str]:
        """The Contact values of the 200 to *request*."""
        response = self.answer(request)
        self.assertEqual((response.status, response.phrase, self.decisions), (200, "OK", []))
        return response.values("Contact")

    def register(self, *contacts: str, cseq: int = 1, call_id: str = "one") -> list[str]:
        """Register these Contact values and give back those of the answer."""
        return self.accepted(
            a_register(*[f"Contact: {text}" for text in contacts], cseq=cseq, call_id=call_id)
        )

    def refused(self, request: Request, rule: reasons.Rule) -> Response:
        """The answer to *request*, refused by *rule*, with every binding as it was."""
        before = self.bindings()
        response = self.answer(request)
        self.assertEqual(self.bindings(), before)
        self.assertEqual([(reason.rule, *rest) for reason, *rest in self.decisions], [(rule, request, FLOW)])
        self.assertEqual((response.status, response.phrase), (rule.status, self.decisions[0][0].phrase))
        self.assertEqual(response.to.tag, "a6c85cf")
        self.decisions.clear()
        return response

    def bindings(self, aor: str = ALICE) -> tuple[Binding, ...]:
        return self.location.bindings(aor, self.clock.seconds())

    def contacts(self, aor: str = ALICE) -> list[str]:
        return [binding.contact for binding in self.bindings(aor)]


class AnswerTests(RegistrarCase):
    """Step 8: 200 with every current binding."""

    def test_the_whole_answer(self) -> None:
        """§10.3 step 8, §8.2.6.2: Contact with expires, Date in GMT (§20.17), the request's fields, a tag."""
        response = self.answer(a_register("Contact: <sip:alice@10.0.0.1:5060>;q=0.7", "Expires: 7200"))
        expected = (
            "SIP/2.0 200 OK|Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1|"
            "From: <sip:alice@atlanta.com>;tag=456248|To: <sip:alice@atlanta.com>;tag=a6c85cf|"
            "Call-ID: 843817637684230@998sdasdh09|CSeq: 1 REGISTER|"
            f"Contact: <sip:alice@10.0.0.1:5060>;expires=7200;q=0.7|Date: {DATE}|Content-Length: 0||"
        )
        self.assertEqual(bytes(response), expected.replace("|", "\r\n").encode())

    def test_the_whole_binding(self) -> None:
        """§10.3 step 7: each binding records the Call-ID and CSeq of the request."""
        self.accepted(a_register("Contact: <sip:alice@10.0.0.1>;q=0.25", "User-Agent: desk/1", cseq=9))
        self.assertEqual(
            self.bindings(),
            (
                Binding(
                    ALICE,
                    "sip:alice@10.0.0.1",
                    250,
                    "843817637684230@998sdasdh09",
                    9,
                    START + 3600,
                    "UDP 10.0.0.1:5060",
                    "desk/1",
                    START,
                ),
            ),
        )

    def test_remaining_seconds(self) -> None:
        self.register("<sip:a@10.0.0.1>;expires=100", "<sip:a@10.0.0.2>;expires=200")
        self.clock.advance(60)
        self.assertEqual(
            self.register(call_id="query"), ["<sip:a@10.0.0.1>;expires=40", "<sip:a@10.0.0.2>;expires=140"]
        )
        self.clock.advance(40)
        self.assertEqual(self.register(call_id="query"), ["<sip:a@10.0.0.2>;expires=100"])

    def test_query_changes_nothing(self) -> None:
        """§10.2.3: without Contact a REGISTER asks; also with Expires: 0 it removes nothing."""
        self.assertEqual(self.register(), [])
        self.register("<sip:a@10.0.0.1>")
        before = self.bindings()
        self.assertEqual(self.accepted(a_register("Expires: 0", cseq=2)), ["<sip:a@10.0.0.1>;expires=3600"])
        self.assertEqual(self.bindings(), before)

    def test_date_moves_on(self) -> None:
        self.assertEqual(self.answer(a_register()).first("Date"), DATE)
        self.clock.advance(61)
        self.assertEqual(self.answer(a_register()).first("Date"), "Fri, 15 Jan 2027 08:01:01 GMT")

    def test_record_route_is_ignored(self) -> None:
        """§10.3: a registrar ignores Record-Route and answers without it."""
        response = self.answer(
            a_register("Record-Route: <sip:p.example.com;lr>", "Contact: <sip:a@10.0.0.1>")
        )
        self.assertEqual((response.status, response.first("Record-Route")), (200, None))

    def test_extensions_are_told(self) -> None:
        """§8.2.4, §20.37: Supported lists what may be asked for."""
        self.assertIsNone(self.answer(a_register()).first("Supported"))
        self.registrar = self.a_registrar(Policy(extensions=frozenset({"path", "gruu"})))
        self.assertEqual(self.answer(a_register("Require: Path")).first("Supported"), "gruu, path")

    def test_anybody_may_register(self) -> None:
        """There is no list of users: whoever gives an address in the domain is one."""
        self.accepted(a_register("Contact: <sip:x@10.0.0.1>", to="Stranger <sip:someone.new@atlanta.com>"))
        self.assertEqual(self.contacts("sip:someone.new@atlanta.com"), ["sip:x@10.0.0.1"])


class AddressTests(RegistrarCase):
    """Steps 2 to 5: what is looked at first, and whose bindings are meant."""

    def test_unknown_extension(self) -> None:
        """§8.2.2.3: 420 with Unsupported listing each option tag that is not known."""
        response = self.refused(
            a_register("Require: path, outbound", "Require: gruu", "Contact: <sip:a@10.0.0.1>"),
            reasons.BAD_EXTENSION,
        )
        self.assertEqual(response.values("Unsupported"), ["path", "outbound", "gruu"])

    def test_extension_comes_before_domain(self) -> None:
        """§10.3: step 2 before step 5."""
        self.refused(a_register("Require: x", to="<sip:bob@chicago.com>"), reasons.BAD_EXTENSION)

    def test_no_user_in_request_uri(self) -> None:
        """§10.2: the userinfo and @ of the Request-URI must not be present."""
        self.refused(a_register(uri="sip:alice@atlanta.com"), reasons.REGISTER_WITH_USER)

    def test_request_uri_of_another_scheme(self) -> None:
        """§8.2.2.1: a scheme that is not known is 416."""
        self.refused(a_register(uri="tel:+15551234"), reasons.UNSUPPORTED_SCHEME)

    def test_not_in_the_domain(self) -> None:
        """§10.3 step 5: 404 where the address-of-record is not valid for the domain of the Request-URI."""
        for to in (
            "<sip:bob@chicago.com>",
            "<sip:bob@biloxi.com>",
            "<tel:+15551234>",
            "<isbn:2983792873>",
            "<sip:atlanta.com>",
        ):
            with self.subTest(to=to):
                self.refused(a_register("Contact: <sip:x@10.0.0.1>", to=to), reasons.NOT_IN_DOMAIN)

    def test_canonical_address(self) -> None:
        """§10.3 step 5: parameters go, escapes are replaced, host and scheme are written one way."""
        for cseq, to in enumerate(
            (
                "<sip:alice@atlanta.com>",
                "Alice <sip:%61lice@ATLANTA.com;user=phone;x=y>",
                "<SIP:al%69ce@Atlanta.Com>",
                "<sip:alice:secret@atlanta.com>",
                "<sips:alice@atlanta.com>",
                "<sip:alice@127.0.0.1>",
                "sip:alice@atlanta.com",
            )
        ):
            with self.subTest(to=to):
                self.accepted(a_register(f"Contact: <sip:a@10.0.0.{cseq}>", to=to, cseq=cseq))
                self.assertIn(f"sip:a@10.0.0.{cseq}", self.contacts())

    def test_user_is_case_sensitive(self) -> None:
        """§19.1.4: userinfo is compared case-sensitively."""
        self.accepted(a_register("Contact: <sip:x@10.0.0.1>", to="<sip:Alice@atlanta.com>"))
        self.assertEqual((self.contacts(), self.contacts("sip:Alice@atlanta.com")), ([], ["sip:x@10.0.0.1"]))

    def test_by_address_of_the_registrar(self) -> None:
        """A phone that knows only the proxy's address registers with the primary domain."""
        self.accepted(
            a_register("Contact: <sip:x@10.0.0.1>", uri="sip:127.0.0.1:8000", to="<sip:alice@127.0.0.1>")
        )
        self.assertEqual(self.contacts(), ["sip:x@10.0.0.1"])


class WildcardTests(RegistrarCase):
    """Step 6: Contact: * removes everything."""

    def test_removes_everything(self) -> None:
        self.register("<sip:a@10.0.0.1>", "<sip:a@10.0.0.2>")
        self.assertEqual(self.accepted(a_register("Contact: *", "Expires: 0", call_id="one", cseq=2)), [])
        self.assertEqual(self.bindings(), ())

    def test_of_another_call_id(self) -> None:
        """§10.3 step 6: where the Call-ID differs the CSeq does not matter."""
        self.register("<sip:a@10.0.0.1>", cseq=100)
        self.assertEqual(self.accepted(a_register("Contact: *", "Expires: 0", call_id="two")), [])

    def test_with_nothing_to_remove(self) -> None:
        self.assertEqual(self.accepted(a_register("Contact: *", "Expires: 0")), [])

    def test_not_alone_or_not_with_expires_0(self) -> None:
        """§10.3 step 6: additional Contacts, or any other expiration, are a 400."""
        self.register("<sip:a@10.0.0.1>")
        for fields in (
            ("Contact: *, <sip:a@10.0.0.2>", "Expires: 0"),
            ("Contact: <sip:a@10.0.0.2>", "Contact: *", "Expires: 0"),
            ("Contact: *", "Contact: *", "Expires: 0"),
            ("Contact: *", "Expires: 1"),
            ("Contact: *", "Expires: soon"),
            ("Contact: *",),
        ):
            with self.subTest(fields=fields):
                self.refused(a_register(*fields, call_id="two"), reasons.BAD_WILDCARD)

    def test_with_parameters(self) -> None:
        """§25.1: the * has no parameters."""
        self.refused(a_register("Contact: *;expires=0", "Expires: 0"), reasons.BAD_HEADER_VALUE)

    def test_out_of_order(self) -> None:
        """§10.3 step 6: same Call-ID, CSeq not higher: the whole update is aborted."""
        self.register("<sip:a@10.0.0.1>", cseq=5)
        self.register("<sip:a@10.0.0.2>", call_id="two")
        for cseq in (4, 5):
            late = a_register("Contact: *", "Expires: 0", call_id="one", cseq=cseq)
            self.refused(late, reasons.REGISTER_OUT_OF_ORDER)


class ExpiryTests(RegistrarCase):
    """Step 7: for how long."""

    def test_parameter_then_header_then_default(self) -> None:
        """§10.3 step 7."""
        contacts = ("Contact: <sip:a@10.0.0.1>;expires=100", "Contact: <sip:a@10.0.0.2>")
        self.assertEqual(
            self.accepted(a_register(*contacts, "Expires: 200")),
            ["<sip:a@10.0.0.1>;expires=100", "<sip:a@10.0.0.2>;expires=200"],
        )
        self.assertEqual(
            self.accepted(a_register(*contacts, cseq=2)),
            ["<sip:a@10.0.0.1>;expires=100", "<sip:a@10.0.0.2>;expires=3600"],
        )

    def test_malformed_is_3600(self) -> None:
        """§20.10, §20.19, §10.2.1.1, RFC 4475 §3.1.2.4: what cannot be read or is too large is 3600."""
        self.registrar = self.a_registrar(Policy(default_expires=1800))
        for number, text in enumerate(("soon", "-1", "1.5", "", "4294967296", "9" * 101, '"60"')):
            with self.subTest(text=text):
                self.register(f"<sip:a@10.0.0.1>;expires={text}", cseq=2 * number + 1)
                self.assertEqual(self.bindings()[0].expires_at, START + 3600)
                header = a_register(
                    "Contact: <sip:a@10.0.0.1>", f"Expires: {text}", cseq=2 * number + 2, call_id="one"
                )
                self.accepted(header)
                self.assertEqual(self.bindings()[0].expires_at, START + 3600)

    def test_parameter_without_value(self) -> None:
        self.assertEqual(self.register("<sip:a@10.0.0.1>;expires"), ["<sip:a@10.0.0.1>;expires=3600"])

    def test_no_longer_than_the_maximum(self) -> None:
        """§10.3 step 7: the registrar may choose less than was asked for."""
        self.assertEqual(
            self.register("<sip:a@10.0.0.1>;expires=4294967295"), ["<sip:a@10.0.0.1>;expires=86400"]
        )

    def test_too_brief(self) -> None:
        """§10.3 step 7, §21.4.17: 423 with Min-Expires for more than 0 and less than the minimum."""
        self.register("<sip:a@10.0.0.1>")
        for fields in (
            ("Contact: <sip:a@10.0.0.2>;expires=1",),
            ("Contact: <sip:a@10.0.0.2>", "Expires: 59"),
            ("Contact: <sip:a@10.0.0.2>", "Contact: <sip:a@10.0.0.3>;expires=59"),
        ):
            with self.subTest(fields=fields):
                response = self.refused(a_register(*fields, cseq=2), reasons.INTERVAL_TOO_BRIEF)
                self.assertEqual(response.first("Min-Expires"), "60")
        self.register("<sip:a@10.0.0.2>;expires=60", cseq=3)
        self.assertEqual(len(self.bindings()), 2)

    def test_minimum_is_at_most_an_hour(self) -> None:
        """§10.3 step 7: an interval of an hour or more is never too brief."""
        for seconds in (-1, 3601):
            with self.assertRaises(ValueError):
                Policy(min_expires=seconds)

    def test_zero_removes(self) -> None:
        """§10.2.2: also where the contact is written in another way, or is not there."""
        self.register("<sip:a@10.0.0.1;transport=tcp>", "<sip:a@10.0.0.2>")
        self.register("<sip:%61@10.0.0.1;Transport=TCP>;expires=0", cseq=2)
        self.assertEqual(self.contacts(), ["sip:a@10.0.0.2"])
        self.register("<sip:a@10.0.0.9>;expires=0", cseq=3)
        gone = a_register("Contact: <sip:a@10.0.0.2>", "Expires: 0", call_id="two")
        self.assertEqual(self.accepted(gone), [])


class ContactTests(RegistrarCase):
    """Step 7: which binding, and in which order."""

    def test_refresh(self) -> None:
        """§10.2.4: the same contact again replaces the binding, with the values of the later request."""
        self.register("<sip:a@10.0.0.1>;q=0.1", cseq=1)
        self.clock.advance(100)
        self.assertEqual(
            self.register("<sip:a@10.0.0.1>;q=0.2", cseq=2), ["<sip:a@10.0.0.1>;expires=3600;q=0.2"]
        )
        binding = self.bindings()[0]
        self.assertEqual((binding.cseq, binding.updated_at), (2, START + 100))

    def test_contacts_are_compared_as_uris(self) -> None:
        """§19.1.4: equal URIs are one binding, which then stands as it was written last."""
        self.register("<sip:a@10.0.0.1;x=1>")
        self.register("<sip:%61@10.0.0.1>", cseq=2)
        self.assertEqual(self.contacts(), ["sip:%61@10.0.0.1"])
        for cseq, other in enumerate(
            ("sip:A@10.0.0.1", "sip:a@10.0.0.1:5060", "sips:a@10.0.0.1", "sip:a@10.0.0.1;transport=udp"), 3
        ):
            self.register(f"<{other}>", cseq=cseq)
            self.assertEqual(len(self.bindings()), cseq - 1)

    def test_out_of_order(self) -> None:
        """§10.3 step 7: with the same Call-ID a CSeq that is not higher aborts the update."""
        self.register("<sip:a@10.0.0.1>", cseq=5)
        for cseq, contact in (
            (5, "<sip:a@10.0.0.1>"),
            (4, "<sip:a@10.0.0.1>;expires=0"),
            (4, "<sip:%61@10.0.0.1>"),
        ):
            late = a_register(f"Contact: {contact}", cseq=cseq, call_id="one")
            self.refused(late, reasons.REGISTER_OUT_OF_ORDER)

    def test_another_call_id_needs_no_higher_cseq(self) -> None:
        """§10.3 step 7: a phone that restarted has a new Call-ID and begins to count anew."""
        self.register("<sip:a@10.0.0.1>", cseq=500)
        self.register("<sip:a@10.0.0.1>", call_id="restarted")
        self.assertEqual([(one.call_id, one.cseq) for one in self.bindings()], [("restarted", 1)])

    def test_all_or_nothing(self) -> None:
        """§10.3 step 7: one contact that fails undoes those before it."""
        self.register("<sip:a@10.0.0.1>", cseq=5)
        self.register("<sip:a@10.0.0.2>", call_id="two", cseq=9)
        for last, rule in (
            ("<sip:a@10.0.0.2>", reasons.REGISTER_OUT_OF_ORDER),
            ("<sip:a@10.0.0.3>;expires=1", reasons.INTERVAL_TOO_BRIEF),
            ("<sip:a@@>", reasons.BAD_HEADER_VALUE),
        ):
            with self.subTest(last=last):
                contact = f"Contact: <sip:new@10.0.0.8>, <sip:a@10.0.0.1>;expires=0, {last}"
                self.refused(a_register(contact, call_id="two", cseq=9), rule)

    def test_an_expired_binding_is_none(self) -> None:
        """Its CSeq does not matter any more."""
        self.register("<sip:a@10.0.0.1>;expires=60", cseq=5)
        self.clock.advance(60)
        self.register("<sip:a@10.0.0.1>", cseq=4)
        self.assertEqual(self.bindings()[0].cseq, 4)

    def test_twice_in_one_request(self) -> None:
        """Each is processed in turn, so that the last one counts."""
        self.register("<sip:a@10.0.0.1>;q=0.1", "<sip:%61@10.0.0.1>;q=0.2", "<sip:b@10.0.0.2>;expires=0")
        self.assertEqual([(one.contact, one.q) for one in self.bindings()], [("sip:%61@10.0.0.1", 200)])
        self.register("<sip:a@10.0.0.1>", "<sip:a@10.0.0.1>;expires=0", cseq=2)
        self.assertEqual(self.bindings(), ())

    def test_any_scheme(self) -> None:
        """§10.2.1: a Contact may hold any URI; whether it can be called is for the proxy."""
        contacts = [
            "sip:a@10.0.0.1",
            "sips:a@10.0.0.1",
            "tel:+15551234",
            "mailto:alice@atlanta.com",
            "http://a/b",
        ]
        self.register(*[f"<{contact}>" for contact in contacts])
        self.assertCountEqual(self.contacts(), contacts)
        self.register("<tel:+1-555-1234>", "<MAILTO:alice@atlanta.com>", cseq=2)
        self.assertEqual(len(self.bindings()), 5)

    def test_q(self) -> None:
        """§20.10, §25.1: qvalue; higher first in the answer, one that cannot be read counts as none given."""
        self.assertEqual(
            self.register(
                *[f"<sip:a@10.0.0.{n}>;q={q}" for n, q in enumerate(("0.5", "0", "1.0", ".3", "0.9999"))]
            ),
            [
                "<sip:a@10.0.0.2>;expires=3600",
                "<sip:a@10.0.0.3>;expires=3600",
                "<sip:a@10.0.0.4>;expires=3600;q=0.999",
                "<sip:a@10.0.0.0>;expires=3600;q=0.5",
                "<sip:a@10.0.0.1>;expires=3600;q=0",
            ],
        )

    def test_q_above_one(self) -> None:
        self.register("<sip:a@10.0.0.1>;q=1.5", "<sip:a@10.0.0.2>;q")
        self.assertEqual([one.q for one in self.bindings()], [1000, 1000])

    def test_malformed(self) -> None:
        """§25.1: a Contact that is no address is a 400 that says so."""
        for text in (
            "",
            "<alice>",
            "sip:a@10.0.0.1?Route=x",
            "<sip:a@10.0.0.1",
            "<name:\u00e9>",
            "<x:\x1b[2J>",
        ):
            with self.subTest(text=text):
                self.refused(a_register(f"Contact: {text}"), reasons.BAD_HEADER_VALUE)

    def test_octets_that_are_not_utf_8(self) -> None:
        """Nothing from the network may be unstorable: Call-ID and User-Agent are kept written out."""
        odd = a_register("Contact: <sip:a@10.0.0.1>", "User-Agent: \udcff\u00e9", call_id="\udcfe", cseq=5)
        self.accepted(odd)
        binding = self.bindings()[0]
        self.assertEqual((binding.call_id, binding.user_agent), ("\\xfe", "\\xff\u00e9"))
        late = a_register("Contact: <sip:a@10.0.0.1>", call_id="\udcfe", cseq=5)
        self.refused(late, reasons.REGISTER_OUT_OF_ORDER)


class LimitTests(RegistrarCase):
    """Everything that strangers may store has a bound."""

    policy = Policy(max_contacts=3, max_bindings=5)

    def test_contacts_of_an_address(self) -> None:
        self.register(*[f"<sip:a@10.0.0.{n}>" for n in range(3)])
        self.refused(a_register("Contact: <sip:a@10.0.0.3>", cseq=2), reasons.TOO_MANY_CONTACTS)
        self.register("<sip:a@10.0.0.0>", cseq=2)
        self.register("<sip:a@10.0.0.3>", "<sip:a@10.0.0.1>;expires=0", cseq=3)
        self.assertEqual(len(self.bindings()), 3)

    def test_contacts_of_a_request(self) -> None:
        """Comparing thousands of contacts with each other must not be had for one datagram."""
        contacts = ", ".join(f"<sip:a@10.0.0.{n}>;expires=0" for n in range(7))
        self.refused(a_register(f"Contact: {contacts}"), reasons.TOO_MANY_CONTACTS)

    def test_bindings_in_all(self) -> None:
        for user in ("alice", "bob"):
            contacts = [f"Contact: <sip:a@10.0.0.{n}>" for n in range(2)]
            self.accepted(a_register(*contacts, to=f"<sip:{user}@atlanta.com>"))
        self.accepted(a_register("Contact: <sip:a@10.0.0.9>", to="<sip:carol@atlanta.com>"))
        full = a_register("Contact: <sip:a@10.0.0.9>", to="<sip:dave@atlanta.com>")
        self.refused(full, reasons.REGISTRAR_FULL)
        self.accepted(a_register("Contact: <sip:a@10.0.0.9>", to="<sip:carol@atlanta.com>", cseq=2))

    def test_length_of_a_contact(self) -> None:
        self.refused(a_register(f"Contact: <sip:{'a' * 2048}@10.0.0.1>"), reasons.CONTACT_TOO_LONG)

    def test_length_of_a_user_agent(self) -> None:
        self.accepted(a_register("Contact: <sip:a@10.0.0.1>", f"User-Agent: {'x' * 5000}"))
        self.assertEqual(self.bindings()[0].user_agent, "x" * 100)


class BrokenLocation(MemoryLocation):
    """A store whose disk is full."""

    def apply(self, aor: str, changes: Sequence[Change]) -> Deferred[None]:
        return fail(StoreError("Cannot write the location file (database or disk is full)."))


class StoreTests(RegistrarCase):
    def test_not_stored(self) -> None:
        """§10.3 step 7: where the commit fails the request fails with 500."""
        self.location = BrokenLocation(self.clock.seconds)
        self.registrar = self.a_registrar(Policy())
        self.refused(a_register("Contact: <sip:a@10.0.0.1>"), reasons.BINDING_NOT_STORED)


class DurableTests(LocationCase):
    def test_a_200_waits_for_the_disk_and_order_does_not(self) -> None:
        """§10.3: requests are processed in the order that they came, also those that wait for one commit."""
        store = SqliteLocation(self.directory, self.clock, execute, self.said.append, synchronous="OFF")
        self.addCleanup(store.close)
        decisions: list[Reason] = []
        registrar = Registrar(
            store, Atlanta(), self.clock, lambda: "tag", lambda reason, *rest: decisions.append(reason)
        )
        contact = "Contact: <sip:a@10.0.0.1>"
        first = registrar.register(a_register(contact, cseq=2), FLOW)
        late = registrar.register(a_register(contact, cseq=1), FLOW)
        second = registrar.register(a_register(contact + ";q=0.5", cseq=3), FLOW)
        self.assertNoResult(first)
        self.assertEqual(self.successResultOf(late).status, 500)
        self.clock.advance(0)
        for done in (first, second):
            self.assertEqual(
                self.successResultOf(done).values("Contact"), ["<sip:a@10.0.0.1>;expires=3600;q=0.5"]
            )
        self.assertEqual([(one.cseq, one.q) for one in self.on_disk()], [(3, 500)])
        self.assertEqual([reason.rule for reason in decisions], [reasons.REGISTER_OUT_OF_ORDER])


class ExampleDomain:
    """Serves every name."""

    def is_mine(self, host: str, port: int | None) -> bool:
        return True

    def canonical(self, host: str) -> str:
        return "example.com"


class TortureTests(RegistrarCase):
    """The REGISTERs of RFC 4475 that reach a registrar."""

    def setUp(self) -> None:
        super().setUp()
        self.registrar = Registrar(
            self.location, ExampleDomain(), self.clock, lambda: "a6c85cf", self.decided
        )

    def sent(self, text: str) -> tuple[Response, list[str]]:
        """The answer to *text*, and who is bound to what then."""
        request = decode(text.replace("\n", "\r\n").encode())
        assert isinstance(request, Request)
        self.assertIsNone(check(request))
        response = self.answer(request)
        aors = self.location.aors()
        return response, [f"{aor} {contact}" for aor in aors for contact in self.contacts(aor)]

    def message(self, contact: str, to: str = "sip:user@example.com") -> str:
        return (
            f"REGISTER sip:example.com SIP/2.0\nTo: {to}\nFrom: {to};tag=8\nMax-Forwards: 70\n"
            "Call-ID: k345asrl3fdbv@192.0.2.1\nCSeq: 14398234 REGISTER\n"
            f"Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw\n{contact}\nL:0\n\n"
        )

    def test_escaped_nulls(self) -> None:
        """RFC 4475 §3.1.1.4: %00 and %00%00 are two contacts, and the user's name is not cut at the NUL."""
        response, bound = self.sent(
            self.message(
                "Contact: <sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>",
                "sip:null-%00-null@example.com",
            )
        )
        self.assertEqual(response.status, 200)
        self.assertCountEqual(
            bound,
            [f"sip:null-%00-null@example.com sip:{user}@host5.example.com" for user in ("%00", "%00%00")],
        )

    def test_parameters_inside_and_outside(self) -> None:
        """RFC 4475 §3.3.12, §3.3.13: without <> a parameter is the header's, inside <> it is the URI's."""
        number = "sip:+19725552222@gw1.example.net"
        for contact, bound in ((f"{number};x", number), (f"<{number};x>", f"{number};x")):
            self.location = MemoryLocation(self.clock.seconds)
            self.registrar = Registrar(
                self.location, ExampleDomain(), self.clock, lambda: "a6c85cf", self.decided
            )
            response, found = self.sent(self.message(f"Contact: {contact}"))
            self.assertEqual((response.status, found), (200, [f"sip:user@example.com {bound}"]))

    def test_escaped_route(self) -> None:
        """RFC 4475 §3.3.14: the contact is kept as it is, its Route with it."""
        contact = "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        response, bound = self.sent(self.message(f"M: <{contact}>"))
        self.assertEqual((response.status, bound), (200, [f"sip:user@example.com {contact}"]))
        self.assertEqual(response.values("Contact"), [f"<{contact}>;expires=3600"])

    def test_route_without_brackets(self) -> None:
        """RFC 4475 §3.1.2.13: a bare URI must not contain a question mark."""
        contact = "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        response, bound = self.sent(self.message(f"Contact: {contact}"))
        self.assertEqual((response.status, bound), (400, []))

    def test_unknown_schemes(self) -> None:
        """RFC 4475 §3.3.4: an address-of-record is a sip: URI."""
        response, _ = self.sent(self.message("Contact: <name:John_Smith>", "isbn:2983792873"))
        self.assertEqual(response.status, 404)

    def test_unknown_credentials(self) -> None:
        """RFC 4475 §3.3.7: an Authorization nobody asked for is not looked at."""
        self.assertEqual(self.sent(self.message("Authorization: NoOneKnowsThisScheme o=here"))[0].status, 200)

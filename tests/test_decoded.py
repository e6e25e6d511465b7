"""The decoded form of a message, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini.codec import decode
from sipmini.decoded import as_dict, from_dict
from sipmini.errors import MalformedMessage, MalformedValue
from sipmini.message import Request, Response

TORTURE = Path(__file__).parents[2] / "shared" / "torture"

INVITE = (
    b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP proxy.atlanta.com:8000;branch=z9hG4bK2;received=192.0.2.7, "
    b"SIP/2.0/UDP [2001:db8::1];rport\r\n"
    b"v: SIP / 2.0 / TCP pc33.atlanta.com ;branch=z9hG4bK1\r\n"
    b"Max-Forwards: 69\r\n"
    b"t: Bob <sip:bob@biloxi.com>\r\n"
    b"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    b"Call-ID: a84b4c76e66710\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Contact: <sip:alice@pc33.atlanta.com>\r\n"
    b"X-Note: one\r\n"
    b"x-note: two\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: 6\r\n"
    b"\r\n"
    b"Gr\xc3\xbc\xc3\x9f"
)

INVITE_DECODED = {
    "Request": {"Method": "INVITE", "uri": "sip:bob@biloxi.com"},
    "Fields": {
        "Via": [
            {
                "protocol": "SIP/2.0/UDP",
                "uri": "proxy.atlanta.com",
                "port": 8000,
                "branch": "z9hG4bK2",
                "received": "192.0.2.7",
            },
            {"protocol": "SIP/2.0/UDP", "uri": "[2001:db8::1]", "rport": None},
            {"protocol": "SIP/2.0/TCP", "uri": "pc33.atlanta.com", "branch": "z9hG4bK1"},
        ],
        "Max-Forwards": 69,
        "To": "Bob <sip:bob@biloxi.com>",
        "From": "Alice <sip:alice@atlanta.com>;tag=1928301774",
        "Call-ID": "a84b4c76e66710",
        "CSeq": "314159 INVITE",
        "Contact": "<sip:alice@pc33.atlanta.com>",
        "X-Note": ["one", "two"],
        "Content-Type": "text/plain",
        "Content-Length": 6,
    },
    "Body": "Grüß",
}


class AsDictTests(SynchronousTestCase):
    def test_a_request_in_the_form_of_the_exercise(self) -> None:
        decoded = as_dict(decode(INVITE))
        self.assertEqual(decoded, INVITE_DECODED)
        self.assertEqual(list(decoded["Fields"]), list(INVITE_DECODED["Fields"]))  # type: ignore[call-overload]

    def test_a_response(self) -> None:
        data = INVITE.replace(b"INVITE sip:bob@biloxi.com SIP/2.0", b"SIP/2.0 180 Ringing", 1)
        self.assertEqual(
            as_dict(decode(data))["Request"],
            {"Method": "response", "Response Code": 180, "Response Description": "Ringing"},
        )

    def test_what_cannot_be_read_stays_as_it_is(self) -> None:
        data = (
            b"OPTIONS sip:a SIP/2.0\r\nVia: nonsense\r\nVia: SIP/2.0/UDP a;port=5\r\nMax-Forwards: 070\r\n"
            b"Content-Length: 2\r\nSubject: \xff\r\n\r\n\xff\x00"
        )
        self.assertEqual(
            as_dict(decode(data)),
            {
                "Request": {"Method": "OPTIONS", "uri": "sip:a"},
                "Fields": {
                    "Via": ["nonsense", "SIP/2.0/UDP a;port=5"],
                    "Max-Forwards": "070",
                    "Content-Length": 2,
                    "Subject": "\udcff",
                },
                "Body": {"base64": "/wA="},
            },
        )


class FromDictTests(SynchronousTestCase):
    def there_and_back(self, message: Request | Response) -> None:
        decoded = json.loads(json.dumps(as_dict(message)))
        again = from_dict(decoded)
        decoded["Fields"].setdefault("Content-Length", len(message.body))
        self.assertEqual(as_dict(again), decoded)
        self.assertEqual((bytes(again.start_line), again.body), (bytes(message.start_line), message.body))

    def test_there_and_back(self) -> None:
        message = from_dict(json.loads(json.dumps(INVITE_DECODED)))
        self.assertEqual(
            bytes(message),
            INVITE.replace(b", SIP/2.0/UDP [", b"\r\nVia: SIP/2.0/UDP [")
            .replace(b"v: SIP / 2.0 / TCP pc33.atlanta.com ;", b"Via: SIP/2.0/TCP pc33.atlanta.com;")
            .replace(b"\r\nt:", b"\r\nTo:")
            .replace(b"\r\nx-note", b"\r\nX-Note"),
        )

    def test_content_length_is_filled_in(self) -> None:
        message = from_dict(
            {"Request": {"Method": "INFO", "uri": "sip:a"}, "Fields": {"t": "<sip:b>"}, "Body": "é"}
        )
        self.assertEqual(
            bytes(message), "INFO sip:a SIP/2.0\r\nTo: <sip:b>\r\nContent-Length: 2\r\n\r\né".encode()
        )
        message = from_dict(
            {"Request": {"Method": "response", "Response Code": 200}, "Fields": {"Content-Length": 7}}
        )
        self.assertEqual(bytes(message), b"SIP/2.0 200 \r\nContent-Length: 7\r\n\r\n")

    def test_torture_messages_there_and_back(self) -> None:
        """RFC 4475 and RFC 5118, as far as they can be decoded at all."""
        count = 0
        for path in sorted(TORTURE.glob("*/*.dat")):
            try:
                message = decode(path.read_bytes())
            except MalformedMessage:
                continue
            with self.subTest(path.name):
                self.there_and_back(message)
                count += 1
        self.assertTrue(count or not TORTURE.exists())

    def test_what_is_no_message(self) -> None:
        request: dict[str, object] = {"Method": "INFO", "uri": "sip:a"}
        via: dict[str, object] = {"protocol": "SIP/2.0/UDP", "uri": "a"}
        forms: list[tuple[object, str]] = [
            ([], "the message is not an object"),
            ({"Fields": {}}, '"Request" is missing'),
            ({"Request": request}, '"Fields" is missing'),
            ({"Request": request, "Fields": []}, '"Fields" is not an object'),
            ({"Request": {}, "Fields": {}}, '"Method" is None, which is no method'),
            ({"Request": {"Method": "IN VITE"}, "Fields": {}}, "\"Method\" is 'IN VITE', which is no method"),
            ({"Request": {"Method": "INFO"}, "Fields": {}}, '"uri" is None, which is no Request-URI'),
            (
                {"Request": {"Method": "INFO", "uri": "sip:a b"}, "Fields": {}},
                "\"uri\" is 'sip:a b', which is no Request-URI",
            ),
            (
                {"Request": {"Method": "response", "Response Code": 99}, "Fields": {}},
                '"Response Code" is 99, which is no status code',
            ),
            (
                {"Request": {"Method": "response", "Response Code": True}, "Fields": {}},
                '"Response Code" is True, which is no status code',
            ),
            (
                {
                    "Request": {"Method": "response", "Response Code": 200, "Response Description": "O\r\nK"},
                    "Fields": {},
                },
                "the phrase has a line break in it",
            ),
            ({"Request": request, "Fields": {"To:": "x"}}, "'To:' is no name of a header field"),
            ({"Request": request, "Fields": {"To": "a\nVia: b"}}, "To has a line break in it"),
            ({"Request": request, "Fields": {"To": None}}, "To is None, which is neither text nor a number"),
            (
                {"Request": request, "Fields": {"To": [True]}},
                "To is True, which is neither text nor a number",
            ),
            (
                {"Request": request, "Fields": {"Via": [{}]}},
                "the protocol of a Via is None, which is neither text nor a number",
            ),
            (
                {"Request": request, "Fields": {"Via": [{**via, "port": "x"}]}},
                "the port of a Via is 'x', which is no number",
            ),
            ({"Request": request, "Fields": {"Via": {**via, "uri": "a b"}}}, "Via 'SIP/2.0/UDP a b'"),
            (
                {"Request": request, "Fields": {"Via": {**via, "ttl": "1;maddr=b"}}},
                "Via 'SIP/2.0/UDP a;ttl=1;maddr=b': a parameter cannot be written like that",
            ),
            ({"Request": request, "Fields": {}, "Body": 5}, '"Body" is not an object'),
            (
                {"Request": request, "Fields": {}, "Body": {"base64": "!"}},
                '"Body" is neither text nor {"base64": ...}',
            ),
            (
                {"Request": request, "Fields": {}, "Body": {"base64": "é"}},
                '"Body" is neither text nor {"base64": ...}',
            ),
        ]
        for form, complaint in forms:
            with self.subTest(complaint):
                self.assertEqual(str(self.assertRaises(MalformedValue, from_dict, form)), complaint)

    @settings(max_examples=300, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=10),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["Request", "Fields", "Body", "Method", "uri", "Via", "protocol", "base64", "To", "x"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ),
        st.binary(max_size=40),
    )
    def test_any_json_is_a_message_or_a_sentence(self, form: object, noise: bytes) -> None:
        try:
            message = from_dict({"Request": {"Method": "INFO", "uri": "sip:a"}, "Fields": form, "Body": "x"})
        except MalformedValue:
            return
        decode(bytes(message))

"""Dialogs: RFC 3261 §12."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.dialog import Dialog
from sipmini.errors import MalformedUri, MalformedValue
from sipmini.message import Request, Response, make_request, make_response

ROUTES = ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>;x=1")


def invite(*fields: tuple[str, str], uri: str = "sip:bob@biloxi.com") -> Request:
    """alice's INVITE to bob."""
    return make_request(
        "INVITE",
        uri,
        [
            ("Via", "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8"),
            ("Max-Forwards", "70"),
            ("To", "Bob <sip:bob@biloxi.com>"),
            ("From", "Alice <sip:alice@atlanta.com>;tag=1928301774"),
            ("Call-ID", "a84b4c76e66710"),
            ("CSeq", "314159 INVITE"),
            ("Contact", "<sip:alice@pc33.atlanta.com>"),
            *fields,
        ],
    )


def reply(request: Request, status: int, *fields: tuple[str, str], tag: str | None = "314") -> Response:
    """bob's answer."""
    contact = ("Contact", "<sip:bob@192.0.2.4>")
    return make_response(request, status, to_tag=tag, fields=[contact, *fields])


def uac(*fields: tuple[str, str], status: int = 200) -> Dialog:
    """alice's side after the answer."""
    request = invite()
    dialog = Dialog.of_uac(request, reply(request, status, *fields))
    assert dialog is not None
    return dialog


def fields_of(request: Request, *names: str) -> list[tuple[str, str]]:
    """The values of these header fields, in order."""
    return [(name, value) for name in names for value in request.values(name)]


class Making(SynchronousTestCase):
    """RFC 3261 §12.1."""

    def test_uac(self) -> None:
        """§12.1.2: the caller's state; its route set is Record-Route in reverse order."""
        dialog = uac(("Record-Route", ", ".join(ROUTES)))
        self.assertEqual(dialog.call_id, "a84b4c76e66710")
        self.assertEqual((dialog.local_tag, dialog.remote_tag), ("1928301774", "314"))
        self.assertEqual(
            (str(dialog.local), str(dialog.remote)),
            (
                '"Alice" <sip:alice@atlanta.com>;tag=1928301774',
                '"Bob" <sip:bob@biloxi.com>;tag=314',
            ),
        )
        self.assertEqual(dialog.remote_target, "sip:bob@192.0.2.4")
        self.assertEqual(dialog.route_set, (ROUTES[1], ROUTES[0]))
        self.assertEqual((dialog.local_cseq, dialog.remote_cseq), (314159, None))
        self.assertEqual((dialog.secure, dialog.confirmed), (False, True))

    def test_uac_early(self) -> None:
        """§12.1: a provisional response with a To tag makes an early dialog."""
        self.assertFalse(uac(status=180).confirmed)

    def test_responses_that_make_none(self) -> None:
        """§12.1: 100, provisional responses without a tag and failures make no dialog."""
        request = invite()
        for response in (reply(request, 100), reply(request, 180, tag=None), reply(request, 486)):
            self.assertIsNone(Dialog.of_uac(request, response))

    def test_uac_without_tag_or_contact(self) -> None:
        """§12.1.2: a 2xx of an old peer has no tag; without a Contact the Request-URI has to do."""
        request = invite()
        dialog = Dialog.of_uac(request, make_response(request, 200))
        assert dialog is not None
        self.assertEqual((dialog.remote_tag, dialog.remote_target), ("", "sip:bob@biloxi.com"))

    def test_uas(self) -> None:
        """§12.1.1: the callee's state; its route set is Record-Route in order."""
        dialog = Dialog.of_uas(invite(("Record-Route", ROUTES[0]), ("Record-Route", ROUTES[1])), "99")
        self.assertEqual((dialog.local_tag, dialog.remote_tag), ("99", "1928301774"))
        self.assertEqual(str(dialog.local), '"Bob" <sip:bob@biloxi.com>;tag=99')
        self.assertEqual(dialog.remote_target, "sip:alice@pc33.atlanta.com")
        self.assertEqual(dialog.route_set, ROUTES)
        self.assertEqual((dialog.local_cseq, dialog.remote_cseq), (0, 314159))
        self.assertFalse(dialog.confirmed)
        self.assertTrue(dialog.acknowledged().confirmed)

    def test_secure(self) -> None:
        """§12.1.1: sips: in the Request-URI makes the dialog secure."""
        self.assertTrue(Dialog.of_uas(invite(uri="sips:bob@biloxi.com"), "99").secure)

    def test_unreadable(self) -> None:
        """Record-Route and Contact must be sip: addresses."""
        for fields, error in (
            (("Record-Route", "<tel:+1>"), MalformedUri),
            (("Record-Route", "<sip:x"), MalformedValue),
        ):
            self.assertRaises(error, Dialog.of_uas, invite(fields), "99")
            self.assertRaises(error, uac, fields)
        made = invite()
        telephone = invite().with_headers(made.headers.replaced("Contact", "<tel:+1>"))
        self.assertRaises(MalformedUri, Dialog.of_uas, telephone, "99")
        self.assertRaises(MalformedUri, uac().refreshed, telephone)

    def test_confirmed_by_a_2xx(self) -> None:
        """§13.2.2.4: the 2xx brings target and route set anew; our CSeq does not go back."""
        request = invite()
        early, _ = uac(("Record-Route", ROUTES[0]), status=180).request("PRACK")
        response = reply(request, 200, ("Record-Route", ROUTES[1]))
        confirmed = early.confirmed_by(request, response)
        self.assertEqual(confirmed.route_set, (ROUTES[1],))
        self.assertEqual(confirmed.local_cseq, 314160)
        self.assertTrue(confirmed.confirmed)
        self.assertIs(early.confirmed_by(request, reply(request, 486)), early)


class Sending(SynchronousTestCase):
    """RFC 3261 §12.2.1.1."""

    def test_without_routes(self) -> None:
        """§12.2.1.1: an empty route set: the target is the Request-URI and there is no Route."""
        after, bye = uac().request("BYE", [("X-One", "1")])
        self.assertEqual((bye.method, bye.uri), ("BYE", "sip:bob@192.0.2.4"))
        self.assertEqual(
            bye.headers.items(),
            [
                ("Max-Forwards", "70"),
                ("To", '"Bob" <sip:bob@biloxi.com>;tag=314'),
                ("From", '"Alice" <sip:alice@atlanta.com>;tag=1928301774'),
                ("Call-ID", "a84b4c76e66710"),
                ("CSeq", "314160 BYE"),
                ("X-One", "1"),
                ("Content-Length", "0"),
            ],
        )
        self.assertEqual(after.request("BYE")[1].cseq.number, 314161)
        self.assertEqual(str(after.next_hop), "sip:bob@192.0.2.4")

    def test_first_request_of_the_callee(self) -> None:
        """§12.2.1.1: the callee begins a number of its own."""
        self.assertEqual(Dialog.of_uas(invite(), "99").request("BYE")[1].cseq.number, 1)

    def test_loose_route(self) -> None:
        """§12.2.1.1: the first route has lr: the target stays in the Request-URI, Route is the route set."""
        dialog = uac(("Record-Route", ROUTES[0]), ("Record-Route", ROUTES[1]))
        request = dialog.request("BYE")[1]
        self.assertEqual(request.uri, "sip:bob@192.0.2.4")
        self.assertEqual(request.values("Route"), [ROUTES[1], ROUTES[0]])
        self.assertEqual(str(dialog.next_hop), "sip:p2.example.com;lr")

    def test_strict_route(self) -> None:
        """§12.2.1.1: a strict first route becomes the Request-URI, the target the last Route."""
        dialog = uac(
            ("Record-Route", ROUTES[0]), ("Record-Route", "<sip:strict.example.com;method=INVITE?a=b>")
        )
        request = dialog.request("BYE")[1]
        self.assertEqual(request.uri, "sip:strict.example.com")
        self.assertEqual(request.values("Route"), [ROUTES[0], "<sip:bob@192.0.2.4>"])
        self.assertEqual(dialog.next_hop.host, "strict.example.com")

    def test_ack(self) -> None:
        """§13.2.2.4: the ACK bears the number and the credentials of the INVITE, and may bear the answer."""
        made = invite(("Proxy-Authorization", 'Digest username="a", realm="b"'))
        dialog = Dialog.of_uac(made, reply(made, 200))
        assert dialog is not None
        ack = dialog.ack(made, body=b"v=0", content_type="application/sdp")
        self.assertEqual((ack.method, ack.uri, str(ack.cseq)), ("ACK", "sip:bob@192.0.2.4", "314159 ACK"))
        self.assertEqual(ack.first("Proxy-Authorization"), 'Digest username="a", realm="b"')
        self.assertEqual((ack.body, ack.content_type), (b"v=0", "application/sdp"))


class Receiving(SynchronousTestCase):
    """RFC 3261 §12.2.2."""

    def request(
        self, number: int, method: str = "BYE", *, to: str = "314", from_: str | None = "99"
    ) -> Request:
        """bob's request to alice."""
        tag = f";tag={from_}" if from_ is not None else ""
        return make_request(
            method,
            "sip:alice@pc33.atlanta.com",
            [
                ("To", f"Alice <sip:alice@atlanta.com>;tag={to}"),
                ("From", f"Bob <sip:bob@biloxi.com>{tag}"),
                ("Call-ID", "a84b4c76e66710"),
                ("CSeq", f"{number} {method}"),
                ("Contact", "<sip:bob@192.0.2.5>"),
            ],
        )

    def test_matching(self) -> None:
        """§12: a message belongs by Call-ID, local and remote tag."""
        dialog = uac()
        bye = self.request(1, to="1928301774", from_="314")
        self.assertTrue(dialog.matches(bye))
        self.assertTrue(dialog.matches(reply(invite(), 200)))
        self.assertFalse(dialog.matches(reply(invite(), 200, tag="315")))
        self.assertFalse(dialog.matches(self.request(1, to="1928301774", from_="315")))
        self.assertFalse(dialog.matches(self.request(1, to="1", from_="314")))
        self.assertFalse(dialog.matches(bye.with_headers(bye.headers.replaced("Call-ID", "other"))))

    def test_a_peer_without_tag(self) -> None:
        """§12.1.2: a peer of RFC 2543 sends no tag and is matched without one."""
        made = invite()
        dialog = Dialog.of_uac(made, make_response(made, 200))
        assert dialog is not None
        self.assertTrue(dialog.matches(self.request(1, to="1928301774", from_=None)))

    def test_sequence(self) -> None:
        """§12.2.2: a lower CSeq gets 500; gaps are fine; the first request sets the number."""
        dialog = uac()
        for number in (7, 8, 100, 100):
            after = dialog.received(self.request(number))
            assert isinstance(after, Dialog)
            self.assertEqual(after.remote_cseq, number)
            dialog = after
        refused = dialog.received(self.request(99))
        self.assertEqual(refused, reasons.OLD_CSEQ.because("99 comes after 100"))
        self.assertEqual(refused.status if isinstance(refused, reasons.Reason) else None, 500)

    def test_target_refresh(self) -> None:
        """§12.2.2: an INVITE moves the target and nothing else; a BYE moves nothing."""
        dialog = uac(("Record-Route", ROUTES[0]))
        moved = dialog.refreshed(self.request(1, "INVITE"))
        self.assertEqual((moved.remote_target, moved.route_set), ("sip:bob@192.0.2.5", (ROUTES[0],)))
        self.assertEqual(dialog.refreshed(self.request(1, "BYE")), dialog)

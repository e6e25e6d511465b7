"""Tests of what follows an INVITE: ACK and requests in its dialog; and of what is for the proxy itself."""

from __future__ import annotations

from sipmini.message import Message, Response
from tests.proxy.harness import ProxyCase, answer, message

ROUTE = "Route: <sip:192.0.2.1:5060;lr>"
TO = "<sip:bob@atlanta.com>;tag=b0b"


class Acknowledging(ProxyCase):
    """The ACK for a 2xx goes the way of the dialog, in no transaction."""

    def setUp(self) -> None:
        super().setUp()
        self.data = self.invite()
        self.bob.send(answer(self.bob.request("INVITE"), 200, "Contact: <sip:bob@192.0.2.20>"))
        self.alice.take()

    def ack(self, *lines: str, uri: str = "sip:bob@192.0.2.20", branch: str = "z9hG4bKack") -> bytes:
        return self.alice.make("ACK", uri, *(lines or (ROUTE,)), to=TO, branch=branch)

    def test_it_goes_by_route_statelessly(self) -> None:
        """§16.11, §13.2.2.4: our Route popped, our Via put on, Max-Forwards lowered, no transaction."""
        before = self.yard.stack.transactions.count
        self.alice.send(self.ack())
        ack = self.bob.request("ACK")
        self.assertEqual(
            (ack.uri, ack.routes, ack.max_forwards, len(ack.vias), ack.to.tag),
            ("sip:bob@192.0.2.20", [], 69, 2, "b0b"),
        )
        self.assertNotIn("Record-Route", ack.headers)
        self.assertEqual(self.yard.stack.transactions.count, before)
        self.assertEqual(self.yard.decided(), [])

    def test_each_copy_has_the_same_branch(self) -> None:
        """§16.11: and another ACK has another one."""
        for branch in ("z9hG4bKack", "z9hG4bKack", "z9hG4bKother"):
            self.alice.send(self.ack(branch=branch))
        first, again, other = [ack.via.branch for ack in self.bob.take()]
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        self.assertTrue(first.startswith("z9hG4bK"))

    def test_it_goes_on_to_the_next_route(self) -> None:
        """§16.6 step 7: the first Route that is left says where."""
        other = self.yard.udp("192.0.2.21")
        self.alice.send(self.ack("Route: <sip:192.0.2.1;lr>, <sip:192.0.2.21;lr>"))
        self.assertEqual(other.request("ACK").values("Route"), ["<sip:192.0.2.21;lr>"])
        self.assertEqual(self.bob.lines(), [])

    def test_it_has_the_branch_of_its_invite(self) -> None:
        """RFC 6026 §7.1: as some phones do; the Accepted state hands it up, and it is forwarded."""
        self.alice.send(self.ack(branch="z9hG4bK101"))
        self.assertEqual(self.bob.request("ACK").uri, "sip:bob@192.0.2.20")

    def test_it_belongs_to_nothing(self) -> None:
        """§16.11: an ACK that matches nothing is forwarded like any other, for users that are here."""
        self.alice.send(self.ack(uri="sip:bob@atlanta.com", branch="z9hG4bKstray"))
        self.assertEqual(self.bob.request("ACK").uri, "sip:bob@192.0.2.20")

    def test_ack_for_a_failure_stays_here(self) -> None:
        """§17.2.1: it belongs to our server transaction."""
        data = self.alice.make("INVITE", "sip:bob@atlanta.com", call_id="other")
        self.alice.send(data)
        self.bob.send(answer(self.bob.request("INVITE"), 486))
        self.assertEqual(self.bob.lines(), ["ACK"])
        *_, refusal = self.alice.take()
        self.acknowledge(data, refusal)
        self.acknowledge(data, refusal)
        self.assertEqual(self.bob.lines(), [])


class InDialog(ProxyCase):
    """Requests that a dialog brings through here (§12.2, §16.12)."""

    def bye(
        self, *lines: str, uri: str = "sip:bob@192.0.2.20", caller: str = "sip:alice@atlanta.com"
    ) -> bytes:
        return self.alice.make("BYE", uri, *lines, to=TO, caller=caller)

    def forwarded(self, data: bytes) -> Message:
        """What bob hears of it; his 200 comes back to alice."""
        self.alice.send(data)
        bye = self.bob.request("BYE")
        self.bob.send(answer(bye, 200))
        self.assertEqual(self.alice.lines(), ["200"])
        return bye

    def test_loose_route(self) -> None:
        """§16.4: our Route goes, the Request-URI stays."""
        bye = self.forwarded(self.bye(ROUTE))
        self.assertEqual((bye.uri, bye.values("Route")), ("sip:bob@192.0.2.20", []))  # type: ignore[attr-defined]

    def test_double_route(self) -> None:
        """RFC 5658: both of our values go, also in one comma list."""
        bye = self.forwarded(self.bye("Route: <sip:192.0.2.1:5060;lr>,<sip:192.0.2.1:5060;transport=tcp;lr>"))
        self.assertEqual(bye.values("Route"), [])

    def test_no_lookup_for_a_contact_in_our_domain_at_another_port(self) -> None:
        """§16.5: bob's Contact is at the proxy's own address; only the port tells them apart."""
        phone = self.yard.udp("192.0.2.1", 5070)
        self.alice.send(self.bye(ROUTE, uri="sip:192.0.2.1:5070"))
        bye = phone.request("BYE")
        self.assertEqual(bye.uri, "sip:192.0.2.1:5070")
        phone.send(answer(bye, 200))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_strict_router_before_us(self) -> None:
        """§16.4: RFC 2543 elements put us into the Request-URI."""
        bye = self.forwarded(self.bye("Route: <sip:bob@192.0.2.20>", uri="sip:192.0.2.1:5060;lr"))
        self.assertEqual((bye.uri, bye.values("Route")), ("sip:bob@192.0.2.20", []))  # type: ignore[attr-defined]
        self.assertEqual(self.yard.decided(), ["strict-route-repaired"])

    def test_strict_router_after_us(self) -> None:
        """§16.6 step 6: it finds itself in the Request-URI, and the target last in Route."""
        bye = self.forwarded(self.bye(f"{ROUTE},<sip:192.0.2.20>", uri="sip:bob@192.0.2.99"))
        self.assertEqual(bye.uri, "sip:192.0.2.20")  # type: ignore[attr-defined]
        self.assertEqual(bye.values("Route"), ["<sip:bob@192.0.2.99>"])

    def test_route_of_another_scheme(self) -> None:
        """§16.6 step 7: there is no way to send to a tel: URI."""
        self.alice.send(self.bye(f"{ROUTE},<tel:+1>"))
        self.assertEqual(self.alice.lines(), ["416"])
        self.assertEqual(self.yard.decided(), ["unsupported-uri-scheme"])

    def test_the_other_side_hangs_up(self) -> None:
        """The way back: From is foreign, the dialog came through here."""
        data = self.bob.make("BYE", "sip:alice@192.0.2.10", ROUTE, to="<sip:alice@atlanta.com>;tag=a1")
        self.bob.send(data)
        bye = self.alice.request("BYE")
        self.alice.send(answer(bye, 200))
        self.assertEqual(self.bob.lines(), ["200"])

    def test_reinvite_gets_100_and_no_record_route(self) -> None:
        """§16.6 step 4: the route set of a dialog is fixed when it begins."""
        self.alice.send(self.alice.make("INVITE", "sip:bob@192.0.2.20", ROUTE, to=TO, number=2))
        invite = self.bob.request("INVITE")
        self.assertNotIn("Record-Route", invite.headers)
        self.assertEqual(self.alice.lines(), ["100"])
        self.bob.send(answer(invite, 200))


class Elements(ProxyCase):
    """What is for the proxy itself, and phones on TCP."""

    def test_options(self) -> None:
        """§11.2: what the proxy can do."""
        for uri in ("sip:atlanta.com", "sip:192.0.2.1", "sip:192.0.2.1:5060;transport=udp"):
            with self.subTest(uri=uri):
                self.alice.send(self.alice.make("OPTIONS", uri))
                response = self.alice.response(200)
                for name in ("Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported"):
                    self.assertIn(name, response.headers)
                self.assertIsNotNone(response.to.tag)

    def register(self, *lines: str, uri: str = "sip:atlanta.com") -> Response:
        data = self.alice.make("REGISTER", uri, *lines, to="<sip:alice@atlanta.com>")
        self.alice.send(data)
        (response,) = self.alice.take()
        assert isinstance(response, Response)
        return response

    def test_register_then_call(self) -> None:
        """§10.3, §16.5: the binding says where the request goes, as it was written."""
        response = self.register("Contact: <sip:alice@192.0.2.10;x=Y>;expires=120")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.values("Contact"), ["<sip:alice@192.0.2.10;x=Y>;expires=120"])
        self.bob.send(self.bob.make("MESSAGE", "sip:alice@ATLANTA.com:5060"))
        heard = self.alice.request("MESSAGE")
        self.assertEqual(heard.uri, "sip:alice@192.0.2.10;x=Y")
        self.alice.send(answer(heard, 200))
        self.yard.advance(121)
        self.bob.take()
        self.bob.send(self.bob.make("MESSAGE", "sip:alice@atlanta.com"))
        self.assertEqual(self.bob.lines(), ["480"])

    def test_register_by_address_and_route(self) -> None:
        """§10.2, §16.4: an outbound proxy in Route, an address as the domain."""
        for uri, *lines in (("sip:192.0.2.1",), ("sip:192.0.2.1", ROUTE), ("sip:atlanta.com", ROUTE)):
            with self.subTest(uri=uri, lines=lines):
                self.assertEqual(self.register(*lines, uri=uri).status, 200)

    def test_register_that_the_registrar_refuses(self) -> None:
        """§10.3: its rule, once."""
        self.assertEqual(self.register("Contact: <sip:a@b>;expires=1").status, 423)
        self.assertEqual(self.yard.decided(), ["interval-too-brief"])

    def test_register_elsewhere_is_relayed(self) -> None:
        """§16: a REGISTER for another domain is forwarded like any request."""
        self.alice.send(self.alice.make("REGISTER", "sip:192.0.2.20"))
        self.bob.send(answer(self.bob.request("REGISTER"), 200))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_phone_on_tcp_is_reached_over_its_own_connection(self) -> None:
        """§18.1.1: nobody can connect to it; its Contact names a port at which nothing listens."""
        carol = self.yard.tcp("192.0.2.30", listening=False)
        carol.connect()
        contact = "Contact: <sip:carol@192.0.2.30:9;transport=tcp>"
        carol.send(carol.make("REGISTER", "sip:atlanta.com", contact, to="<sip:carol@atlanta.com>"))
        carol.response(200)
        self.alice.send(self.alice.make("MESSAGE", "sip:carol@atlanta.com"))
        heard = carol.request("MESSAGE")
        self.assertEqual((heard.uri, heard.via.transport), ("sip:carol@192.0.2.30:9;transport=tcp", "TCP"))
        carol.send(answer(heard, 200))
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(len(carol.streams), 1)
        carol.close()
        self.assertEqual(self.yard.stack.transports.connections, 0)
        self.alice.send(self.alice.make("MESSAGE", "sip:carol@atlanta.com"))
        self.assertEqual(self.alice.lines(), ["500"])
        self.assertEqual(self.yard.decided(), ["next-hop-failed"])

    def test_phone_on_tcp_that_listens(self) -> None:
        """§18.1.1: its connection is gone, so a new one is made to its Contact."""
        carol = self.yard.tcp("192.0.2.30")
        self.yard.bind("carol", "sip:carol@192.0.2.30;transport=tcp", flow="TCP [2001:db8::9]:40000")
        self.invite("sip:carol@atlanta.com")
        heard = carol.request("INVITE")
        self.assertEqual(
            heard.values("Record-Route"),
            ["<sip:192.0.2.1:5060;transport=tcp;lr>", "<sip:192.0.2.1:5060;lr>"],
        )
        carol.send(answer(heard, 200))
        self.assertEqual(self.alice.lines(), ["100", "200"])
        carol.close()
        self.assertEqual(self.yard.stack.transports.connections, 0)

    def test_response_that_answers_nothing(self) -> None:
        """RFC 6026 §7.2: a proxy forwards no stray response."""
        for via, rule in (
            ("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKx", "response-not-ours"),
            ("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx", "stray-response"),
        ):
            with self.subTest(rule=rule):
                # A Via that names us exists once something was sent.
                self.invite()
                self.alice.take()
                self.bob.send(answer(self.bob.take()[0], 404))
                self.yard.decided()
                fields = [via, "Via: SIP/2.0/UDP 192.0.2.20", "From: <sip:a@b>;tag=1", "To: <sip:a@b>;tag=2"]
                self.alice.take()
                self.alice.send(message("SIP/2.0 200 OK", [*fields, "Call-ID: c", "CSeq: 1 INVITE"]))
                self.assertEqual(self.yard.decided(), [rule])
                self.assertEqual(self.bob.lines(), ["ACK"])

    def test_content_length_is_added_for_a_stream(self) -> None:
        """§16.6 step 9, §20.14: a datagram needs none, a connection does; both ways."""
        carol = self.yard.tcp("192.0.2.30")
        self.yard.bind("carol", "sip:carol@192.0.2.30;transport=tcp")
        data = self.alice.make("MESSAGE", "sip:carol@atlanta.com", "Content-Type: text/plain", body=b"Hi")
        self.alice.send(data.replace(b"Content-Length: 2\r\n", b""))
        heard = carol.request("MESSAGE")
        self.assertEqual((heard.first("Content-Length"), heard.body), ("2", b"Hi"))
        carol.send(answer(heard, 200))
        carol.send(carol.make("MESSAGE", "sip:bob@atlanta.com"))
        heard = self.bob.request("MESSAGE")
        self.bob.send(answer(heard, 200, body=b"Hello").replace(b"Content-Length: 5\r\n", b""))
        response = carol.response(200)
        self.assertEqual((response.first("Content-Length"), response.body), ("5", b"Hello"))

    def test_dialog_with_a_phone_on_tcp_stays_on_its_own_connection(self) -> None:
        """§18: to ACK and BYE its Contact would lead nowhere, as for whoever is behind a NAT."""
        carol = self.yard.tcp("192.0.2.30", listening=False)
        carol.connect()
        contact = "sip:carol@192.0.2.30:9;transport=tcp"
        carol.send(
            carol.make(
                "REGISTER", "sip:atlanta.com", f"Contact: <{contact};ob>", to="<sip:carol@atlanta.com>"
            )
        )
        carol.response(200)
        to = "<sip:carol@atlanta.com>;tag=c"
        for method in ("ACK", "BYE"):
            self.alice.send(self.alice.make(method, contact, ROUTE, to=to))
            heard = carol.request(method)
            self.assertEqual(heard.uri, contact)
        carol.send(answer(heard, 200))
        self.assertEqual(self.alice.lines(), ["200"])
        # Another place, another user, or no dialog with her: what the Request-URI says.
        for uri, whom in (
            ("sip:carol@192.0.2.30:10;transport=tcp", to),
            ("sip:dave@192.0.2.30:9;transport=tcp", to),
            (contact, "<sip:bob@atlanta.com>;tag=b"),
            (contact, "<sip:carol@biloxi.com>;tag=b"),
            (contact, "<tel:+1>;tag=b"),
        ):
            with self.subTest(uri=uri, whom=whom):
                self.alice.send(self.alice.make("BYE", uri, ROUTE, to=whom))
                self.assertEqual((carol.lines(), self.alice.lines()), ([], ["500"]))
        carol.close()
        self.alice.send(self.alice.make("BYE", contact, ROUTE, to=to))
        self.assertEqual(self.alice.lines(), ["500"])

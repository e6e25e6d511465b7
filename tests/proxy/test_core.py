"""Tests of the proxy core by its whole effects: what goes in, what comes out (RFC 3261 §16)."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred

from sipmini.hop import Hop
from sipmini.message import Response
from sipmini.proxy import Proxy
from tests.proxy.harness import OFFER, PROXY, ProxyCase, Yard, answer

BRANCH = re.compile(rb"branch=z9hG4bKtoken[0-9a-f.]+")


def masked(data: bytes) -> bytes:
    """*data* with the proxy's branches replaced."""
    return BRANCH.sub(b"branch=*", data)


class Forwarding(ProxyCase):
    """What a request looks like when it leaves (§16.6)."""

    def test_invite_goes_to_the_contact_untouched_but_for_what_must_change(self) -> None:
        """§16.6: Via, Record-Route and Max-Forwards are ours; all else goes byte for byte."""
        odd = 'X-Odd  :  a ,b,  "c"\r\n  folded'
        body = b"\x00\xff\r\n\r\nbody"
        self.invite("sip:bob@atlanta.com", odd, "s: Compact", body=body)
        self.assertEqual(
            masked(self.bob.raw[0]),
            b"INVITE sip:bob@192.0.2.20 SIP/2.0\r\n"
            b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=*;rport\r\n"
            b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK101\r\n"
            b"Record-Route: <sip:192.0.2.1:5060;lr>\r\n"
            b"Contact: <sip:alice@192.0.2.10>\r\n"
            b"Content-Type: application/sdp\r\n"
            b'X-Odd  :  a ,b,  "c"\r\n  folded\r\n'
            b"s: Compact\r\n"
            b"Max-Forwards: 69\r\n"
            b"From: <sip:alice@atlanta.com>;tag=a1\r\n"
            b"To: <sip:bob@atlanta.com>\r\n"
            b"Call-ID: call-1\r\n"
            b"CSeq: 1 INVITE\r\n"
            b"Content-Length: 10\r\n\r\n" + body,
        )
        self.assertEqual(self.alice.lines(), ["100"])

    def test_response_goes_back_untouched_but_for_our_via(self) -> None:
        """§16.7 step 3: only the top Via is taken off."""
        self.invite()
        (invite,) = self.bob.take()
        self.alice.take()
        self.bob.send(answer(invite, 200, "Contact: <sip:bob@192.0.2.20>", "X-Odd :  1 ,2", body=OFFER))
        self.assertEqual(
            self.alice.raw,
            [
                b"SIP/2.0 200 Answer\r\n"
                b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK101\r\n"
                b"Record-Route: <sip:192.0.2.1:5060;lr>\r\n"
                b"From: <sip:alice@atlanta.com>;tag=a1\r\n"
                b"To: <sip:bob@atlanta.com>;tag=b0b\r\n"
                b"Call-ID: call-1\r\n"
                b"CSeq: 1 INVITE\r\n"
                b"Contact: <sip:bob@192.0.2.20>\r\n"
                b"X-Odd :  1 ,2\r\n"
                b"Content-Length: %d\r\n\r\n" % len(OFFER) + OFFER
            ],
        )

    def test_max_forwards_is_inserted_where_there_is_none(self) -> None:
        """§16.6 step 3: 70, and else one less."""
        for given, sent in ((None, 70), ("70", 69), ("1", 0)):
            with self.subTest(given=given):
                self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com", max_forwards=given))
                message = self.bob.request("MESSAGE")
                self.assertEqual(message.max_forwards, sent)
                self.bob.send(answer(message, 200))

    def test_trying_comes_at_once(self) -> None:
        """§16.2: 100 within 200 ms, here before the next hop is even known."""
        self.yard.names.slow = []
        self.yard.bind("carol", "sip:carol@phone.example")
        self.invite("sip:carol@atlanta.com")
        self.assertEqual(self.alice.lines(), ["100"])
        self.yard.names.slow.pop().callback(None)
        self.yard.advance(0.01)
        self.assertEqual(self.alice.lines(), ["404"])

    def test_non_invite_gets_no_100_at_once(self) -> None:
        """RFC 4320 §4.1: a non-INVITE is answered 100 only when its Timer E has reached T2, then always."""
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        message = self.bob.request("MESSAGE")
        self.yard.advance(3.4)
        self.assertEqual(self.alice.lines(), [])
        self.yard.advance(0.1)
        self.assertEqual(self.alice.lines(), ["100"])
        self.bob.send(answer(message, 200))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_every_method_passes(self) -> None:
        """§16.1: a proxy does not need to know a method to forward it."""
        for method in ("MESSAGE", "OPTIONS", "INFO", "SUBSCRIBE", "PUBLISH", "FLY"):
            with self.subTest(method=method):
                self.alice.send(self.alice.make(method, "sip:bob@atlanta.com"))
                request = self.bob.request(method)
                self.assertEqual("Record-Route" in request.headers, method == "SUBSCRIBE")
                self.bob.send(answer(request, 202))
                self.assertEqual(self.alice.lines(), ["202"])

    def test_record_route_stands_before_those_of_others(self) -> None:
        """§16.6 step 4: the new value is the first."""
        self.invite("sip:bob@atlanta.com", "Record-Route: <sip:192.0.2.9;lr>")
        self.assertEqual(
            self.bob.request("INVITE").headers.values("Record-Route"),
            ["<sip:192.0.2.1:5060;lr>", "<sip:192.0.2.9;lr>"],
        )

    def test_record_route_is_double_where_the_transport_changes(self) -> None:
        """§16.6 step 4, RFC 5658: one value for either side, the outgoing one first."""
        tcp = self.yard.tcp("192.0.2.11")
        tcp.connect()
        tcp.send(tcp.make("INVITE", "sip:bob@atlanta.com", "Contact: <sip:alice@192.0.2.11;transport=tcp>"))
        self.assertEqual(
            self.bob.request("INVITE").headers.values("Record-Route"),
            ["<sip:192.0.2.1:5060;lr>", "<sip:192.0.2.1:5060;transport=tcp;lr>"],
        )
        self.assertEqual(tcp.lines(), ["100"])

    def test_contact_loses_what_may_not_stand_in_a_request_uri(self) -> None:
        """§19.1.1: method and headers of a Contact URI have no place in a Request-URI."""
        self.yard.bind("carol", "sip:carol@192.0.2.20;method=BYE;x=1?Subject=hi")
        self.alice.send(self.alice.make("MESSAGE", "sip:carol@atlanta.com"))
        message = self.bob.request("MESSAGE")
        self.assertEqual(message.uri, "sip:carol@192.0.2.20;x=1")
        self.bob.send(answer(message, 200))

    def test_own_domain_calls_a_foreign_one(self) -> None:
        """§16.5: the Request-URI of a foreign domain is the only target, and stays as it is."""
        self.yard.names.hops["biloxi.com"] = [Hop("UDP", "192.0.2.20", 5060)]
        self.invite("sip:bob@biloxi.com;x=Y")
        invite = self.bob.request("INVITE")
        self.assertEqual(invite.uri, "sip:bob@biloxi.com;x=Y")
        self.assertEqual(self.yard.decided(), [])

    def test_large_request_goes_over_tcp(self) -> None:
        """§18.1.1: over 1300 octets, and back to UDP where TCP is refused."""
        over_tcp = self.yard.tcp("192.0.2.20")
        self.invite(body=b"x" * 1400)
        (heard,) = over_tcp.take()
        self.assertEqual(heard.via.transport, "TCP")
        self.assertEqual(self.bob.lines(), [])
        self.yard.bind("carol", "sip:carol@192.0.2.21")
        carol = self.yard.udp("192.0.2.21")
        self.invite("sip:carol@atlanta.com", body=b"x" * 1400)
        (heard,) = carol.take()
        self.assertEqual(heard.via.transport, "UDP")
        self.assertEqual(self.yard.decided(), ["large-request-to-tcp"] * 2 + ["tcp-refused-back-to-udp"])


class Refusing(ProxyCase):
    """What is not forwarded (§16.3, §16.5)."""

    def refused(self, data: bytes, status: int, rule: str) -> Response:
        """*data* is answered so, for this rule, and goes nowhere."""
        self.yard.decided()
        self.alice.send(data)
        response = self.alice.response(status)
        self.assertEqual(self.yard.decided(), [rule])
        self.assertEqual(self.bob.lines(), [])
        self.assertNotEqual(response.to.tag, None)
        return response

    def test_max_forwards_0(self) -> None:
        """§16.3 step 3: 483, unless the request is for the proxy itself."""
        for uri in ("sip:bob@atlanta.com", "sip:bob@biloxi.com", "sip:192.0.2.77"):
            with self.subTest(uri=uri):
                data = self.alice.make("MESSAGE", uri, max_forwards="0")
                self.refused(data, 483, "max-forwards")
        self.alice.send(self.alice.make("OPTIONS", "sip:atlanta.com", max_forwards="0"))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_max_forwards_0_is_for_others_where_a_route_leads_on(self) -> None:
        """§16.3 step 3: addressed to the proxy, but with a Route to somebody else, it would be forwarded."""
        data = self.alice.make("OPTIONS", "sip:atlanta.com", "Route: <sip:192.0.2.20;lr>", max_forwards="0")
        self.refused(data, 483, "max-forwards")
        own, last = "sip:192.0.2.1:5060;lr", "Route: <sip:192.0.2.20>"
        self.yard.decided()
        self.alice.send(self.alice.make("BYE", own, last, max_forwards="0"))
        self.assertEqual(self.alice.lines(), ["483"])
        self.assertEqual(self.bob.lines(), [])

    def test_scheme(self) -> None:
        """§16.3 step 2: 416."""
        # sips: asks for TLS on every hop (§26.2.2), and there is none.
        for uri in ("tel:+123", "mailto:bob@atlanta.com", "sips:bob@atlanta.com", "sips:atlanta.com"):
            with self.subTest(uri=uri):
                self.refused(self.alice.make("MESSAGE", uri), 416, "unsupported-uri-scheme")

    def test_proxy_require(self) -> None:
        """§16.3 step 5: 420 with each option tag in Unsupported."""
        data = self.alice.make("MESSAGE", "sip:bob@atlanta.com", "Proxy-Require: a, b", "proxy-require: c")
        response = self.refused(data, 420, "proxy-require")
        self.assertEqual(response.values("Unsupported"), ["a", "b", "c"])

    def test_user_that_nobody_knows(self) -> None:
        """§16.5: 404."""
        self.refused(self.alice.make("MESSAGE", "sip:nobody@atlanta.com"), 404, "unknown-user")
        self.refused(self.alice.make("MESSAGE", "sip:atlanta.com"), 404, "unknown-user")

    def test_user_that_is_not_registered_now(self) -> None:
        """§16.5: 480 for one who was here before."""
        self.yard.unbind("bob", "sip:bob@192.0.2.20")
        self.refused(self.alice.make("MESSAGE", "sip:bob@atlanta.com"), 480, "not-registered")

    def test_user_with_no_usable_contact(self) -> None:
        """§16.5: 480 where all contacts are mailto: and the like; one usable is enough."""
        self.yard.bind("carol", "mailto:carol@example.com")
        self.refused(self.alice.make("MESSAGE", "sip:carol@atlanta.com"), 480, "no-usable-contact")
        self.yard.bind("carol", "mailto:carol@example.com", "sip:carol@192.0.2.20")
        self.alice.send(self.alice.make("MESSAGE", "sip:carol@atlanta.com"))
        self.bob.send(answer(self.bob.request("MESSAGE"), 200))

    def test_contact_that_cannot_be_routed(self) -> None:
        """RFC 3263 §4.1: sips: needs a transport that is not there."""
        self.yard.bind("carol", "sips:carol@192.0.2.20")
        self.refused(self.alice.make("MESSAGE", "sip:carol@atlanta.com"), 416, "unsupported-uri-scheme")

    def test_domain_that_cannot_be_found(self) -> None:
        """RFC 3263 §4: 404 with the domain in the phrase."""
        data = self.alice.make("INVITE", "sip:bob@nowhere.example")
        self.alice.send(data)
        trying, response = self.alice.take()
        assert isinstance(trying, Response) and isinstance(response, Response)
        self.assertEqual((trying.status, response.status), (100, 404))
        self.assertEqual(response.phrase, "Domain Not Found (nowhere.example)")
        self.acknowledge(data, response)
        self.assertEqual(self.yard.decided(), ["unreachable-domain"])

    def test_foreign_to_foreign(self) -> None:
        """Relaying is for our own callers, our own callees, and dialogs that came through here."""
        foreign = "sip:eve@example.com"
        for lines in ((), ("Route: <sip:192.0.2.20;lr>",), ("Route: <sip:192.0.2.1;lr>",)):
            with self.subTest(lines=lines):
                data = self.alice.make("MESSAGE", "sip:bob@biloxi.com", *lines, caller=foreign)
                self.refused(data, 403, "relay-denied")
        self.refused(self.alice.make("MESSAGE", "sip:x@biloxi.com", caller="tel:+1"), 403, "relay-denied")
        self.yard.names.hops["biloxi.com"] = [Hop("UDP", "192.0.2.20", 5060)]
        in_dialog = self.alice.make(
            "BYE",
            "sip:bob@biloxi.com",
            "Route: <sip:192.0.2.1;lr>",
            caller=foreign,
            to="<sip:bob@biloxi.com>;tag=b",
        )
        self.alice.send(in_dialog)
        self.bob.send(answer(self.bob.request("BYE"), 200))

    def test_ack_that_would_be_refused_is_dropped(self) -> None:
        """§17.1.1.3: an ACK is never answered."""
        for data, rule in (
            (self.alice.make("ACK", "sip:bob@atlanta.com", max_forwards="0"), "max-forwards"),
            (self.alice.make("ACK", "sip:bob@atlanta.com", "Proxy-Require: a"), "proxy-require"),
            (self.alice.make("ACK", "sip:nobody@atlanta.com"), "unknown-user"),
            (self.alice.make("ACK", "sip:atlanta.com"), "unknown-user"),
            (self.alice.make("ACK", "sip:a@b.example", caller="sip:x@y.example"), "relay-denied"),
            (self.alice.make("ACK", "sip:a@b.example"), "unreachable-domain"),
        ):
            with self.subTest(rule=rule):
                self.alice.send(data)
                self.assertEqual((self.alice.lines(), self.bob.lines()), ([], []))
                self.assertEqual(self.yard.decided(), [rule])

    def test_register_that_names_a_user(self) -> None:
        """§10.2: the Request-URI of a REGISTER in our domain has no user; it goes to no phone."""
        data = self.alice.make("REGISTER", "sip:bob@atlanta.com")
        self.refused(data, 400, "register-uri-has-user")

    def test_a_fault_of_ours_is_answered_once_and_leaves_nothing(self) -> None:
        """§21.5.1: 500, the transaction ends as any other does."""

        def broken(uri: object) -> object:
            raise ZeroDivisionError

        self.yard.names.resolve_literal = broken  # type: ignore[method-assign, assignment]
        data = self.alice.make("INVITE", "sip:bob@atlanta.com")
        self.alice.send(data)
        trying, response = self.alice.take()
        assert isinstance(response, Response)
        self.assertEqual(response.status, 500)
        self.acknowledge(data, response)
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        self.assertEqual(self.alice.lines(), ["500"])
        self.assertEqual(self.yard.decided(), ["server-error"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_fault_while_names_are_looked_up(self) -> None:
        """§21.5.1: 500, unless the client has its answer already; an ACK is lost."""
        for method, heard in (("INVITE", ["100", "500"]), ("MESSAGE", ["500"]), ("ACK", [])):
            with self.subTest(method=method):
                broken: Deferred[list[Hop]] = Deferred()
                self.yard.names.resolve = lambda uri, broken=broken: broken  # type: ignore[method-assign, misc]
                data = self.alice.make(method, "sip:bob@biloxi.com")
                self.alice.send(data)
                broken.errback(ZeroDivisionError())
                self.yard.advance(0.1)
                messages = self.alice.take()
                self.assertEqual([str(one.status) for one in messages if isinstance(one, Response)], heard)
                if method == "INVITE":
                    self.acknowledge(data, messages[-1])
                self.assertEqual(self.yard.decided(), ["server-error"] if heard else [])
                self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_fault_after_the_answer(self) -> None:
        """§9.2: the client has cancelled meanwhile; it hears nothing more."""
        broken: Deferred[list[Hop]] = Deferred()
        self.yard.names.resolve = lambda uri: broken  # type: ignore[method-assign]
        data = self.invite("sip:bob@biloxi.com")
        self.cancel(data)
        self.acknowledge(data, self.alice.take()[-1])
        broken.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.alice.lines(), [])


class Loops(ProxyCase):
    """RFC 5393: loops end, spirals do not."""

    def setUp(self) -> None:
        super().setUp()
        self.yard.names.hops["atlanta.com"] = [Hop("UDP", PROXY, 5060)]

    def test_loop(self) -> None:
        """§4.2: a contact that is the address-of-record itself brings the request back unchanged."""
        self.yard.bind("loop", "sip:loop@atlanta.com")
        data = self.alice.make("INVITE", "sip:loop@atlanta.com")
        self.alice.send(data)
        trying, response = self.alice.take()
        assert isinstance(response, Response)
        self.assertEqual(response.status, 482)
        self.acknowledge(data, response)
        self.assertEqual(self.yard.decided(), ["loop-detected"])

    def test_loop_of_two(self) -> None:
        """§4.2: two users that forward to each other."""
        self.yard.bind("ping", "sip:pong@atlanta.com")
        self.yard.bind("pong", "sip:ping@atlanta.com")
        self.alice.send(self.alice.make("MESSAGE", "sip:ping@atlanta.com"))
        self.assertEqual(self.alice.lines(), ["482"])

    def test_spiral(self) -> None:
        """§4.2: the same request with another Request-URI passes."""
        self.yard.bind("helpdesk", "sip:bob@atlanta.com")
        self.alice.send(self.alice.make("MESSAGE", "sip:helpdesk@atlanta.com"))
        message = self.bob.request("MESSAGE")
        self.assertEqual((message.uri, len(message.vias)), ("sip:bob@192.0.2.20", 3))
        self.bob.send(answer(message, 200))
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(self.yard.decided(), [])

    def test_other_routes_are_no_loop(self) -> None:
        """§4.2.4: what it is routed by is compared, the Route included."""
        self.alice.send(
            self.alice.make("MESSAGE", "sip:bob@biloxi.com", "Route: <sip:192.0.2.20;lr>,<sip:192.0.2.1;lr>")
        )
        first = self.bob.request("MESSAGE")
        self.assertEqual(first.values("Route"), ["<sip:192.0.2.20;lr>", "<sip:192.0.2.1;lr>"])
        self.yard.names.hops["biloxi.com"] = [Hop("UDP", "192.0.2.21", 5060)]
        target = self.yard.udp("192.0.2.21")
        headers = first.headers.without_first_value("Route")
        headers = headers.prepended("Via", "SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKmiddle")
        self.bob.send(bytes(first.with_headers(headers)))
        second = target.request("MESSAGE")
        self.assertEqual(len(second.vias), 4)
        target.send(answer(second, 200))
        self.bob.send(answer(first, 200))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_the_mark_of_another_proxy_is_no_loop(self) -> None:
        """RFC 5393 §4.2.4: three proxies of one process must not take each other's marks for their own."""
        marks = set()
        for _ in range(2):
            yard = Yard()
            yard.stack.token = lambda yard=yard: f"other{id(yard)}"  # type: ignore[misc]
            yard.proxy = Proxy(
                yard.stack, yard.domains, yard.location, yard.registrar, yard.names, yard.network
            )
            yard.bind("bob", "sip:bob@192.0.2.20")
            alice, bob = yard.udp("192.0.2.10"), yard.udp("192.0.2.20")
            alice.send(alice.make("MESSAGE", "sip:bob@atlanta.com"))
            marks.add(bob.request("MESSAGE").via.branch.rpartition(".")[2])
        self.assertEqual(len(marks), 2)

    def test_ack_that_goes_round(self) -> None:
        """RFC 5393 §4.2: an ACK is in no transaction, and must not go round either."""
        self.yard.bind("loop", "sip:loop@atlanta.com")
        self.alice.send(self.alice.make("ACK", "sip:loop@atlanta.com"))
        self.yard.advance(1)
        self.assertEqual(self.yard.decided(), ["loop-detected"])


class Breadth(ProxyCase):
    """RFC 5393 §5: how many branches a request may have in parallel, however often it forks."""

    def setUp(self) -> None:
        super().setUp()
        self.yard.names.hops["atlanta.com"] = [Hop("UDP", PROXY, 5060)]
        self.second = self.yard.udp("192.0.2.21")

    def fork(self, *lines: str) -> list[str | None]:
        """Max-Breadth as bob's two phones get it."""
        self.yard.bind("bob", "sip:bob@192.0.2.20", "sip:bob@192.0.2.21")
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com", *lines))
        found = []
        for phone in (self.bob, self.second):
            for request in phone.take():
                found.append(request.first("Max-Breadth"))
                phone.send(answer(request, 200))
        return found

    def test_breadth_is_shared(self) -> None:
        """§5.3.3: 60 where none is given; the parts are no more than the whole."""
        for lines, shares in (
            ((), ["30", "30"]),
            (("Max-Breadth: 60",), ["30", "30"]),
            (("max-breadth : 5",), ["2", "2"]),
            (("Max-Breadth: 2",), ["1", "1"]),
            (("Max-Breadth: 4000000000",), ["30", "30"]),
            (("Max-Breadth: many",), ["30", "30"]),
            (("Max-Breadth: 1",), []),
            (("Max-Breadth: 0",), []),
        ):
            with self.subTest(lines=lines):
                self.alice.take()
                self.assertEqual(self.fork(*lines), shares)
                self.assertEqual(self.alice.lines(), ["200"] if shares else ["440"])
                self.assertIn(self.yard.decided(), (["after-final"], ["max-breadth"]))

    def test_one_branch_takes_the_whole(self) -> None:
        """§5.3.3: what does not fork stays as it is, and 0 leads nowhere."""
        for lines, status in (((), "200"), (("Max-Breadth: 7",), "200"), (("Max-Breadth: 0",), "440")):
            with self.subTest(lines=lines):
                self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com", *lines))
                for request in self.bob.take():
                    self.assertEqual(
                        [f"Max-Breadth: {each}" for each in request.values("Max-Breadth")], [*lines]
                    )
                    self.bob.send(answer(request, 200))
                self.assertEqual(self.alice.lines(), [status])

    def test_a_user_who_forwards_to_himself_in_many_ways(self) -> None:
        """§3: ten contacts that differ in a parameter would make ten million requests of one."""
        self.yard.bind("bomb", *[f"sip:bomb@atlanta.com;x={number}" for number in range(10)])
        for method in ("MESSAGE", "INVITE", "ACK"):
            with self.subTest(method=method):
                before = len(self.yard.network.trace)
                data = self.alice.make(method, "sip:bomb@atlanta.com")
                self.alice.send(data)
                self.yard.advance(3)
                self.assertLess(len(self.yard.network.trace) - before, 100)
                *_, last = self.alice.take() or [None]
                if method == "INVITE":
                    assert last is not None
                    self.acknowledge(data, last)
                self.assertIn("max-breadth", self.yard.decided())

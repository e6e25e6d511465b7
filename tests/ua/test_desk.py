"""What the parts of the phone share: names, events, errors that go no further."""

from __future__ import annotations

from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import Misuse
from sipmini.fields import NameAddr
from sipmini.hop import Hop
from sipmini.ua.desk import Identity, route_fields, shown, sip_uri
from tests.ua.harness import Scene, uri


class Names(SynchronousTestCase):
    """What people write."""

    def test_addresses(self) -> None:
        """RFC 3261 §19.1.5: what could make us send something else than was meant is left out."""
        for text, domain, result in (
            ("bob@biloxi.com", None, "sip:bob@biloxi.com"),
            (" SIP:bob@biloxi.com:5070;transport=tcp ", None, "sip:bob@biloxi.com:5070;transport=tcp"),
            ("bob", "atlanta.com", "sip:bob@atlanta.com"),
            ("sip:biloxi.com", "atlanta.com", "sip:biloxi.com"),
            ("sip:b:pw@biloxi.com;method=BYE?Route=x", None, "sip:b@biloxi.com"),
            ("bob@[2001:db8::1]", None, "sip:bob@[2001:db8::1]"),
        ):
            self.assertEqual(str(sip_uri(text, domain)), result)
        for text in ("", "a b", "sip:", "sips:x@y", "<sip:x@y>", "a@b@c d"):
            self.assertRaises(Misuse, sip_uri, text, "atlanta.com")

    def test_identity(self) -> None:
        """Who the phone is, as people and as headers write it."""
        alice = Identity.of("alice@atlanta.com:5070", "Alice")
        self.assertEqual((alice.user, str(alice.home)), ("alice@atlanta.com:5070", "sip:atlanta.com:5070"))
        self.assertEqual(str(alice.address("1")), '"Alice" <sip:alice@atlanta.com:5070>;tag=1')
        self.assertRaises(Misuse, Identity.of, "atlanta.com")

    def test_shown(self) -> None:
        """With a display name where there is one."""
        self.assertEqual(shown(NameAddr("Bob", "sip:b@x")), "Bob <sip:b@x>")
        self.assertEqual(shown(NameAddr("", "sip:b@x")), "sip:b@x")

    def test_route(self) -> None:
        """RFC 3261 §8.1.2: a proxy that was set is a loose route."""
        self.assertEqual(route_fields(None), [])
        self.assertEqual(route_fields(uri("sip:p.example;lr")), [("Route", "<sip:p.example;lr>")])


class TheDesk(SynchronousTestCase):
    """Contacts, and what goes wrong."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.desk = self.scene.alice.desk

    def test_contacts(self) -> None:
        """The transport stands in it unless it is UDP; an IPv6 address has brackets."""
        self.assertEqual(self.desk.contact(Hop("UDP", "192.0.2.2", 1)), "<sip:alice@192.0.2.1:5060>")
        self.assertEqual(
            self.desk.contact(Hop("TCP", "192.0.2.2", 1)), "<sip:alice@192.0.2.1:5060;transport=tcp>"
        )
        self.desk.stack.contact_for = lambda hop: ("2001:db8::1", 5062)  # type: ignore[method-assign]
        self.assertEqual(self.desk.contact(Hop("UDP", "::2", 1)), "<sip:alice@[2001:db8::1]:5062>")

    def test_a_resolver_that_fails(self) -> None:
        """An error nobody foresaw is logged, and the request fails like any other."""
        self.desk.resolver = type("Bad", (), {"resolve": lambda self, uri: fail(ZeroDivisionError("oh"))})()
        self.scene.alice.phone.call("bob@biloxi.com")
        self.assertEqual(self.scene.alice.event("call-failed").fields["status"], 503)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_errors_go_no_further(self) -> None:
        """A machine's behaviour that fails is logged; so is what a resolver's answer causes."""
        phone = self.scene.alice.phone
        self.desk.stack.transactions.request = lambda *arguments: 1 / 0  # type: ignore[assignment]
        phone.call("bob@biloxi.com")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        phone.hangup()
        self.desk.clock.callLater = None  # type: ignore[assignment,method-assign]
        phone.call("bob@biloxi.com")
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        del self.desk.clock.callLater  # type: ignore[attr-defined]

    def test_telling_outside_of_a_turn(self) -> None:
        """It is told at once."""
        self.desk.tell("error", "Oh.", text="Oh.")
        self.assertEqual(self.scene.alice.told, ["error"])

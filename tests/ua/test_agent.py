"""Two phones that call each other, and what a phone does with requests (RFC 3261 §8.2, §11, §12.2.2)."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import Misuse
from sipmini.message import Request
from sipmini.ua.desk import ALLOW
from tests.ua.harness import EPOCH, OFFER, Scene, Subscriber


class Calls(SynchronousTestCase):
    """From the first ring to the last word."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.bob = self.scene.bob()

    def test_a_call(self) -> None:
        """RFC 3665 §3.1: INVITE 180 200 ACK, BYE 200; each step is told, ports are given back."""
        alice, bob = self.alice.phone, self.bob.phone
        alice.call("bob@biloxi.com")
        self.assertEqual((alice.state, alice.destination), ("inviting", "bob@biloxi.com"))
        self.scene.advance()
        self.assertEqual((alice.state, bob.state), ("ringing_back", "ringing"))
        self.assertEqual((alice.peer, bob.peer), ("sip:bob@biloxi.com", "Alice <sip:alice@atlanta.com>"))
        bob.answer()
        self.scene.advance()
        self.assertEqual((alice.state, bob.state), ("talking", "talking"))
        self.assertEqual(len(self.alice.media_ports), 1)
        self.assertEqual(self.alice.media_ports[0] % 2, 0)
        stream = alice._call.stream if alice._call else None
        self.assertEqual(stream and (stream.address, stream.port), ("192.0.2.2", self.bob.media_ports[0]))
        assert alice.talking_since is not None
        self.scene.advance(12)
        bob.hangup()
        self.scene.advance()
        self.assertEqual(
            (alice.state, bob.state, alice.peer, alice.talking_since), ("idle", "idle", None, None)
        )
        ended = self.alice.event("call-ended")
        self.assertEqual((ended.fields["by"], ended.fields["reason"]), ("remote", "the other side hung up"))
        self.assertEqual(self.bob.event("call-ended").fields["by"], "local")
        self.assertEqual(
            self.alice.told,
            [
                "idle>inviting",
                "inviting>ringing_back",
                "ringing_back",
                "ringing_back>talking",
                "answered",
                "talking>idle",
                "call-ended",
            ],
        )
        self.assertEqual(
            self.bob.told,
            [
                "idle>ringing",
                "ringing",
                "ringing>talking",
                "answered",
                "talking>idle",
                "call-ended",
            ],
        )
        self.scene.advance(64)
        self.assertEqual((self.alice.media_ports, self.bob.media_ports), ([], []))
        self.assertEqual((alice._sessions, bob._sessions), ([], []))
        (record,) = alice.history
        self.assertEqual(
            (record.when, record.direction, record.peer, record.outcome),
            (
                EPOCH,
                "out",
                "sip:bob@biloxi.com",
                "answered",
            ),
        )
        self.assertAlmostEqual(record.seconds, 12.1, 1)
        self.assertEqual(bob.history[0].direction, "in")
        self.assertEqual(self.alice.decided, [])
        self.assertEqual([entry for entry in self.bob.decided if entry], [])

    def test_declined(self) -> None:
        """RFC 3261 §21.6.2: the callee declines: 603."""
        self.alice.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.bob.phone.decline()
        self.scene.advance()
        self.assertEqual((self.alice.phone.state, self.bob.phone.state), ("idle", "idle"))
        failed = self.alice.event("call-failed")
        self.assertEqual(dict(failed.fields), {"status": 603, "reason": "Decline"})
        self.assertEqual(self.alice.phone.history[0].outcome, "declined")
        self.assertEqual(self.bob.phone.history[0].outcome, "declined")
        self.assertEqual(self.bob.decided, ["declined"])

    def test_cancelled(self) -> None:
        """RFC 3665 §3.8: the caller cancels: 200 to the CANCEL, 487 to the INVITE."""
        self.alice.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.alice.phone.hangup()
        self.assertEqual(self.alice.phone.state, "idle")
        self.scene.advance()
        self.assertEqual(self.bob.phone.state, "idle")
        missed = self.bob.event("missed")
        self.assertEqual(missed.text, "Alice called; the caller cancelled.")
        self.assertEqual(missed.fields["peer"], "Alice <sip:alice@atlanta.com>")
        self.assertEqual(self.bob.told[-3:], ["ringing>idle", "call-ended", "missed"])
        self.assertEqual(self.alice.told[-2:], ["ringing_back>idle", "call-ended"])
        self.assertEqual(self.bob.decided, ["cancelled"])
        self.assertEqual(
            (self.alice.phone.history[0].outcome, self.bob.phone.history[0].outcome), ("cancelled", "missed")
        )
        self.scene.advance(64)
        self.assertEqual((self.alice.phone._sessions, self.bob.phone._sessions), ([], []))

    def test_busy(self) -> None:
        """RFC 3261 §21.4.24: a second call gets 486, also when the first still rings; the first goes on."""
        bob = self.bob.phone
        self.alice.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.scene.names.hops["chicago"] = [self.scene.names.hops["atlanta"][0]]
        carol = Subscriber(self.scene.network, "carol@chicago.com", "192.0.2.3", self.scene.names)
        carol.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.assertEqual(carol.event("call-failed").fields["status"], 486)
        self.assertEqual(carol.phone.history[0].outcome, "busy")
        self.assertEqual(bob.state, "ringing")
        carol.phone.options("bob@biloxi.com")
        self.scene.advance()
        self.assertEqual(carol.event("options-answer").fields["status"], 486)
        self.assertEqual(
            (self.bob.event("missed").text, dict(self.bob.event("missed").fields)),
            (
                "carol@chicago.com called; another call was ringing.",
                {"peer": "sip:carol@chicago.com", "reason": "another call was ringing"},
            ),
        )
        bob.answer()
        self.scene.advance()
        carol.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.assertEqual(self.bob.event("missed").text, "carol@chicago.com called; you were talking.")
        self.assertEqual(self.bob.told.count("missed"), 2)
        self.assertEqual(
            [(call.direction, call.peer, call.outcome, call.seconds) for call in bob.history],
            [("in", "sip:carol@chicago.com", "missed (busy)", 0.0)] * 2,
        )

    def test_tcp(self) -> None:
        """RFC 3261 §18: the same over TCP; the Contacts say so."""
        self.alice.phone.set_proxy("sip:192.0.2.2;transport=tcp")
        self.alice.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.bob.phone.answer()
        self.scene.advance()
        self.assertEqual((self.alice.phone.state, self.bob.phone.state), ("talking", "talking"))
        self.assertNotIn("UDP", {packet.transport for packet in self.scene.network.trace})
        self.alice.phone.hangup()
        self.scene.advance()
        self.assertEqual((self.alice.phone.state, self.bob.phone.state), ("idle", "idle"))

    def test_an_observer_gives_commands(self) -> None:
        """What an observer does at once comes after what it was told, and events stay in order."""

        def answer(event: Any) -> None:
            if event.kind == "ringing":
                self.bob.phone.answer()

        self.bob.phone.observers.insert(0, answer)
        self.alice.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.assertEqual(self.bob.told, ["idle>ringing", "ringing", "ringing>talking", "answered"])

    def test_an_observer_fails(self) -> None:
        """An observer's error is logged, and nobody else suffers."""
        self.alice.phone.observers.insert(0, lambda event: 1 / 0)
        self.alice.phone.call("bob@biloxi.com")
        self.assertEqual(self.alice.told, ["idle>inviting"])
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))

    def test_call_again_while_the_last_one_ends(self) -> None:
        """The phone is idle as soon as it hung up, though the BYE is not answered yet."""
        alice = self.alice.phone
        alice.call("bob@biloxi.com")
        self.scene.advance()
        self.bob.phone.answer()
        self.scene.advance()
        alice.hangup()
        alice.call("bob")
        self.assertEqual(alice.destination, "bob@atlanta.com")
        self.assertEqual((alice.state, len(alice._sessions)), ("inviting", 2))
        self.scene.advance()
        # The INVITE for another user of another domain: bob's phone is called bob, whatever the host.
        self.assertEqual((alice.state, self.bob.phone.state), ("ringing_back", "ringing"))
        alice.reset_state()
        alice.reset_state()
        self.assertEqual(alice.state, "idle")

    def test_stop(self) -> None:
        """Stopping forgets calls, ports and timers."""
        self.alice.phone.call("bob@biloxi.com")
        self.scene.advance()
        self.bob.phone.answer()
        for subscriber in (self.alice, self.bob):
            subscriber.phone.stop()
            self.assertEqual(subscriber.phone.state, "idle")
            self.scene.advance(0)
            self.assertEqual(subscriber.media_ports, [])


class Commands(SynchronousTestCase):
    """Commands that do not fit."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.phone = self.alice.phone

    def test_whom_options_asks(self) -> None:
        """A bare name with a dot is the server of that domain, one without somebody of our own."""
        scene = Scene()
        peer = scene.peer()
        for target, uri in (
            ("biloxi.com", "sip:biloxi.com"),
            ("127.0.0.1:8000", "sip:127.0.0.1:8000"),
            ("bob", "sip:bob@atlanta.com"),
            ("bob@biloxi.com", "sip:bob@biloxi.com"),
            ("sip:biloxi.com", "sip:biloxi.com"),
        ):
            scene.alice.phone.options(target)
            request = peer.request("OPTIONS")
            self.assertEqual(request.uri, uri)
            peer.answer(request, 200)

    def test_misuse(self) -> None:
        """Each command says in a sentence why it does nothing."""
        phone = self.phone
        self.scene.peer()
        for command, sentence in (
            (phone.answer, "The phone is idle: to answer it must be ringing."),
            (phone.decline, "The phone is idle: to decline it must be ringing."),
            (phone.hangup, "There is no call to end."),
            (phone.unregister, "The phone is not registered."),
            (lambda: phone.call("a b"), "'a b' is not an address; write it as bob@biloxi.com"),
            (lambda: phone.call("sips:bob@biloxi.com"), "sips: addresses need TLS"),
            (lambda: phone.set_user("atlanta.com"), "'atlanta.com' names no user"),
            (lambda: phone.set_user("bob"), "'bob' names no domain; write it as bob@atlanta.com"),
            (lambda: phone.set_user("sip:@x"), "is not an address"),
            (lambda: phone.set_proxy("frob:::"), "'frob:::' is not a proxy; write it as sip:127.0.0.1:8000"),
            (lambda: phone.options(""), "'' is not an address"),
        ):
            with self.subTest(sentence):
                error = self.assertRaises(Misuse, command)
                self.assertIn(sentence, str(error))
        self.assertEqual(self.alice.told, [])
        phone.call("bob@biloxi.com")
        self.assertRaises(Misuse, phone.call, "carol@chicago.com")
        self.assertIn("end the call", str(self.assertRaises(Misuse, phone.set_user, "carol@chicago.com")))

    def test_what_there_is_to_see(self) -> None:
        """A new phone: its user, no proxy, no peer, nothing heard."""
        phone = self.phone
        self.assertEqual(
            (phone.user, phone.proxy, phone.peer, phone.destination, phone.last_message, phone.history),
            ("alice@atlanta.com", None, None, None, None, ()),
        )
        self.assertEqual((phone.state, phone.talking_since, phone.registered_until), ("idle", None, None))
        phone.set_proxy("192.0.2.9:8000")
        self.assertEqual(phone.proxy, "sip:192.0.2.9:8000")
        phone.set_user("sip:carol@chicago.com")
        self.assertEqual(phone.user, "carol@chicago.com")

    def test_too_many_unfinished_calls(self) -> None:
        """Calls that wait for answers that never come are bounded."""
        for _ in range(256):
            self.phone.call("bob@biloxi.com")
            self.phone.hangup()
        self.assertIn("Too many", str(self.assertRaises(Misuse, self.phone.call, "bob@biloxi.com")))
        peer = self.scene.peer()
        peer.send(peer.make(body=OFFER))
        self.assertIn("486", peer.lines())

    def test_nowhere_to_go(self) -> None:
        """RFC 3261 §8.1.3.1: a name without address is a 503 that nobody sent."""
        self.scene.names.hops.clear()
        self.phone.call("bob@biloxi.com")
        failed = self.alice.event("call-failed")
        self.assertEqual(failed.fields["status"], 503)
        self.assertIn("no address was found for atlanta.com", str(failed.fields["reason"]))
        self.assertEqual(self.alice.told, ["idle>inviting", "inviting>idle", "call-failed"])


class Requests(SynchronousTestCase):
    """RFC 3261 §8.2, in its order."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.peer = self.scene.peer()

    def refused(self, request: Request, status: int, rule: str) -> Any:
        """Send a request and see it refused by a rule."""
        self.peer.send(request)
        response = self.peer.response()
        self.assertEqual((response.status, self.alice.decided), (status, [rule]))
        self.assertIsNotNone(response.to.tag)
        if request.method == "INVITE":
            self.peer.send(self.peer.make("ACK", branch=request.via.branch[7:], to_tag=response.to.tag))
        self.assertEqual(self.alice.phone.state, "idle")
        return response

    def test_methods(self) -> None:
        """§8.2.1, §21.5.2: known methods get 405 with Allow, unknown ones 501, before all else."""
        for method in ("INFO", "UPDATE", "MESSAGE", "SUBSCRIBE", "REGISTER", "PRACK"):
            response = self.refused(
                self.peer.make(method, ("Require", "x"), uri="tel:1"), 405, "method-not-allowed"
            )
            self.assertEqual(response.first("Allow"), ALLOW)
        response = self.refused(self.peer.make("NEWMETHOD"), 501, "method-not-implemented")
        self.assertEqual(response.first("Allow"), ALLOW)

    def test_target(self) -> None:
        """§8.2.2.1: 416 for another scheme, 404 for another user."""
        self.refused(self.peer.make(uri="tel:+1"), 416, "unsupported-uri-scheme")
        self.refused(self.peer.make(uri="sips:alice@192.0.2.1"), 416, "unsupported-uri-scheme")
        self.refused(self.peer.make(uri="sip:carol@192.0.2.1", call_id="2"), 404, "not-this-user")

    def test_merged(self) -> None:
        """§8.2.2.2: the same request with another branch gets 482, as long as the first is remembered."""
        self.peer.send(self.peer.make("OPTIONS"))
        self.assertEqual(self.peer.lines(), ["200"])
        self.refused(self.peer.make("OPTIONS"), 482, "merged-request")
        self.scene.advance(40)
        self.peer.send(self.peer.make("OPTIONS"))
        self.assertEqual(self.peer.lines(), ["200"])

    def test_require(self) -> None:
        """§8.2.2.3: 420 with Unsupported."""
        response = self.refused(self.peer.make("INVITE", ("Require", "100rel, timer")), 420, "require")
        self.assertEqual(response.first("Unsupported"), "100rel, timer")

    def test_content(self) -> None:
        """§8.2.3: 415 with Accept and Accept-Encoding for a body that cannot be read."""
        response = self.refused(
            self.peer.make(body=b"x", content_type="text/plain"), 415, "unsupported-media-type"
        )
        self.assertEqual(response.first("Accept"), "application/sdp")
        request = self.peer.make("INVITE", ("Content-Encoding", "gzip"), body=OFFER, number=2)
        response = self.refused(request, 415, "unsupported-media-type")
        self.assertEqual(response.first("Accept-Encoding"), "identity")

    def test_optional_content(self) -> None:
        """§20.11: a body whose handling is optional is left alone."""
        fields = (("Content-Disposition", "x; handling = optional"), ("Content-Encoding", "identity"))
        self.peer.send(self.peer.make("INVITE", *fields, body=b"x", content_type="text/plain"))
        self.assertEqual(self.peer.lines(), ["180"])

    def test_descriptions(self) -> None:
        """§13.3.1.3: 488 with Warning when nothing is common, 400 for one that cannot be read."""
        video = OFFER.replace(b"m=audio", b"m=video")
        response = self.refused(self.peer.make(body=video), 488, "no-common-media")
        self.assertEqual(response.first("Warning"), '304 atlanta.com "no RTP/AVP audio stream is offered"')
        g729 = OFFER.replace(b"0 8", b"18")
        response = self.refused(self.peer.make(body=g729, number=2), 488, "no-common-media")
        self.assertIn("305 ", response.first("Warning"))
        response = self.refused(self.peer.make(body=b'v="0"', number=3), 400, "malformed-session-description")
        self.assertEqual(self.alice.media_ports, [])
        self.assertEqual(response.first("Warning"), '399 atlanta.com "the o= line is missing"')

    def test_contacts(self) -> None:
        """§8.1.1.8: an INVITE without a Contact that can be used gets 400."""
        self.refused(self.peer.make(contact=None), 400, "missing-contact")
        self.refused(self.peer.make(contact="<tel:+1>", number=2), 400, "bad-header-value")
        self.refused(self.peer.make(contact="<sip:", number=3), 400, "bad-header-value")

    def test_no_port(self) -> None:
        """§21.5.4: without a port for media the call cannot be taken."""

        def taken(*arguments: Any, **more: Any) -> Any:
            raise CannotListenError("192.0.2.1", 0, OSError("no more"))

        self.alice.desk.media._reactor = type("Full", (), {"listenUDP": taken})()
        self.refused(self.peer.make(body=OFFER), 503, "no-media-port")
        self.alice.phone.call("bob@biloxi.com")
        self.assertEqual(self.alice.event("call-failed").fields["status"], 503)

    def test_outside_of_dialogs(self) -> None:
        """§12.2.2: 481 for a To tag nobody gave, and for a BYE without one; a stray ACK is dropped."""
        for method in ("BYE", "INVITE", "OPTIONS"):
            self.refused(self.peer.make(method, to_tag="nobody"), 481, "no-such-dialog")
        self.refused(self.peer.make("BYE"), 481, "no-such-dialog")
        self.peer.send(self.peer.make("ACK", to_tag="nobody"))
        self.assertEqual((self.peer.take(), self.alice.decided), ([], ["stray-ack"]))
        self.assertEqual(self.alice.told, ["message-dropped"])

    def test_options(self) -> None:
        """§11.2: what the phone can do; asked without a user too."""
        for uri in ("sip:alice@192.0.2.1", "sip:192.0.2.1:5060"):
            self.peer.send(self.peer.make("OPTIONS", uri=uri, call_id=uri))
            response = self.peer.response()
            self.assertEqual(response.status, 200)
            values = {
                name: response.first(name) for name in ("Allow", "Accept", "Accept-Language", "Supported")
            }
            self.assertEqual(
                values,
                {
                    "Allow": ALLOW,
                    "Accept": "application/sdp",
                    "Accept-Language": "en",
                    "Supported": "",
                },
            )
        self.assertIsInstance(self.alice.phone.last_message, Request)

    def test_asking_options(self) -> None:
        """§11.1: an OPTIONS of ours goes by the proxy; its answer is told, and so is the lack of one."""
        phone = self.alice.phone
        phone.set_proxy("sip:192.0.2.2:5060")
        phone.options("bob@biloxi.com")
        request = self.peer.request("OPTIONS")
        self.assertEqual(request.uri, "sip:bob@biloxi.com")
        self.assertEqual(request.first("Route"), "<sip:192.0.2.2:5060;lr>")
        self.peer.answer(request, 100)
        self.peer.answer(request, 200, fields=[("Allow", "INVITE"), ("Allow", "ACK, BYE")])
        answer = self.alice.event("options-answer")
        self.assertEqual(dict(answer.fields), {"status": 200, "allow": "INVITE, ACK, BYE"})
        self.assertEqual(answer.text, "sip:bob@biloxi.com says 200 OK; it allows INVITE, ACK, BYE.")
        phone.set_proxy("sip:192.0.2.77;lr")
        phone.options("bob@biloxi.com")
        self.scene.advance(40)
        self.assertEqual(self.alice.event("options-answer").fields["status"], 408)

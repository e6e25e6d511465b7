"""Whatever arrives, the phone answers or drops it, by a rule, and goes on (RFC 4475)."""

from __future__ import annotations

from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipmini.journal import Decided
from sipmini.message import Request, make_response
from tests.ua.harness import OFFER, Peer, Scene, Subscriber

TORTURE = Path(__file__).parents[2].parent / "shared" / "torture"

_BITS = [
    b"\r\n",
    b"<",
    b">",
    b";tag=",
    b";lr",
    b"sip:",
    b"tel:",
    b"%00",
    b"\xff",
    b'"',
    b",",
    b" ",
    b"9" * 12,
    b"0",
]


def damaged(data: bytes, rng: Random) -> bytes:
    """The same octets with a few changed, lost or put in."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(made))
        made[at : at + rng.randint(0, 4)] = rng.choice(_BITS)
    return bytes(made)


class Hostile(SynchronousTestCase):
    """alice's phone, and a peer that sends rubbish. A traceback in the log fails the test, as trial does."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.peer = self.scene.peer()

    def send(self, data: bytes) -> None:
        assert self.peer.transport is not None
        self.peer.transport.write(data, ("192.0.2.1", 5060))
        self.scene.advance(0.01)

    def alive(self, subscriber: Subscriber, peer: Peer) -> None:
        """The phone comes to rest, and answers who is well-behaved."""
        if subscriber.phone.state != "idle":
            subscriber.phone.hangup()
        self.scene.advance(300)
        self.assertEqual(subscriber.phone._sessions, [])
        self.assertEqual(subscriber.media_ports, [])
        peer.take()
        peer.send(
            peer.make("OPTIONS", call_id="well-behaved", number=self.scene.network.random.randrange(10**6))
        )
        self.assertEqual(peer.lines(), ["200"])
        for entry in subscriber.entries:
            if isinstance(entry, Decided):
                self.assertTrue(entry.reason.rule.name)

    def test_damaged_requests(self) -> None:
        """Requests with octets changed, in and out of calls."""
        rng = Random(4475)
        for number in range(40):
            call = f"call-{number}"
            invite = self.peer.make(
                "INVITE", ("Record-Route", "<sip:p.example;lr>"), call_id=call, body=OFFER
            )
            for _ in range(5):
                self.send(damaged(bytes(invite), rng))
            self.send(bytes(invite))
            if self.alice.phone.state == "ringing" and rng.random() < 0.7:
                self.alice.phone.answer()
            for method in ("ACK", "BYE", "INVITE", "OPTIONS"):
                tag = rng.choice([None, "x", getattr(self.alice.phone._call, "_tag", "y")])
                request = self.peer.make(method, call_id=call, to_tag=tag, number=2, body=OFFER)
                self.send(damaged(bytes(request), rng))
        self.alive(self.alice, self.peer)

    def test_damaged_responses(self) -> None:
        """Responses with octets changed, to calls and registrations."""
        rng = Random(3261)
        for _ in range(40):
            self.alice.phone.register()
            self.alice.phone.call("bob@biloxi.com")
            for request in [each for each in self.peer.take() if isinstance(each, Request)]:
                for status in (100, 180, 183, 200, 200, 423, 503):
                    if rng.random() < 0.5:
                        continue
                    fields = [("Contact", "<sip:bob@192.0.2.2>"), ("Record-Route", "<sip:192.0.2.2;lr>")]
                    fields += [("Min-Expires", "7200"), ("Retry-After", "3")]
                    response = make_response(request, status, to_tag="t", fields=fields, body=OFFER)
                    self.send(damaged(bytes(response), rng))
            if self.alice.phone.state != "idle":
                self.alice.phone.hangup()
            self.scene.advance(rng.choice([0.0, 1.0, 40.0]))
        self.alice.phone.unregister()
        self.alive(self.alice, self.peer)

    def test_torture(self) -> None:
        """The messages of RFC 4475, RFC 5118 and of other people's phones, where they are at hand."""
        for file in sorted(TORTURE.glob("*/*.dat")):
            self.send(file.read_bytes())
            if self.alice.phone.state == "ringing":
                self.alice.phone.answer()
                self.alice.phone.hangup()
        self.alive(self.alice, self.peer)

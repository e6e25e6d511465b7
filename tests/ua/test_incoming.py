"""Calls we get, from a peer that does as it likes: RFC 3261 §13.3, §14.2, §15."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import TransportFailure
from sipmini.message import Request, Response
from sipmini.sdp import SessionDescription
from sipmini.testing import drop
from sipmini.ua.incoming import RING_LIMIT
from tests.ua.harness import OFFER, Scene


class Incoming(SynchronousTestCase):
    """The test calls; alice's phone answers."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.phone = self.alice.phone
        self.peer = self.scene.peer()

    def ring(self, *fields: tuple[str, str], body: bytes = OFFER) -> tuple[Request, str]:
        """An INVITE that rings, and alice's tag."""
        invite = self.peer.make("INVITE", *fields, body=body)
        self.peer.send(invite)
        ringing = self.peer.response()
        self.assertEqual((ringing.status, self.phone.state), (180, "ringing"))
        return invite, ringing.to.tag or ""

    def talk(self, body: bytes = OFFER) -> str:
        """A call that was answered and acknowledged: alice's tag."""
        _, tag = self.ring(body=body)
        self.phone.answer()
        self.peer.response()
        self.ack(tag)
        self.assertEqual(self.phone.state, "talking")
        return tag

    def ack(self, tag: str, number: int = 1, body: bytes = b"") -> None:
        """The ACK for a 2xx."""
        self.peer.send(self.peer.make("ACK", to_tag=tag, number=number, body=body))

    def ack_refusal(self, invite: Request, tag: str) -> None:
        """The ACK for a failure."""
        number = invite.cseq.number
        self.peer.send(self.peer.make("ACK", branch=invite.via.branch[7:], to_tag=tag, number=number))

    def description(self, response: Response) -> SessionDescription:
        """The description in a response."""
        self.assertEqual(response.content_type, "application/sdp")
        return SessionDescription.parse(response.body)

    def test_ringing_and_answer(self) -> None:
        """§12.1.1, §13.3.1.4: 180 and 200 with one tag, Contact, the Record-Routes; the answer in the 200."""
        routes = (
            ("Record-Route", "<sip:p2.example;lr>, <sip:p1.example;lr>"),
            ("Record-Route", "<sip:p0;lr>"),
        )
        invite = self.peer.make("INVITE", *routes, body=OFFER)
        self.peer.send(invite)
        ringing = self.peer.response()
        self.phone.answer()
        answer = self.peer.response()
        self.assertEqual((ringing.status, answer.status), (180, 200))
        self.assertEqual(ringing.to.tag, answer.to.tag)
        for response in (ringing, answer):
            self.assertEqual(response.headers.each("Record-Route"), [value for _, value in routes])
            self.assertEqual(response.first("Contact"), "<sip:alice@192.0.2.1:5060>")
        made = self.description(answer)
        self.assertEqual([made.media[0].port], self.alice.media_ports)
        self.assertEqual(made.media[0].formats, ("0", "8"))
        self.assertEqual(self.phone.peer, "Bob <sip:bob@biloxi.com>")

    def test_200_until_ack(self) -> None:
        """§13.3.1.4: 200 at 0, 0.5, 1.5, 3.5, 7.5, 11.5... until the ACK, which makes it talking."""
        _, tag = self.ring()
        self.phone.answer()
        self.scene.advance(12)
        self.assertEqual((self.peer.lines(), self.phone.state), (["200"] * 6, "ringing"))
        self.ack(tag, number=2)
        self.assertEqual(self.phone.state, "ringing")
        self.ack(tag)
        self.assertEqual(self.phone.state, "talking")
        self.scene.advance(40)
        self.assertEqual(self.peer.lines(), [])
        self.ack(tag)
        self.assertEqual(self.phone.state, "talking")

    def test_ack_never_comes(self) -> None:
        """§13.3.1.4: BYE after 64*T1."""
        _, tag = self.ring()
        self.phone.answer()
        self.scene.advance(32)
        lines = self.peer.lines()
        self.assertEqual((lines[-1], set(lines[:-1])), ("BYE", {"200"}))
        self.assertEqual((self.phone.state, self.alice.decided), ("idle", ["ack-never-came"]))
        self.assertEqual(self.alice.told[-2:], ["ringing>idle", "call-ended"])

    def test_ack_with_the_branch_of_the_invite(self) -> None:
        """RFC 6026 §7.1: some callers acknowledge a 2xx under the INVITE's branch."""
        invite, tag = self.ring()
        self.phone.answer()
        self.ack_refusal(invite, tag)
        self.assertEqual(self.phone.state, "talking")

    def test_lost_200(self) -> None:
        """A 200 that is lost is sent again, and nobody notices."""
        self.scene.network.rules.append(drop(first=2, matching=b"SIP/2.0 200"))
        _, tag = self.ring()
        self.phone.answer()
        self.scene.advance(2)
        self.assertEqual(self.peer.lines(), ["200"])
        self.ack(tag)
        self.assertEqual(self.phone.state, "talking")

    def test_hang_up_before_the_ack(self) -> None:
        """§15: idle at once for the user; the BYE waits for the ACK."""
        _, tag = self.ring()
        self.phone.answer()
        self.phone.hangup()
        self.assertEqual((self.phone.state, self.peer.lines()), ("idle", ["200"]))
        self.assertEqual(self.alice.told[-2:], ["ringing>idle", "call-ended"])
        self.ack(tag)
        bye = self.peer.request("BYE")
        self.assertEqual((bye.cseq.number, bye.uri, bye.from_.tag), (1, "sip:bob@192.0.2.2", tag))
        self.peer.answer(bye, 200)
        self.assertEqual(self.phone._sessions, [])

    def test_bye_before_the_ack(self) -> None:
        """§15.1.2: the caller's BYE overtakes its ACK: over, and the 200 is not sent again."""
        for hung_up in (False, True):
            _, tag = self.ring()
            self.phone.answer()
            if hung_up:
                self.phone.hangup()
            self.peer.take()
            self.peer.send(self.peer.make("BYE", to_tag=tag, number=2))
            self.assertEqual(self.peer.lines(), ["200"])
            self.scene.advance(40)
            self.assertEqual((self.peer.lines(), self.phone.state, self.phone._sessions), ([], "idle", []))

    def test_decline(self) -> None:
        """§21.6.2: 603 by its rule; the history says declined."""
        invite, tag = self.ring()
        self.phone.hangup()
        self.assertEqual((self.peer.lines(), self.alice.decided), (["603"], ["declined"]))
        self.ack_refusal(invite, tag)
        ended = self.alice.event("call-ended")
        self.assertEqual(dict(ended.fields), {"by": "local", "seconds": 0.0, "reason": "you declined"})
        self.assertEqual((self.phone.history[0].outcome, self.alice.media_ports), ("declined", []))

    def test_cancel(self) -> None:
        """§9.2: 200 to the CANCEL, 487 to the INVITE; after the answer it changes nothing."""
        invite, tag = self.ring()
        self.peer.send(self.peer.make("CANCEL", branch=invite.via.branch[7:]))
        self.assertEqual(sorted(self.peer.lines()), ["200", "487"])
        self.ack_refusal(invite, tag)
        self.assertEqual((self.phone.state, self.phone.history[0].outcome), ("idle", "missed"))
        self.assertEqual(self.alice.event("call-ended").fields["reason"], "the caller cancelled")
        self.scene.advance(40)
        invite, tag = self.ring()
        self.phone.answer()
        self.peer.take()
        self.peer.send(self.peer.make("CANCEL", branch=invite.via.branch[7:]))
        self.assertEqual((self.peer.lines(), self.phone.state), (["200"], "ringing"))

    def test_early_bye(self) -> None:
        """§15.1.2: BYE while it rings: 200 to it, 487 to the INVITE."""
        invite, tag = self.ring()
        self.peer.send(self.peer.make("BYE", to_tag=tag, number=2))
        self.assertEqual((self.peer.lines(), self.alice.decided), (["200", "487"], ["ended-by-bye"]))
        self.ack_refusal(invite, tag)
        self.assertEqual(self.phone.state, "idle")

    def test_refusal_without_ack(self) -> None:
        """§17.2.1: an ACK to the refusal that never comes matters to nobody."""
        self.ring()
        self.phone.decline()
        self.scene.advance(40)
        self.assertEqual((self.phone.state, self.phone._sessions), ("idle", []))

    def test_nobody_answers(self) -> None:
        """§13.3.1.1: 180 each minute; after the limit 480."""
        self.ring()
        self.scene.advance(RING_LIMIT - 1)
        self.assertEqual(self.peer.lines(), ["180", "180"])
        self.scene.advance(1)
        self.assertEqual(self.peer.lines(), ["480"])
        self.assertEqual((self.alice.decided, self.phone.history[0].outcome), (["not-answered"], "missed"))

    def test_expires(self) -> None:
        """§13.3.1: the INVITE's Expires ends the ringing with 487."""
        self.ring(("Expires", "10"))
        self.scene.advance(10)
        self.assertEqual((self.peer.lines(), self.alice.decided), (["487"], ["invitation-expired"]))

    def test_caller_unreachable(self) -> None:
        """§17.2.4: a response that cannot be sent while it rings ends the call."""
        self.ring()
        call = self.phone._call
        assert call is not None
        call.transport_failed(TransportFailure("gone"))  # type: ignore[attr-defined]
        self.assertEqual(self.phone.state, "idle")
        self.assertIn("can no longer be reached", self.alice.event("call-ended").text)
        # RFC 6026 §8.8: the transaction still wants a final response.
        self.assertEqual((self.peer.lines(), self.alice.decided), (["500"], ["caller-lost"]))

    # Offers and answers

    def test_without_offer(self) -> None:
        """§13.3.1: no offer in the INVITE: ours in the 200, the answer in the ACK."""
        _, tag = self.ring(body=b"")
        self.phone.answer()
        made = self.description(self.peer.response())
        self.assertEqual(made.media[0].formats, ("0", "8"))
        self.ack(tag, body=OFFER)
        self.assertEqual((self.phone.state, self.peer.lines()), ("talking", []))
        stream = self.phone._call.stream if self.phone._call else None
        self.assertEqual(stream and stream.port, 6000)

    def test_without_offer_and_without_answer(self) -> None:
        """§13.2.2.4: an ACK without the answer it owes: BYE."""
        _, tag = self.ring(body=b"")
        self.phone.answer()
        self.peer.take()
        self.ack(tag)
        self.assertEqual((self.peer.lines(), self.phone.state), (["BYE"], "idle"))
        self.assertEqual(self.alice.told[-4:], ["ringing>talking", "answered", "talking>idle", "call-ended"])

    def test_reinvite(self) -> None:
        """§14.2, RFC 3264 §8: the same offer is answered with the same version; a hold with the next."""
        tag = self.talk()
        self.peer.send(self.peer.make(to_tag=tag, number=2, contact="<sip:bob@192.0.2.3>", body=OFFER))
        same = self.peer.response()
        self.assertEqual((same.status, self.description(same).origin.version), (200, 1))
        self.ack(tag, number=2)
        hold = OFFER.replace(b"sendrecv", b"sendonly")
        self.peer.send(self.peer.make(to_tag=tag, number=3, contact="<sip:bob@192.0.2.2>", body=hold))
        held = self.description(self.peer.response())
        self.assertEqual((held.origin.version, held.direction(held.media[0])), (2, "recvonly"))
        self.ack(tag, number=3)
        self.peer.send(self.peer.make(to_tag=tag, number=4))
        offered = self.description(self.peer.response())
        self.assertEqual(offered.origin.version, 2)
        self.ack(tag, number=4, body=OFFER)
        self.phone.hangup()
        bye = self.peer.request("BYE")
        self.assertEqual(bye.uri, "sip:bob@192.0.2.2")
        self.assertEqual(self.phone.history[0].outcome, "answered")

    def test_target_refresh(self) -> None:
        """§12.2.2: a re-INVITE that was accepted moves the remote target."""
        tag = self.talk()
        self.peer.send(self.peer.make(to_tag=tag, number=2, contact="<sip:b@192.0.2.2:5060>", body=OFFER))
        self.peer.take()
        self.ack(tag, number=2)
        self.phone.hangup()
        self.assertEqual(self.peer.request("BYE").uri, "sip:b@192.0.2.2:5060")

    def test_reinvite_refused(self) -> None:
        """§14.2: 488 for what cannot be, 400 for a Contact that cannot be read; the session stays."""
        tag = self.talk()
        for number, status, body, contact in (
            (2, 488, OFFER.replace(b"m=audio", b"m=video"), "<sip:bob@192.0.2.2>"),
            (3, 400, b"nonsense", "<sip:bob@192.0.2.2>"),
            (4, 400, OFFER, "<tel:+1>"),
        ):
            invite = self.peer.make(to_tag=tag, number=number, contact=contact, body=body)
            self.peer.send(invite)
            self.assertEqual((self.peer.lines(), self.phone.state), ([str(status)], "talking"))
            self.ack_refusal(invite, tag)
        self.assertEqual(len(self.alice.media_ports), 1)

    def test_reinvite_too_soon(self) -> None:
        """§14.2: before the ACK of the last 200: 500 with Retry-After of 0 to 10 s."""
        _, tag = self.ring()
        for answered in (False, True):
            if answered:
                self.phone.answer()
                self.peer.take()
            invite = self.peer.make(to_tag=tag, number=2 + answered, body=OFFER)
            self.peer.send(invite)
            response = self.peer.response()
            self.assertEqual(response.status, 500)
            self.assertIn(int(response.first("Retry-After") or "x"), range(11))
            self.ack_refusal(invite, tag)
        self.assertEqual(self.alice.decided, ["invite-in-progress", "invite-in-progress"])

    def test_reinvite_without_ack(self) -> None:
        """§14.2, §13.3.1.4: the 200 to a re-INVITE needs its ACK too: BYE without."""
        tag = self.talk()
        self.peer.send(self.peer.make(to_tag=tag, number=2, body=OFFER))
        self.scene.advance(33)
        self.assertEqual((self.peer.lines()[-2:], self.phone.state), (["BYE", "BYE"], "idle"))

    # In the dialog

    def test_sequence(self) -> None:
        """§12.2.2: a lower CSeq gets 500; gaps are fine."""
        tag = self.talk()
        self.peer.send(self.peer.make("OPTIONS", to_tag=tag, number=9))
        self.assertEqual(self.peer.lines(), ["200"])
        self.peer.send(self.peer.make("BYE", to_tag=tag, number=8))
        self.assertEqual((self.peer.lines(), self.alice.decided), (["500"], ["cseq-out-of-order"]))
        self.assertEqual(self.phone.state, "talking")

    def test_other_methods(self) -> None:
        """§8.2.1: INFO and UPDATE get 405 in a dialog too; an extension 420."""
        tag = self.talk()
        for method in ("INFO", "UPDATE"):
            self.peer.send(self.peer.make(method, to_tag=tag, number=2))
            self.assertEqual(self.peer.lines(), ["405"])
        self.peer.send(self.peer.make("OPTIONS", ("Require", "x"), to_tag=tag, number=3))
        self.assertEqual((self.peer.lines(), self.phone.state), (["420"], "talking"))

    def test_a_strict_router(self) -> None:
        """§12.2.1.1: requests back go by a strict first route, the target last in Route."""
        _, tag = self.ring(("Record-Route", "<sip:192.0.2.2:5060>"))
        self.phone.answer()
        self.peer.take()
        self.ack(tag)
        self.phone.hangup()
        bye = self.peer.request("BYE")
        self.assertEqual((bye.uri, bye.values("Route")), ("sip:192.0.2.2:5060", ["<sip:bob@192.0.2.2>"]))

"""Calls we make, against a peer that answers as it likes: RFC 3261 §13.2, §9.1, §12.2.1."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sipmini import sdp
from sipmini.hop import Hop
from sipmini.message import Request, Response
from sipmini.ua.outgoing import MAX_FORKS, PATIENCE
from tests.ua.harness import OFFER, Scene


class Outgoing(SynchronousTestCase):
    """alice calls; the test answers."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.phone = self.alice.phone
        self.peer = self.scene.peer()

    def call(self) -> Request:
        """The INVITE of a call to bob."""
        self.phone.call("bob@biloxi.com")
        return self.peer.request("INVITE")

    def talk(self) -> Request:
        """The INVITE of a call that was answered, its ACK taken."""
        invite = self.call()
        self.peer.answer(invite, 200, body=OFFER)
        self.peer.request("ACK")
        self.assertEqual(self.phone.state, "talking")
        self.assertEqual(self.alice.told[-2:], ["inviting>talking", "answered"])
        return invite

    def test_the_invite(self) -> None:
        """§8.1.1, §13.2.1: what stands in it."""
        invite = self.call()
        self.assertEqual(invite.uri, "sip:bob@biloxi.com")
        self.assertEqual(str(invite.to), "<sip:bob@biloxi.com>")
        self.assertEqual((invite.from_.display, invite.from_.uri_text), ("Alice", "sip:alice@atlanta.com"))
        self.assertEqual(len(invite.from_.tag or ""), 16)
        self.assertEqual((invite.max_forwards, str(invite.cseq)), (70, "1 INVITE"))
        self.assertEqual(invite.first("Contact"), "<sip:alice@192.0.2.1:5060>")
        self.assertEqual(invite.first("Route"), None)
        self.assertEqual((invite.via.sent_by, invite.via.has_unique_branch), ("192.0.2.1:5060", True))
        offer = sdp.SessionDescription.parse(invite.body)
        self.assertEqual([codec.name for codec in offer.media[0].codecs], ["PCMU", "PCMA"])
        self.assertEqual([offer.media[0].port], self.alice.media_ports)

    def test_by_a_proxy(self) -> None:
        """§8.1.2: a proxy that was set is the first Route; the target stays in the Request-URI."""
        self.phone.set_proxy("sip:192.0.2.2:5060;transport=udp")
        invite = self.call()
        self.assertEqual(invite.first("Route"), "<sip:192.0.2.2:5060;transport=udp;lr>")
        self.assertEqual(invite.uri, "sip:bob@biloxi.com")

    def test_lost_180(self) -> None:
        """§13.2.2: 100, 181 and 183 leave it inviting; the 180 rings; a second one changes nothing."""
        invite = self.call()
        for status in (100, 181, 183):
            self.peer.answer(invite, status)
        self.assertEqual((self.phone.state, self.alice.told), ("inviting", ["idle>inviting"]))
        self.peer.answer(invite, 180)
        self.peer.answer(invite, 180)
        self.assertEqual(self.alice.told, ["inviting>ringing_back", "ringing_back"])
        seen = [dict(event.fields) for event in self.alice.events if event.kind == "response"]
        self.assertEqual(seen, [])

    def test_responses_are_told(self) -> None:
        """Every response is told, with status, phrase and method."""
        invite = self.call()
        self.peer.answer(invite, 180, phrase="Ringing Loud")
        self.assertEqual(
            dict(self.alice.event("response").fields),
            {"status": 180, "phrase": "Ringing Loud", "method": "INVITE"},
        )
        self.assertIsInstance(self.phone.last_message, Response)

    def test_failures(self) -> None:
        """§13.2.2.3: each failure ends it, with its status and phrase; the history says what it means."""
        for status, outcome in ((404, "not found"), (486, "busy"), (302, "failed: 302"), (600, "busy")):
            invite = self.call()
            self.peer.answer(invite, status, phrase="So")
            self.assertEqual(self.peer.lines(), ["ACK"])
            event = self.alice.event("call-failed")
            self.assertEqual(dict(event.fields), {"status": status, "reason": "So"})
            self.assertEqual((self.phone.state, self.phone.history[-1].outcome), ("idle", outcome))
            self.assertEqual((self.alice.media_ports, self.phone._sessions), ([], []))

    def test_no_answer_at_all(self) -> None:
        """§8.1.3.1: 64*T1 without any response is a 408."""
        self.call()
        self.scene.advance(33)
        self.assertEqual(self.alice.event("call-failed").fields["status"], 408)
        self.assertEqual(self.phone.history[-1].outcome, "no answer")

    def test_patience(self) -> None:
        """A call that only rings is cancelled after a while, later than any proxy would."""
        invite = self.call()
        self.peer.answer(invite, 180)
        self.scene.advance(PATIENCE)
        self.assertEqual(self.peer.request("CANCEL").via.branch, invite.via.branch)
        ended = self.alice.event("call-ended")
        self.assertEqual(ended.fields["by"], "network")
        self.assertIn("no answer within 240 s", str(ended.fields["reason"]))

    def test_unreachable(self) -> None:
        """§8.1.3.1: a connection that cannot be made is a 503."""
        self.phone.set_proxy("sip:192.0.2.2:9;transport=tcp")
        self.phone.call("bob@biloxi.com")
        self.scene.advance(1)
        self.assertEqual(self.alice.event("call-failed").fields["status"], 503)

    # CANCEL

    def test_cancel_waits_for_a_provisional_response(self) -> None:
        """§9.1: no CANCEL before a 1xx; then with the INVITE's branch and number; 487 ends it."""
        invite = self.call()
        self.phone.hangup()
        self.assertEqual((self.phone.state, self.peer.take()), ("idle", []))
        self.peer.answer(invite, 100, tag=None)
        cancel = self.peer.request("CANCEL")
        self.assertEqual((cancel.via.branch, cancel.uri), (invite.via.branch, invite.uri))
        self.assertEqual(cancel.cseq.number, invite.cseq.number)
        self.peer.answer(cancel, 200)
        self.peer.answer(invite, 487)
        self.assertEqual(self.peer.lines(), ["ACK"])
        self.assertEqual(self.alice.told, ["idle>inviting", "inviting>idle", "call-ended"])
        self.assertEqual(self.phone._sessions, [])

    def test_a_200_crosses_the_cancel(self) -> None:
        """§9.1, §15: the 200 is acknowledged and ended with BYE; both again if it is repeated."""
        invite = self.call()
        self.peer.answer(invite, 180)
        self.phone.hangup()
        cancel = self.peer.request("CANCEL")
        self.peer.answer(cancel, 200)
        self.peer.answer(invite, 200, body=OFFER)
        ack, bye = self.peer.take()
        assert isinstance(ack, Request) and isinstance(bye, Request)
        self.assertEqual((ack.method, bye.method, bye.uri), ("ACK", "BYE", "sip:bob@192.0.2.2"))
        self.assertEqual(self.alice.decided, ["unwanted-2xx"])
        self.peer.answer(invite, 200, body=OFFER)
        self.assertEqual(self.peer.lines(), ["ACK"])
        self.peer.answer(bye, 200)
        self.assertEqual((self.phone.state, self.phone._sessions), ("idle", []))

    def test_a_200_without_any_1xx_after_hanging_up(self) -> None:
        """§9.1: hung up before any response came: the 200 is ended the same way."""
        invite = self.call()
        self.phone.hangup()
        self.peer.answer(invite, 200, body=OFFER)
        self.assertEqual(self.peer.lines(), ["ACK", "BYE"])

    def test_cancel_without_effect(self) -> None:
        """§9.1: no final response within 64*T1 of the CANCEL: the call is forgotten."""
        invite = self.call()
        self.peer.answer(invite, 180)
        self.phone.hangup()
        self.scene.advance(33)
        self.assertEqual(self.phone._sessions, [])

    def test_hung_up_before_it_was_sent(self) -> None:
        """While the name is being looked up there is nothing to cancel, and nothing is sent after."""
        looking: Deferred[list[Hop]] = Deferred()
        self.alice.desk.resolver = type("Slow", (), {"resolve": lambda self, uri: looking})()
        self.phone.call("bob@biloxi.com")
        self.phone.hangup()
        looking.callback([Hop("UDP", "192.0.2.2", 5060)])
        self.assertEqual((self.peer.take(), self.phone._sessions), ([], []))

    # 2xx

    def test_repeated_200(self) -> None:
        """§13.2.2.4: each repetition gets the same ACK: branch aside."""
        invite = self.call()
        self.peer.answer(invite, 200, body=OFFER)
        first = self.peer.request("ACK")
        self.peer.answer(invite, 200, body=OFFER)
        again = self.peer.request("ACK")
        self.assertEqual(again.headers.without("Via"), first.headers.without("Via"))
        self.assertEqual((first.uri, str(first.cseq)), ("sip:bob@192.0.2.2", "1 ACK"))
        self.assertNotEqual(first.via.branch, invite.via.branch)
        self.assertEqual(self.phone.state, "talking")

    def test_forked_200(self) -> None:
        """§13.2.2.4: another phone's 200 gets its own ACK and a BYE; its repetitions get the ACK again."""
        invite = self.talk()
        self.peer.answer(invite, 200, tag="carol", body=OFFER)
        ack, bye = self.peer.take()
        self.assertEqual((ack.to.tag, bye.to.tag, bye.cseq.method), ("carol", "carol", "BYE"))
        self.assertEqual((self.phone.state, self.alice.decided), ("talking", ["unwanted-2xx"]))
        self.peer.answer(invite, 200, tag="carol", body=OFFER)
        self.assertEqual(self.peer.lines(), ["ACK"])
        assert isinstance(bye, Request)
        self.peer.answer(bye, 200)
        self.assertEqual(self.phone.state, "talking")

    def test_endless_forks(self) -> None:
        """What one INVITE may make is bounded: early dialogs and 2xx alike."""
        invite = self.call()
        for number in range(2 * MAX_FORKS):
            self.peer.answer(invite, 180, tag=f"early{number}")
        for number in range(MAX_FORKS + 3):
            self.peer.answer(invite, 200, tag=f"t{number}", body=OFFER)
        self.assertEqual(self.peer.lines().count("ACK"), MAX_FORKS)

    def test_route_set(self) -> None:
        """§12.1.2, §13.2.2.4: the 2xx's Record-Route, reversed, for ACK and BYE; an early one is replaced."""
        invite = self.call()
        contact = ("Contact", "<sip:bob@192.0.2.99>")
        self.peer.answer(invite, 180, fields=[contact, ("Record-Route", "<sip:192.0.2.98;lr>")])
        routes = [("Record-Route", "<sip:p2.example;lr>"), ("Record-Route", "<sip:192.0.2.2;lr>")]
        self.peer.answer(invite, 200, body=OFFER, fields=[contact, *routes])
        ack = self.peer.request("ACK")
        self.assertEqual(ack.values("Route"), ["<sip:192.0.2.2;lr>", "<sip:p2.example;lr>"])
        self.assertEqual(ack.uri, "sip:bob@192.0.2.99")
        self.phone.hangup()
        bye = self.peer.request("BYE")
        self.assertEqual(bye.values("Route"), ack.values("Route"))
        self.assertEqual((bye.cseq.number, bye.from_.tag), (2, invite.from_.tag))

    def test_a_200_that_cannot_be_used(self) -> None:
        """A 2xx whose Contact cannot be read leaves nowhere to go; a 180 still rings."""
        invite = self.call()
        bad = [("Contact", "<tel:+1>")]
        self.peer.answer(invite, 180, fields=bad)
        self.assertEqual((self.phone.state, self.alice.decided), ("ringing_back", ["malformed-response"]))
        self.peer.answer(invite, 200, fields=bad)
        self.assertEqual(self.alice.event("call-failed").fields["status"], 500)

    def test_answers_that_cannot_be_used(self) -> None:
        """§13.2.1, RFC 3264 §6: an answer that is missing, unreadable or refuses all: ACK, then BYE."""
        refused = OFFER.replace(b"m=audio 6000", b"m=audio 0")
        for body in (b"", b"nonsense", refused):
            invite = self.call()
            self.peer.answer(invite, 200, body=body)
            self.assertEqual(self.peer.lines(), ["ACK", "BYE"])
            self.assertEqual(self.phone.state, "idle")
            self.assertEqual(self.alice.event("call-ended").fields["by"], "network")

    def test_the_answer_came_early(self) -> None:
        """§13.2.1: the answer of an unreliable 183 counts where the 200 repeats none."""
        invite = self.call()
        self.peer.answer(invite, 183, body=OFFER)
        self.peer.answer(invite, 200)
        self.assertEqual((self.peer.lines(), self.phone.state), (["ACK"], "talking"))
        self.phone.hangup()
        self.peer.take()
        invite = self.call()
        self.peer.answer(invite, 183, tag="carol", body=OFFER)
        self.peer.answer(invite, 200)
        self.assertEqual(self.peer.lines(), ["ACK", "BYE"])

    def test_an_ack_with_nowhere_to_go(self) -> None:
        """A Contact whose name has no address: the user is told."""
        invite = self.call()
        self.peer.answer(invite, 200, body=OFFER, fields=[("Contact", "<sip:bob@nowhere.example>")])
        self.assertIn("could not be sent", self.alice.event("error").text)
        self.phone.hangup()
        self.assertEqual(self.phone._sessions, [])

    # The end

    def test_bye_arrives(self) -> None:
        """§15.1.2: 200, idle; another BYE finds no dialog."""
        invite = self.talk()
        bye = self.peer.make("BYE", call_id=invite.call_id, to_tag=invite.from_.tag, number=5)
        self.peer.send(bye)
        self.assertEqual((self.peer.lines(), self.phone.state), (["200"], "idle"))
        again = self.peer.make("BYE", call_id=invite.call_id, to_tag=invite.from_.tag, number=6)
        self.peer.send(again)
        self.assertEqual(self.peer.lines(), ["481"])

    def test_bye_in_an_early_dialog(self) -> None:
        """A callee may not send BYE early (§15); one that does is taken at its word, and cancelled."""
        invite = self.call()
        self.peer.answer(invite, 180)
        self.peer.send(self.peer.make("BYE", call_id=invite.call_id, to_tag=invite.from_.tag, number=5))
        self.assertEqual((self.peer.lines(), self.phone.state), (["200", "CANCEL"], "idle"))
        self.assertEqual(self.alice.event("call-ended").fields["by"], "remote")
        self.assertEqual(self.phone.history[-1].outcome, "cancelled")

    def test_bye_unanswered(self) -> None:
        """§15.1.1: whatever comes of the BYE, the call is over."""
        self.talk()
        self.phone.hangup()
        self.scene.advance(40)
        self.assertEqual(self.phone._sessions, [])
        self.peer.take()
        self.talk()
        self.phone.hangup()
        bye = self.peer.take()[-1]
        assert isinstance(bye, Request)
        self.peer.answer(bye, 481)
        self.assertEqual(self.phone._sessions, [])

    def test_two_byes_cross(self) -> None:
        """§15.1.2: theirs is answered while ours waits."""
        invite = self.talk()
        self.phone.hangup()
        bye = self.peer.request("BYE")
        self.peer.send(self.peer.make("BYE", call_id=invite.call_id, to_tag=invite.from_.tag, number=5))
        self.assertEqual(self.peer.lines(), ["200"])
        self.peer.answer(bye, 100)
        self.assertEqual(len(self.phone._sessions), 1)
        self.peer.answer(bye, 200)
        self.assertEqual(self.phone._sessions, [])

    def test_reinvite_crosses_the_invite(self) -> None:
        """§14.2: an INVITE while ours is unanswered gets 491; when all is over, 481."""
        invite = self.call()
        self.peer.answer(invite, 180)
        self.peer.send(self.peer.make(call_id=invite.call_id, to_tag=invite.from_.tag, body=OFFER))
        self.assertEqual((self.peer.lines(), self.alice.decided), (["491"], ["request-pending"]))
        self.peer.send(self.peer.make("ACK", branch="1", call_id=invite.call_id, to_tag=invite.from_.tag))
        self.phone.hangup()
        self.peer.take()
        self.peer.send(self.peer.make(call_id=invite.call_id, to_tag=invite.from_.tag, number=2, body=OFFER))
        self.assertIn("481", self.peer.lines())

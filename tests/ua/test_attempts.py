"""Trying the hops of a request in order: RFC 3263 §4.3."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.hop import Hop
from tests.ua.console.fake import live_in_utc
from tests.ua.harness import EPOCH, OFFER, Peer, Scene


class TryingHops(SynchronousTestCase):
    """alice's domain has several proxies."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.phone = self.alice.phone
        self.peer = self.scene.peer()
        self.dead = Hop("UDP", "192.0.2.66", 5060)
        self.refusing = Hop("TCP", "192.0.2.2", 9)
        self.good = Hop("UDP", "192.0.2.2", 5060)

    def test_the_next_after_a_failure(self) -> None:
        """§4.3: a connection refused and a timeout each lead to the next, with a branch of its own."""
        self.scene.names.hops["atlanta"] = [self.refusing, self.dead, self.good]
        self.phone.call("bob@biloxi.com")
        self.scene.advance(33)
        invite = self.peer.request("INVITE")
        self.assertEqual(str(invite.cseq), "1 INVITE")
        self.peer.answer(invite, 200, body=OFFER)
        self.assertEqual((self.peer.lines(), self.phone.state), (["ACK"], "talking"))

    def test_the_next_after_503(self) -> None:
        """§4.3: 503 leads to the next; a CANCEL goes to the hop that is being tried."""
        other = Peer(self.scene.network, "192.0.2.3")
        self.scene.names.hops["atlanta"] = [Hop("UDP", "192.0.2.3", 5060), self.good]
        self.phone.call("bob@biloxi.com")
        first = other.request("INVITE")
        other.answer(first, 503)
        self.assertEqual(other.lines(), ["ACK"])
        second = self.peer.request("INVITE")
        self.assertNotEqual(first.via.branch, second.via.branch)
        self.assertEqual(first.call_id, second.call_id)
        self.peer.answer(second, 180)
        self.phone.hangup()
        self.assertEqual((other.lines(), self.peer.lines()), ([], ["CANCEL"]))

    def test_another_address_of_ours(self) -> None:
        """A hop that reaches us at another address gets an offer, and a Contact, with that address."""
        reached = {"192.0.2.66": ("127.0.0.1", 5060)}
        contact_for = self.alice.stack.contact_for
        self.alice.stack.contact_for = lambda hop: reached.get(hop.host) or contact_for(hop)
        self.scene.names.hops["atlanta"] = [self.dead, self.good]
        self.phone.call("bob@biloxi.com")
        self.scene.advance(33)
        invite = self.peer.request("INVITE")
        self.assertIn(b"c=IN IP4 192.0.2.1\r\n", invite.body)
        self.assertEqual(invite.first("Contact"), "<sip:alice@192.0.2.1:5060>")
        self.assertEqual(len(self.alice.media_ports), 1)

    def test_the_last_one(self) -> None:
        """§4.3: when none is left the last failure counts; given up, none is tried any more."""
        self.scene.names.hops["atlanta"] = [self.refusing, self.refusing]
        self.phone.call("bob@biloxi.com")
        self.scene.advance(1)
        self.assertEqual(self.alice.event("call-failed").fields["status"], 503)
        self.scene.names.hops["atlanta"] = [self.dead, self.good]
        self.phone.call("bob@biloxi.com")
        self.phone.hangup()
        self.scene.advance(70)
        self.assertEqual((self.peer.take(), self.phone._sessions), ([], []))

    def test_silence(self) -> None:
        """Two seconds without any answer are told once, with the time at which the last hop is given up."""
        live_in_utc(self)
        for command, end in (
            (lambda: self.phone.call("bob@biloxi.com"), "call-failed"),
            (lambda: self.phone.options("bob@biloxi.com"), "options-answer"),
            (self.phone.register, "registration-failed"),
        ):
            self.scene.names.hops["atlanta"] = [self.dead, self.dead]
            begun = EPOCH + self.scene.network.seconds()
            command()
            self.scene.advance(1.9)
            self.assertNotIn("silence", self.alice.told)
            self.scene.advance(0.2)
            said = self.alice.event("silence")
            until = self.alice.desk.time_of_day(begun + 64, seconds=True)
            self.assertEqual(said.text, f"192.0.2.66:5060 does not answer yet; trying until {until}.")
            self.assertEqual(dict(said.fields), {"where": "192.0.2.66:5060", "until": begun + 64})
            self.alice.events.clear()
            self.scene.advance(62)
            self.assertIn(
                "no answer from 192.0.2.66:5060 or 192.0.2.66:5060 in time", self.alice.event(end).text
            )
            self.assertNotIn("silence", self.alice.told)

    def test_no_silence(self) -> None:
        """Any answer will do; and nobody is told of it who cancelled, or stopped the phone."""
        self.phone.call("bob@biloxi.com")
        self.peer.answer(self.peer.request("INVITE"), 100, tag=None)
        self.scene.advance(3)
        self.assertNotIn("silence", self.alice.told)
        self.phone.hangup()
        self.scene.names.hops["atlanta"] = [self.dead]
        self.phone.call("bob@biloxi.com")
        self.phone.hangup()
        self.scene.advance(3)
        self.phone.call("bob@biloxi.com")
        self.scene.advance(1)
        self.phone.stop()
        self.scene.advance(3)
        self.assertNotIn("silence", self.alice.told)

    def test_one_full_stop(self) -> None:
        """The words of others have their own; what was tried is named."""
        self.scene.names.hops["atlanta"] = [self.dead, self.refusing]
        self.phone.call("bob@biloxi.com")
        self.scene.advance(33)
        text = self.alice.event("call-failed").text
        self.assertNotIn("..", text)
        self.assertRegex(text, r"503 TCP to 192\.0\.2\.2.*; before that 192\.0\.2\.66:5060 failed\.$")

    def test_at_most_four(self) -> None:
        """A name with very many addresses is not tried for ever."""
        self.scene.names.hops["atlanta"] = [self.refusing] * 4 + [self.good]
        self.phone.options("bob@biloxi.com")
        self.scene.advance(1)
        self.assertEqual(self.alice.event("options-answer").fields["status"], 503)

    def test_no_hop(self) -> None:
        """A resolver that finds nothing and does not say why."""
        self.scene.names.hops["atlanta"] = []
        self.phone.options("bob@biloxi.com")
        self.assertIn("no address", self.alice.event("options-answer").text)

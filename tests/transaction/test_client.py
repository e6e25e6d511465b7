"""Client transactions through their layer: fallback, CANCEL, ACK, and users that misbehave."""

from __future__ import annotations

from sipmini.errors import TransportFailure
from sipmini.hop import Hop
from sipmini.message import Request, Response
from tests.transaction.scene import HOP, TCP_HOP, LayerCase, User

LARGE = b"x" * 1300
HOP_6 = Hop("UDP", "2001:db8::2", 5060)


class SendingTests(LayerCase):
    def test_via(self) -> None:
        """§8.1.1.7, RFC 3581 §3: our Via stands on top, with a new branch and rport."""
        first, _ = self.send("OPTIONS")
        second, _ = self.send("OPTIONS", HOP_6)
        self.assertNotEqual(first.branch, second.branch)
        via = f"SIP/2.0/UDP 192.0.2.1:5060;branch={first.branch};rport"
        self.assertEqual(self.wire.messages[0].values("Via"), [via])
        self.assertTrue(first.branch.startswith("z9hG4bK"))
        self.expect_sent((0, "OPTIONS", HOP), (0, "OPTIONS", HOP_6))

    def test_given_branch(self) -> None:
        """A branch may be chosen by who sends (§16.6 step 8)."""
        request = self.request("OPTIONS", via="")
        transaction = self.layer.request(request, HOP, User(), branch="z9hG4bKmine")
        self.assertEqual((transaction.branch, transaction.request.via.branch), ("z9hG4bKmine", "z9hG4bKmine"))

    def test_final(self) -> None:
        """§17.1.2: a final response goes up once; Timer K later nothing is left."""
        _, user = self.send("OPTIONS")
        self.answer(200)
        self.answer(200)
        self.expect_told(user, "received 200")
        self.expect_nothing_left(5)

    def test_silence(self) -> None:
        """§8.1.3.1: the user hears of a time-out."""
        _, user = self.send("OPTIONS")
        self.expect_nothing_left()
        self.expect_told(user, "timed out")

    def test_refused(self) -> None:
        """§8.1.3.1: the user hears, within the call, that it could not be sent."""
        self.wire.refused.add(HOP)
        for method in ("INVITE", "OPTIONS"):
            _, user = self.send(method)
            self.expect_told(user, "transport failed")
            self.expect_nothing_left(0)

    def test_ack(self) -> None:
        """§17.1.1.3: each copy of a 300-699 gets its ACK, over the same hop; the user hears of one."""
        _, user = self.send()
        invite = self.wire.messages[-1]
        for _ in range(3):
            self.answer(486, invite)
        self.expect_sent(*[(0, method, HOP) for method in ("INVITE", "ACK", "ACK", "ACK")])
        ack = self.wire.messages[-1]
        self.assertEqual((ack.via, ack.to.tag, ack.cseq.number), (invite.via, "b", invite.cseq.number))
        self.expect_told(user, "received 486")
        self.expect_nothing_left()

    def test_no_ack_for_success(self) -> None:
        """§13.2.2.4: the ACK for a 2xx is its user's to send; each 2xx goes up (RFC 6026 §7.2)."""
        _, user = self.send()
        invite = self.wire.messages[-1]
        self.answer(200, invite, tag="one")
        self.answer(200, invite, tag="two")
        self.expect_told(user, "received 200", "received 200")
        self.expect_sent((0, "INVITE"))
        self.expect_nothing_left()

    def test_ack_cannot_be_sent(self) -> None:
        """§17.1.1.2, figure 5: the user hears of it after the response."""
        _, user = self.send()
        self.wire.refused.add(HOP)
        self.answer(486)
        self.expect_told(user, "received 486", "transport failed")
        self.expect_nothing_left(0)

    def test_user_raises(self) -> None:
        """What a user does wrong is logged; the machine goes its way."""
        for status in (180, 200, 486):
            with self.subTest(status=status):
                self.setUp()
                _, user = self.send()
                user.then = lambda *_: 1 // 0
                self.answer(status)
                self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
                user.then = lambda *_: None
                if status == 180:
                    self.answer(200, self.wire.messages[0])
                self.expect_nothing_left()


class CancelTests(LayerCase):
    def test_after_provisional(self) -> None:
        """§9.1: sent at once where a provisional response came; the INVITE's final response ends it."""
        transaction, user = self.send()
        invite = self.wire.messages[-1]
        self.answer(180)
        transaction.cancel()
        transaction.cancel()
        self.assertTrue(transaction.cancelled)
        self.expect_sent((0, "INVITE", HOP), (0, "CANCEL", HOP))
        cancel = self.wire.messages[-1]
        self.assertEqual((cancel.values("Via"), cancel.uri), (invite.values("Via"), invite.uri))
        self.answer(200, cancel)
        self.answer(487, invite)
        self.expect_sent((0, "ACK", HOP))
        self.expect_told(user, "received 180", "received 487")
        self.expect_nothing_left()

    def test_before_provisional(self) -> None:
        """§9.1: it waits for the first provisional response."""
        transaction, user = self.send()
        invite = self.wire.messages[-1]
        transaction.cancel()
        self.expect_sent((0, "INVITE"))
        self.advance(0.5)
        self.answer(100, invite)
        self.answer(180, invite)
        self.expect_sent((0.5, "INVITE"), (0.5, "CANCEL"))
        self.expect_told(user, "received 100", "received 180")

    def test_cancelled_by_its_first_response(self) -> None:
        """A user that cancels as it is told of the first provisional response sends one CANCEL."""
        transaction, user = self.send()
        user.then = lambda *_: transaction.cancel()
        self.answer(180)
        self.expect_sent((0, "INVITE"), (0, "CANCEL"))

    def test_never_answered(self) -> None:
        """§9.1: where no provisional response comes there is no CANCEL, and Timer B ends it."""
        transaction, user = self.send()
        transaction.cancel()
        self.advance(32)
        self.assertNotIn("CANCEL", [method for _, method, _ in self.wire.sent])
        self.expect_told(user, "timed out")
        self.expect_nothing_left(0)

    def test_no_final(self) -> None:
        """§9.1: 64*T1 after the CANCEL the INVITE counts as cancelled."""
        transaction, user = self.send()
        self.answer(180)
        self.advance(10)
        transaction.cancel()
        self.advance(31.9)
        self.expect_told(user, "received 180")
        self.advance(0.1)
        self.expect_told(user, "timed out")
        self.expect_nothing_left()

    def test_success_after_cancel(self) -> None:
        """§9.1: a 2xx that crossed the CANCEL goes up; the 64*T1 of the CANCEL end nothing any more."""
        transaction, user = self.send()
        invite = self.wire.messages[-1]
        self.answer(180)
        transaction.cancel()
        self.advance(1)
        self.answer(200, invite)
        self.expect_told(user, "received 180", "received 200")
        self.expect_nothing_left()
        self.expect_told(user)

    def test_final_without_provisional(self) -> None:
        """§9.1: a final response while the CANCEL waits: none is sent any more."""
        transaction, user = self.send()
        transaction.cancel()
        self.answer(200)
        self.expect_sent((0, "INVITE"))
        self.expect_told(user, "received 200")

    def test_after_final(self) -> None:
        """§9.1: after a final response, or the end, there is nothing to cancel."""
        transaction, _ = self.send()
        self.answer(486)
        transaction.cancel()
        self.assertFalse(transaction.cancelled)
        self.advance(40)
        transaction.cancel()
        self.expect_sent((0, "INVITE"), (0, "ACK"))

    def test_not_for_others(self) -> None:
        """§9.1: a request other than INVITE is not cancelled."""
        transaction, _ = self.send("OPTIONS")
        self.answer(100)
        transaction.cancel()
        self.expect_sent((0, "OPTIONS"))

    def test_cancel_fails(self) -> None:
        """Whatever becomes of the CANCEL, its user hears of the INVITE alone."""
        for outcome in ("481", "silence", "refused"):
            with self.subTest(outcome=outcome):
                self.setUp()
                transaction, user = self.send()
                self.answer(180)
                if outcome == "refused":
                    self.wire.refused.add(HOP)
                transaction.cancel()
                if outcome == "481":
                    self.answer(481)
                self.expect_told(user, "received 180")
                self.advance(32)
                self.expect_told(user, "timed out")
                self.expect_nothing_left(5)


class LargeTests(LayerCase):
    """§18.1.1: requests over 1300 octets."""

    def size(self, data: bytes) -> int:
        self.send("OPTIONS", HOP, body=data)
        self.wire.sent.clear()
        return len(bytes(self.wire.messages.pop()))

    def test_limit(self) -> None:
        """1300 octets, our Via counted, go over UDP; one more goes over TCP, and a rule says so."""
        fitting = 1300 - self.size(b"x" * 1000) + 1000
        self.send("OPTIONS", HOP, body=b"x" * fitting)
        self.assertEqual(len(bytes(self.wire.messages[-1])), 1300)
        self.expect_sent((0, "OPTIONS", HOP))
        self.expect_decided()
        transaction, _ = self.send("OPTIONS", HOP, body=b"x" * (fitting + 1))
        self.expect_sent((0, "OPTIONS", TCP_HOP))
        self.expect_decided("large-request-to-tcp")
        self.assertEqual((transaction.hop, self.wire.messages[-1].via.transport), (TCP_HOP, "TCP"))

    def test_over_tcp(self) -> None:
        """A transaction that went to TCP is reliable: nothing is sent again."""
        _, user = self.send("INVITE", HOP, body=LARGE)
        self.advance(32)
        self.expect_sent((0, "INVITE", TCP_HOP))
        self.expect_told(user, "timed out")

    def test_already_tcp(self) -> None:
        """Nothing is to be decided where the hop is TCP anyway."""
        self.send("INVITE", TCP_HOP, body=LARGE)
        self.expect_decided()
        self.expect_sent((0, "INVITE", TCP_HOP))

    def test_refused_at_once(self) -> None:
        """Where TCP is refused it goes over UDP with the same branch, as a UDP transaction."""
        self.wire.refused.add(TCP_HOP)
        for method in ("INVITE", "OPTIONS"):
            with self.subTest(method=method):
                transaction, user = self.send(method, HOP, body=LARGE)
                self.expect_decided("large-request-to-tcp", "tcp-refused-back-to-udp")
                start = self.clock.seconds()
                self.advance(0.5)
                self.expect_sent((start, method, HOP), (start + 0.5, method, HOP))
                via = self.wire.messages[-1].via
                self.assertEqual((via.transport, via.branch), ("UDP", transaction.branch))
                self.answer(200)
                self.expect_told(user, "received 200")
                self.expect_nothing_left()

    def test_refused_later(self) -> None:
        """The refusal of a connection may take its time; CANCEL then follows the UDP INVITE."""
        self.wire.slow.add(TCP_HOP)
        transaction, user = self.send("INVITE", HOP, body=LARGE)
        self.advance(5)
        (refuse,) = self.wire.pending
        transaction.cancel()
        refuse(TransportFailure("refused"))
        self.expect_sent((0, "INVITE", TCP_HOP), (5, "INVITE", HOP))
        self.answer(180)
        self.expect_sent((5, "CANCEL", HOP))
        self.assertEqual(self.wire.messages[-1].via.transport, "UDP")
        self.expect_told(user, "received 180")

    def test_refused_twice(self) -> None:
        """Where UDP fails as well, the user hears of it, once."""
        self.wire.refused |= {TCP_HOP, HOP}
        _, user = self.send("INVITE", HOP, body=LARGE)
        self.expect_told(user, "transport failed")
        self.expect_nothing_left(0)

    def test_ack_refused(self) -> None:
        """A connection that is lost after the response is no reason to send the INVITE again over UDP."""
        _, user = self.send("INVITE", HOP, body=LARGE)
        self.wire.refused.add(TCP_HOP)
        self.answer(486)
        self.expect_sent((0, "INVITE", TCP_HOP))
        self.expect_told(user, "received 486", "transport failed")
        self.expect_nothing_left(0)

    def test_failure_after_the_end(self) -> None:
        """A refusal that comes after Timer B is nobody's."""
        self.wire.slow.add(TCP_HOP)
        _, user = self.send("OPTIONS", TCP_HOP)
        self.advance(32)
        self.expect_told(user, "timed out")
        self.wire.pending[0](TransportFailure("refused"))
        self.expect_told(user)


class AloneTests(LayerCase):
    """Requests in no transaction: the ACK for a 2xx (§13.2.2.4)."""

    def ack(self, body: bytes = b"") -> Request:
        return self.request("ACK", via="", body=body)

    def test_small(self) -> None:
        """Sent once, with a branch of its own or the one given; a failure is told to nobody."""
        self.layer.send_alone(self.ack(), HOP)
        self.layer.send_alone(self.ack(), HOP, "z9hG4bKmine")
        self.wire.refused.add(HOP)
        self.layer.send_alone(self.ack(), HOP)
        self.advance(40)
        self.expect_sent((0, "ACK", HOP), (0, "ACK", HOP))
        self.assertEqual(self.wire.messages[-1].via.branch, "z9hG4bKmine")
        self.assertEqual((self.layer.count, self.timers.pending), (0, 0))

    def test_large(self) -> None:
        """§18.1.1 holds for it as well, the way back to UDP included."""
        self.layer.send_alone(self.ack(LARGE), HOP)
        self.expect_sent((0, "ACK", TCP_HOP))
        self.expect_decided("large-request-to-tcp")
        self.wire.refused.add(TCP_HOP)
        self.layer.send_alone(self.ack(LARGE), HOP)
        self.expect_sent((0, "ACK", HOP))
        self.expect_decided("large-request-to-tcp", "tcp-refused-back-to-udp")


class ResponseTests(LayerCase):
    def test_every_status(self) -> None:
        """No status and no order of responses raises out of the layer, nor leaves anything behind."""
        for method in ("INVITE", "OPTIONS", "CANCEL"):
            for order in ((100, 199, 200, 486), (699, 200, 180), (200, 180, 600, 200), (302, 302)):
                with self.subTest(method=method, order=order):
                    self.setUp()
                    self.send(method)
                    request = self.wire.messages[-1]
                    for status in order:
                        self.assertIsInstance(self.answer(status, request), Response)
                    self.expect_nothing_left()

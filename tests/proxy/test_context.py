"""Tests of the response context: forks, races, time-outs, hops that fail (RFC 3261 §16.7)."""

from __future__ import annotations

from typing import Any

from sipmini import codec
from sipmini.errors import TransportFailure
from sipmini.hop import Hop
from sipmini.message import Message, Request, Response
from sipmini.proxy.context import ResponseContext
from sipmini.transaction import TimerValues
from tests.proxy.harness import OFFER, ProxyCase, Yard, answer, message


class Fork(ProxyCase):
    """bob has three phones (§16.7 steps 5 to 10)."""

    def setUp(self) -> None:
        super().setUp()
        self.phones = [self.bob, self.yard.udp("192.0.2.21"), self.yard.udp("192.0.2.22")]
        self.yard.bind("bob", *[f"sip:bob@{phone.address}" for phone in self.phones])
        self.data = self.invite()
        self.invites = [phone.request("INVITE") for phone in self.phones]
        self.assertEqual(self.alice.lines(), ["100"])

    def answer(self, place: int, status: int, *lines: str, **options: Any) -> None:
        """One of the phones answers its INVITE."""
        options.setdefault("tag", f"bob{place}")
        self.phones[place].send(answer(self.invites[place], status, *lines, **options))

    def heard(self) -> list[list[str]]:
        """What the phones heard since the last look."""
        return [phone.lines() for phone in self.phones]

    def end(self, status: int) -> Response:
        """alice hears this status and nothing else, and acknowledges it."""
        response = self.alice.response(status)
        if status >= 300:
            self.acknowledge(self.data, response)
        return response

    def test_each_branch_is_its_own(self) -> None:
        """§16.6 step 8: another branch and another Request-URI for each target."""
        self.assertEqual(len({invite.via.branch for invite in self.invites}), 3)
        self.assertEqual(
            [invite.uri for invite in self.invites], [f"sip:bob@{phone.address}" for phone in self.phones]
        )
        for place in range(3):
            self.answer(place, 404)
        self.end(404)

    def test_every_ringing_phone_is_heard_of(self) -> None:
        """§16.7 step 5: each 101-199 goes upstream at once, 100 does not."""
        self.answer(0, 100)
        self.answer(0, 180)
        self.answer(1, 183)
        self.answer(2, 180)
        self.assertEqual(
            [(one.to.tag, one.status) for one in self.alice.take() if isinstance(one, Response)],
            [("bob0", 180), ("bob1", 183), ("bob2", 180)],
        )
        for place in range(3):
            self.answer(place, 404)
        self.end(404)

    def test_first_2xx_wins(self) -> None:
        """§16.7 step 5 and 10: it goes upstream at once, the others are cancelled, their 487 acknowledged."""
        self.answer(0, 180)
        self.answer(2, 180)
        self.alice.take()
        self.answer(0, 200, "Contact: <sip:bob@192.0.2.20>", body=OFFER)
        self.assertEqual(self.end(200).to.tag, "bob0")
        # The second phone said nothing yet, so its CANCEL waits for it (§9.1).
        self.assertEqual(self.heard(), [[], [], ["CANCEL"]])
        self.answer(1, 180)
        self.assertEqual(self.heard(), [[], ["CANCEL"], []])
        for place in (1, 2):
            self.phones[place].send(cancel_answer(self.invites[place]))
            self.answer(place, 487)
        self.assertEqual(self.heard(), [[], ["ACK"], ["ACK"]])
        self.assertEqual(self.alice.lines(), [])
        self.assertEqual(self.yard.decided(), ["after-final"])

    def test_cancel_of_a_branch_has_the_form_of_9_1(self) -> None:
        """§9.1: Request-URI, Call-ID, To, From, CSeq number and the top Via are those of this INVITE."""
        self.answer(1, 180)
        self.answer(0, 200)
        cancel, invite = self.phones[1].request("CANCEL"), self.invites[1]
        self.assertEqual(
            (cancel.uri, cancel.call_id, str(cancel.cseq), cancel.headers.values("Via")),
            (invite.uri, invite.call_id, "1 CANCEL", invite.headers.values("Via")[:1]),
        )
        for name in ("From", "To"):
            self.assertEqual(cancel.headers.lines_of(name), invite.headers.lines_of(name))

    def test_a_second_2xx_goes_upstream_too(self) -> None:
        """§16.7 step 5: every 2xx, also the one that crossed the CANCEL."""
        self.answer(1, 180)
        self.answer(0, 200)
        self.assertEqual(self.phones[1].lines(), ["CANCEL"])
        self.alice.take()
        self.answer(1, 200)
        self.assertEqual(self.end(200).to.tag, "bob1")
        # Again until its ACK comes; a proxy passes each copy on (RFC 6026 §7.2).
        self.answer(1, 200)
        self.answer(0, 200)
        self.assertEqual([one.to.tag for one in self.alice.take()], ["bob1", "bob0"])

    def test_6xx_cancels_the_rest_and_is_the_answer(self) -> None:
        """§16.7 step 5: it goes upstream when the others have ended."""
        self.answer(1, 180)
        self.answer(2, 486)
        self.alice.take()
        self.answer(0, 603)
        self.assertEqual(self.heard(), [["ACK"], ["CANCEL"], ["ACK"]])
        self.assertEqual(self.alice.lines(), [])
        self.answer(1, 487)
        self.end(603)

    def test_2xx_that_crosses_the_cancel_of_a_6xx_wins(self) -> None:
        """§16.7 step 6: a 2xx goes before all others, whenever it comes."""
        self.answer(1, 180)
        self.alice.take()
        self.answer(0, 600)
        self.answer(1, 200)
        self.end(200)
        self.answer(2, 404)
        self.assertEqual(self.alice.lines(), [])

    def test_best_of_all(self) -> None:
        """§16.7 step 6: when the last one has answered; who was merely silent does not speak for all."""
        self.answer(0, 480)
        self.answer(2, 503)
        self.assertEqual(self.alice.lines(), [])
        self.yard.advance(32)
        self.end(480)
        self.assertEqual(self.yard.decided(), ["no-answer-in-time"])

    def test_all_challenges_go_upstream(self) -> None:
        """§16.7 step 7: each WWW-Authenticate and Proxy-Authenticate of all 401 and 407."""
        self.answer(0, 407, 'Proxy-Authenticate: Digest realm="a"')
        self.answer(1, 401, 'WWW-Authenticate: Digest realm="b"')
        self.answer(2, 486)
        response = self.end(407)
        self.assertEqual(
            (response.values("Proxy-Authenticate"), response.values("WWW-Authenticate")),
            (['Digest realm="a"'], ['Digest realm="b"']),
        )

    def test_cancel_of_the_caller(self) -> None:
        """§16.10: 200 to the CANCEL at once, CANCEL to all that ring, 487 when they have ended."""
        for place in range(3):
            self.answer(place, 180)
        self.alice.take()
        self.cancel(self.data)
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(self.heard(), [["CANCEL"]] * 3)
        self.cancel(self.data)
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(self.heard(), [[], [], []])
        for place in range(3):
            self.answer(place, 487)
        self.end(487)

    def test_cancel_that_a_200_crosses(self) -> None:
        """§9.1, §16.7: the 200 goes upstream, the caller has to end the call."""
        for place in range(3):
            self.answer(place, 180)
        self.alice.take()
        self.cancel(self.data)
        self.answer(1, 200)
        self.assertEqual(self.alice.lines(), ["200", "200"])
        self.answer(0, 487)
        self.answer(2, 487)
        self.assertEqual(self.alice.lines(), [])

    def test_provisional_after_the_cancel(self) -> None:
        """§16.7 step 5: a 1xx is forwarded while no final response has gone."""
        self.cancel(self.data)
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(self.heard(), [[], [], []])
        self.answer(0, 180)
        self.assertEqual(self.alice.lines(), ["180"])
        self.assertEqual(self.heard(), [["CANCEL"], [], []])
        self.answer(0, 487)
        self.yard.advance(32)
        self.end(487)
        self.assertEqual(self.yard.decided(), ["cancelled"] * 2)

    def test_one_phone_answers_without_our_clients_via(self) -> None:
        """§16.7 step 3: a response with no Via left is dropped; its branch is over."""
        invite = self.invites[0]
        alone = invite.with_headers(
            invite.headers.without("Via").prepended("Via", invite.headers.values("Via")[0])
        )
        self.phones[0].send(answer(alone, 180))
        self.phones[0].send(answer(alone, 486))
        self.assertEqual(self.alice.lines(), [])
        self.assertEqual(self.yard.decided(), ["no-via-left", "no-via-left", "unusable-response"])
        # Its 200 cannot go anywhere either, and comes again as nobody acknowledges it.
        second = self.invites[1]
        alone = second.with_headers(
            second.headers.without("Via").prepended("Via", second.headers.values("Via")[0])
        )
        self.phones[1].send(answer(alone, 200))
        self.phones[1].send(answer(alone, 200))
        self.assertEqual(self.yard.decided(), ["no-via-left", "unusable-response", "no-via-left"])
        self.answer(2, 500)
        self.assertEqual(self.end(502).phrase, "Bad Gateway (UDP 192.0.2.20:5060)")


def cancel_answer(invite: Request) -> bytes:
    """The bytes of the 200 to the CANCEL of *invite*."""
    fields = [
        f"Via: {invite.headers.values('Via')[0]}",
        *(f"{name}: {invite.headers.first(name)}" for name in ("From", "To", "Call-ID")),
        f"CSeq: {invite.cseq.number} CANCEL",
    ]
    return message("SIP/2.0 200 OK", fields)


class Time(ProxyCase):
    """What happens when nobody answers."""

    def ack(self, data: bytes, status: int) -> None:
        response = self.alice.response(status)
        self.acknowledge(data, response)

    def test_silent_phone(self) -> None:
        """§16.8: an INVITE that nobody answers is sent 7 times and gets 408 after 64*T1."""
        data = self.invite()
        self.assertEqual(self.alice.lines(), ["100"])
        self.yard.advance(31.9)
        self.assertEqual(self.bob.lines(), ["INVITE"] * 7)
        self.yard.advance(0.2)
        self.ack(data, 408)
        self.assertEqual(self.yard.decided(), ["no-answer-in-time"])

    def test_timer_c(self) -> None:
        """§16.8: 181 s after the last 101-199 the branch is cancelled; a 100 does not count."""
        data = self.invite()
        invite = self.bob.request("INVITE")
        self.yard.advance(30)
        self.bob.take()
        self.bob.send(answer(invite, 180))
        self.yard.advance(180)
        self.bob.send(answer(invite, 183))
        self.yard.advance(100)
        self.bob.send(answer(invite, 100))
        self.assertEqual(self.bob.lines(), [])
        self.yard.advance(80.9)
        self.assertEqual(self.bob.lines(), [])
        self.yard.advance(0.2)
        self.assertEqual(self.bob.lines(), ["CANCEL"])
        self.assertEqual(self.yard.decided(), ["timer-c"])
        self.bob.send(cancel_answer(invite))
        self.bob.send(answer(invite, 487))
        self.assertEqual(self.bob.lines(), ["ACK"])
        self.assertEqual(self.alice.lines()[:3], ["100", "180", "183"])
        self.acknowledge(data, codec.decode(answer(invite, 487)))

    def test_timer_c_and_a_phone_that_ignores_the_cancel(self) -> None:
        """§9.1: 64*T1 after a CANCEL without effect the branch is over."""
        data = self.invite()
        self.bob.send(answer(self.bob.request("INVITE"), 180))
        self.yard.advance(181)
        self.alice.take()
        self.assertEqual(self.bob.lines(), ["CANCEL"])
        self.yard.advance(32)
        self.ack(data, 408)

    def test_no_timer_c_after_the_answer(self) -> None:
        """§16.7 step 2: a final response ends it; answered phones are not cancelled."""
        self.invite()
        invite = self.bob.request("INVITE")
        self.bob.send(answer(invite, 180))
        self.bob.send(answer(invite, 200))
        self.yard.advance(400)
        self.assertEqual(self.bob.lines(), [])
        self.assertEqual(self.yard.decided(), [])

    def test_cancel_before_any_branch(self) -> None:
        """§16.10: names are still looked up: 487 at once, and nothing is ever sent."""
        self.yard.names.slow = []
        self.yard.bind("carol", "sip:carol@phone.example")
        self.yard.names.hops["phone.example"] = [Hop("UDP", "192.0.2.20", 5060)]
        data = self.invite("sip:carol@atlanta.com")
        self.cancel(data)
        trying, of_cancel, refusal = self.alice.take()
        assert isinstance(of_cancel, Response) and isinstance(refusal, Response)
        self.assertEqual((of_cancel.status, refusal.status), (200, 487))
        self.acknowledge(data, refusal)
        self.yard.names.slow.pop().callback(None)
        self.yard.advance(1)
        self.assertEqual(self.bob.lines(), [])
        self.assertEqual(self.yard.decided(), ["cancelled"])

    def test_cancel_and_a_phone_that_never_answers(self) -> None:
        """§9.1, §16.10: no CANCEL without a provisional response; 487 when the INVITE times out."""
        data = self.invite()
        self.cancel(data)
        self.yard.advance(32.1)
        self.assertEqual(set(self.bob.lines()), {"INVITE"})
        *_, last = self.alice.take()
        assert isinstance(last, Response)
        self.assertEqual(last.status, 487)
        self.acknowledge(data, last)
        self.assertEqual(self.yard.decided(), ["cancelled"])

    def test_cancel_of_a_non_invite_changes_nothing(self) -> None:
        """§9.1: only an INVITE can be cancelled."""
        data = self.alice.make("MESSAGE", "sip:bob@atlanta.com")
        self.alice.send(data)
        request = self.bob.request("MESSAGE")
        self.cancel(data)
        self.alice.take()
        self.assertEqual(self.bob.lines(), [])
        self.bob.send(answer(request, 200))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_cancel_of_nothing(self) -> None:
        """§9.2: 481."""
        self.cancel(self.alice.make("INVITE", "sip:bob@atlanta.com"))
        self.assertEqual(self.alice.lines(), ["481"])
        self.assertEqual(self.yard.decided(), ["cancel-without-transaction"])

    def test_non_invite_that_nobody_answers_is_never_answered(self) -> None:
        """RFC 4320 §4.2: no 408; the transaction ends all the same."""
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        self.yard.advance(32.1)
        self.assertEqual(set(self.bob.lines()), {"MESSAGE"})
        self.assertEqual(self.alice.lines(), ["100"])
        self.assertEqual(self.yard.decided(), ["no-answer-in-time", "late-non-invite-timeout"])
        self.assertEqual(self.yard.stack.transactions.count, 0)

    def test_408_of_a_phone_to_a_non_invite_goes_no_further(self) -> None:
        """RFC 4320 §4.2."""
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        self.bob.send(answer(self.bob.request("MESSAGE"), 408))
        self.assertEqual(self.alice.lines(), [])
        self.assertEqual(self.yard.decided(), ["late-non-invite-timeout"])

    def test_late_answer_to_a_non_invite_goes_no_further(self) -> None:
        """RFC 4320 §4.2, RFC 6026 §7.2: after Timer F nobody waits for it."""
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        request, *_ = self.bob.take()
        self.yard.advance(32.1)
        self.yard.decided()
        self.alice.take()
        self.bob.send(answer(request, 200))
        self.assertEqual(self.alice.lines(), [])
        self.assertEqual(self.yard.decided(), ["stray-response"])

    def test_provisional_response_to_a_non_invite_goes_no_further(self) -> None:
        """RFC 4320 §4.1: nothing but 100."""
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        request = self.bob.request("MESSAGE")
        self.bob.send(answer(request, 183))
        self.assertEqual(self.alice.lines(), [])
        self.assertEqual(self.yard.decided(), ["non-invite-provisional"])
        self.bob.send(answer(request, 200))
        self.assertEqual(self.alice.lines(), ["200"])

    def test_message_to_two_phones_gets_one_2xx(self) -> None:
        """§16.7 step 5, RFC 3428 §7: the second 2xx to a non-INVITE is not forwarded."""
        other = self.yard.udp("192.0.2.21")
        self.yard.bind("bob", "sip:bob@192.0.2.20", "sip:bob@192.0.2.21")
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com"))
        self.bob.send(answer(self.bob.request("MESSAGE"), 200))
        other.send(answer(other.request("MESSAGE"), 202))
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(self.yard.decided(), ["after-final"])

    def test_retransmitted_requests_are_forwarded_once(self) -> None:
        """§17.2: copies of a request get copies of the last response."""
        data = self.invite()
        self.alice.send(data)
        self.alice.send(data)
        self.assertEqual(self.bob.lines(), ["INVITE"])
        self.assertEqual(self.alice.lines(), ["100"] * 3)
        request = self.alice.make("MESSAGE", "sip:bob@atlanta.com")
        self.alice.send(request)
        self.bob.send(answer(self.bob.request("MESSAGE"), 200))
        self.alice.send(request)
        self.assertEqual((self.bob.lines(), self.alice.lines()), ([], ["200", "200"]))


class Patience(ProxyCase):
    """Timer C where T1 is so large that a silent phone does not time out before it."""

    def setUp(self) -> None:
        self.yard = Yard(TimerValues(t1=4.0))
        self.alice = self.yard.udp("192.0.2.10")
        self.bob = self.yard.udp("192.0.2.20")
        self.yard.bind("bob", "sip:bob@192.0.2.20")

    def tearDown(self) -> None:
        self.yard.advance(600)
        super().tearDown()

    def test_timer_c_of_a_silent_phone(self) -> None:
        """§16.8: with no provisional response it counts as a 408."""
        data = self.invite()
        self.yard.advance(181.1)
        trying, refusal = self.alice.take()
        assert isinstance(refusal, Response)
        self.assertEqual(refusal.status, 408)
        self.acknowledge(data, refusal)
        self.assertEqual(self.yard.decided(), ["timer-c"])


class Failover(ProxyCase):
    """biloxi.com has several hops (RFC 3263 §4.3)."""

    def setUp(self) -> None:
        super().setUp()
        self.second = self.yard.udp("192.0.2.21")
        self.yard.names.hops["biloxi.com"] = [Hop("UDP", "192.0.2.20", 5060), Hop("UDP", "192.0.2.21", 5060)]

    def try_second(self, first: Message) -> Request:
        second = self.second.request(first.cseq.method)
        self.assertNotEqual(second.via.branch, first.via.branch)
        self.assertEqual(second.uri, "sip:bob@biloxi.com")
        return second

    def test_timeout(self) -> None:
        """§16.8, RFC 3263 §4.3: the next hop, with a new branch."""
        self.invite("sip:bob@biloxi.com")
        self.yard.advance(32)
        first = self.bob.take()[0]
        second = self.try_second(first)
        self.second.send(answer(second, 200))
        self.assertEqual(self.alice.lines(), ["100", "200"])
        self.assertEqual(self.yard.decided(), ["no-answer-in-time"])

    def test_503(self) -> None:
        """RFC 3263 §4.3: for INVITE and others alike; the 503 of an INVITE is acknowledged."""
        for method in ("INVITE", "MESSAGE"):
            with self.subTest(method=method):
                self.alice.send(self.alice.make(method, "sip:bob@biloxi.com"))
                first = self.bob.request(method)
                self.bob.send(answer(first, 503))
                self.second.send(answer(self.try_second(first), 200))
                self.assertEqual(self.bob.lines(), ["ACK"] if method == "INVITE" else [])
                self.assertEqual(self.alice.lines()[-1], "200")
                self.assertEqual(self.yard.decided(), ["next-hop-failed"])

    def test_503_of_the_last_becomes_500(self) -> None:
        """§16.7 step 6: passing 503 on would silence this proxy."""
        data = self.invite("sip:bob@biloxi.com")
        self.bob.send(answer(self.bob.request("INVITE"), 503))
        self.second.send(answer(self.second.request("INVITE"), 503))
        trying, refusal = self.alice.take()
        assert isinstance(refusal, Response)
        self.assertEqual(refusal.status, 500)
        self.acknowledge(data, refusal)
        self.assertEqual(self.yard.decided(), ["next-hop-failed", "503-becomes-500"])

    def test_refused_connection(self) -> None:
        """§16.9: a transport failure leads to the next hop, here of the other transport."""
        self.yard.names.hops["biloxi.com"] = [Hop("TCP", "192.0.2.20", 5060), Hop("UDP", "192.0.2.21", 5060)]
        self.invite("sip:bob@biloxi.com")
        second = self.second.request("INVITE")
        self.assertEqual(second.via.transport, "UDP")
        # Record-Route is that of the hop that it goes to (§16.6 step 4).
        self.assertEqual(second.values("Record-Route"), ["<sip:192.0.2.1:5060;lr>"])
        self.second.send(answer(second, 200))
        self.assertEqual(self.yard.decided(), ["next-hop-failed"])

    def test_hops_that_fail_at_once(self) -> None:
        """§16.9: a socket may refuse before the try is even known; CANCEL goes to the right one."""
        self.yard.names.hops["biloxi.com"] = [Hop("UDP", "2001:db8::1", 5060), Hop("UDP", "192.0.2.21", 5060)]
        data = self.invite("sip:bob@biloxi.com")
        invite = self.second.request("INVITE")
        self.second.send(answer(invite, 180))
        self.cancel(data)
        self.assertEqual(self.second.lines(), ["CANCEL"])
        self.second.send(answer(invite, 487))
        self.assertEqual(self.alice.lines(), ["100", "180", "200", "487"])

    def test_all_hops_fail(self) -> None:
        """§16.9: 500 with the reason in the phrase."""
        self.yard.names.hops["biloxi.com"] = [Hop("TCP", "192.0.2.20", 5060), Hop("TCP", "192.0.2.21", 5060)]
        data = self.invite("sip:bob@biloxi.com")
        trying, refusal = self.alice.take()
        assert isinstance(refusal, Response)
        self.assertEqual(refusal.status, 500)
        self.assertTrue(refusal.phrase.startswith("Next Hop Could Not Be Reached (TCP to 192.0.2.21"))
        self.acknowledge(data, refusal)

    def test_no_other_hop_once_it_is_cancelled(self) -> None:
        """§16.10: who gave up is not called elsewhere."""
        data = self.invite("sip:bob@biloxi.com")
        invite = self.bob.request("INVITE")
        self.bob.send(answer(invite, 180))
        self.cancel(data)
        self.bob.send(answer(invite, 503))
        self.assertEqual((self.bob.lines(), self.second.lines()), (["CANCEL", "ACK"], []))
        refusal = self.alice.take()[-1]
        assert isinstance(refusal, Response)
        self.assertEqual(refusal.status, 500)
        self.acknowledge(data, refusal)

    def test_unreachable_target_beside_one_that_answers(self) -> None:
        """§16.7: one target that has no hop does not stop the others."""
        self.yard.bind("carol", "sip:carol@nowhere.example", "sip:carol@192.0.2.20")
        data = self.invite("sip:carol@atlanta.com")
        invite = self.bob.request("INVITE")
        self.assertEqual(self.yard.decided(), ["unreachable-domain"])
        self.bob.send(answer(invite, 486))
        trying, refusal = self.alice.take()
        self.acknowledge(data, refusal)
        assert isinstance(refusal, Response)
        self.assertEqual(refusal.status, 486)


class Vanished(ProxyCase):
    """The caller's connection breaks (§16.9)."""

    def test_caller_that_is_gone(self) -> None:
        """A response that cannot be forwarded is dropped; for that, no branch is cancelled."""
        caller = self.yard.tcp("192.0.2.11", listening=False)
        caller.connect()
        caller.send(caller.make("INVITE", "sip:bob@atlanta.com"))
        invite = self.bob.request("INVITE")
        caller.close()
        self.bob.send(answer(invite, 180))
        self.yard.advance(0.1)
        self.assertEqual((self.bob.lines(), self.yard.decided()), ([], ["unsendable-response"]))
        self.bob.send(answer(invite, 486))
        self.yard.advance(0.1)
        self.assertEqual((self.bob.lines(), self.yard.decided()), (["ACK"], ["unsendable-response"]))

    def test_failure_of_a_try_that_is_over_changes_nothing(self) -> None:
        """A branch that has its answer hears of no failure."""
        self.invite()
        (transaction,) = self.yard.stack.transactions._servers.values()
        assert isinstance(transaction.user, ResponseContext)
        (branch,) = transaction.user.branches
        self.bob.send(answer(self.bob.request("INVITE"), 200))
        branch.transport_failed(TransportFailure("late"))
        branch.cancel()
        self.assertEqual(self.yard.decided(), [])

"""Server transactions through their layer: CANCEL, limits, failures, and users that misbehave."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sipmini import reasons
from sipmini.errors import TransportFailure
from sipmini.flow import Flow
from sipmini.message import Request, make_response
from sipmini.transaction import ServerTransaction
from sipmini.transaction.layer import _nobody
from tests.transaction.scene import TCP, UDP, LayerCase, User


class ServerCase(LayerCase):
    def one(self, method: str = "INVITE", flow: Flow = UDP, **parts: Any) -> tuple[ServerTransaction, User]:
        """A request comes; its transaction, and the user that was set for it."""
        self.arrive(method, flow=flow, **parts)
        transaction = self.accepted[-1]
        assert isinstance(transaction.user, User)
        return transaction, transaction.user

    def respond(self, transaction: ServerTransaction, *statuses: int) -> None:
        for status in statuses:
            transaction.respond(make_response(transaction.request, status, to_tag="b"))


def _keep_failure(kept: list[Any], request: Request, flow: Flow) -> Callable[[bytes, Any], None]:
    """A replier whose failures are told later."""
    return lambda data, failed: kept.append(failed)


class RespondingTests(ServerCase):
    def test_trying(self) -> None:
        """§17.2.1: 100 after 200 ms, the headers of the INVITE copied, no To tag added."""
        self.one()
        self.advance(0.2)
        self.expect_sent((0.2, "100 INVITE", UDP))
        self.assertIsNone(self.wire.messages[-1].to.tag)

    def test_no_trying_for_others(self) -> None:
        """RFC 4320 §4.1: no 100 for a request other than INVITE of the layer's own accord."""
        self.one("OPTIONS")
        self.advance(10)
        self.expect_sent()

    def test_flow(self) -> None:
        """§18.2.2: responses go the way that the request came."""
        transaction, _ = self.one(flow=TCP)
        self.respond(transaction, 180, 200)
        self.expect_sent((0, "180 INVITE", TCP), (0, "200 INVITE", TCP))

    def test_one_final(self) -> None:
        """§17.2.2: after a final response another changes nothing, but a 2xx to INVITE (RFC 6026)."""
        transaction, _ = self.one("OPTIONS")
        self.respond(transaction, 404, 200, 100)
        self.assertEqual(transaction.final_status, 404)
        self.expect_sent((0, "404 OPTIONS"))
        transaction, _ = self.one("INVITE")
        self.respond(transaction, 200, 200, 486)
        self.assertEqual(transaction.final_status, 200)
        self.expect_sent((0, "200 INVITE"), (0, "200 INVITE"))
        self.expect_nothing_left()
        self.respond(transaction, 200)
        self.expect_sent()

    def test_reject(self) -> None:
        """A reason gives status, phrase and fields."""
        transaction, _ = self.one("OPTIONS")
        transaction.reject(reasons.BAD_EXTENSION.because("foo"), "tag", (("Unsupported", "foo"),))
        response = self.wire.messages[-1]
        self.assertEqual((response.status, response.phrase), (420, "Bad Extension (foo)"))
        self.assertEqual((response.to.tag, response.first("Unsupported")), ("tag", "foo"))

    def test_abandon(self) -> None:
        """RFC 4320 §4.2: a non-INVITE may never be answered; what was answered stays for its copies."""
        transaction, _ = self.one("OPTIONS")
        transaction.abandon()
        self.assertEqual(self.layer.count, 0)
        self.respond(transaction, 408)
        transaction.abandon()
        self.expect_sent()
        transaction, _ = self.one("BYE")
        self.respond(transaction, 200)
        transaction.abandon()
        self.arrive("BYE")
        self.expect_sent((0, "200 BYE"), (0, "200 BYE"))
        transaction, _ = self.one("INVITE")
        transaction.abandon()
        self.assertEqual(self.layer.count, 2)

    def test_ack_never_comes(self) -> None:
        """§17.2.1: the user hears that Timer H fired."""
        transaction, user = self.one()
        self.respond(transaction, 486)
        self.expect_nothing_left(32)
        self.expect_told(user, "timed out")

    def test_cannot_be_sent(self) -> None:
        """RFC 6026 §8.8: an INVITE's user hears of it and may try again; others are over (§17.2.4)."""
        self.wire.refused.add(UDP)
        transaction, user = self.one()
        self.respond(transaction, 180)
        self.expect_told(user, "transport failed")
        self.wire.refused.clear()
        self.respond(transaction, 200)
        self.expect_sent((0, "200 INVITE"))
        self.wire.refused.add(UDP)
        transaction, user = self.one("OPTIONS")
        self.respond(transaction, 200)
        self.expect_told(user, "transport failed")
        self.assertEqual(self.layer.count, 1)

    def test_answered_on_failure(self) -> None:
        """A user that answers finally as it is told of a failure meets no loop."""
        self.wire.refused.add(UDP)
        transaction, user = self.one()
        user.then = lambda *_: self.respond(transaction, 500)
        self.respond(transaction, 180)
        self.expect_told(user, "transport failed", "transport failed")
        user.then = lambda *_: None
        self.expect_nothing_left()

    def test_failure_after_the_end(self) -> None:
        """A failure that is told late is nobody's."""
        for method in ("INVITE", "OPTIONS"):
            with self.subTest(method=method):
                self.setUp()
                late: list[Any] = []
                self.wire.replier = partial(_keep_failure, late)  # type: ignore[method-assign]
                transaction, user = self.one(method)
                self.respond(transaction, 200)
                self.expect_nothing_left()
                late[0](TransportFailure("refused"))
                self.expect_told(user)

    def test_without_user(self) -> None:
        """A transaction whose user was never set answers, and tells nobody."""
        self.layer.on_request = lambda request, transaction, flow: self.accepted.append(transaction)  # type: ignore
        self.arrive()
        (transaction,) = self.accepted
        self.wire.refused.add(UDP)
        self.respond(transaction, 180)
        self.wire.refused.clear()
        self.arrive("CANCEL")
        self.respond(transaction, 486)
        self.arrive("ACK")
        self.advance(40)
        self.setUp()
        self.layer.on_request = lambda request, transaction, flow: self.accepted.append(transaction)  # type: ignore
        self.arrive()
        self.respond(self.accepted[0], 486)
        self.expect_nothing_left()

    def test_user_raises(self) -> None:
        """What a user does wrong is logged; the machine goes its way."""
        transaction, user = self.one()
        user.then = lambda *_: 1 // 0
        self.arrive("CANCEL")
        self.respond(transaction, 487)
        self.arrive("ACK")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.expect_nothing_left()


class HandlerTests(ServerCase):
    """The one who gets new requests raises."""

    def test_raises(self) -> None:
        """§21.5.1: that request gets 500, by its transaction, and a rule; the next one is handled."""
        self.layer.on_request = lambda *_: 1 // 0  # type: ignore[assignment,return-value]
        for method in ("INVITE", "OPTIONS"):
            self.arrive(method)
            self.arrive(method)
            self.expect_sent((0, f"500 {method}"), (0, f"500 {method}"))
            self.expect_decided("server-error")
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.arrive("ACK", to="<sip:bob@biloxi.com>;tag=t3")
        self.advance(0.5)
        self.expect_sent()
        self.expect_nothing_left()

    def test_raises_on_ack(self) -> None:
        """An ACK is answered by nothing."""
        self.layer.on_request = lambda *_: 1 // 0  # type: ignore[assignment,return-value]
        self.arrive("ACK")
        self.expect_sent()
        self.expect_decided("server-error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_raises_after_answering(self) -> None:
        """What was answered stays answered."""

        def answer(request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
            assert transaction is not None
            self.respond(transaction, 200)
            raise ZeroDivisionError

        self.layer.on_request = answer
        self.arrive("OPTIONS")
        self.expect_sent((0, "200 OPTIONS"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_not_set(self) -> None:
        """Without anybody to get it, a request is answered with 500."""
        self.make_layer()
        self.layer.on_request = _nobody
        self.arrive("OPTIONS")
        self.expect_sent((0, "500 OPTIONS"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class CancelTests(ServerCase):
    def test_cancelled(self) -> None:
        """§9.2: 200 at once, and the user hears of it; a copy gets the 200 again, and tells nobody."""
        transaction, user = self.one()
        self.arrive("CANCEL")
        self.arrive("CANCEL")
        self.expect_sent((0, "200 CANCEL"), (0, "200 CANCEL"))
        self.expect_told(user, "cancelled")
        self.assertIsNotNone(self.wire.messages[-1].to.tag)
        self.respond(transaction, 487)
        self.arrive("ACK")
        self.expect_nothing_left()

    def test_after_final(self) -> None:
        """§9.2: a CANCEL has no effect on what was answered finally, but is answered with 200."""
        for status in (200, 486):
            with self.subTest(status=status):
                self.setUp()
                transaction, user = self.one()
                self.respond(transaction, status)
                self.wire.sent.clear()
                self.arrive("CANCEL")
                self.expect_sent((0, "200 CANCEL"))
                self.expect_told(user)
                self.expect_decided()

    def test_unmatched(self) -> None:
        """§9.2: 481 where there is nothing to cancel, the same for each copy, and nothing is kept."""
        self.arrive("CANCEL")
        self.arrive("CANCEL")
        self.expect_sent((0, "481 CANCEL"), (0, "481 CANCEL"))
        self.expect_decided("cancel-without-transaction", "cancel-without-transaction")
        first, second = self.wire.messages
        self.assertEqual(first.to.tag, second.to.tag)
        self.assertEqual(self.layer.count, 0)
        self.arrive("CANCEL", via="SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK2")
        self.assertNotEqual(self.wire.messages[-1].to.tag, first.to.tag)

    def test_of_another_method(self) -> None:
        """§9.2: a CANCEL has no effect on requests other than INVITE, but is answered with 200."""
        _, user = self.one("OPTIONS")
        self.arrive("CANCEL")
        self.expect_sent((0, "200 CANCEL"))
        self.expect_told(user)
        self.expect_decided()

    def test_rfc_2543(self) -> None:
        """§17.2.3: matched without the cookie too."""
        via = "SIP/2.0/UDP 192.0.2.2:5060"
        _, user = self.one(via=via)
        self.arrive("CANCEL", via=via, cseq="1 CANCEL")
        self.expect_sent((0, "200 CANCEL"))
        self.expect_told(user, "cancelled")


class LimitTests(ServerCase):
    def test_full(self) -> None:
        """§21.5.4: beyond the limit 503 with Retry-After, in no transaction; what is there goes on."""
        self.make_layer(transactions=2)
        for number in (1, 2, 3):
            self.arrive("OPTIONS", via=f"SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK{number}")
        self.assertEqual((len(self.accepted), self.layer.count), (2, 2))
        self.expect_sent((0, "503 OPTIONS", UDP))
        self.expect_decided("too-many-transactions")
        self.assertEqual(self.wire.messages[-1].first("Retry-After"), "5")
        self.respond(self.accepted[0], 200)
        self.arrive("OPTIONS")
        self.expect_sent((0, "200 OPTIONS"), (0, "200 OPTIONS"))
        self.advance(32)
        self.arrive("OPTIONS", via="SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK4")
        self.assertEqual(len(self.accepted), 3)

    def test_full_and_cancelled(self) -> None:
        """A CANCEL for what is there is what makes room; ACKs need none."""
        self.make_layer(transactions=1)
        transaction, user = self.one()
        self.arrive("CANCEL")
        self.expect_told(user, "cancelled")
        self.respond(transaction, 487)
        self.arrive("ACK")
        self.expect_told(user, "acked")
        self.arrive("ACK", via="SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK2")
        self.assertEqual(len(self.alone), 1)

    def test_refuse(self) -> None:
        """Without a transaction: a rule and an answer, but for an ACK, which has none."""
        for method, sent in (("OPTIONS", [(0, "400 OPTIONS", TCP)]), ("ACK", [])):
            self.layer.refuse(self.request(method), reasons.BAD_HEADER_VALUE.because("x"), TCP)
            self.expect_decided("bad-header-value")
            self.expect_sent(*sent)
        self.wire.refused.add(TCP)
        self.layer.refuse(self.request("OPTIONS"), reasons.BAD_HEADER_VALUE.because("x"), TCP)
        self.expect_decided("bad-header-value", "unsendable-response")
        self.assertEqual(self.layer.count, 0)

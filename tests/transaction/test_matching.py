"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3)."""

from __future__ import annotations

from sipmini.message import make_response
from sipmini.transaction.matching import client_key, server_key
from tests.transaction.scene import UDP, LayerCase, User

OLD = "SIP/2.0/UDP 192.0.2.2:5060"


class ServerKeyTests(LayerCase):
    def same(self, one: dict[str, str], other: dict[str, str], method: str = "INVITE") -> bool:
        """Whether a request with these parts is a copy of the other one."""
        return server_key(self.request(method, **one)) == server_key(self.request(method, **other))

    def test_branch_sent_by_and_method(self) -> None:
        """§17.2.3: with the cookie, branch, sent-by and method are all that counts."""
        first = {"via": "SIP/2.0/UDP host.example:5060;branch=z9hG4bKa"}
        equal = (
            "SIP/2.0/UDP HOST.example;branch=z9hG4bKa",
            "SIP/2.0/UDP host.example:5060;received=192.0.2.9;rport=9;branch=z9hG4bKa",
        )
        for via in equal:
            self.assertTrue(self.same(first, {"via": via, "call_id": "other"}), via)
        different = (
            "SIP/2.0/UDP host.example:5060;branch=z9hG4bKb",
            "SIP/2.0/UDP host.example:5061;branch=z9hG4bKa",
            "SIP/2.0/UDP other.example:5060;branch=z9hG4bKa",
        )
        for via in different:
            self.assertFalse(self.same(first, {"via": via}), via)
        self.assertNotEqual(server_key(self.request("BYE")), server_key(self.request("INFO")))

    def test_default_ports(self) -> None:
        """§18.2.2: where sent-by has no port, it is that of the transport."""
        for transport, port in (("UDP", 5060), ("TCP", 5060), ("TLS", 5061), ("WS", 80), ("WSS", 443)):
            with self.subTest(transport=transport):
                bare = {"via": f"SIP/2.0/{transport} h;branch=z9hG4bKa"}
                full = {"via": f"SIP/2.0/{transport} h:{port};branch=z9hG4bKa"}
                self.assertTrue(self.same(bare, full))

    def test_ack_and_cancel(self) -> None:
        """§17.2.3: an ACK matches its INVITE; a CANCEL is a transaction of its own, and names another."""
        invite, ack, cancel = (self.request(method) for method in ("INVITE", "ACK", "CANCEL"))
        self.assertEqual(server_key(ack), server_key(invite))
        self.assertNotEqual(server_key(cancel), server_key(invite))
        self.assertEqual(server_key(cancel, "INVITE"), server_key(invite))

    def test_rfc_2543(self) -> None:
        """§17.2.3: without the cookie, Request-URI, From tag, Call-ID, CSeq number and top Via count."""
        first = {"via": f"{OLD};branch=1"}
        self.assertTrue(self.same(first, dict(first)))
        different: tuple[dict[str, str], ...] = (
            {"uri": "sip:carol@biloxi.com"},
            {"from_": "<sip:alice@atlanta.com>;tag=other"},
            {"from_": "<sip:alice@atlanta.com>"},
            {"call_id": "other"},
            {"cseq": "2 INVITE"},
            {"via": f"{OLD};branch=2"},
            {"via": OLD},
            {"via": "SIP/2.0/UDP 192.0.2.3:5060;branch=1"},
            {"via": "SIP/2.0/TCP 192.0.2.2:5060;branch=1"},
        )
        for parts in different:
            self.assertFalse(self.same(first, {**first, **parts}), parts)

    def test_rfc_2543_ack_and_cancel(self) -> None:
        """§17.2.3: the ACK bears the To tag of the response, which the INVITE has not."""
        parts = {"via": f"{OLD};branch=1", "from_": "<sip:alice@atlanta.com>"}
        invite = self.request(**parts)
        ack = self.request("ACK", to="<sip:bob@biloxi.com>;tag=b", cseq="1 ACK", **parts)
        cancel = self.request("CANCEL", cseq="1 CANCEL", **parts)
        self.assertEqual(server_key(ack), server_key(invite))
        self.assertEqual(server_key(cancel, "INVITE"), server_key(invite))

    def test_cookie_alone(self) -> None:
        """RFC 4475 §3.1.2.4 (badbranch): a cookie with nothing behind it is unique to nobody."""
        via = {"via": f"{OLD};branch=z9hG4bK"}
        self.assertFalse(self.same(via, {**via, "call_id": "other"}))
        self.assertTrue(self.same(via, dict(via)))


class ClientKeyTests(LayerCase):
    def test_branch_and_method(self) -> None:
        """§17.1.3: the top Via's branch and the method in CSeq; CANCEL shares the branch of its INVITE."""
        transaction, user = self.send()
        invite = self.wire.messages[-1]
        self.answer(100)
        transaction.cancel()
        cancel = self.wire.messages[-1]
        response = self.answer(200, cancel)
        self.assertEqual(client_key(response), (invite.via.branch, "CANCEL"))
        self.expect_told(user, "received 100")
        self.answer(487, invite)
        self.expect_told(user, "received 487")

    def test_stray(self) -> None:
        """RFC 6026 §7.2: a response that matches none is dropped, by rule."""
        _, user = self.send()
        self.answer(200, self.request("INVITE", via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKno"))
        self.answer(200, self.request("BYE", via=str(self.wire.messages[-1].via)))
        self.expect_decided("stray-response", "stray-response")
        self.expect_told(user)


class MatchingTests(LayerCase):
    def test_copies(self) -> None:
        """§17.2.3: copies go to the transaction, the user sees the first one only."""
        for method in ("INVITE", "OPTIONS"):
            with self.subTest(method=method):
                self.setUp()
                for _ in range(3):
                    self.arrive(method)
                (transaction,) = self.accepted
                self.assertEqual(self.layer.count, 1)
                transaction.respond(make_response(transaction.request, 180))
                self.arrive(method)
                self.expect_sent((0, f"180 {method}", UDP), (0, f"180 {method}", UDP))

    def test_ack_of_failure(self) -> None:
        """§17.1.1.3: the ACK of a failure ends in the transaction, its user hears of it once."""
        self.arrive()
        (transaction,) = self.accepted
        transaction.respond(make_response(transaction.request, 486))
        for _ in range(2):
            self.arrive("ACK", to="<sip:bob@biloxi.com>;tag=b")
        assert isinstance(transaction.user, User)
        self.expect_told(transaction.user, "acked")
        self.assertEqual(self.alone, [])
        self.expect_sent((0, "486 INVITE", UDP))
        self.advance(5)
        self.assertEqual((self.layer.count, self.timers.pending), (0, 0))

    def test_ack_of_success(self) -> None:
        """§13.2.2.4: the ACK of a 2xx has a branch of its own and comes up in no transaction."""
        self.arrive()
        (transaction,) = self.accepted
        transaction.respond(make_response(transaction.request, 200))
        self.arrive("ACK", via="SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK2")
        self.assertEqual([ack.method for ack in self.alone], ["ACK"])
        self.arrive("ACK")
        assert isinstance(transaction.user, User)
        self.expect_told(transaction.user, "acked")
        self.assertEqual(len(self.alone), 1)

    def test_late_copies(self) -> None:
        """RFC 6026 §7.1: the INVITE's copies are absorbed for 64*T1 after a 2xx, not taken for a new call."""
        self.arrive()
        (transaction,) = self.accepted
        transaction.respond(make_response(transaction.request, 200))
        self.advance(31.9)
        self.arrive()
        self.assertEqual(len(self.accepted), 1)
        self.advance(0.2)
        self.arrive()
        self.assertEqual(len(self.accepted), 2)

"""Forks of which everything happens by chance, held to what must be true of each (RFC 3261 §16.7, §16.10)."""

from __future__ import annotations

from random import Random

from sipmini.message import Request, Response
from sipmini.testing import drop, duplicate, reorder
from tests.proxy.harness import ProxyCase, UdpPeer, answer
from tests.proxy.test_context import cancel_answer


class Callee:
    """A phone that does what chance says, as far as a phone may (§13.3, §9.2)."""

    def __init__(self, peer: UdpPeer, random: Random) -> None:
        self.peer = peer
        self.random = random
        self.invite: Request | None = None
        self.final: bytes | None = None
        self.status = 0
        self.rang = False
        self.cancelled = False
        self.acknowledged = False

    def hear(self) -> None:
        """Take in what came."""
        for heard in self.peer.take():
            if isinstance(heard, Response):
                raise AssertionError(f"a phone that asks nothing gets {heard}")
            if heard.method == "INVITE":
                self.invite = heard
                if self.final is not None and not self.acknowledged:
                    self.peer.write(self.final)
            elif heard.method == "CANCEL":
                assert self.invite is not None and self.rang, "CANCEL before any provisional response"
                self.cancelled = True
                self.peer.write(cancel_answer(self.invite))
                if self.final is None:
                    self.end(487)
            elif heard.method == "ACK":
                self.acknowledged = True

    def act(self) -> None:
        """Perhaps do something."""
        if self.invite is None or self.random.random() < 0.6:
            return
        if self.final is not None:
            if not self.acknowledged:
                self.peer.write(self.final)
        elif self.random.random() < 0.6:
            self.rang = True
            self.peer.write(
                answer(self.invite, self.random.choice((100, 180, 183)), tag=self.peer.address[-2:])
            )
        else:
            self.end(self.random.choice((200, 200, 302, 401, 404, 486, 500, 503, 603)))

    def end(self, status: int) -> None:
        """The final response."""
        assert self.invite is not None
        self.status = status
        self.final = answer(self.invite, status, tag=self.peer.address[-2:])
        self.peer.write(self.final)


class Chance(ProxyCase):
    def play(self, seed: int) -> None:
        """One INVITE to one to four phones, on a network of some quality."""
        random = Random(seed)
        network = self.yard.network
        network.random.seed(seed)
        rules = random.choice(
            (
                [],
                [drop(chance=0.2)],
                [duplicate(after=0.2, chance=0.3)],
                [reorder(0.7)],
                [drop(chance=0.2), reorder(0.3), duplicate(chance=0.2)],
            )
        )
        network.rules[:] = rules
        for callee in self.callees:
            callee.__init__(callee.peer, random)  # type: ignore[misc]
        callees = self.callees[: random.randint(1, 4)]
        user = f"user{seed}"
        self.yard.bind(user, *[f"sip:{user}@{callee.peer.address}" for callee in callees])
        data = self.invite(f"sip:{user}@atlanta.com", call_id=f"call-{seed}", branch=f"z9hG4bKseed{seed}")
        finals: list[Response] = []
        gave_up = False
        for _ in range(40):
            for callee in callees:
                callee.hear()
                callee.act()
            if random.random() < 0.03:
                gave_up = True
            if gave_up and not finals:
                self.cancel(data)
            if not finals:
                self.alice.write(data)
            self.yard.advance(random.choice((0.005, 0.3, 2)))
            self.collect(data, finals)
        network.rules.clear()
        self.settle(data, callees, finals, gave_up)

    def collect(self, data: bytes, finals: list[Response]) -> None:
        for heard in self.alice.take():
            assert isinstance(heard, Response)
            if heard.cseq.method == "INVITE" and heard.status >= 200:
                finals.append(heard)
                if heard.status >= 300:
                    self.acknowledge(data, heard)

    def settle(self, data: bytes, callees: list[Callee], finals: list[Response], gave_up: bool) -> None:
        """The network works again; in the end each phone has answered or given up."""
        for turn in range(120):
            for callee in callees:
                callee.hear()
                # §13.3.1.4: a 2xx is sent again for 64*T1; nobody here acknowledges it.
                if callee.final is not None and (
                    turn < 10 if callee.status < 300 else not callee.acknowledged
                ):
                    callee.peer.write(callee.final)
            self.yard.advance(3)
            self.collect(data, finals)
        self.assertTrue(finals, "the caller got no final response")
        refused = {response.status for response in finals if response.status >= 300}
        answered = {response.to.tag for response in finals if response.status < 300}
        # §16.7 step 5: one failure at most; a 2xx is the last word.
        self.assertLessEqual(len(refused), 1)
        self.assertTrue(not (refused and answered), (refused, answered))
        self.assertTrue(answered <= {c.peer.address[-2:] for c in callees if c.status == 200})
        if not gave_up and answered:
            for callee in callees:
                # §16.7 step 10: who rang and did not answer was cancelled.
                self.assertTrue(callee.final is not None or not callee.rang or callee.cancelled)
        self.assertEqual(self.yard.stack.transactions.count, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_by_chance(self) -> None:
        """Whatever the phones and the network do: one outcome, and nothing left."""
        self.callees = [
            Callee(peer, Random(0))
            for peer in (self.bob, *[self.yard.udp(f"192.0.2.2{number}") for number in (1, 2, 3)])
        ]
        for seed in range(60):
            with self.subTest(seed=seed):
                self.play(seed)

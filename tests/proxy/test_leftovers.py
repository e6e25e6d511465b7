"""A finished call leaves nothing behind, not even for the garbage collector."""

from __future__ import annotations

import gc
from collections import Counter

from tests.proxy.harness import ProxyCase, answer

#: What lives as long as a transaction.
KINDS = frozenset(
    {
        "ServerTransaction",
        "ClientTransaction",
        "InviteServerCore",
        "InviteClientCore",
        "NonInviteServerCore",
        "ClientCore",
        "Transitioner",
        "ResponseContext",
        "Branch",
    }
)


class Leftovers(ProxyCase):
    """What is over is freed by counting references; a circle would wait for the collector."""

    def call(self, *statuses: int) -> None:
        """An INVITE with these answers of bob, all of it over."""
        self.invite()
        invite = self.bob.request("INVITE")
        for status in statuses:
            self.bob.send(answer(invite, status))
        self.yard.advance(300)
        self.bob.take()
        self.alice.take()
        self.yard.entries.clear()
        self.yard.network.trace.clear()

    def test_no_circles(self) -> None:
        """However a call ends, nothing of its transactions and its response context remains."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for statuses in ((180, 200), (486,), (), (180,), (180, 200, 200)):
            with self.subTest(statuses=statuses):
                before = _held()
                self.call(*statuses)
                self.assertEqual(_held() - before, Counter())


def _held() -> Counter[str]:
    """How many objects of each kind that belongs to a call there are in this process."""
    return Counter([type(each).__name__ for each in gc.get_objects() if type(each).__name__ in KINDS])

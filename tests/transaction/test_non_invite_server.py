"""The non-INVITE server transaction (RFC 3261 §17.2.2, figure 8)."""

from __future__ import annotations

from typing import Any

from sipmini.errors import TransportFailure
from sipmini.transaction.non_invite_server import NonInviteServer, NonInviteServerCore
from tests.transaction.bench import Bench

ROWS = """
Trying      provisional       Proceeding
Trying      final             Completed
Trying      retransmitted     -
Proceeding  provisional       Proceeding
Proceeding  final             Completed
Proceeding  retransmitted     Proceeding
Proceeding  transport_failed  Terminated
Completed   retransmitted     Completed
Completed   transport_failed  Terminated
Completed   timer_j           Terminated
Completed   provisional       -
Completed   final             -
"""

#: In Trying nothing was sent that could fail, and no timer is armed but Timer J, in Completed.  To a
#: transaction that ended nothing comes: it is out of the layer's table, its handle is deaf.
IMPOSSIBLE = {
    "Trying": "transport_failed timer_j",
    "Proceeding": "timer_j",
    "Terminated": "provisional final retransmitted transport_failed timer_j",
}

FAILURE = TransportFailure("no route")


class NonInviteServerTests(Bench):
    def start(self, reliable: bool = False) -> Any:
        core = NonInviteServerCore(
            self.note("send"), self.timers, self.values, reliable, self.note("failed"), self.note("ended")
        )
        return NonInviteServer(core)

    def test_table(self) -> None:
        """Every pair of state and input has a row or cannot occur; every state is reached."""
        self.expect_table(NonInviteServer, ROWS, IMPOSSIBLE)

    def test_trying(self) -> None:
        """§17.2.2: copies are discarded while there is nothing to say."""
        machine = self.start()
        machine.retransmitted()
        self.expect_state(machine, "Trying")
        self.expect_idle()

    def test_provisional(self) -> None:
        """§17.2.2: copies get the latest provisional response."""
        machine = self.start()
        machine.provisional(b"100")
        machine.provisional(b"183")
        machine.retransmitted()
        self.expect((0, "send", b"100"), (0, "send", b"183"), (0, "send", b"183"))
        machine.final(b"200")
        self.expect((0, "send", b"200"))
        self.expect_state(machine, "Completed")

    def test_final(self) -> None:
        """§17.2.2: copies get the final response until Timer J, 64*T1; other responses are discarded."""
        machine = self.start()
        self.at(1.0)
        machine.final(b"200")
        machine.final(b"500")
        machine.provisional(b"100")
        self.at(32.9)
        machine.retransmitted()
        self.at(100)
        self.expect((1.0, "send", b"200"), (32.9, "send", b"200"), (33.0, "ended"))
        self.expect_idle()

    def test_final_on_a_stream(self) -> None:
        """§17.2.2: Timer J is zero on a reliable transport."""
        machine = self.start(reliable=True)
        machine.final(b"200")
        self.clock.advance(0)
        self.expect((0, "send", b"200"), (0, "ended"))
        self.expect_idle()

    def test_transport_fails(self) -> None:
        """§17.2.4: the user hears of it and the transaction is over."""
        machine = self.start()
        machine.provisional(b"100")
        machine.transport_failed(FAILURE)
        self.expect((0, "send", b"100"), (0, "failed", FAILURE), (0, "ended"))
        self.setUp()
        machine = self.start()
        machine.final(b"200")
        machine.transport_failed(FAILURE)
        self.expect((0, "send", b"200"), (0, "failed", FAILURE), (0, "ended"))
        self.expect_idle()

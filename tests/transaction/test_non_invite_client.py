"""The non-INVITE client transaction (RFC 3261 §17.1.2, figure 6)."""

from __future__ import annotations

from typing import Any

from sipmini.errors import TransportFailure
from sipmini.transaction.client_core import ClientCore
from sipmini.transaction.non_invite_client import NonInviteClient
from tests.transaction.bench import Bench

ROWS = """
Initial     started           Trying
Trying      timer_e           Trying
Trying      timer_f           Terminated
Trying      provisional       Proceeding
Trying      final             Completed
Trying      transport_failed  Terminated
Proceeding  timer_e           Proceeding
Proceeding  timer_f           Terminated
Proceeding  provisional       Proceeding
Proceeding  final             Completed
Proceeding  transport_failed  Terminated
Completed   timer_k           Terminated
Completed   provisional       -
Completed   final             -
Completed   transport_failed  -
"""

#: A timer cannot come in a state that did not arm it, nor anything to a transaction that ended.
IMPOSSIBLE = {
    "Initial": "provisional final transport_failed timer_e timer_f timer_k",
    "Trying": "started timer_k",
    "Proceeding": "started timer_k",
    "Completed": "started timer_e timer_f",
    "Terminated": "started provisional final transport_failed timer_e timer_f timer_k",
}

FAILURE = TransportFailure("no route")


class NonInviteClientTests(Bench):
    def start(self, reliable: bool = False) -> Any:
        core = ClientCore(
            self.note("BYE"),
            self.timers,
            self.values,
            reliable,
            self.note("received"),
            self.note("timed out"),
            self.note("failed"),
            self.note("ended"),
        )
        machine = NonInviteClient(core)
        machine.started()
        self.expect((0, "BYE"))
        return machine

    def test_table(self) -> None:
        """Every pair of state and input has a row or cannot occur; every state is reached."""
        self.expect_table(NonInviteClient, ROWS, IMPOSSIBLE)

    def test_silence(self) -> None:
        """§17.1.2.2: Timer E doubles up to T2, Timer F ends it after 64*T1: 11 packets in all."""
        self.start()
        self.clock.advance(100)
        times = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        self.expect(*[(time, "BYE") for time in times], (32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_silence_on_a_stream(self) -> None:
        """§17.1.2.2: no Timer E on a reliable transport."""
        self.start(reliable=True)
        self.clock.advance(100)
        self.expect((32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_provisional(self) -> None:
        """§17.1.2.2: after a 1xx the request goes on being sent, every T2 seconds; Timer F runs on."""
        machine = self.start()
        self.at(0.2)
        machine.provisional("100")
        machine.provisional("183")
        self.clock.advance(100)
        received = [(0.2, "received", "100"), (0.2, "received", "183")]
        times = [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
        self.expect(*received, *[(time, "BYE") for time in times], (32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_provisional_on_a_stream(self) -> None:
        """§17.1.2.2: Timer F runs on."""
        machine = self.start(reliable=True)
        machine.provisional("100")
        self.clock.advance(100)
        self.expect((0, "received", "100"), (32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_final(self) -> None:
        """§17.1.2.2: a final response is told once; Timer K, T4, absorbs its copies."""
        for asked in (False, True):
            with self.subTest(asked=asked):
                self.setUp()
                machine = self.start()
                if asked:
                    machine.provisional("100")
                    self.expect((0, "received", "100"))
                self.at(0.25)
                machine.final("200")
                self.at(5.0)
                machine.final("200")
                machine.provisional("100")
                machine.transport_failed(FAILURE)
                self.expect((0.25, "received", "200"))
                self.at(100)
                self.expect((5.25, "ended"))
                self.expect_idle()

    def test_final_on_a_stream(self) -> None:
        """§17.1.2.2: Timer K is zero on a reliable transport."""
        machine = self.start(reliable=True)
        machine.final("404")
        self.clock.advance(0)
        self.expect((0, "received", "404"), (0, "ended"))
        self.expect_state(machine, "Terminated")
        self.expect_idle()

    def test_transport_fails(self) -> None:
        """§17.1.4: what cannot be sent ends the transaction, and its user hears of it."""
        for asked in (False, True):
            with self.subTest(asked=asked):
                self.setUp()
                machine = self.start()
                if asked:
                    machine.provisional("100")
                    self.effects.clear()
                machine.transport_failed(FAILURE)
                self.expect((0, "failed", FAILURE), (0, "ended"))
                self.expect_idle()

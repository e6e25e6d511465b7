"""The INVITE client transaction (RFC 3261 §17.1.1, figure 5; RFC 6026 §7.2)."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from sipmini.errors import TransportFailure
from sipmini.transaction.invite_client import InviteClient, InviteClientCore
from sipmini.transaction.timers import TimerValues
from tests.transaction.bench import Bench

ROWS = """
Initial     started           Calling
Calling     timer_a           Calling
Calling     timer_b           Terminated
Calling     provisional       Proceeding
Calling     success           Accepted
Calling     failure           Completed
Calling     transport_failed  Terminated
Proceeding  provisional       Proceeding
Proceeding  success           Accepted
Proceeding  failure           Completed
Proceeding  abandoned         Terminated
Proceeding  transport_failed  -
Completed   failure           Completed
Completed   timer_d           Terminated
Completed   transport_failed  Terminated
Completed   provisional       -
Completed   success           -
Completed   abandoned         -
Accepted    success           Accepted
Accepted    timer_m           Terminated
Accepted    provisional       -
Accepted    failure           -
Accepted    transport_failed  -
Accepted    abandoned         -
"""

#: A timer cannot come in a state that did not arm it: each row that leaves a state cancels its timers.
#: The user abandons only what it cancelled, and a CANCEL waits for a provisional response.  To a
#: transaction that ended nothing comes: it is out of the layer's table, its handle is deaf.
IMPOSSIBLE = {
    "Initial": "provisional success failure transport_failed abandoned timer_a timer_b timer_d timer_m",
    "Calling": "started abandoned timer_d timer_m",
    "Proceeding": "started timer_a timer_b timer_d timer_m",
    "Completed": "started timer_a timer_b timer_m",
    "Accepted": "started timer_a timer_b timer_d",
    "Terminated": "started provisional success failure transport_failed abandoned "
    "timer_a timer_b timer_d timer_m",
}

FAILURE = TransportFailure("no route")


class InviteClientTests(Bench):
    def start(self, reliable: bool = False, **values: float) -> Any:
        core = InviteClientCore(
            self.note("INVITE"),
            self.timers,
            evolve(self.values, **values),
            reliable,
            self.note("received"),
            self.note("timed out"),
            self.note("failed"),
            self.note("ended"),
            acknowledge=self.note("ACK"),
        )
        machine = InviteClient(core)
        machine.started()
        self.expect((0, "INVITE"))
        return machine

    def test_table(self) -> None:
        """Every pair of state and input has a row or cannot occur; every state is reached."""
        self.expect_table(InviteClient, ROWS, IMPOSSIBLE)

    def test_silence(self) -> None:
        """§17.1.1.2: Timer A doubles without limit, Timer B ends it after 64*T1; the user is told last."""
        self.start()
        self.clock.advance(100)
        resent = [(0.5, "INVITE"), (1.5, "INVITE"), (3.5, "INVITE"), (7.5, "INVITE"), (15.5, "INVITE")]
        self.expect(*resent, (31.5, "INVITE"), (32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_silence_on_a_stream(self) -> None:
        """§17.1.1.2: no Timer A on a reliable transport."""
        self.start(reliable=True)
        self.clock.advance(100)
        self.expect((32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_values(self) -> None:
        """§17.1.1.1: a smaller T1 makes all of it faster, but for Timer D with its 32 seconds at least."""
        machine = self.start(t1=0.01)
        self.clock.advance(0.05)
        self.expect((0.01, "INVITE"), (0.03, "INVITE"))
        machine.failure("486")
        self.expect((0.05, "ACK", "486"), (0.05, "received", "486"))
        self.clock.advance(100)
        self.expect((32.05, "ended"))

    def test_larger_timer_d(self) -> None:
        """§17.1.1.2: Timer D is 64*T1 where that is longer than 32 seconds."""
        machine = self.start(t1=1.0)
        machine.failure("486")
        self.clock.advance(100)
        self.expect((0, "ACK", "486"), (0, "received", "486"), (64.0, "ended"))

    def test_provisional(self) -> None:
        """§17.1.1.2: the first 1xx ends retransmission and Timer B; all of them go up."""
        for reliable in (False, True):
            with self.subTest(reliable=reliable):
                self.setUp()
                machine = self.start(reliable)
                self.at(0.4)
                machine.provisional("100")
                self.at(50)
                machine.provisional("180")
                machine.provisional("180")
                received = [(0.4, "received", "100"), (50, "received", "180"), (50, "received", "180")]
                self.expect(*received)
                self.expect_state(machine, "Proceeding")
                self.expect_idle()

    def test_success(self) -> None:
        """RFC 6026 §7.2: a 2xx goes up, and so does each further one until Timer M (64*T1)."""
        for reliable, rung in ((False, False), (False, True), (True, False), (True, True)):
            with self.subTest(reliable=reliable, rung=rung):
                self.setUp()
                machine = self.start(reliable)
                if rung:
                    machine.provisional("180")
                    self.expect((0, "received", "180"))
                self.at(0.25)
                machine.success("200")
                self.at(31.0)
                machine.success("200")
                machine.provisional("180")
                machine.failure("486")
                machine.abandoned()
                machine.transport_failed(FAILURE)
                self.expect_state(machine, "Accepted")
                self.at(100)
                self.expect((0.25, "received", "200"), (31.0, "received", "200"), (32.25, "ended"))
                self.expect_idle()

    def test_failure(self) -> None:
        """§17.1.1.2: 300-699 is acknowledged, then told; again acknowledged, not told, for Timer D."""
        for rung in (False, True):
            with self.subTest(rung=rung):
                self.setUp()
                machine = self.start()
                if rung:
                    machine.provisional("180")
                    self.expect((0, "received", "180"))
                self.at(0.25)
                machine.failure("486")
                self.expect((0.25, "ACK", "486"), (0.25, "received", "486"))
                self.at(32.0)
                machine.failure("486 again")
                machine.provisional("180")
                machine.success("200")
                machine.abandoned()
                self.expect((32.0, "ACK", "486 again"))
                self.at(100)
                self.expect((32.25, "ended"))
                self.expect_idle()

    def test_failure_on_a_stream(self) -> None:
        """§17.1.1.2: Timer D is zero on a reliable transport."""
        machine = self.start(reliable=True)
        machine.failure("486")
        self.expect((0, "ACK", "486"), (0, "received", "486"))
        self.clock.advance(0)
        self.expect((0, "ended"))
        self.expect_state(machine, "Terminated")
        self.expect_idle()

    def test_transport_fails(self) -> None:
        """§17.1.4: a request that cannot be sent ends the transaction, and its user hears of it."""
        machine = self.start()
        machine.transport_failed(FAILURE)
        self.expect((0, "failed", FAILURE), (0, "ended"))
        self.expect_idle()

    def test_transport_fails_after_an_answer(self) -> None:
        """The other side has the INVITE: that something fails on the way there changes nothing."""
        machine = self.start()
        machine.provisional("100")
        machine.transport_failed(FAILURE)
        self.expect((0, "received", "100"))
        self.expect_state(machine, "Proceeding")

    def test_ack_cannot_be_sent(self) -> None:
        """§17.1.1.2, figure 5: a transport error in Completed ends it, and its user hears of it."""
        machine = self.start()
        machine.failure("486")
        machine.transport_failed(FAILURE)
        received = [(0, "ACK", "486"), (0, "received", "486")]
        self.expect(*received, (0, "failed", FAILURE), (0, "ended"))
        self.expect_idle()

    def test_abandoned(self) -> None:
        """§9.1: no final response within 64*T1 of the CANCEL is as none at all."""
        machine = self.start()
        machine.provisional("180")
        machine.abandoned()
        self.expect((0, "received", "180"), (0, "timed out"), (0, "ended"))
        self.expect_idle()

    def test_default_values(self) -> None:
        """Table 4."""
        self.assertEqual(TimerValues(), TimerValues(t1=0.5, t2=4.0, t4=5.0))

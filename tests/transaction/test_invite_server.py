"""The INVITE server transaction (RFC 3261 §17.2.1, figure 7; RFC 6026 §7.1)."""

from __future__ import annotations

from typing import Any

from sipmini.errors import TransportFailure
from sipmini.transaction.invite_server import InviteServer, InviteServerCore
from tests.transaction.bench import Bench

ROWS = """
Proceeding  retransmitted     Proceeding
Proceeding  provisional       Proceeding
Proceeding  trying_due        Proceeding
Proceeding  success           Accepted
Proceeding  failure           Completed
Proceeding  transport_failed  Proceeding
Proceeding  acked             -
Completed   retransmitted     Completed
Completed   timer_g           Completed
Completed   timer_h           Terminated
Completed   acked             Confirmed
Completed   transport_failed  Completed
Completed   provisional       -
Completed   success           -
Completed   failure           -
Confirmed   timer_i           Terminated
Confirmed   retransmitted     -
Confirmed   acked             -
Confirmed   transport_failed  -
Confirmed   provisional       -
Confirmed   success           -
Confirmed   failure           -
Accepted    success           Accepted
Accepted    acked             Accepted
Accepted    transport_failed  Accepted
Accepted    timer_l           Terminated
Accepted    retransmitted     -
Accepted    provisional       -
Accepted    failure           -
"""

#: A timer cannot come in a state that did not arm it: each row that leaves a state cancels its timers.
#: To a transaction that ended nothing comes: it is out of the layer's table, its handle is deaf.
IMPOSSIBLE = {
    "Proceeding": "timer_g timer_h timer_i timer_l",
    "Completed": "trying_due timer_i timer_l",
    "Confirmed": "trying_due timer_g timer_h timer_l",
    "Accepted": "trying_due timer_g timer_h timer_i",
    "Terminated": "retransmitted acked transport_failed provisional success failure "
    "trying_due timer_g timer_h timer_i timer_l",
}

FAILURE = TransportFailure("no route")


class InviteServerTests(Bench):
    def start(self, reliable: bool = False) -> Any:
        core = InviteServerCore(
            self.note("send"),
            lambda: b"100",
            self.timers,
            self.values,
            reliable,
            self.note("acknowledged"),
            self.note("timed out"),
            self.note("failed"),
            self.note("ended"),
        )
        machine = InviteServer(core)
        core.trying_timer = self.timers.later(0.2, machine.trying_due)
        return machine

    def test_table(self) -> None:
        """Every pair of state and input has a row or cannot occur; every state is reached."""
        self.expect_table(InviteServer, ROWS, IMPOSSIBLE)

    def test_slow_user(self) -> None:
        """§17.2.1: 100 Trying after 200 ms of silence; the INVITE's copies get the last provisional."""
        machine = self.start()
        machine.retransmitted()
        self.expect()
        self.at(0.5)
        machine.retransmitted()
        self.expect((0.2, "send", b"100"), (0.5, "send", b"100"))
        machine.provisional(b"180")
        machine.provisional(b"183")
        machine.retransmitted()
        self.expect((0.5, "send", b"180"), (0.5, "send", b"183"), (0.5, "send", b"183"))
        self.expect_idle()

    def test_quick_user(self) -> None:
        """§17.2.1: no 100 where the user answered at once."""
        machine = self.start()
        machine.provisional(b"180")
        machine.acked("a stray ACK")
        self.expect((0, "send", b"180"))
        self.expect_idle()

    def test_success(self) -> None:
        """RFC 6026 §7.1: in Accepted INVITEs are absorbed, 2xx and ACK passed on, until Timer L, 64*T1."""
        for reliable in (False, True):
            with self.subTest(reliable=reliable):
                self.setUp()
                machine = self.start(reliable)
                machine.success(b"200")
                self.at(0.5)
                machine.retransmitted()
                machine.provisional(b"180")
                machine.failure(b"486")
                self.expect((0, "send", b"200"))
                machine.success(b"200 again")
                machine.acked("ACK")
                machine.acked("ACK again")
                acked = [(0.5, "acknowledged", "ACK"), (0.5, "acknowledged", "ACK again")]
                self.expect((0.5, "send", b"200 again"), *acked)
                self.at(100)
                self.expect((32.0, "ended"))
                self.expect_idle()

    def test_success_cannot_be_sent(self) -> None:
        """RFC 6026 §7.1: the user hears of it, the transaction goes on."""
        machine = self.start()
        machine.success(b"200")
        machine.transport_failed(FAILURE)
        machine.success(b"200")
        self.at(100)
        self.expect((0, "send", b"200"), (0, "failed", FAILURE), (0, "send", b"200"), (32.0, "ended"))

    def test_failure_without_ack(self) -> None:
        """§17.2.1: Timer G doubles up to T2; Timer H gives up after 64*T1, told to the user."""
        machine = self.start()
        machine.provisional(b"180")
        machine.failure(b"486")
        self.expect((0, "send", b"180"), (0, "send", b"486"))
        self.clock.advance(100)
        times = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        self.expect(*[(time, "send", b"486") for time in times], (32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_failure_without_ack_on_a_stream(self) -> None:
        """§17.2.1: no Timer G on a reliable transport, Timer H on each."""
        machine = self.start(reliable=True)
        machine.failure(b"486")
        self.clock.advance(100)
        self.expect((0, "send", b"486"), (32.0, "timed out"), (32.0, "ended"))
        self.expect_idle()

    def test_failure(self) -> None:
        """§17.2.1: an INVITE's copy gets the failure again; the ACK ends that; Timer I, T4, absorbs more."""
        machine = self.start()
        machine.failure(b"486")
        self.at(0.4)
        machine.retransmitted()
        for late in (machine.provisional, machine.success, machine.failure):
            late(b"late")
        self.expect((0, "send", b"486"), (0.4, "send", b"486"))
        machine.acked("ACK")
        self.expect((0.4, "acknowledged", "ACK"))
        self.at(5.0)
        machine.acked("ACK again")
        machine.retransmitted()
        machine.transport_failed(FAILURE)
        for late in (machine.provisional, machine.success, machine.failure):
            late(b"late")
        self.expect()
        self.at(100)
        self.expect((5.4, "ended"))
        self.expect_idle()

    def test_failure_on_a_stream(self) -> None:
        """§17.2.1: Timer I is zero on a reliable transport."""
        machine = self.start(reliable=True)
        machine.failure(b"486")
        self.at(3.0)
        machine.acked("ACK")
        self.clock.advance(0)
        self.expect((0, "send", b"486"), (3.0, "acknowledged", "ACK"), (3.0, "ended"))
        self.expect_idle()

    def test_transport_fails(self) -> None:
        """RFC 6026 §8.8: a response that cannot be sent is told, and the next one is sent all the same."""
        machine = self.start()
        machine.provisional(b"180")
        machine.transport_failed(FAILURE)
        self.expect_state(machine, "Proceeding")
        machine.failure(b"486")
        machine.transport_failed(FAILURE)
        self.expect_state(machine, "Completed")
        told = (0, "failed", FAILURE)
        self.expect((0, "send", b"180"), told, (0, "send", b"486"), told)
        self.at(0.5)
        self.expect((0.5, "send", b"486"))
        self.clock.advance(100)
        self.expect(*_repeats(), (32.0, "timed out"), (32.0, "ended"))


def _repeats() -> list[tuple[float, str, bytes]]:
    """What Timer G sends after the first time."""
    return [(time, "send", b"486") for time in (1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)]

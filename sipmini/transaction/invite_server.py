"""The INVITE server transaction (RFC 3261 §17.2.1, as corrected by RFC 6026 §7.1).

Inputs from the transport: ``retransmitted``, ``acked``, ``transport_failed``; from the
transaction user: ``provisional``, ``success``, ``failure``; from the clock: the timers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from sipmini.errors import TransportFailure
from sipmini.message import Request
from sipmini.transaction.table import built, ignore
from sipmini.transaction.timers import Timer, Timers, TimerValues


class InviteServerInputs(Protocol):
    """What happens to an INVITE server transaction."""

    def retransmitted(self) -> None:
        """The INVITE came again."""

    def acked(self, ack: Request) -> None:
        """An ACK that matches came."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """A response could not be sent."""

    def provisional(self, response: bytes) -> None:
        """The user answers 101-199."""

    def success(self, response: bytes) -> None:
        """The user answers, or forwards, a 2xx."""

    def failure(self, response: bytes) -> None:
        """The user answers 300-699."""

    def trying_due(self) -> None:
        """200 ms passed without an answer of the user."""

    def timer_g(self) -> None:
        """The failure is due to be sent again."""

    def timer_h(self) -> None:
        """No ACK came."""

    def timer_i(self) -> None:
        """No more ACKs are to be expected."""

    def timer_l(self) -> None:
        """No more INVITEs are to be expected."""


@define(eq=False)
class InviteServerCore:
    """What the machine works with.

    :ivar trying: makes the 100 to send if the user is slow.
    """

    send: Callable[[bytes], None]
    trying: Callable[[], bytes]
    timers: Timers
    values: TimerValues
    reliable: bool
    acknowledged: Callable[[Request], None]
    timed_out: Callable[[], None]
    failed: Callable[[TransportFailure], None]
    ended: Callable[[], None]
    last: bytes | None = None
    interval: float = 0.0
    trying_timer: Timer | None = None
    resend_timer: Timer | None = None
    end_timer: Timer | None = None

    def cancel_timers(self) -> None:
        for timer in (self.trying_timer, self.resend_timer, self.end_timer):
            if timer is not None:
                timer.cancel()


def _build() -> TypeMachineBuilder[InviteServerInputs, InviteServerCore]:
    builder = TypeMachineBuilder(InviteServerInputs, InviteServerCore)
    inputs = InviteServerInputs
    proceeding = builder.state("Proceeding")
    completed = builder.state("Completed")
    confirmed = builder.state("Confirmed")
    accepted = builder.state("Accepted")
    terminated = builder.state("Terminated")

    @proceeding.upon(inputs.trying_due).loop()
    def send_trying(machine: InviteServerInputs, core: InviteServerCore) -> None:
        core.last = core.trying()
        core.send(core.last)

    @proceeding.upon(inputs.retransmitted).loop()
    def send_last_provisional(machine: InviteServerInputs, core: InviteServerCore) -> None:
        if core.last is not None:
            core.send(core.last)

    @proceeding.upon(inputs.provisional).loop()
    def send_provisional(machine: InviteServerInputs, core: InviteServerCore, response: bytes) -> None:
        core.cancel_timers()
        core.last = response
        core.send(response)

    @proceeding.upon(inputs.success).to(accepted)
    def send_success(machine: InviteServerInputs, core: InviteServerCore, response: bytes) -> None:
        core.cancel_timers()
        core.end_timer = core.timers.later(core.values.transaction_timeout, machine.timer_l)
        core.send(response)

    @proceeding.upon(inputs.failure).to(completed)
    def send_failure(machine: InviteServerInputs, core: InviteServerCore, response: bytes) -> None:
        core.cancel_timers()
        core.last = response
        if not core.reliable:
            core.interval = core.values.t1
            core.resend_timer = core.timers.later(core.interval, machine.timer_g)
        core.end_timer = core.timers.later(core.values.transaction_timeout, machine.timer_h)
        core.send(response)

    @completed.upon(inputs.retransmitted).loop()
    def send_failure_again(machine: InviteServerInputs, core: InviteServerCore) -> None:
        assert core.last is not None
        core.send(core.last)

    @completed.upon(inputs.timer_g).loop()
    def send_failure_by_timer(machine: InviteServerInputs, core: InviteServerCore) -> None:
        assert core.last is not None
        core.interval = min(2 * core.interval, core.values.t2)
        core.resend_timer = core.timers.later(core.interval, machine.timer_g)
        core.send(core.last)

    @completed.upon(inputs.acked).to(confirmed)
    def wait_for_more_acks(machine: InviteServerInputs, core: InviteServerCore, ack: Request) -> None:
        core.cancel_timers()
        core.last = None
        delay = 0.0 if core.reliable else core.values.t4
        core.end_timer = core.timers.later(delay, machine.timer_i)
        core.acknowledged(ack)

    @completed.upon(inputs.timer_h).to(terminated)
    def give_up(machine: InviteServerInputs, core: InviteServerCore) -> None:
        core.cancel_timers()
        core.timed_out()
        core.ended()

    @accepted.upon(inputs.success).loop()
    def pass_success_on(machine: InviteServerInputs, core: InviteServerCore, response: bytes) -> None:
        core.send(response)

    @accepted.upon(inputs.acked).loop()
    def pass_ack_up(machine: InviteServerInputs, core: InviteServerCore, ack: Request) -> None:
        core.acknowledged(ack)

    # RFC 6026 §8.8: the transaction stays where it is, the same response or the next may get through.
    def tell_of_failure(
        machine: InviteServerInputs, core: InviteServerCore, failure: TransportFailure
    ) -> None:
        core.failed(failure)

    def end(machine: InviteServerInputs, core: InviteServerCore) -> None:
        core.ended()

    proceeding.upon(inputs.transport_failed).loop()(tell_of_failure)
    completed.upon(inputs.transport_failed).loop()(tell_of_failure)
    accepted.upon(inputs.transport_failed).loop()(tell_of_failure)
    confirmed.upon(inputs.timer_i).to(terminated)(end)
    accepted.upon(inputs.timer_l).to(terminated)(end)
    ignore(proceeding, inputs.acked)
    ignore(completed, inputs.provisional, inputs.success, inputs.failure)
    ignore(confirmed, inputs.retransmitted, inputs.acked, inputs.transport_failed)
    ignore(confirmed, inputs.provisional, inputs.success, inputs.failure)
    ignore(accepted, inputs.retransmitted, inputs.provisional, inputs.failure)
    return builder


InviteServer = built(_build())

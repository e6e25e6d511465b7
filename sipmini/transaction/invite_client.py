"""The INVITE client transaction (RFC 3261 §17.1.1, as corrected by RFC 6026 §7.2).

Inputs from the transport: ``provisional``, ``success``, ``failure``, ``transport_failed``;
from the clock: the timers; from the transaction user: ``abandoned``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from automat import TypeMachineBuilder

from sipmini.errors import TransportFailure
from sipmini.message import Response
from sipmini.transaction.client_core import ClientCore
from sipmini.transaction.table import built, ignore


class InviteClientInputs(Protocol):
    """What happens to an INVITE client transaction."""

    def started(self) -> None:
        """The INVITE is to be sent."""

    def provisional(self, response: Response) -> None:
        """A 1xx came."""

    def success(self, response: Response) -> None:
        """A 2xx came."""

    def failure(self, response: Response) -> None:
        """A 300-699 came."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """The INVITE, or an ACK, could not be sent."""

    def abandoned(self) -> None:
        """The user waits no longer: its CANCEL had no effect for 64*T1 (§9.1)."""

    def timer_a(self) -> None:
        """The INVITE is due to be sent again."""

    def timer_b(self) -> None:
        """No response came."""

    def timer_d(self) -> None:
        """No more failures are to be expected."""

    def timer_m(self) -> None:
        """No more 2xx are to be expected."""


@define(eq=False)
class InviteClientCore(ClientCore):
    """What the machine works with.

    :ivar acknowledge: sends the ACK for a failure.
    """

    acknowledge: Callable[[Response], None] = field(kw_only=True)


def _build() -> TypeMachineBuilder[InviteClientInputs, InviteClientCore]:
    builder = TypeMachineBuilder(InviteClientInputs, InviteClientCore)
    inputs = InviteClientInputs
    initial = builder.state("Initial")
    calling = builder.state("Calling")
    proceeding = builder.state("Proceeding")
    completed = builder.state("Completed")
    accepted = builder.state("Accepted")
    terminated = builder.state("Terminated")

    @initial.upon(inputs.started).to(calling)
    def start(machine: InviteClientInputs, core: InviteClientCore) -> None:
        if not core.reliable:
            core.interval = core.values.t1
            core.resend_timer = core.timers.later(core.interval, machine.timer_a)
        core.end_timer = core.timers.later(core.values.transaction_timeout, machine.timer_b)
        core.send()

    @calling.upon(inputs.timer_a).loop()
    def send_again(machine: InviteClientInputs, core: InviteClientCore) -> None:
        core.interval *= 2
        core.resend_timer = core.timers.later(core.interval, machine.timer_a)
        core.send()

    @calling.upon(inputs.provisional).to(proceeding)
    def stop_sending(machine: InviteClientInputs, core: InviteClientCore, response: Response) -> None:
        core.cancel_timers()
        core.received(response)

    @proceeding.upon(inputs.provisional).loop()
    def pass_up(machine: InviteClientInputs, core: InviteClientCore, response: Response) -> None:
        core.received(response)

    def accept(machine: InviteClientInputs, core: InviteClientCore, response: Response) -> None:
        core.cancel_timers()
        core.end_timer = core.timers.later(core.values.transaction_timeout, machine.timer_m)
        core.received(response)

    def complete(machine: InviteClientInputs, core: InviteClientCore, response: Response) -> None:
        core.cancel_timers()
        # Timer D: at least 32 s where the ACK may be lost, nothing where it cannot.
        delay = 0.0 if core.reliable else max(32.0, core.values.transaction_timeout)
        core.end_timer = core.timers.later(delay, machine.timer_d)
        core.acknowledge(response)
        core.received(response)

    def give_up(machine: InviteClientInputs, core: InviteClientCore) -> None:
        core.give_up()

    def end_by_failure(
        machine: InviteClientInputs, core: InviteClientCore, failure: TransportFailure
    ) -> None:
        core.fail(failure)

    def end(machine: InviteClientInputs, core: InviteClientCore) -> None:
        core.ended()

    @completed.upon(inputs.failure).loop()
    def acknowledge_again(machine: InviteClientInputs, core: InviteClientCore, response: Response) -> None:
        core.acknowledge(response)

    @accepted.upon(inputs.success).loop()
    def pass_success_up(machine: InviteClientInputs, core: InviteClientCore, response: Response) -> None:
        core.received(response)

    calling.upon(inputs.success).to(accepted)(accept)
    calling.upon(inputs.failure).to(completed)(complete)
    calling.upon(inputs.timer_b).to(terminated)(give_up)
    calling.upon(inputs.transport_failed).to(terminated)(end_by_failure)
    proceeding.upon(inputs.success).to(accepted)(accept)
    proceeding.upon(inputs.failure).to(completed)(complete)
    proceeding.upon(inputs.abandoned).to(terminated)(give_up)
    completed.upon(inputs.timer_d).to(terminated)(end)
    completed.upon(inputs.transport_failed).to(terminated)(end_by_failure)
    accepted.upon(inputs.timer_m).to(terminated)(end)
    ignore(proceeding, inputs.transport_failed)
    ignore(completed, inputs.provisional, inputs.success, inputs.abandoned)
    ignore(accepted, inputs.provisional, inputs.failure, inputs.transport_failed, inputs.abandoned)
    return builder


InviteClient = built(_build())

"""The non-INVITE client transaction (RFC 3261 §17.1.2).

Inputs from the transport: ``provisional``, ``final``, ``transport_failed``; from the
clock: the timers.
"""

from __future__ import annotations

from typing import Protocol

from automat import TypeMachineBuilder

from sipmini.errors import TransportFailure
from sipmini.message import Response
from sipmini.transaction.client_core import ClientCore
from sipmini.transaction.table import built, ignore


class NonInviteClientInputs(Protocol):
    """What happens to a non-INVITE client transaction."""

    def started(self) -> None:
        """The request is to be sent."""

    def provisional(self, response: Response) -> None:
        """A 1xx came."""

    def final(self, response: Response) -> None:
        """A 200-699 came."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """The request could not be sent."""

    def timer_e(self) -> None:
        """The request is due to be sent again."""

    def timer_f(self) -> None:
        """No final response came."""

    def timer_k(self) -> None:
        """No more responses are to be expected."""


def _build() -> TypeMachineBuilder[NonInviteClientInputs, ClientCore]:
    builder = TypeMachineBuilder(NonInviteClientInputs, ClientCore)
    inputs = NonInviteClientInputs
    initial = builder.state("Initial")
    trying = builder.state("Trying")
    proceeding = builder.state("Proceeding")
    completed = builder.state("Completed")
    terminated = builder.state("Terminated")

    @initial.upon(inputs.started).to(trying)
    def start(machine: NonInviteClientInputs, core: ClientCore) -> None:
        if not core.reliable:
            core.interval = core.values.t1
            core.resend_timer = core.timers.later(core.interval, machine.timer_e)
        core.end_timer = core.timers.later(core.values.transaction_timeout, machine.timer_f)
        core.send()

    @trying.upon(inputs.timer_e).loop()
    def send_again(machine: NonInviteClientInputs, core: ClientCore) -> None:
        core.interval = min(2 * core.interval, core.values.t2)
        core.resend_timer = core.timers.later(core.interval, machine.timer_e)
        core.send()

    @proceeding.upon(inputs.timer_e).loop()
    def send_again_slowly(machine: NonInviteClientInputs, core: ClientCore) -> None:
        core.resend_timer = core.timers.later(core.values.t2, machine.timer_e)
        core.send()

    def pass_up(machine: NonInviteClientInputs, core: ClientCore, response: Response) -> None:
        core.received(response)

    def complete(machine: NonInviteClientInputs, core: ClientCore, response: Response) -> None:
        core.cancel_timers()
        delay = 0.0 if core.reliable else core.values.t4
        core.end_timer = core.timers.later(delay, machine.timer_k)
        core.received(response)

    def give_up(machine: NonInviteClientInputs, core: ClientCore) -> None:
        core.give_up()

    def end_by_failure(machine: NonInviteClientInputs, core: ClientCore, failure: TransportFailure) -> None:
        core.fail(failure)

    @completed.upon(inputs.timer_k).to(terminated)
    def end(machine: NonInviteClientInputs, core: ClientCore) -> None:
        core.ended()

    trying.upon(inputs.provisional).to(proceeding)(pass_up)
    trying.upon(inputs.final).to(completed)(complete)
    trying.upon(inputs.timer_f).to(terminated)(give_up)
    trying.upon(inputs.transport_failed).to(terminated)(end_by_failure)
    proceeding.upon(inputs.provisional).loop()(pass_up)
    proceeding.upon(inputs.final).to(completed)(complete)
    proceeding.upon(inputs.timer_f).to(terminated)(give_up)
    proceeding.upon(inputs.transport_failed).to(terminated)(end_by_failure)
    ignore(completed, inputs.provisional, inputs.final, inputs.transport_failed)
    return builder


NonInviteClient = built(_build())

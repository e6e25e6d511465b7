"""The non-INVITE client transaction (RFC 3261 §17.1.2).

Inputs from the transport: ``provisional``, ``final``, ``transport_failed``; from the
clock: the timers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from sipmini.errors import TransportFailure
from sipmini.message import Response
from sipmini.transaction.table import built, ignore
from sipmini.transaction.timers import Timer, Timers, TimerValues


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


@define(eq=False)
class NonInviteClientCore:
    """What the machine works with."""

    send: Callable[[], None]
    timers: Timers
    values: TimerValues
    reliable: bool
    received: Callable[[Response], None]
    timed_out: Callable[[], None]
    failed: Callable[[TransportFailure], None]
    ended: Callable[[], None]
    interval: float = 0.0
    resend_timer: Timer | None = None
    end_timer: Timer | None = None

    def cancel_timers(self) -> None:
        for timer in (self.resend_timer, self.end_timer):
            if timer is not None:
                timer.cancel()


def _build() -> TypeMachineBuilder[NonInviteClientInputs, NonInviteClientCore]:
    builder = TypeMachineBuilder(NonInviteClientInputs, NonInviteClientCore)
    inputs = NonInviteClientInputs
    initial = builder.state("Initial")
    trying = builder.state("Trying")
    proceeding = builder.state("Proceeding")
    completed = builder.state("Completed")
    terminated = builder.state("Terminated")

    @initial.upon(inputs.started).to(trying)
    def start(machine: NonInviteClientInputs, core: NonInviteClientCore) -> None:
        if not core.reliable:
            core.interval = core.values.t1
            core.resend_timer = core.timers.later(core.interval, machine.timer_e)
        core.end_timer = core.timers.later(core.values.transaction_timeout, machine.timer_f)
        core.send()

    @trying.upon(inputs.timer_e).loop()
    def send_again(machine: NonInviteClientInputs, core: NonInviteClientCore) -> None:
        core.interval = min(2 * core.interval, core.values.t2)
        core.resend_timer = core.timers.later(core.interval, machine.timer_e)
        core.send()

    @proceeding.upon(inputs.timer_e).loop()
    def send_again_slowly(machine: NonInviteClientInputs, core: NonInviteClientCore) -> None:
        core.resend_timer = core.timers.later(core.values.t2, machine.timer_e)
        core.send()

    def pass_up(machine: NonInviteClientInputs, core: NonInviteClientCore, response: Response) -> None:
        core.received(response)

    def complete(machine: NonInviteClientInputs, core: NonInviteClientCore, response: Response) -> None:
        core.cancel_timers()
        delay = 0.0 if core.reliable else core.values.t4
        core.end_timer = core.timers.later(delay, machine.timer_k)
        core.received(response)

    def give_up(machine: NonInviteClientInputs, core: NonInviteClientCore) -> None:
        core.cancel_timers()
        core.timed_out()
        core.ended()

    def end_by_failure(
        machine: NonInviteClientInputs, core: NonInviteClientCore, failure: TransportFailure
    ) -> None:
        core.cancel_timers()
        core.failed(failure)
        core.ended()

    @completed.upon(inputs.timer_k).to(terminated)
    def end(machine: NonInviteClientInputs, core: NonInviteClientCore) -> None:
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

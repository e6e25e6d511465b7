"""The non-INVITE server transaction (RFC 3261 §17.2.2).

Inputs from the transport: ``retransmitted``, ``transport_failed``; from the transaction
user: ``provisional``, ``final``; from the clock: ``timer_j``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from sipmini.errors import TransportFailure
from sipmini.transaction.table import built, ignore
from sipmini.transaction.timers import Timer, Timers, TimerValues


class NonInviteServerInputs(Protocol):
    """What happens to a non-INVITE server transaction."""

    def retransmitted(self) -> None:
        """The request came again."""

    def transport_failed(self, failure: TransportFailure) -> None:
        """A response could not be sent."""

    def provisional(self, response: bytes) -> None:
        """The user answers 1xx."""

    def final(self, response: bytes) -> None:
        """The user answers 200-699."""

    def timer_j(self) -> None:
        """No more retransmissions are to be expected."""


@define(eq=False)
class NonInviteServerCore:
    """What the machine works with."""

    send: Callable[[bytes], None]
    timers: Timers
    values: TimerValues
    reliable: bool
    failed: Callable[[TransportFailure], None]
    ended: Callable[[], None]
    last: bytes | None = None
    end_timer: Timer | None = None


def _build() -> TypeMachineBuilder[NonInviteServerInputs, NonInviteServerCore]:
    builder = TypeMachineBuilder(NonInviteServerInputs, NonInviteServerCore)
    inputs = NonInviteServerInputs
    trying = builder.state("Trying")
    proceeding = builder.state("Proceeding")
    completed = builder.state("Completed")
    terminated = builder.state("Terminated")

    def send_provisional(machine: NonInviteServerInputs, core: NonInviteServerCore, response: bytes) -> None:
        core.last = response
        core.send(response)

    def send_final(machine: NonInviteServerInputs, core: NonInviteServerCore, response: bytes) -> None:
        core.last = response
        delay = 0.0 if core.reliable else core.values.transaction_timeout
        core.end_timer = core.timers.later(delay, machine.timer_j)
        core.send(response)

    def send_again(machine: NonInviteServerInputs, core: NonInviteServerCore) -> None:
        assert core.last is not None
        core.send(core.last)

    def end_by_failure(
        machine: NonInviteServerInputs, core: NonInviteServerCore, failure: TransportFailure
    ) -> None:
        if core.end_timer is not None:
            core.end_timer.cancel()
        core.failed(failure)
        core.ended()

    @completed.upon(inputs.timer_j).to(terminated)
    def end(machine: NonInviteServerInputs, core: NonInviteServerCore) -> None:
        core.ended()

    trying.upon(inputs.provisional).to(proceeding)(send_provisional)
    trying.upon(inputs.final).to(completed)(send_final)
    proceeding.upon(inputs.provisional).loop()(send_provisional)
    proceeding.upon(inputs.final).to(completed)(send_final)
    proceeding.upon(inputs.retransmitted).loop()(send_again)
    proceeding.upon(inputs.transport_failed).to(terminated)(end_by_failure)
    completed.upon(inputs.retransmitted).loop()(send_again)
    completed.upon(inputs.transport_failed).to(terminated)(end_by_failure)
    ignore(trying, inputs.retransmitted)
    ignore(completed, inputs.provisional, inputs.final)
    return builder


NonInviteServer = built(_build())

# test-case-name: tests.ua.test_call
"""The call machine: one call of the phone, from the INVITE to the last answer (RFC 3261 §13, §15, §9).

A person sees five states (`VISIBLE`): idle, inviting, ringing_back, ringing and talking. Between them stand
the states that the protocol needs and nobody should have to know: an INVITE that must not be cancelled before
its first provisional response, a 200 whose ACK is still under way, a BYE that is not answered yet.

The machine decides what follows what and does nothing itself: it tells its `CallActions`. Whoever owns it
looks at the messages and chooses the input; the table has no conditions. No socket, clock or reactor here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from automat import TypeMachineBuilder

from sipmini.message import Request, Response
from sipmini.reasons import Reason
from sipmini.transaction.table import ignore


class Answerable(Protocol):
    """A request that waits for our answer: a server transaction."""

    def respond(self, response: Response, /) -> None: ...


class CallEvents(Protocol):
    """What happens to a call."""

    # from the user

    def call(self) -> None:
        """The user calls somebody."""

    def answer(self) -> None:
        """The user takes the call."""

    def hang_up(self, reason: Reason | None) -> None:
        """Cancel, decline or hang up, by state. *reason* is given where it is not the user who wants it."""

    # from the INVITE we sent

    def provisional(self, response: Response) -> None:
        """A provisional response that is not 180."""

    def ringing(self, response: Response) -> None:
        """180: the other phone rings."""

    def accepted(self, response: Response) -> None:
        """The first 2xx."""

    def accepted_again(self, response: Response) -> None:
        """A 2xx that was acknowledged before."""

    def accepted_elsewhere(self, response: Response) -> None:
        """A 2xx of another branch of a fork."""

    def rejected(self, status: int, phrase: str) -> None:
        """A failure: 300-699, or 408 for none in time and 503 for a transport that failed (§8.1.3.1)."""

    # from the INVITE we received

    def invited(self) -> None:
        """An INVITE came that the phone can take."""

    def cancelled(self) -> None:
        """Its CANCEL came."""

    def expired(self, reason: Reason) -> None:
        """Nobody answered in the time there was."""

    def unreachable(self) -> None:
        """The caller cannot be reached any more: a response could not be sent."""

    def acknowledged(self) -> None:
        """The ACK for our 2xx came."""

    def ack_missing(self) -> None:
        """64*T1 after our 2xx there is still no ACK (§13.3.1.4)."""

    # from the dialog

    def bye_received(self, bye: Request, transaction: Answerable) -> None:
        """A BYE of the other side."""

    def bye_answered(self) -> None:
        """Our BYE has its final response, or will never have one."""

    def dialog_lost(self, status: int, phrase: str) -> None:
        """481 or 408 to a request in the dialog: the other side knows it no more (§12.2.1.2)."""


class CallActions:
    """What the machine has done. Each does nothing here: a caller has no use for some, a callee for others.

    An action must not raise.
    """

    def send_invite(self) -> None:
        """INVITE."""

    def give_up(self) -> None:
        """Send the INVITE no more; CANCEL has to wait."""

    def send_cancel(self) -> None:
        """CANCEL."""

    def ring_back(self, response: Response) -> None:
        """Tell the user that it rings at the other side."""

    def establish(self, response: Response) -> None:
        """Make the dialog and acknowledge: the two talk."""

    def acknowledge_again(self, response: Response) -> None:
        """The same ACK for the same 2xx."""

    def acknowledge_and_end(self, response: Response) -> None:
        """ACK, then BYE: a 2xx nobody wants any more."""

    def end_fork(self, response: Response) -> None:
        """ACK, then BYE, for a second phone that took the call; the first goes on."""

    def fail(self, status: int, phrase: str) -> None:
        """The call did not come about."""

    def ring(self) -> None:
        """180 to the caller, and tell the user."""

    def send_answer(self) -> None:
        """200, again and again until its ACK."""

    def stop_answer(self) -> None:
        """No more of those."""

    def refuse(self, reason: Reason | None) -> None:
        """A final failure to the INVITE; without reason the user declined."""

    def refuse_for_cancel(self) -> None:
        """487 to the INVITE that was cancelled."""

    def refuse_for_bye(self) -> None:
        """487 to the INVITE that a BYE overtook."""

    def start_talking(self) -> None:
        """The two talk from now on."""

    def send_bye(self) -> None:
        """BYE."""

    def answer_bye(self, bye: Request, transaction: Answerable) -> None:
        """200 to their BYE."""

    def end(self, by: str, reason: Reason | str | None) -> None:
        """The call is over for the user. *by*: "local", "remote" or "network"."""

    def close(self) -> None:
        """Nothing more is expected: forget the call."""


#: What a person sees of each state.
VISIBLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Idle": "idle",
        "Calling": "inviting",
        "Proceeding": "inviting",
        "RingingBack": "ringing_back",
        "Ringing": "ringing",
        "Answered": "ringing",
        "Talking": "talking",
        "CancelWaiting": "idle",
        "Cancelling": "idle",
        "Leaving": "idle",
        "HangingUp": "idle",
        "Ended": "idle",
    }
)


def _build() -> TypeMachineBuilder[CallEvents, CallActions]:
    builder = TypeMachineBuilder(CallEvents, CallActions)
    on = CallEvents
    idle = builder.state("Idle")
    calling = builder.state("Calling")
    proceeding = builder.state("Proceeding")
    ringing_back = builder.state("RingingBack")
    ringing = builder.state("Ringing")
    answered = builder.state("Answered")
    talking = builder.state("Talking")
    cancel_waiting = builder.state("CancelWaiting")
    cancelling = builder.state("Cancelling")
    leaving = builder.state("Leaving")
    hanging_up = builder.state("HangingUp")
    ended = builder.state("Ended")

    # Behaviours: what is done on the way. Their names are the labels in the picture.

    def send_invite(call: CallEvents, do: CallActions) -> None:
        do.send_invite()

    def ring_back(call: CallEvents, do: CallActions, response: Response) -> None:
        do.ring_back(response)

    def acknowledge(call: CallEvents, do: CallActions, response: Response) -> None:
        do.establish(response)

    def acknowledge_again(call: CallEvents, do: CallActions, response: Response) -> None:
        do.acknowledge_again(response)

    def acknowledge_and_bye(call: CallEvents, do: CallActions, response: Response) -> None:
        do.acknowledge_and_end(response)

    def end_fork(call: CallEvents, do: CallActions, response: Response) -> None:
        do.end_fork(response)

    def fail(call: CallEvents, do: CallActions, status: int, phrase: str) -> None:
        do.fail(status, phrase)
        do.close()

    def close_rejected(call: CallEvents, do: CallActions, status: int, phrase: str) -> None:
        do.close()

    def close(call: CallEvents, do: CallActions) -> None:
        do.close()

    def give_up(call: CallEvents, do: CallActions, reason: Reason | None) -> None:
        do.give_up()
        do.end("local", reason)

    def cancel(call: CallEvents, do: CallActions, reason: Reason | None) -> None:
        do.send_cancel()
        do.end("local", reason)

    def cancel_at_last(call: CallEvents, do: CallActions, response: Response) -> None:
        do.send_cancel()

    def cancel_for_bye(call: CallEvents, do: CallActions, bye: Request, transaction: Answerable) -> None:
        do.answer_bye(bye, transaction)
        do.send_cancel()
        do.end("remote", None)

    def ring(call: CallEvents, do: CallActions) -> None:
        do.ring()

    def send_200(call: CallEvents, do: CallActions) -> None:
        do.send_answer()

    def decline(call: CallEvents, do: CallActions, reason: Reason | None) -> None:
        do.refuse(reason)
        do.end("local", reason)
        do.close()

    def refuse_expired(call: CallEvents, do: CallActions, reason: Reason) -> None:
        do.refuse(reason)
        do.end("network", reason)
        do.close()

    def refuse_cancelled(call: CallEvents, do: CallActions) -> None:
        do.refuse_for_cancel()
        do.end("remote", None)
        do.close()

    def refuse_for_bye(call: CallEvents, do: CallActions, bye: Request, transaction: Answerable) -> None:
        do.answer_bye(bye, transaction)
        do.refuse_for_bye()
        do.end("remote", None)
        do.close()

    def lose_caller(call: CallEvents, do: CallActions) -> None:
        do.end("network", "the caller can no longer be reached")
        do.close()

    def talk(call: CallEvents, do: CallActions) -> None:
        do.stop_answer()
        do.start_talking()

    def bye_without_ack(call: CallEvents, do: CallActions) -> None:
        do.stop_answer()
        do.send_bye()
        do.end("network", "the ACK never came")

    def end_later(call: CallEvents, do: CallActions, reason: Reason | None) -> None:
        do.end("local", reason)

    def bye_at_last(call: CallEvents, do: CallActions) -> None:
        do.stop_answer()
        do.send_bye()

    def send_bye(call: CallEvents, do: CallActions, reason: Reason | None) -> None:
        do.stop_answer()
        do.send_bye()
        do.end("local", reason)

    def answer_bye(call: CallEvents, do: CallActions, bye: Request, transaction: Answerable) -> None:
        do.answer_bye(bye, transaction)

    def end_by_bye(call: CallEvents, do: CallActions, bye: Request, transaction: Answerable) -> None:
        do.stop_answer()
        do.answer_bye(bye, transaction)
        do.end("remote", None)
        do.close()

    def end_before_any_answer(
        call: CallEvents, do: CallActions, bye: Request, transaction: Answerable
    ) -> None:
        do.give_up()
        do.answer_bye(bye, transaction)
        do.end("remote", None)

    def end_while_leaving(call: CallEvents, do: CallActions, bye: Request, transaction: Answerable) -> None:
        do.stop_answer()
        do.answer_bye(bye, transaction)
        do.close()

    def end_lost(call: CallEvents, do: CallActions, status: int, phrase: str) -> None:
        do.stop_answer()
        do.end("network", f"{status} {phrase}")
        do.close()

    # The caller

    idle.upon(on.call).to(calling)(send_invite)

    calling.upon(on.provisional).to(proceeding).returns(None)
    calling.upon(on.ringing).to(ringing_back)(ring_back)
    calling.upon(on.accepted).to(talking)(acknowledge)
    calling.upon(on.rejected).to(ended)(fail)
    calling.upon(on.hang_up).to(cancel_waiting)(give_up)
    calling.upon(on.bye_received).to(cancel_waiting)(end_before_any_answer)

    proceeding.upon(on.ringing).to(ringing_back)(ring_back)
    proceeding.upon(on.accepted).to(talking)(acknowledge)
    proceeding.upon(on.rejected).to(ended)(fail)
    proceeding.upon(on.hang_up).to(cancelling)(cancel)
    proceeding.upon(on.bye_received).to(cancelling)(cancel_for_bye)

    ringing_back.upon(on.accepted).to(talking)(acknowledge)
    ringing_back.upon(on.rejected).to(ended)(fail)
    ringing_back.upon(on.hang_up).to(cancelling)(cancel)
    ringing_back.upon(on.bye_received).to(cancelling)(cancel_for_bye)

    # §9.1: no CANCEL before a provisional response.
    cancel_waiting.upon(on.provisional).to(cancelling)(cancel_at_last)
    cancel_waiting.upon(on.ringing).to(cancelling)(cancel_at_last)
    cancel_waiting.upon(on.accepted).to(hanging_up)(acknowledge_and_bye)
    cancel_waiting.upon(on.rejected).to(ended)(close_rejected)
    cancel_waiting.upon(on.bye_received).loop()(answer_bye)

    cancelling.upon(on.accepted).to(hanging_up)(acknowledge_and_bye)
    cancelling.upon(on.rejected).to(ended)(close_rejected)
    cancelling.upon(on.bye_received).loop()(answer_bye)

    # The callee

    idle.upon(on.invited).to(ringing)(ring)

    ringing.upon(on.answer).to(answered)(send_200)
    ringing.upon(on.hang_up).to(ended)(decline)
    ringing.upon(on.cancelled).to(ended)(refuse_cancelled)
    ringing.upon(on.expired).to(ended)(refuse_expired)
    ringing.upon(on.unreachable).to(ended)(lose_caller)
    ringing.upon(on.bye_received).to(ended)(refuse_for_bye)

    answered.upon(on.acknowledged).to(talking)(talk)
    answered.upon(on.ack_missing).to(hanging_up)(bye_without_ack)
    answered.upon(on.hang_up).to(leaving)(end_later)
    answered.upon(on.bye_received).to(ended)(end_by_bye)

    # §15: the callee sends no BYE before it has the ACK, or knows that none will come.
    leaving.upon(on.acknowledged).to(hanging_up)(bye_at_last)
    leaving.upon(on.ack_missing).to(hanging_up)(bye_at_last)
    leaving.upon(on.bye_received).to(ended)(end_while_leaving)

    # Both

    talking.upon(on.accepted_again).loop()(acknowledge_again)
    talking.upon(on.accepted_elsewhere).loop()(end_fork)
    talking.upon(on.hang_up).to(hanging_up)(send_bye)
    talking.upon(on.ack_missing).to(hanging_up)(bye_without_ack)
    talking.upon(on.bye_received).to(ended)(end_by_bye)
    talking.upon(on.dialog_lost).to(ended)(end_lost)

    hanging_up.upon(on.accepted_again).loop()(acknowledge_again)
    hanging_up.upon(on.accepted_elsewhere).loop()(end_fork)
    hanging_up.upon(on.bye_received).loop()(answer_bye)
    hanging_up.upon(on.bye_answered).to(ended)(close)

    ended.upon(on.accepted).to(hanging_up)(acknowledge_and_bye)
    ended.upon(on.accepted_again).loop()(acknowledge_again)
    ended.upon(on.accepted_elsewhere).loop()(end_fork)
    ended.upon(on.bye_received).loop()(answer_bye)

    # What may come and changes nothing.

    from_caller_side = (on.provisional, on.ringing, on.accepted, on.rejected)
    from_callee_side = (on.cancelled, on.expired, on.unreachable, on.acknowledged, on.ack_missing)
    late = (on.bye_answered, on.dialog_lost)
    forked = (on.accepted_again, on.accepted_elsewhere)
    again = (on.call, on.invited)

    ignore(idle, on.answer, on.hang_up, on.bye_received, *from_caller_side, *forked, *from_callee_side, *late)
    for waiting in (calling, proceeding, ringing_back):
        ignore(waiting, *again, on.answer, *forked, *from_callee_side, *late)
    ignore(proceeding, on.provisional)
    ignore(ringing_back, on.provisional, on.ringing)
    for cancelled in (cancel_waiting, cancelling):
        ignore(cancelled, *again, on.answer, on.hang_up, *forked, *from_callee_side, *late)
    ignore(cancelling, on.provisional, on.ringing)

    ignore(ringing, *again, on.acknowledged, on.ack_missing, *from_caller_side, *forked, *late)
    for acked_soon in (answered, leaving):
        # A CANCEL has no effect on a request with a final response (§9.2); a 200 that could not be sent may
        # get through when it is sent again (RFC 6026 §8.8).
        ignore(acked_soon, *again, on.answer, on.cancelled, on.expired, on.unreachable)
        ignore(acked_soon, *from_caller_side, *forked, *late)
    ignore(leaving, on.hang_up)

    ignore(talking, *again, on.answer, *from_caller_side, on.bye_answered)
    ignore(talking, on.cancelled, on.expired, on.unreachable, on.acknowledged)
    ignore(hanging_up, *again, on.answer, on.hang_up, *from_caller_side, *from_callee_side, on.dialog_lost)
    ignore(ended, *again, on.answer, on.hang_up, on.provisional, on.ringing, on.rejected)
    ignore(ended, *from_callee_side, *late)
    return builder


CallMachine = _build().build()

# test-case-name: tests.ua.console.test_leaving
"""Leaving politely: what was begun is finished, the call is ended, the registration taken back.

Every step is bounded; a network that does not answer cannot keep the phone from leaving.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define, field

from sipmini.errors import SipminiError
from sipmini.ua.console.attention import TimeIsUp
from sipmini.ua.console.contract import Phone
from sipmini.ua.console.wording import time_of_day
from sipmini.ua.events import PhoneEvent

if TYPE_CHECKING:
    from sipmini.ua.console.interpreter import Interpreter

__all__ = ["GRACE", "HASTE", "PATIENCE", "Unfinished", "leave", "leave_in_haste"]

PATIENCE: Final = 32.0
"""Seconds for the answers to what was asked before the input ended: 64*T1 (RFC 3261 §17.1.2.2)."""

GRACE: Final = 4.0
"""Seconds for each step of leaving: three retransmissions reach a server that lost two of them."""

HASTE: Final = 3.0
"""Seconds for all of leaving when a signal asks for it: whoever sent it may soon send the one that kills."""


def _final(event: PhoneEvent, method: str) -> bool:
    status = event.fields["status"] if event.kind == "response" else None
    return isinstance(status, int) and status >= 200 and event.fields["method"] == method


@define
class Unfinished:
    """What the commands began and no answer has ended yet, by the method of the request that is out."""

    work: set[str] = field(factory=set, init=False)

    def begin(self, name: str, state: str) -> None:
        """A command was carried out by a phone that was in *state* before it."""
        if name in ("register", "unregister"):
            self.work.add("REGISTER")
        elif name == "options":
            self.work.add("OPTIONS")
        elif name == "hangup" and state == "talking":
            self.work.add("BYE")
        elif name == "hangup" and state in ("inviting", "ringing_back"):
            self.work.add("INVITE")

    def note(self, event: PhoneEvent) -> None:
        """Strike out what this event ends."""
        if event.kind in ("registered", "registration-failed", "unregistered"):
            self.work.discard("REGISTER")
        if event.kind == "options-answer":
            self.work.discard("OPTIONS")
        # A challenged REGISTER is sent again, so its end is the event above; the others end with a response.
        self.work -= {method for method in ("OPTIONS", "BYE", "INVITE") if _final(event, method)}


async def leave(interpreter: Interpreter, patience: float) -> None:
    """Finish what is begun, hang up, unregister.

    :param patience: seconds for the answers that are still due.
    :raises CancelledError: the console was closed meanwhile.
    """
    phone, unfinished = interpreter.phone, interpreter.unfinished
    if unfinished.work:
        await _until(interpreter, lambda: not unfinished.work, patience)
    if phone.state != "idle":
        before = phone.state
        if _try(phone.hangup):
            unfinished.begin("hangup", before)
        await _until(interpreter, lambda: phone.state == "idle" and not unfinished.work, GRACE)
    until = phone.registered_until
    if _bound(phone):
        if _try(phone.unregister):
            unfinished.begin("unregister", phone.state)
        await _until(interpreter, lambda: "REGISTER" not in unfinished.work, GRACE)
    _own_up(interpreter, until)


async def leave_in_haste(interpreter: Interpreter) -> None:
    """Hang up and unregister at once, and wait a moment for the answers.

    :raises CancelledError: the console was closed meanwhile.
    """
    phone, work = interpreter.phone, interpreter.unfinished
    work.work.discard("OPTIONS")
    before, until = phone.state, phone.registered_until
    if before != "idle" and _try(phone.hangup):
        work.begin("hangup", before)
    if _bound(phone) and _try(phone.unregister):
        work.begin("unregister", before)
    await _until(interpreter, lambda: phone.state == "idle" and not work.work, HASTE)
    _own_up(interpreter, until)


def _bound(phone: Phone) -> bool:
    """Whether a registrar has a binding of this phone, or may have one any moment."""
    return phone.registered_until is not None or phone.registering


def _own_up(interpreter: Interpreter, until: float | None) -> None:
    """Say that the registrar did not answer, where that is so."""
    if "REGISTER" not in interpreter.unfinished.work:
        return
    if until is None:
        lasts = "a binding that it may have lasts until it runs out"
    else:
        lasts = f"the binding lasts until {time_of_day(until)}"
    interpreter.screen.notice(f"The registrar did not answer; {lasts}.")


def _try(action: Callable[[], None]) -> bool:
    try:
        action()
    except SipminiError:
        return False
    return True


async def _until(interpreter: Interpreter, reached: Callable[[], bool], seconds: float) -> None:
    if reached():
        return
    try:
        await interpreter.attention.until(lambda event: reached(), seconds)
    except TimeIsUp:
        return

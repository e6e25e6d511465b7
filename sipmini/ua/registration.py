# test-case-name: tests.ua.test_registration
"""The registration machine: register, stay registered, leave (RFC 3261 §10.2).

The phone by itself sends no REGISTER while another waits for its answer (§10.2). What the user asks for
abandons the one that waits: its answer is ignored from then on, and the higher CSeq number of the next tells
the registrar which of the two is newer. The machine tells its `RegistrationActions`;
`sipmini.ua.registering` does it.
"""

from __future__ import annotations

from typing import Protocol

from automat import TypeMachineBuilder

from sipmini.transaction.table import ignore


class RegistrationEvents(Protocol):
    """What happens to a registration."""

    # from the user

    def register(self) -> None:
        """The user wants to be reachable."""

    def unregister(self) -> None:
        """The user wants to be reachable no more."""

    # from the REGISTER that is under way

    def succeeded(self, seconds: int) -> None:
        """2xx: bound for so many seconds."""

    def too_brief(self, least: int) -> None:
        """423: the registrar wants at least so many seconds (§10.2.8)."""

    def failed(self, status: int, phrase: str, wait: int) -> None:
        """Any other failure. *wait*: seconds the registrar asks us to wait (Retry-After), or 0."""

    # from the timer

    def due(self) -> None:
        """It is time to refresh, or to try again."""


class RegistrationActions:
    """What the machine has done. An action must not raise."""

    def send_register(self) -> None:
        """REGISTER for as long as we like."""

    def send_unregister(self) -> None:
        """REGISTER with Expires 0."""

    def raise_expires(self, least: int) -> None:
        """Ask for at least so much from now on."""

    def registered(self, seconds: int) -> None:
        """Note the new expiry, tell the user, plan the refresh."""

    def retry_later(self, status: int, phrase: str, wait: int) -> None:
        """Tell the user, plan the next try."""

    def stop_timer(self) -> None:
        """Nothing is due any more."""

    def unregistered(self) -> None:
        """Tell the user that the phone is registered no more."""

    def not_unregistered(self, status: int, phrase: str) -> None:
        """Tell the user that the registrar did not say so."""


def _build() -> TypeMachineBuilder[RegistrationEvents, RegistrationActions]:
    builder = TypeMachineBuilder(RegistrationEvents, RegistrationActions)
    on = RegistrationEvents
    unregistered = builder.state("Unregistered")
    registering = builder.state("Registering")
    registered = builder.state("Registered")
    waiting = builder.state("Waiting")
    unregistering = builder.state("Unregistering")

    def send_register(events: RegistrationEvents, do: RegistrationActions) -> None:
        do.stop_timer()
        do.send_register()

    def send_unregister(events: RegistrationEvents, do: RegistrationActions) -> None:
        do.stop_timer()
        do.send_unregister()

    def note_success(events: RegistrationEvents, do: RegistrationActions, seconds: int) -> None:
        do.registered(seconds)

    def ask_for_more(events: RegistrationEvents, do: RegistrationActions, least: int) -> None:
        do.raise_expires(least)
        do.send_register()

    def note_failure(
        events: RegistrationEvents, do: RegistrationActions, status: int, phrase: str, wait: int
    ) -> None:
        do.retry_later(status, phrase, wait)

    def gone(events: RegistrationEvents, do: RegistrationActions, seconds: int) -> None:
        do.unregistered()

    def gone_anyway(
        events: RegistrationEvents, do: RegistrationActions, status: int, phrase: str, wait: int
    ) -> None:
        do.not_unregistered(status, phrase)

    unregistered.upon(on.register).to(registering)(send_register)

    registering.upon(on.succeeded).to(registered)(note_success)
    registering.upon(on.too_brief).loop()(ask_for_more)
    registering.upon(on.failed).to(waiting)(note_failure)
    registering.upon(on.register).loop()(send_register)
    registering.upon(on.unregister).to(unregistering)(send_unregister)

    registered.upon(on.due).to(registering)(send_register)
    registered.upon(on.register).to(registering)(send_register)
    registered.upon(on.unregister).to(unregistering)(send_unregister)

    waiting.upon(on.due).to(registering)(send_register)
    waiting.upon(on.register).to(registering)(send_register)
    # The registrar may have a binding of ours all the same: its 200 was lost, or an old one still holds.
    waiting.upon(on.unregister).to(unregistering)(send_unregister)

    unregistering.upon(on.succeeded).to(unregistered)(gone)
    unregistering.upon(on.failed).to(unregistered)(gone_anyway)
    unregistering.upon(on.register).to(registering)(send_register)

    # What may come and changes nothing: answers belong to the states in which one is awaited.
    answers = (on.succeeded, on.too_brief, on.failed)
    ignore(unregistered, on.unregister, on.due, *answers)
    ignore(registered, *answers)
    ignore(waiting, *answers)
    ignore(registering, on.due)
    ignore(unregistering, on.due, on.unregister, on.too_brief)
    return builder


RegistrationMachine = _build().build()

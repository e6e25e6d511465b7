# test-case-name: tests.ua.console.test_waiting
"""What ``wait`` and ``expect`` wait for, and what they say when it does not come.

Pure: a condition is fed the phone's events, one by one, and says when it is met. Who subscribes and who holds
the timer is :mod:`sipmini.ua.console.attention`'s business.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from attrs import define, field, frozen

from sipmini.errors import SipminiError
from sipmini.ua.events import PhoneEvent

__all__ = ["Condition", "Gone", "Response", "Responses", "ResponseSeen", "Registered", "StateReached"]

REMEMBERED: Final = 64
"""Responses kept for the sentence of a failed ``expect``; older ones are forgotten."""

OUR_CALL: Final = ("inviting", "ringing_back", "talking")
"""The states of a call of ours, in their order: an idle phone comes to none of them by itself."""


class Gone(SipminiError):
    """What is waited for cannot come any more.  The text says why, without a capital or a full stop."""


@frozen
class Response:
    """A response that arrived: its status code and its reason phrase."""

    status: int
    phrase: str

    def __str__(self) -> str:
        return f"{self.status} {self.phrase}".rstrip()


@define
class Responses:
    """The responses since the last command that sent something."""

    _seen: deque[Response] = field(factory=lambda: deque(maxlen=REMEMBERED), init=False)

    def forget(self) -> None:
        """A command is about to send: what came before answers something else."""
        self._seen.clear()

    def note(self, event: PhoneEvent) -> None:
        """Remember the response that this event tells of, if it does."""
        response = _response(event)
        if response is not None:
            self._seen.append(response)

    def has(self, status: int) -> bool:
        """Whether a response with this status was seen."""
        return any(response.status == status for response in self._seen)

    def last(self) -> str:
        """For a sentence: ``last response 180 Ringing``."""
        return f"last response {self._seen[-1]}" if self._seen else "no response seen"

    def all(self) -> str:
        """For a sentence: ``seen 100 Trying, 180 Ringing``."""
        return f"seen {', '.join(map(str, self._seen))}" if self._seen else "no response seen"


def _response(event: PhoneEvent) -> Response | None:
    if event.kind != "response":
        return None
    status = event.fields["status"]
    return Response(status, str(event.fields["phrase"])) if isinstance(status, int) else None


class Condition(Protocol):
    """Something to wait for."""

    @property
    def goal(self) -> str:
        """What it is, in a word or two."""

    def feed(self, event: PhoneEvent) -> bool:
        """Whether this event fulfils it; raises :class:`Gone` if it tells that it never will be."""

    def missing(self, state: str, seconds: str) -> str:
        """What is wrong after this long, when the phone is in that state; no capital, no full stop."""


@frozen
class StateReached:
    """``wait STATE``."""

    goal: str

    def feed(self, event: PhoneEvent) -> bool:
        new = event.fields["new"] if event.kind == "state" else None
        if new is not None and self.goal in OUR_CALL:
            if new == "idle":
                raise Gone("the phone went back to idle")
            if new in OUR_CALL and OUR_CALL.index(str(new)) > OUR_CALL.index(self.goal):
                raise Gone(f"the phone is {new} already")
        return new == self.goal

    def missing(self, state: str, seconds: str) -> str:
        return f"still {state} after {seconds}"


@frozen
class Registered:
    """``wait registered``."""

    goal: str = "registered"

    def feed(self, event: PhoneEvent) -> bool:
        return event.kind == "registered"

    def missing(self, state: str, seconds: str) -> str:
        return f"still not registered after {seconds}"


@frozen
class ResponseSeen:
    """``expect CODE``."""

    status: int

    @property
    def goal(self) -> str:
        return str(self.status)

    def feed(self, event: PhoneEvent) -> bool:
        response = _response(event)
        return response is not None and response.status == self.status

    def missing(self, state: str, seconds: str) -> str:
        return f"no such response after {seconds}"

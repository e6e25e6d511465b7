"""A phone that only pretends: it keeps the state that the console reads, and tests say what happens to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from attrs import define, field, frozen
from twisted.internet.task import Clock

from sipmini.errors import Misuse
from sipmini.message import Message
from sipmini.ua.console.interpreter import Interpreter
from sipmini.ua.console.runner import Line, Runner, Strictness
from sipmini.ua.console.screen import TextScreen
from sipmini.ua.events import PhoneEvent

NOON = 1_782_043_200.0
"""The wall clock of the tests when their ``Clock`` says 0: 2026-06-21, noon in UTC."""

BOB = "Bob <sip:bob@biloxi.com>"


def live_in_utc(test: TestCase) -> None:
    """Times of day are local; for this test the machine is in Greenwich."""

    def move(zone: str | None) -> None:
        if zone is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = zone
        time.tzset()

    test.addCleanup(move, os.environ.get("TZ"))
    move("UTC")


def folder(test: TestCase) -> Path:
    """An empty folder that goes away with the test."""
    made = TemporaryDirectory()
    test.addCleanup(made.cleanup)
    return Path(made.name)


@frozen
class FakeCall:
    """A line of the history."""

    when: float
    direction: str
    peer: str
    outcome: str
    seconds: float


@define
class FakePhone:
    """The phone of alice, with no network behind it.

    :ivar done: what the console asked for.
    """

    now: Callable[[], float] = field(default=lambda: 0.0)
    state: str = "idle"
    user: str = "alice@atlanta.com"
    peer: str | None = None
    talking_since: float | None = None
    registered_until: float | None = None
    registering: bool = False
    destination: str | None = None
    last_message: Message | None = None
    proxy: str | None = None
    history: list[FakeCall] = field(factory=list)
    observers: list[Callable[[PhoneEvent], None]] = field(factory=list)
    done: list[str] = field(factory=list)

    # What the console asks for.

    def register(self, proxy: str | None = None) -> None:
        self.done.append(f"register {proxy}")
        if proxy is not None:
            self.set_proxy(proxy)

    def unregister(self) -> None:
        if self.registered_until is None and not self.registering:
            raise Misuse("The phone is not registered.")
        self.done.append("unregister")

    def set_proxy(self, uri: str) -> None:
        self.proxy = uri

    def set_user(self, user: str) -> None:
        if "@" not in user:
            raise Misuse(f"{user!r} is not an address like alice@atlanta.com.")
        self.user = user

    def call(self, target: str) -> None:
        if self.state != "idle":
            raise Misuse(f"The phone is {self.state}; hang up first.")
        self.done.append(f"call {target}")
        self.destination = target
        self.peer = f"<sip:{target}>"
        self.becomes("inviting")

    def answer(self) -> None:
        if self.state != "ringing":
            raise Misuse(f"There is no call to answer: the phone is {self.state}.")
        self.done.append("answer")

    def decline(self) -> None:
        self.done.append("decline")
        self.becomes("idle")

    def hangup(self) -> None:
        self.done.append(f"hangup {self.state}")
        self.becomes("idle")

    def options(self, target: str) -> None:
        if target == "bug":
            raise ZeroDivisionError("a bug")
        self.done.append(f"options {target}")

    def reset_state(self) -> None:
        self.done.append("reset state")
        self.becomes("idle")

    # What the tests say happens.

    def tell(self, kind: str, text: str, /, **fields: object) -> None:
        """Something happened."""
        event = PhoneEvent(kind, NOON + self.now(), text, fields)
        for observer in list(self.observers):
            observer(event)

    def becomes(self, state: str) -> None:
        """The state changes."""
        old, self.state = self.state, state
        self.talking_since = self.now() if state == "talking" else None
        if state == "idle":
            self.peer = None
        self.tell("state", f"{old} -> {state}", old=old, new=state)

    def responded(self, status: int, phrase: str, method: str = "INVITE") -> None:
        """A response arrives."""
        self.tell("response", f"{status} {phrase} ({method})", status=status, phrase=phrase, method=method)

    def is_registered(self, seconds: float = 3600) -> None:
        """The registrar said yes."""
        self.registered_until = NOON + self.now() + seconds
        self.tell("registered", "Registered.", until=self.registered_until)

    def is_unregistered(self) -> None:
        """The registrar took the binding back."""
        self.registered_until = None
        self.tell("unregistered", "No longer registered.")


class Desk:
    """A phone, a clock and the engine of the console, with all that was shown in :attr:`shown`."""

    def __init__(self, strictness: Strictness = Strictness.WAITS, echo: bool = True) -> None:
        self.clock = Clock()
        self.phone = FakePhone(self.clock.seconds)
        self.shown: list[str] = []
        self.exits: list[int] = []
        self.interpreter = Interpreter(self.phone, TextScreen(self.shown.append), self.clock, self.wall)
        self.runner = Runner(self.interpreter, strictness, echo, self.exits.append)

    def wall(self) -> float:
        """The time of day."""
        return NOON + self.clock.seconds()

    def type(self, *lines: str) -> None:
        """Lines come in; what they lead to at once is done."""
        for number, line in enumerate(lines, 1):
            self.runner.take(Line(line, number))
        self.clock.advance(0)

    def new(self) -> list[str]:
        """What was shown since the last time."""
        shown = list(self.shown)
        self.shown.clear()
        return shown

# test-case-name: tests.ua.console.test_terminal
"""The console on a terminal: what a person sees above the prompt, and the live line under it.

It touches the clock, the phone and the :class:`~sipmini.ua.console.prompt.Prompt` it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from prompt_toolkit.formatted_text import OneStyleAndTextTuple, StyleAndTextTuples

from sipmini.ua.console.actions import Reply
from sipmini.ua.console.contract import Clock, Phone, Timer
from sipmini.ua.console.runner import Runner
from sipmini.ua.console.screen import place
from sipmini.ua.console.wording import printable, status_line, time_of_day
from sipmini.ua.events import PhoneEvent

__all__ = ["StatusLine", "TerminalScreen"]

STYLES: Final = {
    "response": "class:quiet",
    "message-dropped": "class:quiet",
    "ringing": "class:urgent",
    "missed": "class:urgent",
    "call-failed": "class:problem",
    "registration-failed": "class:problem",
    "error": "class:problem",
}
"""How the kinds of events look; the others look like everything else."""

BELL: Final[OneStyleAndTextTuple] = ("[ZeroWidthEscape]", "\a")
"""Makes the terminal ring, once."""


class TerminalScreen:
    """Answers as they are; events with the time of day, the important ones bold, the small ones grey.

    The events ``state`` are not shown: the live line says the state.

    :param show: prints a piece of text above the prompt.
    """

    def __init__(self, show: Callable[[StyleAndTextTuples], None]) -> None:
        self._show = show

    def command(self, line: str) -> None:
        """The person typed it and saw it."""

    def reply(self, name: str, reply: Reply) -> None:
        self._show([("", printable(reply.text))])

    def event(self, event: PhoneEvent) -> None:
        if event.kind == "state":
            return
        at = f"{time_of_day(event.at, seconds=True)} "
        line: StyleAndTextTuples = [("class:time", at), (STYLES.get(event.kind, ""), printable(event.text))]
        self._show(line + [BELL] if event.kind == "ringing" else line)

    def problem(self, text: str) -> None:
        self._show([("class:problem", printable(text))])

    def notice(self, text: str) -> None:
        self._show([("class:quiet", printable(text))])

    def failure(self, text: str, file: str | None, line: int) -> None:
        self.problem(f"{place(file, line)}: {text}")


class Shown(Protocol):
    """As much of a prompt as the live line needs."""

    def set_status(self, name: str, status: str) -> None: ...


class StatusLine:
    """Keeps the live line true: after every event and command, and every second of a conversation."""

    def __init__(
        self, phone: Phone, runner: Runner, prompt: Shown, clock: Clock, wall: Callable[[], float]
    ) -> None:
        self._phone = phone
        self._runner = runner
        self._prompt = prompt
        self._clock = clock
        self._wall = wall
        self._tick: Timer | None = None
        phone.observers.append(self._notice)
        runner.on_change = self.refresh
        self.refresh()

    def close(self) -> None:
        """Leave the line as it is."""
        if self._notice in self._phone.observers:
            self._phone.observers.remove(self._notice)
        self._stop_ticking()

    def refresh(self) -> None:
        """Compute the line anew."""
        now = self._clock.seconds()
        name = self._phone.user.partition("@")[0]
        text = status_line(self._phone, now, self._wall(), self._doing())
        self._prompt.set_status(printable(name), printable(text))
        self._stop_ticking()
        since = self._phone.talking_since
        if self._phone.state == "talking" and since is not None:
            self._tick = self._clock.callLater(1 - (now - since) % 1, self.refresh)

    def _doing(self) -> str:
        doing = self._runner.doing
        if doing.split(" ")[0] in ("wait", "expect", "sleep"):
            return f"{doing}... (Ctrl-C stops)"
        return f"{doing}..." if doing == "leaving" else ""

    def _notice(self, event: PhoneEvent) -> None:
        self.refresh()

    def _stop_ticking(self) -> None:
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        self._tick = None

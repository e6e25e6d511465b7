# test-case-name: tests.ua.console.test_screen
"""What the console shows, as lines: for a person, or as one JSON object a line.

A screen is handed a function that takes a line and knows nothing of where it goes; the terminal has a screen
of its own in :mod:`sipmini.ua.console.terminal`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from sipmini.ua.console.actions import Reply
from sipmini.ua.console.wording import printable
from sipmini.ua.events import PhoneEvent

__all__ = ["JsonScreen", "Screen", "TextScreen"]


class Screen(Protocol):
    """Where the console shows things."""

    def command(self, line: str) -> None:
        """A command begins that nobody saw being typed."""

    def reply(self, name: str, reply: Reply) -> None:
        """What the command of this name answers."""

    def event(self, event: PhoneEvent) -> None:
        """Something happened to the phone."""

    def problem(self, text: str) -> None:
        """A command could not be carried out; the console goes on."""

    def notice(self, text: str) -> None:
        """Something that is neither the phone's nor a command's doing, in a sentence."""

    def failure(self, text: str, file: str | None, line: int) -> None:
        """A line failed, and with it the script; the console ends.  *file* is ``None`` for standard input."""


def place(file: str | None, line: int) -> str:
    """Where a line stands, for a sentence."""
    return f"{file or 'standard input'}, line {line}"


@frozen
class TextScreen:
    """Plain lines: ``> COMMAND``, the answers as they are, and ``KIND: TEXT`` for an event."""

    _write: Callable[[str], None]

    def command(self, line: str) -> None:
        self._write(f"> {printable(line)}")

    def reply(self, name: str, reply: Reply) -> None:
        for line in printable(reply.text).split("\n"):
            self._write(line)

    def event(self, event: PhoneEvent) -> None:
        self._write(_one_line(f"{event.kind}: {event.text}"))

    def problem(self, text: str) -> None:
        self._write(_one_line(text))

    def notice(self, text: str) -> None:
        self._write(_one_line(text))

    def failure(self, text: str, file: str | None, line: int) -> None:
        self._write(_one_line(f"{place(file, line)}: {text}"))


@frozen
class JsonScreen:
    """One JSON object a line, ASCII only: the event, or ``command``, ``reply``, ``problem``..."""

    _write: Callable[[str], None]
    _wall: Callable[[], float]

    def command(self, line: str) -> None:
        self._show("command", {}, line)

    def reply(self, name: str, reply: Reply) -> None:
        self._show("reply", {"command": name, **reply.data}, reply.text)

    def event(self, event: PhoneEvent) -> None:
        self._write(json.dumps(event.as_dict(), default=str))

    def problem(self, text: str) -> None:
        self._show("problem", {}, text)

    def notice(self, text: str) -> None:
        self._show("notice", {}, text)

    def failure(self, text: str, file: str | None, line: int) -> None:
        self._show("failure", {"file": file, "line": line}, text)

    def _show(self, name: str, data: dict[str, object], text: str) -> None:
        self._write(json.dumps({"event": name, "at": self._wall(), **data, "text": text}, default=str))


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\x0a")

# test-case-name: tests.ua.console.test_person
"""Puts the console for a person together: prompt, live line, history, completion and the engine.

The only module beside :mod:`~sipmini.ua.console.prompt` that knows which terminal there is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.output import Output, create_output
from twisted.internet.defer import Deferred

from sipmini.errors import StoreError
from sipmini.ua.console.contract import Phone
from sipmini.ua.console.interpreter import Interpreter
from sipmini.ua.console.leaving import GRACE
from sipmini.ua.console.prompt import Keys, Prompt
from sipmini.ua.console.runner import Line, Runner, Strictness
from sipmini.ua.console.running import Console
from sipmini.ua.console.terminal import StatusLine, TerminalScreen
from sipmini.ua.console.typed import ConsoleCompleter, KnownUsers, open_history
from sipmini.ua.events import PhoneEvent

__all__ = ["start_on_terminal", "start_with_prompt"]


def start_on_terminal(
    reactor: Any,
    phone: Phone,
    history_file: Path | None,
    stdin: TextIO,
    stdout: TextIO,
    on_exit: Callable[[int], None],
    wall: Callable[[], float],
) -> Console:
    """Start the console on the terminal that these two streams are."""
    keyboard, display = create_input(stdin), create_output(stdout)
    return start_with_prompt(reactor, phone, history_file, keyboard, display, on_exit, wall)


def start_with_prompt(
    reactor: Any,
    phone: Phone,
    history_file: Path | None,
    keyboard: Input,
    display: Output,
    on_exit: Callable[[int], None],
    wall: Callable[[], float],
) -> Console:
    """Start the console on a keyboard and a display."""
    history, complaint = _history(history_file)
    users = KnownUsers()
    users.add_lines(history.load_history_strings())
    for call in phone.history:
        users.add(call.peer, answered=call.outcome == "answered")
    closed: Deferred[None] = Deferred()

    def line(text: str) -> None:
        users.add_line(text)
        runner.take(Line(text))

    def interrupt() -> None:
        if not runner.interrupt():
            prompt.show([("", "To end a call: q. To leave: exit, or Ctrl-D.")])

    def end() -> None:
        # A second Ctrl-D finds the runner leaving, and this leaves at once.
        runner.interrupt()
        runner.end(GRACE)

    def lost() -> None:
        # SIGHUP may have come before this, and must not find that somebody is impatient.
        if runner.doing != "leaving":
            end()

    keys = Keys(line, interrupt, end, lost, lambda: closed.callback(None))
    prompt = Prompt(reactor, keys, keyboard, display, history, ConsoleCompleter(users))
    screen = TerminalScreen(prompt.show)
    interpreter = Interpreter(phone, screen, reactor, wall)
    runner = Runner(interpreter, Strictness.NONE, echo=False, on_exit=lambda status: leave(status))
    status_line = StatusLine(phone, runner, prompt, reactor, wall)

    def remember(event: PhoneEvent) -> None:
        if event.kind == "ringing":
            users.add(str(event.fields["peer"]))
        elif event.kind == "answered":
            users.add(phone.peer or "", answered=True)

    def finish() -> Deferred[None]:
        phone.observers.remove(remember)
        status_line.close()
        prompt.stop()
        return closed

    console = Console(runner, screen.notice, finish)

    def leave(status: int) -> None:
        console.close().addCallback(lambda _: on_exit(status))

    phone.observers.append(remember)
    prompt.show([("", f"The phone of {phone.user}. help lists the commands, exit leaves.")])
    if complaint:
        screen.problem(complaint)
    prompt.start()
    reactor.callLater(0, runner.start)
    return console


def _history(path: Path | None) -> tuple[History, str]:
    """The lines typed before; a file that cannot be used is complained of, and done without."""
    try:
        return open_history(path), ""
    except StoreError as problem:
        return InMemoryHistory(), str(problem)

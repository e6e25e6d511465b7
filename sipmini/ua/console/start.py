# test-case-name: tests.ua.console.test_start
"""Chooses the console that fits what standard input is, and starts it.

It touches the two standard streams and the files its settings name.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final, TextIO

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from sipmini.errors import SipminiError
from sipmini.ua.console.contract import Clock, Phone
from sipmini.ua.console.interpreter import Interpreter
from sipmini.ua.console.pipe import Outlet, Pipe
from sipmini.ua.console.runner import BadScript, Runner, Strictness, read_script
from sipmini.ua.console.running import Console
from sipmini.ua.console.screen import JsonScreen, Screen, TextScreen

__all__ = ["Console", "ConsoleSettings", "Kind", "kind_of_console", "start_console"]

FLUSHING: Final = 2.0
"""Seconds that whoever reads the output has to take the rest of it when the console ends."""

Stream = TextIO


@frozen
class ConsoleSettings:
    """How the console is to be.

    :ivar script: a file of commands, to be run instead of reading standard input.
    :ivar json_events: whether it speaks JSON, an object a line.
    :ivar history: where a terminal keeps the lines that were typed; ``None`` keeps them in memory.
    """

    script: Path | None = None
    json_events: bool = False
    history: Path | None = None


class Kind(Enum):
    """The kinds of console."""

    SCRIPT = "runs a file of commands and ends"
    TERMINAL = "a person at a terminal"
    PIPE = "lines in, lines out; ends with the input"
    LISTENING = "nobody can give commands; events go out"


def kind_of_console(settings: ConsoleSettings, stdin: Stream | None, stdout: Stream | None) -> Kind:
    """The console for these streams.

    A standard input that is closed, or ``/dev/null`` as a daemon and a shell's background job have it, is no
    input that has ended but none at all: the phone stays.
    """
    if settings.script is not None:
        return Kind.SCRIPT
    if stdin is None or _is_null(stdin):
        return Kind.LISTENING
    both = stdin.isatty() and stdout is not None and stdout.isatty()
    return (
        Kind.TERMINAL if both and not settings.json_events and os.environ.get("TERM") != "dumb" else Kind.PIPE
    )


def _is_null(stream: Stream) -> bool:
    try:
        mode = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return True
    return stat.S_ISCHR(mode.st_mode) and mode.st_rdev == os.stat(os.devnull).st_rdev


def start_console(
    reactor: Any,
    phone: Phone,
    settings: ConsoleSettings,
    stdin: Stream | None,
    stdout: Stream | None,
    on_exit: Callable[[int], None],
    wall: Callable[[], float] = time.time,
) -> Console:
    """Start the console for a phone.

    :param reactor: the reactor (time, threads, file descriptors).
    :param stdin: ``sys.__stdin__``; twistd puts something else into ``sys.stdout``, so not that.
    :param stdout: ``sys.__stdout__``.
    :param on_exit: called once, from the running reactor, with the exit status, when the user, the script or
        the end of the input ends the console; everything is written and the terminal restored by then.
    :param wall: the time of day, in Unix seconds.
    """
    kind = kind_of_console(settings, stdin, stdout)
    if kind is Kind.TERMINAL:
        assert stdin is not None and stdout is not None
        # prompt_toolkit takes a while to import and no other console needs it.
        from sipmini.ua.console.person import start_on_terminal

        return start_on_terminal(reactor, phone, settings.history, stdin, stdout, on_exit, wall)
    return _start_on_streams(kind, reactor, phone, settings, stdin, stdout, on_exit, wall)


def _start_on_streams(
    kind: Kind,
    reactor: Any,
    phone: Phone,
    settings: ConsoleSettings,
    stdin: Stream | None,
    stdout: Stream | None,
    on_exit: Callable[[int], None],
    wall: Callable[[], float],
) -> Console:
    outlet = Outlet()
    screen: Screen = JsonScreen(outlet.write, wall) if settings.json_events else TextScreen(outlet.write)
    outlet.on_loss = lambda lost: screen.problem(f"{lost} lines were lost here, as nobody read them.")
    interpreter = Interpreter(phone, screen, reactor, wall)
    strictness = Strictness.EVERY if kind is Kind.SCRIPT else Strictness.WAITS
    runner = Runner(interpreter, strictness, echo=True, on_exit=lambda status: leave(status))
    pipe = Pipe(outlet, runner if kind is Kind.PIPE else None)
    streams = _Streams(reactor, pipe, stdin if kind is Kind.PIPE else None, stdout)
    console = Console(runner, screen.notice, streams.close)

    def leave(status: int) -> None:
        console.close().addCallback(lambda _: on_exit(status))

    def begin() -> None:
        if settings.script is not None:
            try:
                lines = read_script(settings.script)
            except SipminiError as problem:
                for fault in problem.faults if isinstance(problem, BadScript) else (str(problem),):
                    screen.problem(fault)
                leave(1)
                return
            for line in lines:
                runner.take(line)
            runner.end()
        runner.start()

    # In the reactor's next turn, so that on_exit finds it running.
    reactor.callLater(0, begin)
    return console


class _Streams:
    """Standard input and output as Twisted has them, and afterwards as they were."""

    def __init__(self, clock: Clock, pipe: Pipe, stdin: Stream | None, stdout: Stream | None) -> None:
        self._clock = clock
        self._pipe = pipe
        # Two of them: the reactor knows what it watches by its number.
        self._nulls = [os.open(os.devnull, os.O_RDWR) for stream in (stdin, stdout) if stream is None]
        nulls = iter(self._nulls)
        given = [next(nulls) if stream is None else stream.fileno() for stream in (stdin, stdout)]
        # Twisted makes them non-blocking, which whoever shares them (a shell, standard error) suffers from.
        self._were_blocking = [(number, os.get_blocking(number)) for number in given]
        # To its annotations this is the class of the same name for Windows, which takes and has less.
        standard_io: Any = StandardIO
        self._transport = standard_io(pipe, given[0], given[1], reactor=clock)

    def close(self) -> Deferred[None]:
        """Fires when everything is written, or nobody reads it in time."""
        written = self._pipe.close()
        written.addTimeout(FLUSHING, self._clock)  # type: ignore[arg-type]
        return written.addBoth(self._restore)

    def _restore(self, result: object) -> None:
        if not self._transport.disconnected:
            self._transport.connectionLost(Failure(ConnectionDone()))
        for number, was_blocking in self._were_blocking:
            # Whoever owns a stream may have closed it meanwhile.
            with suppress(OSError):
                os.set_blocking(number, was_blocking)
        for number in self._nulls:
            os.close(number)

# test-case-name: tests.ua.console.test_runner
"""Takes lines from a script, a pipe or a terminal, runs them one after the other, and knows when it is over.

Script and pipe share this; they differ in what a failure means (:class:`Strictness`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from sipmini.errors import BadSetting, SipminiError
from sipmini.ua.console.commands import BadCommand, parse
from sipmini.ua.console.interpreter import CommandFailed, Interpreter, WaitFailed
from sipmini.ua.console.leaving import GRACE, PATIENCE, leave, leave_in_haste

__all__ = ["BadScript", "Line", "Runner", "Strictness", "read_script"]

_log = Logger()

MOST_FAULTS: Final = 20
"""Faulty lines of a script that are told of."""

INTERRUPTED: Final = 130
"""The exit status of a script that a signal ended, as shells have it for Ctrl-C."""

LARGEST_SCRIPT: Final = 1_000_000
"""Bytes of a script file; a larger one is refused."""


class BadScript(SipminiError):
    """A script that cannot be run.

    :ivar faults: a sentence for each line that is none, and how many there are beyond those.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        more = len(faults) - MOST_FAULTS
        self.faults = (*faults[:MOST_FAULTS], *([f"There are {more} more."] if more > 0 else []))
        super().__init__("\n".join(self.faults))


class Strictness(Enum):
    """Which failures end the console, with status 1."""

    EVERY = "a script: any line that fails"
    WAITS = "a pipe: a wait or an expect that fails; the rest is answered with a line of help"
    NONE = "a terminal: nothing"


@frozen
class Line:
    """A line of input: its text, its number, and its file (``None`` for standard input)."""

    text: str
    number: int = 0
    file: str | None = None


def read_script(path: Path) -> list[Line]:
    """The lines of a script, every one of them checked.

    :raises BadSetting: the file cannot be read.
    :raises BadScript: lines of it are no commands.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_SCRIPT + 1)
    except OSError as problem:
        raise BadSetting(
            f"the script cannot be read: {problem.strerror}", "name a file that can", str(path)
        ) from None
    if len(data) > LARGEST_SCRIPT:
        raise BadSetting(f"the script has more than {LARGEST_SCRIPT} bytes", "split it", str(path))
    lines: list[Line] = []
    faults: list[str] = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            line = Line(raw.decode("utf-8-sig" if number == 1 else "utf-8"), number, str(path))
            parse(line.text)
        except UnicodeDecodeError:
            faults.append(str(BadSetting("it is not UTF-8", "save the script as UTF-8", str(path), number)))
        except BadCommand as problem:
            faults.append(str(BadSetting(str(problem), "", str(path), number)))
        else:
            lines.append(line)
    if faults:
        raise BadScript(faults)
    return lines


class Runner:
    """Runs lines in their order; a line waits until the one before it is done.

    :param interpreter: carries the commands out.
    :param strictness: which failures end it.
    :param echo: whether the screen shows each command, as nobody saw it being typed.
    :param on_exit: called once, with the exit status, when the phone has left its call and its registrar.
    :ivar doing: the command that runs, ``leaving``, or nothing.
    :ivar on_change: called when a command begins and when a line is done with.
    """

    def __init__(
        self, interpreter: Interpreter, strictness: Strictness, echo: bool, on_exit: Callable[[int], None]
    ) -> None:
        self.doing = ""
        self.on_change: Callable[[], None] = lambda: None
        self._interpreter = interpreter
        self._strictness = strictness
        self._echo = echo
        self._on_exit = on_exit
        self._lines: deque[Line] = deque()
        self._more: Deferred[None] | None = None
        self._patience = PATIENCE
        self._status = 0
        self._started = self._ended = self._leaving = self._hurried = self._gone = False

    @property
    def backlog(self) -> int:
        """How many lines were taken and not begun."""
        return len(self._lines)

    def start(self) -> None:
        """Begin to run lines."""
        self._started = True
        Deferred.fromCoroutine(self._run()).addErrback(self._crashed)

    def take(self, line: Line) -> None:
        """Run this line after the ones before it.  After :meth:`end` it is forgotten."""
        if not self._ended:
            self._lines.append(line)
            self._wake()

    def end(self, patience: float = PATIENCE) -> None:
        """There are no more lines: leave, with status 0, when the ones that came are done.

        :param patience: seconds that the answers still due may take then.
        """
        self._patience = patience
        self._ended = True
        self._wake()

    def interrupt(self) -> bool:
        """Stop what is waited for and forget the lines behind it; while leaving, leave at once.

        Returns whether there was anything to stop.
        """
        if self._leaving:
            self._exit()
            return True
        busy = bool(self.doing)
        self._lines.clear()
        self._interpreter.stop()
        return busy

    def hurry(self) -> None:
        """A signal asks the phone to leave: do what ``exit`` does, now and in a few seconds at most.

        ``on_exit`` is called then; a script's status is that of an interruption. Again, it leaves at once.
        """
        if self._hurried or not self._started:
            self._exit()
            return
        self._hurried = self._ended = True
        self._lines.clear()
        self._interpreter.stop()
        self._wake()

    def close(self) -> None:
        """Stop at once and for good, without leaving: the reactor stops.  ``on_exit`` is not called then."""
        self._gone = self._ended = True
        self._lines.clear()
        self._interpreter.close()
        self._wake()

    def _wake(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            more.callback(None)

    async def _run(self) -> None:
        await self._run_lines()
        if self._gone:
            return
        self._ended = self._leaving = True
        self._lines.clear()
        self._do("leaving")
        if await self._leave():
            self._exit()

    async def _leave(self) -> bool:
        """Leave; returns whether that came to its end, rather than to that of the console."""
        try:
            if not self._hurried:
                await leave(self._interpreter, self._patience)
                return True
        except CancelledError:
            if not self._hurried or self._gone:
                return False
        try:
            await leave_in_haste(self._interpreter)
        except CancelledError:
            return False
        return True

    async def _run_lines(self) -> None:
        """Run lines to the last one, to ``exit``, or to one whose failure ends the console."""
        while True:
            while not self._lines and not self._ended:
                self._more = Deferred()
                await self._more
                # A wait looks back to the command before it, but not over the time that nobody said anything.
                self._interpreter.attention.fresh()
            if not self._lines:
                return
            line = self._lines.popleft()
            try:
                if await self._one(line):
                    self._patience = GRACE
                    return
            except CommandFailed as problem:
                self._failed(problem, line)
                return

    def _failed(self, problem: CommandFailed, line: Line) -> None:
        """A line's failure ends the console; one that comes of a signal is no fault of the line's."""
        if self._gone:
            return
        screen = self._interpreter.screen
        if not self._hurried:
            self._status, self._patience = 1, GRACE
            screen.failure(str(problem), line.file, line.number)
        elif self._strictness is Strictness.EVERY:
            self._status = INTERRUPTED
            screen.problem(f"{line.file or 'The script'}: interrupted at line {line.number}")

    async def _one(self, line: Line) -> bool:
        """Run a line; returns whether it is the last.  Raises the failures that end the console."""
        try:
            command = parse(line.text)
            if command is None:
                return False
            if self._echo:
                self._interpreter.screen.command(command.line)
            if command.verb.name == "exit":
                return True
            self._do(command.line)
            await self._interpreter.run(command)
        except (BadCommand, CommandFailed) as problem:
            if self._ends(problem):
                raise CommandFailed(str(problem)) from problem
            if not self._gone and not self._hurried:
                self._interpreter.screen.problem(str(problem))
        finally:
            self._do("")
        return False

    def _ends(self, problem: Exception) -> bool:
        if self._strictness is Strictness.WAITS:
            return isinstance(problem, WaitFailed)
        return self._strictness is Strictness.EVERY

    def _do(self, what: str) -> None:
        self.doing = what
        self.on_change()

    def _exit(self) -> None:
        if not self._gone:
            self.close()
            self._on_exit(self._status)

    def _crashed(self, failure: object) -> None:
        _log.error("The console failed: {failure}", failure=failure)
        self._status = 1
        self._exit()

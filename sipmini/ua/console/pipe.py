# test-case-name: tests.ua.console.test_pipe
"""The console on a pipe or a file: lines in, lines out, neither without bound.

:class:`Pipe` is a Twisted protocol, to be put on ``StandardIO`` or, in tests, on a transport in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from sipmini.ua.console.commands import LONGEST_LINE
from sipmini.ua.console.runner import Line, Runner

__all__ = ["Outlet", "Pipe"]

MOST_COMMANDS: Final = 100
"""Lines taken in and not yet run; the rest waits in the pipe."""

MOST_LINES: Final = 10_000
"""Lines kept for a reader that does not read; then the oldest are lost, and their number is told."""


class Transport(Protocol):
    """What this module needs of ``StandardIO``."""

    def write(self, data: bytes) -> None: ...

    def loseConnection(self) -> None: ...

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...


@implementer(IPushProducer)
class Outlet:
    """Lines on their way out, which wait here while there is no reader, or one that does not read.

    :ivar on_loss: told how many lines were lost, when the reader reads again.
    """

    def __init__(self) -> None:
        self.on_loss: Callable[[int], None] = lambda lost: None
        self._transport: Transport | None = None
        self._waiting: deque[bytes] = deque()
        self._open = self._dead = False
        self._lost = 0

    def connect(self, transport: Transport) -> None:
        """From now on lines go there."""
        self._transport = transport
        transport.registerProducer(self, True)
        self.resumeProducing()

    def write(self, line: str) -> None:
        """Send a line; its end is added."""
        if self._dead:
            return
        if len(self._waiting) == MOST_LINES:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(line.encode("utf-8", "backslashreplace") + b"\n")
        self._send()

    def finish(self) -> None:
        """Send what waits, whether or not anyone reads, and close the transport behind it."""
        if self._transport is not None:
            self._transport.unregisterProducer()
            self._open = True
            self._send()
            self._transport.loseConnection()

    def pauseProducing(self) -> None:
        """IPushProducer: the reader is behind."""
        self._open = False

    def resumeProducing(self) -> None:
        """IPushProducer: the reader has caught up."""
        self._open = True
        self._send()
        lost, self._lost = self._lost, 0
        if lost:
            self.on_loss(lost)

    def stopProducing(self) -> None:
        """IPushProducer: nobody will ever read; what is written from now on is dropped."""
        self._dead = True
        self._transport = None
        self._waiting.clear()

    def _send(self) -> None:
        while self._open and self._transport is not None and self._waiting:
            self._transport.write(self._waiting.popleft())


@implementer(IHalfCloseableProtocol)
class Pipe(TwistedProtocol):
    """Hands the lines that arrive to the runner, and the end of the input too.

    :param outlet: where the screen writes.
    :param runner: takes the lines; ``None`` if this console only speaks.
    """

    def __init__(self, outlet: Outlet, runner: Runner | None = None) -> None:
        self._outlet = outlet
        self._runner = runner
        self._buffer = b""
        self._number = 0
        self._paused = self._skipping = self._busy = self._input_ended = False
        self._deaf = False
        self._closed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        if self._runner is not None:
            self._runner.on_change = self._advance
        self._outlet.connect(cast(Transport, self.transport))

    def close(self) -> Deferred[None]:
        """Send what is left to send.  Fires when that is done; cancel it to give up."""
        if self._deaf:
            self._closed.callback(None)
        else:
            self._outlet.finish()
        return self._closed

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        self._advance()

    def readConnectionLost(self) -> None:
        """IHalfCloseableProtocol: the input ended."""
        self._input_ended = True
        self._advance()

    def writeConnectionLost(self) -> None:
        """IHalfCloseableProtocol: nobody reads the output any more.  The phone and the script go on."""
        self._deaf = True
        self._outlet.stopProducing()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._deaf = True
        self._outlet.stopProducing()
        if not self._closed.called:
            self._closed.callback(None)

    def _advance(self) -> None:
        """Hand lines over as long as the runner keeps up; called again whenever it has run one."""
        if self._busy or self._runner is None:
            return
        self._busy = True
        while self._runner.backlog < MOST_COMMANDS and self._cut(self._runner):
            pass
        self._busy = False
        self._flow(self._runner.backlog)

    def _flow(self, backlog: int) -> None:
        transport = cast(Transport, self.transport)
        if not self._paused and backlog >= MOST_COMMANDS:
            self._paused = True
            transport.pauseProducing()
        elif self._paused and backlog < MOST_COMMANDS // 2:
            self._paused = False
            transport.resumeProducing()

    def _cut(self, runner: Runner) -> bool:
        """Hand over one line of the buffer, or the end; returns whether there may be another."""
        line, found, rest = self._buffer.partition(b"\n")
        if found or (self._input_ended and line):
            self._buffer = rest
            self._take(runner, line)
            self._skipping = False
            return True
        if self._input_ended:
            runner.end()
        elif len(line) > 4 * LONGEST_LINE:
            # Longer than any line may be: it is answered now, and the rest of it skipped.
            self._take(runner, line)
            self._skipping = True
            self._buffer = b""
        return False

    def _take(self, runner: Runner, line: bytes) -> None:
        if not self._skipping:
            self._number += 1
            runner.take(Line(line.decode("utf-8", "replace"), self._number))

"""What the twistd commands share: plain words on the terminal, and a clean end when they cannot start."""

from __future__ import annotations

import gc
import sys
from typing import Any, NoReturn

from twisted.application.service import MultiService, Service
from twisted.logger import Logger

from sipmini.errors import SipminiError

_log = Logger()


def say(sentence: str) -> None:
    """Print a sentence for the person at the terminal, past twistd's log and its time stamps."""
    stream = sys.__stdout__
    if stream is not None:
        stream.write(sentence + "\n")
        stream.flush()


def say_and_log(sentence: str) -> None:
    """The same where the log is no terminal: in the background only the log is left to read it in."""
    say(sentence)
    _log.info("{sentence}", sentence=sentence)


def fail(command: str, error: SipminiError) -> NoReturn:
    """End the program with one sentence and exit status 1."""
    stream = sys.__stderr__
    if stream is not None:
        stream.write(f"{command}: {error}\n")
        stream.flush()
    raise SystemExit(1)


class Foreground(MultiService):
    """Starts one service, and ends the program with a sentence where that cannot start.

    In the *background* that sentence goes to the log, and the error to twistd, which tells the terminal.
    """

    def __init__(self, command: str, service: Service, background: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._command = command
        self._background = background
        service.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """As MultiService."""
        self._or_fail(super().privilegedStartService)

    def startService(self) -> None:
        """As MultiService."""
        self._or_fail(super().startService)
        _tune_garbage_collection()

    def _or_fail(self, start: Any) -> None:
        try:
            start()
        except SipminiError as error:
            if self._background:
                _log.critical("{command}: {error}", command=self._command, error=str(error))
                raise
            fail(self._command, error)


def _tune_garbage_collection() -> None:
    """Look for cyclic garbage less often, and never again among what start-up made.

    A call is a hundred small objects that live for half a minute; with Python's own thresholds
    a fifth of the processor's time goes into walking over them in vain.  What is over is in no
    circle (a test holds that), so the collector is there for accidents: it looks when half a
    million more objects were made than freed, some 50 MB.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 50)

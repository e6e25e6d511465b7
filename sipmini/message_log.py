"""The message log: each message that passed, with the time, in files that are rotated.

Writes ``STATE/log/NAME.log``.  What is written is what was on the wire, but for one
thing: the secrets of Authorization and Proxy-Authorization are replaced by ``[redacted]``.
Lines are gathered and written a few times a second, so that a message costs the log little.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path as FilePath
from time import gmtime, strftime
from typing import BinaryIO, Protocol

from sipmini.errors import StoreError
from sipmini.journal import Decided, Journal, Received, Sent

#: The field in a message, well-formed or not: whatever somebody may take for a line end is one here.
_CREDENTIALS = re.compile(
    rb"(?<![^\r\n])((?:proxy-)?authorization[ \t]*:)((?:[^\r\n]|\r?\n[ \t]|\r(?!\n))*)", re.IGNORECASE
)
_SECRET = re.compile(
    rb'((?:response|cnonce)\s*=\s*)("(?:[^"\\]|\\.)*(?:"|\Z)|[^\s,]+)', re.IGNORECASE | re.DOTALL
)
_SCHEME = re.compile(rb"\s*([a-z0-9-]+)\s", re.IGNORECASE)

#: How often what was gathered is written, in seconds, and the most entries that are gathered.
FLUSH_INTERVAL = 0.25
_MOST_GATHERED = 512


class DelayedCall(Protocol):
    """What of IDelayedCall is needed here."""

    def cancel(self) -> object: ...


class Clock(Protocol):
    """What of IReactorTime is needed here."""

    def callLater(self, delay: float, callable: Callable[..., object]) -> DelayedCall: ...


def redacted(data: bytes) -> bytes:
    """*data* with the secrets of its credentials replaced."""
    if b"uthorization" not in data and b"uthorization" not in data.lower():
        return data
    return _CREDENTIALS.sub(lambda match: match[1] + _without_secret(match[2]), data)


def _without_secret(value: bytes) -> bytes:
    scheme = _SCHEME.match(value)
    if scheme is not None and scheme[1].lower() == b"digest":
        return _SECRET.sub(rb"\1[redacted]", value)
    # Of any other scheme nothing is known but that the rest may be the secret itself.
    return b" [redacted]" if scheme is None else b" %s [redacted]" % scheme[1]


class MessageLog:
    """Writes what a journal records of messages and decisions into a file.

    :ivar path: the file that is written now; older ones have ``.1``, ``.2`` and so on behind it.
    """

    def __init__(
        self, directory: FilePath, name: str, clock: Clock, limit: int = 16 << 20, kept: int = 5
    ) -> None:
        """:param limit: at how many bytes a file is rotated.
        :param kept: how many rotated files stay.
        :raises StoreError: the directory or the file cannot be written.
        """
        self.path = directory / f"{name}.log"
        self._clock = clock
        self._limit = limit
        self._kept = kept
        self._gathered: list[Received | Sent | Decided] = []
        self._flush_due: DelayedCall | None = None
        self._second = 0
        self._stamp = ""
        self._file: BinaryIO | None = None
        self._size = 0
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise StoreError(
                f"{self.path}: the message log cannot be written ({error.strerror}); make the directory "
                "writable, or start with --no-message-log"
            ) from error

    def observe(self, journal: Journal) -> None:
        """Log what *journal* records from now on."""
        journal.observe(self._gather, Received, Sent, Decided)

    def close(self) -> None:
        """Write what was gathered, and close the file."""
        if self._flush_due is not None:
            self._flush_due.cancel()
            self._flush_due = None
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _gather(self, entry: Received | Sent | Decided) -> None:
        self._gathered.append(entry)
        if self._flush_due is None:
            self._flush_due = self._clock.callLater(FLUSH_INTERVAL, self._flush_by_clock)
        elif len(self._gathered) >= _MOST_GATHERED:
            self.flush()

    def _record(self, entry: Received | Sent | Decided) -> bytes:
        """The text of an entry."""
        at = self._time(entry.at)
        if isinstance(entry, Decided):
            about = "" if entry.message is None else f" on {_short(bytes(entry.message.start_line))}"
            line = f"{at} decided{about}: {_one_line(str(entry.reason))}\n\n"
            return line.encode("utf-8", "backslashreplace")
        what = "sent to" if isinstance(entry, Sent) else "received from"
        flow = entry.flow
        host, port = flow.remote
        head = f"{at} {what} {flow.transport} {host} port {port}\n"
        return b"%b%b\n\n" % (head.encode(), redacted(entry.data))

    def _time(self, at: float) -> str:
        second = int(at)
        if second != self._second:
            self._second = second
            self._stamp = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        return f"{self._stamp}.{int((at - second) * 1e6):06d}Z"

    def _flush_by_clock(self) -> None:
        self._flush_due = None
        self.flush()

    def flush(self) -> None:
        """Write what was gathered; a disk that is full costs the records, never the call."""
        gathered, self._gathered = self._gathered, []
        if not gathered or self._file is None:
            return
        data = b"".join(map(self._record, gathered))
        try:
            self._file.write(data)
            self._size += len(data)
            if self._size >= self._limit:
                self._rotate()
        except OSError:
            return

    def _open(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._size = self._file.tell()

    def _rotate(self) -> None:
        for number in range(self._kept, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        # The old file is closed last: where one of these steps fails, it is written on and they are
        # tried again.
        full = self._file
        self._open()
        if full is not None:
            full.close()


def _short(line: bytes) -> str:
    return _one_line(line[:80].decode("utf-8", "replace"))


def _one_line(text: str) -> str:
    return "".join([char if char.isprintable() else "?" for char in text])

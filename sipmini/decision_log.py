"""Each decision of an element, as a line of Twisted's log."""

from __future__ import annotations

from twisted.logger import Logger

from sipmini.journal import Decided

_log = Logger()


def log_decision(entry: Decided) -> None:
    """Log the reason, what it was applied to and where that came from; observe a journal with it."""
    about = "" if entry.message is None else entry.message.start_line[:80].decode("utf-8", "replace")
    _log.info(
        "{reason}{about}{origin}",
        reason=_printable(str(entry.reason)),
        about=f" on {_printable(about)}" if about else "",
        origin="" if entry.flow is None else f" from {entry.flow}",
    )


def _printable(text: str) -> str:
    return "".join([char if char.isprintable() else "?" for char in text])
